r"""GeoPixel, for images from above. Not run here: written against its documented interface.

Source: github.com/mbzuai-oryx/GeoPixel, chat.py. Weights: MBZUAI/GeoPixel-7B with
facebook/sam2-hiera-large; Apache-2.0.

Environment: Python 3.10, torch 2.3.1 or later, transformers 4.33.2, the rest of its
requirements.txt. ENV is its folder:

    gcg-bench evaluate --dataset geopixeld --split test \
        --model 'cmd:env PYTHONPATH=GeoPixel ENV/bin/python geopixel_worker.py'
"""

from gcg_bench_worker import serve
from tagged_text import read

CHECKPOINT = "MBZUAI/GeoPixel-7B"
MASKS = "facebook/sam2-hiera-large"
NEW_TOKENS = 300


def load():
    """Loads the model; returns the function that answers."""
    import torch
    from model.geopixel import GeoPixelForCausalLM
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        CHECKPOINT, padding_side="right", use_fast=False, trust_remote_code=True
    )
    tokenizer.pad_token = tokenizer.unk_token
    seg, begin, end = (
        tokenizer(token, add_special_tokens=False).input_ids[0]
        for token in ("[SEG]", "<p>", "</p>")
    )
    model = GeoPixelForCausalLM.from_pretrained(
        CHECKPOINT,
        low_cpu_mem_usage=True,
        torch_dtype=torch.bfloat16,
        vision_pretrained=MASKS,
        seg_token_idx=seg,
        bop_token_idx=begin,
        eop_token_idx=end,
    )
    for name in ("eos_token_id", "bos_token_id", "pad_token_id"):
        setattr(model.config, name, getattr(tokenizer, name))
    model.tokenizer = tokenizer
    model = model.bfloat16().cuda().eval()

    def answer(query):
        with torch.inference_mode(), torch.autocast(device_type="cuda", dtype=torch.bfloat16):
            text, masks = model.evaluate(
                tokenizer, instruction(query), images=[query["image"]], max_new_tokens=NEW_TOKENS
            )
        found = list((masks[0] > 0).detach().cpu().numpy()) if masks else []
        return read(text.replace("\n", " "), [mask.reshape(mask.shape[:2]) for mask in found])

    return answer


def instruction(query):
    """The prompt of a query, or a question for an expression."""
    if query["regions"]:
        raise ValueError("this worker describes no regions")
    if query["expression"] and not query["prompt"]:
        return "Please give me a segmentation mask for {}.".format(query["expression"].strip())
    return query["prompt"]


if __name__ == "__main__":
    serve(
        load,
        name="GeoPixel",
        settings={
            "checkpoint": CHECKPOINT,
            "vision_pretrained": MASKS,
            "dtype": "bfloat16",
            "max_new_tokens": NEW_TOKENS,
        },
    )
