#!/usr/bin/env python3
"""test_transformers.py VITRINE: folders of Hugging Face's transformers in both directions, where Python has it.

A folder that transformers writes must give its probabilities in `classify`; what `convert` writes from it (through
timm's names) must load there with nothing missing and nothing left over, and be the same weights bit for bit.
At another size (`--image-size`) both must interpolate the position embedding alike. Pictures must be prepared as the
folder's own image processor does it (tests/sweep/hugging_face_processors.py has all of them). What Vitrine has no network
for is refused in one line. Small networks with random weights; with DINOV2=FOLDER also a trained DINOv2 (Dinov2Model, as
transformers writes it) on photographs of scikit-learn and scikit-image.
Ends with "N passed, N failed, N skipped".
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from cases import Skip, run_cases

VITRINE = os.path.abspath(sys.argv[1])
PROBABILITY_ERROR = 1e-5  # float32 sums in another order
SIDE = 64

try:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    import numpy as np
    import torch
    import transformers as hf
    from PIL import Image
    hf.utils.logging.disable_progress_bar()
except ImportError as e:
    print(f"{e}\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)

VIT = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 96,
       "image_size": SIDE, "patch_size": 16, "num_labels": 7}
DINOV2 = {k: v for k, v in VIT.items() if k != "intermediate_size"}
TEXT = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 100}
CONV = {"embedding_size": 64, "depths": [2, 1], "num_labels": 7}
CASES = {
    "vit": lambda: hf.ViTForImageClassification(hf.ViTConfig(**VIT)),
    "vit without biases of qkv": lambda: hf.ViTForImageClassification(hf.ViTConfig(**VIT, qkv_bias=False)),
    "vit without a head": lambda: hf.ViTModel(hf.ViTConfig(**VIT), add_pooling_layer=False),
    "deit": lambda: hf.DeiTForImageClassificationWithTeacher(hf.DeiTConfig(**VIT)),
    "deit with one head": lambda: hf.DeiTForImageClassification(hf.DeiTConfig(**VIT)),
    "deit without a head": lambda: hf.DeiTModel(hf.DeiTConfig(**VIT), add_pooling_layer=False),
    "dinov2": lambda: hf.Dinov2Model(hf.Dinov2Config(**DINOV2)),
    "dinov2 with a classifier": lambda: hf.Dinov2ForImageClassification(hf.Dinov2Config(**DINOV2)),
    "dinov2 with registers": lambda: hf.Dinov2WithRegistersModel(hf.Dinov2WithRegistersConfig(**DINOV2)),
    "dinov2 with gates": lambda: hf.Dinov2Model(hf.Dinov2Config(**DINOV2, use_swiglu_ffn=True)),
    "dinov3": lambda: hf.DINOv3ViTModel(hf.DINOv3ViTConfig(**VIT, num_register_tokens=4)),
    "dinov3 with gates, without biases": lambda: hf.DINOv3ViTModel(hf.DINOv3ViTConfig(
        **VIT, use_gated_mlp=True, hidden_act="silu", query_bias=False, value_bias=False)),
    "siglip": lambda: hf.SiglipVisionModel(hf.SiglipVisionConfig(**VIT)),
    "siglip with a classifier": lambda: hf.SiglipForImageClassification(hf.SiglipConfig(
        vision_config=hf.SiglipVisionConfig(**VIT, vision_use_head=False).to_dict(), text_config=TEXT, num_labels=7)),
    "beit": lambda: hf.BeitForImageClassification(hf.BeitConfig(**VIT, use_relative_position_bias=True)),
    "beit with one table, on its class token": lambda: hf.BeitForImageClassification(hf.BeitConfig(
        **VIT, use_shared_relative_position_bias=True, use_absolute_position_embeddings=True, use_mean_pooling=False)),
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
    "deit with one head": (CASES["deit with one head"], {"interpolate_pos_encoding": True}),
    "clip": (CASES["clip"], {"interpolate_pos_encoding": True}),
    "dinov2": (CASES["dinov2"], {}),
    "dinov2 with registers": (CASES["dinov2 with registers"], {}),
    "dinov3": (CASES["dinov3"], {}),
    "beit": (CASES["beit"], {"interpolate_pos_encoding": True}),
    "resnet": (CASES["resnet, bottleneck"], {}),
    "bit": (CASES["bit"], {}),
}
# What Vitrine reads and does not write.
READ_CASES = {
    "clip with a classifier": lambda: hf.CLIPForImageClassification(hf.CLIPConfig(
        vision_config=hf.CLIPVisionConfig(**VIT).to_dict(), num_labels=7, text_config=TEXT)),
    "dinov2 with registers and a classifier": lambda: hf.Dinov2WithRegistersForImageClassification(
        hf.Dinov2WithRegistersConfig(**DINOV2, num_register_tokens=3)),
    "metaclip 2": lambda: hf.MetaClip2VisionModelWithProjection(hf.MetaClip2VisionConfig(**VIT, projection_dim=7)),
    "clip, both towers": lambda: hf.CLIPModel(hf.CLIPConfig(
        vision_config=hf.CLIPVisionConfig(**VIT).to_dict(), projection_dim=7, text_config=TEXT)),
}
PROMPTS = ["cat", "dog", "car"]
# Whole models, whose towers meet in an embedding.
TEXT_CASES = {
    "clip": lambda: hf.CLIPModel(hf.CLIPConfig(
        vision_config=hf.CLIPVisionConfig(**VIT).to_dict(), projection_dim=24,
        text_config=TEXT | {"max_position_embeddings": 16, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})),
    "siglip": lambda: hf.SiglipModel(hf.SiglipConfig(
        vision_config=hf.SiglipVisionConfig(**VIT).to_dict(),
        text_config=TEXT | {"max_position_embeddings": 16, "projection_size": VIT["hidden_size"]})),
}
SIZES = [(96, 96), (48, 48), (32, 112)]
RULE = {"do_resize": True, "size": {"height": SIDE, "width": SIDE}, "resample": 3, "do_center_crop": False,
        "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.4, 0.5, 0.6],
        "image_std": [0.2, 0.3, 0.4]}


# Processors of a network that takes pictures of 64 pixels; (height, width) of odd pictures.
PICTURES = [(67, 67), (71, 96), (95, 71), (64, 64), (40, 131), (150, 149)]
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
PROCESSORS = {
    "a number is both sides for ViT": {"feature_extractor_type": "ViTFeatureExtractor", "size": SIDE},
    "a number is the shorter side for CLIP": {"feature_extractor_type": "CLIPFeatureExtractor", "size": SIDE, "crop_size": SIDE},
    "a crop that rounds down": {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 67}, "crop_size": SIDE},
    "DeiT's squash and crop": {"image_processor_type": "DeiTImageProcessor", "size": {"height": 73, "width": 73}, "crop_size": SIDE} | IMAGENET,
    "ConvNeXt's own crop": {"image_processor_type": "ConvNextImageProcessorFast", "size": {"shortest_edge": SIDE}, "crop_pct": 0.9},
    "SigLIP squashes": {"image_processor_type": "SiglipImageProcessor", "size": {"height": SIDE, "width": SIDE}},
    "a crop that is larger than the picture": {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 61}, "crop_size": SIDE},
    "no resize": {"image_processor_type": "BitImageProcessor", "do_resize": False, "crop_size": SIDE},
    "no rescale": {"image_processor_type": "ViTImageProcessor", "size": SIDE, "do_rescale": False, "image_mean": [90, 100, 110], "image_std": 60},
    "-1 to 1": {"image_processor_type": "ViTImageProcessor", "size": SIDE, "rescale_factor": 1 / 127.5, "image_mean": 1, "image_std": 1},
    "no normalization": {"image_processor_type": "ViTImageProcessor", "size": SIDE, "do_normalize": False, "resample": 1},
    "the class of the model_type": {"size": SIDE, "image_mean": 0.4},
}
# Rules that are refused, and what the line names.
REFUSED_PROCESSORS = [
    ({"image_processor_type": "SiglipImageProcessor", "size": SIDE}, "size"),
    ({"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": SIDE, "longest_edge": 90}}, "size.longest_edge is 90"),
    ({"image_processor_type": "DetrImageProcessor"}, 'image_processor_type is "DetrImageProcessor"'),
    ({"image_processor_type": "ViTImageProcessor", "size": SIDE, "do_flip": True}, "do_flip is true"),
    ({"image_processor_type": "ViTImageProcessor", "size": SIDE, "image_mean": [0.5]}, "image_mean is [0.5]"),
    ({"image_processor_type": "ViTImageProcessor", "do_resize": False}, "do_resize is false"),
]


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
            elif tensor.is_floating_point() and "embeddings.position_ids" not in key and "inv_freq" not in key:
                tensor.add_(torch.randn_like(tensor) * 0.05)
    return net


def answer(net, x, **kwargs):
    with torch.no_grad():
        if isinstance(net, hf.CLIPModel):
            pooled = net.vision_model(pixel_values=x).pooler_output
            return net.visual_projection(pooled), False
        out = net(pixel_values=x, **kwargs)
    if isinstance(net, hf.SiglipVisionModel):
        return out.pooler_output, False
    for name in ("logits", "image_embeds", "last_hidden_state"):
        if getattr(out, name, None) is not None:
            return getattr(out, name), name == "logits"
    raise AssertionError("no result")


def save_folder(net):
    net.save_pretrained("first")
    with open("first/preprocessor_config.json", "w") as f:
        json.dump(RULE, f)


def save_picture(height, width, seed=1):
    """Noise in picture.png; as the network sees it, (1, 3, height, width)."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
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
        # DINOv2's class token has its position in it where timm has no place for that.
        folded = "WithRegisters" in type(net).__name__ and key.endswith(("cls_token", "position_embeddings"))
        if key not in info["missing_keys"] and "num_batches" not in key and not folded:
            assert torch.equal(tensor, known[key]), key
    # The same weights at another address may take another path in PyTorch.
    assert torch.allclose(again, want, rtol=1e-5, atol=1e-5), f"off by {(again - want).abs().max()}"


def refusal(*args):
    """The line of a program that ends with an error."""
    done = subprocess.run([VITRINE, *map(str, args)], capture_output=True, text=True, timeout=300)
    assert done.returncode in (1, 2) and done.stderr.count("\n") == 1, f"{args}: {done.returncode}, {done.stderr}"
    return done.stderr


def by_transformers(net, folder, height, width):
    """A picture, saved as picture.png, through the folder's own processor and the network."""
    save_picture(height, width)
    processor = hf.AutoImageProcessor.from_pretrained(folder, backend="pil")
    return answer(net, processor(Image.open("picture.png"), return_tensors="pt")["pixel_values"])


def check_reading(make):
    net = network(make)
    save_folder(net)
    x = save_picture(SIDE, SIDE)
    check_classes(answer(net, x)[0])  # a projection's numbers are classes to `classify`


def check_processor(rule):
    net = network(CASES["vit"])
    save_folder(net)
    with open("first/preprocessor_config.json", "w") as f:
        json.dump(rule, f)
    for height, width in PICTURES:
        check_classes(by_transformers(net, "first", height, width)[0])
    # As a folder that Vitrine writes, and as processor_config.json holds it since version 5.
    vitrine("convert", "first", "timm.safetensors")
    vitrine("convert", "timm.safetensors", "second")
    os.rename("first/preprocessor_config.json", "rule.json")
    with open("first/processor_config.json", "w") as f:
        json.dump({"image_processor": rule, "processor_class": "CLIPProcessor"}, f)
    for height, width in PICTURES[:2]:
        check_classes(by_transformers(net, "first", height, width)[0])
        check_classes(by_transformers(net, "second", height, width)[0])


def check_refused_processors():
    save_folder(network(CASES["vit"]))
    save_picture(SIDE, SIDE)
    for rule, words in REFUSED_PROCESSORS:
        with open("first/preprocessor_config.json", "w") as f:
            json.dump(rule, f)
        line = refusal("classify", "--model", "first", "picture.png")
        assert "preprocessor_config.json" in line and words in line, f"{rule}: {line}"


def check_refused_networks():
    """Heads, sizes and keys that would be another network under the same names of tensors."""
    save_picture(SIDE, SIDE)
    nets = [(hf.Dinov2Backbone(hf.Dinov2Config(**DINOV2)), "Dinov2Backbone"),
            (hf.ResNetForImageClassification(hf.ResNetConfig(**CONV | {"embedding_size": 16}, hidden_sizes=[16, 32], layer_type="basic")),
             "embedding_size is 16"),
            (hf.DINOv3ViTModel(hf.DINOv3ViTConfig(**VIT, key_bias=True)), "key_bias is true"),
            (hf.ViTForImageClassification(hf.ViTConfig(**VIT, hidden_act="mish")), 'hidden_act is "mish"')]
    for net, words in nets:
        net.save_pretrained("first")
        line = refusal("classify", "--model", "first", "picture.png")
        assert "config.json" in line and words in line, line
    save_folder(network(CASES["vit"]))
    with open("first/config.json") as f:
        config = json.load(f)
    for change, words in (({"num_hidden_layers": 1}, "num_hidden_layers is 1"), ({"architectures": ["ViTModel"]}, "without a classifier"),
                          ({"architectures": ["SwinModel"]}, "SwinModel"), ({"rope_theta": 100.0}, "rope_theta is 100.0"),
                          ({"problem_type": "multi_label_classification"}, "problem_type"), ({"patch_size": 8}, "patch_size is [8,8]")):
        with open("first/config.json", "w") as f:
            json.dump(config | change, f)
        line = refusal("classify", "--model", "first", "picture.png")
        assert "config.json" in line and words in line, f"{change}: {line}"


def check_aimv2():
    """Its patches, and their mean as timm pools them; with its head it is another network."""
    config = {key: value for key, value in VIT.items() if key != "num_labels"}
    net = network(lambda: hf.Aimv2VisionModel(hf.Aimv2VisionConfig(**config, use_head=False)))
    save_folder(net)
    want, _ = answer(net, save_picture(SIDE, SIDE))
    for options, wanted in ((["--tokens", "patches"], want), ([], want.mean(1))):
        vitrine("features", "--model", "first", "--out", "f.npy", *options, "picture.png")
        got = torch.from_numpy(np.load("f.npy"))
        assert torch.allclose(got, wanted, rtol=1e-5, atol=1e-5), f"{options} off by {(got - wanted).abs().max()}"
    network(lambda: hf.Aimv2VisionModel(hf.Aimv2VisionConfig(**config))).save_pretrained("first")
    assert "use_head" in refusal("features", "--model", "first", "--out", "f.npy", "picture.png")


def check_pooler_beside_classifier():
    """transformers' classifier does not look at a pooler that an older file has."""
    from safetensors.torch import load_file, save_file
    net = network(CASES["vit"])
    save_folder(net)
    x = save_picture(SIDE, SIDE)
    weights = load_file("first/model.safetensors")
    weights |= {"vit.pooler.dense.weight": torch.randn(48, 48), "vit.pooler.dense.bias": torch.randn(48)}
    save_file(weights, "first/model.safetensors", {"format": "pt"})
    check_classes(answer(net, x)[0])


def save_tokenizer(folder, length):
    """Of whole words, with the tokens that CLIP pools at and SigLIP fills up with."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    words = ["<pad>", "<begin>", "<end>", "<unknown>", "a", "photo", "of", *PROMPTS]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<begin> $A <end>", special_tokens=[("<begin>", 1), ("<end>", 2)])
    hf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", unk_token="<unknown>",
                               model_max_length=length).save_pretrained(folder)


def check_prompts(make):
    """The program's Python makes texts into what --prompts reads; probabilities are those of the whole model, its scale
    and bias from the file or from the weights."""
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file
    net = network(make)
    with torch.no_grad():
        net.logit_scale.fill_(3.5)
        if isinstance(net, hf.SiglipModel):
            net.logit_bias.fill_(-2.0)
    save_folder(net)
    save_tokenizer("first", net.config.text_config.max_position_embeddings)
    template = "a photo of a {}"
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../apps/prompts.py")
    subprocess.run([sys.executable, script, "first", "all.safetensors", template, *PROMPTS], check=True)
    with safe_open("all.safetensors", "pt") as f:
        names = f.metadata()
    texts = load_file("all.safetensors")
    save_file({"embeddings": texts["embeddings"]}, "texts.safetensors", names)

    tokenizer = hf.AutoTokenizer.from_pretrained("first")
    words = tokenizer([template.format(name) for name in PROMPTS], padding="max_length", return_tensors="pt")
    assert ("logit_bias" in texts) == isinstance(net, hf.SiglipModel)
    right = 0
    for i, name in enumerate(PROMPTS):
        x = save_picture(SIDE, SIDE, seed=i)
        with torch.no_grad():
            logits = net(pixel_values=x, **words).logits_per_image[0]
        want = logits.sigmoid() if isinstance(net, hf.SiglipModel) else logits.softmax(-1)
        for file in ("all", "texts"):
            top = json.loads(vitrine("classify", "--model", "first", "--prompts", f"{file}.safetensors", "--json", "picture.png"))[0]["top"]
            assert [guess["label"] for guess in top] == [PROMPTS[j] for j in want.argsort(descending=True)], f"{top}, {want}"
            for guess in top:
                error = abs(guess["probability"] - want[PROMPTS.index(guess["label"])].item())
                assert error < PROBABILITY_ERROR, f"{guess}, {want}, off by {error}"
        right += int(want.argmax() == i)
        os.makedirs(f"pictures/{name}")
        os.rename("picture.png", f"pictures/{name}/1.png")
    found = json.loads(vitrine("eval", "--model", "first", "--prompts", "all.safetensors", "--data", "folder:pictures", "--json"))
    assert found["images"] == len(PROMPTS) and abs(found["top1"] - right / len(PROMPTS)) < 1e-6, f"{found}, {right} right"


def check_labels():
    net = network(CASES["vit"])
    save_folder(net)
    save_picture(SIDE, SIDE)
    with open("first/config.json") as f:
        config = json.load(f)
    for names, first, said in (({str(i): 10 * i for i in range(7)}, "0", False), ({str(i): f"n{i}" for i in (6, 0, 5, 1, 4, 2, 3)}, "n0", False),
                               ({str(i + 1): f"n{i}" for i in range(7)}, "class 0", True), ({str(i if i < 6 else 9): f"n{i}" for i in range(7)}, "class 0", True),
                               ({"0": "a", "1": "b"}, "class 0", True), (None, "class 0", False)):
        with open("first/config.json", "w") as f:
            json.dump(config | {"id2label": names}, f)
        done = subprocess.run([VITRINE, "classify", "--model", "first", "--top", "7", "--json", "picture.png"], capture_output=True, text=True)
        label = next(g["label"] for g in json.loads(done.stdout)[0]["top"] if g["index"] == 0)
        assert label == first and ("labels" in done.stderr) == said, f"{names}: {label}, {done.stderr}"


def check_other_picture_size():
    """The network sees what its processor makes. A folder keeps the size that it was trained at; a file of ours says
    one size, that of its pictures."""
    from safetensors import safe_open
    net = network(lambda: hf.Dinov2Model(hf.Dinov2Config(**DINOV2 | {"image_size": 112, "patch_size": 14})))
    net.save_pretrained("first")
    rule = {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 64}, "crop_size": {"height": 56, "width": 56}} | IMAGENET
    with open("first/preprocessor_config.json", "w") as f:
        json.dump(rule, f)
    vitrine("convert", "first", "second")
    vitrine("convert", "first", "timm.safetensors")
    vitrine("convert", "timm.safetensors", "third")
    for folder, positions in (("second", 8 * 8), ("third", 4 * 4)):
        with safe_open(f"{folder}/model.safetensors", "pt") as f:
            assert f.get_tensor("embeddings.position_embeddings").shape == (1, 1 + positions, 48), folder
    for model in ("first", "second", "timm.safetensors", "third"):
        want = by_transformers(net, "first", 97, 131)[0][:, 0]
        vitrine("features", "--model", model, "--out", "f.npy", "picture.png")
        error = (torch.from_numpy(np.load("f.npy")) - want).abs().max()
        assert error < 1e-5 * want.abs().max(), f"{model} off by {error}"


def photographs():
    """Ten of scikit-learn and scikit-image, cut to odd sizes."""
    import skimage
    import sklearn.datasets
    cuts = {"china.jpg": (427, 639), "flower.jpg": (333, 511), "astronaut.png": (511, 377), "chelsea.png": (299, 451), "coffee.png": (397, 599),
            "rocket.jpg": (427, 251), "ihc.png": (509, 511), "retina.jpg": (1403, 1411), "motorcycle_left.png": (497, 739), "hubble_deep_field.jpg": (871, 999)}
    folders = [os.path.join(os.path.dirname(skimage.__file__), "data"), os.path.join(os.path.dirname(sklearn.datasets.__file__), "images")]
    for name, (height, width) in cuts.items():
        path = next((p for p in (os.path.join(f, name) for f in folders) if os.path.exists(p)), None)
        if path is None:
            raise Skip(f"no {name}")
        picture = Image.open(path).convert("RGB").crop((3, 1, 3 + width, 1 + height))
        picture.save(name.split(".")[0] + ".png")
        yield name.split(".")[0] + ".png"


def check_real_dinov2(folder):
    net = hf.Dinov2Model.from_pretrained(folder).eval()
    processor = hf.AutoImageProcessor.from_pretrained(folder, backend="pil")
    pictures = list(photographs())
    vitrine("features", "--model", folder, "--out", "f.npy", *pictures)
    worst = 1.0
    for name, got in zip(pictures, np.load("f.npy").astype(np.float64)):
        want = answer(net, processor(Image.open(name), return_tensors="pt")["pixel_values"])[0][0, 0].double().numpy()
        cosine = got @ want / np.linalg.norm(got) / np.linalg.norm(want)
        print(f"    {name:24} {Image.open(name).size}  cosine {cosine:.9f}, largest difference {abs(got - want).max():.2g} of {abs(want).max():.2g}")
        worst = min(worst, cosine)
    assert worst > 0.99999, f"cosine {worst}"


if __name__ == "__main__":
    cases = [(name, lambda make=make: check(make)) for name, make in CASES.items()]
    cases += [(f"{name} at other sizes", lambda case=case: check_sizes(*case)) for name, case in SIZED_CASES.items()]
    cases += [(f"{name}, read", lambda make=make: check_reading(make)) for name, make in READ_CASES.items()]
    cases += [(f"processor: {name}", lambda rule=rule: check_processor(rule)) for name, rule in PROCESSORS.items()]
    cases += [("processors that are refused", check_refused_processors), ("networks that are refused", check_refused_networks),
              ("aimv2", check_aimv2), ("a pooler beside a classifier", check_pooler_beside_classifier), ("labels", check_labels),
              ("pictures of another size than the network's", check_other_picture_size)]
    cases += [(f"prompts: {name}", lambda make=make: check_prompts(make)) for name, make in TEXT_CASES.items()]
    if os.environ.get("DINOV2"):
        cases += [("a trained DINOv2 on photographs", lambda: check_real_dinov2(os.path.abspath(os.environ["DINOV2"])))]
    sys.exit(run_cases("transformers", cases, fresh=True))
