r"""OMG-LLaVA by its published code. Not run here: written against the interface of its scripts.

Source: github.com/lxtGH/OMG-Seg, omg_llava/omg_llava/tools/gcg_omg_seg_llava.py, whose functions
this worker calls. Weights: zhangtao-whu/OMG-LLaVA; MIT. The published script asks up to six
questions until an answer has a mask; this worker asks the prompt of the query alone.

Environment: Python 3.10, transformers 4.36.0, xtuner and mmcv as its README says. ENV is its
folder:

    cd OMG-Seg/omg_llava && gcg-bench evaluate --dataset grandf --split val \
        --model-arg config=omg_llava/configs/finetune/specific_tasks_finetune/finetune_gcg.py \
        --model-arg weights=pretrained/omg_llava/omg_llava_7b_gcg.pth \
        --model 'cmd:env PYTHONPATH=. ENV/bin/python /recipes/omg_llava_worker.py'
"""

from types import SimpleNamespace

from gcg_bench_worker import serve
from tagged_text import read

TEMPLATE = "internlm2_chat"
NEW_TOKENS = 512  # the published default of 100 cuts long captions


def load(config, weights):
    """Loads the model of a config and a file of weights; returns the function that answers."""
    import torch
    from mmengine.config import Config
    from omg_llava.tools.gcg_omg_seg_llava import forward_model
    from PIL import Image
    from transformers import GenerationConfig
    from xtuner.dataset.utils import expand2square
    from xtuner.model.utils import guess_load_checkpoint
    from xtuner.registry import BUILDER
    from xtuner.tools.utils import get_stop_criteria
    from xtuner.utils import DEFAULT_IMAGE_TOKEN, PROMPT_TEMPLATE

    settings = Config.fromfile(config)
    settings.model.pretrained_pth = None
    model = BUILDER.build(settings.model)
    model.load_state_dict(guess_load_checkpoint(weights), strict=False)
    model = model.cuda().eval()
    processor_settings = dict(settings.image_processor)
    processor = processor_settings.pop("type")(**processor_settings)
    template = PROMPT_TEMPLATE[TEMPLATE]
    parts = SimpleNamespace(
        tokenizer=model.tokenizer,
        model=model,
        llm=model.llm,
        projector_text2vision=model.projector_text2vision,
        gen_config=GenerationConfig(
            max_new_tokens=NEW_TOKENS,
            do_sample=False,
            eos_token_id=model.tokenizer.eos_token_id,
            pad_token_id=model.tokenizer.pad_token_id or model.tokenizer.eos_token_id,
        ),
        stop_criteria=get_stop_criteria(
            tokenizer=model.tokenizer, stop_words=template.get("STOP_WORDS", [])
        ),
    )
    grey = tuple(int(share * 255) for share in processor.image_mean)

    def answer(query):
        image = expand2square(Image.fromarray(query.pixels()), grey)
        pixels = processor.preprocess(image, return_tensors="pt")["pixel_values"]
        question = template["INSTRUCTION"].format(
            input=DEFAULT_IMAGE_TOKEN + "\n" + instruction(query), round=1, bot_name="BOT"
        )
        with torch.inference_mode():
            seen = model.visual_encoder(
                pixels.cuda().to(model.visual_encoder.dtype), output_hidden_states=True
            )
            text, hidden = forward_model(question, model.projector(seen), **vars(parts))
            masks = [] if len(hidden) == 0 else masks_of(hidden, query["height"], query["width"])
        return read(text.replace("<s>", "").replace("\n", " "), masks)

    def masks_of(hidden, height, width):
        """One mask a row; the image was padded to a square on both sides."""
        numbers = torch.zeros(len(hidden), dtype=torch.int64, device=hidden.device)
        seen = model.projector_text2vision(hidden)
        logits = model.visual_encoder.forward_llm_seg(seen, numbers)[-1]
        side = max(height, width)
        logits = torch.nn.functional.interpolate(
            logits, size=(side, side), mode="bilinear", align_corners=False
        )
        top, left = (side - height) // 2, (side - width) // 2
        inside = logits[:, 0, top : top + height, left : left + width]
        return list((inside.sigmoid() > 0.5).cpu().numpy())

    return answer


def instruction(query):
    """The prompt of a query, or a question for an expression."""
    if query["regions"]:
        raise ValueError("this worker describes no regions")
    if query["expression"] and not query["prompt"]:
        return "Can you segment {} in this image?".format(query["expression"].strip().lower())
    return query["prompt"]


if __name__ == "__main__":
    serve(
        load,
        name="OMG-LLaVA",
        settings={"decoding": "greedy", "max_new_tokens": NEW_TOKENS, "questions": 1},
    )
