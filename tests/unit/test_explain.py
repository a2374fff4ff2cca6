"""Why an image has its scores: the reasons that explain it."""

import json

import pytest
from support.worlds import block, compare, phrase, sample

from gcg_bench.analysis.errors import (
    explain,
    explain_image,
)
from gcg_bench.errors import MissingData
from gcg_bench.tasks.gcg import OFFICIAL, STRICT
from gcg_bench.types import Grounding, Prediction


def explained(reference, answer, protocol):
    pair = compare(sample("a", Grounding("", reference)), Grounding("", answer))
    return explain([protocol], [pair])


def lines(explanation, metric):
    return [
        (reason.reference, reason.predicted, reason.counted)
        for reason in reasons(explanation, metric)
    ]


def reasons(explanation, score):
    return [reason for reason in explanation.protocols[0].reasons if reason.score == score]


def test_explain_follows_the_published_loop():
    # the best pair first, the second halts it by its words; the third is never looked at
    reference = (
        phrase("a cat", block(0, 0)),
        phrase("a dog", block(20, 0)),
        phrase("a car", block(40, 0)),
    )
    answer = (
        phrase("a car", block(40, 3)),
        phrase("a cat", block(0, 0)),
        phrase("two lamps", block(20, 1)),
    )
    found = explained(reference, answer, OFFICIAL)
    assert lines(found, "Recall") == [(0, 1, True), (1, 2, False)]
    first_words = [reason.why.split(":")[0] for reason in reasons(found, "Recall")]
    assert first_words == ["step 1", "halted"]
    assert lines(found, "mIoU")[:3] == [(0, 1, True), (1, 2, True), (2, 0, True)]
    assert lines(found, "AP50") == [(None, 0, True), (None, 1, True), (None, 2, True)]


def test_explain_says_when_the_image_is_lost():
    found = explained((phrase("a cat", block(0, 0)),), (phrase(None, block(0, 0)),), OFFICIAL)
    assert lines(found, "Recall") == [(None, None, False)]
    assert "loses" in reasons(found, "Recall")[0].why


def test_explain_tells_whose_words_were_looked_at():
    # the first phrase has no mask: the published lists pair the dog's mask with the cat's words
    reference = (phrase("a cat"), phrase("a dog", block(0, 0)), phrase("a boat", block(30, 30)))
    answer = (phrase("a cat", block(0, 0)), phrase("a cat", block(30, 30)))
    found = explained(reference, answer, OFFICIAL)
    first = reasons(found, "Recall")[0]
    assert (first.reference, first.predicted) == (1, 0)
    assert "words of reference 1 and prediction 1" in first.why


def test_explain_gives_strict_kinds():
    reference = (phrase("a cat", block(0, 0)), phrase("a dog", block(20, 0)))
    answer = (phrase("a cat", block(0, 0)), phrase("two lamps", block(20, 1)))
    found = explained(reference, answer, STRICT)
    assert lines(found, "F1") == [(0, 0, True), (1, 1, False), (1, 1, False)]
    told = found.to_json()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["reference"]["areas"] == [100, 100]


def test_explain_of_nothing():
    found = explained((), (), STRICT)
    assert lines(found, "F1") == []
    assert [reason.why for reason in reasons(found, "mIoU")] == ["nothing on either side: 1"]
    assert found.to_json()["iou"] == []


def test_explain_image_compares_as_the_protocol_does():
    truth = Grounding("a cat", (phrase("a cat", block(0, 0)),))
    answer = Grounding("the cat", (phrase("the cat", block(0, 0)),))
    minilm = OFFICIAL.using(encoder="minilm")
    found = explain_image(
        [sample("a", truth)], {"a": Prediction("a", answer)}, [minilm, STRICT], "a", [{}, {"F1": 1}]
    )
    official, strict = found.protocols
    # strict compares nouns and attributes, official takes the cosine
    assert (strict.similarity, strict.agreement.tolist()) == (None, [[1.0]])
    assert strict.scores == {"F1": 1}
    ((row, column, why),) = strict.words
    assert (row, column) == (0, 0)
    assert "noun 1.00" in why
    assert (official.agreement, official.words) == (None, ())
    assert 0.5 < official.similarity[0, 0] < 1
    with pytest.raises(MissingData, match="no image 'b' among the 1"):
        explain_image([sample("a", truth)], {}, [STRICT], "b")
