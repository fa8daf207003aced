"""Data sets as people have them: classes by name, parts, lists, what is passed over, figures of each class."""
import json
import os
import random
import shutil
import struct

from program import png_bytes, read, refused, run

MODEL = "vit_d32_l1_h2_patch4_8"
COLOURS = [(230, 30, 30), (30, 220, 30), (30, 30, 230), (230, 230, 30), (30, 230, 230), (230, 30, 230), (250, 250, 250),
           (10, 10, 10), (130, 130, 130), (250, 130, 10), (10, 130, 250), (130, 10, 130)]


def picture(path, colour, rng=random.Random(5)):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(png_bytes(8, 8, [max(0, min(255, c + rng.randint(-12, 12))) for c in COLOURS[colour]]))


def pictures(folder, **classes):
    """A folder for each class, named without its leading underscore, of so many pictures in a colour of its own."""
    for colour, (name, count) in enumerate(classes.items()):
        for i in range(count):
            picture(f"{folder}/{name.removeprefix('_')}/{i:02}.png", colour)


def train(out, data, *extra, epochs=25, batch=20, **kwargs):
    return run("train", "--data", data, "--model", MODEL, "--batch", batch, "--epochs", epochs, "--lr", 0.003, "--out", out,
               *extra, **kwargs)


def judged(model, data, *extra):
    done = run("eval", "--model", model, "--data", data, "--json", *extra)
    return json.loads(done.stdout)


def parse(path):
    content = read(path)
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8:8 + length]), bytearray(content[8 + length:])


def in_another_order(path, to, seed):
    """The same model with its classes shuffled: rows of its head, and their names."""
    header, data = parse(path)
    labels = json.loads(header["__metadata__"]["vitrine.labels"])
    order = list(range(len(labels)))
    random.Random(seed).shuffle(order)
    for name in ("head.weight", "head.bias"):
        begin, end = header[name]["data_offsets"]
        width = (end - begin) // len(labels)
        rows = [bytes(data[begin + i * width:begin + (i + 1) * width]) for i in order]
        data[begin:end] = b"".join(rows)
    header["__metadata__"]["vitrine.labels"] = json.dumps([labels[i] for i in order])
    text = json.dumps(header).encode()
    with open(to, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def test_lists_and_folders_have_the_same_classes():
    pictures("num", **{f"_{i}": 20 for i in range(12)})
    with open("num.csv", "w") as f:
        f.write("file,label\n" + "".join(f"num/{i}/{j:02}.png,{i}\n" for j in range(20) for i in (3, 11, 0, 7, 10, 1, 9, 2, 8, 4, 6, 5)))
    done = train("by-list", "csv:num.csv", "--quiet")
    train("by-folder", "folder:num", "--quiet")
    for model in ("by-list", "by-folder"):
        for data in ("csv:num.csv", "folder:num"):
            assert judged(model, data)["top1"] > 0.95, (model, data)
    names = [c["class"] for c in judged("by-list", "folder:num")["classes"]]
    assert names == [str(i) for i in range(12)], names
    assert done.stderr == ""


def test_classes_are_matched_by_name():
    in_another_order("by-list/model.safetensors", "shuffled.safetensors", 1)
    own = judged("by-list", "folder:num")
    assert abs(judged("shuffled.safetensors", "folder:num")["top1"] - own["top1"]) < 1e-9
    # Its head comes along: one step with no rate to speak of changes nothing.
    still = ["--init", "shuffled.safetensors", "--batch", 20, "--lr", "1e-9", "--min-lr", 0, "--set", "warmup_lr=0"]
    done = run("train", "--data", "folder:num", *still, "--epochs", 1, "--out", "kept-head")
    assert "its head is kept, the classes are the same in another order" in done.stderr, done.stderr
    assert judged("kept-head", "folder:num")["top1"] > 0.95
    # Other classes, a new head.
    pictures("pair", red=20, green=20)
    done = run("train", "--data", "folder:pair", *still, "--epochs", 1, "--out", "new-head")
    assert "its head is left out" in done.stderr and "no class 'green' and 'red'" in done.stderr, done.stderr
    # What only the teacher can tell, it tells by name.
    teaches = ["--teacher", "shuffled.safetensors", "--distillation", "hard", "--distillation-alpha", 1, "--quiet"]
    train("taught", "folder:num", *teaches)
    assert judged("taught", "folder:num")["top1"] > 0.9
    refused("train", "--data", "folder:pair", "--model", MODEL, "--out", "x", *teaches, status=2, says="12 classes, the student 2")


def test_some_of_the_classes_are_enough_to_judge():
    train("colours", "folder:pair", "--quiet")
    shutil.copytree("pair/green", "part/green")
    done = run("eval", "--model", "colours", "--data", "folder:part", "--json")
    result = json.loads(done.stdout)
    assert result["images"] == 20 and result["top1"] > 0.95, result
    assert "1 of the model's 2 classes, judged by name" in done.stderr and len(done.stderr.splitlines()) == 2, done.stderr
    assert [c["support"] for c in result["classes"]] == [20, 0], result
    os.rename("part/green", "part/grass")
    line = refused("eval", "--model", "colours", "--data", "folder:part", status=2, says="no class 'grass'")
    assert "it has 'green' and 'red'" in line and "--labels" in line
    with open("grass.txt", "w") as f:
        f.write("grass\nred\n")
    assert judged("colours", "folder:part", "--labels", "grass.txt")["top1"] > 0.95
    # A model that does not know the names of its classes.
    header, data = parse("colours/model.safetensors")
    del header["__metadata__"]["vitrine.labels"]
    text = json.dumps(header).encode()
    with open("nameless.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)
    done = run("eval", "--model", "nameless.safetensors", "--data", "folder:pair", "--json")
    assert "the model does not say what its classes are called" in done.stderr and json.loads(done.stdout)["top1"] > 0.95
    refused("eval", "--model", "nameless.safetensors", "--data", "folder:part", status=2, says="2 classes, data folder:part has 1")


def test_a_whole_folder_is_judged_whole():
    done = run("eval", "--model", "colours", "--data", "folder:pair")
    assert " 40 images" in done.stdout and "there is no test part, so every picture is judged" in done.stderr, done
    for split, images in (("all", 40), ("test", 4), ("train", 36)):
        done = run("eval", "--model", "colours", "--data", "folder:pair", "--split", split, "--json")
        assert json.loads(done.stdout)["images"] == images
        assert ("a tenth is split off for it, 4 of 40 pictures" in done.stderr) == (split != "all"), done.stderr
    refused("eval", "--model", "colours", "--data", "folder:pair", "--split", "val", status=2, says="no validation part")


def test_parts_of_a_folder():
    pictures("parts/Training", cat=20, dog=20)
    pictures("parts/valid", cat=6, dog=5)
    done = train("with-valid", "folder:parts", epochs=2)
    assert " and 11 validation images" in done.stdout and " 11 images" in done.stdout, done.stdout
    assert "valid takes its place" in done.stderr and "11 pictures of valid choose the best weights" in done.stderr, done.stderr
    pictures("parts/testing", cat=3, dog=4)
    done = train("with-both", "folder:parts", epochs=2)
    assert " and 11 validation images" in done.stdout and " 7 images" in done.stdout, done.stdout
    for split, images in (("test", 7), ("val", 11), ("train", 40), ("all", 58)):
        assert judged("with-both", "folder:parts", "--split", split)["images"] == images
    assert judged("with-both", "folder:parts")["images"] == 7
    # The same bytes as one that was never interrupted; a run of before goes on without the part.
    run("train", "--out", "with-both", "--resume", "--quiet")
    os.makedirs("parts/val/cat")
    shutil.copy("parts/valid/cat/00.png", "parts/val/cat/00.png")
    refused("train", "--data", "folder:parts", "--model", MODEL, "--out", "x", status=1, says="both val and valid")
    shutil.rmtree("parts/val")

    pictures("vehicles", bus=10, car=10, train=10, test=10)
    train("vehicles-run", "folder:vehicles", "--quiet", epochs=1)
    assert json.loads(run("inspect", "vehicles-run", "--json").stdout)["labels"] == ["bus", "car", "test", "train"]


def test_what_is_passed_over_is_said():
    pictures("messy", cat=12, dog=12)
    pictures("messy/cat", _2021=6)
    for name in ("cat/.DS_Store", "cat/Thumbs.db", "dog/a.webp", "dog/b.webp", "notes.txt"):
        with open(f"messy/{name}", "w") as f:
            f.write("not a picture")
    os.rename("messy/cat/00.png", "messy/cat/00.JPE")
    os.symlink("..", "messy/dog/up")
    os.mkfifo("messy/dog/pipe.png")
    want = "messy: passed over: 1 .txt\nmessy: passed over: 2 .webp, 1 .db, 1 hidden, 1 links to folders met before, 1 not regular files\n"
    want += "messy: 6 of 30 pictures lie in folders inside that of their class\n"
    done = run("features", "--model", "colours", "--data", "folder:messy", "--out", "messy.npy", "--json")
    assert json.loads(done.stdout)["images"] == 30 and done.stderr.startswith(want), done.stderr
    done = train("messy-run", "folder:messy", "--json", epochs=1)
    assert want in done.stderr, done.stderr
    assert run("eval", "--model", "messy-run", "--data", "folder:messy").stderr.count("2 .webp") == 1


def test_lists_of_spreadsheets():
    def write(text, name="sheet.csv"):
        with open(name, "w", encoding="utf-8", newline="") as f:
            f.write(text)
        return "csv:" + name
    rows = "".join(f'"pair/{c}/{i:02}.png",{c}\r\n' for i in range(20) for c in ("red", "green"))
    done = train("sheet", write("\ufefffilename,label\r\n" + rows), "--bad-pictures", "skip", epochs=2)
    assert "line 1 is taken for a header (filename, label)" in done.stderr, done.stderr
    assert json.loads(run("inspect", "sheet", "--json").stdout)["labels"] == ["green", "red"]
    for text, says in ((rows.replace(",", ";"), "line 1"), ("a\n" + rows, "line 1"), (rows + "x,y,z\n", "line 41")):
        refused("train", "--data", write(text, "other.csv"), "--model", MODEL, "--out", "x", status=1, says=says)
    home = {"HOME": os.path.abspath("pair")}
    data = write("~/red/00.png,red\n~/green/00.png,green\n", "home.csv")
    assert json.loads(run("eval", "--model", "colours", "--data", data, "--json", env=home).stdout)["images"] == 2
    assert json.loads(run("eval", "--model", "colours", "--data", "folder:~/", "--json", env=home).stdout)["images"] == 40
    assert not os.path.exists("x")


def test_what_a_run_needs_is_checked_before_it_begins():
    def begin(data, **kwargs):
        refused("train", "--data", data, "--model", MODEL, "--batch", 4, "--epochs", 1, "--out", "x", **kwargs)
        assert not os.path.exists("x")
    pictures("early/train", cat=10, dog=10)
    pictures("early/test", cat=2, dog=2, emu=1)
    begin("folder:early", status=1, says="class 'emu'")
    shutil.rmtree("early/test/emu")
    with open("early/test/cat/00.png", "w") as f:
        f.write("not a picture")
    begin("folder:early", status=1, says="early/test/cat/00.png")
    train("skips", "folder:early", "--bad-pictures", "skip", epochs=1, batch=4)
    os.makedirs("lists", exist_ok=True)
    for part, files in (("train", "../pair/red/00.png,red\n../pair/green/00.png,green\n" * 4), ("test", "../pair/red/00.png,red\ngone.png,red\n")):
        with open(f"lists/{part}.csv", "w") as f:
            f.write(files)
    begin("csv:lists", status=1, says="lists/gone.png: No such file")
    # The names of the model's classes say how many there are, a JSON file does not.
    with open("three.json", "w") as f:
        json.dump({"img_size": 8, "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 1, "num_classes": 3}, f)
    done = run("train", "--data", "folder:pair", "--model", "three.json", "--batch", 4, "--epochs", 1, "--out", "two-of-three")
    assert "three.json: 2 classes, as the data have, not 3" in done.stderr, done.stderr
    refused("train", "--data", "folder:pair", "--model", MODEL + "_c3", "--out", "x", status=2, says="has 3 classes")


def test_bad_pictures_of_an_evaluation_and_of_a_run_that_goes_on():
    shutil.copytree("pair", "spoiled")
    with open("spoiled/red/07.png", "w") as f:
        f.write("not a picture")
    refused("eval", "--model", "colours", "--data", "folder:spoiled", "--quiet", status=1, says="spoiled/red/07.png")
    done = run("eval", "--model", "colours", "--data", "folder:spoiled", "--bad-pictures", "skip", "--json")
    result = json.loads(done.stdout)
    assert result["images"] == 39 and len(result["bad_pictures"]) == 1, result
    assert "1 of the pictures are left out" in done.stderr and "spoiled/red/07.png" in done.stderr
    # A run that meets it after its first epoch goes on without it.
    shutil.copy("pair/red/07.png", "spoiled/red/07.png")
    train("met", "folder:spoiled", "--validation", 0.2, "--quiet", epochs=2, batch=4)
    before = parse("met/checkpoint.safetensors")[0]["__metadata__"]
    state = json.loads(before["vitrine.training"])
    header, data = parse("met/checkpoint.safetensors")
    state.update(epoch=1, step=0)
    header["__metadata__"]["vitrine.training"] = json.dumps(state)
    text = json.dumps(header).encode()
    with open("met/checkpoint.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)
    os.remove("met/result.json")
    for i in range(0, 20, 2):
        with open(f"spoiled/red/{i:02}.png", "w") as f:
            f.write("not a picture")
    refused("train", "--out", "met", "--resume", "--quiet", status=1, says="spoiled/red/")
    done = run("train", "--out", "met", "--resume", "--bad-pictures", "skip")
    assert "of the training pictures are left out" in done.stderr, done.stderr
    assert json.loads(read("met/config.json"))["bad_pictures"] == "skip"
    after = parse("met/model.safetensors")[0]["__metadata__"]
    assert after["vitrine.held_out"] == before["vitrine.held_out"]
    run("train", "--out", "met", "--resume", "--quiet")


def test_figures_of_every_class():
    done = run("eval", "--model", "first", "--data", "idx:data")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80, done.stdout
    for words in ("class", "mean of the classes", "mean of the pictures", "confused most often", "worst mistakes"):
        assert any(line.startswith(words) for line in lines), words
    assert len(run("eval", "--model", "first", "--data", "idx:data", "--quiet").stdout.splitlines()) == 1
    result = judged("first", "idx:data")
    classes = result["classes"]
    assert sum(c["support"] for c in classes) == sum(c["predicted"] for c in classes) == 60
    right = sum(c["recall"] * c["support"] for c in classes)
    assert abs(right / 60 - result["top1"]) < 1e-9 and abs(result["weighted"]["recall"] - result["top1"]) < 1e-9
    assert abs(sum(c["f1"] for c in classes) / 10 - result["macro"]["f1"]) < 1e-9
    wrong = round(60 * (1 - result["top1"]))
    assert sum(p["count"] for p in result["confused"]) == wrong and len(result["mistakes"]) == min(wrong, 32)
    # Files by their names, in JSON and on the screen; of many classes the worst.
    pictures("many", **{f"_class {i}\nof 30": 2 for i in range(30 - 18)})
    for i in range(12, 30):
        picture(f"many/class {i}\nof 30/00.png", i % 12)
    train("many-run", "folder:many", "--quiet", epochs=2)
    result = judged("many-run", "folder:many")
    assert len(result["classes"]) == 30 and all(os.path.exists(m["file"]) for m in result["mistakes"]) and result["mistakes"]
    shown = run("eval", "--model", "many-run", "--data", "folder:many").stdout
    assert "the 20 worst of 30 classes by F1" in shown and result["mistakes"][0]["file"].replace("\n", "\\x0a") in shown, shown
    table = shown[:shown.index("confused most")]
    assert table.count("class ") == 21, table
    every = run("eval", "--model", "many-run", "--data", "folder:many", "--all-classes").stdout
    assert every[:every.index("confused most")].count("class ") == 31
