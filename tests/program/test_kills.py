#!/usr/bin/env python3
"""test_kills.py VITRINE [RUNS [SEED]]: nothing is lost.

Trains once undisturbed, with augmentation, mixing, dropout, averaging and accumulation; then RUNS times [50] with
SIGKILL at random moments, every fifth time on a disk that is full at first, each start with other numbers of threads
and workers. Every run must end with the bytes of the undisturbed one. Ends with "N of N".
"""
import os
import random
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import kills
import program


def main():
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    equal = times = writing = full = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        program.make_data("data")
        start = time.time()
        program.train("whole", "--threads", 1)
        longest = 2 * (time.time() - start)
        for i in range(runs):
            count = rng.randint(1, 4)
            try:
                if i % 5 == 4 and os.geteuid() == 0:
                    writing += kills.survives_a_full_disk("whole", rng, count, longest)
                    full += 1
                else:
                    writing += kills.goes_on_to("whole", f"run{i}", rng, count, longest)
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
