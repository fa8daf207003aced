"""What a network says before its head: tokens and layers."""
import glob
import json
import struct

from program import read, refused, run
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
