#!/usr/bin/env python3
"""test_bits.py VITRINE: the same bits for any number of threads.

Five networks, each of them trained and then asked for features, by 1 to 64 threads, of the pool and of OpenMP, on the
machine as it is and beside two busy loops for every processor: the bytes of what one thread wrote.
Ends with "N passed, N failed, N skipped".
"""
import contextlib
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import program
from cases import run_cases
from program import read, run

SIDE = 32
OF_ALL = {"img_size": SIDE, "in_chans": 1, "num_classes": 10}
TRANSFORMER = OF_ALL | {"embed_dim": 96, "depth": 2, "num_heads": 3, "drop_path_rate": 0.1}
NETWORKS = {
    "vit": TRANSFORMER | {"patch_size": 4},
    "mean of the patches, registers": TRANSFORMER | {"patch_size": 8, "class_token": False, "global_pool": "avg", "reg_tokens": 3,
                                                     "no_embed_class": True, "layer_scale": 0.1, "qk_norm": True},
    "hybrid": TRANSFORMER | {"kind": "hybrid", "patch_size": 1,
                             "backbone": {"layers": [1, 1], "channels": [64, 128], "stem_chs": 32, "groups": 8}},
    "resnet": OF_ALL | {"kind": "resnet", "block": "basic", "layers": [1, 1, 1, 1], "channels": [32, 64, 64, 96]},
    "resnetv2": OF_ALL | {"kind": "resnetv2", "layers": [1, 1, 1, 1], "channels": [64, 64, 128, 128], "groups": 8},
}
THREADS = (1, 2, 3, 5, 8, 16, 64)
TRAINING = ["--data", "idx:data", "--epochs", 1, "--batch", 24, "--shift", 1, "--flip", 0.5, "--clip-norm", 1, "--ema", 0.9,
            "--mixup", 0.4, "--accumulate", 2, "--seed", 3, "--quiet"]


@contextlib.contextmanager
def busy_loops(count):
    loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def written(model, *options):
    """The bytes of a checkpoint, of the weights, and of features by the trained network."""
    run("train", "--model", model, "--out", "run", *TRAINING, *options)
    run("features", "--model", "run", "--data", "idx:data", "--split", "test", "--out", "features.npy", "--quiet", *options)
    found = [read(f"run/{name}.safetensors") for name in ("checkpoint", "model")] + [read("features.npy")]
    shutil.rmtree("run")
    os.remove("features.npy")
    return found


def case(network, loops):
    def check():
        with open("network.json", "w") as f:
            json.dump(network, f)
        with busy_loops(loops):
            first = written("network.json", "--threads", 1)
            for executor in ("pool", "openmp"):
                for threads in THREADS:
                    assert written("network.json", "--threads", threads, "--executor", executor) == first, (executor, threads)
    return check


def main():
    busy = 2 * (os.cpu_count() or 1)
    cases = [(f"{name}, {'beside busy loops' if loops else 'as the machine is'}", case(network, loops))
             for loops in (0, busy) for name, network in NETWORKS.items()]
    return run_cases("bits", cases, prepare=lambda: program.make_data("data", train=96, test=24, size=SIDE))


if __name__ == "__main__":
    sys.exit(main())
