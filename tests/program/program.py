"""The program under test, and what its tests are made of."""
import json
import os
import random
import struct
import subprocess
import sys
import zlib
from contextlib import contextmanager

from cases import Skip

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


def check_memory_estimate(result):
    """Right within a tenth; under AddressSanitizer nothing is to be seen: it keeps what is given back."""
    if "/asan/" not in VITRINE:
        assert 0.9 < result["memory_estimate_mib"] / result["peak_rss_mib"] < 1.1, result


def read(path):
    with open(path, "rb") as f:
        return f.read()


def safetensors(path, tensors, metadata=None):
    """Writes a file; tensors: name -> (dtype, shape, bytes)"""
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


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


@contextmanager
def small_disk(folder, size):
    """A tmpfs of so many bytes as `folder`; yields a function that gives it another size. Skip without the right to."""
    os.makedirs(folder, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        raise Skip("mounting a small tmpfs needs root")
    try:
        yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
    finally:
        subprocess.run(["umount", folder], check=True)
