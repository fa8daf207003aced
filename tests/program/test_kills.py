#!/usr/bin/env python3
"""test_kills.py VITRINE [RUNS [SEED]]: nothing is lost.

Trains once undisturbed, with augmentation, mixing, dropout, averaging and accumulation: a ViT, one that learns from it, and
a ResNet with batch norm from a folder of JPEGs. Then RUNS times [50], in turns, with SIGKILL at random moments, every fifth time on a disk that is full at first, each start with other numbers of threads
and workers. Every run must end with the bytes of the undisturbed one. Ends with "N of N".
"""
import json
import os
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import kills
import program


# The pictures of every kind of JPEG that the project has.
JPEGS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "core", "data")
RESNET = {"kind": "resnet", "block": "basic", "layers": [1, 1, 1, 1], "channels": [8, 16, 16, 24], "img_size": 32}


def trainings():
    """(name, options of train) of each kind; the first is the teacher of the second."""
    names = sorted(name for name in os.listdir(JPEGS) if name.endswith(".jpg"))
    for i in range(64):
        name = names[i % len(names)]
        os.makedirs(f"photos/{'ab'[i // 2 % 2]}", exist_ok=True)
        shutil.copy(f"{JPEGS}/{name}", f"photos/{'ab'[i // 2 % 2]}/{i}-{name}")
    with open("resnet.json", "w") as f:
        json.dump(RESNET, f)
    yield "vit", kills.OF_IDX
    yield "student", (*kills.OF_IDX, "--teacher", "vit", "--distillation", "soft")
    yield "resnet", ("--data", "folder:photos", "--model", "resnet.json", "--batch", "8", "--accumulate", "2", "--lr", "1e-2",
                     "--optimizer", "sgd", "--ema", "0.9", "--flip", "0.5", "--mixup", "0.2", "--epochs", "3", "--seed", "3")


def main():
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    equal = times = writing = full = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        program.make_data("data")
        kinds = []
        for name, training in trainings():
            start = time.time()
            program.run("train", *training, "--out", name, "--quiet", "--threads", 1)
            kinds.append((name, training, 2 * (time.time() - start)))
        for i in range(runs):
            count = rng.randint(1, 4)
            name, training, longest = kinds[i % len(kinds)]
            try:
                if i % 5 == 4 and os.geteuid() == 0:
                    writing += kills.survives_a_full_disk(name, rng, count, longest, training)
                    full += 1
                else:
                    writing += kills.goes_on_to(name, f"run{i}", rng, count, longest, training)
                equal += 1
            except AssertionError as e:
                print(f"run {i}: {e}", flush=True)
            times += count
            print(f"\r{i + 1}/{runs}", end="", file=sys.stderr, flush=True)
    print(f"\r{times} kills, {writing} of them while a file was written; {full} runs on a full disk"
          + ("" if os.geteuid() == 0 else " (root alone can make one)"))
    print(f"{equal} of {runs} runs ended with the bytes of the one that was left alone")
    return equal != runs


if __name__ == "__main__":
    sys.exit(main())
