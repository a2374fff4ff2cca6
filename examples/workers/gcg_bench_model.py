"""A worker with a model of gcg-bench, for another environment: another version, or another machine.

The environment needs gcg-bench and gcg_bench_worker.py beside this file:

    gcg-bench models --worker .
    gcg-bench predict --model "cmd:other/bin/python gcg_bench_model.py" ...

`--model-arg model=NAME` names the model.
"""

from gcg_bench_worker import serve


def load(model="glamm-tiny"):
    """Returns the function that answers with a model by its name."""
    from pathlib import Path

    from gcg_bench import Picture, Query, load_model

    answering = load_model(model, device="cpu", batch_size=1)
    SETTINGS.update(model=model, **getattr(answering, "settings", {}))

    def answer(query):
        """The model's answer as a dict."""
        picture = Picture(query["height"], query["width"], query.pixels, Path(query["image"]))
        names = ("id", "image_id", "prompt", "task", "expression", "forced")
        asked = Query(
            image=picture,
            regions=tuple(map(tuple, query["regions"])),
            turns=tuple(query["turns"]),
            **{name: query[name] for name in names},
        )
        (prediction,) = answering.answer([asked])
        if prediction.error is not None:
            raise RuntimeError(prediction.error)
        phrases = [
            {
                "text": phrase.text,
                "span": phrase.span,
                "score": phrase.score,
                "masks": [
                    {"size": [mask.height, mask.width], "counts": mask.counts}
                    for mask in phrase.masks
                ],
            }
            for phrase in prediction.grounding.phrases
        ]
        return {
            "caption": prediction.grounding.caption,
            "phrases": phrases,
            "raw": prediction.raw,
            "refused": prediction.refused,
        }

    return answer


SETTINGS = {}

if __name__ == "__main__":
    serve(load, settings=SETTINGS)
