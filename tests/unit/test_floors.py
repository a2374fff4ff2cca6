"""Floors: the same masks with shuffled words and with one phrase."""

import json
from dataclasses import replace

import pytest
from support.worlds import block, phrase, sample

from gcg_bench.metrics.gpq import GroundedPQ
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.scoring.features import PhraseRule, pair_up
from gcg_bench.scoring.floors import FloorWords, floor_of, floor_part, floor_rows, floored
from gcg_bench.tasks.gcg import STRICT
from gcg_bench.text import strangers
from gcg_bench.types import Grounding, Prediction

PROTOCOL = replace(
    STRICT, metrics=(PhraseF1(), GroundedPQ(), MeanIoU()), encoder=None, ranked_by="", images_by=""
)
RULE = PhraseRule(None)
NAMES = ("a dog", "a dog", "a dog", "a car", "a tree", "a house")


def floors(protocol, pairs, rule):
    """The floors of pairs that are one part."""
    words = FloorWords([floor_part(pairs)], rule)
    return tuple(
        floor_of(protocol, name, words.phrase, floor_rows(protocol, pairs, said, rule))
        for name, said in words.of(0).items()
    )


def measured(truths, answers=None):
    samples, predictions = [], {}
    for k, name in enumerate(truths):
        samples.append(sample(str(k), Grounding("", (phrase(name, block(0, 0)),)), order=k))
        words = name if answers is None else answers[k]
        predictions[str(k)] = Prediction(str(k), Grounding("", (phrase(words, block(0, 0)),)))
    pairs = pair_up(samples, predictions).with_features(PROTOCOL.needs, RULE)
    return floors(PROTOCOL, pairs, RULE)


def test_one_phrase_is_the_frequent_one_and_matches_its_share():
    shuffled, one = measured(NAMES)
    assert (one.name, one.phrase) == ("one phrase", "dog")
    assert one.values == pytest.approx({"F1": 3 / 6, "gPQ": 3 / 6})
    assert (shuffled.name, shuffled.phrase) == ("shuffled words", "")
    assert set(shuffled.values) == {"F1", "gPQ"}
    assert shuffled.values["F1"] < 1


def test_floors_do_not_depend_on_the_words_that_were_right_but_on_their_numbers():
    assert measured(NAMES)[1] == measured(NAMES, ["a cup"] * 6)[1]
    assert measured(NAMES)[0] == measured(NAMES)[0]
    same = measured(["a dog"] * 6)
    assert [floor.values for floor in same] == [{"F1": 1.0, "gPQ": 1.0}] * 2


def test_a_word_less_frequent_that_agrees_with_more_is_taken():
    # dogs are the most frequent, but three cars are named in three ways
    _, one = measured(("a dog", "a dog", "a car", "an automobile", "a motorcar"))
    assert one.phrase in ("automobile", "car", "motorcar")
    assert one.values["F1"] == pytest.approx(3 / 5)


def test_without_words_or_scores_with_floors_there_are_none():
    assert measured([None, None], [None, None]) == ()
    only_masks = replace(PROTOCOL, metrics=(MeanIoU(),), ranked_by="", images_by="")
    assert floored(only_masks) == []
    assert floored(PROTOCOL) == [PhraseF1(), GroundedPQ()]


def test_a_floor_is_plain_json():
    _, one = measured(NAMES)
    assert json.loads(json.dumps(one.to_json())) == {
        "name": "one phrase",
        "phrase": "dog",
        "scores": {"F1": pytest.approx(0.5), "gPQ": pytest.approx(0.5)},
    }


def test_strangers_are_phrases_of_other_images():
    # of the six pairs across the images two agree: dog with dog
    phrases = [["a dog", "a tree"], ["the dog", "a car", "two dogs"]]
    assert strangers.false_agreement(phrases, None, seed=0) == pytest.approx(2 / 6)
    drawn = strangers.false_agreement(phrases * 40, None, seed=0, pairs=2000)
    assert 0 < drawn < 1
    assert drawn == strangers.false_agreement(phrases * 40, None, seed=0, pairs=2000)
    none = strangers.false_agreement([["a dog", "a cat"], []], None, seed=0)
    assert none != none
