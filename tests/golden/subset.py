#!/usr/bin/env python3
"""Copies a small part of a golden folder: the data that the tests of a plain clone run on.

    tests/golden/subset.py GOLDEN_DIR [OUT_DIR]        OUT_DIR is tests/golden/data if not given

The part is chosen for variety: of every operation and every kind of parameters a few small cases,
some small vision transformers, one training run, small files and pictures. Manifests and tensor
files are written again so that they hold what was kept and nothing else. The choice depends on the
source alone, so that the same source gives the same bytes.
"""

import json
import re
import shutil
import struct
import sys
from pathlib import Path

LIMIT = 4 * 1024 * 1024  # bytes in all

OP_CASE_LIMIT = 4 * 1024      # bytes of the tensors of one case
OP_CASE_MOST = 64 * 1024      # for kinds that have no smaller case
OPINFO_CASE_LIMIT = 4 * 1024
FORMAT_FILE_LIMIT = 64 * 1024
BAD_FILE_LIMIT = 64 * 1024
PICTURE_LIMIT = 14 * 1024      # bytes of a file and its decoded array
TRANSFORM_LIMIT = 4 * 1024
RESIZE_LIMIT = 10 * 1024
MODEL_LIMIT = 2                # networks beside the one that is trained
TRAINED_TENSOR_LIMIT = 9 * 1024


# --- safetensors ---------------------------------------------------------------------------------

class Tensors:
    """A safetensors file: names to (type, shape, bytes)."""

    def __init__(self, path):
        raw = path.read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8:8 + length])
        self.metadata = header.pop("__metadata__", None)
        self.entries = {}
        for name, entry in header.items():
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            self.entries[name] = (entry["dtype"], entry["shape"], raw[begin:end])

    def size(self, names):
        return sum(len(self.entries[name][2]) for name in names)

    def write(self, path, names):
        header, data = {}, b""
        for name in names:
            dtype, shape, raw = self.entries[name]
            header[name] = {"dtype": dtype, "shape": shape,
                            "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
        if self.metadata is not None:
            header["__metadata__"] = self.metadata
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def unique(names):
    return list(dict.fromkeys(names))


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def write_manifest(path, manifest, **lists):
    """One line per case, as in the source."""
    whole = {**manifest, **lists}
    lines = []
    for key, value in whole.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n  ".join(compact(row) for row in value)
            lines.append(f"{json.dumps(key)}: [\n  {rows}\n ]")
        else:
            lines.append(f"{json.dumps(key)}: {compact(value)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n " + ",\n ".join(lines) + "\n}\n")


def copy(source, out, name):
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / name, out / name)


# --- choosing ------------------------------------------------------------------------------------

def few_of_each(cases, kind_of, size_of, limit, count):
    """Of each kind the smallest case and, up to `count`, ones spread over its sizes; in the order of
    the source. Cases beyond the limit are taken only if their kind has none below it."""
    kinds = {}
    for case in cases:
        kinds.setdefault(kind_of(case), []).append(case)
    chosen = set()
    for members in kinds.values():
        members.sort(key=lambda case: (size_of(case), case["id"]))
        small = [case for case in members if size_of(case) <= limit] or members[:1]
        last = len(small) - 1
        for i in range(min(count, len(small))):
            chosen.add(small[last * i // max(count - 1, 1)]["id"])
    return [case for case in cases if case["id"] in chosen]


def kind_of_params(params):
    """What of the parameters decides how an operation works, without its numbers."""
    def kind(value):
        return type(value).__name__ if isinstance(value, (int, float)) and \
            not isinstance(value, bool) else json.dumps(value) if isinstance(value, (str, bool)) \
            else type(value).__name__
    return tuple((key, kind(value)) for key, value in sorted(params.items()) if key != "formula")


def subset_ops(source, out, manifest, count=2):
    """Of each kind `count` cases; with one, large cases only where an operation has no other."""
    files = {}

    def size(case):
        return tensors_of(case).size(names_of(case))

    def names_of(case):
        return [name for part in ("inputs", "outputs", "cotangents", "grads")
                for name in case[part].values()]

    def tensors_of(case):
        if case["file"] not in files:
            files[case["file"]] = Tensors(source / case["file"])
        return files[case["file"]]

    def kind(case):
        ranks = [len(tensors_of(case).entries[name][1]) for name in case["inputs"].values()]
        return (case["op"], kind_of_params(case["params"]), tuple(case["inputs"]), tuple(ranks))

    kept = few_of_each(manifest["cases"], kind, size, OP_CASE_LIMIT, count)
    most = OP_CASE_MOST if count > 1 else OP_CASE_LIMIT
    kept = [case for case in kept if size(case) <= most]
    if count == 1:
        smallest = few_of_each(manifest["cases"], lambda case: case["op"], size, OP_CASE_LIMIT, 1)
        kept = [case for case in manifest["cases"] if case in kept or case in smallest]
    for file, tensors in files.items():
        names = unique(n for case in kept if case["file"] == file for n in names_of(case))
        if names:
            tensors.write(out / file, names)
    write_manifest(out / "manifest.json", manifest, cases=kept)


def subset_opinfo(source, out, manifest):
    tensors = Tensors(source / manifest["file"])

    def names_of(case):
        names = list(case["tensors"].values()) + case["outputs"] + case["cotangents"]
        return [n for n in names + list(case["grads"].values()) if n is not None]

    def kind(case):
        return (case["op"], case["variant"], len(case["args"]), tuple(sorted(case["kwargs"])))

    kept = few_of_each(manifest["cases"], kind, lambda case: tensors.size(names_of(case)),
                       OPINFO_CASE_LIMIT, 1)
    kept = [case for case in kept if tensors.size(names_of(case)) <= OPINFO_CASE_LIMIT]
    tensors.write(out / manifest["file"], unique(n for case in kept for n in names_of(case)))
    write_manifest(out / "manifest.json", manifest, cases=kept)
    if (source / "error_inputs.json").exists():
        copy(source, out, "error_inputs.json")


def subset_models(source, out, manifest, trained):
    """Small vision transformers, and the network that the training run starts from, of which only
    what a forward pass gives is kept."""
    vits = [case for case in manifest["cases"] if case["arch"]["kind"] == "vit"]

    def size(case):
        folder = source / case["folder"]
        return sum((folder / case[key]).stat().st_size for key in ("weights", "golden"))

    def features(case):  # what is unusual about a network
        plain = {"class_token": True, "qkv_bias": True, "patch_bias": True, "mlp_ratio": 4.0,
                 "in_chans": 3, "act": "gelu", "global_pool": "token", "norm_eps": 1e-6}
        sizes = ("kind", "img_size", "patch_size", "embed_dim", "depth", "num_heads", "num_classes")
        found = {k for k, v in case["arch"].items()
                 if k not in sizes and v != plain.get(k) and v not in (False, 0)}
        return found | ({"resized"} if case.get("resized") else set())

    covered, names = set(), []
    while len(names) < MODEL_LIMIT:  # greedily: most features not yet covered, then the smallest
        rest = [case for case in vits if case["id"] not in names and case["id"] != trained]
        if not rest:
            break
        best = max(rest, key=lambda case: (len(features(case) - covered), -size(case), case["id"]))
        covered |= features(best)
        names.append(best["id"])

    kept = []
    for case in manifest["cases"]:
        if case["id"] not in names and case["id"] != trained:
            continue
        case = {**case, "exports": []}
        copy(source / case["folder"], out / case["folder"], case["weights"])
        golden = Tensors(source / case["folder"] / case["golden"])
        modes, wanted = {}, [case["input"], case["labels"]]
        for mode, record in case["modes"].items():
            keep = record["tensors"]
            if case["id"] == trained:
                keep = [name for name in keep if name in ("logits", "loss", "grad_input")]
            modes[mode] = {**record, "tensors": keep, "tol": {n: record["tol"][n] for n in keep}}
            wanted += keep
        case["modes"] = modes
        if case["id"] == trained:
            case.pop("resized", None)
        for part in case.get("resized", []):
            wanted += [name for name in golden.entries if name.startswith(part["prefix"] + "/")]
        golden.write(out / case["folder"] / case["golden"], wanted)
        kept.append(case)
    write_manifest(out / "manifest.json", manifest, cases=kept)


def choose_run(source, manifest, models):
    """The run of a vision transformer with the most options."""
    kinds = {case["id"]: case["arch"]["kind"] for case in models["cases"]}
    runs = [case for case in manifest["cases"] if kinds.get(case["model"]) == "vit"]
    return max(runs, key=lambda case: (len(case["hyper"]), case["id"]))


def subset_train(source, out, manifest, run):
    """Of the final weights the small tensors and one large one of each prefix."""
    tensors = Tensors(source / run["file"])
    names, large = [], set()
    for name in tensors.entries:
        prefix = name.split("/")[0]
        if tensors.size([name]) > TRAINED_TENSOR_LIMIT:
            if prefix in large:
                continue
            large.add(prefix)
        names.append(name)
    tensors.write(out / run["file"], names)
    run = {**run, "tol": {name: run["tol"][name] for name in names if name in run["tol"]}}
    write_manifest(out / "manifest.json", manifest, cases=[run])


def subset_formats(source, out, manifest):
    kept = []
    for case in manifest["cases"]:
        files = (case["file"], case["expect"])
        if sum((source / file).stat().st_size for file in files) > FORMAT_FILE_LIMIT:
            continue
        for file in files:
            copy(source, out, file)
        kept.append(case)
    write_manifest(out / "manifest.json", manifest, cases=kept)


def subset_bad(source, out, manifest):
    kept = []
    for case in manifest["cases"]:
        files = list(case["files"].values()) if "files" in case else [case["file"]]
        if sum((source / file).stat().st_size for file in files) > BAD_FILE_LIMIT:
            continue
        for file in files:
            copy(source, out, file)
        kept.append(case)
    write_manifest(out / "manifest.json", manifest, cases=kept)


def subset_preprocess(source, out, manifest):
    tensors = Tensors(source / manifest["file"])
    names, kept = [], []

    def stored(record):
        return [value for value in record.values()
                if isinstance(value, str) and value in tensors.entries]

    for case in manifest["cases"]:
        own = stored(case)
        if (source / case["file"]).stat().st_size + tensors.size(own) > PICTURE_LIMIT:
            continue
        transforms = [t for t in case.get("transforms", [])
                      if tensors.size(stored(t)) <= TRANSFORM_LIMIT]
        kept.append({**case, "transforms": transforms})
        names += own + [name for t in transforms for name in stored(t)]
        copy(source, out, case["file"])
    resizes = [r for r in manifest.get("resizes", []) if tensors.size(stored(r)) <= RESIZE_LIMIT]
    names += [name for r in resizes for name in stored(r)]
    tensors.write(out / manifest["file"], unique(names))
    write_manifest(out / "manifest.json", manifest, cases=kept, resizes=resizes)
    return {case["source"] for case in kept}


# --- attribution ---------------------------------------------------------------------------------

ATTRIBUTION = """# Where this data comes from

Everything here was chosen by `tests/golden/subset.py` from a larger set of golden data made for
Vitrine. The inputs and all weights are random numbers or come from a generator; there are no weights
of third parties. The outputs were computed with
{versions}.

| folder | what |
|---|---|
| `ops/` | random inputs, results of PyTorch (BSD-3-Clause) |
| `opinfo/` | samples drawn by PyTorch's operator tests (BSD-3-Clause), results of PyTorch |
| `models/`, `train/` | networks of timm (Apache-2.0) with random weights |
| `formats/`, `bad/` | small files written for these tests |
| `preprocess/` | pictures in many file formats, decoded and resized by Pillow (MIT-CMU) |
| `augment/` | not chosen but made by `tests/golden/make_augment.py`: computed pictures, changed by timm's (Apache-2.0) operations and Pillow |
"""

PHOTOGRAPHS = """
## Photographs

The pictures in `preprocess/images/` whose manifest entry names one of these as its source are
derived from it (cropped, scaled, encoded again); those with the source "synthetic" are computed.

"""


def write_attribution(source, out, manifests, pictures):
    versions = next(iter(manifests.values()))["versions"]
    shown = {"torch": "PyTorch", "timm": "timm", "pillow": "Pillow", "numpy": "NumPy",
             "scipy": "SciPy", "python": "Python"}
    text = ATTRIBUTION.format(versions=", ".join(f"{name} {versions[key]}"
                                                 for key, name in shown.items() if key in versions))
    notes = source / "preprocess" / "ATTRIBUTION.md"
    used = [m for m in re.finditer(r"^\* (\w+).*(?:\n  .*)*", notes.read_text(), re.MULTILINE)
            if m.group(1) in pictures]
    missing = pictures - {m.group(1) for m in used} - {"synthetic"}
    if missing:
        sys.exit(f"no attribution for {', '.join(sorted(missing))} in {notes}")
    if used:
        text += PHOTOGRAPHS + "\n".join(m.group(0) for m in used) + "\n"
    (out / "ATTRIBUTION.md").write_text(text)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    source = Path(sys.argv[1])
    out = Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).parent / "data"
    manifests = {path.parent.name: json.loads(path.read_text())
                 for path in sorted(source.glob("*/manifest.json"))}
    run = choose_run(source, manifests["train"], manifests["models"])
    for family in manifests:  # and nothing else: augment/ is made by another script
        shutil.rmtree(out / family, ignore_errors=True)
    for family, subset in (("ops", subset_ops), ("opinfo", subset_opinfo),
                           ("formats", subset_formats), ("bad", subset_bad)):
        subset(source / family, out / family, manifests[family])
    pictures = subset_preprocess(source / "preprocess", out / "preprocess", manifests["preprocess"])
    subset_models(source / "models", out / "models", manifests["models"], run["model"])
    subset_train(source / "train", out / "train", manifests["train"], run)
    write_attribution(source, out, manifests, pictures)

    total = 0
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        total += size
        print(f"{folder.name:12} {size / 1024:7.0f} KiB")
    print(f"{'in all':12} {total / 1024:7.0f} KiB")
    if total > LIMIT:
        sys.exit(f"more than {LIMIT // 1024} KiB: lower the limits at the top of this file")


if __name__ == "__main__":
    main()
