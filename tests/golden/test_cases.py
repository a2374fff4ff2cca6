"""The published evaluator's known consequences: what official says and what strict says, on paper.

Each world is one image (or few) of squares, whose IoUs are counted by hand. Similarity is 1 for
equal words, 0 for words without one in common.
"""

import numpy as np
import pytest
from support.worlds import block, compare_all, phrase, sample

from gcg_bench import masks
from gcg_bench.scoring.score import measure
from gcg_bench.tasks.gcg import OFFICIAL, STRICT
from gcg_bench.types import Grounding, Mask

CAPTION_ONLY = ("METEOR", "CIDEr", "Words")


def scores(protocol, references, answers):
    pairs = compare_all(references, answers)
    found = {}
    for metric in protocol.metrics:
        if set(metric.scores) & set(CAPTION_ONLY):
            continue
        rows = measure(metric, pairs)
        for name, values in metric.reduce(rows, np.ones((1, len(rows)))).items():
            found[name] = float(values[0])
    return found


def both(references, answers):
    return scores(OFFICIAL, references, answers), scores(STRICT, references, answers)


NAMES = ("ant", "bee", "cow", "dog", "eel")
# five squares of 20 x 10 that do not touch
PLACES = tuple((12 * k, 0) for k in range(5))


def square(k: int, columns: int = 20) -> Mask:
    """The k-th reference square of 200 pixels, or its left `columns`: IoU columns / 20."""
    return block(*PLACES[k], 10, columns)


REFERENCE = sample("a", Grounding("five", tuple(phrase(n, square(k)) for k, n in enumerate(NAMES))))
PERFECT = tuple(phrase(name, square(k)) for k, name in enumerate(NAMES))
JUNK = tuple(phrase("junk", block(0, 40 + k % 30, 1, 1)) for k in range(100))


def test_one_of_five_found_well_against_five_found_fairly():
    one = Grounding("", (phrase("ant", square(0, 19)),))
    five = Grounding("", tuple(phrase(n, square(k, 16)) for k, n in enumerate(NAMES)))
    official_one, strict_one = both([REFERENCE], [one])
    official_five, strict_five = both([REFERENCE], [five])
    assert official_one["mIoU"] == pytest.approx(0.95)
    assert official_five["mIoU"] == pytest.approx(0.80)
    assert strict_one["mIoU"] == pytest.approx(0.95 / 5)
    assert strict_five["mIoU"] == pytest.approx(0.80)
    assert strict_one["F1"] == pytest.approx(2 * 1 / (1 + 5))
    assert strict_five["F1"] == 1.0


def test_four_perfect_and_one_missed():
    official, strict = both([REFERENCE], [Grounding("", PERFECT[:4])])
    assert official["mIoU"] == 1.0
    assert strict["mIoU"] == pytest.approx(4 / 5)
    assert strict["Recall"] == pytest.approx(4 / 5)


def test_five_perfect_and_a_hundred_junk_masks():
    official, strict = both([REFERENCE], [Grounding("", (*PERFECT, *JUNK))])
    assert (official["mIoU"], official["Recall"]) == (1.0, 1.0)
    assert strict["mIoU"] == pytest.approx(5 / 105)
    assert strict["Precision"] == pytest.approx(5 / 105)
    assert strict["Hallucination"] == pytest.approx(100 / 105)


def test_the_best_pair_has_the_wrong_words():
    # the pair of largest IoU comes first and is refused; official halts before the other four
    wrong = (phrase("xyz", square(0)), *(phrase(NAMES[k], square(k, 18)) for k in range(1, 5)))
    official, strict = both([REFERENCE], [Grounding("", wrong)])
    assert official["Recall"] == 0.0
    assert strict["Recall"] == pytest.approx(4 / 5)


def test_an_empty_mask_beside_an_empty_mask():
    nothing = masks.empty(60, 80)
    reference = sample("a", Grounding("one", (phrase("ant", nothing),)))
    official, strict = both([reference], [Grounding("", (phrase("ant", nothing),))])
    assert official["mIoU"] == 0.0
    # 0 / 0 is NaN, NaN is not below 0.5: the pair counts
    assert official["Recall"] == 1.0
    assert (strict["mIoU"], strict["Recall"], strict["F1"]) == (0.0, 0.0, 0.0)


def test_an_empty_pair_hides_the_perfect_ones_from_official():
    nothing = masks.empty(60, 80)
    reference = sample("a", Grounding("", (phrase("ant", nothing), phrase("bee", square(1)))))
    answer = Grounding("", (phrase("ant", nothing), phrase("bee", square(1))))
    official, strict = both([reference], [answer])
    assert official["mIoU"] == 0.0
    assert strict["mIoU"] == pytest.approx(1 / 2)


def test_five_masks_and_four_phrases():
    # the best pair is the fifth mask, which has no words: official loses what it had and would find
    uneven = (
        *(phrase(NAMES[k], square(k, 19)) for k in range(4)),
        phrase(None, square(4)),
    )
    official, strict = both([REFERENCE], [Grounding("", uneven)])
    assert official["Recall"] == 0.0
    assert strict["Recall"] == pytest.approx(4 / 5)
    assert strict["Precision"] == pytest.approx(4 / 5)


def test_the_same_answers_in_another_order_of_images():
    reference = Grounding("", (phrase("ant", square(0)),))
    hit, miss = (
        Grounding("", (phrase("ant", square(0)),)),
        Grounding("", (phrase("ant", square(4)),)),
    )
    images = [sample(name, reference, order=k) for k, name in enumerate("ab")]
    official_first, strict_first = both(images, [hit, miss])
    official_later, strict_later = both(images, [miss, hit])
    assert official_first["AP50"] == pytest.approx(51 / 101)
    assert official_later["AP50"] == pytest.approx(51 / 202)
    assert strict_first == strict_later


def test_a_phrase_without_a_mask_shifts_official_and_not_strict():
    # words are paired with masks by position: without bee's mask, cow's mask is paired with bee
    answer = (phrase("ant", square(0)), phrase("bee"), phrase("cow", square(2)))
    reference = sample(
        "a",
        Grounding("", tuple(phrase(NAMES[k], square(k)) for k in range(3))),
    )
    official, strict = both([reference], [Grounding("", answer)])
    assert official["Recall"] == pytest.approx(1 / 3)
    assert strict["Recall"] == pytest.approx(2 / 3)
    assert strict["Ungrounded"] == pytest.approx(1 / 3)
