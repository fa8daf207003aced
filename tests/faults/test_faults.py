#!/usr/bin/env python3
"""test_faults.py VITRINE FAIL.so [PLACES]: what becomes of programs whose n-th call of something fails.

Each of open, read, pread, write, fsync, rename, mmap, malloc and pthread_create fails in turn (fail.c), for n = 1, 2,
3, ..., at most PLACES [60] of them evenly spread, during a small training, its resumption, eval, classify, convert and
the C example: alone, and (malloc, write, open) with all that follow. Always it is status 0 and the right bytes; or the
right status and one line, no temporary file, old files as they were, and a run that goes on to the same bytes. Prints
the number of places tried per program and call. Not here: two faults at once.
"""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "program"))

FAIL = os.path.abspath(sys.argv[2])
PLACES = int(sys.argv[3]) if len(sys.argv) > 3 else 60
del sys.argv[2:]

from cases import run_cases
from program import MODEL, VITRINE, make_data, png_bytes, read

CALLS = ["open", "read", "pread", "write", "fsync", "rename", "mmap", "malloc", "pthread_create"]
ALWAYS = {"open", "write", "malloc"}
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIB = os.path.join(os.path.dirname(VITRINE), "lib")
OLD = b"what was there before"


def files_of(folder):
    return {os.path.relpath(os.path.join(d, f), folder): read(os.path.join(d, f))
            for d, _, names in os.walk(folder) for f in names}


def no_temporary_files(folder):
    left = [f for f in files_of(folder) if "tmp" in f]
    assert not left, left


class Program:
    """A command in a folder of its own, made afresh each time."""
    name = ""
    args = []
    complains = "vitrine: "
    pictures = 1  # each of which may have a line

    def prepare(self):
        pass

    def result(self, done):
        """What is right if it is equal."""
        return done.stdout

    def check_failed(self, _done):
        """What must hold after a failure."""

    def run(self, **environment):
        shutil.rmtree("work", ignore_errors=True)
        os.makedirs("work")
        self.prepare()
        return subprocess.run(self.args, cwd="work", capture_output=True, timeout=120,
                              env={**os.environ, "VITRINE_THREADS": "2", **environment})


class Train(Program):
    name = "train"
    args = [VITRINE, "train", "--data", "idx:../tiny", "--model", MODEL, "--batch", "16", "--out", "run", "--quiet",
            "--workers", "1", "--ema", "0.9", "--epochs", "1"]
    goes_on = [*args, "--resume"]

    def result(self, done):
        return files_without_times("work/run")

    def check_failed(self, _done):
        if not os.path.exists("work/run"):
            return
        no_temporary_files("work/run")
        again = subprocess.run(self.goes_on, cwd="work", capture_output=True, timeout=120)
        assert again.returncode == 0, again.stderr.decode()
        now = files_without_times("work/run")
        other = [name for name in sorted({*now, *self.right}) if now.get(name) != self.right.get(name)]
        assert not other, f"going on gives others: {other}"


def files_without_times(folder):
    """Curves and metrics hold rates and times."""
    return {name: data for name, data in files_of(folder).items() if name not in ("metrics.jsonl", "curves.png")}


class Resume(Train):
    name = "resume"
    args = [*Train.args[:-1], "2", "--resume"]
    goes_on = args

    def prepare(self):
        shutil.copytree("begun", "work/run")


class Eval(Program):
    name = "eval"
    args = [VITRINE, "eval", "--model", "../begun", "--data", "idx:../tiny", "--json"]


class Classify(Program):
    name = "classify"
    pictures = 2
    args = [VITRINE, "classify", "../one.png", "../two.png", "--json"]


class Convert(Program):
    name = "convert"
    args = [VITRINE, "convert", "../begun", "new.safetensors", "--quiet"]

    def prepare(self):
        with open("work/new.safetensors", "wb") as f:
            f.write(OLD)

    def result(self, done):
        return files_of("work")

    def check_failed(self, _done):
        # The new file may be there, whole, if what failed is to make sure that its name lasts.
        assert files_of("work") in ({"new.safetensors": OLD}, self.right), list(files_of("work"))


class Example(Program):
    name = "C example"
    args = ["../example", "../one.png", ROOT + "/models/pretrained/fashion_vit.safetensors"]
    complains = "classify: "


def places(count):
    return sorted({1 + i * count // PLACES for i in range(PLACES)}) if count > PLACES else range(1, count + 1)


def check(program, call, n, always):
    environment = {"LD_PRELOAD": FAIL, "FAIL_CALL": call, "FAIL_AT": str(n), **({"FAIL_ALWAYS": "1"} if always else {})}
    done = program.run(**environment)
    said = done.stderr.decode(errors="replace")
    if done.returncode == 0:
        assert program.result(done) == program.right, "other bytes"
        assert said == "", said
        return
    assert done.returncode in (1, 2), f"status {done.returncode}: {said}"
    lines = said.splitlines()
    assert 1 <= len(lines) <= program.pictures and all(x.startswith(program.complains) for x in lines), repr(said)
    program.check_failed(done)


def case_of(program, call):
    def case():
        done = program.run()
        assert done.returncode == 0 and done.stderr == b"", done
        program.right = program.result(done)
        program.run(LD_PRELOAD=FAIL, FAIL_CALL=call, FAIL_AT="0", FAIL_COUNT=os.path.abspath("count"))
        count = int(read("count"))
        wrong, tried = [], 0
        for always in [False, True] if call in ALWAYS else [False]:
            for n in places(count):
                tried += 1
                try:
                    check(program, call, n, always)
                except (AssertionError, subprocess.TimeoutExpired) as problem:
                    wrong.append(f"{call} {n}{' and later' if always else ''}: {problem}")
        print(f"{program.name}: {call}: {count} calls, {tried} places tried, {len(wrong)} wrong")
        assert not wrong, "\n".join(wrong)
    return f"{program.name} {call}", case


def prepare():
    make_data("tiny", train=64, test=32)
    for name, rgb in (("one.png", (200, 10, 10)), ("two.png", (5, 5, 5))):
        with open(name, "wb") as f:
            f.write(png_bytes(28, 28, rgb))
    os.makedirs("work")
    subprocess.run(Train.args, cwd="work", check=True)
    os.rename("work/run", "begun")
    subprocess.run(["cc", "-std=c11", f"{ROOT}/tests/install/classify.c", f"-I{ROOT}/models/c_api", f"-L{LIB}", "-lvitrine",
                    f"-Wl,-rpath,{LIB}", "-o", "example"], check=True)


def main():
    programs = [Train(), Resume(), Eval(), Classify(), Convert(), Example()]
    return run_cases("faults", [case_of(program, call) for program in programs for call in CALLS], prepare)


if __name__ == "__main__":
    sys.exit(main())
