"""Grounded conversation generation: describe an image, and give a mask to every noun phrase.

Source of the task and of `official`: GLaMM, arXiv 2311.03356. `OFFICIAL` has the five published
scores, as the published evaluator computes them. `STRICT` has the same scores of captions, and
sound scores of grounding: correct place and correct words together, and each of them separately.
"""

from gcg_bench.metrics.ap50 import AP50
from gcg_bench.metrics.cider import CIDEr
from gcg_bench.metrics.f1_avg import AveragedF1
from gcg_bench.metrics.gpq import GroundedPQ
from gcg_bench.metrics.hallucination import Hallucination
from gcg_bench.metrics.mask_recall import MaskRecall
from gcg_bench.metrics.meteor import METEOR
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.metrics.naming import Naming
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.metrics.ungrounded import Ungrounded
from gcg_bench.metrics.words import Words
from gcg_bench.tasks import EvalProtocol, Task

OFFICIAL = EvalProtocol(
    name="official",
    version=1,
    task="gcg",
    encoder="bert-base-uncased",
    equal_is_one=False,
    metrics=(
        METEOR(),
        CIDEr(),
        AP50(ties="image_order", max_detections=100),
        MeanIoU(match="greedy", divide_by="taken"),
        MaskRecall(),
    ),
    ranked_by="AP50",
    images_by="mIoU",
)

STRICT = EvalProtocol(
    name="strict",
    version=2,
    task="gcg",
    encoder="minilm",
    metrics=(
        METEOR(),
        CIDEr(),
        AP50(),
        MeanIoU(),
        PhraseF1(),
        AveragedF1(),
        GroundedPQ(),
        Naming(),
        Hallucination(),
        Ungrounded(),
        Words(),
    ),
    ranked_by="gPQ",
    images_by="gPQ",
)

TASK = Task(
    name="gcg",
    title="grounded conversation generation",
    instruction="",
    query=frozenset(),
    reference=frozenset({"captions"}),
    protocols=(OFFICIAL, STRICT),
    mistakes="strict",
    panels=("scores", "mistakes", "agreement", "distributions", "images"),
)
