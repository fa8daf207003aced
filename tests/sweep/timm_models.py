#!/usr/bin/env python3
"""timm_models.py VITRINE [PART_OF_NAME]: folders of timm's networks are answered exactly or refused by name.

Every name of timm in the families of ResNet and ViT, saved as timm saves for the hub with random weights, two
blocks of each transformer, the wide ones narrowed, and one per stage of each ResNet (told in model_args); then every argument of the
constructors of VisionTransformer, ResNet and ResNetV2 at other values than its default. Vitrine's answer for two
pictures, one of which it must resize by the folder's own rule, must be timm's, or the refusal must name the key.
Also: a network of ours that has one of these names has as many parameters and heads as timm's, and a name that is refused in a folder may not stand for a network of ours on the command line.
Ends with "N exact, N refused by name, N wrong, N crashed"; status 1 if something is wrong or crashed.
"""
import collections
import inspect
import json
import math
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import without_torchvision  # noqa: F401

try:
    import numpy as np
    import timm
    import torch
    from PIL import Image
    from safetensors.torch import save_file
    from timm.models import _hub, resnet, resnetv2, vision_transformer
except ImportError as e:
    print(f"{e}\n0 exact, 0 refused by name, 0 wrong, 0 crashed: skipped")
    sys.exit(0)

VITRINE = os.path.abspath(sys.argv[1])
# Of the largest number in the answer, against timm in double precision. GELU by tanh instead of by erf, the smallest
# difference that is meant to be found, is above 1e-4 with these weights.
BOUND = 2e-5
FAMILIES = re.compile(r"(vit_|deit|beit|eva|flexivit|naflexvit|aimv2|samvit|test_vit|test_resnet|resnet|resnext|wide_"
                      r"|senet|seres|ecares|legacy_se|skres|resnest|gcres|bat_resnext|eca_res|lambda_res|nf_)")
CLASSES = 7
NARROW = {"depth": 2, "embed_dim": 384, "num_heads": 6}
SHRUNK = ({"depth": 2}, {"layers": [1, 1, 1, 1]}, {"layers": [1, 1, 1]}, {})
WIDE = 768  # what is wider is narrowed: gigabytes of random numbers show nothing else
FILTERS = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR}


class Refused(Exception):
    pass


class Crashed(Exception):
    pass


def vitrine(*args):
    done = subprocess.run([VITRINE, *map(str, args)], capture_output=True, text=True, timeout=600)
    if done.returncode == 0:
        return done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("vitrine: ")]
    if done.returncode not in (1, 2) or len(lines) != 1:
        raise Crashed(f"status {done.returncode}: {done.stderr[-300:]}")
    raise Refused(lines[0][len("vitrine: "):])


def make_visible(net):
    """Values that all show in the answer: norms, biases, tokens, statistics, LayerScale. Norms scale by 0.7, not 1:
    the longest chains of pre-activation blocks then lose 1e-5 in float32, not 2.5e-5, and GELU's forms still differ by
    more than 1e-4."""
    random = torch.Generator().manual_seed(0)

    def noise(t):
        return torch.randn(t.shape, generator=random)
    with torch.no_grad():
        for key, buffer in net.named_buffers():
            if "running_mean" in key:
                buffer.copy_(noise(buffer) * 0.1)
            elif "running_var" in key:
                buffer.copy_(1 + 0.3 * torch.rand(buffer.shape, generator=random))
        for key, value in net.named_parameters():
            if "gamma" in key:
                value.copy_(0.5 + 0.2 * noise(value))
            elif value.ndim <= 1:
                scale = 0.7 if key.endswith("weight") else 0
                value.copy_(scale + noise(value) * (0.2 * scale or 0.2))
            elif value.ndim == 2:
                value.copy_(noise(value) * 1.2 / value.shape[1] ** 0.5)
            elif value.ndim == 3:
                value.copy_(noise(value) * 0.3)
            else:
                value.copy_(noise(value) * (2 / value[0].numel()) ** 0.5)
    return net.eval()


def build(name, arguments, classes, device):
    with torch.device(device):
        return timm.create_model(name, num_classes=classes, **arguments)


def shrink(name, classes):
    """The smallest network of this name, without memory, and the arguments that make it so."""
    for arguments in SHRUNK:
        try:
            net = build(name, arguments, classes, "meta")
        except Exception:  # has no such argument
            continue
        if "depth" not in arguments or net.embed_dim <= WIDE:
            return net, arguments
        return build(name, NARROW, classes, "meta"), NARROW
    return None, None


def save_config(net, arguments):
    _hub.save_config_for_hf(net, _hub.Path("m/config.json"), model_args=arguments)
    with open("m/config.json") as f:
        return json.load(f)


def prepare(path, rule):
    """timm's evaluation transform: the array that the network sees."""
    size, crop_pct = rule["input_size"][1:], rule.get("crop_pct", 0.875)
    image = Image.open(path).convert("RGB")
    height, width = (math.floor(side / crop_pct) for side in size)
    if rule.get("crop_mode") == "squash":
        want = width, height
    elif height == width:
        w, h = image.size
        want = (width, int(width * h / w)) if w <= h else (int(width * w / h), width)
    else:
        ratio = min(image.size[0] / width, image.size[1] / height)
        want = tuple(round(side / ratio) for side in image.size)
    if want != image.size:
        image = image.resize(want, FILTERS[rule.get("interpolation", "bicubic")])
    left, top = (int(round((image.size[i] - size[1 - i]) / 2.0)) for i in (0, 1))
    pixels = np.asarray(image.crop((left, top, left + size[1], top + size[0])))
    mean, std = (torch.tensor(rule[key]).float() for key in ("mean", "std"))
    return ((torch.from_numpy(pixels.copy()).float() / 255 - mean) / std).permute(2, 0, 1)[None]


def draw(size):
    """A picture that fits, and a smooth one that must be resized."""
    random = np.random.default_rng(1)
    Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)).save("fits.png")
    small = Image.fromarray(random.integers(0, 256, (9, 13, 3), dtype=np.uint8))
    small.resize((size[1] + 61, size[0] + 36), Image.BICUBIC).save("larger.png")
    return "fits.png", "larger.png"


def answer(path, classes):
    if classes == 0:
        vitrine("features", "--model", "m", "--out", "f.npy", path)
        return torch.from_numpy(np.load("f.npy")).double()[0]
    out = json.loads(vitrine("classify", "--model", "m", "--top", classes, "--json", path))
    top = sorted(out[0]["top"], key=lambda guess: guess["index"])
    return torch.tensor([guess["probability"] for guess in top], dtype=torch.float64).log()


def error_of(got, want, classes):
    want = want.double().flatten()
    if classes != 0:
        scale = want.abs().max().item()
        want = want.log_softmax(-1)
    else:
        scale = want.abs().max().item()
    if got.shape != want.shape:
        return math.inf
    return (got - want).abs().max().item() / max(scale, 1e-3)


def in_double(net, seen):
    try:
        return net.double()(seen.double())
    except RuntimeError as e:  # learned rotary positions are float32 in timm, whatever the network is
        if "expected scalar type" not in str(e):
            raise
        return net.float()(seen).double()


class Sweep:
    def __init__(self):
        self.count = collections.Counter()
        self.largest = 0
        self.counted = 0  # networks whose parameters were compared

    def tell(self, kind, name, text):
        self.count[kind] += 1
        print(f"{kind:8} {name}: {text}", flush=True)

    def check_answers(self, title, net, config, classes):
        rule = dict(config["pretrained_cfg"])
        if "img_size" in config.get("model_args", {}):  # pictures are as large as the network, as with timm's --img-size
            sides = config["model_args"]["img_size"]
            rule["input_size"] = [3, *(sides if isinstance(sides, list) else [sides] * 2)]
        worst, own = 0, 0
        for path in draw(rule["input_size"][1:]):
            try:
                with torch.no_grad():
                    seen = prepare(path, rule)
                    single = net.float()(seen).double().flatten()
                    want = in_double(net, seen)
            except RuntimeError as e:  # the network does not take what its folder makes of a picture
                answer(path, classes)
                return self.tell("wrong", title, f"answered, where timm says {e}")
            worst = max(worst, error_of(answer(path, classes), want, classes))
            own = max(own, error_of(single.log_softmax(-1) if classes else single, want, classes))
        if worst < BOUND:
            self.largest = max(self.largest, worst)
            self.tell("exact", title, f"off by {worst:.1e}")
        else:
            self.tell("wrong", title, f"off by {worst:.1e}; timm's own float32 by {own:.1e}")

    def check(self, title, name, arguments, classes, must_say):
        """A folder of this network: exact, or refused with `must_say` in the line."""
        config = save_config(build(name, arguments, classes, "meta"), arguments)
        net = make_visible(timm.create_model("local-dir:m"))  # what timm itself makes of the folder
        save_file(net.state_dict(), "m/model.safetensors")
        try:
            self.check_answers(title, net, config, classes)
        except Refused as e:
            named = any(word in str(e) for word in must_say)
            self.tell("refused" if named else "wrong", title, str(e) if named else f"does not say {must_say}: {e}")
        except Crashed as e:
            self.tell("crashed", title, str(e))

    def check_name(self, name):
        classes = CLASSES if (timm.get_pretrained_cfg(name).num_classes or 0) > 0 else 0
        net, arguments = shrink(name, classes)
        if net is None:
            return self.tell("crashed", name, "timm cannot build it")
        # What is refused by its name is refused whatever the weights are.
        save_config(net, arguments)
        save_file({"patch_embed.proj.weight": torch.zeros(1, 1, 1, 1)}, "m/model.safetensors")
        try:
            vitrine("inspect", "m")
        except Refused as e:
            if f'architecture is "{name}"' in str(e):
                return self.check_command_line(name, str(e))
        except Crashed as e:
            return self.tell("crashed", name, str(e))
        self.check_parameters(name)
        return self.check(name, name, arguments, classes, ['architecture is "'])

    def check_parameters(self, name):
        """By its name alone the network is as large as timm's, with the head that we give it."""
        try:
            shown = json.loads(vitrine("inspect", name, "--json"))
        except Refused as e:
            return self.tell("wrong", name, f"answered in a folder, but not known by its name: {e}")
        net = build(name, {}, shown["config"]["num_classes"], "meta")
        parameters = sum(p.numel() for p in net.parameters())
        if shown["parameters"] != parameters:
            self.tell("wrong", name, f"{shown['parameters']} parameters, timm has {parameters}")
        heads = {m.num_heads for key, m in net.named_modules() if key.startswith("blocks.") and hasattr(m, "num_heads")}
        if heads and heads != {shown["config"]["num_heads"]}:
            self.tell("wrong", name, f"{shown['config']['num_heads']} heads, timm has {heads}")
        self.counted += 1

    def check_command_line(self, name, reason):
        try:
            vitrine("inspect", name)
        except Refused:
            return self.tell("refused", name, reason.split("; ", 1)[-1])
        except Crashed as e:
            return self.tell("crashed", name, str(e))
        return self.tell("wrong", name, "refused in a folder, but a network of ours has this name")


# Values of every argument that JSON can have; None: not of JSON, or not of the answer by its type.
NOT_JSON = dict.fromkeys(("block", "embed_layer", "block_fn", "mlp_layer", "device", "dtype", "conv_layer"))
OF_TRAINING = {key: [0.5] for key in ("drop_rate", "pos_drop_rate", "patch_drop_rate", "proj_drop_rate", "attn_drop_rate",
                                      "drop_path_rate", "drop_block_rate")}
POOLS = ["avg", "max", "avgmax", "catavgmax", ""]
VALUES = {
    vision_transformer.VisionTransformer: OF_TRAINING | {
        "img_size": [96, [96, 160]], "patch_size": [8, [16, 8]], "in_chans": [1], "num_classes": [3],
        "global_pool": ["avg", "max", "avgmax", "map", "prr", ""], "embed_dim": [96], "depth": [3], "num_heads": [4],
        "mlp_ratio": [2.5], "qkv_bias": [False], "qk_norm": [True], "scale_attn_norm": [True], "scale_mlp_norm": [True],
        "proj_bias": [False], "init_values": [0.1, None], "class_token": [False], "pos_embed": ["none", ""],
        "no_embed_class": [True], "reg_tokens": [3], "pre_norm": [True], "final_norm": [False], "fc_norm": [True],
        "pool_include_prefix": [True], "dynamic_img_size": [True], "dynamic_img_pad": [True],
        "weight_init": ["jax", "moco"], "fix_init": [True], "embed_norm_layer": ["layernorm"],
        "norm_layer": ["layernorm", "rmsnorm", None],
        "act_layer": ["gelu", "gelu_tanh", "quick_gelu", "relu", "silu", "gelu_erf", None], "attn_layer": ["diff"]},
    resnet.ResNet: OF_TRAINING | {
        "layers": [[1, 2, 1, 1]], "num_classes": [3], "in_chans": [1], "output_stride": [16, 8], "global_pool": POOLS,
        "cardinality": [4], "base_width": [32], "stem_width": [32], "stem_type": ["deep", "deep_tiered"],
        "replace_stem_pool": [True], "block_reduce_first": [2], "down_kernel_size": [3], "avg_down": [True],
        "channels": [[32, 64, 64, 96]], "act_layer": ["silu", "relu"], "norm_layer": ["groupnorm", "batchnorm2d"],
        "aa_layer": ["avg", "blur"], "zero_init_last": [False], "block_args": [{"attn_layer": "se"}, {}]},
    resnetv2.ResNetV2: OF_TRAINING | {
        "layers": [[1, 2, 1, 1]], "channels": [[128, 128, 256, 256]], "num_classes": [3], "in_chans": [1],
        "global_pool": POOLS, "output_stride": [16], "width_factor": [2], "stem_chs": [32],
        "stem_type": ["", "same", "deep"], "avg_down": [True], "preact": [False], "basic": [True], "bottle_ratio": [0.5],
        "act_layer": ["silu", "relu"], "norm_layer": ["groupnorm", "batchnorm"], "zero_init_last": [True]},
}
# Small networks of each class, and what must stand beside an argument for it to mean something.
BASES = {
    vision_transformer.VisionTransformer: [("test_vit", {}), ("vit_base_patch16_clip_quickgelu_224",
                                                              {"depth": 1, "embed_dim": 128, "num_heads": 2})],
    resnet.ResNet: [("resnet50", {"layers": [1, 1, 1, 1]}), ("resnet10t", {})],
    resnetv2.ResNetV2: [("resnetv2_50x1_bit", {"layers": [1, 1, 1, 1]})],
}
BESIDE = {"class_token": {"global_pool": "avg"}, "pool_include_prefix": {"global_pool": "avg"},
          "fc_norm": {"global_pool": "token"}}


def mutate(sweep, pattern):
    for network, values in VALUES.items():
        unknown = set(inspect.signature(network).parameters) - set(values) - set(NOT_JSON)
        for key in sorted(unknown):
            sweep.tell("wrong", network.__name__, f"its argument {key} has no value to be tried with")
        for base, fixed in BASES[network]:
            for key, value in ((k, v) for k, vs in values.items() for v in vs):
                title = f"{base} {key}={json.dumps(value)}"
                if pattern not in title:
                    continue
                arguments = fixed | BESIDE.get(key, {}) | {key: value}
                classes = arguments.get("num_classes", CLASSES)
                build_with = {k: v for k, v in arguments.items() if k != "num_classes"}
                try:
                    build(base, build_with, classes, "meta")
                except Exception:  # not for this network, or not as JSON
                    continue
                sweep.check(title, base, build_with, classes, [f"{key} is", "global_pool is", "mean of 3 numbers for 1 channels"])


def main():
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    sweep = Sweep()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.makedirs("m")
        for name in timm.list_models():
            if FAMILIES.match(name) and pattern in name:
                sweep.check_name(name)
        mutate(sweep, pattern)
        os.chdir("/")
    count = sweep.count
    print(f"timm {timm.__version__}: the largest error of the exact is {sweep.largest:.1e}, allowed {BOUND:.0e}")
    print(f"parameters and heads compared by name: {sweep.counted} networks")
    print(f"{count['exact']} exact, {count['refused']} refused by name, {count['wrong']} wrong, {count['crashed']} crashed")
    return int(count["wrong"] + count["crashed"] > 0 or count["exact"] == 0)


if __name__ == "__main__":
    sys.exit(main())
