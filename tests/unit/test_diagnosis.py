"""Kinds of mistakes by arithmetic on paper, and the laws of their counts and costs."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.worlds import block, compare, compare_all, phrase, random_grounding, sample

from gcg_bench.analysis.errors import (
    KINDS,
    explain_image,
    judge_image,
    locate,
    match_rule,
    recall_surface,
)
from gcg_bench.analysis.errors import diagnose as diagnose_by
from gcg_bench.errors import BadOption
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.scoring.score import measure
from gcg_bench.tasks import EvalProtocol
from gcg_bench.tasks.gcg import STRICT
from gcg_bench.types import SILENCE, Grounding, Phrase, Prediction

RULE = PhraseF1()


def judged(pair):
    return judge_image(pair, RULE)


def diagnose(pairs):
    return diagnose_by(pairs, RULE)


def kinds(reference, answer):
    """The kinds of both sides: (reference, predicted)."""
    image = judged(compare(sample("a", Grounding("", reference)), Grounding("", answer)))
    return [f.kind for f in image.reference], [f.kind for f in image.predicted]


def half(left):
    """A 10 x 10 block whose IoU with block(0, 0) is (10 - left) / (10 + left)."""
    return block(0, left)


# IoU with block(0, 0): shifted by 2 it is 8/12 = .67, by 5 it is 5/15 = .33, by 9 it is 1/19 = .05
@pytest.mark.parametrize(
    ("words", "left", "kind", "reference"),
    [
        ("a cat", 0, "matched", "matched"),
        ("a cat", 2, "matched", "matched"),
        ("two dogs", 2, "wrong_words", "wrong_words"),
        (None, 2, "wrong_words", "wrong_words"),
        ("a cat", 5, "wrong_place", "wrong_place"),
        ("two dogs", 5, "wrong_both", "wrong_both"),
        (None, 5, "wrong_both", "wrong_both"),
        ("a cat", 9, "hallucinated", "missed"),
        ("a cat", 40, "hallucinated", "missed"),
    ],
)
def test_one_against_one(words, left, kind, reference):
    truth = (phrase("a cat", block(0, 0)),)
    assert kinds(truth, (phrase(words, half(left)),)) == ([reference], [kind])


def test_a_second_right_answer_is_a_duplicate():
    truth = (phrase("a cat", block(0, 0)),)
    answer = (phrase("a cat", half(1)), phrase("a cat", block(0, 0)))
    assert kinds(truth, answer) == (["matched"], ["duplicate", "matched"])


def test_duplicate_comes_before_wrong_words():
    # the second mask fits both objects; its words fit the one that has its answer already
    truth = (phrase("a cat", block(0, 0)), phrase("two dogs", block(0, 2)))
    answer = (phrase("a cat", block(0, 0)), phrase("a cat", block(0, 1)))
    assert kinds(truth, answer) == (["matched", "missed"], ["matched", "duplicate"])


def test_a_mask_without_an_answer_of_its_own_is_charged_once():
    # two wrong answers to one object: one is charged, the other only counts as what it is
    truth = (phrase("a cat", block(0, 0)), phrase("a car", block(40, 40)))
    answer = (phrase("two dogs", half(1)), phrase("two boats", half(2)))
    assert kinds(truth, answer) == (["wrong_words", "missed"], ["wrong_words", "wrong_words"])


def test_a_wrong_attribute_is_counted_and_no_kind_of_its_own():
    truth = Grounding("", (phrase("a red cat", block(0, 0)), phrase("a dog", block(30, 30))))
    pair = compare(sample("a", truth), truth)
    agreement = np.array([[0.75, 0.0], [0.0, 1.0]])
    diagnosis = diagnose([pair.having(agreement=agreement)])
    assert diagnosis["matched"].predicted == 2
    # the cat's agreement lacks a quarter, over half of four phrases
    assert (diagnosis.imprecise.pairs, diagnosis.imprecise.cost) == (1, pytest.approx(0.25 / 2))
    assert diagnosis.to_json()["wrong_attribute"] == {"matched": 1, "cost": pytest.approx(0.125)}
    assert diagnose([pair]).imprecise.pairs == 0


def test_words_are_charged_before_places():
    truth = (phrase("a cat", block(0, 0)),)
    answer = (phrase("a cat", half(5)), phrase("two dogs", half(1)))
    assert kinds(truth, answer) == (["wrong_words"], ["wrong_place", "wrong_words"])


def test_nothing_on_a_side():
    some = (phrase("a cat", block(0, 0)), phrase("a dog"))
    assert kinds((), some) == ([], ["hallucinated", "hallucinated"])
    assert kinds(some, ()) == (["missed", "missed"], [])
    assert kinds((), ()) == ([], [])


def test_empty_masks_meet_nothing():
    nothing = block(0, 0, 0, 0)
    assert kinds((phrase("a cat", nothing),), (phrase("a cat", nothing),)) == (
        ["missed"],
        ["hallucinated"],
    )


def test_a_finding_names_the_other_side():
    truth = Grounding("", (phrase("a car", block(40, 40)), phrase("a cat", block(0, 0))))
    answer = Grounding("", (phrase("a cat", half(5)), phrase("a car")))
    image = judged(compare(sample("a", truth), answer))
    place, maskless = image.predicted
    assert (place.other, place.iou, place.noun) == (1, pytest.approx(1 / 3), 1.0)
    # no mask, so hallucinated; its words come closest to the car
    assert (maskless.kind, maskless.other, maskless.iou, maskless.noun) == (
        "hallucinated",
        0,
        0.0,
        1.0,
    )
    assert (image.reference[1].kind, image.reference[1].other) == ("wrong_place", 0)


def test_costs_on_paper():
    # 2 matched; a wrong place charged to an object; a duplicate; a hallucination; one missed.
    # TP 2, P 5, R 4: F1 = 4/9
    truth = Grounding(
        "",
        (
            phrase("a cat", block(0, 0)),
            phrase("a dog", block(20, 0)),
            phrase("a car", block(40, 0)),
            phrase("a boat", block(40, 60)),
        ),
    )
    answer = Grounding(
        "",
        (
            phrase("a cat", block(0, 0)),
            phrase("a dog", block(20, 0)),
            phrase("a dog", block(20, 1)),
            phrase("a car", block(40, 5)),
            phrase("a lamp", block(0, 60)),
        ),
    )
    found = diagnose([compare(sample("a", truth), answer)])
    assert found.f1 == pytest.approx(4 / 9)
    assert found["duplicate"].f1_without == pytest.approx(4 / 8)  # a phrase less
    assert found["hallucinated"].f1_without == pytest.approx(4 / 8)
    assert found["wrong_place"].f1_without == pytest.approx(6 / 9)  # a match more
    assert found["missed"].f1_without == pytest.approx(6 / 10)  # a match and a phrase more
    assert found["wrong_words"].f1_without == pytest.approx(4 / 9)
    told = found.to_json()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert [k["predicted"] for k in told["kinds"]] == [2, 1, 0, 1, 0, 1, 0]
    assert [k["reference"] for k in told["kinds"]] == [2, 0, 0, 1, 0, 0, 1]


def worlds(seed, images):
    """Images whose answers are spoilt copies of the truth: some of every kind."""
    rng = np.random.default_rng(seed)
    samples, answers = [], []
    for k in range(images):
        truth = random_grounding(rng) if rng.random() < 0.9 else SILENCE
        samples.append(sample(f"image_{k}", truth, order=k))
        phrases = [_spoilt(rng, one) for one in truth.phrases if rng.random() < 0.8]
        phrases += random_grounding(rng, 2).phrases if rng.random() < 0.6 else ()
        answers.append(Grounding(truth.caption, tuple(phrases)))
    return compare_all(samples, answers)


def _spoilt(rng, one):
    moved = block(int(rng.integers(0, 40)), int(rng.integers(0, 60)), 15, 15)
    text = [one.text, "a shed", None][rng.choice(3, p=[0.6, 0.3, 0.1])]
    parts = [one.masks, (*one.masks, moved), (moved,), ()][rng.choice(4, p=[0.4, 0.35, 0.15, 0.1])]
    return Phrase(text, parts)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 6))
def test_laws(seed, images):
    pairs = worlds(seed, images)
    found = diagnose(pairs)
    truths = [c.sample.truth.phrases for c in pairs]
    answers = [c.prediction.grounding.phrases for c in pairs]

    # every phrase has one kind, and the kinds add up to the phrases on both sides
    assert [len(i.reference) for i in found.images] == [len(t) for t in truths]
    assert [len(i.predicted) for i in found.images] == [len(a) for a in answers]
    assert found.reference == sum(map(len, truths))
    assert found.predicted == sum(map(len, answers))
    assert found["missed"].predicted == 0
    assert found["duplicate"].reference == found["hallucinated"].reference == 0

    # the matches are those that F1 counts
    rows = measure(RULE, pairs)
    # without a phrase on either side F1 has no value, and a diagnosis says 0
    some = found.reference + found.predicted > 0
    f1 = RULE.reduce(rows, np.ones((1, len(rows))))["F1"][0] if some else 0.0
    assert found.f1 == pytest.approx(f1)
    assert found["matched"].predicted == found["matched"].reference == rows.columns["matched"].sum()

    # charges are one to one: never more reference phrases than predicted ones of a kind
    for kind in ("wrong_words", "wrong_place", "wrong_both"):
        assert found[kind].reference <= found[kind].predicted

    # to be rid of a kind never hurts, and to be rid of all is perfect
    for tally in found.tallies:
        assert found.f1 <= tally.f1_without <= 1 + 1e-12
    wrong = sum(t.predicted for t in found.tallies if t.kind != "matched")
    mended = sum(t.reference for t in found.tallies if t.kind != "matched")
    matched = found["matched"].predicted + mended
    total = found.predicted - wrong + mended + found.reference
    assert total == 2 * matched

    # slices cut the same phrases in other ways
    for by in {one.by for one in found.slices}:
        parts = [one for one in found.slices if one.by == by]
        for tally in found.tallies:
            assert sum(p.predicted.get(tally.kind, 0) for p in parts) == tally.predicted
            assert sum(p.reference.get(tally.kind, 0) for p in parts) == tally.reference


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_kinds_hold_what_they_say(seed):
    for pair in worlds(seed, 4):
        image = judged(pair)
        for column, finding in enumerate(image.predicted):
            iou = np.nan_to_num(pair.iou[:, column])
            words = pair.noun[:, column]
            right = words >= 0.5
            first = (
                ["duplicate"] * bool((right & (iou >= 0.5)).any())
                + ["wrong_words"] * bool((~right & (iou >= 0.5)).any())
                + ["wrong_place"] * bool((right & (iou >= 0.1) & (iou < 0.5)).any())
                + ["wrong_both"] * bool((~right & (iou >= 0.1) & (iou < 0.5)).any())
                + ["hallucinated"]
            )[0]
            assert finding.kind in ("matched", first)
            if finding.kind == "matched":
                assert image.reference[finding.other].other == column
                assert first == "duplicate"  # admissible with something


def test_slices_on_paper():
    truth = Grounding(
        "a cat sits beside the big red car",
        (phrase("a cat", block(0, 0)), phrase("the big red car", block(20, 20, 40, 40))),
    )
    answer = Grounding(
        "one dog", (phrase("a cat", block(0, 0)), phrase("a tall lamp post with two lamps"))
    )
    found = {
        (one.by, one.name): one for one in diagnose([compare(sample("a", truth), answer)]).slices
    }
    small = found["object size", "small (under 32² px)"]
    assert (small.recall, small.precision) == (1.0, 1.0)
    medium = found["object size", "medium"]  # 1,600 px
    assert (medium.recall, medium.precision, dict(medium.reference)) == (0.0, None, {"missed": 1})
    assert dict(found["object size", "no mask"].predicted) == {"hallucinated": 1}
    assert found["phrases in the image", "2"].recall == 0.5
    assert found["words in the phrase", "2"].recall == 1.0
    assert dict(found["words in the phrase", "5 or more"].predicted) == {"hallucinated": 1}
    assert found["place in the caption", "first third"].recall == 1.0
    assert found["place in the caption", "middle third"].recall == 0.0  # starts at 18 of 33
    assert found["place in the caption", "not in the caption"].precision == 0.5


@pytest.mark.parametrize(
    ("caption", "texts", "spans"),
    [
        ("A cat and a cat.", ["a cat", "a cat"], [(0, 5), (10, 15)]),
        ("The cathedral and the cat", ["cat"], [(22, 25)]),
        ("The cathedral", ["cat"], [(4, 7)]),
        ("a dog, a cat", ["a cat", "a dog"], [(7, 12), (0, 5)]),
        ("a  big\ndog", ["A big DOG"], [(0, 10)]),
        ("a (red) [car]", ["[car]", "(red)"], [(8, 13), (2, 7)]),
        ("a cat", ["a dog", "", None], [None, None, None]),
        ("a cat", ["a cat", "cat"], [(0, 5), None]),
        ("a CAT in İstanbul", ["a cat", "in istanbul"], [(0, 5), None]),
        ("", ["a"], [None]),
    ],
)
def test_locate(caption, texts, spans):
    found = locate(Grounding(caption, tuple(Phrase(text) for text in texts)))
    assert list(found) == spans


def test_locate_keeps_given_spans():
    phrases = (Phrase("cat", span=(9, 12)), Phrase("cat"))
    assert locate(Grounding("a cat, a cat", phrases)) == ((9, 12), (2, 5))


def test_recall_surface_on_paper():
    truth = Grounding("", (phrase("a cat", block(0, 0)), phrase("old dog", block(20, 0))))
    answer = Grounding("", (phrase("a cat", half(5)), phrase("big dog", block(20, 0))))
    pair = compare(sample("a", truth), answer)
    # the cat: IoU 1/3, noun 1; the dog: IoU 1, noun .6
    found = recall_surface([pair], iou=(0.1, 0.5, 1.0), noun=(0.5, 0.7))
    assert found.recall.tolist() == [[1.0, 0.5, 0.5], [0.5, 0.0, 0.0]]
    assert recall_surface([], iou=(0.5,), noun=(0.5,)).recall.tolist() == [[0.0]]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_recall_falls_as_thresholds_rise(seed):
    pairs = worlds(seed, 4)
    found = recall_surface(pairs)
    assert (np.diff(found.recall, axis=0) <= 0).all()
    assert (np.diff(found.recall, axis=1) <= 0).all()
    at = found.noun.index(0.5), found.iou.index(0.5)
    tally = diagnose(pairs)["matched"]
    total = diagnose(pairs).reference
    assert found.recall[at] == pytest.approx(tally.reference / total if total else 0.0)


def test_a_protocol_without_similarity_has_no_table_of_it():
    truth = Grounding("a cat", (phrase("a cat", block(0, 0)),))
    answer = Grounding("a dog", (phrase("a dog", block(0, 5)),))
    masks_alone = EvalProtocol(name="masks", version=1, metrics=(MeanIoU(),))
    found = explain_image([sample("a", truth)], {"a": Prediction("a", answer)}, [masks_alone], "a")
    assert found.protocols[0].similarity is None
    assert found.iou.tolist() == [[pytest.approx(5 / 15)]]
    told = found.to_json()
    assert told["protocols"][0]["similarity"] is None
    assert told["protocols"][0]["lines"] == [
        {"metric": "mIoU", "reference": 0, "predicted": 0, "counted": True, "why": "IoU 0.333"},
        {
            "metric": "mIoU",
            "reference": None,
            "predicted": None,
            "counted": False,
            "why": "sum 0.333 over 1 = 0.333",
        },
    ]


def test_the_rule_of_a_diagnosis_is_the_protocols_own():
    loose = PhraseF1(threshold_iou=0.25)
    protocol = EvalProtocol(name="own", version=1, metrics=(MeanIoU(), loose), encoder="minilm")
    assert match_rule(protocol) is loose
    # the mask moved by 5 columns: IoU 5/15, a match for 0.25 and a wrong place for 0.5
    pair = compare(
        sample("a", Grounding("", (phrase("a cat", block(0, 0)),))),
        Grounding("", (phrase("a cat", half(5)),)),
    )
    assert diagnose_by([pair], match_rule(protocol))["matched"].predicted == 1
    assert diagnose_by([pair], match_rule(STRICT))["wrong_place"].predicted == 1
    with pytest.raises(BadOption, match="masks: no kinds of mistakes can be counted"):
        match_rule(EvalProtocol(name="masks", version=1, metrics=(MeanIoU(),)))


def test_kinds_are_described():
    assert [kind.name for kind in KINDS] == [tally.kind for tally in diagnose([]).tallies]
    assert all(kind.description.endswith(".") for kind in KINDS)
