"""A worker in an environment with transformers 4: CLIPSeg segments what an expression names.

It runs in an environment of its own, which conflicts with that of gcg-bench:

    python -m venv old && old/bin/pip install torch "transformers==4.46.3" pillow "numpy<2.3"
    gcg-bench models --worker .          # writes gcg_bench_worker.py beside this file
    gcg-bench predict --model "cmd:old/bin/python old_transformers.py" --task referring ...

`--model-arg checkpoint=CIDAS/clipseg-rd64-refined` names the weights.

Without a checkpoint it makes a tiny model with random weights, whose answers are worth nothing: it
shows that the environment works.
"""

from gcg_bench_worker import serve


def load(checkpoint=None, threshold=0.5):
    """Returns the function that answers, with CLIPSeg of a checkpoint or a random one."""
    import numpy
    import torch
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

    torch.manual_seed(0)
    torch.set_num_threads(1)
    if checkpoint is None:
        small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4}
        small["num_attention_heads"] = 4
        config = CLIPSegConfig(
            text_config={**small, "vocab_size": 300, "max_position_embeddings": 77},
            vision_config={**small, "image_size": 64, "patch_size": 16},
            projection_dim=16,
            reduce_dim=16,
            extract_layers=[1, 2, 3],
        )
        model = CLIPSegForImageSegmentation(config).eval()
        words = _letters
    else:
        from transformers import AutoProcessor

        model = CLIPSegForImageSegmentation.from_pretrained(checkpoint).eval()
        words = AutoProcessor.from_pretrained(checkpoint).tokenizer
    side = model.config.vision_config.image_size

    @torch.no_grad()
    def answer(query):
        """The mask of the query's expression, or of the whole picture's description."""
        text = query["expression"] or query["prompt"] or "the object"
        pixels = torch.from_numpy(query.pixels()).permute(2, 0, 1)[None].float() / 255
        small = torch.nn.functional.interpolate(pixels, size=(side, side), mode="bilinear")
        mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        ids = words([text], return_tensors="pt", truncation=True)
        logits = model(pixel_values=(small - mean) / deviation, **ids).logits
        logits = logits.reshape(1, 1, *logits.shape[-2:])
        size = (query["height"], query["width"])
        whole = torch.nn.functional.interpolate(logits, size=size, mode="bilinear")[0, 0]
        mask = numpy.asarray(whole.sigmoid() > threshold)
        return {"caption": text, "phrases": [{"text": text, "mask": mask}]}

    return answer


def _letters(texts, **_):
    """Token ids of a text for a model without a tokenizer: its letters, between begin and end."""
    import torch

    ids = [[298, *(min(ord(sign), 297) for sign in text[:70]), 299] for text in texts]
    ids = torch.tensor(ids)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


if __name__ == "__main__":
    import transformers

    serve(load, settings={"model": "clipseg", "transformers": transformers.__version__})
