"""Image captioning: describe a whole image in words.

GLaMM has no published evaluator, prompt or split for this task. `OFFICIAL` has the scores that
papers on image captioning report, as pycocoevalcap computes them: METEOR 1.5 and CIDEr-D (SPICE
with `--also spice`). `STRICT` computes the same scores and counts the words of the answers. CIDEr
has a penalty on length, so a detailed description scores close to 0 against short references.
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
