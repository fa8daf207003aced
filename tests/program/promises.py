"""The promises: the same bits for any number of threads, for a run that was killed, on the ISA that was asked for."""
import json
import os
import random
import re
import signal
import subprocess
import time

import kills
from program import MODEL, TRAIN, VITRINE, read, refused, run, train


def test_same_bits_for_any_number_of_threads_and_workers():
    train("one", "--threads", 1, "--workers", 0)
    train("three", "--threads", 3, "--workers", 2)
    for name in ("checkpoint.safetensors", "model.safetensors"):
        assert read(f"one/{name}") == read(f"three/{name}"), name


def test_memory_is_foretold_and_checkpointed_blocks_need_less():
    def peak(*args):
        result = json.loads(run("bench", "train", "--model", "vit_d128_l12_h2_patch4_32_c10", "--batch", 16, "--threads", 2,
                                "--seconds", 0.01, "--json", *args).stdout)
        assert 0.9 < result["memory_estimate_mib"] / result["peak_rss_mib"] < 1.1, result
        return result["peak_rss_mib"]
    assert peak("--checkpoint-blocks") < 0.7 * peak()
    refused("bench", "model", "--model", MODEL, "--checkpoint-blocks", status=2, says="--checkpoint-blocks")

    weights = []
    for out, flags in (("kept", []), ("checkpointed", ["--checkpoint-blocks"])):
        done = run("train", "--data", "idx:data", *TRAIN, "--epochs", 1, "--out", out, *flags)
        assert re.search(r"; about [0-9.]+ [MG]iB of memory", done.stdout), done.stdout
        assert json.load(open(f"{out}/config.json"))["checkpoint_blocks"] == bool(flags)
        weights.append(read(f"{out}/model.safetensors"))
    assert weights[0] == weights[1]
    run("train", "--out", "checkpointed", "--resume", "--checkpoint-blocks", "--quiet")
    refused("train", "--out", "kept", "--resume", "--checkpoint-blocks", status=2, says="checkpoint_blocks")


def test_killed_and_resumed_run_equals_the_uninterrupted_one():
    if not os.path.exists("one"):
        train("one", "--threads", 1)
    rng = random.Random(2)
    for attempt in range(4):
        kills.goes_on_to("one", f"killed{attempt}", rng, kills=2, longest=0.4)


def test_run_that_met_a_full_disk_equals_the_uninterrupted_one():
    kills.survives_a_full_disk("one", random.Random(3), kills=1, longest=0.4)


def test_start_over_what_never_reached_a_checkpoint():
    os.makedirs("early")
    with open("early/metrics.jsonl", "w") as f:
        f.write("a line of the run that was killed\n")
    train("early", "--resume")
    assert read("early/checkpoint.safetensors") == read("one/checkpoint.safetensors")
    assert all("step" in json.loads(line) for line in open("early/metrics.jsonl"))


def test_pictures_of_a_run_that_was_killed_at_its_very_end():
    curves = read("one/curves.png")
    os.rename("one/curves.png", "one/curves.png.vitrine-tmp")  # as SIGKILL after the last epoch leaves them
    os.remove("one/confusion.png")
    train("one", "--resume")
    assert read("one/curves.png") == curves and os.path.exists("one/confusion.png")
    assert not os.path.exists("one/curves.png.vitrine-tmp")


def test_interrupt_writes_a_checkpoint():
    command = [VITRINE, "train", "--data", "idx:data", *TRAIN, "--epochs", "2000", "--out", "interrupted"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not os.path.exists("interrupted/checkpoint.safetensors"):
        assert process.poll() is None
        time.sleep(0.02)
    before = read("interrupted/checkpoint.safetensors")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "--resume" in err, (process.returncode, err)
    assert read("interrupted/checkpoint.safetensors") != before
    refused("train", "--out", "interrupted", "--resume", "--lr", "0.5", status=2, says="lr")


def test_every_isa_is_really_used():
    isas = run("--version").stdout.splitlines()[1].split()[1:]
    for isa in isas:
        result = json.loads(run("bench", "model", "--model", MODEL, "--seconds", 0.01, "--json",
                                env={"VITRINE_ISA": isa}).stdout)
        assert result["isa"] == isa
        assert json.loads(run("bench", "model", "--model", MODEL, "--seconds", 0.01, "--json", "--isa", "reference",
                              env={"VITRINE_ISA": isa}).stdout)["isa"] == "reference"
