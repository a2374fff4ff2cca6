r"""LISA, which masks what an expression or a question means. Not run here.

Source: github.com/dvlab-research/LISA, chat.py. Weights: xinlai/LISA-7B-v1-explanatory,
xinlai/LISA-13B-llama2-v1; Apache-2.0, based on LLaMA (Meta's terms). LISA writes no phrases, so it
answers the tasks referring, generalized_referring and reasoning, and no gcg.

Environment: Python 3.10, torch 1.13.1+cu117, transformers 4.31.0, the rest of its requirements.txt.
ENV is its folder:

    gcg-bench evaluate --dataset reasonseg --split val \
        --model 'cmd:env PYTHONPATH=LISA ENV/bin/python lisa_worker.py'
"""

from gcg_bench_worker import serve

TOWER = "openai/clip-vit-large-patch14"
SIZE = 1024  # of the image of SAM
NEW_TOKENS = 512
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of SAM


def load(checkpoint="xinlai/LISA-13B-llama2-v1"):
    """Loads the model; returns the function that answers."""
    import torch
    from model.LISA import LISAForCausalLM
    from model.llava import conversation
    from model.llava.mm_utils import tokenizer_image_token
    from model.segment_anything.utils.transforms import ResizeLongestSide
    from transformers import AutoTokenizer, CLIPImageProcessor
    from utils.utils import IMAGE_TOKEN_INDEX

    tokenizer = AutoTokenizer.from_pretrained(
        checkpoint, model_max_length=512, padding_side="right", use_fast=False
    )
    tokenizer.pad_token = tokenizer.unk_token
    seg = tokenizer("[SEG]", add_special_tokens=False).input_ids[0]
    model = LISAForCausalLM.from_pretrained(
        checkpoint,
        low_cpu_mem_usage=True,
        vision_tower=TOWER,
        seg_token_idx=seg,
        torch_dtype=torch.bfloat16,
    )
    for name in ("eos_token_id", "bos_token_id", "pad_token_id"):
        setattr(model.config, name, getattr(tokenizer, name))
    model.get_model().initialize_vision_modules(model.get_model().config)
    model.get_model().get_vision_tower().to(dtype=torch.bfloat16)
    model = model.bfloat16().cuda().eval()
    model.get_model().get_vision_tower().to(device="cuda")
    clip = CLIPImageProcessor.from_pretrained(model.config.vision_tower)
    longest_side = ResizeLongestSide(SIZE)

    def for_sam(resized):
        values = torch.from_numpy(resized).permute(2, 0, 1).float()
        mean, deviation = (torch.tensor(three)[:, None, None] for three in (MEAN, DEVIATION))
        values = (values - mean) / deviation
        height, width = values.shape[-2:]
        return torch.nn.functional.pad(values, (0, SIZE - width, 0, SIZE - height))

    def prompt(instruction):
        talk = conversation.conv_templates["llava_v1"].copy()
        talk.messages = []
        talk.append_message(talk.roles[0], "<im_start><image><im_end>\n" + instruction)
        talk.append_message(talk.roles[1], "")
        return talk.get_prompt()

    def answer(query):
        pixels = query.pixels()
        resized = longest_side.apply_image(pixels)
        seen = clip.preprocess(pixels, return_tensors="pt")["pixel_values"]
        ids = tokenizer_image_token(prompt(instruction(query)), tokenizer, return_tensors="pt")
        with torch.inference_mode():
            out, masks = model.evaluate(
                seen.cuda().bfloat16(),
                for_sam(resized)[None].cuda().bfloat16(),
                ids[None].cuda(),
                [resized.shape[:2]],
                [pixels.shape[:2]],
                max_new_tokens=NEW_TOKENS,
                tokenizer=tokenizer,
            )
        text = tokenizer.decode(out[0][out[0] != IMAGE_TOKEN_INDEX], skip_special_tokens=False)
        found = [mask for group in masks for mask in (group > 0).cpu().numpy()]
        phrases = [{"text": query["expression"], "masks": found}] if found else []
        return {"phrases": phrases, "raw": text.split("ASSISTANT: ")[-1]}

    return answer


def instruction(query):
    """The prompt of a query, or the published question for an expression."""
    if not query["expression"]:
        raise ValueError("LISA writes no phrases: choose a task with expressions")
    if query["prompt"]:
        return query["prompt"]
    return "What is {} in this image? Please output segmentation mask.".format(
        query["expression"].strip().lower()
    )


if __name__ == "__main__":
    serve(
        load,
        name="LISA",
        settings={"dtype": "bfloat16", "decoding": "greedy", "max_new_tokens": NEW_TOKENS},
    )
