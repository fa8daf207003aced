"""A run that is killed at random moments, and goes on to the same bytes."""
import os
import random
import signal
import subprocess
import time
from contextlib import suppress

from program import TRAIN, VITRINE, read, run, small_disk

WRITTEN = ("checkpoint.safetensors", "model.safetensors")
OF_IDX = ("--data", "idx:data", *TRAIN, "--epochs", "3")


def command(out, rng, training):
    """A checkpoint at every step, so that many kills meet one that is being written."""
    return ["train", *training, "--out", out, "--quiet", "--resume",
            "--checkpoint-steps", "1", "--threads", str(rng.choice((1, 2, 3))), "--workers", str(rng.choice((0, 1, 3)))]


def killed(out, rng, longest, training):
    """One start that is killed after up to so many seconds; every other time not before the next checkpoint is being
    written. Whether one was left half-written."""
    half_written = f"{out}/checkpoint.safetensors.vitrine-tmp"
    process = subprocess.Popen([VITRINE, *command(out, rng, training)], stderr=subprocess.DEVNULL)
    time.sleep(rng.uniform(0, longest))
    if rng.random() < 0.5:
        while process.poll() is None and not os.path.exists(half_written):
            pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    return os.path.exists(half_written)


def goes_on_to(reference, out, rng, kills, longest, training=OF_IDX):
    """Kills a run so many times, lets it end, and compares it with the folder of one that was left alone.
    How many kills met a file that was being written."""
    writing = sum(killed(out, rng, longest, training) for _ in range(kills))
    run(*command(out, rng, training))
    for name in WRITTEN:
        assert read(f"{out}/{name}") == read(f"{reference}/{name}"), f"{out}/{name}"
    left = [name for name in os.listdir(out) if "tmp" in name]
    assert not left, left
    return writing


def survives_a_full_disk(reference, rng, kills, longest, training=OF_IDX):
    """As goes_on_to, on a disk that has room when the run begins, then holds one checkpoint and not the next one beside
    it, until it is made larger. A run that would begin there is refused."""
    sizes = {name: os.path.getsize(f"{reference}/{name}") for name in WRITTEN}
    small = sum(sizes.values()) + int(sizes["checkpoint.safetensors"] * rng.uniform(0.2, 0.6))
    with small_disk("disk", 32 << 20) as resize:
        process = subprocess.Popen([VITRINE, *command("disk/run", rng, training)], stderr=subprocess.PIPE, text=True)
        while process.poll() is None:
            if os.path.exists("disk/run/checkpoint.safetensors"):
                with suppress(subprocess.CalledProcessError):  # two are there at the moment
                    resize(small)
        error = process.stderr.read()
        assert process.returncode == 1 and "No space left" in error, (process.returncode, error)
        assert len(error.strip().splitlines()) == 1, error
        killed("disk/run", rng, longest, training)
        resize(32 << 20)
        return goes_on_to(reference, "disk/run", rng, kills, longest, training)
