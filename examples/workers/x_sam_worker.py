r"""X-SAM by its demo class. Not run here: written against the interface of its scripts.

Source: github.com/wanghao9610/X-SAM, xsam/xsam/demo/demo.py. Weights: hao9610/X-SAM; Apache-2.0.
The demo draws a picture, so this worker takes the place of what draws, and gets the label map. A
pixel has one label there: where masks overlap, the later phrase has it. The model words its own
question for gcg, so the prompt of the data card is not used.

Environment: Python 3.10, torch 2.6.0, transformers 4.57.1, mmcv-lite, its compiled operator. ENV is
its folder:

    gcg-bench evaluate --dataset grandf --split val \
        --model-arg config=CONFIG.py --model-arg weights=pytorch_model.bin \
        --model 'cmd:env PYTHONPATH=X-SAM/xsam ENV/bin/python x_sam_worker.py'
"""

from gcg_bench_worker import serve
from tagged_text import read

TASKS = {"referring": "refseg", "generalized_referring": "refseg", "reasoning": "reaseg"}


class Recorder:
    """Takes what the demo would draw."""

    def __init__(self):
        self.metadata = None
        self.labels, self.segments = None, []

    def draw_predictions(self, image, *, segmentation, segments_info=(), **_):
        """Keeps the label map; returns itself in the place of a picture."""
        self.labels, self.segments = segmentation, segments_info
        return self

    def get_image(self):
        """Nothing; the demo asks for a picture."""


def load(config, weights):
    """Loads the model of a config and a file of weights; returns the function that answers."""
    from mmengine.config import Config
    from PIL import Image
    from xsam.demo.demo import XSamDemo
    from xsam.utils.utils import register_function
    from xtuner.tools.utils import set_model_resource

    settings = Config.fromfile(config)
    set_model_resource(settings)
    register_function(settings._cfg_dict)
    demo = XSamDemo(settings, weights, output_ids_with_output=False)

    def answer(query):
        demo.visualizer = recorder = Recorder()
        task = TASKS.get(query["task"], "gcgseg")
        image = Image.fromarray(query.pixels())
        _, text, _ = demo.run_on_image(image, query["expression"] or "", task, None)
        if text is None or recorder.labels is None:
            raise RuntimeError("X-SAM gave no answer; it printed the reason")
        labels = recorder.labels.cpu().numpy()
        if task != "gcgseg":
            mask = labels == 1
            phrases = [{"text": query["expression"], "mask": mask}] if mask.any() else []
            return {"phrases": phrases, "raw": text}
        return grounded(text, labels, recorder.segments)

    return answer


def grounded(text, labels, segments):
    """The caption of a text; the k-th phrase has the segments whose `category_id` is k."""
    answer = read(text.replace("<SEG>", ""), [])
    for k, phrase in enumerate(answer["phrases"]):
        own = [segment for segment in segments if segment["category_id"] == k]
        masks = [(labels == segment["id"], segment["score"]) for segment in own]
        phrase["masks"] = [mask for mask, _ in masks if mask.any()]
        phrase["score"] = max((score for _, score in masks), default=None)
    return dict(answer, raw=text)


if __name__ == "__main__":
    serve(load, name="X-SAM", settings={"masks": "one label a pixel", "prompt": "the model's own"})
