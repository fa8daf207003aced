"""Files that mean harm, or that bad luck has made: depth, size, time, what they write on a terminal, pipes, changes
while they are read. The program says in one line what is wrong, and takes little memory and time for it."""
import json
import os
import re

import shutil
import struct
import subprocess
import threading
import zipfile
import zlib

from program import MODEL, VITRINE, png_bytes, read, refused, run, safetensors, train

SANITIZED = any(f"/{mode}/" in VITRINE for mode in ("asan", "ubsan", "tsan"))
SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../models/pretrained/fashion_vit.safetensors")
# What terminals obey, what turns text round, what ends a line.
CONTROLS = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
RUDE = "a\x1b[2J\x07\x7fb\u009b31m\u202ec\u2066d\u061c\ne"


def shipped_with(path, change):
    """The shipped model with other metadata."""
    whole = read(SHIPPED)
    size = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8:8 + size])
    change(header["__metadata__"])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + whole[8 + size:])


def costs(*args):
    """Seconds of CPU and bytes of memory of a command, whatever it says."""
    process = subprocess.Popen([VITRINE, *map(str, args)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 1, 2), f"{args}: ended with {process.returncode}"
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10


def check_memory(bytes_used, file, times=128, free=96 << 20):
    if not SANITIZED:
        assert bytes_used <= times * os.path.getsize(file) + free, f"{file}: {bytes_used >> 20} MiB"


def picture():
    if not os.path.exists("plain.png"):
        with open("plain.png", "wb") as f:
            f.write(png_bytes(28, 28, (90, 90, 90)))
    return "plain.png"


def test_nested_json_is_refused():
    deep = "[" * 200_000 + "]" * 200_000
    os.makedirs("deep", exist_ok=True)
    shutil.copy(SHIPPED, "deep/model.safetensors")
    with open("deep.json", "w") as f:
        f.write('{"depth": ' + deep + "}")
    refused("inspect", "deep.json", status=2, says="deep.json")
    refused("train", "--recipe", "deep.json", "--out", "deep/run", status=1, says="deep.json")
    for key in ("vitrine.config", "vitrine.preprocess", "vitrine.labels"):
        shipped_with("deep/model.safetensors", lambda m, key=key: m.update({key: '{"backbone": ' + deep + "}"}))
        refused("inspect", "deep", status=1, says="more than 64 deep")
    norm = {f"blocks.0.norm1.{part}": ("F32", [64], bytes(256)) for part in ("weight", "bias")}
    safetensors("deep/model.safetensors", {**norm, "patch_embed.proj.weight": ("F32", [64, 3, 1, 1], bytes(768))})
    for text in ('{"architecture": "vit_tiny_patch16_224", "pretrained_cfg": ' + deep + "}",
                 '{"model_type": "vit", "x": ' + deep + "}"):
        with open("deep/config.json", "w") as f:
            f.write(text)
        refused("inspect", "deep", status=1, says="config.json")


def test_time_grows_with_the_number_of_names_and_no_faster():
    for count, name in ((50_000, "blocks.{}.norm1.weight"), (50_000, "stages.0.blocks.{}.conv1.weight"),
                        (50_000, "layer1.{}.conv1.weight")):
        tensors = {name.format(i): ("F32", [1], bytes(4)) for i in range(count)}
        tensors["patch_embed.proj.weight"] = ("F32", [64, 3, 1, 1], bytes(768))
        safetensors("names.safetensors", tensors)
        # Comparing each with each takes half a minute on a fast machine.
        seconds, memory = costs("inspect", "names.safetensors")
        assert seconds < 8 or SANITIZED, f"{name}: {seconds} s"
        check_memory(memory, "names.safetensors")


def test_pickles_take_little_memory():
    def pth(path, pickle, members=()):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("archive/data.pkl", pickle)
            z.writestr("archive/version", "3\n")
            for name, content in members:
                z.writestr(f"archive/data/{name}", content)

    def text(s):
        return b"X" + struct.pack("<I", len(s)) + s.encode()

    for filler in (b"\x94", b"}", b"(", b"}\x94", b"N\x85"):  # remembered, made, marked; both; in tuples
        pth("bomb.pth", b"\x80\x04}" + filler * ((16 << 20) // len(filler)) + b".")
        check_memory(costs("inspect", "bomb.pth")[1], "bomb.pth")

    # Every tensor is a view of the same zeros.
    def tensor(*shape):
        count, strides, step = 1, [], 1
        for n in reversed(shape):
            strides.insert(0, step)
            step *= n
        count = step
        numbers = lambda values: b"(" + b"".join(b"J" + struct.pack("<i", v) for v in values) + b"t"
        return (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + b"ctorch\nFloatStorage\n" + text("0")
                + text("cpu") + b"J" + struct.pack("<i", 1 << 20) + b"tQK\0" + numbers(shape) + numbers(strides) + b"\x89}tR"), count

    width, depth = 512, 200
    shapes = {"cls_token": (1, 1, width), "pos_embed": (1, 50, width), "patch_embed.proj.weight": (width, 3, 2, 2),
              "patch_embed.proj.bias": (width,), "norm.weight": (width,), "norm.bias": (width,)}
    for i in range(depth):
        for name, shape in {"norm1.weight": (width,), "norm1.bias": (width,), "norm2.weight": (width,),
                            "norm2.bias": (width,), "attn.qkv.weight": (3 * width, width), "attn.qkv.bias": (3 * width,),
                            "attn.proj.weight": (width, width), "attn.proj.bias": (width,),
                            "mlp.fc1.weight": (2 * width, width), "mlp.fc1.bias": (2 * width,),
                            "mlp.fc2.weight": (width, 2 * width), "mlp.fc2.bias": (width,)}.items():
            shapes[f"blocks.{i}.{name}"] = shape
    items = b"".join(text(name) + tensor(*shape)[0] for name, shape in shapes.items())
    pth("bomb.pth", b"\x80\x02}(" + items + b"u.", [("0", bytes(4 << 20))])
    refused("inspect", "bomb.pth", status=1, says="far more than")
    check_memory(costs("inspect", "bomb.pth")[1], "bomb.pth")


def test_pictures_take_little_memory():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    side = 13_000
    row = bytes(1 + (side + 7) // 8)
    with open("bits.png", "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 3, 0, 0, 0))
                + chunk(b"PLTE", b"\1\2\3") + chunk(b"IDAT", zlib.compress(row * side, 9)) + chunk(b"IEND", b""))
    refused("classify", "bits.png", status=1, says="bits.png: too_large")
    check_memory(costs("classify", "bits.png")[1], "bits.png", times=1024)
    # A hole of a gigabyte, and what says that it is a picture of one.
    for name, start in (("junk.png", b"junk"), ("more.png", b"\x89PNG\r\n\x1a\n")):
        with open(name, "wb") as f:
            f.write(start)
            f.truncate((1 << 30) if name == "junk.png" else (1 << 40))
        refused("classify", name, status=1, says=name)
        if not SANITIZED:
            assert costs("classify", name)[1] < 96 << 20
        os.remove(name)


def test_text_of_files_never_rules_the_terminal():
    def check(done):
        found = CONTROLS.search(done.stdout + done.stderr)
        assert not found, repr((done.stdout + done.stderr)[max(0, found.start() - 40):found.end() + 20])

    def labels(metadata):
        metadata["vitrine.labels"] = json.dumps([f"{RUDE}{i}" for i in range(10)])
    shipped_with("rude.safetensors", labels)
    for flags in ([], ["--csv"], ["--json"]):
        done = run("classify", "--model", "rude.safetensors", picture(), *flags)
        check(done)
        assert len(done.stdout.splitlines()) == (4 if "--csv" in flags else 1), done.stdout
    assert json.loads(done.stdout)[0]["top"][0]["label"].startswith(RUDE)
    done = run("inspect", "rude.safetensors", "--json")
    check(done)
    assert json.loads(done.stdout)["labels"][3] == RUDE + "3"
    shipped_with("rude.safetensors", lambda m: m.update({"vitrine.format": RUDE}))
    check(run("inspect", "rude.safetensors", status=1))
    check(run("inspect", "none" + RUDE.replace("\n", ""), status=2))
    check(run("classify", RUDE, status=1))
    check(run(RUDE, status=2))
    check(run("classify", "--" + RUDE, status=2))
    check(run("train", "--set", f"{RUDE}=1", "--out", "rude", status=2))
    # Notes: where the weights lie in a file.
    prefix = RUDE + "."
    os.makedirs("rude_folder", exist_ok=True)
    safetensors("rude_folder/model.safetensors", {
        f"{prefix}{name}": ("F32", shape, bytes(4 * size)) for name, shape, size in (
            ("cls_token", [1, 1, 64], 64), ("pos_embed", [1, 5, 64], 320), ("patch_embed.proj.weight", [64, 3, 4, 4], 3072),
            ("patch_embed.proj.bias", [64], 64), ("norm.weight", [64], 64), ("norm.bias", [64], 64),
            ("blocks.0.norm1.weight", [64], 64), ("blocks.0.norm1.bias", [64], 64), ("blocks.0.norm2.weight", [64], 64),
            ("blocks.0.norm2.bias", [64], 64), ("blocks.0.attn.qkv.weight", [192, 64], 12288),
            ("blocks.0.attn.qkv.bias", [192], 192), ("blocks.0.attn.proj.weight", [64, 64], 4096),
            ("blocks.0.attn.proj.bias", [64], 64), ("blocks.0.mlp.fc1.weight", [64, 64], 4096),
            ("blocks.0.mlp.fc1.bias", [64], 64), ("blocks.0.mlp.fc2.weight", [64, 64], 4096),
            ("blocks.0.mlp.fc2.bias", [64], 64), ("head.weight", [2, 64], 128), ("head.bias", [2], 2))})
    for command in (["inspect"], ["classify", "--model"]):
        done = run(*command, "rude_folder", *([picture()] if command[0] == "classify" else []))
        check(done)
        assert "\\x1b[2J" in done.stdout + done.stderr
    check(run("convert", "rude_folder", "rude_out.safetensors"))


def test_pipes_and_devices_are_refused():
    if not os.path.exists("pipe.png"):
        os.mkfifo("pipe.png")
    picture()
    for path in ("pipe.png", "/dev/zero"):
        refused("classify", path, status=1, says="not a regular file")
        refused("classify", "--model", path, "plain.png", status=1, says="not a regular file")
        refused("classify", "--labels", path, "plain.png", status=1, says="not a regular file")
    os.makedirs("pipes", exist_ok=True)
    for name in ("a.json", "a.csv", "list.csv", "config.json", "metrics.jsonl"):
        if not os.path.exists(f"pipes/{name}"):
            os.mkfifo(f"pipes/{name}")
    refused("inspect", "pipes/a.json", status=1, says="not a regular file")
    refused("eval", "--data", "csv:pipes/a.csv", status=1, says="not a regular file")
    refused("visualize", "curves", "--run", "pipes", "--out", "x.png", status=1, says="not a regular file")
    refused("train", "--recipe", "pipes/a.json", "--out", "pipes/run", status=2, says="pipes/a.json")
    shutil.copy(SHIPPED, "pipes/weights.safetensors")
    with open("plain.png", "rb") as f:
        assert run("classify", "-", stdin=f).stdout


def test_preprocessing_that_contradicts_the_network_is_refused():
    def preprocess(**change):
        def into(metadata):
            rule = json.loads(metadata["vitrine.preprocess"])
            rule.update(change)
            metadata["vitrine.preprocess"] = json.dumps(rule)
        return into
    for change in (dict(input_size=[1, 28, 32]), dict(input_size=[1, 8192, 29]),
                   dict(input_size=[3, 28, 28], mean=[0.5] * 3, std=[0.5] * 3)):
        shipped_with("contradictory.safetensors", preprocess(**change))
        refused("inspect", "contradictory.safetensors", status=1, says="contradictory.safetensors: mismatch")
        refused("classify", "--model", "contradictory.safetensors", picture(), status=1,
                says="contradictory.safetensors: mismatch")


def test_history_is_never_lost():
    train("history")
    whole = read("history/metrics.jsonl")
    lines = whole.splitlines(keepends=True)
    for cut in (b"".join(lines[:-1]), whole[:-1], b""):
        with open("history/metrics.jsonl", "wb") as f:
            f.write(cut)
        refused("train", "--out", "history", "--resume", "--epochs", 4, "--quiet", status=1, says="metrics.jsonl: truncated")
        refused("visualize", "curves", "--run", "history", status=1, says="metrics.jsonl: truncated")
        assert read("history/metrics.jsonl") == cut
    os.remove("history/metrics.jsonl")
    refused("train", "--out", "history", "--resume", "--epochs", 4, "--quiet", status=1, says="metrics.jsonl")
    with open("history/metrics.jsonl", "wb") as f:
        f.write(whole + lines[-1] + b'{"half a li')  # what came behind the checkpoint, and a line that was cut off
    run("train", "--out", "history", "--resume", "--epochs", 4, "--quiet")
    assert read("history/metrics.jsonl").startswith(whole)


def test_a_file_that_is_cut_short_while_it_is_used():
    # One picture: the weights stay in the file. The picture comes when the model is open.
    shutil.copy(SHIPPED, "cut.safetensors")
    process = subprocess.Popen([VITRINE, "classify", "--model", "cut.safetensors", "-"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while f"{os.getcwd()}/cut.safetensors" not in open(f"/proc/{process.pid}/maps").read():
        assert process.poll() is None
    threading.Event().wait(0.5)
    os.truncate("cut.safetensors", 4096)
    out, err = process.communicate(read(picture()), timeout=100)
    assert process.returncode == 1 and err.count(b"\n") == 1 and b"became shorter" in err, (process.returncode, err)
