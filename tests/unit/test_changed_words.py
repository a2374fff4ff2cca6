"""Scores must notice wrong words and must not notice other words for the same."""

import importlib.util
import sys
from dataclasses import replace

import pytest
from support.fences import ROOT

from gcg_bench import load_dataset
from gcg_bench.scoring.features import pair_up
from gcg_bench.types import Grounding, Phrase, Prediction

LIMIT = 40


@pytest.fixture(scope="module")
def changed_words():
    """The program that prints the table of docs/protocols.md."""
    spec = importlib.util.spec_from_file_location(
        "changed_words", ROOT / "tools" / "changed_words.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def table(changed_words):
    """The rows for the references themselves, one phrase in four missed."""
    samples = load_dataset("shapes", "val", limit=LIMIT).samples
    predictions = {}
    for sample in samples:
        phrases = tuple(
            Phrase(phrase.text, phrase.masks)
            for position, phrase in enumerate(sample.truth.phrases)
            if position % 4 != 3
        )
        predictions[sample.id] = Prediction(sample.id, Grounding(sample.truth.caption, phrases))
    return changed_words.table(list(pair_up(samples, predictions).pairs))


def test_wrong_colours_cost_a_quarter_of_agreement_and_twenty_points(table):
    honest, wrong = table["as they are"], table["every colour wrong"]
    assert wrong["SQ"] <= 0.75 * honest["SQ"]
    assert wrong["gPQ"] <= honest["gPQ"] - 20
    assert wrong["Attribute"] <= honest["Attribute"] - 20
    assert wrong["Noun"] == honest["Noun"]


def test_wrong_shapes_keep_little(table):
    honest, wrong = table["as they are"], table["every shape wrong"]
    for score in ("gPQ", "F1", "Noun"):
        assert wrong[score] <= 0.4 * honest[score]


@pytest.mark.parametrize("words", ["one phrase for everything", "words shuffled over the split"])
def test_words_without_meaning_reach_almost_nothing(table, words):
    assert table[words]["gPQ"] <= 15


@pytest.mark.parametrize(
    "words",
    [
        *("synonyms", "near synonyms", "plurals", "other articles", "no articles"),
        *("adjectives in reverse order", "adjectives with commas", "attributes behind the noun"),
    ],
)
def test_other_words_for_the_same_cost_at_most_three_points(table, words):
    for score in ("gPQ", "F1", "Noun", "Attribute"):
        assert table[words][score] >= table["as they are"][score] - 3


def test_words_are_changed_as_the_rows_say(changed_words):
    change = changed_words.changes()
    text = "A small striped red circle"
    assert change["every colour wrong"](text) == "a small striped orange circle"
    assert change["every shape wrong"](text) == "a small striped red square"
    assert change["every shape wrong"]("two crosses") == "two rings"
    assert change["plurals"](text) == "a small striped red circles"
    assert change["other articles"](text) == "the small striped red circle"
    behind = change["attributes behind the noun"]
    assert behind(text) == "a circle that is red, striped and small"
    assert behind("two blue crosses") == "two crosses that are blue"
    assert change["synonyms"](text) == "a little stripy red disk"
    assert change["synonyms"]("two blue crosses") == "two blue plus signs"
    assert change["near synonyms"]("two dotted circles") == "two polka-dotted discs"
    assert change["adjectives in reverse order"](text) == "a red striped small circle"
    assert change["adjectives with commas"](text) == "a red, striped, small circle"
    assert change["no articles"]("An orange star") == "orange star"


def test_shuffled_words_are_the_same_words(changed_words):
    samples = load_dataset("shapes", "val", limit=3).samples
    answers = {
        sample.id: Prediction(sample.id, replace(sample.truth, caption="")) for sample in samples
    }
    pairs = list(pair_up(samples, answers).pairs)
    texts = [phrase.text for pair in pairs for phrase in changed_words.phrases(pair)]
    shuffled = changed_words.shuffled(pairs)
    others = [phrase.text for pair in shuffled for phrase in changed_words.phrases(pair)]
    assert sorted(texts) == sorted(others)
    assert texts != others
