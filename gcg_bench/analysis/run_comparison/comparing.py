"""Two runs become a contrast: every score tested, and the images and phrases behind it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np

from gcg_bench import statistics
from gcg_bench.analysis.run_comparison.changes import (
    SURE,
    Contrast,
    ImageChange,
    ImageChanges,
    PhraseChanges,
    ScoreChange,
    Side,
)
from gcg_bench.errors import BadOption, MissingData, UnknownName
from gcg_bench.runs import Run
from gcg_bench.scoring.results import (
    Measured,
    differences,
    label_of,
    refuse_other_images,
    refuse_unlike,
    stored,
)
from gcg_bench.scoring.signature import MEASUREMENT, fields_of
from gcg_bench.types import FloatArray

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
RunPair = tuple[Measured, Measured]

# what images are compared by unless the caller says otherwise: the first that both runs have; gPQ
# is one number an image for place, words and count
IMAGES_BY = ("gPQ", "F1", "mIoU", "Recall", "AP50")


def no_bar(label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """The progress bar of callers who want none."""
    del label, total
    return nullcontext(lambda _: None)


def compare(
    run_a: Run,
    run_b: Run,
    *,
    protocols: Sequence[str] | None = None,
    by: str | None = None,
    draws: int = 1000,
    seed: int = 0,
    bar: Bar = no_bar,
) -> Contrast:
    """Run B held against run A, from their stored rows alone.

    Args:
        run_a: a scored run.
        run_b: another, scored by the same measurement on the same images.
        protocols: names (`strict`) of those to compare; all that both have by default.
        by: the score by which images are compared; gPQ by default, where there is one.
        draws: samples for each interval, and for each test.
        seed: of both.
        bar: a progress bar.

    Raises:
        BadOption: the measurements differ (names the field), or there is no draw.
        MissingData: a run is not scored, or no protocol was used for both.
        UnknownName: no score named `by`.
    """
    pairs = [(stored(run_a, key), stored(run_b, key)) for key in _both(run_a, run_b, protocols)]
    _refuse(run_a, run_b, pairs)
    images = _images(pairs, by)
    changes: list[ScoreChange] = []
    with bar("compare", len(pairs)) as advance:
        for a, b in pairs:
            changes += _changes(a, b, draws, seed)
            advance(1)
    verdict = pairs[0][0].verdict
    return Contrast(
        a=_side(run_a, [a for a, _ in pairs]),
        b=_side(run_b, [b for _, b in pairs]),
        dataset=verdict["dataset"],
        split=verdict["split"],
        n=verdict["n"],
        draws=draws,
        seed=seed,
        scores=_adjusted(changes),
        images=images,
        phrases=next((p for a, b in pairs for p in [_phrases(a, b)] if p is not None), None),
        answered=_answered(pairs),
        notes=tuple(_notes(pairs, len(changes), draws)),
    )


def _refuse(run_a: Run, run_b: Run, pairs: Sequence[RunPair]) -> None:
    """Raises BadOption when the measurements or the images of two sides differ."""
    for a, b in pairs:
        sides = [
            {"model": one.label, "run": run.folder, "signature": one.verdict["signature"]}
            for run, one in ((run_a, a), (run_b, b))
        ]
        refuse_unlike(sides, "compared")
        refuse_other_images(a, b)


def _both(run_a: Run, run_b: Run, wanted: Sequence[str] | None) -> list[str]:
    """The protocols that both runs were scored with, official before strict."""
    have = [run.protocols() for run in (run_a, run_b)]
    for run, keys in zip((run_a, run_b), have, strict=True):
        if not keys:
            raise MissingData(f"{run.folder}: not scored yet; gcg-bench score {run.folder}")
    both = [key for key in have[0] if key in have[1]]
    for name in wanted or ():
        if not any(key.rpartition("-")[0] == name for key in both):
            raise MissingData(
                f"not both runs were scored with {name}: {run_a.folder} has {', '.join(have[0])},"
                f" {run_b.folder} has {', '.join(have[1])}"
            )
    chosen = [key for key in both if not wanted or key.rpartition("-")[0] in wanted]
    if not chosen:
        raise MissingData(
            f"no protocol was used for both runs: {run_a.folder} has {', '.join(have[0])},"
            f" {run_b.folder} has {', '.join(have[1])}. Score one of them again"
        )
    return chosen


def _changes(a: Measured, b: Measured, draws: int, seed: int) -> list[ScoreChange]:
    """Every score of one protocol, p not yet adjusted."""
    before, after = a.values(), b.values()
    return [
        ScoreChange(
            protocol=a.key,
            score=name,
            a=before[name],
            b=after[name],
            difference=one,
            holm=one.p,
            lower_is_better=a.metric_of(name).lower_is_better,
        )
        for name, one in differences(a, b, draws=draws, seed=seed).items()
    ]


def _adjusted(changes: Sequence[ScoreChange]) -> tuple[ScoreChange, ...]:
    adjusted = statistics.holm([one.difference.p for one in changes])
    return tuple(replace(one, holm=p) for one, p in zip(changes, adjusted, strict=True))


def _images(pairs: Sequence[RunPair], by: str | None) -> ImageChanges:
    """The images by how much they changed, in the last protocol that has the score.

    Strict comes last, and its numbers are the sound ones.
    """
    for name in (by,) if by is not None else IMAGES_BY:
        for a, b in reversed(pairs):
            if any(name in metric.scores for metric in a.metrics):
                return _ordered(name, a, a.alone(name), b.alone(name))
    known = [name for a, _ in pairs for metric in a.metrics for name in metric.scores]
    if by is None:
        by = known[-1]
        return _images(pairs, by)
    raise UnknownName("score that both runs have", by, set(known))


def _ordered(name: str, of: Measured, a: FloatArray, b: FloatArray) -> ImageChanges:
    # what only rounding keeps apart is equal
    far = np.where(np.isclose(a, b, rtol=0, atol=1e-12), 0.0, np.abs(b - a))
    order = np.argsort(-far, kind="stable")
    images = [
        ImageChange(of.ids[k], float(a[k]), float(b[k]) if far[k] else float(a[k])) for k in order
    ]
    return ImageChanges(name, of.key, tuple(images))


def _phrases(a: Measured, b: Measured) -> PhraseChanges | None:
    """Gained and lost, from how many phrases of each image were matched."""
    if "phrase_f1" not in a.rows:
        return None
    before, after = (one.rows["phrase_f1"].columns["matched"] for one in (a, b))
    far = np.abs(after - before)
    order = [int(k) for k in np.argsort(-far, kind="stable") if far[k]]
    return PhraseChanges(
        protocol=a.key,
        reference=int(a.rows["phrase_f1"].columns["reference"].sum()),
        a=int(before.sum()),
        b=int(after.sum()),
        gained=int(np.maximum(after - before, 0).sum()),
        lost=int(np.maximum(before - after, 0).sum()),
        images=tuple(ImageChange(a.ids[k], float(before[k]), float(after[k])) for k in order),
    )


def _side(run: Run, measured: Sequence[Measured]) -> Side:
    return Side(
        model=label_of(run),
        folder=str(run.folder),
        failed=int(measured[0].verdict["failed"]),
        signatures={one.key: one.verdict["signature"] for one in measured},
    )


def _answered(pairs: Sequence[RunPair]) -> tuple[tuple[str, str, str], ...]:
    """What the signatures say differently, all of it outside the measurement."""
    found: dict[str, tuple[str, str, str]] = {}
    for pair in pairs:
        a, b = (fields_of(one.verdict["signature"]) for one in pair)
        for name in dict.fromkeys((*a, *b)):
            if name not in MEASUREMENT and a.get(name) != b.get(name):
                found.setdefault(name, (name, a.get(name, "not set"), b.get(name, "not set")))
    return tuple(found.values())


def _notes(pairs: Sequence[RunPair], tests: int, draws: int) -> list[str]:
    """What a reader must know beside the numbers."""
    if draws < 1:
        raise BadOption(f"draws is {draws}; at least one is needed")
    said = []
    if tests / (draws + 1) >= SURE:
        said.append(
            f"with {draws} draws and {tests} tests no adjusted p can be below"
            f" {min(1.0, tests / (draws + 1)):.2f}: nothing can be significant. Take more draws"
        )
    kinds = {metric.name for a, _ in pairs for metric in a.metrics}
    if "cider" in kinds:
        said.append("CIDEr keeps the document frequencies of the full reference set under draws")
    for a, b in pairs:
        if any(getattr(metric, "ties", "") == "image_order" for metric in a.metrics):
            said.append(f"AP50 of {a.key} depends on the order of the images, and so does its p")
        scored = [fields_of(one.verdict["signature"]).get("confidences") for one in (a, b)]
        ranks = any(getattr(metric, "scores_from", "") == "model" for metric in a.metrics)
        if ranks and scored[0] != scored[1]:
            said.append(
                f"AP50 of {a.key}: {scored[0]} of A's masks carry a score, {scored[1]} of B's; the"
                " test swaps answers between two scales"
            )
    return said
