"""What a user does."""
import ast
import glob
import json
import os
import re
import shutil
import struct

from cases import Skip
from program import MODEL, TRAIN, VITRINE, check_memory_estimate, png_bytes, read, refused, run


def test_help_and_version():
    assert "train" in run("--help").stdout
    assert run("--version").stdout.startswith("vitrine 0.")
    for command in ("train", "eval", "classify", "features", "inspect", "visualize", "bench", "study"):
        assert "--threads" in run(command, "--help").stdout or command in ("visualize", "bench", "study")


def test_train_eval_classify():
    done = run("train", "--data", "idx:data", *TRAIN, "--epochs", "40", "--out", "first", "--json")
    result = json.loads(done.stdout)
    assert result["top1"] > 0.5, result
    for name in ("config.json", "checkpoint.safetensors", "model.safetensors", "metrics.jsonl", "curves.png",
                 "confusion.png", "mistakes.png"):
        assert os.path.getsize(f"first/{name}") > 0
    evaluated = json.loads(run("eval", "--model", "first", "--data", "idx:data", "--mistakes",
                               "worst.png", "--confusion", "taken-for.png", "--json").stdout)
    for figure in ("top1", "top5", "loss", "images"):
        assert evaluated[figure] == result[figure], (figure, evaluated, result)
    check_memory_estimate(result)
    assert read("worst.png") == read("first/mistakes.png")
    assert read("taken-for.png") == read("first/confusion.png")
    with open("grey.png", "wb") as f:
        f.write(png_bytes(30, 20, (128, 128, 128)))
    guesses = json.loads(run("classify", "--model", "first", "--json", "grey.png").stdout)
    assert guesses[0]["file"] == "grey.png" and len(guesses[0]["top"]) == 3
    assert abs(sum(g["probability"] for g in json.loads(
        run("classify", "--model", "first", "--top", "10", "--json", "grey.png").stdout)[0]["top"]) - 1) < 1e-5
    # One picture leaves the weights in the file, several pack them: the answers are the same.
    several = json.loads(run("classify", "--model", "first", "--json", "grey.png", "grey.png").stdout)
    assert several == guesses * 2, several
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
    with open("recipe.json", "w") as f:
        json.dump({"options": {"model": hybrid, "data": "idx:data", "epochs": 1, "batch": 50, "ema": 0.5, "seed": 1,
                               "validation": 0.2}}, f)
    run("train", "--recipe", "recipe.json", "--out", "by-recipe", "--quiet")
    for name in ("hybrid.json", "resnet18_12_gray_c10"):
        out = f"network-{name}"
        run("train", "--data", "idx:data", "--model", name, "--epochs", 1, "--batch", 50, "--ema", 0.5, "--seed", 1,
            "--validation", 0.2, "--out", out, "--quiet")
        result = json.loads(run("eval", "--model", out, "--data", "idx:data", "--json").stdout)
        assert result["images"] == 60 and result["loss"] < 3, result
        if name == "hybrid.json":
            assert read(f"{out}/model.safetensors") == read("by-recipe/model.safetensors")
        assert json.loads(run("inspect", name, "--json").stdout)["layers"] == json.loads(
            run("inspect", out, "--json").stdout)["layers"]
        run("convert", out, "again.safetensors")
        assert json.loads(run("eval", "--model", "again.safetensors", "--data", "idx:data", "--json").stdout) == result
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
    run(*start, "--epochs", 2, "--image-size", 20, "--out", "larger")
    described = json.loads(run("inspect", "larger", "--json").stdout)
    assert described["config"]["img_size"] == [20, 20] and described["preprocess"]["input_size"] == [1, 20, 20]
    run(*start, "--epochs", 2, "--image-size", 20, "--checkpoint-steps", 1, "--out", "again")
    os.remove("weights.safetensors")
    assert run("train", "--out", "again", "--resume", "--json").stdout
    for name in ("checkpoint.safetensors", "model.safetensors"):
        assert read(f"larger/{name}") == read(f"again/{name}"), name
    refused("train", "--data", "idx:data", "--init", "first", "--model", "vit_d16_l1_h1_patch4_12_gray", "--out", "x",
            status=1, says="wanted")
    refused("train", "--data", "idx:data", "--init", "nowhere", "--out", "x", status=2, says="nowhere")


def test_another_image_size():
    own = run("eval", "--model", "first", "--data", "idx:data", "--json")
    assert run("eval", "--model", "first", "--image-size", "12x12", "--data", "idx:data", "--json").stdout == own.stdout
    larger = ["--model", "first", "--image-size", 20]
    done = run("eval", *larger, "--data", "idx:data", "--json")
    assert json.loads(done.stdout)["images"] == 60 and done.stdout != own.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for words in ("20 x 20 pixels instead of 12 x 12", "from 3 x 3 to 5 x 5 (bicubic-antialias)", "crop_pct 1"):
        assert words in done.stderr, done.stderr
    assert run("eval", *larger, "--data", "idx:data", "--json", "--quiet", "--threads", 2).stderr == ""
    # Every way of resampling gives another answer; weights bring the way of where they come from along.
    answers = {}
    for way in ("bicubic-antialias", "bicubic", "bicubic-corners", "bilinear", "bilinear-corners"):
        answers[way] = run("classify", "--model", "first", "--image-size", "16x8", "--position-resampling", way,
                           "--json", "grey.png").stdout
    assert len(set(answers.values())) == 5
    run("convert", "first", "hf-sized")
    run("convert", "hf-sized", "sized.safetensors")
    for model, way in (("first", "bicubic-antialias"), ("hf-sized", "bicubic"), ("sized.safetensors", "bicubic")):
        got = run("classify", "--model", model, "--image-size", "16x8", "--json", "grey.png").stdout
        assert got == answers[way], model
    run("train", "--data", "idx:data", "--init", "hf-sized", "--image-size", 8, "--epochs", 1, "--out", "sized", "--quiet")
    for name in ("checkpoint.safetensors", "model.safetensors"):
        content = read(f"sized/{name}")
        header = json.loads(content[8:8 + struct.unpack("<Q", content[:8])[0]])
        assert header["__metadata__"]["vitrine.position_resampling"] == "bicubic", name
    run("features", *larger, "--data", "idx:data", "--split", "test", "--out", "sized.npy")
    assert npy("sized.npy")[0] == (60, 32)
    run("visualize", "attention", *larger, "--out", "sized.png", "grey.png")
    run("visualize", "rollout", *larger, "--position-resampling", "bilinear", "--out", "sized.png", "grey.png")
    run("visualize", "samples", *larger, "--data", "idx:data", "--count", "2", "--out", "sized-samples")
    # Networks of convolutions take any size, hybrids multiples of stride times patch.
    resnet, hybrid = ["--model", "network-resnet18_12_gray_c10"], ["--model", "network-hybrid.json"]
    note = run("eval", *resnet, "--image-size", "13x17", "--data", "idx:data").stderr
    assert "13 x 17 pixels" in note and "embedding" not in note, note
    run("classify", *hybrid, "--image-size", 20, "grey.png")

    # Patches of another size are a file of their own.
    note = run("convert", "first", "patches.safetensors", "--patch-size", "6x3", "--image-size", "18x12").stderr
    assert "patches of 6 x 3 pixels instead of 4 x 4; images of 18 x 12 pixels instead of 12 x 12" in note, note
    assert json.loads(run("eval", "--model", "patches.safetensors", "--data", "idx:data", "--json").stdout)["images"] == 60
    for text, says in (("5", "take 10 x 10"), ("0", "patch"), ("-3", "patch"), ("x", "--patch-size"), ("99999999999", "patch")):
        refused("convert", "first", "x.safetensors", f"--patch-size={text}", status=2, says=says)
    refused("convert", *resnet[1:], "x.safetensors", "--patch-size", 8, status=2, says="no vision transformer")

    refused("classify", *larger[:3], 18, "grey.png", status=2, says="patches of 4 x 4: take 20 x 20")
    refused("classify", *hybrid, "--image-size", 18, "grey.png", status=2, says="patches of 4 x 4")
    refused("classify", *resnet, "--image-size", 20, "--position-resampling", "bicubic", "grey.png", status=2,
            says="no position embedding")
    for text in ("", "x", "20x", "x20", "20x20x3", "20X20", "1e2", "20.0", " 20", "9999999999999999999"):
        refused("classify", "--model", "first", f"--image-size={text}", "grey.png", status=2, says="--image-size")
    for text in ("0", "-4", "99999", "20x0"):
        refused("classify", "--model", "first", f"--image-size={text}", "grey.png", status=2, says="height and width")
    refused("classify", "--model", "first", "--position-resampling", "bicubic", "grey.png", status=2,
            says="needs an --image-size")
    refused("classify", *larger, "--position-resampling", "nearest", "grey.png", status=2, says="'nearest'; known are")
    refused("train", "--data", "idx:data", "--position-resampling", "bicubic", "--out", "x", status=2, says="init")
    refused("train", "--data", "idx:data", "--init", "first", "--position-resampling", "nearest", "--out", "x", status=2,
            says="'nearest'; known are")
    refused("train", "--data", "idx:data", "--init", "first", "--image-size", 18, "--out", "x", status=2,
            says="patches of 4 x 4")


def check_layer_table(shown, layers, line_of):
    """The table has a line for each value of line_of(layer's name): the last shape, the sums of parameters and MACs."""
    lines = {}
    for layer in layers:
        line = lines.setdefault(line_of(layer["name"]), {"parameters": 0, "macs": 0})
        line["shape"] = " x ".join(map(str, layer["shape"]))
        line["parameters"] += layer["parameters"]
        line["macs"] += layer["macs"]
    table = shown.split("\n\n")[1].splitlines()
    # What is 0 is left empty.
    want = [[name, *line["shape"].split(), *(str(line[n]) for n in ("parameters", "macs") if line[n])]
            for name, line in lines.items()]
    assert [line.split() for line in table[1:-1]] == want
    assert max(map(len, table)) <= 100


def test_inspect():
    # A ViT, a hybrid, a ResNet and a BiT: what timm says of them is the sum of their layers.
    for name, parameters, mega_macs in (("vit_base_patch16_224", 86567656, 17564), ("vit_base_r50_s16_224", 98659112, 21535),
                                        ("resnet50", 25557032, 4089), ("resnetv2_50x1_bit", 25549352, 4089)):
        described = json.loads(run("inspect", name, "--json").stdout)
        assert described["parameters"] == parameters and round(described["macs"] / 1e6) == mega_macs, name
        layers = described["layers"]
        for count in ("parameters", "macs"):
            assert sum(layer[count] for layer in layers) == described[count], name
        check_layer_table(run("inspect", name, "--layers").stdout, layers, lambda layer: layer)
        shown = run("inspect", name).stdout
        check_layer_table(shown, layers, lambda layer: re.sub(r"((blocks|layer\d)\.\d+)\..*", r"\1", layer))
        assert f"sum {parameters} {described['macs']}" in " ".join(shown.split())
        assert f"{parameters} parameters" in shown
    described = json.loads(run("inspect", "vit_base_patch16_224", "--json").stdout)
    assert described["macs"] == 17563828224
    assert {"name": "blocks.11.mlp.fc1", "shape": [197, 3072], "parameters": 769 * 3072,
            "macs": 197 * 768 * 3072} in described["layers"]
    assert "blocks.0.attn.qkv 197 x 2304" in " ".join(run("inspect", "vit_base_patch16_224", "--layers").stdout.split())
    assert json.loads(run("inspect", "first", "--json").stdout)["config"]["embed_dim"] == 32


def test_convert():
    """To Hugging Face and back: the same weights, and the same answers on the way."""
    with open("labels.txt", "w") as f:
        f.write("".join(f"direction {i}\n" for i in range(10)))
    run("convert", "first", "hf", "--labels", "labels.txt")
    config = json.loads(read("hf/config.json"))
    assert config["model_type"] == "vit" and config["id2label"]["3"] == "direction 3"
    there = run("eval", "--model", "hf", "--data", "idx:data", "--json")
    here = run("eval", "--model", "first", "--data", "idx:data", "--json")
    for figure in ("top1", "top5", "loss", "images"):  # under other names
        assert json.loads(there.stdout)[figure] == json.loads(here.stdout)[figure], figure
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
    run("visualize", "curves", "--run", "first", "first/", "--out", "compared.png")
    refused("visualize", "curves", "--run", "first", "first", status=2, says="--out")
    run("visualize", "samples", "--model", "first", "--data", "idx:data", "--count", "4", "--out", "samples")
    pictures = ["position.png", "attention.png", "rollout.png", "curves.png", "compared.png",
                *glob.glob("samples/*.png")]
    assert len(pictures) == 10
    for picture in pictures:
        assert read(picture).startswith(b"\x89PNG"), picture


def test_bench():
    for kind in ("model", "train"):
        result = json.loads(run("bench", kind, "--model", MODEL, "--batch", 2, "--seconds", 0.05, "--json").stdout)
        assert {"ms_best", "ms_median", "gflops", "peak_gflops", "peak_rss_mib", "first_answer_s"} <= result.keys()
        assert 0 < result["gflops"] < result["peak_gflops"] and result["ms_best"] <= result["ms_median"]
    # Without a head a network trains on its embedding.
    tower = '{"img_size": 12, "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2, "num_classes": 0}'
    assert json.loads(run("bench", "train", "--model", tower, "--batch", 2, "--seconds", 0.05, "--json").stdout)["ms_best"] > 0


def test_bench_of_shapes():
    def measure(*args):
        return json.loads(run("bench", *args, "--seconds", 0.01, "--json").stdout)["shapes"]

    def check(shape, who):
        assert [t["who"] for t in shape["timings"]] == who, shape
        for t in shape["timings"]:
            assert 0 < t["ms_best"] <= t["ms_quartiles"][0] <= t["ms_median"] <= t["ms_quartiles"][1], t
            # Other programs may slow down the peak's turns, never so much.
            assert 0 < t["share_of_peak"] < 1.5, t
            assert abs(t["gflops"] / shape["peak_gflops"] / t["share_of_peak"] - 1) < 1e-9, t

    product, = measure("gemm", "--m", 20, "--n", 30, "--k", 40)
    check(product, ["vitrine, packed before", "vitrine"])
    assert (product["m"], product["n"], product["k"], product["transpose_b"]) == (20, 30, 40, True)

    one = ["--height", 9, "--width", 11, "--in", 8, "--out", 12, "--kernel", 5, "--stride", 2, "--padding", 1, "--groups", 4,
           "--batch", 3]
    forward, = measure("conv", *one)
    check(forward, ["forward"])
    assert forward["macs"] == 3 * 4 * 5 * 12 * 5 * 5 * 2, forward
    timing = forward["timings"][0]
    assert abs(timing["gflops"] * timing["ms_best"] / (2e-6 * forward["macs"]) - 1) < 1e-9, forward
    backward, = measure("conv", *one, "--backward")
    check(backward, ["forward", "gradient of input", "gradient of weight"])
    square, = measure("conv", "--height", 7, "--in", 8, "--out", 4)
    assert (square["width"], square["kernel"], square["padding"], square["macs"]) == (7, 3, 1, 7 * 7 * 4 * 9 * 8)

    of_networks = measure("conv", "--batch", 1)
    assert len(of_networks) == 14 and {s["batch"] for s in of_networks} == {1}
    assert sum(s["macs"] for s in of_networks if s["what"] == "ResNet-50 stem") == 112 * 112 * 64 * 49 * 3
    shown = run("bench", "conv", *one, "--seconds", 0.01).stdout
    assert "3 * 9x11x8 -> 12, 5x5 / 2, 4 groups" in shown and "% of peak" in shown, shown

    refused("bench", "gemm", "--m", 20, status=2, says="--n")
    refused("bench", "gemm", "--batch", 2, status=2, says="--m")
    refused("bench", "conv", "--height", 7, status=2, says="--in")
    refused("bench", "conv", "--kernel", 3, status=2, says="--height")
    refused("bench", "conv", "--height", 7, "--in", 8, "--out", 4, "--groups", 3, status=2, says="--groups 3")
    refused("bench", "conv", "--height", 4, "--in", 8, "--out", 4, "--kernel", 7, "--padding", 1, status=2, says="--kernel")
    refused("bench", "conv", "--height", 4096, "--in", 65536, "--out", 4, status=2, says="numbers")
    refused("bench", "conv", "--height", 0, "--in", 8, "--out", 4, status=2, says="--height")


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
    left_out = {which: int(n) for n, which in re.findall(r"(\d+) of the (\w+) pictures are left out", done.stderr)}
    assert sum(left_out.values()) == 2, done.stderr
    bad = left_out["training"]
    assert f"{bad} training pictures were left out" in done.stdout
    lines = [json.loads(line) for line in open("skipping/metrics.jsonl")]
    epochs = [line for line in lines if "validation_top1" in line]
    assert [line["bad_pictures"] for line in epochs] == [bad, bad]
    assert all(line["decoding_cpu_s"] > 0 and line["seconds"] > 0 for line in epochs), epochs
    assert len(re.findall(r"decoding \d+\.\d s of CPU", done.stdout + done.stderr)) == 2
    for i in range(8, 20):
        os.remove(f"listed/{i}.png")
    options[options.index("--epochs") + 1] = 3
    refused("train", *options, "--out", "skipping", "--resume", "--quiet", status=1, says="pictures, now there are")


def test_recipes():
    if not os.path.exists(os.path.join(os.path.dirname(VITRINE), "../apps/recipes")):
        raise Skip("the program does not lie beside a checkout")
    assert "deit_small" in run("train", "--help").stdout
    refused("train", "--recipe", "deit_smal", "--out", "recipe", status=2, says="did you mean deit_small?")
    refused("train", "--recipe", "deit_small", "--out", "recipe", status=2, says="--data")
    refused("train", "--recipe", "paper_finetune_cifar10", "--data", "idx:data", "--out", "recipe", status=2, says="--init")
    refused("train", "--recipe", "deit_tiny_distilled", "--data", "idx:data", "--out", "recipe", status=2, says="--teacher")
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
