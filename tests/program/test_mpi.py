#!/usr/bin/env python3
"""test_mpi.py VITRINE-MPI [COUNT_FILE]: the same bytes for any number of ranks.

Trains networks of several kinds for two epochs on one process without MPI and on 1, 2, 3, 4, 5 and 8 ranks, with 8
shards; with SHORT=1 in the environment on 1, 2 and 3, and fewer kinds. Then: a run goes on with other numbers of ranks,
usage errors are said once, and what happens to a rank ends all, with one line and soon.
"""
import json
import os
import random
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import mpi
import program
from cases import Skip, run_cases
from datasets import pictures
from program import read

SHORT = bool(os.environ.get("SHORT"))
RANKS = (1, 2, 3) if SHORT else (1, 2, 3, 4, 5, 8)
WRITTEN = ("checkpoint.safetensors", "model.safetensors")
OF_ALL = {"img_size": 12, "in_chans": 1, "num_classes": 10}
# 240 pictures, a twelfth of them for validation: 220, which no batch divides.
COMMON = ["--epochs", 2, "--batch", 24, "--shards", 8, "--lr", "2e-3", "--seed", 3, "--quiet"]
# More than one bucket of gradients, and matrices of several chunks.
VIT = {"img_size": 12, "in_chans": 1, "num_classes": 10, "patch_size": 4, "embed_dim": 256, "depth": 2, "num_heads": 4}
KINDS = {
    "ViT: mixing, drop path, dropout, EMA, clipping, accumulation":
        (VIT | {"drop_path_rate": 0.1},
         ["--mixup", 0.4, "--cutmix", 1, "--mix-mode", "elem", "--dropout", 0.1, "--ema", 0.9, "--clip-norm", 1, "--accumulate", 2,
          "--shift", 1, "--flip", 0.5, "--label-smoothing", 0.1, "--erase", 0.3]),
    "ResNet: batch norm, SGD, EMA":
        (OF_ALL | {"kind": "resnet", "block": "basic", "layers": [1, 1, 1, 1], "channels": [16, 32, 32, 48], "img_size": 32},
         ["--optimizer", "sgd", "--ema", 0.9, "--ema-warmup", "--accumulate", 3, "--shift", 1]),
    "hybrid, checkpointed blocks":
        (VIT | {"kind": "hybrid", "patch_size": 1, "img_size": 32,
                "backbone": {"layers": [1, 1], "channels": [32, 64], "stem_chs": 16, "groups": 8}},
         ["--checkpoint-blocks", "--clip-norm", 1, "--mixup", 0.4, "--layer-decay", 0.75]),
    "distillation, frozen parameters":
        (VIT | {"distilled": True}, ["--teacher", "teacher", "--distillation", "hard", "--freeze", "blocks.0.*", "--mixup", 0.2]),
    "ViT: SGD, soft distillation, repeated pictures":
        (VIT, ["--optimizer", "sgd", "--nesterov", "--teacher", "teacher", "--distillation", "soft", "--repeats", 2, "--loss", "bce"]),
}


def data_of(network):
    return "data" if network["img_size"] == 12 else "large"


def train(network, extra, out, ranks, *more):
    """With 0 ranks one process that knows nothing of MPI."""
    with open("network.json", "w") as f:
        json.dump(network, f)
    args = ["train", "--model", "network.json", *COMMON, "--data", f"idx:{data_of(network)}", *extra, "--out", out, *more]
    if ranks == 0:
        plain = program.VITRINE.removesuffix("-mpi")
        return program.subprocess.run([plain, *map(str, args)], check=True, timeout=600)
    return mpi.run(ranks, *args)


def same(a, b):
    for name in WRITTEN:
        assert read(f"{a}/{name}") == read(f"{b}/{name}"), f"{a} and {b}: {name}"
    results = [json.loads(read(f"{folder}/result.json")) for folder in (a, b)]
    assert results[0] == results[1], results


def kind(network, extra):
    def check():
        train(network, extra, "alone", 0)
        for ranks in RANKS:
            out = f"of{ranks}"
            train(network, extra, out, ranks)
            same("alone", out)
            shutil.rmtree(out)
        shutil.rmtree("alone")
    return check


def test_a_run_goes_on_with_other_numbers_of_ranks():
    network, extra = next(iter(KINDS.values()))
    train(network, extra, "whole", 0)
    for turn, ranks in enumerate((3, 1, 2, 5, 4)):
        more = ["--resume", "--checkpoint-steps", 1]
        process = mpi.start(ranks, "train", "--data", "idx:data", "--model", "network.json", *COMMON, *extra, "--out", "parts", *more)
        if turn < 4:
            wait_for_checkpoint("parts", turn)
            os.kill(mpi.ranks_of(process)[0], signal.SIGKILL)
        process.communicate(timeout=60)
    same("whole", "parts")
    for folder in ("whole", "parts"):
        shutil.rmtree(folder)


def wait_for_checkpoint(out, steps):
    """Until there is one that is newer than now by a few steps; or the run is over."""
    path = f"{out}/checkpoint.safetensors"
    begin = time.time()
    while time.time() < begin + 30 and not (os.path.exists(path) and os.path.getmtime(path) > begin - 1):
        time.sleep(0.01)
    time.sleep(0.05 * steps)


def started(ranks, out, *more):
    """A long run, which has written a checkpoint."""
    what = more or ("--data", "idx:data", "--model", program.MODEL, "--batch", 24)
    process = mpi.start(ranks, "train", "--epochs", 100000, "--seed", 3, "--quiet", "--out", out, *what)
    wait_for_checkpoint(out, 0)
    return process


def ends(process, *says, within=10):
    """All end soon, with one line of ours."""
    begin = time.time()
    _, error = process.communicate(timeout=60)
    took = time.time() - begin
    lines = mpi.said(error)
    assert process.returncode != 0
    assert len(lines) == 1, error
    for words in says:
        assert words in lines[0], lines[0]
    assert took < within, f"{took:.1f} s"
    return lines[0]


def test_a_rank_that_is_killed_ends_all():
    for victim in (0, 2):
        process = started(3, f"killed{victim}")
        os.kill(mpi.ranks_of(process)[victim], signal.SIGKILL)
        ends(process, f"rank {victim} on ", "has died", "--resume")


def test_a_rank_that_stops_answering_ends_all():
    process = started(3, "stopped")
    pid = mpi.ranks_of(process)[1]
    os.kill(pid, signal.SIGSTOP)
    ends(process, "rank 1 on ", "has not answered", "--resume")


def test_a_picture_that_only_one_rank_cannot_read_ends_all():
    pictures("photos", a=40, b=40)
    order = sorted(os.listdir("photos/a"))
    process = started(2, "unread", "--data", "folder:photos", "--model", "vit_d32_l1_h2_patch4_8", "--batch", 8)
    for name in order[:30]:
        with open(f"photos/a/{name}", "r+b") as f:
            f.truncate(40)
    line = ends(process, "photos/a/", "--resume")
    assert "rank " in line, line


def test_a_full_disk_of_the_first_rank_ends_all():
    with program.small_disk("disk", 32 << 20) as resize:
        process = started(3, "disk/run", "--data", "idx:data", "--model", program.MODEL, "--batch", 24)
        try:
            resize(os.path.getsize("disk/run/checkpoint.safetensors") * 3 // 2)
        except program.subprocess.CalledProcessError:  # two were there
            pass
        ends(process, "rank 0 on ", "No space left", "--resume")
        left = [n for n in os.listdir("disk/run") if n.endswith("safetensors")]
        assert "checkpoint.safetensors" in left, left


def test_what_is_wrong_everywhere_is_said_once():
    for args, status in ((["train", "--data", "idx:nothing", "--out", "x"], 1),
                         (["train", "--data", "idx:data", "--out", "x", "--epochs", -1], 2),
                         (["classify", "x.png"], 2)):
        done = mpi.run(3, *args, status=status)
        assert len(mpi.said(done.stderr)) == 1, done.stderr
    done = mpi.run(3, "train", "--data", "idx:data", "--shards", 2, "--out", "x", status=2)
    assert len(mpi.said(done.stderr)) == 1 and "3 ranks are more than the 2 shards" in done.stderr, done.stderr


def test_a_rank_that_is_bound_to_less_than_its_share_says_so():
    count = os.cpu_count()
    if count < 4 and count != 2:
        raise Skip("too few processors to be bound to less than a share")
    environment = {k: v for k, v in mpi.ENVIRONMENT.items() if k != "VITRINE_THREADS"}
    args = ["train", "--data", "idx:data", "--model", program.MODEL, "--epochs", "1", "--batch", "24", "--out", "bound", "--quiet"]
    # Open MPI binds each of two ranks to a core; of two cores that is a share, of more it is not.
    done = program.subprocess.run(["mpirun", "-n", "2", mpi.MPI, *args], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(mpi.said(done.stderr)) == (0 if count == 2 else 1), done.stderr


def test_sigterm_and_ctrl_c_end_a_run_after_a_step():
    for number in (signal.SIGTERM, signal.SIGINT):
        out = f"told{number}"
        process = mpi.start(2, "train", "--epochs", 100000, "--data", "idx:data", "--model", program.MODEL, "--batch", 24, "--out", out)
        wait_for_checkpoint(out, 0)
        told_at = time.time()
        os.kill(process.pid, number)
        _, error = process.communicate(timeout=60)
        told = [line for line in mpi.said(error) if "--resume" in line]
        assert told == [f"vitrine: interrupted; to go on: vitrine train --out {out} --resume"], error
        assert process.returncode == 1  # mpirun's own, whatever its processes end with
        assert os.path.getmtime(f"{out}/checkpoint.safetensors") > told_at - 0.01


def test_a_launch_that_cannot_work_is_refused():
    args = ["train", "--data", "idx:data", "--model", program.MODEL, "--batch", 24, "--epochs", 1, "--out", "launched"]
    plain = program.VITRINE.removesuffix("-mpi")
    for variables, binary, says in (({"PMI_SIZE": "2"}, mpi.MPI, "the MPI that this program was built with"),
                                    ({"SLURM_STEP_NUM_TASKS": "2"}, mpi.MPI, "srun --mpi=pmix"),
                                    ({"OMPI_COMM_WORLD_SIZE": "2"}, plain, "know no MPI")):
        done = program.subprocess.run([binary, *map(str, args)], env={**mpi.ENVIRONMENT, **variables}, capture_output=True, text=True)
        lines = mpi.said(done.stderr)
        assert done.returncode == 2 and len(lines) == 1 and says in lines[0], done.stderr
    for value in ("abc", "0", "5s"):
        done = program.subprocess.run(mpi.command(2, *args), env={**mpi.ENVIRONMENT, "VITRINE_MPI_TIMEOUT": value},
                                      capture_output=True, text=True)
        lines = mpi.said(done.stderr)
        assert done.returncode == 2 and len(lines) == 1 and f"VITRINE_MPI_TIMEOUT is {value}" in lines[0], done.stderr
    assert not os.path.exists("launched")


def test_two_builds_are_refused():
    content = bytearray(read(mpi.MPI))
    at = content.index(b"GNU\0", content.index(b"\x14\0\0\0\x03\0\0\0GNU\0"))  # 20 bytes of kind NT_GNU_BUILD_ID
    content[at + 4] ^= 1
    with open("other-build", "wb") as f:
        f.write(content)
    os.chmod("other-build", 0o700)
    args = list(map(str, ["train", "--data", "idx:data", "--model", program.MODEL, "--batch", 24, "--epochs", 1, "--out", "builds"]))
    command = mpi.command(1, *args) + [":", "-n", "1", "./other-build", *args]
    done = program.subprocess.run(command, env=mpi.ENVIRONMENT, capture_output=True, text=True, timeout=60)
    lines = mpi.said(done.stderr)
    assert done.returncode == 1 and len(lines) == 1 and "another build" in lines[0], done.stderr
    os.remove("other-build")


def test_bench_scale_measures_ranks_and_their_memory():
    done = mpi.run(4, "bench", "scale", "--model", "vit_tiny_patch16_224", "--batch", 2, "--seconds", 0.1, "--json")
    here = json.loads(done.stdout)["here"]
    assert here["ranks"] == 4 and here["together"]["ms"] > here["together"]["weights_ms"] > 0, here
    # Weights, gradients, a quarter of both moments; 64 MiB for the program and what is under way.
    terms = 4 * here["parameters"] * (1 + 1 + 2 / 4) + here["passes_bytes"]
    assert here["peak_bytes"] < terms + (64 << 20), here


def prepare():
    program.make_data("data")
    program.make_data("large", train=96, test=24, size=32)
    plain = program.VITRINE.removesuffix("-mpi")
    program.subprocess.run([plain, "train", "--data", "idx:data", "--model", program.MODEL, "--epochs", "1", "--batch", "24",
                            "--out", "teacher", "--quiet"], check=True)


def main():
    kinds = list(KINDS.items())[:2] if SHORT else list(KINDS.items())
    cases = [(name, kind(*of)) for name, of in kinds]
    cases += [(name[5:].replace("_", " "), test) for name, test in globals().items() if name.startswith("test_")]
    return run_cases("mpi", cases, prepare=prepare)


if __name__ == "__main__":
    sys.exit(main())
