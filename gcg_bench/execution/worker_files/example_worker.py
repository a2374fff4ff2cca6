"""An example of a worker: start it with `--model 'cmd:python example_worker.py'`.

Copy this file and gcg_bench_worker.py into one folder, and put your model into `load`. The script
runs in the environment of your model, which needs numpy and no part of gcg-bench.
"""

from gcg_bench_worker import serve


def load(threshold=0.5):
    """Returns the function that answers; `--model-arg threshold=0.7` arrives here."""
    # Load your model here, once:
    #     import torch
    #     model = MyModel.from_pretrained("me/model").eval().cuda()

    def answer(query):
        """One answer to one query."""
        pixels = query.pixels()  # uint8 RGB, (height, width, 3); query["image"] is a path
        words = query["expression"] or "the bright part"  # query["prompt"] is the instruction
        # Ask your model here:
        #     text, masks = model.describe(pixels, query["prompt"])
        mask = pixels.mean(axis=2) > 255 * threshold  # bool, (height, width)
        return {
            "caption": "This picture has " + words + ".",
            "phrases": [{"text": words, "mask": mask, "score": 0.5}],
        }

    return answer


if __name__ == "__main__":
    # `settings` says what decides the answers; it is kept with every score.
    serve(load, settings={"checkpoint": "none, an example"})
