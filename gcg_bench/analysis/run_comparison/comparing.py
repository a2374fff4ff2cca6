"""Compares two runs: tests every score, and finds the changed images and phrases."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from gcg_bench import tasks
from gcg_bench.analysis.run_comparison.changes import (
    SURE,
    Contrast,
    ImageChange,
    ImageChanges,
    PhraseChanges,
    ScoreChange,
    Side,
)
from gcg_bench.analysis.run_comparison.distinct import adjusted, key_of
from gcg_bench.errors import BadOption, MissingData, UnknownName
from gcg_bench.files import paths
from gcg_bench.runs import Run
from gcg_bench.runs.labels import distinct_labels, label_of
from gcg_bench.scoring.comparable import differences, refuse_other_images, refuse_unlike
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.signature import MEASUREMENT, ordered
from gcg_bench.scoring.storage import load_result
from gcg_bench.types import Bar, FloatArray, ScoreSpec, no_bar

ResultPair = tuple[Result, Result]

TESTS_A_DRAW = 10
"""Draws of a test for each draw of an interval: 10,000 for 1,000."""


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
    """Compares run B with run A, using only their stored rows.

    Args:
        run_a: a scored run.
        run_b: another scored run, with the same measurement on the same images.
        protocols: names of the protocols to compare; by default all that both runs have.
        by: the score that sorts the images; by default the choice of the last protocol.
        draws: draws for each interval; a test has ten times as many, enough for Holm's method.
        seed: the seed of intervals and tests.
        bar: a progress bar.

    Raises:
        BadOption: the measurements differ (names the field), or there is no draw.
        MissingData: a run is not scored, or no protocol was used for both.
        BadData: scores, rows and predictions of a run do not fit together.
        UnknownName: there is no score named `by`.
    """
    pairs = _result_pairs(run_a, run_b, protocols)
    others = () if protocols else _left_out(run_a, run_b, {a.key for a, _ in pairs})
    images = _images(pairs, by)  # before the tests, which can take minutes
    changes = _all_changes(pairs, draws, seed, bar)
    first = pairs[0][0]
    return Contrast(
        a=_side(run_a, [a for a, _ in pairs]),
        b=_side(run_b, [b for _, b in pairs]),
        dataset=first.data.dataset,
        split=first.data.split,
        n=first.n,
        pictures=len(set(first.images)),
        draws=draws,
        tests=TESTS_A_DRAW * draws,
        seed=seed,
        protocols=tuple(a.protocol for a, _ in pairs),
        scores=adjusted(changes),
        images=images,
        phrases=_phrases(pairs),
        answered=_answered(pairs),
        notes=(*others, *_notes(pairs, changes, draws)),
    )


def _result_pairs(run_a: Run, run_b: Run, protocols: Sequence[str] | None) -> list[ResultPair]:
    """The comparable results of both runs, protocol by protocol; see `compare`."""
    folders = _folders_of_both(run_a, run_b, protocols)
    pairs = _in_order(
        [(load_result(run_a, folder), load_result(run_b, folder)) for folder in folders]
    )
    _refuse(run_a, run_b, pairs)
    return pairs


def _refuse(run_a: Run, run_b: Run, pairs: Sequence[ResultPair]) -> None:
    """Raises BadOption when the measurements or the images of the two runs differ."""
    folders = [str(run_a.folder), str(run_b.folder)]
    for a, b in pairs:
        names = distinct_labels([a.label, b.label], folders)
        refuse_unlike([a.measurement, b.measurement], names, "compared")
        refuse_other_images(a, b)


def _folders_of_both(run_a: Run, run_b: Run, wanted: Sequence[str] | None) -> list[str]:
    """The folders of the wanted protocols that both runs have."""
    known = [_protocols_of(run) for run in (run_a, run_b)]
    for run, protocols in zip((run_a, run_b), known, strict=True):
        if not protocols:
            raise MissingData(f"{run.folder}: not scored yet; gcg-bench score {run.folder}")
    both = {folder: name for folder, (name, _) in known[0].items() if folder in known[1]}
    listed = [", ".join(key for _, key in protocols.values()) for protocols in known]
    have = f"{run_a.folder} has {listed[0]}, {run_b.folder} has {listed[1]}"
    for name in wanted or ():
        if name not in both.values():
            raise MissingData(f"not both runs were scored with {name}: {have}")
    chosen = [folder for folder, name in both.items() if not wanted or name in wanted]
    if not chosen:
        problem = f"no protocol was used for both runs: {have}"
        raise MissingData(f"{problem}. Score one of them again")
    return chosen


def _left_out(run_a: Run, run_b: Run, compared: Collection[str]) -> tuple[str, ...]:
    """A sentence for each protocol that only one run has, or that has different versions."""
    known = [dict(_protocols_of(run).values()) for run in (run_a, run_b)]
    sentences = []
    for name in sorted({*known[0], *known[1]}):
        a, b = (keys.get(name) for keys in known)
        if a == b or {a, b} & set(compared):
            continue
        reason = (
            f"A was scored with {a} and B with {b}"
            if a and b
            else f"only {'A' if a else 'B'} was scored with {a or b}"
        )
        sentences.append(f"the protocol {name} is left out: {reason}. Score both runs with it")
    return tuple(sentences)


def _protocols_of(run: Run) -> Mapping[str, tuple[str, str]]:
    """The name, and the name with its version, of the protocol in each folder of a run."""
    protocols = {}
    for folder in run.protocols():
        scores = run.scores(folder)
        if scores is not None:
            name = scores["protocol"]
            protocols[folder] = (name, f"{name}-{scores['version']}")
    return protocols


def _in_order(pairs: Sequence[ResultPair]) -> list[ResultPair]:
    """The pairs in the task's order of protocols, then the protocols of users."""

    def sort_key(pair: ResultPair) -> tuple[str, int]:
        protocol = pair[0].protocol
        keys = [known.key for known in tasks.load(protocol.task).protocols]
        return protocol.task, keys.index(protocol.key) if protocol.key in keys else len(keys)

    return sorted(pairs, key=sort_key)


def _all_changes(pairs: Sequence[ResultPair], draws: int, seed: int, bar: Bar) -> list[ScoreChange]:
    """Every score of every protocol, before p is adjusted."""
    changes: list[ScoreChange] = []
    with bar("compare", len(pairs)) as advance:
        for a, b in pairs:
            changes += _changes(a, b, draws, seed)
            advance(1)
    return changes


def _changes(a: Result, b: Result, draws: int, seed: int) -> list[ScoreChange]:
    """Every score of one protocol, before p is adjusted."""
    before, after = a.values(), b.values()
    tests = TESTS_A_DRAW * draws
    return [
        ScoreChange(
            protocol=a.key,
            spec=a.protocol.spec(name),
            a=before[name],
            b=after[name],
            difference=difference,
            holm=difference.p,
            key=key_of(a, b, name),
        )
        for name, difference in differences(a, b, draws=draws, tests=tests, seed=seed).items()
    ]


def _images(pairs: Sequence[ResultPair], by: str | None) -> ImageChanges:
    """The images sorted by their change, in the last protocol of the task that has the score."""
    name = pairs[-1][0].protocol.images_by if by is None else by
    for a, b in reversed(pairs):
        if any(spec.name == name for spec in a.protocol.scores):
            return _sorted(a.protocol.spec(name), a, a.alone(name), b.alone(name))
    known = {spec.name for a, _ in pairs for spec in a.protocol.scores}
    raise UnknownName("score that both runs have", name, known)


def _sorted(spec: ScoreSpec, result: Result, a: FloatArray, b: FloatArray) -> ImageChanges:
    # values that differ only by rounding are equal; an image without a score is last
    far = np.where(np.isclose(a, b, rtol=0, atol=1e-12, equal_nan=True), 0.0, np.abs(b - a))
    order = np.argsort(-far, kind="stable")
    images = [
        ImageChange(result.ids[k], float(a[k]), float(b[k]) if far[k] else float(a[k]))
        for k in order
    ]
    return ImageChanges(spec, result.key, tuple(images))


def _phrases(pairs: Sequence[ResultPair]) -> PhraseChanges | None:
    """Gained and lost phrases by the first metric that matches phrases; None without one."""
    changes = (
        _phrases_of(a, b, metric.name, *metric.phrase_columns)
        for a, b in pairs
        for metric in a.metrics
        if metric.phrase_columns is not None
    )
    return next(changes, None)


def _phrases_of(a: Result, b: Result, metric: str, matched: str, reference: str) -> PhraseChanges:
    """Gained and lost phrases, from the numbers of matched phrases of each image.

    Args:
        a: a result.
        b: another result on the same images.
        metric: the metric's name.
        matched: its column with the number of matched phrases.
        reference: its column with the number of phrases in the reference.
    """
    before, after = (result.rows[metric].columns[matched] for result in (a, b))
    far = np.abs(after - before)
    order = [int(k) for k in np.argsort(-far, kind="stable") if far[k]]
    return PhraseChanges(
        protocol=a.key,
        reference=int(a.rows[metric].columns[reference].sum()),
        a=int(before.sum()),
        b=int(after.sum()),
        gained=int(np.maximum(after - before, 0).sum()),
        lost=int(np.maximum(before - after, 0).sum()),
        images=tuple(ImageChange(a.ids[k], float(before[k]), float(after[k])) for k in order),
    )


def _side(run: Run, results: Sequence[Result]) -> Side:
    return Side(
        model=label_of(run),
        folder=paths.relative_text(str(run.folder)),
        failed=results[0].failed,
        signatures={result.key: result.signature for result in results},
    )


def _answered(pairs: Sequence[ResultPair]) -> tuple[tuple[str, str, str], ...]:
    """The fields in which the signatures differ; all are outside the measurement."""
    different: dict[str, tuple[str, str, str]] = {}
    for pair in pairs:
        a, b = (
            ordered({}, result.answered, result.confidences, result.evaluator) for result in pair
        )
        for name in dict.fromkeys((*a, *b)):
            if name not in MEASUREMENT and a.get(name) != b.get(name):
                change = (name, a.get(name, "not set"), b.get(name, "not set"))
                different.setdefault(name, change)
    return tuple(different.values())


def _notes(pairs: Sequence[ResultPair], changes: Sequence[ScoreChange], draws: int) -> list[str]:
    """Facts that a reader of the numbers must know, each sentence once."""
    if draws < 1:
        raise BadOption(f"draws is {draws}; at least one is needed")
    notes = []
    tests, drawn = len({change.key for change in changes}), TESTS_A_DRAW * draws
    if tests / (drawn + 1) >= SURE:
        notes.append(
            f"with {drawn} draws and {tests} tests no adjusted p can be below"
            f" {min(1.0, tests / (drawn + 1)):.2f}: nothing can be significant. Take more draws"
        )
    for change in changes:
        if undefined := change.difference.undefined:
            none = f"{change.score} of {change.protocol} has no value in {undefined} of {draws}"
            lost = " draws, so its difference has no interval"
            left_out = " draws, which its interval leaves out"
            notes.append(none + (lost if np.isnan(change.difference.low) else left_out))
    for letter, result in zip("AB", pairs[0], strict=True):
        if result.failed:
            failed = f"{result.failed} of {result.n} answers failed and count as silence"
            notes.append(f"{letter}: {failed}")
    for a, b in pairs:
        for metric in a.metrics:
            notes += metric.paired_notes(a.key, a.confidences, b.confidences)
    return list(dict.fromkeys(notes))
