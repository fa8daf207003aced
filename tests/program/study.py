"""Networks that are compared by training them: the study of positions, a convolutional stem."""
import json
import os
import random
import shutil

from program import MODEL, read, refused, run


def test_study():
    """Every kind of position embedding is trained, killed studies go on, and the answer is a table and a picture."""
    study = ["study", "position", "--data", "idx:data", "--model", MODEL, "--epochs", 1, "--set", "batch=40", "--seed", 5]
    done = run(*study, "--out", "study")
    result = json.loads(read("study/study.json"))
    assert len(result["variants"]) == 10 and result["options"]["batch"] == 40 and result["images"] == 60, result
    for v in result["variants"]:
        assert 0 < v["test_top1"] <= 1 and 0 <= v["validation_top1"] <= 1, v
        assert f"{100 * v['test_top1']:.2f} %" in done.stdout, done.stdout
        said = json.loads(run("inspect", f"study/{v['name']}", "--json").stdout)
        assert said["parameters"] == v["parameters"], v
    assert len({v["parameters"] for v in result["variants"]}) >= 7
    assert read("study/study.png").startswith(b"\x89PNG")
    # What is there is not computed again, what is missing is, and the answer is the same.
    shutil.rmtree("study/relative")
    kept = os.stat("study/none/checkpoint.safetensors").st_mtime_ns
    run(*study, "--out", "study", "--resume", "--quiet")
    assert os.stat("study/none/checkpoint.safetensors").st_mtime_ns == kept
    assert json.loads(read("study/study.json")) == result
    refused(*study, "--out", "study", status=2, says="--resume")
    refused(*study, "--set", "lr=1", "--out", "study", "--resume", status=2, says="lr")
    refused(*study, "--set", "pool=avg", "--out", "x", status=2, says="what the study varies")
    refused("study", "position", "--data", "idx:data", "--model", "resnet18", "--out", "x", status=2,
            says="needs a vision transformer")
    refused("classify", "--model", "study/relative", "--image-size", 16, "x.png", status=2, says="cannot be resampled")
    refused("convert", "study/relative/model.safetensors", "hf-relative", status=2, says="relative positions")


def test_convolutional_stem():
    """The recipe of a small ViT with a convolutional stem learns pictures of CIFAR's shape (one block, to be quick)."""
    os.makedirs("cifar", exist_ok=True)
    rng = random.Random(2)
    for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
        with open(f"cifar/{name}", "wb") as f:
            for i in range(20):
                label = i % 10
                f.write(bytes([label]) + bytes((25 * label * (c + 1) + rng.randrange(20)) % 256
                                               for c in range(3) for _ in range(1024)))
    recipes = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../apps/recipes")
    recipe = json.loads(read(f"{recipes}/cct_cifar10.json"))
    recipe["options"]["model"]["depth"] = 1
    with open("cct.json", "w") as f:
        json.dump(recipe, f)
    run("train", "--recipe", "cct.json", "--data", "cifar10:cifar", "--epochs", 6, "--batch", 20, "--warmup-epochs", 1,
        "--set", "mixup=0", "cutmix=0", "augment={}", "--out", "cct", "--quiet")
    lines = [json.loads(line) for line in read("cct/metrics.jsonl").decode().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < losses[0] - 0.3, losses
