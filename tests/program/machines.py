"""What people and machines do to a program that runs: Ctrl-C, streams that are closed or full, threads that are refused."""
import json
import os
import resource
import shutil
import signal
import subprocess
import time

from program import MODEL, TRAIN, VITRINE, idx_bytes, make_data, png_bytes, read, run

# Validation and test take some seconds with the textbook loops, on a machine that is alone with them.
ALONE = ["--isa", "reference", "--threads", "1"]
SLOW = [*ALONE, "--model", MODEL, "--batch", "16", "--epochs", "1"]
PATIENCE = 2  # seconds until Ctrl-C must have been answered: a batch takes hundredths


def slow_data():
    if os.path.exists("slow"):
        return
    os.makedirs("slow")
    for prefix, count in (("train", 20000), ("t10k", 20000)):
        with open(f"slow/{prefix}-images-idx3-ubyte", "wb") as f:
            f.write(idx_bytes([count, 12, 12], os.urandom(count * 144)))
        with open(f"slow/{prefix}-labels-idx1-ubyte", "wb") as f:
            f.write(idx_bytes([count], [i % 10 for i in range(count)]))


def write_picture():
    with open("one.png", "wb") as f:
        f.write(png_bytes(28, 28, (9, 9, 9)))


def lines_of(out):
    try:
        return [json.loads(line) for line in open(f"{out}/metrics.jsonl")]
    except (OSError, ValueError):
        return []


def interrupt(args, when, **kwargs):
    """Status and standard error of a command that gets SIGINT as soon as when() holds."""
    process = subprocess.Popen([VITRINE, *map(str, args)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               **kwargs)
    while not when():
        assert process.poll() is None, f"{args}: ended before its SIGINT\n{process.stderr.read()}"
        time.sleep(0.01)
    begin = time.time()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=120)[1]
    return process.returncode, time.time() - begin, said


def test_ctrl_c_during_validation():
    slow_data()
    args = ["train", "--data", "idx:slow", *SLOW, "--validation", "0.9", "--seed", 5, "--ema", "0.9"]
    status, seconds, said = interrupt([*args, "--out", "machines-stopped"], lambda: len(lines_of("machines-stopped")) == 1)
    assert status == 130 and seconds < PATIENCE, (status, seconds)
    assert said.splitlines()[-1] == "vitrine: interrupted; to go on: vitrine train --out machines-stopped --resume", said
    assert not os.path.exists("machines-stopped/model.safetensors")
    run("train", "--out", "machines-stopped", "--resume", "--quiet", "--isa", "reference")
    run(*args, "--out", "machines-whole", "--quiet")
    for name in ("checkpoint.safetensors", "model.safetensors", "result.json"):
        assert read(f"machines-stopped/{name}") == read(f"machines-whole/{name}"), name


def test_ctrl_c_during_the_final_test():
    for path in ("machines-whole/result.json", "machines-whole/confusion.png"):
        os.remove(path)
    begin = time.time()
    status, seconds, said = interrupt(["train", "--out", "machines-whole", "--resume", *ALONE],
                                      lambda: time.time() > begin + 0.4)
    assert status == 130 and seconds < PATIENCE, (status, seconds)
    assert "to go on" in said and not os.path.exists("machines-whole/result.json"), said
    run("train", "--out", "machines-whole", "--resume", "--quiet")
    assert os.path.exists("machines-whole/result.json")


def test_ctrl_c_during_eval_features_and_classify():
    slow_data()
    write_picture()
    for args in (["eval", "--model", "machines-whole", "--data", "idx:slow", *ALONE],
                 ["features", "--model", "machines-whole", "--data", "idx:slow", *ALONE, "--out", "x.npy"],
                 ["classify", *ALONE, *["one.png"] * 30000]):
        begin = time.time()
        status, seconds, said = interrupt(args, lambda: time.time() > begin + 0.4)
        assert status == 130 and seconds < PATIENCE, (args[0], status, seconds)
        assert said.splitlines()[-1] == "vitrine: interrupted", said
    assert not os.path.exists("x.npy")


def test_an_interrupt_that_was_ignored_from_the_start_stays_so():
    """As under nohup, or started with & by a script."""
    make_data("data")
    args = ["train", "--data", "idx:data", *TRAIN, "--epochs", 20, "--out", "machines-deaf", "--quiet"]
    status, _, said = interrupt(args, lambda: len(lines_of("machines-deaf")) > 1,
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    assert (status, said) == (0, "") and os.path.exists("machines-deaf/result.json")


def test_nobody_needs_to_see_the_progress():
    """Training with a standard error that is closed, full, or a pipe that nobody reads, gives the same bits."""
    make_data("data")
    args = [VITRINE, "train", "--data", "idx:data", *TRAIN, "--epochs", "2", "--out"]
    subprocess.run([*args, "machines-seen"], check=True, capture_output=True)
    read_end, pipe = os.pipe()
    os.close(read_end)
    full = os.open("/dev/full", os.O_WRONLY)
    closed = {"preexec_fn": lambda: os.close(2)}
    for name, kwargs in (("machines-unread", {"stderr": pipe}), ("machines-full", {"stderr": full}), ("machines-closed", closed)):
        done = subprocess.run([*args, name], stdout=subprocess.DEVNULL, **kwargs)
        assert done.returncode == 0, (name, done.returncode)
        for file in ("checkpoint.safetensors", "model.safetensors", "result.json", "metrics.jsonl"):
            if file != "metrics.jsonl":
                assert read(f"machines-seen/{file}") == read(f"{name}/{file}"), (name, file)
            else:
                assert all("epoch" in line for line in lines_of(name)) and len(lines_of(name)) > 1
    os.close(pipe)
    os.close(full)


def test_output_that_does_not_arrive_is_a_failure():
    write_picture()
    for args in (["--help"], ["--version"], ["train", "--help"], ["inspect", "fashion_vit"], ["inspect", "fashion_vit", "--json"],
                 ["classify", "one.png"], ["classify", "one.png", "--csv"], ["classify", *["one.png"] * 400]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([VITRINE, *args], stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, (args, done)
        assert done.stderr == "vitrine: standard output: cannot write: No space left on device\n", (args, done)
        done = subprocess.run([VITRINE, *args], stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.close(1))
        assert done.returncode == 1 and "standard output: cannot write" in done.stderr, (args, done)
        # A reader that goes away ends a program as it ends others.
        read_end, pipe = os.pipe()
        os.close(read_end)
        done = subprocess.run([VITRINE, *args], stdout=pipe, stderr=subprocess.PIPE, text=True)
        os.close(pipe)
        assert (done.returncode, done.stderr) == (-signal.SIGPIPE, ""), (args, done)


def test_threads_that_are_refused():
    """Address space for some stacks, and not for all: loader threads are refused in one line, others are done without."""
    if any(mode in VITRINE for mode in ("/asan/", "/tsan/")):
        return  # their shadow memory needs the address space
    make_data("data")

    def few_threads():
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 30, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    args = [VITRINE, "train", "--data", "idx:data", *TRAIN, "--epochs", "1", "--quiet", "--out"]
    done = subprocess.run([*args, "machines-crowd", "--workers", "64"], capture_output=True, text=True, preexec_fn=few_threads)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done
    assert "64 loader threads: the system gives " in done.stderr and "--workers" in done.stderr, done
    assert not os.path.exists("machines-crowd")
    done = subprocess.run([*args, "machines-few", "--threads", "16"], capture_output=True, text=True, preexec_fn=few_threads)
    assert (done.returncode, done.stderr) == (0, ""), done
    run(*args[1:], "machines-many", "--threads", 3)
    assert read("machines-few/checkpoint.safetensors") == read("machines-many/checkpoint.safetensors")
    shutil.rmtree("machines-few")
