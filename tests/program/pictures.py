"""Pictures as cameras and editors write them: a file is one and the same picture to every command."""
import csv
import io
import json
import os
import random
import shutil
import struct
import subprocess
import zlib

from program import VITRINE, read, refused, run

SMALL = ["--model", "vit_d32_l1_h2_patch4_12", "--batch", 4, "--epochs", 1, "--warmup-epochs", 0, "--validation", 0.2,
         "--quiet"]


def png(rows, *, exif=None):
    """An RGB PNG of rows of (r, g, b), with an EXIF orientation."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    data = b"".join(b"\0" + bytes(v for pixel in row for v in pixel) for row in rows)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0))
    if exif:
        out += chunk(b"eXIf", b"MM\0\x2a" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, exif, 0, 0))
    return out + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def turned(rows):
    """By a quarter, clockwise: what orientation 6 asks for."""
    return [list(row) for row in zip(*rows[::-1])]


def write_folder(folder, write):
    rng = random.Random(7)
    for name in ("cat", "dog"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        for i in range(12):
            rows = [[[rng.randrange(256) for _ in range(3)] for _ in range(14)] for _ in range(10)]
            with open(f"{folder}/{name}/{i:02}.png", "wb") as f:
                f.write(write(rows))


def trained(out, folder, *args):
    run("train", "--data", f"folder:{folder}", *SMALL, *args, "--out", out)
    return read(f"{out}/model.safetensors")


def answers(model, folder, *args):
    """Everything that a model says of a folder's pictures: evaluation, classes, features, a rollout."""
    files = sorted(f"{folder}/{c}/{n}" for c in ("cat", "dog") for n in os.listdir(f"{folder}/{c}"))
    done = run("classify", "--model", model, "--json", *files, *args)
    run("features", "--model", model, "--out", "f.npy", "--quiet", *files, *args)
    run("features", "--model", model, "--out", "g.npy", "--quiet", "--data", f"folder:{folder}", "--split", "train", *args)
    run("visualize", "rollout", "--model", model, files[0], "--out", "r.png", "--quiet", *args)
    run("visualize", "samples", "--model", model, "--data", f"folder:{folder}", "--out", "s", "--count", 1, "--quiet", *args)
    # What it says of mistakes names their files.
    evaluated = run("eval", "--model", model, "--data", f"folder:{folder}", "--split", "train", "--json", *args).stdout
    return [json.loads(evaluated.replace(folder, "FOLDER")), [x["top"] for x in json.loads(done.stdout)], read("f.npy"),
            read("g.npy"), read("r.png"), read("s/00000-cat.png")], done.stderr


def test_a_file_is_one_picture_everywhere():
    write_folder("phone", lambda rows: png(rows, exif=6))
    write_folder("upright", lambda rows: png(turned(rows)))
    write_folder("stored", png)
    learned = trained("by-phone", "phone")
    assert learned == trained("by-upright", "upright")
    assert learned != trained("by-stored", "stored")
    for name in ("eval", "classify"):
        assert "--no-exif" in run(name, "--help").stdout
    seen, said = answers("by-phone", "phone")
    assert said == "" and seen == answers("by-phone", "upright")[0]
    as_stored = answers("by-phone", "phone", "--no-exif")[0]
    assert as_stored == answers("by-phone", "stored")[0]
    assert all(a != b for a, b in zip(seen, as_stored))


def test_a_model_remembers_that_it_learned_pictures_as_stored():
    learned = trained("ignoring", "phone", "--no-exif")
    assert learned == trained("ignoring-2", "stored", "--no-exif")
    assert json.loads(read("ignoring/config.json"))["exif"] is False
    assert json.loads(run("inspect", "ignoring", "--json").stdout)["preprocess"]["exif"] is False
    seen, said = answers("ignoring", "phone")
    assert "without their EXIF orientation" in said
    assert seen == answers("ignoring", "stored")[0]
    # So do copies, and what starts from it.
    run("convert", "ignoring", "copy.safetensors")
    assert answers("copy.safetensors", "phone")[0] == seen
    run("train", "--data", "folder:phone", "--init", "ignoring", "--batch", 4, "--epochs", 1, "--warmup-epochs", 0,
        "--out", "tuned-as-stored", "--quiet")
    assert json.loads(run("inspect", "tuned-as-stored", "--json").stdout)["preprocess"]["exif"] is False
    # A run goes on as it began.
    run("train", "--out", "ignoring", "--resume", "--no-exif", "--quiet")
    assert read("ignoring/model.safetensors") == learned


def test_a_run_from_before_the_question_goes_on_as_it_began():
    """Its checkpoint has no word about EXIF, and it took pictures as they were stored."""
    trained("older", "phone")
    data = read("older/checkpoint.safetensors")
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header["__metadata__"]
    training, seen = json.loads(metadata["vitrine.training"]), json.loads(metadata["vitrine.preprocess"])
    assert training["options"].pop("exif") is True and seen.pop("exif") is True
    metadata["vitrine.training"], metadata["vitrine.preprocess"] = json.dumps(training), json.dumps(seen)
    text = json.dumps(header).encode()
    with open("older/checkpoint.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data[8 + size:])
    os.remove("older/result.json")  # there was none
    assert "seen as stored" in run("train", "--out", "older", "--resume").stdout


# --- classify: folders, standard input, tables -------------------------------------------------

def classified(*args, **kwargs):
    return json.loads(run("classify", "--model", "by-phone", "--json", *args, **kwargs).stdout)


def test_classify_takes_folders():
    os.makedirs("album/deeper", exist_ok=True)
    for name in ("b.PNG", "a.png", ".hidden.png", "notes.txt", "w1.webp", "w2.webp"):
        shutil.copy("upright/cat/00.png", f"album/{name}")
    one = classified("upright/cat/00.png")[0]["top"]
    done = run("classify", "--model", "by-phone", "--json", "album", "upright/dog/01.png", "album/")
    got = json.loads(done.stdout)
    assert [g["file"] for g in got] == ["album/a.png", "album/b.PNG", "upright/dog/01.png", "album/a.png",
                                        "album/b.PNG"], got
    assert got[0]["top"] == got[1]["top"] == one
    lines = done.stderr.splitlines()
    assert lines == [f"{name}: passed over: 2 .webp, 1 .txt, 1 folders, 1 hidden" for name in ("album", "album/")], lines
    assert run("classify", "--model", "by-phone", "--quiet", "album").stderr == ""
    # An empty folder is a mistake, and no reason not to look at the others.
    done = run("classify", "--model", "by-phone", "--json", "album/deeper", "album/a.png", "nowhere.png", status=1)
    assert [g["file"] for g in json.loads(done.stdout)] == ["album/a.png"]
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and "album/deeper: no .jpg" in lines[0] and "nowhere.png" in lines[1], lines


def test_a_picture_alone_or_among_others_and_bad_ones():
    """More than two batches, with pictures between them that cannot be read."""
    names = [f"upright/{kind}/{i % 2:02}.png" for i in range(20) for kind in ("cat", "dog")]
    alone = {name: classified(name)[0]["top"] for name in sorted(set(names))}
    with open("text.png", "w") as f:
        f.write("no picture")
    given = names[:3] + ["nowhere.png"] + names[3:17] + ["text.png", "nowhere.png"] + names[17:]
    done = run("classify", "--model", "by-phone", "--json", *given, status=1)
    assert [(g["file"], g["top"]) for g in json.loads(done.stdout)] == [(name, alone[name]) for name in names]
    lines = done.stderr.splitlines()
    assert len(lines) == 3 and "nowhere.png" in lines[0] and lines[2] == lines[0] and "text.png" in lines[1], lines


def test_classify_takes_standard_input():
    want = classified("upright/cat/00.png")[0]["top"]
    with open("upright/cat/00.png", "rb") as f:
        assert classified("-", stdin=f) == [{"file": "-", "top": want}]
    # It is there once.
    with open("upright/cat/00.png", "rb") as f:
        done = run("classify", "--model", "by-phone", "--json", "-", "upright/cat/00.png", "-", stdin=f, status=1)
        assert [g["top"] for g in json.loads(done.stdout)] == [want, want], done.stdout
        assert done.stderr == "vitrine: standard input: truncated at byte 0: the file is empty\n", done.stderr
    data = read("upright/cat/00.png")
    done = subprocess.run([VITRINE, "classify", "--model", "by-phone", "--json", "-"], input=data, capture_output=True)
    assert json.loads(done.stdout) == [{"file": "-", "top": want}], done
    done = subprocess.run([VITRINE, "classify", "--model", "by-phone", "-"], input=b"GIF89a", capture_output=True)
    assert done.returncode == 1 and b"standard input: unsupported: neither a PNG nor a JPEG image but GIF" in done.stderr
    with open(os.devnull) as f:
        refused("classify", "--model", "by-phone", "-", status=1, says="standard input: truncated", stdin=f)


def test_classify_writes_tables():
    with open("names.txt", "w") as f:
        f.write('a "small", grey cat\ndog\n')
    odd = 'comma, quote" and\nline.png'
    shutil.copy("upright/cat/00.png", odd)
    args = ("classify", "--model", "by-phone", "--labels", "names.txt", odd, "upright/dog/01.png")
    rows = list(csv.reader(io.StringIO(run(*args, "--csv").stdout, newline="")))
    assert rows[0] == ["file", "rank", "label", "index", "probability"]
    # A new line is escaped, as in everything that is printed.
    want = [[g["file"].replace("\n", "\\x0a"), str(i + 1), c["label"], str(c["index"]), f"{c['probability']:.6g}"]
            for g in json.loads(run(*args, "--json").stdout) for i, c in enumerate(g["top"])]
    assert rows[1:] == want and len(want) == 4, (rows, want)
    refused(*args, "--csv", "--json", status=2, says="--csv or --json")


def test_files_of_other_formats_are_named():
    for name, data in (("x.png", b"RIFF\x24\0\0\0WEBPVP8 "), ("y.jpg", b"\0\0\0\x18ftypheic\0\0\0\0")):
        with open(name, "wb") as f:
            f.write(data)
    assert "but WebP; convert it" in refused("classify", "--model", "by-phone", "x.png", status=1, says="x.png")
    assert "but HEIC; convert it" in refused("classify", "--model", "by-phone", "y.jpg", status=1, says="y.jpg")


def test_jpegs_of_every_kind_are_seen_as_their_pixels():
    """tests/core/data has a PNG with Pillow's pixels beside each JPEG."""
    data = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "core", "data")
    names = sorted(n[:-4] for n in os.listdir(data) if n.endswith(".jpg"))
    assert len(names) > 8
    got = classified(*(f"{data}/{n}.jpg" for n in names))
    assert [g["top"] for g in got] == [g["top"] for g in classified(*(f"{data}/{n}.png" for n in names))]
