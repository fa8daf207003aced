#!/usr/bin/env python3
"""test_program.py VITRINE [COUNT_FILE]: the program as a user and as a script meet it.

Trains on a small made-up data set (two hundred pictures of bars in ten directions), so that a run takes
a second. Ends with "N passed, N failed, N skipped". Not here: accuracy on real data (make demo), speed.
"""
import ast
import glob
import json
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zlib

VITRINE = os.path.abspath(sys.argv[1])
MODEL = "vit_d32_l2_h2_patch4_12_gray"
TRAIN = ["--model", MODEL, "--batch", "16", "--lr", "2e-3", "--shift", "1", "--flip", "0.5",
         "--label-smoothing", "0.1", "--drop-path", "0.1", "--dropout", "0.1", "--clip-norm", "1", "--ema", "0.9",
         "--accumulate", "2", "--seed", "3", "--mixup", "0.4", "--cutmix", "1", "--mix-mode", "elem",
         "--mix-probability", "0.7", "--erase", "0.3"]


def run(*args, env=None, status=0, **kwargs):
    done = subprocess.run([VITRINE, *map(str, args)], capture_output=True, text=True, timeout=300,
                          env={**os.environ, **(env or {})}, **kwargs)
    assert done.returncode == status, f"{args}: status {done.returncode}, wanted {status}\n{done.stdout}{done.stderr}"
    return done


def refused(*args, status, says, **kwargs):
    """The command fails with this status and one line on standard error that holds `says`."""
    done = run(*args, status=status, **kwargs)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, f"{args}: {len(lines)} lines on standard error:\n{done.stderr}"
    assert says in lines[0], f"{args}: '{says}' is not in: {lines[0]}"
    return lines[0]


def read(path):
    with open(path, "rb") as f:
        return f.read()


def idx_bytes(shape, values):
    return bytes([0, 0, 8, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape) + bytes(values)


def make_data(folder, train=240, test=60, size=12):
    """Bars through the middle, in a direction that is the class, with noise."""
    os.makedirs(folder, exist_ok=True)
    rng = random.Random(1)
    for prefix, count in (("train", train), ("t10k", test)):
        pixels, labels = bytearray(), bytearray()
        for i in range(count):
            label = i % 10
            dx, dy = [(1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, 2), (2, -1), (1, -2), (3, 1), (3, -1)][label]
            for y in range(size):
                for x in range(size):
                    distance = abs((x - size / 2 + .5) * dy - (y - size / 2 + .5) * dx) / (dx * dx + dy * dy) ** .5
                    pixels.append(max(0, min(255, int(230 - 150 * distance + rng.gauss(0, 20)))))
            labels.append(label)
        with open(f"{folder}/{prefix}-images-idx3-ubyte", "wb") as f:
            f.write(idx_bytes([count, size, size], pixels))
        with open(f"{folder}/{prefix}-labels-idx1-ubyte", "wb") as f:
            f.write(idx_bytes([count], labels))


def png_bytes(width, height, rgb):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    row = b"\0" + bytes(rgb) * width
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b""))


def train(out, *extra, data="data", **kwargs):
    return run("train", "--data", f"idx:{data}", *TRAIN, "--epochs", 3, "--out", out, "--quiet", *extra, **kwargs)


# --- what a user does ----------------------------------------------------------------------------

def test_help_and_version():
    assert "train" in run("--help").stdout
    assert run("--version").stdout.startswith("vitrine 0.")
    for command in ("train", "eval", "classify", "features", "inspect", "visualize", "bench"):
        assert "--threads" in run(command, "--help").stdout or command in ("visualize", "bench")


def test_train_eval_classify():
    done = run("train", "--data", "idx:data", *TRAIN, "--epochs", "40", "--out", "first", "--json")
    result = json.loads(done.stdout)
    assert result["top1"] > 0.5, result
    for name in ("config.json", "checkpoint.safetensors", "model.safetensors", "metrics.jsonl", "curves.png",
                 "confusion.png"):
        assert os.path.getsize(f"first/{name}") > 0
    assert json.loads(run("eval", "--model", "first", "--data", "idx:data", "--json").stdout) == result
    with open("grey.png", "wb") as f:
        f.write(png_bytes(30, 20, (128, 128, 128)))
    guesses = json.loads(run("classify", "--model", "first", "--json", "grey.png").stdout)
    assert guesses[0]["file"] == "grey.png" and len(guesses[0]["top"]) == 3
    assert abs(sum(g["probability"] for g in json.loads(
        run("classify", "--model", "first", "--top", "10", "--json", "grey.png").stdout)[0]["top"]) - 1) < 1e-5
    for line in open("first/metrics.jsonl"):
        assert {"epoch", "step"} <= json.loads(line).keys()


def test_shipped_model():
    if not os.path.exists(os.path.join(os.path.dirname(VITRINE), "../models/pretrained/fashion_vit.safetensors")):
        raise Skip("the program does not lie beside a checkout")
    with open("black.png", "wb") as f:
        f.write(png_bytes(28, 28, (0, 0, 0)))
    assert "%" in run("classify", "black.png").stdout
    described = json.loads(run("inspect", "--json").stdout)
    assert len(described["labels"]) == 10


def test_networks_of_convolutions():
    hybrid = {"kind": "hybrid", "img_size": 12, "in_chans": 1, "patch_size": 1, "embed_dim": 32, "depth": 2, "num_heads": 2,
              "num_classes": 10, "backbone": {"layers": [], "channels": [], "stem_chs": 16, "groups": 4}}
    with open("hybrid.json", "w") as f:
        json.dump(hybrid, f)
    for name in ("hybrid.json", "resnet18_12_gray_c10"):
        out = f"network-{name}"
        run("train", "--data", "idx:data", "--model", name, "--epochs", 1, "--batch", 50, "--ema", 0.5, "--seed", 1,
            "--validation", 0.2, "--out", out, "--quiet")
        result = json.loads(run("eval", "--model", out, "--data", "idx:data", "--json").stdout)
        assert result["images"] == 60 and result["loss"] < 3, result
        refused = run("visualize", "rollout", "--model", out, "grey.png", "--out", "r.png",
                      status=0 if "hybrid" in name else 2)
        assert "hybrid" in name or "vision transformer" in refused.stderr
    described = json.loads(run("inspect", "resnet50", "--json").stdout)
    assert described["parameters"] == 25557032 and described["config"]["kind"] == "resnet"


def test_fine_tuning():
    shutil.copy("first/model.safetensors", "weights.safetensors")
    start = ["train", "--data", "idx:data", "--init", "weights.safetensors", "--batch", 50, "--quiet", "--seed", 3]
    # A new head on frozen features learns at once what they already tell apart.
    run(*start, "--epochs", 8, "--lr", 0.02, "--freeze", "blocks.*", "norm.*", "patch_embed.*", "cls_token", "pos_embed",
        "--out", "tuned")
    result = json.loads(run("eval", "--model", "tuned", "--data", "idx:data", "--json").stdout)
    assert result["top1"] > 0.4, result
    # At another size, and without the weights once they were read.
    run(*start, "--epochs", 2, "--image-size", 18, "--out", "larger")
    described = json.loads(run("inspect", "larger", "--json").stdout)
    assert described["config"]["img_size"] == [18, 18] and described["preprocess"]["input_size"] == [1, 18, 18]
    run(*start, "--epochs", 2, "--image-size", 18, "--checkpoint-steps", 1, "--out", "again", status=0)
    os.remove("weights.safetensors")
    assert run("train", "--out", "again", "--resume", "--json").stdout
    for name in ("checkpoint.safetensors", "model.safetensors"):
        assert open(f"larger/{name}", "rb").read() == open(f"again/{name}", "rb").read(), name
    refused("train", "--data", "idx:data", "--init", "first", "--model", "vit_d16_l1_h1_patch4_12_gray", "--out", "x",
            status=1, says="wanted")
    refused("train", "--data", "idx:data", "--init", "nowhere", "--out", "x", status=2, says="nowhere")


def test_inspect():
    described = json.loads(run("inspect", "vit_base_patch16_224", "--json").stdout)
    assert described["parameters"] == 86567656 and described["macs"] == 17563828224
    assert "86567656 parameters" in run("inspect", "vit_base_patch16_224").stdout
    assert json.loads(run("inspect", "first", "--json").stdout)["config"]["embed_dim"] == 32


def test_convert():
    """To Hugging Face and back: the same weights, and the same answers on the way."""
    with open("labels.txt", "w") as f:
        f.write("".join(f"direction {i}\n" for i in range(10)))
    run("convert", "first", "hf", "--labels", "labels.txt")
    config = json.loads(read("hf/config.json"))
    assert config["model_type"] == "vit" and config["id2label"]["3"] == "direction 3"
    there = run("eval", "--model", "hf", "--data", "idx:data", "--json")
    assert there.stdout == run("eval", "--model", "first", "--data", "idx:data", "--json").stdout
    assert "config.json (Hugging Face vit)" in there.stderr and "preprocessor_config.json" in there.stderr
    assert run("eval", "--model", "hf", "--data", "idx:data", "--json", "--quiet").stderr == ""
    run("convert", "hf", "back.safetensors")
    run("convert", "back.safetensors", "hf-again")
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        assert read(f"hf/{name}") == read(f"hf-again/{name}"), name
    named = json.loads(run("classify", "--model", "first", "--labels", "labels.txt", "--json", "grey.png").stdout)
    assert named[0]["top"][0]["label"].startswith("direction ")
    with open("few.txt", "w") as f:
        f.write("one\n")
    refused("classify", "--model", "first", "--labels", "few.txt", "grey.png", status=2, says="1 lines for 10")
    refused("convert", "nowhere", "x", status=2, says="nowhere")
    with open("page.pth", "w") as f:
        f.write("<html>")
    refused("convert", "page.pth", "x", status=1, says="page.pth: bad_magic")
    assert not os.path.exists("x")


def npy(path):
    """A version 1.0 file of NumPy: (dtype, shape, numbers)."""
    content = read(path)
    assert content[:8] == b"\x93NUMPY\x01\x00", content[:8]
    end = 10 + struct.unpack("<H", content[8:10])[0]
    header = ast.literal_eval(content[10:end].decode())
    kind = {"<f4": "f", "<i8": "q"}[header["descr"]]
    return header["shape"], struct.unpack(f"<{(len(content) - end) // struct.calcsize(kind)}{kind}", content[end:])


def test_features():
    done = run("features", "--model", "first", "--data", "idx:data", "--out", "all.npy", "--knn", "--linear-probe",
               "--json")
    result = json.loads(done.stdout)
    assert (result["images"], result["features"], result["train"]) == (300, 32, 240), result
    assert result["knn"]["k"] == 20 and result["knn"]["top1"] > 0.5 and result["knn"]["top5"] >= result["knn"]["top1"]
    assert result["linear_probe"]["top1"] > 0.5 and 1e-6 <= result["linear_probe"]["ridge"] <= 10
    shape, numbers = npy("all.npy")
    assert shape == (300, 32) and len(numbers) == 300 * 32
    assert npy("all.labels.npy") == ((300,), tuple(i % 10 for i in [*range(240), *range(60)]))
    described = json.loads(read("all.json"))
    assert described["train"] == 240 and len(described["classes"]) == 10 and "files" not in described
    run("features", "--model", "first", "--data", "idx:data", "--split", "test", "--out", "test.npy", "--threads", 2)
    assert npy("test.npy")[1] == numbers[240 * 32:]
    text = run("features", "--model", "first", "--data", "idx:data", "--knn", 3).stdout
    assert "k-NN, k 3" in text and "60 images" in text

    for i in range(40):
        os.makedirs(f"folder/{'dark' if i % 2 else 'light'}", exist_ok=True)
        with open(f"folder/{'dark' if i % 2 else 'light'}/{i}.png", "wb") as f:
            f.write(png_bytes(12, 12, (i, i, i) if i % 2 else (255 - i, 255 - i, 200)))
    result = json.loads(run("features", "--model", "first", "--data", "folder:folder", "--knn", 5, "--linear-probe",
                            "--out", "folder.safetensors", "--json").stdout)
    assert result["train"] == 36 and result["knn"]["top1"] == 1 and result["linear_probe"]["top1"] == 1, result
    header = json.loads(read("folder.safetensors")[8:8 + struct.unpack("<Q", read("folder.safetensors")[:8])[0]])
    files = json.loads(header["__metadata__"]["files"])
    assert len(files) == 40 and all(f.startswith("folder/") for f in files)
    assert json.loads(header["__metadata__"]["classes"]) == ["dark", "light"]
    run("features", "--model", "first", "folder/dark/1.png", "folder/light/0.png", "--out", "two.safetensors")

    first = ["features", "--model", "first"]
    refused(*first, "--out", "x.npy", status=2, says="--data or pictures")
    refused(*first, "--data", "idx:data", status=2, says="--out, --knn or --linear-probe")
    refused(*first, "--data", "idx:data", "--out", "x.csv", status=2, says="x.csv")
    refused(*first, "--data", "idx:data", "--split", "test", "--knn", status=2, says="--split all")
    refused(*first, "grey.png", "--linear-probe", status=2, says="--data")
    refused(*first, "nothing.png", "--out", "x.npy", "--quiet", status=1, says="nothing.png")
    refused(*first, "--data", "idx:data", "--knn", 0, status=2, says="--knn")
    assert not glob.glob("x*")


def test_visualize():
    run("visualize", "position", "--model", "first", "--out", "position.png")
    run("visualize", "attention", "--model", "first", "--out", "attention.png", "grey.png")
    run("visualize", "rollout", "--model", "first", "--out", "rollout.png", "grey.png", "grey.png")
    run("visualize", "curves", "--run", "first", "--out", "curves.png")
    run("visualize", "samples", "--model", "first", "--data", "idx:data", "--count", "4", "--out", "samples")
    pictures = ["position.png", "attention.png", "rollout.png", "curves.png", *glob.glob("samples/*.png")]
    assert len(pictures) == 9
    for picture in pictures:
        assert read(picture).startswith(b"\x89PNG"), picture


def test_bench():
    for kind in ("model", "train"):
        result = json.loads(run("bench", kind, "--model", MODEL, "--batch", 2, "--seconds", 0.05, "--json").stdout)
        assert {"ms_best", "ms_median", "gflops", "peak_gflops", "peak_rss_mib", "first_answer_s"} <= result.keys()
        assert 0 < result["gflops"] < result["peak_gflops"] and result["ms_best"] <= result["ms_median"]


# --- the promises --------------------------------------------------------------------------------

def test_same_bits_for_any_number_of_threads_and_workers():
    train("one", "--threads", 1, "--workers", 0)
    train("three", "--threads", 3, "--workers", 2)
    for name in ("checkpoint.safetensors", "model.safetensors"):
        assert read(f"one/{name}") == read(f"three/{name}"), name


def test_killed_and_resumed_run_equals_the_uninterrupted_one():
    if not os.path.exists("one"):
        train("one", "--threads", 1)
    rng = random.Random(2)
    for attempt in range(4):
        out = f"killed{attempt}"
        command = [VITRINE, "train", "--data", "idx:data", *TRAIN, "--epochs", "3", "--out", out, "--quiet", "--resume",
                   "--checkpoint-steps", "3"]
        for _ in range(3):
            process = subprocess.Popen(command)
            time.sleep(rng.uniform(0.02, 0.4))
            process.send_signal(signal.SIGKILL)
            process.wait()
        run(*command[1:], "--threads", 1 + attempt % 2)
        for name in ("checkpoint.safetensors", "model.safetensors"):
            assert read(f"{out}/{name}") == read(f"one/{name}"), (attempt, name)
        left = [f for f in os.listdir(out) if f.startswith(".") or f.endswith(".tmp")]
        assert not left, left


def test_start_over_what_never_reached_a_checkpoint():
    os.makedirs("early")
    with open("early/metrics.jsonl", "w") as f:
        f.write("a line of the run that was killed\n")
    train("early", "--resume")
    assert read("early/checkpoint.safetensors") == read("one/checkpoint.safetensors")
    assert all("step" in json.loads(line) for line in open("early/metrics.jsonl"))


def test_interrupt_writes_a_checkpoint():
    command = [VITRINE, "train", "--data", "idx:data", *TRAIN, "--epochs", "2000", "--out", "interrupted"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not os.path.exists("interrupted/checkpoint.safetensors"):
        assert process.poll() is None
        time.sleep(0.02)
    before = read("interrupted/checkpoint.safetensors")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "--resume" in err, (process.returncode, err)
    assert read("interrupted/checkpoint.safetensors") != before
    refused("train", "--out", "interrupted", "--resume", "--lr", "0.5", status=2, says="lr")


def test_every_isa_is_really_used():
    isas = run("--version").stdout.splitlines()[1].split()[1:]
    for isa in isas:
        result = json.loads(run("bench", "model", "--model", MODEL, "--seconds", 0.01, "--json",
                                env={"VITRINE_ISA": isa}).stdout)
        assert result["isa"] == isa
        assert json.loads(run("bench", "model", "--model", MODEL, "--seconds", 0.01, "--json", "--isa", "reference",
                              env={"VITRINE_ISA": isa}).stdout)["isa"] == "reference"


# --- what goes wrong -----------------------------------------------------------------------------

def test_wrong_usage():
    refused("frobnicate", status=2, says="frobnicate")
    refused("train", status=2, says="--out")
    refused("eval", "--batch", "0", status=2, says="--batch")
    refused("eval", "--modle", "x", status=2, says="--modle")
    refused("train", "--data", "idx:data", "--model", "vit_nonsense", "--out", "x", status=2, says="vit_nonsense")
    refused("train", "--data", "nonsense", "--out", "x", status=2, says="nonsense")
    refused("train", "--data", "idx:data", "--lr", "-1", "--out", "x", status=2, says="--lr")
    refused("eval", "--isa", "mmx", status=2, says="mmx")
    refused("inspect", "vit_base_patch16_22x", status=2, says="vit_base_patch16_22x")
    foreign = "neon64" if os.uname().machine == "x86_64" else "avx2"
    refused("eval", "--model", "first", "--data", "idx:data", status=2, says=foreign, env={"VITRINE_ISA": foreign})
    refused("train", "--data", "idx:data", *TRAIN, "--out", "first", status=2, says="--resume")
    assert not os.path.exists("x")


def test_missing_and_malformed_files():
    refused("eval", "--model", "nowhere", "--data", "idx:data", status=2, says="nowhere")
    refused("eval", "--model", "first", "--data", "idx:nowhere", status=1, says="nowhere")
    refused("classify", "--model", "first", "nothing.png", status=1, says="nothing.png")
    with open("text.png", "w") as f:
        f.write("not a picture")
    refused("classify", "--model", "first", "text.png", status=1, says="text.png")
    checkpoint = read("first/model.safetensors")
    for n in (0, 7, 8, 100, len(checkpoint) // 2, len(checkpoint) - 1):
        with open("cut.safetensors", "wb") as f:
            f.write(checkpoint[:n])
        refused("eval", "--model", "cut.safetensors", "--data", "idx:data", status=1, says="cut.safetensors")
    shutil.copytree("data", "cut")
    images = read("data/train-images-idx3-ubyte")
    with open("cut/train-images-idx3-ubyte", "wb") as f:
        f.write(images[:-7])
    refused("train", "--data", "idx:cut", *TRAIN, "--out", "y", status=1, says="cut/train-images-idx3-ubyte")
    assert not os.path.exists("y")


def test_checkpoint_of_another_shape():
    """The metadata promise a wider network than the tensors are."""
    content = read("first/model.safetensors")
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + length])
    for key, value, says in (("embed_dim", 64, "holds"), ("depth", 1, "extra"), ("num_classes", 9, "9")):
        config = json.loads(header["__metadata__"]["vitrine.config"])
        config[key] = value
        changed = json.loads(json.dumps(header))
        changed["__metadata__"]["vitrine.config"] = json.dumps(config)
        text = json.dumps(changed).encode()
        with open("other.safetensors", "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text + content[8 + length:])
        refused("eval", "--model", "other.safetensors", "--data", "idx:data", status=1, says=says)
    header["__metadata__"]["vitrine.format"] = "2"
    text = json.dumps(header).encode()
    with open("newer.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + content[8 + length:])
    refused("eval", "--model", "newer.safetensors", "--data", "idx:data", status=1, says="newer")


def small_files_only():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))


def test_full_disk():
    refused("train", "--data", "idx:data", *TRAIN, "--out", "full", "--quiet", status=1, says="full/",
            preexec_fn=small_files_only)
    assert not [f for f in os.listdir("full") if f.endswith(".safetensors")], os.listdir("full")
    with open("/dev/full", "w") as full:
        done = subprocess.run([VITRINE, "inspect", "first"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
    if os.geteuid() != 0:
        raise Skip("mounting a small tmpfs needs root")
    os.makedirs("tmpfs", exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "tmpfs"], capture_output=True).returncode:
        raise Skip("no permission to mount a tmpfs")
    try:
        refused("train", "--data", "idx:data", *TRAIN, "--out", "tmpfs/run", "--quiet", status=1, says="No space left")
        assert not glob.glob("tmpfs/run/*.safetensors*") and not glob.glob("tmpfs/run/.*")
    finally:
        subprocess.run(["umount", "tmpfs"], check=True)


def test_lists_and_bad_pictures():
    os.makedirs("listed", exist_ok=True)
    with open("listed/all.csv", "w") as f:
        for i in range(60):
            with open(f"listed/{i}.png", "wb") as picture:
                picture.write(png_bytes(12, 12, (4 * i, 90, 250 if i % 2 else 5)) if i not in (7, 30) else b"no picture")
            f.write(f"{i}.png,{'blue' if i % 2 else 'red'}\n")
    options = ["--data", "csv:listed/all.csv", "--model", "vit_d32_l1_h2_patch4_12", "--batch", 10, "--epochs", 2,
               "--validation", "0.2", "--mixup", "0.2", "--flip", "0.5"]
    refused("train", *options, "--out", "failing", "--quiet", status=1, says=".png")
    options += ["--bad-pictures", "skip"]
    done = run("train", *options, "--out", "skipping")
    bad = len([line for line in done.stderr.splitlines() if "listed/" in line])
    assert bad in (1, 2) and f"{bad} of the training pictures are left out" in done.stderr, done.stderr
    assert f"{bad} training pictures were left out" in done.stdout
    lines = [json.loads(line) for line in open("skipping/metrics.jsonl")]
    assert [line["bad_pictures"] for line in lines if "validation_top1" in line] == [bad, bad]
    for i in range(8, 20):
        os.remove(f"listed/{i}.png")
    refused("train", *options, "--out", "skipping", "--resume", "--quiet", status=1, says="pictures, now there are")


def test_recipes():
    if not os.path.exists(os.path.join(os.path.dirname(VITRINE), "../apps/recipes")):
        raise Skip("the program does not lie beside a checkout")
    assert "deit_small" in run("train", "--help").stdout
    refused("train", "--recipe", "deit_smal", "--out", "recipe", status=2, says="did you mean deit_small?")
    refused("train", "--recipe", "deit_small", "--out", "recipe", status=2, says="--data")
    tiny = ["--recipe", "deit_small", "--data", "idx:data", "--model", MODEL, "--epochs", 1, "--accumulate", 2,
            "--batch", 50, "--set", "warmup_epochs=0.5", "--set", "augment.flip=0.25", "--quiet"]
    refused("train", *tiny, "--set", "augment.flop=1", "--out", "recipe", status=2, says="did you mean 'flip'?")
    refused("train", *tiny, "--set", "flip=1", "--out", "recipe", status=2, says="unknown key 'flip'")
    run("train", *tiny, "--lr", "5e-4", "--set", "lr=1e-4", "--out", "recipe")  # two steps
    config = json.load(open("recipe/config.json"))
    assert config["lr"] == 5e-4 and config["warmup_epochs"] == 0.5, config  # a flag wins over --set
    assert config["augment"]["flip"] == 0.25 and config["augment"]["auto_augment"] == "rand-m9-mstd0.5-inc1"
    assert config["mixup"] == 0.8 and config["model"] == MODEL and config["loss"] == "softmax"
    run("train", *tiny, "--lr", "5e-4", "--out", "recipe", "--resume")  # done already, and the same options
    refused("train", *tiny, "--out", "recipe", "--resume", status=2, says="lr")
    with open("recipe.json", "w") as f:
        json.dump({"options": {**config, "loss": "bce", "head_bias": -2}}, f)
    run("train", "--recipe", "recipe.json", "--out", "other", "--quiet")
    assert json.load(open("other/config.json"))["loss"] == "bce"


class Skip(Exception):
    pass


def main():
    passed = failed = skipped = 0
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_data("data")
        for name, test in [(n, t) for n, t in globals().items() if n.startswith("test_")]:
            begin = time.time()
            try:
                test()
                passed += 1
                print(f"program  {name[5:].replace('_', ' ')}  {time.time() - begin:.1f} s")
            except Skip as reason:
                skipped += 1
                print(f"program  {name[5:].replace('_', ' ')}  partly skipped: {reason}")
            except Exception:
                failed += 1
                print(f"program  {name[5:].replace('_', ' ')}  FAILED")
                traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
        os.chdir(home)
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w") as f:
            f.write(f"{passed} {failed} {skipped}\n")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(0 if failed == 0 or len(sys.argv) > 2 else 1)


main()
