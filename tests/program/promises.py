"""The promises: the same bits for any number of threads, for a run that was killed, on the ISA that was asked for."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

import kills
from program import MODEL, TRAIN, VITRINE, check_memory_estimate, idx_bytes, read, refused, run, train


def test_same_bits_for_any_number_of_threads_and_workers():
    train("one", "--threads", 1, "--workers", 0)
    train("three", "--threads", 3, "--workers", 2)
    for name in ("checkpoint.safetensors", "model.safetensors"):
        assert read(f"one/{name}") == read(f"three/{name}"), name
    for other in ("pool", "openmp"):
        train(other, "--threads", 3, "--executor", other)
        assert read("one/checkpoint.safetensors") == read(f"{other}/checkpoint.safetensors"), other


def test_memory_is_foretold_and_checkpointed_blocks_need_less():
    def peak(*args):
        result = json.loads(run("bench", "train", "--model", "vit_d128_l12_h2_patch4_32_c10", "--batch", 16, "--threads", 2,
                                "--seconds", 0.01, "--json", *args).stdout)
        check_memory_estimate(result)
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
    os.remove("one/result.json")  # written last
    train("one", "--resume")
    assert read("one/curves.png") == curves and os.path.exists("one/confusion.png")
    assert not os.path.exists("one/curves.png.vitrine-tmp")


def test_a_student_learns_from_its_teacher():
    teacher = ["--data", "idx:data", "--model", MODEL, "--batch", 16, "--lr", "2e-3", "--quiet"]
    run("train", *teacher, "--epochs", 20, "--out", "teacher-run")
    shutil.copy("teacher-run/model.safetensors", "teacher.safetensors")
    # Random labels: what the student knows, only the teacher can have told it.
    shutil.copytree("data", "mislabelled", dirs_exist_ok=True)
    rng = random.Random(4)
    with open("mislabelled/train-labels-idx1-ubyte", "wb") as f:
        f.write(idx_bytes([240], [rng.randrange(10) for _ in range(240)]))
    learns = ["train", "--data", "idx:mislabelled", "--model", MODEL, "--batch", 16, "--lr", "2e-3", "--quiet",
              "--epochs", 20, "--teacher", "teacher.safetensors", "--distillation-alpha", 1]
    for kind in (["hard"], ["soft", "--distillation-tau", "2"]):
        run(*learns, "--distillation", *kind, "--out", f"taught-{kind[0]}")
        # The last weights: those that are best by random labels are any.
        result = json.loads(run("eval", "--model", f"taught-{kind[0]}/checkpoint.safetensors", "--data", "idx:data",
                                "--json").stdout)
        assert result["top1"] > 0.5, (kind, result)


def test_says_whose_knowledge_of_the_validation_part_is_too_good():
    def says(*args, data="idx:data"):
        shutil.rmtree("again", ignore_errors=True)
        done = run("train", "--data", data, "--batch", 16, "--epochs", 1, "--out", "again", *args)
        return "teacher.safetensors learned pictures of this run's validation part" in done.stderr
    for knows in (["--init", "teacher.safetensors"],
                  ["--teacher", "teacher.safetensors", "--distillation", "soft", "--model", MODEL]):
        assert not says(*knows)
        for part in (["--seed", 9], ["--validation", 0.2]):
            assert says(*knows, *part), (knows, part)
        assert not says(*knows, "--seed", 9, data="idx:mislabelled"), knows  # other training data


def test_a_distilled_run_that_was_killed_equals_the_uninterrupted_one():
    # With a distillation token, at another size than the teacher's.
    distilled = {"embed_dim": 32, "depth": 1, "num_heads": 2, "img_size": 16, "patch_size": 4, "in_chans": 1,
                 "num_classes": 10, "distilled": True}
    shutil.copy("taught-soft/model.safetensors", "second.safetensors")
    flags = [*TRAIN[2:], "--model", json.dumps(distilled), "--teacher", "teacher.safetensors", "--teacher",
             "second.safetensors", "--distillation", "soft", "--distillation-alpha", 0.3, "--distillation-tau", 3]
    heading = run("train", "--data", "idx:data", *flags, "--epochs", 3, "--out", "distilled", "--threads", 1).stdout
    for says in ("soft distillation, share 0.3, from teacher.safetensors and second.safetensors", "16 x 16 to 12 x 12"):
        assert says in heading, heading
    config = json.load(open("distilled/config.json"))
    assert config["teacher"] == ["teacher.safetensors", "second.safetensors"] and config["distillation_tau"] == 3, config
    process = subprocess.Popen([VITRINE, "train", "--data", "idx:data", *map(str, flags), "--epochs", "3", "--out",
                                "distilled-killed", "--quiet", "--checkpoint-steps", "1"], stderr=subprocess.DEVNULL)
    while process.poll() is None and not os.path.exists("distilled-killed/checkpoint.safetensors"):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()

    # Only with the teacher that it began with.
    goes_on = ["train", "--out", "distilled-killed", "--resume", "--quiet"]
    os.rename("teacher.safetensors", "kept.safetensors")
    refused(*goes_on, status=1, says="neither a file")
    shutil.copy("taught-hard/model.safetensors", "teacher.safetensors")
    refused(*goes_on, status=1, says="not the one that the run began with")
    os.rename("kept.safetensors", "teacher.safetensors")
    run(*goes_on, "--threads", 3)
    for name in ("checkpoint.safetensors", "model.safetensors"):
        assert read(f"distilled/{name}") == read(f"distilled-killed/{name}"), name
    assert os.path.getsize("distilled/model.safetensors") < os.path.getsize("teacher.safetensors")

    refused("train", "--out", "distilled", "--resume", "--distillation-alpha", 0.4, status=2, says="distillation_alpha")
    for more, says in ((["--teacher", "first"], "needs a distillation"), (["--distillation", "hard"], "needs a teacher"),
                       (["--teacher", "gone", "--distillation", "hard"], "gone"),
                       (["--teacher", "first", "--distillation", "hard", "--distillation-tau", 2], "for soft"),
                       (["--teacher", "first", "--distillation", "soft", "--distillation-tau", 0], "--distillation-tau"),
                       (["--teacher", "first", "--distillation", "soft", "--distillation-alpha", 2], "--distillation-alpha"),
                       (["--distillation-alpha", 0.1], "needs a distillation")):
        refused("train", "--data", "idx:data", "--model", MODEL, *more, "--out", "x", status=2, says=says)
    shutil.copytree("data", "eleven", dirs_exist_ok=True)
    for prefix, count in (("train", 240), ("t10k", 60)):
        with open(f"eleven/{prefix}-labels-idx1-ubyte", "wb") as f:
            f.write(idx_bytes([count], [i % 11 for i in range(count)]))
    refused("train", "--data", "idx:eleven", "--model", MODEL, "--teacher", "teacher.safetensors", "--distillation", "hard",
            "--out", "x", status=2, says="has 10 classes, the student 11")
    assert not os.path.exists("x")


def test_interrupt_writes_a_checkpoint():
    command = [VITRINE, "train", "--data", "idx:data", *TRAIN, "--epochs", "2000", "--out", "interrupted"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not os.path.exists("interrupted/checkpoint.safetensors"):
        assert process.poll() is None
        time.sleep(0.02)
    # A second one in its folder would undo its work.
    refused("train", "--out", "interrupted", "--resume", "--quiet", status=1, says="another process works here")
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
