#!/usr/bin/env python3
"""test_program.py VITRINE [COUNT_FILE]: the program as a user and as a script meet it.

Trains on a small made-up data set (two hundred pictures of bars in ten directions), so that a run takes
a second. Ends with "N passed, N failed, N skipped". Not here: accuracy on real data (make demo), speed.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import datasets
import embeddings
import figures
import hostile
import machines
import mistakes
import pictures
import precision
import program
import promises
import runs
import study
import use
from cases import run_cases, tests_of


def main():
    # Later tests use what earlier ones have trained.
    modules = (use, precision, embeddings, study, promises, mistakes, pictures, runs, datasets, figures, hostile, machines)
    cases = [case for module in modules for case in tests_of(vars(module))]
    return run_cases("program", cases, prepare=lambda: program.make_data("data"))


if __name__ == "__main__":
    sys.exit(main())
