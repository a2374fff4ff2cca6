"""What the scores say when only words change: the table of docs/protocols.md.

    gcg-bench evaluate --model glamm-tiny --dataset shapes --split val --encoder minilm
    python tools/changed_words.py runs/glamm-tiny-shapes-val

The predictions of a run on `shapes` are scored as they are and with changed words. Masks, captions
and confidences stay. The first changes are mistakes, which scores must notice; the last ones say
the same in other words, which scores must not notice.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gcg_bench import Run, load_dataset
from gcg_bench.scoring.features import FeatureStore, pair_up
from gcg_bench.scoring.score import measure, phrase_rule
from gcg_bench.tasks.gcg import STRICT
from gcg_bench.types import Pair, Phrase, Prediction

Change = Callable[[str], str]

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black")
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring", "diamond")
SIZES = ("small", "large")
TEXTURES = ("striped", "dotted", "checkered")
ADJECTIVES = (*COLOURS, *SIZES, *TEXTURES)
SYNONYMS = {
    "small": "little",
    "large": "big",
    "purple": "violet",
    "black": "ebony",
    "striped": "stripy",
    "dotted": "spotted",
    "checkered": "chequered",
    "circle": "disk",
    "ring": "hoop",
    "diamond": "rhombus",
    "square": "foursquare",
    "triangle": "trigon",
    "cross": "plus sign",
    "star": "pentagram",
}
"""Other words for the same; words that have none stay."""

NEAR_SYNONYMS = {
    "small": "tiny",
    "large": "huge",
    "red": "crimson",
    "blue": "azure",
    "green": "emerald",
    "yellow": "golden",
    "orange": "tangerine",
    "purple": "lilac",
    "white": "ivory",
    "striped": "banded",
    "dotted": "polka-dotted",
    "checkered": "checked",
    "circle": "disc",
    "ring": "annulus",
    "diamond": "lozenge",
}
"""Words for the same or for a kind of it; words that have none stay."""

ONE_PHRASE = "a red circle"
SCORES = ("F1", "gPQ", "SQ", "Noun", "Attribute", "Hallucination")
_WORD = re.compile(r"[a-z]+")


def each_word(change: Change) -> Change:
    """A change of a phrase from a change of its words."""
    return lambda text: _WORD.sub(lambda word: change(word[0]), text.lower())


def next_of(words: Sequence[str]) -> Change:
    """Every word of a list becomes the next of the list; a plural stays a plural."""
    following = dict(zip(words, [*words[1:], words[0]], strict=True))
    following |= {plural(word): plural(other) for word, other in list(following.items())}
    return lambda word: following.get(word, word)


def plural(noun: str) -> str:
    """The plural of a shape."""
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def other_words(table: Mapping[str, str]) -> Change:
    """A change of a word to another word for the same; a plural stays a plural."""

    def change(word: str) -> str:
        singular = next((shape for shape in SHAPES if plural(shape) == word), "")
        if singular in table:
            return plural(table[singular])
        return table.get(word, word)

    return each_word(change)


def reversed_adjectives(text: str) -> str:
    """The attributes before the noun in reverse order: `a striped red small circle`."""
    said = iter([word for word in _WORD.findall(text.lower()) if word in ADJECTIVES][::-1])
    return each_word(lambda word: next(said) if word in ADJECTIVES else word)(text)


def with_commas(text: str) -> str:
    """Commas between the attributes: `a small, red, striped circle`."""
    word = "|".join(ADJECTIVES)
    return re.sub(rf"\b({word}) (?=({word})\b)", r"\1, ", text.lower())


def reordered(text: str) -> str:
    """The attributes behind the noun: `a small red circle` is `a circle that is red and small`."""
    words = _WORD.findall(text.lower())
    said = [word for word in words if word in ADJECTIVES][::-1]
    kept = [word for word in words if word not in said]
    if not said or not kept:
        return text
    kept = ["a" if word == "an" else word for word in kept]
    listed = " and ".join(filter(None, [", ".join(said[:-1]), said[-1]]))
    return f"{' '.join(kept)} that {'are' if kept[0] == 'two' else 'is'} {listed}"


def changes() -> Mapping[str, Change]:
    """Name of a row -> the change of a phrase."""
    return {
        "as they are": lambda text: text,
        "every colour wrong": each_word(next_of(COLOURS)),
        "every shape wrong": each_word(next_of(SHAPES)),
        "one phrase for everything": lambda _: ONE_PHRASE,
        "synonyms": other_words(SYNONYMS),
        "near synonyms": other_words(NEAR_SYNONYMS),
        "adjectives in reverse order": reversed_adjectives,
        "adjectives with commas": lambda text: with_commas(reversed_adjectives(text)),
        "plurals": each_word(lambda word: plural(word) if word in SHAPES else word),
        "other articles": lambda text: re.sub(r"^(an?) ", "the ", text.lower()),
        "no articles": lambda text: re.sub(r"^(an?|the) ", "", text.lower()),
        "attributes behind the noun": reordered,
    }


def changed(pairs: Sequence[Pair], change: Change) -> list[Pair]:
    """The pairs with other words in the predictions."""
    return [
        with_words(pair, [change(phrase.text or "") for phrase in phrases(pair)]) for pair in pairs
    ]


def shuffled(pairs: Sequence[Pair], seed: int = 0) -> list[Pair]:
    """The pairs with the words of all predictions shuffled over the split."""
    texts = [phrase.text or "" for pair in pairs for phrase in phrases(pair)]
    order = iter(np.random.default_rng(seed).permutation(len(texts)).tolist())
    return [with_words(pair, [texts[next(order)] for _ in phrases(pair)]) for pair in pairs]


def phrases(pair: Pair) -> tuple[Phrase, ...]:
    """The predicted phrases."""
    return pair.prediction.grounding.phrases


def with_words(pair: Pair, texts: Sequence[str]) -> Pair:
    """The pair with other words in the prediction."""
    worded = [replace(phrase, text=text) for phrase, text in zip(phrases(pair), texts, strict=True)]
    grounding = replace(pair.prediction.grounding, phrases=tuple(worded))
    return replace(pair, prediction=replace(pair.prediction, grounding=grounding))


def values(pairs: Sequence[Pair]) -> dict[str, float]:
    """The scores of place and words, times 100, as the strict protocol computes them."""
    chosen = [m for m in STRICT.metrics if {spec.name for spec in m.scores} & set(SCORES)]
    needs = frozenset().union(*(metric.needs for metric in chosen))
    ready = FeatureStore(tuple(pairs)).with_features(needs, phrase_rule(STRICT))
    reduced: dict[str, float] = {}
    for metric in chosen:
        rows = measure(metric, ready)
        scores = metric.reduce(rows, np.ones((1, len(rows))))
        reduced |= {name: 100 * float(value[0]) for name, value in scores.items()}
    return reduced


def table(pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """Row -> score -> value times 100."""
    rows = {name: values(changed(pairs, change)) for name, change in changes().items()}
    return rows | {"words shuffled over the split": values(shuffled(pairs))}


def markdown(rows: Mapping[str, Mapping[str, float]]) -> str:
    """The rows as a Markdown table."""
    lines = [f"| words | {' | '.join(SCORES)} |", f"|---|{'---|' * len(SCORES)}"]
    for name, scores in rows.items():
        lines.append(f"| {name} | {' | '.join(f'{scores[score]:.1f}' for score in SCORES)} |")
    return "\n".join(lines)


def of_predictions(predictions: Mapping[str, Prediction], limit: int | None = None) -> list[Pair]:
    """The predictions beside the references of shapes val."""
    samples = load_dataset("shapes", "val", limit=limit).samples
    return list(pair_up(samples, predictions).pairs)


def main(folder: str) -> None:
    """Prints the table of a run."""
    samples = load_dataset("shapes", "val")
    predictions = {p.id: p for p in Run.open(Path(folder)).predictions(sizes=samples.sizes)}
    print(markdown(table(of_predictions(predictions))))


if __name__ == "__main__":
    main(sys.argv[1])
