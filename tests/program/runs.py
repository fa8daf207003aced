"""Training runs: what is typed, what a folder holds, how a run goes on and ends."""
import json
import os
import re
import shutil
import struct
import subprocess
import time

from program import MODEL, TRAIN, VITRINE, png_bytes, read, refused, run

DATA = ["train", "--data", "idx:data", "--model", MODEL, "--out", "x"]


def pictures(folder, sizes=(12, 12), count=20, classes=("blue", "red"), grey=False):
    """A folder of coloured pictures, `count` of each class."""
    for k, name in enumerate(classes):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        for i in range(count):
            colour = (40 + 60 * k + i % 20,) * 3 if grey else (30 + 90 * k + i % 20, 40, 220 - 90 * k)
            with open(f"{folder}/{name}/{i:03}.png", "wb") as f:
                f.write(png_bytes(*sizes, colour))


def test_numbers_that_are_none():
    for option, says in ((["--epochs", "five"], "--epochs: 'five' is no whole number"),
                         (["--epochs=five"], "--epochs: 'five' is no whole number"),
                         (["--epochs", "1.5"], "'1.5' is no whole number"), (["--epochs", "-1"], "--epochs: must be 0 or"),
                         (["--epochs", "0"], "--epochs 0: must be 1 to 1000000"),
                         (["--epochs", "99999999999999999999"], "too large"), (["--seed", "-1"], "--seed: -1 is negative"),
                         (["--threads", "0"], "--threads: must be 1 to 1024, got 0"), (["--batch"], "its value is missing"),
                         (["--lr", "0,001"], "--lr: '0,001' is no number: write 0.001"), (["--lr", "nan"], "'nan' is no number"),
                         (["--lr", "inf"], "'inf' is no number"), (["--lr", "1e999"], "too large"),
                         (["--lr", "1000"], "--lr 1000: must be below 1000"),
                         (["--lr", "0"], "--lr 0: must be above 0"),
                         (["--set", "lr=0"], "--set lr=0: must be above 0"), (["--image-size", "64x48"], "'64x48'"),
                         (["--set", "epochs=abc"], "--set epochs=abc: must be a whole number"),
                         (["--set", "augment.flip=x"], "--set augment.flip=x: must be a number"),
                         (["--flip", "2"], "--flip 2: must be 0 to 1"), (["--lr", "1", "--lr", "2"], "--lr was given more than once"),
                         (["--ema-warmup", "perhaps"], "neither true nor false"), (["--mixup", "1e9"], "--mixup 1000000000: must be 0 or")):
        line = refused(*DATA, *option, status=2, says=says)
        assert len(line) < 200 and "json.exception" not in line, line
    refused("classify", "--top", "many", "x.png", status=2, says="'many'")
    assert not os.path.exists("x")


def test_mistakes_of_spelling():
    for words, says in ((["trian"], "did you mean train? See vitrine --help"), (["help"], "did you mean --help?"),
                        (["help", "train"], "did you mean --help?"), (["--versoin"], "did you mean --version?"),
                        (["visualize", "attenton", "x.png"], "did you mean attention? See vitrine visualize --help"),
                        ([], "name a command: train, eval"), (["visualize"], "name a command: position"),
                        (["classify", "--topk", 5, "x.png"], "unknown option '--topk'; did you mean --top? See vitrine classify"),
                        (["eval", "--modle=x"], "unknown option '--modle'; did you mean --model? See vitrine eval --help"),
                        (["inspect", "a", "b"], "'b' was not expected here; see vitrine inspect --help"),
                        (["train", "--data", "idx:data"], "--out is required; see vitrine train --help")):
        refused(*words, status=2, says=says)
    for words, says in ((["--epoch", 5], "unknown option '--epoch'; did you mean --epochs? See vitrine train --help"),
                        (["--batch-size", 5], "did you mean --batch?"), (["--learning-rate", 1], "did you mean --lr?"),
                        (["--num-workers", 1], "did you mean --workers?"), (["--optimizer", "adam"], "did you mean adamw?"),
                        (["--set", "flip=0.5"], "did you mean 'augment.flip'?"), (["--set", "schedule=cos"], "known are constant"),
                        (["--set", "schedule=cosin"], "did you mean cosine?")):
        refused(*DATA, *words, status=2, says=says)
    os.makedirs("photos", exist_ok=True)
    open("list.csv", "w").close()
    for data, says in (("photos", "did you mean folder:photos?"), ("data", "did you mean idx:data?"),
                       ("list.csv", "did you mean csv:list.csv?"), ("fashion-mnits", "did you mean fashion-mnist?"),
                       ("foldr:photos", "did you mean folder:photos?")):
        refused("train", "--data", data, "--out", "x", status=2, says=says)
    assert not os.path.exists("x")


def test_batch_norm_needs_more_than_one_number():
    pictures("small", (32, 32))
    options = ["train", "--data", "folder:small", "--model", "resnet18", "--image-size", 32, "--epochs", 1, "--quiet"]
    refused(*options, "--batch", 1, "--out", "x", status=1, says="a larger batch, or larger images")
    run("bench", "train", "--model", "vit_d32_l1_h2_patch4_8", "--batch", 1, "--seconds", 0.01)


def safetensors(path):
    """(metadata, {name: bytes}) of a file."""
    content = read(path)
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + length])
    metadata = header.pop("__metadata__")
    return metadata, {name: content[8 + length + t["data_offsets"][0]:8 + length + t["data_offsets"][1]]
                      for name, t in header.items()}


def state_of(folder):
    return json.loads(safetensors(f"{folder}/checkpoint.safetensors")[0]["vitrine.training"])


def epochs_of(folder):
    """The lines of whole epochs."""
    return [line for line in map(json.loads, open(f"{folder}/metrics.jsonl")) if "seconds" in line]


def same_weights(folder, prefix=""):
    """Whether model.safetensors has the weights that the checkpoint has under this prefix."""
    kept = safetensors(f"{folder}/model.safetensors")[1]
    last = safetensors(f"{folder}/checkpoint.safetensors")[1]
    return all(value == last[prefix + name] for name, value in kept.items())


QUICK = ["--model", MODEL, "--batch", 16, "--lr", "2e-3", "--quiet", "--threads", 1]


def test_without_validation_pictures_the_last_weights_are_kept():
    pictures("few", count=4)
    few = ["train", "--data", "folder:few", "--model", "vit_d32_l1_h2_patch4_8", "--batch", 2, "--epochs", 4, "--lr", "3e-3"]
    done = run(*few, "--out", "unjudged")
    assert "; 0 validation images" in done.stdout, done.stdout
    assert "has not one for each class, so the weights of the last epoch" in " ".join(done.stderr.split()), done.stderr
    assert "weights of epoch 4, the last" in done.stdout and "validation 0" not in done.stdout
    assert same_weights("unjudged") and state_of("unjudged")["best_accuracy"] == -1
    assert all("validation_loss" not in line for line in epochs_of("unjudged"))
    result = json.loads(read("unjudged/result.json"))
    assert result["best_epoch"] == 4 and "validation_top1" not in result, result
    assert read("unjudged/curves.png").startswith(b"\x89PNG")

    pictures("hundred", count=60)
    options = ["train", "--data", "folder:hundred", "--model", "vit_d32_l1_h2_patch4_8", "--batch", 10, "--epochs", 2]
    done = run(*options, "--validation", 0, "--out", "none-wanted")  # nothing to be said of that
    assert "0 validation" in done.stdout and "no validation pictures" not in done.stderr
    done = run(*options, "--out", "some")
    assert "only 9 validation pictures" in done.stderr, done.stderr
    # One of each class where the part asked for has only one.
    pictures("rare", count=50)
    pictures("rare", count=3, classes=("green", "violet"))
    done = run("train", "--data", "folder:rare", *options[3:], "--validation", 0.04, "--out", "rare-run")
    assert re.search(r"; [4-8] validation images", done.stdout), done.stdout


def test_of_equal_epochs_the_one_with_the_lower_loss_is_kept_then_the_later():
    pictures("easy", count=60)
    run("train", "--data", "folder:easy", "--model", "vit_d32_l1_h2_patch4_8", "--batch", 20, "--epochs", 8, "--lr", "3e-3",
        "--quiet", "--out", "ties")
    lines = epochs_of("ties")
    assert [line["epoch"] for line in lines] == list(range(1, 9))
    highest = max(line["validation_top1"] for line in lines)
    best = min((line["validation_loss"], -line["epoch"]) for line in lines if line["validation_top1"] == highest)
    assert sum(line["validation_top1"] == highest for line in lines) > 1, lines
    result = json.loads(read("ties/result.json"))
    assert (result["best_epoch"], result["validation_top1"]) == (-best[1], highest), (result, lines)


def test_weights_of_the_last_epoch():
    def tensors(out, *options):
        run("convert", *options, f"{out}.safetensors", "--quiet")
        return safetensors(f"{out}.safetensors")[1]
    for name, extra, prefix in (("plain", [], ""), ("averaged", ["--ema", "0.9"], "ema/")):
        run("train", "--data", "idx:data", *QUICK, *extra, "--epochs", 3, "--out", name)
        last = safetensors(f"{name}/checkpoint.safetensors")[1]
        for key, value in tensors("last", name, "--weights", "last").items():
            assert value == last[prefix + key], key
        assert tensors("best", name) == safetensors(f"{name}/model.safetensors")[1]
    # Best and last are told apart: as if the first epoch had been the best.
    best = read("plain/model.safetensors")
    run("train", "--data", "idx:data", *QUICK, "--epochs", 1, "--out", "worse")
    shutil.copy("worse/model.safetensors", "plain/model.safetensors")
    evaluate = ["eval", "--data", "idx:data", "--json", "--model"]
    answers = [json.loads(run(*evaluate, *which).stdout) for which in (
        ["plain"], ["plain", "--weights", "best"], ["plain", "--weights", "last"], ["plain/checkpoint.safetensors"])]
    assert answers[0] == answers[1] and answers[2] == answers[3] and answers[0] != answers[2], answers
    with open("grey.png", "wb") as f:
        f.write(png_bytes(12, 12, (90, 90, 90)))
    for words in (["classify", "grey.png", "--model"], ["features", "grey.png", "--out", "f.npy", "--model"],
                  ["visualize", "position", "--out", "p.png", "--model"], ["inspect"]):
        assert run(*words, "plain", "--weights", "last").returncode == 0
        refused(*words, "plain/model.safetensors", "--weights", "last", status=2, says="a run's folder")
    again = ["train", "--data", "idx:data", "--batch", 16, "--quiet", "--epochs", 1, "--lr", "1e-6", "--init", "plain"]
    run(*again, "--out", "from-best")
    run(*again, "--weights", "last", "--out", "from-last")
    assert json.load(open("from-last/config.json"))["init_weights"] == "last"
    assert read("from-best/model.safetensors") != read("from-last/model.safetensors")
    refused(*again[:-1], "plain/model.safetensors", "--weights", "last", "--out", "x", status=2, says="a run's folder")
    refused(*evaluate, "plain", "--weights", "latest", status=2, says="known are best, last")
    with open("plain/model.safetensors", "wb") as f:
        f.write(best)


def test_resume_without_a_checkpoint():
    run("train", "--data", "idx:data", *QUICK, "--epochs", 2, "--out", "begun")
    os.makedirs("killed-early")
    for name in ("config.json", "metrics.jsonl"):
        shutil.copy(f"begun/{name}", "killed-early")
    config = read("killed-early/config.json")
    resume = ["train", "--out", "killed-early", "--resume"]
    refused(*resume, "--data", "fashion-mnist", "--quiet", status=2, says="this run has data")
    refused(*resume, "--quiet", status=2, says="but no checkpoint.safetensors any more")  # of two epochs
    open("killed-early/metrics.jsonl", "w").close()
    refused(*resume, "--lr", 1, "--quiet", status=2, says="this run has lr")
    assert read("killed-early/config.json") == config and len(os.listdir("killed-early")) == 2
    done = run(*resume, "--batch", 16)
    assert "the run begins again" in done.stderr and read("killed-early/config.json") == config
    for name in ("checkpoint.safetensors", "model.safetensors"):
        assert read(f"killed-early/{name}") == read(f"begun/{name}"), name

    refused("train", "--out", "nowhere", "--resume", status=2, says="name its --data")
    os.makedirs("diary", exist_ok=True)
    with open("diary/diary.txt", "w") as f:
        f.write("mine")
    refused("train", "--out", "diary", "--resume", "--data", "idx:data", status=2, says="holds diary.txt and no run")
    with open("diary/config.json", "w") as f:
        json.dump({"architectures": ["ViT"], "epochs": 1}, f)
    refused("train", "--out", "diary", "--resume", "--data", "idx:data", status=1, says="diary/config.json: bad_header")
    assert not os.path.exists("nowhere") and sorted(os.listdir("diary")) == ["config.json", "diary.txt"]


def test_a_run_that_is_done_says_so():
    run("train", "--data", "idx:data", *QUICK, "--epochs", 2, "--out", "done")
    evaluated = json.loads(run("eval", "--model", "done", "--data", "idx:data", "--json").stdout)
    result = json.loads(read("done/result.json"))  # though it was quiet
    assert all(result[key] == evaluated[key] for key in ("top1", "top5", "loss", "images")), (result, evaluated)
    assert result["epochs"] == 2 and result["validation_top1"] == state_of("done")["best_accuracy"]
    os.rename("data", "hidden")  # nothing is opened, nothing computed
    before = {name: os.stat(f"done/{name}").st_mtime_ns for name in os.listdir("done")}
    done = run("train", "--out", "done", "--resume")
    os.rename("hidden", "data")
    assert f"this run is done: 2 epochs; test accuracy {100 * result['top1']:.2f} %" in done.stdout, done.stdout
    assert "epoch 3" not in done.stdout + done.stderr
    assert before == {name: os.stat(f"done/{name}").st_mtime_ns for name in os.listdir("done")}
    assert json.loads(run("train", "--out", "done", "--resume", "--epochs", 2, "--json").stdout) == result
    refused("train", "--out", "done", "--resume", "--lr", 1, status=2, says="--init done")
    # As a kill before the last file leaves it: tested, not trained.
    os.remove("done/result.json")
    assert "epoch 3" not in (run("train", "--out", "done", "--resume").stderr)
    assert json.loads(read("done/result.json")) == result


def test_more_epochs_of_a_run():
    constant = ["train", "--data", "idx:data", *TRAIN, "--quiet", "--threads", 1, "--schedule", "constant", "--mix-off-epoch", 3]
    run(*constant, "--epochs", 4, "--out", "four")
    run(*constant, "--epochs", 2, "--out", "grown")
    refused("train", "--out", "grown", "--resume", "--epochs", 1, status=2, says="this run has 2, and can only have more")
    run("train", "--out", "grown", "--resume", "--epochs", 4, "--quiet")
    for name in ("checkpoint.safetensors", "model.safetensors", "config.json", "result.json"):
        assert read(f"grown/{name}") == read(f"four/{name}"), name
    # Killed right after it was told: it still has four.
    run(*constant, "--epochs", 2, "--out", "told")
    process = subprocess.Popen([VITRINE, "train", "--out", "told", "--resume", "--epochs", "4", "--quiet"])
    while process.poll() is None and json.load(open("told/config.json"))["epochs"] == 2:
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert state_of("told")["options"]["epochs"] == 4
    run("train", "--out", "told", "--resume", "--quiet")
    assert read("told/checkpoint.safetensors") == read("four/checkpoint.safetensors")

    run("train", "--data", "idx:data", *QUICK, "--epochs", 2, "--out", "cosine")
    done = run("train", "--out", "cosine", "--resume", "--epochs", 3)
    assert "3 epochs instead of 2; the learning rate is from here on that of a run of 3 epochs" in " ".join(
        done.stderr.split()), done.stderr
    steps = [line for line in map(json.loads, open("cosine/metrics.jsonl")) if "lr" in line]
    assert steps[-1]["epoch"] == 3 and 0 < steps[-1]["lr"] < 1e-4 < steps[0]["lr"], steps


def test_a_checkpoint_of_an_older_version_goes_on():
    """Epochs counted from 0, no loss beside the best accuracy, no rules: all that older ones lack."""
    run("train", "--data", "idx:data", *QUICK, "--schedule", "constant", "--epochs", 2, "--out", "old")
    content = read("old/checkpoint.safetensors")
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + length])
    state = json.loads(header["__metadata__"]["vitrine.training"])
    for key in ("best_loss", "best_epoch", "rules"):
        del state[key]
    del state["options"]["init_weights"]
    header["__metadata__"]["vitrine.training"] = json.dumps(state)
    text = json.dumps(header).encode()
    with open("old/checkpoint.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + content[8 + length:])
    lines = [json.loads(line) for line in open("old/metrics.jsonl")]
    with open("old/metrics.jsonl", "w") as f:
        f.writelines(json.dumps({**line, "epoch": line["epoch"] - 1}) + "\n" for line in lines)
    os.remove("old/result.json")
    run("train", "--out", "old", "--resume", "--epochs", 3, "--quiet")
    run("train", "--data", "idx:data", *QUICK, "--schedule", "constant", "--epochs", 3, "--out", "new")
    assert safetensors("old/checkpoint.safetensors")[1] == safetensors("new/checkpoint.safetensors")[1]
    assert [line["epoch"] for line in epochs_of("old")] == [1, 2, 3]
    run("train", "--out", "old", "--resume", "--epochs", 4, "--quiet")
    assert [line["epoch"] for line in epochs_of("old")] == [1, 2, 3, 4]  # counted on once


def test_a_loss_that_is_no_number():
    wild = ["--model", MODEL, "--batch", 16, "--epochs", 3, "--optimizer", "sgd", "--lr", 900, "--warmup-epochs", 0, "--quiet"]
    line = refused("train", "--data", "idx:data", *wild, "--out", "wild", status=1, says="another --out with a lower --lr")
    assert "--resume" not in line and "--init" not in line, line  # there is no model yet


def test_sizes_that_do_not_divide_into_patches():
    vit = {"embed_dim": 32, "depth": 1, "num_heads": 2, "img_size": 30, "patch_size": 4, "in_chans": 1, "num_classes": 10}
    for model, size in ((MODEL, ["--image-size", 18]), ("vit_d32_l1_h2_patch5_12_gray", []), (json.dumps(vit), []),
                        ("vit_tiny_patch16_224", ["--image-size", 230])):
        refused("train", "--data", "idx:data", "--model", model, *size, "--out", "x", status=2, says="does not divide into patches")
    assert not os.path.exists("x")


def test_the_hybrid_of_the_page_of_apps():
    """Its backbone makes 4 x 4 features of 28 x 28 pixels: convolutions pad, so nothing is left out."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../apps/README.md"), encoding="utf-8") as f:
        config = re.search(r"`(\{\"kind\": \"hybrid\".*?\})`", f.read(), re.DOTALL).group(1)
    with open("hybrid.json", "w") as f:
        json.dump(json.loads(config), f)
    for digit in range(10):
        pictures("for-a-hybrid", (28, 28), count=3, classes=[str(digit)], grey=True)
    run("train", "--data", "folder:for-a-hybrid", "--model", "hybrid.json", "--epochs", 1, "--batch", 9, "--out", "hybrid", "--quiet")
    found = json.loads(run("eval", "--data", "folder:for-a-hybrid", "--model", "hybrid", "--json").stdout)
    assert found["images"] == 30, found


def test_the_network_fits_the_pictures():
    for folder, sizes, grey, name, says in (
            ("small-colour", (50, 40), False, "vit_d128_l6_h4_patch4_32", "colour pictures of about 40 pixels"),
            ("small-grey", (20, 90), True, "vit_d128_l6_h4_patch4_28_gray", "grey pictures of about 20 pixels"),
            ("medium", (200, 150), False, "vit_d192_l6_h3_patch16_128", "colour pictures of about 150 pixels")):
        pictures(folder, sizes, count=15, grey=grey)
        done = run("train", "--data", f"folder:{folder}", "--batch", 8, "--epochs", 1, "--warmup-epochs", 0, "--out", f"{folder}-run")
        assert f"chosen for {says}; --model names another" in done.stdout, done.stdout
        assert json.load(open(f"{folder}-run/config.json"))["model"] == name
        assert "25 training images, 24 of them in each epoch; 2 validation images" in done.stdout, done.stdout
        assert "1 epoch of 3 steps of 8; about" in done.stdout, done.stdout
    done = run("train", "--data", "folder:small-grey", "--model", MODEL, "--batch", 8, "--epochs", 1, "--out", "named")
    assert "chosen for" not in done.stdout and json.load(open("named/config.json"))["model"] == MODEL
    # The network that was chosen is the run's own.
    run("train", "--data", "folder:small-grey", "--resume", "--out", "small-grey-run", "--quiet")


def test_lines_fit_eighty_columns():
    done = run("train", "--data", "idx:data", *TRAIN, "--threads", 1, "--epochs", 12, "--out", "narrow")
    assert len(re.findall(r"epoch +\d+/12  train \d", done.stdout + done.stderr)) == 12, done.stdout + done.stderr
    again = run("train", "--out", "narrow", "--resume", "--epochs", 13)
    over = run("train", "--out", "narrow", "--resume")
    for line in (done.stdout + done.stderr + again.stdout + again.stderr + over.stdout).splitlines():
        assert len(line) <= 80, line


def test_forms_that_convert_does_not_write_are_refused():
    run("train", "--data", "idx:data", *QUICK, "--epochs", 1, "--out", "written")
    for name in ("x.onnx", "y.pth", "z.gguf", "w.npz", "v.bin", "u.h5"):
        refused("convert", "written", name, status=2, says="FILE.safetensors or as a Hugging Face folder")
        assert not os.path.exists(name)
    os.makedirs("there.v2", exist_ok=True)
    for name in ("vit-1.5", "slash.hf/", "there.v2"):
        run("convert", "written", name, "--quiet")
        assert os.path.exists(f"{name}/config.json"), name


def test_help_fits_eighty_columns():
    commands = ([], ["train"], ["eval"], ["classify"], ["features"], ["convert"], ["visualize"], ["visualize", "attention"],
                ["bench", "train"], ["study", "position"])
    for words in (*([*command, "--help"] for command in commands), ["train", "--help-all"]):
        for line in run(*words).stdout.splitlines():
            assert len(line) <= 80 or " " not in line.strip(), (words, line)
    assert "pictures: grey or colour, and of 28, 32, 64, 128, 224" in " ".join(run("train", "--help").stdout.split())


def test_help_of_train_is_short_and_help_all_has_every_option():
    short, full = run("train", "--help").stdout, run("train", "--help-all").stdout
    listed = [set(re.findall(r"^  (?:-.,)?(--[a-z0-9-]+)", text, re.M)) for text in (short, full)]
    assert listed[0] < listed[1] and len(listed[0]) <= 30, listed[0]
    assert f"--help-all lists {len(listed[1]) - len(listed[0])} more options." in short and "more options" not in full
    for section in ("Options", "Data", "Model", "Schedule", "Optimizer", "Mixing", "Augmentation", "Common"):
        assert f"\n\n{section}:\n" in short, section
    # Every option of config.json, but for those of another name; with defaults and ranges.
    run("train", "--data", "idx:data", *QUICK, "--epochs", 1, "--out", "helped")
    config = json.loads(read("helped/config.json"))
    keys = [*config.pop("augment"), *config]
    others = {"init_weights": "--weights", "exif": "--no-exif"}
    assert {others.get(key, "--" + key.replace("_", "-")) for key in keys} <= listed[1]
    words = " ".join(full.split())
    for text in ("highest learning rate [0.001; above 0 and below 1000]", "learning rate at the end [1e-06; 0 to lr]", "[1/12; at least 0",
                 "--schedule constant|linear|cosine|step", "--ema-warmup [BOOL]", "in files init_weights [best]"):
        assert text in words, text


def test_flags_that_files_always_had():
    options = ["--data", "idx:data", *QUICK, "--epochs", 1, "--out", "flagged", "--beta1", 0.8, "--warmup-lr", 1e-5, "--decay-all", "--erase-area-min", 0.1,
               "--ema-warmup", "false"]
    run("train", *options)
    config = json.loads(read("flagged/config.json"))
    assert (config["beta1"], config["warmup_lr"], config["decay_all"], config["augment"]["erase_area_min"]) == (0.8, 1e-5, True, 0.1)
    refused(*DATA, "--beta1", 1, status=2, says="--beta1 1: must be at least 0 and below 1")
    refused(*DATA, "--set", "drop_path=-1", status=2, says="--set drop_path=-1: must be at least 0 and below 1")
    refused(*DATA, "--beta", 1, status=2, says="did you mean --beta1?")
