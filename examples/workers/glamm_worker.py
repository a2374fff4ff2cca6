r"""GLaMM by its published code. Not run here: written against the interface of its scripts.

Source: github.com/mbzuai-oryx/groundingLMM, eval/gcg/infer.py. Weights: MBZUAI/GLaMM-GCG (gcg) and
MBZUAI/GLaMM-RefSeg (expressions). gcg-bench has its own `--model glamm`, which needs none of this.

Environment, as its docs/install.md says: Python 3.10, torch 1.13.1+cu117, torchvision 0.14.1+cu117,
its requirements.txt (transformers at commit cae78c46, flash-attn 2.3.6), mmcv 1.4.7 with ops. ENV
is its folder:

    gcg-bench evaluate --dataset grandf --split val \
        --model 'cmd:env PYTHONPATH=groundingLMM ENV/bin/python glamm_worker.py'
"""

from gcg_bench_worker import serve
from tagged_text import read

SIZE = 1024  # of the image of the grounding encoder
NEW_TOKENS = 512


def load(checkpoint="MBZUAI/GLaMM-GCG"):
    """Loads the model; returns the function that answers."""
    import bleach
    import torch
    from eval.utils import grounding_image_ecoder_preprocess
    from model.GLaMM import GLaMMForCausalLM
    from model.llava import conversation
    from model.llava.mm_utils import tokenizer_image_token
    from model.SAM.utils.transforms import ResizeLongestSide
    from tools.utils import IMAGE_TOKEN_INDEX
    from transformers import AutoTokenizer, CLIPImageProcessor

    tokenizer = AutoTokenizer.from_pretrained(
        checkpoint, model_max_length=512, padding_side="right", use_fast=False
    )
    tokenizer.pad_token = tokenizer.unk_token
    seg = tokenizer("[SEG]", add_special_tokens=False).input_ids[0]
    model = GLaMMForCausalLM.from_pretrained(
        checkpoint, low_cpu_mem_usage=True, seg_token_idx=seg, torch_dtype=torch.bfloat16
    )
    for name in ("eos_token_id", "bos_token_id", "pad_token_id"):
        setattr(model.config, name, getattr(tokenizer, name))
    model.get_model().initialize_vision_modules(model.get_model().config)
    model.get_model().get_vision_tower().to(dtype=torch.bfloat16)
    model = model.bfloat16().cuda().eval()
    model.get_model().get_vision_tower().to(device="cuda")
    clip = CLIPImageProcessor.from_pretrained(model.config.vision_tower)
    longest_side = ResizeLongestSide(SIZE)

    def prompt(instruction):
        words = bleach.clean(instruction).replace("&lt;", "<").replace("&gt;", ">")
        talk = conversation.conv_templates["llava_v1"].copy()
        talk.messages = []
        image = "The <im_start><image><im_end> provides an overview of the picture.\n"
        talk.append_message(talk.roles[0], image + words)
        talk.append_message(talk.roles[1], "")
        return talk.get_prompt()

    def answer(query):
        pixels = query.pixels()
        resized = longest_side.apply_image(pixels)
        seen = clip.preprocess(pixels, return_tensors="pt")["pixel_values"]
        grounded = torch.from_numpy(resized).permute(2, 0, 1).contiguous()
        ids = tokenizer_image_token(prompt(instruction(query)), tokenizer, return_tensors="pt")
        with torch.inference_mode():
            out, masks = model.evaluate(
                seen.cuda().bfloat16(),
                grounding_image_ecoder_preprocess(grounded)[None].cuda().bfloat16(),
                ids[None].cuda(),
                [resized.shape[:2]],
                [pixels.shape[:2]],
                max_tokens_new=NEW_TOKENS,
                bboxes=None,
            )
        text = tokenizer.decode(out[0][out[0] != IMAGE_TOKEN_INDEX], skip_special_tokens=False)
        reply = text.replace("\n", "").replace("  ", " ").split("ASSISTANT: ")[-1]
        return read(reply, list((masks[0] > 0).cpu().numpy()))

    return answer


def instruction(query):
    """The prompt of a query, or the published question for an expression."""
    if query["regions"]:
        raise ValueError("this worker describes no regions")
    if query["expression"] and not query["prompt"]:
        return "Can you segment the {} in this image?".format(query["expression"].strip().lower())
    return query["prompt"]


if __name__ == "__main__":
    serve(
        load,
        name="GLaMM, published code",
        settings={
            "dtype": "bfloat16",
            "decoding": "greedy",
            "max_new_tokens": NEW_TOKENS,
        },
    )
