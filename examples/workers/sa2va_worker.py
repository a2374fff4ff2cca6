r"""Sa2VA by the code in its checkpoints. Not run here: written against its documented interface.

Source: github.com/bytedance/Sa2VA, `predict_forward` of the model. Weights: ByteDance/Sa2VA-1B, 4B,
8B, 26B, and those named after InternVL3, Qwen2_5-VL and Qwen3-VL; Apache-2.0. Its own script asks
for a brief description, while the model was trained to give detailed ones: --prompt decides.

Environment: Python 3.10, torch 2.6 or later, transformers 4.57.0 (4.49.0 for the checkpoints on
InternVL2.5), peft, timm, qwen_vl_utils, flash-attn. ENV is its folder:

    gcg-bench evaluate --dataset grandf --split val --model-arg checkpoint=ByteDance/Sa2VA-4B \
        --model 'cmd:ENV/bin/python sa2va_worker.py'
"""

from gcg_bench_worker import serve
from tagged_text import read


def load(checkpoint="ByteDance/Sa2VA-4B"):
    """Loads the model; returns the function that answers."""
    import torch
    from PIL import Image
    from transformers import AutoModel, AutoProcessor, AutoTokenizer

    model = AutoModel.from_pretrained(
        checkpoint,
        torch_dtype=torch.bfloat16,
        low_cpu_mem_usage=True,
        use_flash_attn=True,
        trust_remote_code=True,  # the model is the code of the checkpoint
    )
    model = model.eval().cuda()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint, trust_remote_code=True)
    processor = None
    if "qwen" in checkpoint.lower():
        processor = AutoProcessor.from_pretrained(checkpoint, trust_remote_code=True)

    def answer(query):
        given = model.predict_forward(
            image=Image.fromarray(query.pixels()),
            text="<image>\n" + instruction(query),
            tokenizer=tokenizer,
            processor=processor,
        )
        masks = given.get("prediction_masks")
        reply = given["prediction"].replace("\n", " ").split("ASSISTANT: ")[-1]
        return read(reply, [] if masks is None else [mask[0] for mask in masks])

    return answer


def instruction(query):
    """The prompt of a query, or a question for an expression."""
    if query["regions"]:
        raise ValueError("this worker describes no regions")
    if query["expression"] and not query["prompt"]:
        return "Please segment {}.".format(query["expression"].strip())
    return query["prompt"]


if __name__ == "__main__":
    serve(load, name="Sa2VA", settings={"dtype": "bfloat16", "decoding": "greedy"})
