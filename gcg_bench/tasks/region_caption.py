"""Region captioning: describe the region that a box marks.

Source of `official`: the evaluation code of GLaMM (arXiv 2311.03356), which is pycocoevalcap: PTB
tokens, METEOR 1.5 over the corpus, CIDEr-D with the document frequencies of the references. One
query an annotation; a missing answer is an error, where the published code drops it and CIDEr
changes. A box that is described several times has several references, and counts as often.
`STRICT` counts each region once, with all its descriptions as references: later queries of a region
are left out. It also counts the words of the answers, and draws images for intervals.
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
