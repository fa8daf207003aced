"""What a network says before its head: tokens, layers, and classes by the embeddings of texts."""
import glob
import json
import math
import struct

from program import read, refused, run, safetensors
from use import npy


def test_tokens_and_layers():
    """The grid of MODEL is 3 x 3; it has a class token, and no registers."""
    picture = ["features", "--model", "first", "grey.png", "--quiet"]
    run(*picture, "--out", "plain.npy")
    run(*picture, "--out", "tokens.npy", "--tokens")
    shape, tokens = npy("tokens.npy")
    described = json.loads(read("tokens.json"))["embedding"]
    rows, columns = described["grid"]
    assert shape == (1, 1 + rows * columns, 32), shape
    assert described["tokens"] == [{"kind": "class", "first": 0, "count": 1},
                                   {"kind": "patches", "first": 1, "count": rows * columns}], described
    # What the head sees is the class token behind the final norm.
    assert all(abs(a - b) < 1e-4 for a, b in zip(tokens, npy("plain.npy")[1]))
    run(*picture, "--out", "patches.npy", "--tokens", "patches")
    assert npy("patches.npy") == ((1, rows * columns, 32), tokens[32:])
    run(*picture, "--out", "layers.safetensors", "--layers", "0,-1", "--tokens", "class", "--before-norm")
    header = json.loads(read("layers.safetensors")[8:8 + struct.unpack("<Q", read("layers.safetensors")[:8])[0]])
    assert header["features"]["shape"] == [1, 2, 1, 32], header
    assert json.loads(header["__metadata__"]["embedding"])["final_norm"] is False
    done = run("features", "--model", "first", "--data", "idx:data", "--layers", "0,1", "--pool", "avg", "--l2", "--knn", "--json")
    result = json.loads(done.stdout)
    assert result["embedding"] == {"layers": [0, 1], "final_norm": True, "pool": "avg", "unit_length": True}, result
    assert result["knn"]["top1"] > 0.3, result
    refused(*picture, "--out", "x.npy", "--layers", "9", status=2, says="no block 9")
    refused(*picture, "--out", "x.npy", "--layers", "1,,2", status=2, says="--layers")
    refused(*picture, "--out", "x.npy", "--tokens", "registers", status=2, says="no registers")
    refused(*picture, "--out", "x.npy", "--tokens", "pathces", status=2, says="patches")
    refused(*picture, "--out", "x.npy", "--tokens", "--pool", "avg", status=2, says="pooled")
    refused("features", "--model", "first", "--data", "idx:data", "--tokens", "--knn", status=2, says="--tokens")
    assert not glob.glob("x*")


def write_headless(path, out):
    """A network of ours without its head."""
    content = read(path)
    begin = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:begin])
    metadata = header.pop("__metadata__")
    metadata["vitrine.config"] = json.dumps(json.loads(metadata["vitrine.config"]) | {"num_classes": 0})
    metadata.pop("vitrine.labels", None)
    safetensors(out, {name: ("F32", t["shape"], content[begin + t["data_offsets"][0]:begin + t["data_offsets"][1]])
                      for name, t in header.items() if not name.startswith("head.")}, metadata)


def write_prompts(path, names, numbers, **more):
    rows = struct.pack(f"<{len(numbers)}f", *numbers)
    tensors = {"embeddings": ("F32", [len(names), len(numbers) // len(names)], rows)}
    tensors |= {name: ("F32", [], struct.pack("<f", v)) for name, v in more.items()}
    safetensors(path, tensors, {"names": json.dumps(names)})


def test_prompts():
    """Texts whose embeddings are those of pictures: each picture is most like its own."""
    write_headless("first/model.safetensors", "tower.safetensors")
    tower = ["--model", "tower.safetensors"]
    pictures = ["folder/dark/1.png", "folder/light/0.png"]
    run("features", *tower, *pictures, "--out", "two.npy", "--quiet")
    rows = npy("two.npy")[1]
    write_prompts("soft.safetensors", ["dark", "light"], rows, logit_scale=4)
    write_prompts("each.safetensors", ["dark", "light"], rows, logit_scale=2, logit_bias=-3)
    for file, total in (("soft", 1), ("each", None)):
        found = json.loads(run("classify", *tower, "--prompts", f"{file}.safetensors", "--json", *pictures).stdout)
        assert [f["top"][0]["label"] for f in found] == ["dark", "light"], found
        sums = [sum(g["probability"] for g in f["top"]) for f in found]
        assert all((abs(s - 1) < 1e-5) == (total == 1) for s in sums), sums
        # A cosine of 1: the logit is the scale and the bias.
        if file == "each":
            assert abs(found[0]["top"][0]["probability"] - 1 / (1 + math.exp(3 - math.exp(2)))) < 1e-5, found
    result = json.loads(run("eval", *tower, "--prompts", "soft.safetensors", "--data", "folder:folder", "--json").stdout)
    assert result["images"] == 40 and result["top1"] > 0.8, result
    ask = ["classify", *tower, pictures[0], "--prompts"]
    write_prompts("none.safetensors", ["dark", "light"], rows)
    refused(*ask, "none.safetensors", status=1, says="logit_scale")
    write_prompts("narrow.safetensors", ["dark", "light", "grey"], rows[:48], logit_scale=1)
    refused(*ask, "narrow.safetensors", status=1, says="(3, 32)")
    with open("cut.safetensors", "wb") as f:
        f.write(read("soft.safetensors")[:-5])
    refused(*ask, "cut.safetensors", status=1, says="cut.safetensors")
    refused(*ask, "missing.safetensors", status=1, says="missing.safetensors")
    refused("classify", *tower, pictures[0], status=2, says="--prompts")
    refused("classify", "--model", "first", pictures[0], "--prompts", "soft.safetensors", status=2, says="classes of its own")
