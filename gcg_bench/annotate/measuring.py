"""An annotation of a data set, measured against its references, object by object."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import fmean
from typing import Any

from gcg_bench.annotate import calibration
from gcg_bench.annotate.calibration import Judgement, Share, Weights, wilson
from gcg_bench.annotate.continuing import unfinished
from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.annotate.judging import Judged, judge
from gcg_bench.annotate.stages.consensus import WORDS
from gcg_bench.annotate.status import status_of
from gcg_bench.data import Dataset
from gcg_bench.errors import BadOption, MissingData

_DEFAULT_WORDS = "nouns"


@dataclass(frozen=True, slots=True)
class Measured:
    """How good the objects of an annotation are.

    Attributes:
        images: the number of annotated images.
        judgements: one for each object.
        references: the number of masks in the references of these images.
        placed: the number of references that an object overlaps, even with other words.
        found: the number of references that a right object took.
        captioned: the number of references that a right object of the caption took.
        relations: the share of relations between right objects that the reference masks confirm.
        fits: model -> the IoU of each of its right detections with the reference that it took;
            empty for a model without a right detection.
    """

    images: int
    judgements: tuple[Judgement, ...]
    references: int
    placed: int
    found: int
    captioned: int
    relations: Share
    fits: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def tightness(self) -> dict[str, float]:
        """Model -> the mean IoU of its right detections with references; 0 without any."""
        return {model: fmean(fits) if fits else 0.0 for model, fits in self.fits.items()}

    def as_json(self) -> dict[str, Any]:
        """All numbers as JSON values; shares with their intervals."""
        made = self.judgements
        shares = {
            "placed": wilson(self.placed, self.references),
            "found": wilson(self.found, self.references),
            "captioned": wilson(self.captioned, self.references),
            "relations": self.relations,
            "right": wilson(sum(one.right for one in made), len(made)),
        }
        return {
            "images": self.images,
            "objects": len(made),
            "references": self.references,
            **{name: share_json(share) for name, share in shares.items()},
            "by_votes": {
                str(votes): share_json(share) for votes, share in calibration.by_votes(made).items()
            },
            "by_models": {
                name: share_json(share) for name, share in calibration.by_models(made).items()
            },
            "tightness": {
                model: {"n": len(self.fits[model]), "mean": value}
                for model, value in self.tightness.items()
            },
            "calibration_error": known(calibration.calibration_error(made)),
            "mean_risk": known(calibration.mean_risk(made)),
            "bins": [
                {name: known(value) for name, value in asdict(part).items()}
                for part in calibration.bins(made)
            ],
            "risk_coverage": [list(point) for point in calibration.risk_coverage(made)],
        }


def share_json(share: Share) -> dict[str, Any]:
    """A share as JSON values."""
    return {
        "n": share.count,
        "right": share.right,
        "share": known(share.value),
        "low": share.low,
        "high": share.high,
    }


def known(value: float) -> float | None:
    """The number; None for NaN, which JSON does not have."""
    return None if math.isnan(value) else value


def measure(folder: AnnotationFolder, data: Dataset, words: str = "") -> Measured:
    """Measures the objects of an annotation against the references of its data set.

    Args:
        folder: the annotation.
        data: the data set whose images were annotated.
        words: the rule for words, a key of `consensus.WORDS`; the recipe's rule by default.

    Raises:
        BadOption: no annotated image is in the data set, or there is no such rule.
        MissingData: no image is annotated yet; the message names the command that continues.
    """
    rule = words or _words(folder)
    if rule not in WORDS:
        raise BadOption(f"the rule of words is {rule[:80]!r}; give one of {', '.join(WORDS)}")
    truths = {sample.query.image_id: sample.truth for sample in data.samples}
    judged = [
        judge(scene, truths[scene.image_id], WORDS[rule])
        for scene in folder.scenes()
        if scene.image_id in truths
    ]
    if not judged:
        status = status_of(folder)
        if not status.finished:
            why = unfinished(folder, status) or f"see: gcg-bench annotate status {folder.folder}"
            raise MissingData(f"{folder.folder}: no image is annotated; {why}")
        raise BadOption(f"{folder.folder}: no annotated image is in {data.card.name} {data.split}")
    return summed(judged)


def summed(judged: Sequence[Judged]) -> Measured:
    """The sum over all scenes."""
    relations = wilson(
        sum(one.true_relations for one in judged), sum(one.relations for one in judged)
    )
    return Measured(
        len(judged),
        tuple(made for one in judged for made in one.objects),
        sum(one.references for one in judged),
        sum(one.placed for one in judged),
        sum(one.found for one in judged),
        sum(one.captioned for one in judged),
        relations,
        _fits(judged),
    )


def _fits(judged: Sequence[Judged]) -> dict[str, list[float]]:
    """Model -> the IoU of each of its right detections."""
    fits: dict[str, list[float]] = {}
    for one in judged:
        for model, overlaps in one.fits:
            fits.setdefault(model, []).extend(overlaps)
    return fits


def fitted(measured: Measured) -> dict[str, Weights]:
    """Model -> the vote weights under which the judgements are most likely, and its tightness."""
    tightness = measured.tightness
    return {
        model: replace(weights, tightness=round(tightness[model], 3))
        if model in tightness
        else weights
        for model, weights in calibration.fit_weights(measured.judgements).items()
    }


def _words(folder: AnnotationFolder) -> str:
    """The rule of words of the recipe's fusion."""
    for step in folder.recipe["stages"]:
        if step.get("stage") == "consensus":
            return str(step["settings"].get("words", _DEFAULT_WORDS))
    return _DEFAULT_WORDS
