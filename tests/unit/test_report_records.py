"""The report's records of images, its index of all images and its header."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pages import PROTOCOL, laid, material, nowhere, result
from support.worlds import block, phrase

from gcg_bench import masks
from gcg_bench.analysis.errors import judge_image
from gcg_bench.metrics.hallucination import Hallucination
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.reporting.report.header import protocols
from gcg_bench.reporting.report.header import settings as flat
from gcg_bench.reporting.report.images import numbers, pieces, records
from gcg_bench.reporting.report.index import columns, index
from gcg_bench.reporting.report.phrases import NUMBERS, phrase_index
from gcg_bench.types import SILENCE, Grounding, Phrase


@pytest.fixture
def world():
    truth = Grounding(
        "A cat and a dog.", (phrase("A cat", block(0, 0)), phrase("a dog", block(30, 30)))
    )
    answer = Grounding("a cat", (phrase("a cat", block(0, 2), score=0.5), phrase("a lamp")))
    return [
        laid("first", truth, answer, "One cat, one dog.", raw="<p>a cat</p>", seconds=1.5),
        laid("second", truth, SILENCE, picture=nowhere(), error="ran out of memory"),
    ]


# records


def test_record_on_paper(world):
    given = material(world)
    first, second = records(given.pairs, given.mistakes.diagnosis, 512)
    reference, predicted = (side["phrases"] for side in first["sides"])
    # the lamp has no mask: hallucinated, with a number of its own; IoU of blocks 2 apart is 8/12
    assert [(p["number"], p["kind"], p["other"]) for p in reference] == [(1, 0, 0), (2, 6, 0)]
    assert [(p["number"], p["kind"], p["other"]) for p in predicted] == [(1, 0, 0), (3, 5, 1)]
    assert predicted[0]["iou"] == 0.6667
    assert (predicted[0]["score"], predicted[1]["mask"]) == (0.5, None)
    assert predicted[0]["mask"] == masks.to_rle(block(0, 2))["counts"]
    assert first["sides"][0]["captions"] == [
        [["A cat", 0], [" and ", -1], ["a dog", 1], [".", -1]],
        [["One cat, one dog.", -1]],
    ]
    assert (first["size"], first["full"], first["seconds"]) == ([60, 80], [60, 80], 1.5)
    assert (second["error"], second["sides"][1]["captions"]) == ("ran out of memory", [[]])


def test_records_with_smaller_masks(world):
    given = material(world)
    first, _ = records(given.pairs, given.mistakes.diagnosis, 40)
    assert (first["size"], first["full"]) == ([30, 40], [60, 80])
    small = masks.to_rle(masks.resize(block(30, 30), 30, 40))["counts"]
    assert first["sides"][0]["phrases"][1]["mask"] == small


def test_numbers_are_shared_by_partners_alone():
    truth = Grounding("", tuple(phrase("a cat", block(0, 12 * k)) for k in range(4)))
    answer = Grounding(
        "",
        (
            phrase("a lamp", block(50, 60)),
            phrase("a cat", block(0, 36)),
            phrase("two dogs", block(0, 1)),
            phrase("two dogs", block(0, 0)),
        ),
    )
    pair = laid("a", truth, answer)
    found = judge_image(pair, PhraseF1())
    assert numbers(found) == ([1, 2, 3, 4], [5, 4, 6, 1])


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5),
)
def test_pieces_are_the_caption(caption, ends):
    spans = [(min(a, b), max(a, b)) for a, b in ends if max(a, b) <= len(caption)]
    grounding = Grounding(caption, tuple(Phrase("x", span=span) for span in spans))
    cut = pieces(grounding)
    assert "".join(text for text, _ in cut) == caption
    assert all(text for text, _ in cut)
    owned = [(text, at) for text, at in cut if at >= 0]
    assert all(text == caption[slice(*spans[at])] for text, at in owned)
    assert len({at for _, at in owned}) == len(owned)


def test_pieces_of_overlapping_phrases():
    spans = [(2, 9), (0, 5), (9, 11)]
    grounding = Grounding("big red car.", tuple(Phrase("x", span=span) for span in spans))
    assert pieces(grounding) == [["big r", 1], ["ed c", -1], ["ar", 2], [".", -1]]


# the index and the header


def test_index_counts_kinds(world):
    given = material(world)
    found = index(given, columns(given.results))
    assert found["ids"] == ["first", "second"]
    assert found["failed"] == [0, 1]
    assert found["seconds"] == [1.5, None]
    names = [kind["name"] for kind in found["kinds"]]
    assert found["reference"][names.index("missed")] == [1, 2]
    assert found["predicted"][names.index("hallucinated")] == [1, 0]
    assert found["texts"][0].split("\n") == [
        *("A cat and a dog.", "One cat, one dog.", "a cat"),
        *("A cat", "a dog", "a lamp"),
    ]
    assert found["metrics"][found["worst"]] == {
        "label": "F1", "lower": False, "factor": 100, "main": True,
    }  # fmt: skip
    assert found["values"][found["worst"]] == [0.5, 0.0]
    assert [entry["lower"] for entry in found["metrics"]] == [False, False, False, True]
    json.dumps(found, allow_nan=False)


def test_phrases_as_numbers(world):
    found = phrase_index(material(world))
    # 2 reference phrases of each image, 2 predicted of the first: cat 3, dog 2, lamp 1
    assert found["classes"] == ["cat", "dog", "lamp"]
    assert found["counts"] == [3, 2, 1]
    assert found["sizes"][0] == "small (under 32² px)"
    first, second = ([of[k : k + 4] for k in range(0, len(of), NUMBERS)] for of in found["of"])
    # kind, size, class, IoU: blocks of 10 x 10 that are 2 apart share 80 of 120 pixels
    cat, lamp = [0, 0, 0, 67], [5, 3, 2, 0]
    assert first == [cat, [6, 0, 1, 0], cat, lamp]
    assert second == [[6, 0, 0, -1], [6, 0, 1, -1]]
    assert found["of"][0][4::NUMBERS][::2] == [60, 60]  # of the cats, which share a word


def test_phrases_without_a_diagnosis_have_size_and_class(world):
    first, second = phrase_index(material(world, mistakes=None))["of"]
    assert first == [-1, 0, 0, -1, -1, -1, 0, 1, -1, -1, -1, 0, 0, -1, -1, -1, 3, 2, -1, -1]
    assert len(second) == 2 * NUMBERS


def test_columns_name_the_protocol_where_protocols_differ(world):
    # every predicted phrase shares a word with a reference phrase: agreement .6, never 1
    other = replace(PROTOCOL, name="official", metrics=(PhraseF1(), Hallucination(0.7)))
    both = [result(world, other), result(world)]
    found = columns(both)
    assert [one.label for one in found] == [
        *("Precision", "Recall", "F1"),
        "Hallucination (official)",
        "Hallucination (strict)",
    ]
    given = replace(material(world), results=both)
    assert index(given, found)["values"][3:] == [[1.0, None], [0.0, None]]


def test_scores_that_are_not_defined_are_null(world):
    (column, *_) = columns([result(world)])
    undefined = replace(column, values=np.array([0.25, np.nan]))
    assert index(material(world), [undefined])["values"] == [[0.25, None]]


def test_index_without_scores(world):
    given = material(world)
    assert index(given, ())["worst"] == -1


def test_header_prints_times_100(world):
    (protocol,) = protocols(material(world))
    _, _, f1, hallucination = protocol.tiles
    # 1 match of 2 + 4 phrases: F1 = 2 / 6
    assert (f1.name, f1.value, f1.interval) == ("F1", "33.3", "25.0–75.0")
    assert (hallucination.interval, hallucination.lower_is_better) == ("", True)
    assert protocol.facts == (("words a caption", "7.2"), ("false-accept rate", "6.2%"))


def test_facts_that_a_protocol_does_not_measure_are_left_out(world):
    given = material(world)
    (whole,) = given.results
    masks_alone = replace(whole, words=None, encoder=None, false_accept=None)
    (protocol,) = protocols(replace(given, results=[masks_alone]))
    assert protocol.facts == ()
    (protocol,) = protocols(replace(given, results=[replace(whole, false_accept=None)]))
    assert protocol.facts[1] == ("false-accept rate", "–")  # of one image alone


def test_settings_become_rows():
    nested = {"a": {"b": 1, "c": [1, 2]}, "d": None, "e": "", "f": False}
    assert flat(nested) == [
        ("a.b", "1"),
        ("a.c", "1, 2"),
        ("d", "not given"),
        ("e", "not given"),
        ("f", "False"),
    ]
