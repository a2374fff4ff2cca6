"""Image captioning: describe a whole image in words.

There is no published evaluator, prompt or split of GLaMM for this task. `OFFICIAL` is what papers
on image captioning report, as pycocoevalcap computes it: METEOR 1.5 and CIDEr-D (SPICE with `--also
spice`). `STRICT` computes the same scores and counts the words of the answers. CIDEr has a penalty
on length, so a detailed description scores close to 0 against short references.
"""

from gcg_bench.metrics.cider import CIDEr
from gcg_bench.metrics.meteor import METEOR
from gcg_bench.metrics.words import Words
from gcg_bench.tasks import EvalProtocol, Task

OFFICIAL = EvalProtocol(name="official", version=1, task="caption", metrics=(METEOR(), CIDEr()))
STRICT = EvalProtocol(
    name="strict", version=1, task="caption", metrics=(METEOR(), CIDEr(), Words())
)

TASK = Task(
    name="caption",
    title="image captioning",
    instruction="Could you please give me a detailed description of the image?",
    query=frozenset(),
    reference=frozenset({"captions"}),
    protocols=(OFFICIAL, STRICT),
    panels=("scores", "distributions", "images"),
)
