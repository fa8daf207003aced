"""How the scripts of tests run their cases."""
import os
import sys
import tempfile
import time
import traceback


class Skip(Exception):
    """Raised by a case that cannot run here, with the reason."""


def tests_of(names):
    """(name, function) of every test_... among a module's names, in the order of the file."""
    return [(name[5:].replace("_", " "), test) for name, test in names.items() if name.startswith("test_")]


def run_cases(group, cases, prepare=lambda: None, fresh=False):
    """Runs (name, function) in a temporary folder, with `fresh` each in one of its own, after `prepare` there.
    Prints a line each and "N passed, N failed, N skipped"; writes the numbers to the script's second argument,
    COUNT_FILE, if it has one. Returns the exit status: with COUNT_FILE, whoever adds up decides."""
    count = {"passed": 0, "failed": 0, "skipped": 0}
    home = os.getcwd()

    def run_one(name, case):
        begin = time.time()
        try:
            case()
            count["passed"] += 1
            print(f"{group}  {name}  {time.time() - begin:.1f} s")
        except Skip as reason:
            count["skipped"] += 1
            print(f"{group}  {name}  partly skipped: {reason}")
        except Exception:
            count["failed"] += 1
            print(f"{group}  {name}  FAILED")
            traceback.print_exc(file=sys.stdout)
        sys.stdout.flush()

    for part in ([[case] for case in cases] if fresh else [cases]):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            prepare()
            for name, case in part:
                run_one(name, case)
            os.chdir(home)
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w") as f:
            f.write(f"{count['passed']} {count['failed']} {count['skipped']}\n")
    print(", ".join(f"{n} {what}" for what, n in count.items()))
    return int(count["failed"] > 0 and len(sys.argv) <= 2)
