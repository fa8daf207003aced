#!/usr/bin/env python3
"""Copies a small part of the golden data of ViT's and ResNet's relatives (SigLIP, DINOv3, EVA-02, BEiT, ResNeXt, ...).

    tests/golden/subset_relatives.py GOLDEN_DIR [OUT_DIR]        OUT_DIR is tests/golden/relatives if not given

Of every operation the smallest case for each value of what switches it; of the networks as few as have every switch and
the names of every other program, with the files of those programs that no network before has. Of what a network computes
its answers and gradients are kept, the latter of one block, not what its layers give. The same source gives the same bytes.
"""
import json
import re
import shutil
import sys
from pathlib import Path

from subset import Tensors, copy, subset_ops, write_manifest

LIMIT = 3_000_000  # bytes in all
# Keys of a network that are numbers of its sizes, not switches.
SIZES = ("img_size", "patch_size", "embed_dim", "depth", "num_heads", "num_classes", "mlp_ratio", "mlp_hidden", "layers",
         "channels", "stem_width", "stem_chs", "cardinality", "base_width", "se_ratio", "bottle_ratio", "norm_eps")

DROPPED = re.compile(r"(train/)?(act/|attn/|grad_input|grad/patch_embed|grad/blocks\.0\.)")  # block 1 has all that block 0 has


def switches(arch):
    found = {(key, json.dumps(value)) for key, value in arch.items() if key not in SIZES + ("rope", "reg_tokens")}
    if arch.get("rope"):
        found |= {(key, json.dumps(arch["rope"].get(key))) for key in ("kind", "layout")}
    return found | {("registers", arch.get("reg_tokens", 0) > 0)}


def files_of(export):
    return export.get("files", [export["file"]] if "file" in export else []) + ([export["config"]] if "config" in export else [])


def subset_networks(source, out, manifest):
    def size(case):
        return sum(f.stat().st_size for f in (source / case["folder"]).rglob("*") if f.is_file())

    def program(case, export):
        if export.get("layout"):
            return export["layout"]
        config = json.loads((source / case["folder"] / export["config"]).read_text())
        return "Hugging Face " + config["model_type"]

    def features(case):
        return switches(case["arch"]) | {program(case, export) for export in case["exports"]}

    wanted = set().union(*map(features, manifest["cases"]))
    chosen, seen = [], set()
    while seen != wanted:  # greedily: the most that is new, then the smallest
        best = max(manifest["cases"], key=lambda case: (len(features(case) - seen), -size(case), case["id"]))
        seen |= features(best)
        chosen.append(best["id"])

    kept, written = [], set()
    for case in manifest["cases"]:
        if case["id"] not in chosen:
            continue
        exports = [e for e in case["exports"] if program(case, e) not in written]
        written |= {program(case, e) for e in exports}
        copy(source / case["folder"], out / case["folder"], case["weights"])
        for export in exports:
            for name in files_of(export):
                copy(source / case["folder"], out / case["folder"], name)
        golden = Tensors(source / case["folder"] / case["golden"])
        modes, names = {}, [case["input"], case["labels"]]
        for mode, record in case["modes"].items():
            keep = [name for name in record["tensors"] if not DROPPED.match(name)]
            modes[mode] = {**record, "tensors": keep, "tol": {n: record["tol"][n] for n in keep}}
            names += keep
        for part in case.get("resized", []):
            names += [name for name in golden.entries if name.startswith(part["prefix"] + "/")]
        golden.write(out / case["folder"] / case["golden"], names)
        kept.append({**case, "exports": exports, "modes": modes})
    write_manifest(out / "manifest.json", manifest, cases=kept)


ATTRIBUTION = """# Where this data comes from

Everything here was chosen by `tests/golden/subset_relatives.py` from a larger set of golden data made for Vitrine. All
inputs and weights are random numbers; there are no weights of third parties. The outputs were computed with PyTorch
{torch} (BSD-3-Clause) and timm {timm} (Apache-2.0); the files of other programs have the names that those give.
"""


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    source = Path(sys.argv[1])
    out = Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).parent / "relatives"
    for family, subset in (("ops", lambda *args: subset_ops(*args, count=1)), ("models", subset_networks)):
        shutil.rmtree(out / family, ignore_errors=True)
        manifest = json.loads((source / family / "manifest.json").read_text())
        subset(source / family, out / family, manifest)
    (out / "ATTRIBUTION.md").write_text(ATTRIBUTION.format(**manifest["versions"]))
    total = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    print(f"{total} bytes")
    if total > LIMIT:
        sys.exit(f"more than {LIMIT}")


if __name__ == "__main__":
    main()
