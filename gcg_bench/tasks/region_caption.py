"""Region captioning: describe the region that a box marks.

Source of `official`: the evaluation code of GLaMM (arXiv 2311.03356), which is pycocoevalcap: PTB
tokens, METEOR 1.5 over the corpus, CIDEr-D with the document frequencies of the references. Each
annotation is one query. A missing answer is an error; the published code drops it, which changes
CIDEr. A box with several descriptions has several references, and counts several times. `STRICT`
counts each region once, with all its descriptions as references: later queries of a region are left
out. It also counts the words of the answers, and draws images for intervals.
"""

from gcg_bench.metrics.cider import CIDEr
from gcg_bench.metrics.meteor import METEOR
from gcg_bench.metrics.words import Words
from gcg_bench.tasks import EvalProtocol, Task

OFFICIAL = EvalProtocol(
    name="official", version=1, task="region_caption", metrics=(METEOR(), CIDEr())
)
STRICT = EvalProtocol(
    name="strict",
    version=1,
    task="region_caption",
    repeats="left_out",
    metrics=(METEOR(), CIDEr(), Words()),
)

TASK = Task(
    name="region_caption",
    title="region captioning",
    instruction="",
    query=frozenset({"regions"}),
    reference=frozenset({"captions"}),
    protocols=(OFFICIAL, STRICT),
    panels=("scores", "distributions", "images"),
)
