"""A protocol is a value: metrics with their parameters, and how phrases are compared.

`OFFICIAL` gives the five published numbers as the published evaluator computes them. `STRICT` gives
the same captions' scores and sound numbers for the grounding. The two differ in values alone; no
code asks which one it is running.
"""

from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass, replace
from typing import Any

from gcg_bench import metrics, registry
from gcg_bench.errors import UnknownName
from gcg_bench.metrics.ap50 import AP50
from gcg_bench.metrics.cider import CIDEr
from gcg_bench.metrics.f1_avg import AveragedF1
from gcg_bench.metrics.gpq import GroundedPQ
from gcg_bench.metrics.hallucination import Hallucination
from gcg_bench.metrics.mask_recall import MaskRecall
from gcg_bench.metrics.meteor import METEOR
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.metrics.ungrounded import Ungrounded
from gcg_bench.metrics.words import Words
from gcg_bench.types import Metric


@dataclass(frozen=True)
class EvalProtocol:
    """Metrics with their parameters and the rule for the similarity of phrases.

    Attributes:
        name: `official` or `strict`.
        version: rises whenever any number could change.
        encoder: the phrase encoder's name.
        equal_is_one: whether phrases that are equal after normalising have similarity 1.
        metrics: in the order tables show them.
    """

    name: str
    version: int
    encoder: str
    equal_is_one: bool
    metrics: tuple[Metric, ...]

    @property
    def key(self) -> str:
        """The name of its folder in a run."""
        return f"{self.name}-{self.version}"

    def using(self, *, encoder: str | None = None, also: Iterable[str] = ()) -> "EvalProtocol":
        """This protocol with another phrase encoder, or with optional metrics added.

        Raises:
            UnknownName: `also` names something that is not an optional metric.
        """
        have = {metric.name for metric in self.metrics}
        added = []
        for name in dict.fromkeys(spelt.lower().replace("-", "_") for spelt in also):
            if name not in OPTIONAL_METRICS:
                raise UnknownName("optional metric", name, OPTIONAL_METRICS)
            if name not in have:
                added.append(metrics.load(name))
        return replace(self, encoder=encoder or self.encoder, metrics=(*self.metrics, *added))

    def signature(self, facts: Mapping[str, Any]) -> str:
        """Everything that can move a number, as `field:value` joined by `|`.

        The metrics' parameters are read from their fields, so that none can be forgotten.

        Args:
            facts: what only the evaluation knows (data set, encoder hash, ...), in order.
        """
        own = {"protocol": f"{self.name}-{self.version}"}
        rule = {"equal_phrases": "1" if self.equal_is_one else "cosine"}
        parts = {**own, **facts, **rule, "metrics": "+".join(map(spelling, self.metrics))}
        return "|".join(f"{name}:{value}" for name, value in parts.items())


def spelling(metric: Metric) -> str:
    """A metric's name with all of its parameters, e.g. `miou(match=greedy,divide_by=taken)`."""
    parameters: tuple[Field[Any], ...] = fields(metric) if is_dataclass(metric) else ()
    given = ",".join(f"{field.name}={getattr(metric, field.name)}" for field in parameters)
    return f"{metric.name}({given})" if given else metric.name


OFFICIAL = EvalProtocol(
    name="official",
    version=1,
    encoder="bert-base-uncased",
    equal_is_one=False,
    metrics=(
        METEOR(),
        CIDEr(),
        AP50(scores_from="constant", ties="image_order"),
        MeanIoU(match="greedy", divide_by="taken"),
        MaskRecall(),
    ),
)

STRICT = EvalProtocol(
    name="strict",
    version=1,
    encoder="minilm",
    equal_is_one=True,
    metrics=(
        METEOR(),
        CIDEr(),
        AP50(),
        MeanIoU(),
        PhraseF1(),
        AveragedF1(),
        GroundedPQ(),
        Hallucination(),
        Ungrounded(),
        Words(),
    ),
)

PROTOCOLS: Mapping[str, EvalProtocol] = {"official": OFFICIAL, "strict": STRICT}

_ALWAYS = {metric.name for each in PROTOCOLS.values() for metric in each.metrics}
# a file in gcg_bench/metrics that no protocol has can be asked for with --also
OPTIONAL_METRICS = tuple(name for name in registry.names("metrics") if name not in _ALWAYS)


def protocol(name: str) -> EvalProtocol:
    """The protocol of that name.

    Raises:
        UnknownName: there is none.
    """
    if name not in PROTOCOLS:
        raise UnknownName("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]
