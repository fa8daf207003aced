#!/usr/bin/env python3
"""Makes the golden family "augment": what timm's operations and Pillow do to small pictures.

    tests/golden/make_augment.py [OUT_DIR]        OUT_DIR is tests/golden/data/augment if not given

Needs Pillow, NumPy, and timm's files; of timm only auto_augment.py is loaded, so that PyTorch is not
needed. The pictures are computed from a seed. Every result is compared bit for bit, so it must come
from the versions that the manifest names, or from later ones that agree.
"""

import importlib.metadata
import importlib.util
import json
import struct
import sys
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter


def load_auto_augment():
    package = Path(importlib.util.find_spec("timm").origin).parent
    spec = importlib.util.spec_from_file_location("auto_augment", package / "data" / "auto_augment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


auto_augment = load_auto_augment()

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
LEVELS = (0.0, 3.7, 9.0, 10.0)


def pictures():
    """By name, (H, W, C) bytes: noise, slopes with edges, few levels, and sizes without an inside."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:24, 0:31]
    slopes = np.stack([x * 8, y * 10, (x * y) % 256], -1).astype(np.uint8)
    slopes[5:12, 8:20] = (250, 3, 40)
    found = {"noise": rng.integers(0, 256, (15, 18, 3), dtype=np.uint8), "slopes": slopes}
    found["dull"] = rng.integers(90, 130, (14, 14, 3), dtype=np.uint8)
    found["two_levels"] = (rng.integers(0, 2, (9, 12, 3)) * 130 + 20).astype(np.uint8)
    found["flat"] = np.full((6, 5, 3), 77, np.uint8)
    found["one_pixel"] = rng.integers(0, 256, (1, 1, 3), dtype=np.uint8)
    found["small"] = rng.integers(0, 256, (2, 3, 3), dtype=np.uint8)
    found["grey"] = rng.integers(0, 256, (20, 17, 1), dtype=np.uint8)
    found["dark_grey"] = (rng.integers(0, 256, (28, 28, 1)) ** 2 // 700).astype(np.uint8)
    return found


def to_pillow(pixels):
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


class Writer:
    """Collects cases and their tensors."""

    def __init__(self):
        self.cases, self.tensors = [], {}

    def add(self, name, picture, output, **what):
        number = len(self.cases)
        self.tensors[f"out{number}"] = np.asarray(output, np.uint8).reshape(self.tensors[picture].shape)
        self.cases.append({"id": f"{name}-{number}", "input": picture, "output": f"out{number}", **what})

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        header, data = {}, b""
        for name, tensor in self.tensors.items():
            begin, data = len(data), data + tensor.tobytes()
            header[name] = {"dtype": "U8", "shape": list(tensor.shape), "data_offsets": [begin, len(data)]}
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        (folder / "augment.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
        versions = {name: importlib.metadata.version(name) for name in ("pillow", "timm", "numpy")}
        lines = ",\n".join("  " + json.dumps(case) for case in self.cases)
        (folder / "manifest.json").write_text(
            f'{{"format": 1, "family": "augment", "file": "augment.safetensors",\n'
            f' "versions": {json.dumps(versions)},\n "cases": [\n{lines}\n]}}\n')


def timm_operation(name, pixels, level, negated, resample, fill):
    """timm's own functions; only its dice are replaced."""
    image = to_pillow(pixels)
    level_of = auto_augment.LEVEL_TO_ARG[name]
    with mock.patch.object(auto_augment.random, "random", lambda: 0.9 if negated else 0.1):
        arguments = level_of(level, {}) if level_of else ()
    if name.startswith("Posterize") and arguments[0] < 1:
        return np.zeros_like(pixels)  # Pillow before 13; later ones refuse to keep no bits
    fillcolor = fill[0] if len(fill) == 1 else tuple(fill)
    return auto_augment.NAME_TO_OP[name](image, *arguments, fillcolor=fillcolor, resample=resample)


def add_operations(writer, shown):
    names = auto_augment._RAND_TRANSFORMS + auto_augment._RAND_INCREASING_TRANSFORMS + auto_augment._RAND_3A
    for i, name in enumerate(dict.fromkeys(names)):
        geometry = name[:5] in ("Rotat", "Shear", "Trans")
        for j, (picture, pixels) in enumerate(shown.items()):
            for k, level in enumerate(LEVELS if geometry or picture == "noise" else LEVELS[j % 4:j % 4 + 1]):
                if geometry and picture not in ("noise", "small", "grey", "one_pixel") and k != j % 4:
                    continue
                negated = (i + j + k) % 2 == 1
                filter_name = ("bilinear", "bicubic")[(j + k) % 2]
                fill = [124, 116, 104][:pixels.shape[2]]
                output = timm_operation(name, pixels, level, negated, FILTERS[filter_name], fill)
                writer.add(name, picture, output, operation=name, level=level, negated=negated,
                           filter=filter_name, fill=fill)


def add_rotations(writer, shown):
    for picture in ("noise", "dull", "grey"):
        for degrees in (-360.0, -90.0, 90.0, 180.0, 270.0, 400.5, -0.3, 45.0):
            fill = [9, 8, 7][:shown[picture].shape[2]]
            fillcolor = fill[0] if len(fill) == 1 else tuple(fill)
            output = to_pillow(shown[picture]).rotate(degrees, resample=Image.BICUBIC, fillcolor=fillcolor)
            writer.add("rotate", picture, output, degrees=degrees, filter="bicubic", fill=fill)


def adjust_hue(image, factor):
    """torchvision's adjust_hue for Pillow images: the hue wraps around."""
    if image.mode == "L":
        return image
    hue, saturation, value = image.convert("HSV").split()
    turned = np.asarray(hue) + np.int32(factor * 255).astype(np.uint8)
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")


def add_adjustments(writer, shown):
    # torchvision's ColorJitter does the first three with these classes.
    adjust = {"brightness": lambda image, factor: ImageEnhance.Brightness(image).enhance(factor),
              "contrast": lambda image, factor: ImageEnhance.Contrast(image).enhance(factor),
              "saturation": lambda image, factor: ImageEnhance.Color(image).enhance(factor),
              "hue": adjust_hue}
    for name, function in adjust.items():
        for picture in ("noise", "slopes", "grey"):
            for factor in ((-0.5, -0.1, 0.0, 0.003, 0.37) if name == "hue" else (0.0, 0.31, 1.0, 1.4)):
                writer.add(name, picture, function(to_pillow(shown[picture]), factor), adjust=name, factor=factor)


def add_blurs(writer, shown):
    for picture in ("noise", "slopes", "small", "one_pixel", "dark_grey"):
        for radius in (0.0, 0.1, 0.7, 1.3, 2.0, 9.5):
            writer.add("blur", picture, to_pillow(shown[picture]).filter(ImageFilter.GaussianBlur(radius)),
                       radius=radius)


def main():
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1]) if len(sys.argv) == 2 else Path(__file__).parent / "data" / "augment"
    writer, shown = Writer(), pictures()
    writer.tensors.update(shown)
    for add in (add_operations, add_rotations, add_adjustments, add_blurs):
        add(writer, shown)
    writer.write(folder)
    print(f"{len(writer.cases)} cases, {(folder / 'augment.safetensors').stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
