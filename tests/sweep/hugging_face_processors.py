#!/usr/bin/env python3
"""hugging_face_processors.py VITRINE: what image processors of transformers make of pictures.

Every class that goes with the networks of Vitrine x forms of `size` x crops x what is done at all, on pictures of odd
sizes: a small network must see the very same pixels as through transformers' AutoImageProcessor, or the folder must be
refused in one line that names the file and the key. Where transformers itself ends with an error, so must Vitrine.
The network is a ResNet with random weights, which takes pictures of any size, or for the classes that a missing type
stands for the network of that model_type. transformers' backend with Pillow is what counts.
Ends with "N exact, N refused, N wrong, N crashed"; status 1 if one is wrong or crashed, or none is exact.
"""
import collections
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
import numpy as np
import torch
import transformers as hf
from PIL import Image
from transformers.utils import logging

logging.disable_progress_bar()

VITRINE = os.path.abspath(sys.argv[1])
FEATURE_ERROR = 2e-5  # relative; one level more in one channel of one pixel changes more than that
# Height and width: square, odd, smaller than every crop, larger, long, and of the size that comes out.
PICTURES = [(24, 24), (23, 31), (37, 26), (13, 11), (20, 20), (64, 21), (17, 50)]

CLASSES = ["ViT", "DeiT", "Bit", "CLIP", "Siglip", "ConvNext", "Beit"]
SIZES = [None, 24, 27, [24, 24], [22, 30], [24], [24, 24, 24], {"height": 24, "width": 24}, {"height": 27, "width": 31},
         {"shortest_edge": 24}, {"shortest_edge": 27}, {"shortest_edge": 24, "longest_edge": 40}, {"longest_edge": 24},
         {"height": 24}, {"max_height": 24, "max_width": 24}, "24", 24.0, 0, {"shortest_edge": 400}, {"shortest_edge": 384}]
CROPS = [{}, {"do_center_crop": False}, {"do_center_crop": True}, {"do_center_crop": True, "crop_size": 20},
         {"do_center_crop": True, "crop_size": {"height": 21, "width": 21}}, {"do_center_crop": True, "crop_size": [20, 22]},
         {"do_center_crop": True, "crop_size": {"height": 32, "width": 32}}, {"crop_size": {"height": 19, "width": 19}},
         {"do_center_crop": True, "crop_size": {"shortest_edge": 20}}]
# One at a time on a few sizes.
SWITCHES = [{"do_rescale": False}, {"do_rescale": False, "image_mean": [90.0, 100.0, 110.0], "image_std": [50.0, 60.0, 70.0]},
            {"rescale_factor": 1 / 127.5}, {"rescale_factor": 1 / 127.5, "image_mean": [1.0] * 3, "image_std": [1.0] * 3},
            {"rescale_factor": 1}, {"rescale_factor": 0}, {"rescale_factor": -1.0}, {"rescale_factor": "1"}, {"rescale_offset": True},
            {"do_normalize": False}, {"do_normalize": False, "do_rescale": False}, {"do_normalize": False, "rescale_factor": 0.01},
            {"image_mean": 0.4}, {"image_mean": 0.4, "image_std": 0.3}, {"image_mean": [0.1, 0.5, 0.9]}, {"image_mean": [0.5]},
            {"image_std": [0.5, 0.5]}, {"image_mean": None, "image_std": None}, {"image_std": 0.0}, {"image_mean": "0.5"},
            *({"resample": n} for n in (0, 1, 2, 3, 4, 5, 6, -1)), {"resample": "bicubic"}, {"resample": None},
            {"do_convert_rgb": False}, {"do_convert_rgb": True}, {"do_pad": True}, {"do_pad": True, "pad_size": 24},
            {"do_pad": True, "pad_size": {"height": 30, "width": 40}}, {"do_resize": None, "do_normalize": None}, {"do_resize": 0},
            {"crop_pct": 0.9}, {"crop_pct": 0.5}, {"crop_pct": 1.0}, {"crop_pct": None}, {"default_to_square": False},
            {"default_to_square": True}, {"use_square_size": True}, {"do_reduce_labels": True}, {"data_format": "channels_first"},
            {"_valid_processor_keys": ["images"], "processor_class": "CLIPProcessor"}, {"something_new": 3}, {"do_flip": True},
            *({key: None} for key in ("size", "do_resize", "do_center_crop", "crop_size", "do_rescale", "rescale_factor", "do_normalize",
                                      "image_mean", "image_std", "do_convert_rgb", "do_pad", "pad_size", "default_to_square")),
            {"do_center_crop": False, "crop_size": None}, {"do_normalize": False, "image_mean": None, "image_std": None},
            {"do_rescale": False, "rescale_factor": None}]


def named(kind):
    """The ways in which files name a class."""
    return [{"image_processor_type": f"{kind}ImageProcessor"}, {"image_processor_type": f"{kind}ImageProcessorFast"},
            {"image_processor_type": f"{kind}ImageProcessorPil"}, {"feature_extractor_type": f"{kind}FeatureExtractor"},
            {"image_processor_type": f"{kind}ImageProcessor", "feature_extractor_type": "ViTFeatureExtractor"},
            {"image_processor_type": f"{kind}FeatureExtractor"}]


def rules():
    """(model_type, rule) of every case."""
    for kind, size, crop, resize in itertools.product(CLASSES, SIZES, CROPS, (True, False)):
        rule = {"image_processor_type": f"{kind}ImageProcessor"} | crop
        if size is not None:
            rule["size"] = size
        if resize:
            yield "resnet", rule
        elif size in (None, 24, "24", {"shortest_edge": 24}):
            yield "resnet", rule | {"do_resize": False}
    for kind, switch in itertools.product(CLASSES, SWITCHES):
        for size in ({"height": 24, "width": 24}, {"shortest_edge": 24}, 24):
            yield "resnet", {"image_processor_type": f"{kind}ImageProcessor", "size": size} | switch
    for kind in CLASSES + ["ViTHybrid", "Dinov2", "EfficientNet", "PoolFormer", "Levit", "DPT"]:
        for name in named(kind):
            yield "resnet", name
            yield "resnet", name | {"size": 24, "do_center_crop": True, "crop_size": 20}
    for model_type in ("vit", "deit", "dinov2", "clip_vision_model", "resnet", "bit", "vit_mae"):
        for rule in ({}, {"size": 32}, {"size": {"shortest_edge": 32}, "crop_size": 32}, {"size": {"height": 32, "width": 32}},
                     {"feature_extractor_type": None, "size": 32, "do_center_crop": True, "crop_size": 32}):
            # transformers has no answer to height and width for a ResNet; Vitrine takes them, as for the others.
            if model_type != "resnet" or "height" not in str(rule):
                yield model_type, rule


TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "patch_size": 16}
CONV = {"embedding_size": 64, "hidden_sizes": [64], "depths": [1], "layer_type": "basic"}


def network(model_type, side):
    """A network for pictures of this size."""
    torch.manual_seed(1)
    net = {"resnet": lambda: hf.ResNetModel(hf.ResNetConfig(**CONV)),
           "bit": lambda: hf.BitModel(hf.BitConfig(embedding_size=64, hidden_sizes=[64], depths=[1], num_groups=8)),
           "vit": lambda: hf.ViTModel(hf.ViTConfig(**TINY, image_size=side), add_pooling_layer=False),
           "vit_mae": lambda: hf.ViTMAEModel(hf.ViTMAEConfig(**TINY, image_size=side, mask_ratio=0.0)),
           "deit": lambda: hf.DeiTModel(hf.DeiTConfig(**TINY, image_size=side), add_pooling_layer=False),
           "dinov2": lambda: hf.Dinov2Model(hf.Dinov2Config(**{k: v for k, v in TINY.items() if k != "intermediate_size"}, image_size=side)),
           "clip_vision_model": lambda: hf.CLIPVisionModel(hf.CLIPVisionConfig(**TINY, image_size=side))}[model_type]().eval()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(torch.randn_like(p) * 0.1)
    return net


def features_of(net, x):
    with torch.no_grad():
        out = net(pixel_values=x)
    if getattr(out, "pooler_output", None) is not None:  # CLIP's last hidden state lacks the last norm
        return out.pooler_output.flatten(1)
    return out.last_hidden_state[:, 0]


class Sweep:
    def __init__(self):
        self.pictures = []
        random = np.random.default_rng(5)
        for height, width in PICTURES:
            self.pictures.append(f"{height}x{width}.png")
            Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(self.pictures[-1])
        self.folders = {}
        self.count = collections.Counter()
        self.reasons = collections.Counter()

    def folder(self, model_type, side):
        """A folder of the network without its processor, and the network."""
        key = (model_type, 0 if model_type in ("resnet", "bit") else side)
        if key not in self.folders:
            net = network(model_type, side)
            name = f"{model_type}-{side}"
            net.save_pretrained(name)
            self.folders[key] = name, net
        return self.folders[key]

    def want(self, model_type):
        """(features by transformers, the folder), or the error that it ends with."""
        try:
            config = {"resnet": hf.ResNetConfig, "bit": hf.BitConfig, "vit": hf.ViTConfig, "deit": hf.DeiTConfig, "vit_mae": hf.ViTMAEConfig,
                      "dinov2": hf.Dinov2Config, "clip_vision_model": hf.CLIPConfig}[model_type]()
            processor = hf.AutoImageProcessor.from_pretrained("rule", config=config, backend="pil")
            pixels = [processor(Image.open(p), return_tensors="pt")["pixel_values"] for p in self.pictures]
            shapes = {tuple(x.shape) for x in pixels}
            if len(shapes) > 1:
                return ValueError("pictures of different sizes"), self.folder(model_type, 32)[0]
            x = torch.cat(pixels)
            if not torch.isfinite(x).all():
                raise ValueError("pixels that are not finite")
            folder, net = self.folder(model_type, x.shape[2])
            return features_of(net, x.float()), folder
        except Exception as e:
            return e, self.folder(model_type, 32)[0]

    def check(self, model_type, rule):
        os.makedirs("rule", exist_ok=True)
        with open("rule/preprocessor_config.json", "w") as f:
            json.dump(rule, f)
        want, folder = self.want(model_type)
        shutil.copy("rule/preprocessor_config.json", folder)
        # One thread: the pictures are small, and most of the time is the start of the program.
        done = subprocess.run([VITRINE, "features", "--threads", "1", "--model", folder, "--out", "f.npy", "-q", *self.pictures],
                              capture_output=True, text=True, timeout=300)
        line = done.stderr.strip()
        if done.returncode not in (0, 1, 2) or (done.returncode != 0 and (line.count("\n") > 0 or not line)):
            return "crashed", line[-300:]
        if done.returncode != 0:
            # The file and one of its keys, or what the class has for a key that is missing.
            is_named = "preprocessor_config.json" in line and any(
                key in line for key in [*rule, "image_processor_type", "crop_size", "size", "image_mean"])
            return ("refused" if is_named else "wrong"), line
        if isinstance(want, Exception):
            return "wrong", f"answered, where transformers says {type(want).__name__}: {str(want)[:200]}"
        got = torch.from_numpy(np.load("f.npy"))
        if got.shape != want.shape:
            return "wrong", f"{tuple(got.shape)} for {tuple(want.shape)}"
        error = ((got - want).abs().amax(1) / want.abs().max()).tolist()
        return ("exact" if max(error) < FEATURE_ERROR else "wrong"), f"off by {max(error):.2g} for {self.pictures[int(np.argmax(error))]}"

    def run(self):
        seen = set()
        for model_type, rule in rules():
            key = model_type + json.dumps(rule)
            if key in seen:
                continue
            seen.add(key)
            verdict, detail = self.check(model_type, rule)
            self.count[verdict] += 1
            if verdict == "refused":
                self.reasons[detail.split("; ")[-1][:100]] += 1
            elif verdict != "exact":
                print(f"{verdict}  {model_type} {json.dumps(rule)}: {detail}", flush=True)
        for reason, n in self.reasons.most_common():
            print(f"refused {n:4d}  {reason}")
        print(", ".join(f"{self.count[what]} {what}" for what in ("exact", "refused", "wrong", "crashed")))
        return int(self.count["wrong"] + self.count["crashed"] > 0 or self.count["exact"] == 0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        status = Sweep().run()
        os.chdir("/")
    sys.exit(status)
