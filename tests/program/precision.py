"""Models in fewer bits, as a user makes and uses them."""
import json
import os

from program import refused, run


def test_quantize():
    done = json.loads(run("quantize", "first", "small.safetensors", "--data", "idx:data", "--json").stdout)
    assert done["bytes"] == os.path.getsize("small.safetensors") < 0.5 * done["bytes_before"], done
    compared = done["comparison"]
    assert compared["cosine_mean"] >= 0.998 and compared["agreement"] >= 0.9, compared
    before = json.loads(run("eval", "--model", "first", "--data", "idx:data", "--json").stdout)
    after = json.loads(run("eval", "--model", "small.safetensors", "--data", "idx:data", "--json").stdout)
    opened = json.loads(run("eval", "--model", "first", "--precision", "int8", "--data", "idx:data", "--json").stdout)
    assert (compared["top1_before"], compared["top1"]) == (before["top1"], after["top1"]), (compared, before, after)
    assert done["kept"] or opened["loss"] == after["loss"], (opened, after)
    assert before["loss"] != after["loss"]
    # What is asked of all pictures holds for all of them.
    asked = json.loads(run("quantize", "first", "closer.safetensors", "--fidelity", "0.99999", "--data", "idx:data", "--json").stdout)
    assert asked["comparison"]["cosine_mean"] >= 0.99999 and asked["comparison"]["cosine_least"] >= 1 - 2.5e-5, asked
    assert asked["kept"], asked
    # A layer that must stay, and the table.
    shown = run("quantize", "first", "kept.safetensors", "--keep", "head.weight", "--data", "idx:data").stdout
    assert "layers that lose most" in shown and "head.weight" in shown, shown
    run("quantize", "first", "half.safetensors", "--precision", "bf16", "-q")
    assert os.path.getsize("kept.safetensors") > done["bytes"] or "head.weight" in done["kept"]
    assert os.path.getsize("half.safetensors") > done["bytes"]
    run("classify", "--model", "half.safetensors", "grey.png")
    # What was quantised can be converted back, and learned from.
    run("convert", "small.safetensors", "floats.safetensors", "-q")
    assert os.path.getsize("floats.safetensors") > 2 * done["bytes"]
    refused("quantize", "first", "x.safetensors", "--keep", "head.wieght", status=2, says="head.weight")
    refused("quantize", "first", "x.pth", status=2, says="FILE.safetensors")
    refused("classify", "--precision", "int7", "grey.png", status=2, says="int7")
    assert not os.path.exists("x.safetensors") and not os.path.exists("x.pth")
