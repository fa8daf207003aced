"""What goes wrong: one line on standard error, the right status, nothing half-written."""
import json
import os
import resource
import shutil
import signal
import struct
import subprocess

from cases import Skip
from program import MODEL, TRAIN, VITRINE, read, refused, run, small_disk


def test_wrong_usage():
    refused("frobnicate", status=2, says="frobnicate")
    refused("train", status=2, says="--out")
    refused("eval", "--batch", "0", status=2, says="--batch")
    refused("eval", "--modle", "x", status=2, says="--modle")
    refused("train", "--data", "idx:data", "--model", "vit_nonsense", "--out", "x", status=2, says="vit_nonsense")
    refused("train", "--data", "nonsense", "--out", "x", status=2, says="nonsense")
    refused("train", "--data", "idx:data", "--lr", "-1", "--out", "x", status=2, says="--lr")
    refused("eval", "--isa", "mmx", status=2, says="mmx")
    refused("eval", "--executor", "tbb", status=2, says="executor 'tbb' is not known; there are pool and openmp")
    refused("inspect", MODEL, status=2, says="executor 'tbb'", env={"VITRINE_EXECUTOR": "tbb"})
    for threads in ("two", "-1", "2.5", "99999999999"):
        refused("inspect", MODEL, status=2, says=f"VITRINE_THREADS is '{threads}'", env={"VITRINE_THREADS": threads})
    refused("inspect", "vit_base_patch16_22x", status=2, says="vit_base_patch16_22x")
    foreign = "neon64" if os.uname().machine == "x86_64" else "avx2"
    refused("eval", "--model", "first", "--data", "idx:data", status=2, says=foreign, env={"VITRINE_ISA": foreign})
    refused("train", "--data", "idx:data", *TRAIN, "--out", "first", status=2, says="--resume")
    assert not os.path.exists("x")


def test_missing_and_malformed_files():
    refused("eval", "--model", "nowhere", "--data", "idx:data", status=2, says="nowhere")
    refused("eval", "--model", "first", "--data", "idx:nowhere", status=1, says="nowhere")
    refused("classify", "--model", "first", "nothing.png", status=1, says="nothing.png")
    with open("text.png", "w") as f:
        f.write("not a picture")
    refused("classify", "--model", "first", "text.png", status=1, says="text.png")
    checkpoint = read("first/model.safetensors")
    for n in (0, 7, 8, 100, len(checkpoint) // 2, len(checkpoint) - 1):
        with open("cut.safetensors", "wb") as f:
            f.write(checkpoint[:n])
        refused("eval", "--model", "cut.safetensors", "--data", "idx:data", status=1, says="cut.safetensors")
    shutil.copytree("data", "cut")
    images = read("data/train-images-idx3-ubyte")
    with open("cut/train-images-idx3-ubyte", "wb") as f:
        f.write(images[:-7])
    refused("train", "--data", "idx:cut", *TRAIN, "--out", "y", status=1, says="cut/train-images-idx3-ubyte")
    assert not os.path.exists("y")


def test_a_copy_of_the_program_that_left_its_files_behind():
    if any(os.path.isdir(f"{prefix}/share/vitrine") for prefix in ("/usr/local", "/usr")):
        raise Skip("an installed Vitrine has them")
    shutil.copy(VITRINE, "alone")
    for args, says in ((["train", "--recipe", "fashion_mnist", "--out", "y"], "no recipes are near the program"),
                       (["classify", "white.png"], "not near the program")):
        done = subprocess.run(["./alone", *args], capture_output=True, text=True)
        assert done.returncode in (1, 2) and done.stderr.count("\n") == 1 and says in done.stderr, done
    assert not os.path.exists("y")


def test_checkpoint_of_another_shape():
    """The metadata promise a wider network than the tensors are."""
    content = read("first/model.safetensors")
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + length])
    for key, value, says in (("embed_dim", 64, "holds"), ("depth", 1, "extra"), ("num_classes", 9, "9")):
        config = json.loads(header["__metadata__"]["vitrine.config"])
        config[key] = value
        changed = json.loads(json.dumps(header))
        changed["__metadata__"]["vitrine.config"] = json.dumps(config)
        text = json.dumps(changed).encode()
        with open("other.safetensors", "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text + content[8 + length:])
        refused("eval", "--model", "other.safetensors", "--data", "idx:data", status=1, says=says)
    header["__metadata__"]["vitrine.format"] = "3"
    text = json.dumps(header).encode()
    with open("newer.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + content[8 + length:])
    refused("eval", "--model", "newer.safetensors", "--data", "idx:data", status=1, says="newer")


def small_files_only():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))


def test_full_disk():
    refused("train", "--data", "idx:data", *TRAIN, "--out", "full", "--quiet", status=1, says="full/",
            preexec_fn=small_files_only)
    assert not [f for f in os.listdir("full") if f.endswith(".safetensors")], os.listdir("full")
    with open("/dev/full", "w") as full:
        done = subprocess.run([VITRINE, "inspect", "first"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
    with small_disk("tmpfs", 1 << 16):
        refused("train", "--data", "idx:data", *TRAIN, "--out", "tmpfs/run", "--quiet", status=1, says="No space left")
        assert not os.path.exists("tmpfs/run")  # said before it begins
