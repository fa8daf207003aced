#!/usr/bin/env python3
"""prompts.py MODEL FILE.safetensors 'a photo of a {}' NAME...: for --prompts, by a CLIP or SigLIP of Hugging Face."""
import json
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModel, AutoTokenizer

folder, file, template, *names = sys.argv[1:]
model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
words = tokenizer([template.format(name) for name in names], padding="max_length", truncation=True, return_tensors="pt")
with torch.no_grad():
    answer = model.eval().get_text_features(**words)
tensors = {key: value.data for key, value in model.named_parameters() if key in ("logit_scale", "logit_bias")}
tensors["embeddings"] = getattr(answer, "pooler_output", answer)  # transformers 5 and 4
save_file({key: value.float().contiguous() for key, value in tensors.items()}, file, {"names": json.dumps(names)})
