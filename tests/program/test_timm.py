#!/usr/bin/env python3
"""test_timm.py VITRINE: weights and answers against timm and PyTorch, where Python has them.

Every kind of file that torch.save, safetensors and NumPy write of a timm network must be converted to the
same bits, and `classify` must give timm's probabilities, at the network's own size and at another (`--image-size`).
Two blocks of each transformer, ResNets as they are, all with random weights.
Ends with "N passed, N failed, N skipped". Not here: pictures that are resized (golden/preprocess).
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from cases import run_cases

VITRINE = os.path.abspath(sys.argv[1])
NAMES = ["test_vit", "deit_tiny_distilled_patch16_224", "deit3_small_patch16_224", "vit_small_patch16_224",
         "vit_base_patch16_clip_224", "vit_base_patch16_clip_quickgelu_224", "vit_small_patch14_reg4_dinov2",
         "vit_medium_patch16_gap_256", "vit_little_patch16_reg4_gap_256", "vit_base_patch16_gap_224",
         "vit_base_patch16_siglip_224", "vit_so150m_patch16_reg4_map_256", "vit_giant_patch14_dinov2",
         "vit_small_patch16_dinov3", "vit_tiny_patch16_dinov3_qkvb", "vit_small_plus_patch16_dinov3",
         "eva_giant_patch14_224", "eva02_tiny_patch14_224", "eva02_base_patch14_224", "eva02_base_patch16_clip_224",
         "eva02_enormous_patch14_clip_224", "vit_small_patch16_rope_224", "vit_small_patch16_rope_mixed_ape_224",
         "vit_medium_patch16_rope_reg1_gap_256", "vit_pe_core_tiny_patch16_384", "vit_pe_spatial_tiny_patch16_512",
         "beit_base_patch16_224", "beit3_base_patch16_224", "aimv2_large_patch14_224", "vit_base_patch16_rpn_224",
         "vit_small_patch16_18x2_224", "vit_base_patch16_xp_224", "vit_pwee_patch16_reg1_gap_256",
         "vit_intern300m_patch14_448", "test_vit3", "test_vit4",
         "eva_large_patch14_196", "vit_tiny_r_s16_p8_224", "vit_small_r26_s32_224", "vit_base_r50_s16_224", "resnet18",
         "resnet26d", "resnet50", "resnetv2_50x1_bit", "resnext50_32x4d", "seresnext26t_32x4d", "ecaresnet26t", "resnetrs50",
         "resnet50_gn", "resnetv2_18d", "resnetv2_50t", "resnetv2_50d_gn"]
# Another size, height and width: larger, smaller, oblong.
SIZES = {"test_vit": (96, 224), "deit_tiny_distilled_patch16_224": (256, 256), "deit3_small_patch16_224": (160, 256),
         "vit_small_patch14_reg4_dinov2": (224, 280), "vit_base_patch16_clip_quickgelu_224": (336, 336),
         "vit_base_patch16_siglip_224": (256, 192), "vit_small_patch16_dinov3": (224, 288),
         "eva02_tiny_patch14_224": (280, 196), "vit_small_patch16_rope_mixed_ape_224": (192, 256),
         "beit_base_patch16_224": (288, 288), "vit_little_patch16_reg4_gap_256": (224, 224), "vit_tiny_r_s16_p8_224": (256, 192),
         "vit_small_r26_s32_224": (288, 256), "resnet26d": (193, 250), "resnetv2_50x1_bit": (161, 224),
         "seresnext26t_32x4d": (130, 97), "resnetv2_50t": (97, 130)}
CONVOLUTIONS = re.compile("^(se|eca)?resn")
PROBABILITY_ERROR = 1e-5  # float32 sums in another order, through two blocks

try:
    import numpy as np
    import without_torchvision  # noqa: F401
    import timm
    import torch
    from PIL import Image
    from safetensors.torch import load_file, save_file
    from timm.models import beit, eva, vision_transformer
except ImportError as e:
    print(f"{e}\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)


def vitrine(*args):
    done = subprocess.run([VITRINE, *map(str, args)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{args}: {done.stderr}"
    return done.stdout


def check_weights(path, want):
    vitrine("convert", path, "out.safetensors")
    got = load_file("out.safetensors")
    # PyTorch counts batches, and adds the count where a file has none.
    want = {name: tensor for name, tensor in want.items() if not name.endswith("num_batches_tracked")}
    assert got.keys() == want.keys(), got.keys() ^ want.keys()
    for name, tensor in want.items():
        assert torch.equal(got[name].reshape(tensor.shape), tensor.float()), name


def network(name, **kwargs):
    torch.manual_seed(len(name))
    if not CONVOLUTIONS.search(name):
        kwargs["depth"] = 2
    net = timm.create_model(name, **kwargs).eval()
    with torch.no_grad():  # what starts too near 0 to be seen; statistics start at 0 and 1
        for key, buffer in net.named_buffers():
            if "running" in key:
                buffer.add_(torch.rand_like(buffer) * 0.1)
        for key, parameter in net.named_parameters():
            if parameter.ndim == 1 or "token" in key:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            elif "relative_position" in key:
                parameter.add_(torch.randn_like(parameter))
            elif key == "pos_embed":
                parameter.add_(torch.randn_like(parameter) * 0.2)
            elif key == "head.weight":
                parameter.add_(torch.randn_like(parameter) / parameter.shape[1] ** 0.5)
    return net


def save_timm_folder(net, name, folder):
    os.makedirs(folder, exist_ok=True)
    save_file(net.state_dict(), f"{folder}/model.safetensors")
    keys = ("input_size", "interpolation", "mean", "std")
    pool = "avg" if CONVOLUTIONS.search(name) else net.global_pool
    cfg = {key: net.pretrained_cfg[key] for key in keys} | {"crop_pct": 1.0, "crop_mode": "center"}
    with open(f"{folder}/config.json", "w") as f:
        json.dump({"architecture": name, "num_classes": net.num_classes, "global_pool": pool,
                   "pretrained_cfg": cfg}, f)
    return cfg


def check_network(name):
    net = network(name, num_classes=7)
    cfg = save_timm_folder(net, name, "folder")
    check_weights("folder", net.state_dict())
    net.load_state_dict(load_file("out.safetensors"), strict=True)
    check_answers(net, cfg, cfg["input_size"][1:])


def check_other_size(name):
    net = network(name, num_classes=7)
    cfg = save_timm_folder(net, name, "folder")
    size = SIZES[name]
    if not CONVOLUTIONS.search(name):
        weights = net.state_dict()
        net = network(name, num_classes=7, img_size=size)
        filters = {"Eva": eva, "Beit": beit}.get(type(net).__name__, vision_transformer)
        net.load_state_dict(filters.checkpoint_filter_fn(weights, net), strict=True)
    check_answers(net, cfg, size, "--image-size", "{}x{}".format(*size))


def check_other_patches():
    """FlexiViT: other patches, and so many that the picture is another too."""
    net = network("flexivit_small", num_classes=7)
    cfg = save_timm_folder(net, "flexivit_small", "whole")
    os.makedirs("folder", exist_ok=True)
    weights = net.state_dict()
    for patch, size in (((24, 20), (240, 240)), ((12, 12), (240, 240)), ((14, 18), (196, 288))):
        net = network("flexivit_small", num_classes=7, patch_size=patch, img_size=size)
        net.load_state_dict(vision_transformer.checkpoint_filter_fn(dict(weights), net), strict=True)
        vitrine("convert", "whole", "folder/model.safetensors", "--patch-size", "{}x{}".format(*patch), "--image-size", "{}x{}".format(*size))
        check_answers(net, cfg, size)


def check_answers(net, cfg, size, *options):
    height, width = size
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("picture.png")
    x = (torch.from_numpy(pixels).float() / 255 - torch.tensor(cfg["mean"])) / torch.tensor(cfg["std"])
    with torch.no_grad():
        want = net(x.permute(2, 0, 1)[None]).softmax(-1)[0]
    top = json.loads(vitrine("classify", "--model", "folder", "--top", 7, "--json", *options, "picture.png"))[0]["top"]
    for guess in top:
        error = abs(guess["probability"] - want[guess["index"]].item())
        assert error < PROBABILITY_ERROR, f"class {guess['index']}: {guess['probability']}, off by {error}"


def check_files():
    net = network("deit_tiny_distilled_patch16_224")
    weights = net.state_dict()
    optimizer = torch.optim.AdamW(net.parameters())
    net(torch.zeros(1, 3, 224, 224)).sum().backward()
    optimizer.step()
    weights = {key: value.clone() for key, value in net.state_dict().items()}
    checkpoint = {"model": weights, "optimizer": optimizer.state_dict(), "epoch": 3, "best": np.float32(2),
                  "args": argparse.Namespace(lr=np.float64(1.5), out=pathlib.PosixPath("x")),
                  "history": collections.defaultdict(list), "size": torch.Size([2]), "type": torch.float16}
    for protocol in (2, 4):
        for zipped in (True, False):
            torch.save(checkpoint, "a.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
            check_weights("a.pth", weights)
    torch.save({"state_dict": {f"module.{key}": value.half() for key, value in weights.items()}}, "a.pth")
    check_weights("a.pth", {key: value.half() for key, value in weights.items()})
    torch.save({key: torch.nn.Parameter(value) for key, value in weights.items()}, "a.pth")
    check_weights("a.pth", weights)
    np.savez("a.npz", **{key: value.numpy() for key, value in weights.items()})
    check_weights("a.npz", weights)
    np.savez_compressed("a.npz", **{key: np.asfortranarray(value.numpy()) for key, value in weights.items()})
    check_weights("a.npz", weights)
    files = [f"m-{i}.safetensors" for i in range(3)]
    for i, file in enumerate(files):
        save_file({key: weights[key] for key in list(weights)[i::3]}, file)
    with open("m.safetensors.index.json", "w") as f:
        json.dump({"weight_map": {key: files[i % 3] for i, key in enumerate(weights)}}, f)
    check_weights("m.safetensors.index.json", weights)


def as_beit3(weights):
    """Microsoft's names: every layer A has a twin B for texts, positions begin at 2."""
    theirs = {"beit3.text_embed.weight": torch.randn(5, 7), "beit3.vision_embed.mask_token": torch.randn(1, 1, 7)}
    names = {"attn.norm": "self_attn.inner_attn_ln.A", "attn.proj": "self_attn.out_proj.A", "norm1": "self_attn_layer_norm.A",
             "norm2": "final_layer_norm.A", "mlp.norm": "ffn.A.ffn_layernorm", "mlp.fc1": "ffn.A.fc1", "mlp.fc2": "ffn.A.fc2"}
    for key, value in weights.items():
        block = re.fullmatch(r"blocks\.(\d+)\.(.+)\.(weight|bias)", key)
        if block and block[2] == "attn.qkv":
            for letter, part in zip("qkv", value.chunk(3)):
                theirs[f"beit3.encoder.layers.{block[1]}.self_attn.{letter}_proj.A.{block[3]}"] = part.clone()
        elif block:
            theirs[f"beit3.encoder.layers.{block[1]}.{names[block[2]]}.{block[3]}"] = value
        elif key == "pos_embed":
            theirs["beit3.encoder.embed_positions.A.weight"] = torch.cat([torch.randn(2, value.shape[2]), value[0]])
        elif key.startswith(("cls_token", "patch_embed")):
            theirs["beit3.vision_embed." + key.replace("patch_embed.", "")] = value
        else:
            theirs[key] = value
    return theirs | {key.replace(".A.", ".B."): torch.randn_like(value) for key, value in theirs.items() if ".A." in key}


def as_aimv2(weights):
    """Apple's names."""
    def rename(key):
        key = re.sub(r"^blocks\.(\d+)\.norm(\d)", r"trunk.blocks.\1.norm_\2", re.sub(r"^norm\.", "trunk.post_trunk_norm.", key))
        key = re.sub(r"^blocks", "trunk.blocks", key).replace("fc1_g", "fc1").replace("fc1_x", "fc3")
        return re.sub("^patch_embed", "preprocessor.patchifier", re.sub("^pos_embed", "preprocessor.pos_embed", key))
    return {rename(key): value for key, value in weights.items()}


def as_perception_encoder(weights):
    """Meta's names, which are CLIP's."""
    names = {"cls_token": "class_embedding", "pos_embed": "positional_embedding", "patch_embed.proj": "conv1", "norm_pre": "ln_pre",
             "attn_pool.latent": "attn_pool.probe", "attn_pool.proj": "attn_pool.attn.out_proj", "attn_pool.norm": "attn_pool.layernorm",
             ".norm1": ".ln_1", ".norm2": ".ln_2", ".mlp.fc1": ".mlp.c_fc", ".mlp.fc2": ".mlp.c_proj", ".attn.qkv.": ".attn.in_proj_",
             ".attn.proj": ".attn.out_proj", "blocks.": "transformer.resblocks."}
    theirs = {"logit_scale": torch.tensor(4.6), "positional_embedding": torch.randn(3, 7), "transformer.resblocks.0.ln_1.weight": torch.randn(7)}
    for key, value in weights.items():
        if key in ("head.weight", "head.bias") or key.startswith(("attn_pool.q.", "attn_pool.kv.")):
            continue
        for ours, their in names.items():
            key = key.replace(ours, their)
        key = re.sub("^norm", "ln_post", key)
        theirs["visual." + key] = value[0] if "positional" in key else value[0, 0] if "class_emb" in key else value
    for kind in ("weight", "bias"):
        theirs[f"visual.attn_pool.attn.in_proj_{kind}"] = torch.cat([weights[f"attn_pool.q.{kind}"], weights[f"attn_pool.kv.{kind}"]])
    return theirs | {"visual.proj": weights["head.weight"].T.contiguous()}


def check_original(name, translate, mean, std, **kwargs):
    """A file as its authors wrote it: timm reads it as these weights, and so does Vitrine, which answers as timm."""
    net = network(name, **kwargs)
    if net.num_classes:
        torch.nn.init.zeros_(net.head.bias)  # a projection has none
    theirs = translate(net.state_dict())
    filters = eva if type(net).__name__ == "Eva" else vision_transformer
    read = filters.checkpoint_filter_fn(dict(theirs), net)
    assert all(torch.equal(value, read[key]) for key, value in net.state_dict().items()), "timm reads it otherwise"
    torch.save({"model": theirs}, "a.pth")
    check_weights("a.pth", net.state_dict())
    size = net.patch_embed.img_size
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("picture.png")
    x = (torch.from_numpy(pixels).float() / 255 - torch.tensor(mean)) / torch.tensor(std)
    with torch.no_grad():
        want = net(x.permute(2, 0, 1)[None])[0]
    if not net.num_classes:
        vitrine("features", "--model", "a.pth", "--out", "f.npy", "picture.png")
        got = torch.from_numpy(np.load("f.npy"))[0]
        assert torch.allclose(got, want, rtol=1e-4, atol=1e-5 * want.abs().max().item()), (got - want).abs().max()
        return
    top = json.loads(vitrine("classify", "--model", "a.pth", "--top", len(want), "--json", "picture.png"))[0]["top"]
    error = max(abs(guess["probability"] - want.softmax(-1)[guess["index"]].item()) for guess in top)
    assert error < PROBABILITY_ERROR, f"off by {error}"


IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
HALF = ([0.5] * 3, [0.5] * 3)
ORIGINALS = {
    "BEiT-3 of Microsoft": lambda: check_original("beit3_base_patch16_224", as_beit3, *IMAGENET, num_classes=7),
    "AIMv2 of Apple": lambda: check_original("aimv2_large_patch14_224", as_aimv2, *CLIP, num_classes=0),
    "Perception Encoder of Meta": lambda: check_original("vit_pe_core_small_patch16_384", as_perception_encoder, *HALF),
    "Perception Encoder of Meta without a class token": lambda: check_original(
        "vit_pe_core_gigantic_patch14_448", as_perception_encoder, *HALF, img_size=224, ref_feat_shape=(16, 16)),
}

if __name__ == "__main__":
    CASES = [("files", check_files), ("patches of another size", check_other_patches), *ORIGINALS.items(), *((name, lambda name=name: check_network(name)) for name in NAMES),
             *((f"{name} at {height} x {width}", lambda name=name: check_other_size(name))
               for name, (height, width) in SIZES.items())]
    sys.exit(run_cases("timm", CASES))
