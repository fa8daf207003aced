"""Pictures as cameras and editors write them: a file is one and the same picture to every command."""
import json
import os
import random
import struct
import zlib

from program import read, run

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
    return [json.loads(run("eval", "--model", model, "--data", f"folder:{folder}", "--split", "train", "--json",
                           *args).stdout),
            [x["top"] for x in json.loads(done.stdout)], read("f.npy"), read("g.npy"), read("r.png"),
            read("s/00000-cat.png")], done.stderr


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
        "--out", "tuned", "--quiet")
    assert json.loads(run("inspect", "tuned", "--json").stdout)["preprocess"]["exif"] is False
    # A run goes on as it began.
    run("train", "--out", "ignoring", "--resume", "--no-exif", "--quiet")
    assert read("ignoring/model.safetensors") == learned
