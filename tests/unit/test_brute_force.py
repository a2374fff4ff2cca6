"""The scores of place and words against an independent program that tries every assignment."""

import math

import numpy as np
import pytest
from support import brute_force
from support.worlds import block, phrase, sample

from gcg_bench.scoring.score import measure
from gcg_bench.tasks.gcg import STRICT
from gcg_bench.text.agreement import NOUN_THRESHOLD
from gcg_bench.types import Grounding, Pair, Prediction

WORLDS = 300
SPOT = block(0, 0)
NAMES = {
    "F1", "Precision", "Recall", "F1_avg", "gPQ", "SQ", "Noun", "Attribute", "mIoU", "AP50",
    "Hallucination", "Ungrounded",
}  # fmt: skip


def random_image(rng):
    """Tables of an image: equal overlaps, steps of agreement, phrases without words or masks."""
    references, predictions = (int(size) for size in rng.integers(0, 5, 2))
    shape = (references, predictions)
    iou = rng.choice([0.0, 0.5, 0.75, 1.0, np.nan], shape, p=[0.35, 0.25, 0.2, 0.15, 0.05])
    if rng.random() < 0.6:
        iou = np.where(rng.random(shape) < 0.3, 0.0, rng.random(shape))
    noun = rng.choice([0.0, 0.3, NOUN_THRESHOLD, 0.8, 1.0], shape)
    attributes = np.where(rng.random(shape) < 0.5, 1.0, rng.random(shape))
    agreement = noun * (1 + attributes) / 2
    masked = [rng.random(size) < 0.85 for size in shape]
    iou[~masked[0], :] = 0.0
    iou[:, ~masked[1]] = 0.0
    worded = np.ones(references, dtype=bool)
    wordless = rng.random(predictions) < 0.1
    if not np.isin(iou, [0.5, 0.75, 1.0]).any():  # no equal overlaps
        worded = rng.random(references) < 0.9
    for words in (noun, attributes, agreement):
        words[:, wordless] = np.nan
        words[~worded, :] = np.nan
    return {
        "iou": iou,
        "noun": noun,
        "attributes": attributes,
        "agreement": agreement,
        "worded": worded.tolist(),
        "wordless": wordless.tolist(),
        "masked_references": masked[0].tolist(),
        "masked_predictions": masked[1].tolist(),
    }


def as_pair(position, image):
    truth = tuple(
        phrase("a" if worded else None, *([SPOT] if masked else []))
        for worded, masked in zip(image["worded"], image["masked_references"], strict=True)
    )
    answer = tuple(
        phrase(None if wordless else "a", *([SPOT] if masked else []))
        for wordless, masked in zip(image["wordless"], image["masked_predictions"], strict=True)
    )
    tables = {name: image[name].copy() for name in ("iou", "noun", "attributes", "agreement")}
    tables["crowd_iou"] = np.nan_to_num(image["iou"], nan=0.0)
    reference = sample(str(position), Grounding("", truth), order=position)
    return Pair(reference, Prediction(str(position), Grounding("", answer)), tables)


def measured(images):
    pairs = [as_pair(position, image) for position, image in enumerate(images)]
    values = {}
    for metric in STRICT.metrics:
        if "tokens" in metric.needs:
            continue
        rows = measure(metric, pairs)
        reduced = metric.reduce(rows, np.ones((1, len(rows))))
        values |= {name: float(value[0]) for name, value in reduced.items()}
    return values


@pytest.mark.parametrize("part", range(6))
def test_random_worlds_agree_with_a_program_that_tries_every_assignment(part):
    for seed in range(part * WORLDS // 6, (part + 1) * WORLDS // 6):
        rng = np.random.default_rng([seed, 2])
        images = [random_image(rng) for _ in range(rng.integers(1, 5))]
        expected = brute_force.scores(images, NOUN_THRESHOLD)
        assert set(expected) == NAMES
        values = measured(images)
        assert set(values) == NAMES
        for name, value in expected.items():
            assert values[name] == pytest.approx(value, abs=1e-12, nan_ok=True), (seed, name)


def test_the_worlds_hold_what_is_hard():
    images = [
        random_image(rng)
        for seed in range(WORLDS)
        for rng in [np.random.default_rng([seed, 2])]
        for _ in range(rng.integers(1, 5))
    ]
    contested = sum(
        len(brute_force.words_and_place(image, 0.5, NOUN_THRESHOLD)) > 1 for image in images
    )
    assert contested > 50
    assert any(np.isnan(image["iou"]).any() for image in images)
    assert any(not all(image["worded"]) for image in images)
    none = [brute_force.scores([image], NOUN_THRESHOLD) for image in images]
    for name in NAMES - {"mIoU"}:
        assert any(math.isnan(scores[name]) for scores in none), name
