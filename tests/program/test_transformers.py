#!/usr/bin/env python3
"""test_transformers.py VITRINE: folders of Hugging Face's transformers in both directions, where Python has it.

A folder that transformers writes must give its probabilities in `classify`; what `convert` writes from it (through
timm's names) must load there with nothing missing and nothing left over, and be the same weights bit for bit.
At another size (`--image-size`) both must interpolate the position embedding alike. Small networks with random weights.
Ends with "N passed, N failed, N skipped".
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from cases import run_cases

VITRINE = os.path.abspath(sys.argv[1])
PROBABILITY_ERROR = 1e-5  # float32 sums in another order
SIDE = 64

try:
    import numpy as np
    import torch
    import transformers as hf
    from PIL import Image
except ImportError as e:
    print(f"{e}\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)

VIT = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 96,
       "image_size": SIDE, "patch_size": 16, "num_labels": 7}
DINOV2 = {k: v for k, v in VIT.items() if k != "intermediate_size"}
CONV = {"embedding_size": 64, "depths": [2, 1], "num_labels": 7}
CASES = {
    "vit": lambda: hf.ViTForImageClassification(hf.ViTConfig(**VIT)),
    "vit without biases of qkv": lambda: hf.ViTForImageClassification(hf.ViTConfig(**VIT, qkv_bias=False)),
    "vit without a head": lambda: hf.ViTModel(hf.ViTConfig(**VIT), add_pooling_layer=False),
    "deit": lambda: hf.DeiTForImageClassificationWithTeacher(hf.DeiTConfig(**VIT)),
    "dinov2": lambda: hf.Dinov2Model(hf.Dinov2Config(**DINOV2)),
    "clip": lambda: hf.CLIPVisionModelWithProjection(hf.CLIPVisionConfig(**VIT, projection_dim=7)),
    "clip without a projection": lambda: hf.CLIPVisionModel(hf.CLIPVisionConfig(**VIT)),
    "resnet, basic": lambda: hf.ResNetForImageClassification(
        hf.ResNetConfig(**CONV, hidden_sizes=[64, 128], layer_type="basic")),
    "resnet, bottleneck": lambda: hf.ResNetForImageClassification(
        hf.ResNetConfig(**CONV, hidden_sizes=[64, 128], layer_type="bottleneck")),
    "bit": lambda: hf.BitForImageClassification(hf.BitConfig(**CONV, hidden_sizes=[128, 256], num_groups=8)),
    "bit, post-activation": lambda: hf.BitForImageClassification(
        hf.BitConfig(**CONV, hidden_sizes=[128, 256], num_groups=8, layer_type="bottleneck",
                     global_padding="SAME", embedding_dynamic_padding=True)),
}

# Larger, smaller, oblong; heights and widths. DINOv2 always interpolates.
SIZED_CASES = {
    "vit": (CASES["vit"], {"interpolate_pos_encoding": True}),
    "deit": (CASES["deit"], {"interpolate_pos_encoding": True}),
    "clip": (CASES["clip"], {"interpolate_pos_encoding": True}),
    "dinov2": (CASES["dinov2"], {}),
    "dinov2 with registers": (lambda: hf.Dinov2WithRegistersModel(hf.Dinov2WithRegistersConfig(**DINOV2)), {}),
    "resnet": (CASES["resnet, bottleneck"], {}),
    "bit": (CASES["bit"], {}),
}
SIZES = [(96, 96), (48, 48), (32, 112)]
RULE = {"do_resize": True, "size": {"height": SIDE, "width": SIDE}, "resample": 3, "do_center_crop": False,
        "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.4, 0.5, 0.6],
        "image_std": [0.2, 0.3, 0.4]}


def vitrine(*args):
    done = subprocess.run([VITRINE, *map(str, args)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{args}: {done.stderr}"
    return done.stdout


def network(make):
    torch.manual_seed(3)
    net = make().eval()
    with torch.no_grad():
        for key, tensor in [*net.named_parameters(), *net.named_buffers()]:
            if "running" in key:
                tensor.add_(torch.rand_like(tensor) * 0.1)
            elif tensor.is_floating_point() and "embeddings.position_ids" not in key:
                tensor.add_(torch.randn_like(tensor) * 0.05)
    return net


def answer(net, x, **kwargs):
    with torch.no_grad():
        out = net(pixel_values=x, **kwargs)
    for name in ("logits", "image_embeds", "last_hidden_state"):
        if getattr(out, name, None) is not None:
            return getattr(out, name), name == "logits"
    raise AssertionError("no result")


def save_folder(net):
    net.save_pretrained("first")
    with open("first/preprocessor_config.json", "w") as f:
        json.dump(RULE, f)


def save_picture(height, width):
    """Noise in picture.png; as the network sees it, (1, 3, height, width)."""
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("picture.png")
    x = (torch.from_numpy(pixels).float() / 255 - torch.tensor(RULE["image_mean"])) / torch.tensor(RULE["image_std"])
    return x.permute(2, 0, 1)[None]


def check_classes(want, *options):
    guesses = json.loads(vitrine("classify", "--model", "first", "--top", 7, "--json", *options, "picture.png"))[0]["top"]
    for guess in guesses:
        error = abs(guess["probability"] - want.softmax(-1)[0, guess["index"]].item())
        assert error < PROBABILITY_ERROR, f"class {guess['index']}: {guess['probability']}, off by {error}"


def check_sizes(make, kwargs):
    net = network(make)
    save_folder(net)
    for height, width in SIZES:
        want, _ = answer(net, save_picture(height, width), **kwargs)
        options = ["--image-size", f"{height}x{width}"]
        if want.ndim == 2:
            check_classes(want, *options)
            continue
        vitrine("features", "--model", "first", "--out", "f.npy", *options, "picture.png")
        got = torch.from_numpy(np.load("f.npy"))
        error = (got - want[:, 0]).abs().max()
        assert torch.allclose(got, want[:, 0], rtol=1e-5, atol=1e-5), f"at {height} x {width} off by {error}"


def check(make):
    net = network(make)
    save_folder(net)
    x = save_picture(SIDE, SIDE)
    want, has_classes = answer(net, x)
    if has_classes:
        check_classes(want)

    vitrine("convert", "first", "timm.safetensors")
    vitrine("convert", "timm.safetensors", "second")
    back, info = type(net).from_pretrained("second", output_loading_info=True)
    back = back.eval()
    # A Dinov2Model has a mask token that images do not meet, a ViTModel a pooler unless told otherwise.
    known = net.state_dict()
    missing = [key for key in info["missing_keys"] if "mask_token" not in key and key in known]
    assert not missing and not info["unexpected_keys"] and not info["mismatched_keys"], info
    again, _ = answer(back, x)
    for key, tensor in back.state_dict().items():
        if key not in info["missing_keys"] and "num_batches" not in key:
            assert torch.equal(tensor, known[key]), key
    # The same weights at another address may take another path in PyTorch.
    assert torch.allclose(again, want, rtol=1e-5, atol=1e-5), f"off by {(again - want).abs().max()}"


if __name__ == "__main__":
    cases = [(name, lambda make=make: check(make)) for name, make in CASES.items()]
    cases += [(f"{name} at other sizes", lambda case=case: check_sizes(*case)) for name, case in SIZED_CASES.items()]
    sys.exit(run_cases("transformers", cases, fresh=True))
