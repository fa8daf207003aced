#!/usr/bin/env python3
"""test_mpi_kills.py VITRINE-MPI [KILLS [SEED]]: a run of many ranks loses nothing.

Trains once undisturbed, then KILLS times [30] until a rank, or mpirun, is killed (SIGKILL) at a random moment; each start
has another number of ranks than the one before, and a run that reaches its end is followed by another. All ranks must be gone within 10 s of
the kill, and every run must end with the bytes of the undisturbed one. Ends with "N of N".
"""
import os
import random
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import mpi
import program
from program import read

WRITTEN = ("checkpoint.safetensors", "model.safetensors")
RUN = ["train", "--data", "idx:data", *program.TRAIN[:2], "--batch", 16, *program.TRAIN[4:], "--shards", 8, "--epochs", 3, "--quiet",
       "--resume", "--checkpoint-steps", 1]


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def kill_one(process, rng):
    """Kills a rank or mpirun; seconds until all have gone."""
    ranks = mpi.ranks_of(process)
    victim = rng.choice([*ranks, process.pid])
    begin = time.time()
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        pass
    while any(map(alive, ranks)) or process.poll() is None:
        time.sleep(0.02)
        if time.time() - begin > 30:
            os.killpg(process.pid, signal.SIGKILL)
            break
    return time.time() - begin


def main():
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        program.make_data("data")
        begin = time.time()
        mpi.run(2, *RUN, "--out", "whole")
        longest = 1.2 * (time.time() - begin)
        done = ended = equal = 0
        slowest = 0.0
        ranks = 0
        while done < kills:
            shutil.rmtree("run", ignore_errors=True)
            for _ in range(rng.randint(1, 3)):
                ranks = rng.choice([n for n in range(2, 6) if n != ranks])
                process = mpi.start(ranks, *RUN, "--out", "run")
                time.sleep(rng.uniform(0, longest))
                if process.poll() is None:
                    slowest = max(slowest, kill_one(process, rng))
                    done += 1
                process.communicate()
            ranks = rng.choice([n for n in range(1, 6) if n != ranks])
            mpi.run(ranks, *RUN, "--out", "run")
            ended += 1
            equal += all(read(f"run/{name}") == read(f"whole/{name}") for name in WRITTEN)
            print(f"\r{done}/{kills}", end="", file=sys.stderr, flush=True)
    print(f"\r{done} kills; the last rank was gone after {slowest:.1f} s at most")
    print(f"{equal} of {ended} runs ended with the bytes of the one that was left alone")
    return equal != ended or slowest > 10


if __name__ == "__main__":
    sys.exit(main())
