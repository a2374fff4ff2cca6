"""Small worlds for tests: squares on a grid, phrases, samples, pairs without models."""

from collections.abc import Sequence

import numpy as np

from gcg_bench import masks
from gcg_bench.scoring.features import overlaps, pixel_counts
from gcg_bench.types import (
    Grounding,
    Mask,
    Pair,
    Phrase,
    Picture,
    Prediction,
    Query,
    Sample,
    Tokens,
)

HEIGHT, WIDTH = 60, 80


def bitmap(top: int, left: int, height: int, width: int) -> np.ndarray:
    drawn = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    drawn[top : top + height, left : left + width] = 1
    return drawn


def block(top: int, left: int, height: int = 10, width: int = 10) -> Mask:
    """A filled rectangle on the small canvas."""
    return masks.encode(bitmap(top, left, height, width))


def picture(height: int = HEIGHT, width: int = WIDTH) -> Picture:
    return Picture(height, width, lambda: np.zeros((height, width, 3), dtype=np.uint8))


def phrase(
    text: str | None, *parts: Mask, score: float | None = None, crowd: bool = False
) -> Phrase:
    return Phrase(text, parts, score=score, crowd=crowd)


def sample(id_: str, truth: Grounding, *more: str, order: int = 0) -> Sample:
    return Sample(Query(id_, picture()), truth, (truth.caption, *more), order)


def alike(a: str | None, b: str | None) -> float:
    """A similarity to work out on paper: 1 for equal words, .6 for a shared one, else 0."""
    if a is None or b is None:
        return float("nan")
    if a == b:
        return 1.0
    return 0.6 if set(a.split()) & set(b.split()) else 0.0


def words(similarity: object) -> dict[str, np.ndarray]:
    """Features of words from one table: the similarity and the noun agreement are that table.

    Attributes always agree, so that the agreement is the noun's.
    """
    table = np.array(similarity, dtype=float)
    attributes = np.where(np.isnan(table), np.nan, 1.0)
    return {"similarity": table, "noun": table, "attributes": attributes, "agreement": table}


def features(reference: Sample, answer: Grounding) -> dict[str, object]:
    """All features of a pair: real overlaps, words compared by `alike`, lower case for tokens."""
    iou, crowd_iou = overlaps(reference.truth, answer)
    similarity = [[alike(t.text, p.text) for p in answer.phrases] for t in reference.truth.phrases]
    return {
        "iou": iou,
        "crowd_iou": crowd_iou,
        "pixels": pixel_counts(reference.truth, answer),
        "tokens": Tokens(
            tuple(caption.lower() for caption in reference.captions), answer.caption.lower()
        ),
        **words(np.array(similarity, dtype=float).reshape(iou.shape)),
    }


def compare(reference: Sample, answer: Grounding) -> Pair:
    prediction = Prediction(reference.id, answer)
    return Pair(reference, prediction, features(reference, answer))


def compare_all(references: Sequence[Sample], answers: Sequence[Grounding]) -> tuple[Pair, ...]:
    return tuple(compare(r, a) for r, a in zip(references, answers, strict=True))


NOUNS = ("cat", "dog", "tree", "car", "house", "boat", "lamp", "chair")


def random_grounding(rng: np.random.Generator, most: int = 5) -> Grounding:
    """A caption of a few nouns, each with a rectangle."""
    count = int(rng.integers(1, most + 1))
    nouns = [str(noun) for noun in rng.permutation(NOUNS)[:count]]
    phrases = []
    for noun in nouns:
        top, left = int(rng.integers(0, HEIGHT - 20)), int(rng.integers(0, WIDTH - 20))
        size = rng.integers(5, 20, 2)
        phrases.append(Phrase(f"a {noun}", (block(top, left, int(size[0]), int(size[1])),)))
    return Grounding(" and ".join(f"a {noun}" for noun in nouns) + " in a field", tuple(phrases))


def random_world(seed: int, images: int = 8) -> list[Sample]:
    rng = np.random.default_rng(seed)
    return [sample(f"image_{k:03}", random_grounding(rng), order=k) for k in range(images)]
