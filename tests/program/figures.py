"""The pictures that the program draws: they can be read, and go where they were asked for."""
import json
import os
import struct
import zlib

from program import png_bytes, read, refused, run

MODEL = "vit_d32_l2_h2_patch4_12"
NAMES = ["αλεπού", "кошка", "Kätzchen", "猫", "a class with a name that is far too long for any picture to show", "🐦 bird"]


def size_of(path):
    return struct.unpack(">II", read(path)[16:24])


def pixels_of(path, most_rows=10000):
    """Width, height, and the RGB triples of the first rows of a PNG file as the program writes it."""
    data = read(path)
    assert data[:8] == b"\x89PNG\r\n\x1a\n", path
    at, packed = 8, b""
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at:at + 4]), data[at + 4:at + 8]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", data[at + 8:at + 18])
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += length + 12
    assert (depth, colour) == (8, 2), (path, depth, colour)
    raw, stride, rows, above = zlib.decompress(packed), 3 * width, [], bytes(3 * width)
    for y in range(min(height, most_rows)):
        kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            a, b, c = line[x - 3] if x >= 3 else 0, above[x], above[x - 3] if x >= 3 else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line[x] = (line[x] + [0, a, b, (a + b) // 2, paeth][kind]) % 256
        above = bytes(line)
        rows.append([tuple(above[x:x + 3]) for x in range(0, stride, 3)])
    return width, height, rows


def colours(rows, columns):
    """The colours, and how often each occurs, left of a column; greys left out."""
    found = {}
    for row in rows:
        for colour in row[:columns]:
            if max(colour) - min(colour) > 30:
                found[colour] = found.get(colour, 0) + 1
    return found


def make_photos(folder, names, count=8):
    for i, name in enumerate(names):
        for part in ("train", "test"):
            os.makedirs(f"{folder}/{part}/{name}", exist_ok=True)
            for k in range(count):
                shade = (255 * i // len(names), 255 - 255 * i // len(names), (40 * k) % 256)
                with open(f"{folder}/{part}/{name}/{part}-{name[:20]}-{k}.png", "wb") as f:
                    f.write(png_bytes(14, 12, shade))


def without_queries(model, out):
    """The weights with all queries, keys and values zero: attention is the same everywhere."""
    data = bytearray(read(model))
    (length,) = struct.unpack("<Q", data[:8])
    for name, entry in json.loads(data[8:8 + length]).items():
        if ".attn.qkv." in name:
            begin, end = (8 + length + n for n in entry["data_offsets"])
            data[begin:end] = bytes(end - begin)
    with open(out, "wb") as f:
        f.write(data)


def test_pictures_of_classes_with_any_names():
    make_photos("named", NAMES)
    run("train", "--data", "folder:named", "--model", MODEL, "--batch", "16", "--epochs", "1", "--warmup-epochs", "0",
        "--out", "named-run", "-q")
    for name in ("confusion.png", "mistakes.png", "curves.png"):
        width, height = size_of(f"named-run/{name}")
        assert 200 < width < 3000 and 80 < height < 3000, (name, width, height)
    run("eval", "--model", "named-run", "--data", "folder:named", "--confusion", "c.png", "--mistakes", "drawn", "-q")
    assert os.listdir("drawn") == ["mistakes.png"]
    assert read("c.png") == read("named-run/confusion.png")
    run("visualize", "samples", "--model", "named-run", "--data", "folder:named", "--out", "named-samples", "-q")
    written = sorted(os.listdir("named-samples"))
    assert len(written) == 13 and "sheet.png" in written, written
    assert all(len(name.encode()) < 100 for name in written), written


def test_a_hundred_classes():
    make_photos("hundred", [f"class{i}" for i in range(100, 200)], count=2)
    run("train", "--data", "folder:hundred", "--model", MODEL, "--batch", "32", "--epochs", "1", "--warmup-epochs", "0",
        "--validation", "0", "--out", "hundred-run", "-q")
    width, height, rows = pixels_of("hundred-run/confusion.png", 400)
    assert 1200 < width < 3000 and 1200 < height < 2000, (width, height)
    # Names stand left of the cells: ink where a picture without names has none.
    ink = sum(1 for row in rows[200:] for colour in row[60:110] if max(colour) < 120)
    assert ink > 500, ink


def test_even_attention_looks_even():
    make_photos("named", NAMES)
    if not os.path.exists("named-run/model.safetensors"):
        test_pictures_of_classes_with_any_names()
    without_queries("named-run/model.safetensors", "even.safetensors")
    with open("even.config.json", "w") as f:
        f.write(read("named-run/config.json").decode())
    with open("grey.png", "wb") as f:
        f.write(png_bytes(24, 24, (90, 90, 90)))
    run("visualize", "attention", "--model", "even.safetensors", "--out", "even.png", "grey.png", "-q")
    width, _, rows = pixels_of("even.png")
    maps = colours(rows, width - 24 - 120 - 22 - 12)  # without the scale
    assert len(maps) == 1, maps
    run("visualize", "rollout", "--model", "even.safetensors", "--out", "even-rollout.png", "grey.png", "-q")
    width, _, rows = pixels_of("even-rollout.png")
    assert len(colours(rows, width - 24 - 120 - 22 - 12)) == 1


def test_dark_photographs_stay_visible():
    with open("night.png", "wb") as f:
        f.write(night_png())
    run("visualize", "attention", "--model", "named-run", "--out", "night-maps.png", "night.png", "-q")
    width, height, rows = pixels_of("night-maps.png", 250)
    # The second panel: its left half is over black, its right half over what was nearly black.
    left = [sum(rows[y][x]) for y in range(100, 250) for x in range(280, 350)]
    right = [sum(rows[y][x]) for y in range(100, 250) for x in range(410, 470)]
    assert sum(right) / len(right) > sum(left) / len(left) + 90, (width, height)


def night_png():
    rows = b"".join(b"\0" + b"\x02\x02\x02" * 12 + b"\x12\x12\x12" * 12 for _ in range(24))
    data = png_bytes(24, 24, (0, 0, 0))
    begin = data.index(b"IDAT") - 4
    packed = zlib.compress(rows)
    chunk = struct.pack(">I", len(packed)) + b"IDAT" + packed + struct.pack(">I", zlib.crc32(b"IDAT" + packed))
    return data[:begin] + chunk + data[-12:]


def test_where_pictures_go():
    with open("grey.png", "wb") as f:
        f.write(png_bytes(24, 24, (90, 90, 90)))
    of = ("--model", "named-run")
    for name in ("maps.jpg", "maps.JPEG", "maps.svg", "maps.gif"):
        refused("visualize", "attention", *of, "--out", name, "grey.png", status=2, says=f"--out {name}: pictures are "
                "written as PNG; name it maps.png")
        refused("visualize", "curves", "--run", "named-run", "--out", name, status=2, says="written as PNG")
        refused("visualize", "position", *of, "--out", name, status=2, says="written as PNG")
        refused("visualize", "rollout", *of, "--out", name, "grey.png", status=2, says="written as PNG")
        refused("eval", *of, "--data", "folder:named", "--confusion", name, status=2, says=f"--confusion {name}")
        assert not os.path.exists(name)
    refused("visualize", "attention", *of, "--out", "nowhere/a.png", "grey.png", status=2, says="no folder nowhere")
    refused("visualize", "samples", *of, "--out", "a.png", status=2, says="name a folder")
    done = run("visualize", "attention", *of, "--out", "maps.png", "grey.png", "grey.png")
    assert done.stdout.split() == ["maps-1.png", "maps-2.png"] and not os.path.exists("maps.png"), done.stdout
    assert read("maps-1.png") == read("maps-2.png")
    done = run("visualize", "attention", *of, "--out", "several", "grey.png", "grey.png")
    assert sorted(os.listdir("several")) == ["grey-2.attention.png", "grey.attention.png"], done.stdout
    assert run("visualize", "position", *of, "--out", "several").stdout.split() == ["several/position.png"]


def test_curves_of_twelve_runs():
    names = []
    for i in range(12):
        names.append(f"runs{i}/a run of many with a long name")
        os.makedirs(names[-1], exist_ok=True)
        with open(f"{names[-1]}/metrics.jsonl", "w") as f:
            for epoch in range(5):
                f.write(json.dumps({"epoch": epoch, "step": 10 * (epoch + 1), "validation_loss": 2 - 0.1 * epoch - 0.05 * i,
                                    "validation_top1": 0.1 * epoch + 0.02 * i}) + "\n")
    run("visualize", "curves", "--run", *names, "--out", "twelve.png", "-q")
    width, height, rows = pixels_of("twelve.png")
    found = colours(rows, width)
    curves = [colour for colour, count in found.items() if count > 250]
    assert len(curves) == 12, sorted(found.items(), key=lambda entry: -entry[1])[:20]
    assert height > 480, height  # the names have lines of their own
