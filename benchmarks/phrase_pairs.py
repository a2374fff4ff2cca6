"""How well phrase agreement and other candidates decide labelled pairs of phrases.

A file has the columns `reference`, `prediction`, `noun` (same, general, specific, different) and
`attributes` (agree, partly, contradict, none). For each candidate the table shows

- AUC: the area under the ROC curve of accepting a pair (its noun is not `different`),
- accuracy, false-accept rate and false-reject rate of the noun decision at the threshold,
- ordered: the share of (contradicted, agreeing or attribute-free) pairs of pairs, both with an
  accepted noun, in which the contradicted one has the lower score; ties count as wrong.

    python benchmarks/phrase_pairs.py tests/data/phrase_pairs.csv MORE.csv
    python benchmarks/phrase_pairs.py --roc FILE       the points of the ROC curve of each candidate
"""

import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from gcg_bench.text.agreement import NOUN_THRESHOLD, Unknown, phrase_agreement
from gcg_bench.text.encoders import MINILM, load_encoder
from gcg_bench.text.noun_phrases import read
from gcg_bench.text.wordnet import wordnet
from gcg_bench.text.words import noun_forms, tokens

Row = dict[str, str]
Scores = tuple[list[float], list[float]]
"""The score that decides about the noun, and the score that should fall by a contradiction."""

SMALL_WORDS = frozenset(("a", "an", "the", "some", "of", "in", "on", "with", "to", "at", "and"))


def agreement(rows: Sequence[Row]) -> Scores:
    """The instrument of this package."""
    unknown = Unknown(load_encoder(MINILM).vectors)
    found = [phrase_agreement(r["reference"], r["prediction"], unknown=unknown) for r in rows]
    return [each.noun for each in found], [each.agreement for each in found]


def cosine(rows: Sequence[Row]) -> Scores:
    """The gate of `strict` version 1: the cosine of two vectors of minilm."""
    encoder = load_encoder(MINILM)
    sides = [encoder.vectors([row[side] for row in rows]) for side in ("reference", "prediction")]
    one, other = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
    values = np.einsum("nd,nd->n", one, other).tolist()
    return values, values


def jaccard(rows: Sequence[Row]) -> Scores:
    """Shared content words, by their basic forms."""

    def words(text: str) -> set[str]:
        return {noun_forms(word)[0] for word in tokens(text) if word not in SMALL_WORDS}

    sides = [(words(row["reference"]), words(row["prediction"])) for row in rows]
    values = [len(one & other) / max(1, len(one | other)) for one, other in sides]
    return values, values


def _heads(row: Row) -> list[tuple[str, ...]]:
    return [noun_forms(read(row[side]).nouns[-1]) for side in ("reference", "prediction")]


def lemma(rows: Sequence[Row]) -> Scores:
    """Whether the head nouns have one basic form."""
    values = []
    for row in rows:
        one, other = _heads(row)
        values.append(float(bool(set(one) & set(other))))
    return values, values


def path(rows: Sequence[Row]) -> Scores:
    """WordNet's path similarity of the head nouns: 1 / (1 + steps), any meaning."""
    nouns = wordnet()

    def distances(word: str) -> dict[str, int]:
        steps = dict.fromkeys(nouns.senses(word), 0)
        waiting = list(steps)
        while waiting:
            sense = waiting.pop(0)
            for parent in nouns.hypernyms(sense):
                if parent not in steps:
                    steps[parent] = steps[sense] + 1
                    waiting.append(parent)
        return steps

    values = []
    for row in rows:
        one, other = (distances(forms[0]) for forms in _heads(row))
        shared = [one[sense] + other[sense] for sense in one.keys() & other.keys()]
        values.append(1 / (1 + min(shared)) if shared else 0.0)
    return values, values


CANDIDATES: dict[str, tuple[Callable[[Sequence[Row]], Scores], float]] = {
    "phrase agreement": (agreement, NOUN_THRESHOLD),
    "cosine of minilm, .5": (cosine, 0.5),
    "cosine of minilm, .7": (cosine, 0.7),
    "Jaccard of content words": (jaccard, 0.5),
    "lemma of the head": (lemma, 0.5),
    "WordNet path": (path, 0.5),
}
"""Name -> candidate and its threshold."""


def roc(scores: Sequence[float], accepted: Sequence[bool]) -> list[tuple[float, float]]:
    """(False-accept rate, true-accept rate) at every threshold, from the highest to the lowest."""
    values, truth = np.array(scores), np.array(accepted)
    cuts = [np.inf, *sorted(set(scores), reverse=True)]
    return [
        (float(np.mean(values[~truth] >= cut)), float(np.mean(values[truth] >= cut)))
        for cut in cuts
    ]


def line(name: str, rows: Sequence[Row]) -> str:
    """The row of a candidate in the table."""
    candidate, threshold = CANDIDATES[name]
    nouns, scores = candidate(rows)
    truth = [row["noun"] != "different" for row in rows]
    x, y = np.array(roc(nouns, truth)).T
    area = float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))
    said = np.array(nouns) >= threshold
    wrong = [
        s
        for s, row, t in zip(scores, rows, truth, strict=True)
        if t and row["attributes"] == "contradict"
    ]
    right = [
        s
        for s, row, t in zip(scores, rows, truth, strict=True)
        if t and row["attributes"] in ("agree", "none")
    ]
    ordered = np.mean(np.less.outer(wrong, right))
    far, frr = np.mean(said[~np.array(truth)]), np.mean(~said[np.array(truth)])
    numbers = (100 * np.mean(said == truth), 100 * far, 100 * frr, 100 * ordered)
    return f"| {name} | {area:.3f} | " + " | ".join(f"{n:.1f}" for n in numbers) + " |"


def main(arguments: Sequence[str]) -> None:
    """Prints a table for each file."""
    for file in [name for name in arguments if name != "--roc"]:
        with Path(file).open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        print(f"{len(rows)} pairs of {Path(file).parent.name}/{Path(file).name}\n")
        if "--roc" in arguments:
            truth = [row["noun"] != "different" for row in rows]
            for name, (candidate, _) in CANDIDATES.items():
                points = roc(candidate(rows)[0], truth)
                print(name, " ".join(f"({x:.2f}, {y:.2f})" for x, y in points))
            continue
        print("| candidate | AUC | accuracy % | false accept % | false reject % | ordered % |")
        print("|---|---|---|---|---|---|")
        for name in CANDIDATES:
            print(line(name, rows))
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
