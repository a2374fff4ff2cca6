"""GLaMM as a model of the benchmark, on a random checkpoint that the test writes.

Its answers are compared with those of single images, and with the published code's answers if the
published goldens are beside the repository.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support import small_glamm
from support.glamm_answers import QUERIES, TOKENS, model, picture, same

from gcg_bench.files.images import file_picture
from gcg_bench.glamm import inference
from gcg_bench.glamm.generation import generate
from gcg_bench.glamm.inference import instruction
from gcg_bench.masks import decode
from gcg_bench.predictions import write_line
from gcg_bench.types import Picture, Query

BOX = (3.0, 4.0, 20.0, 18.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_glamm.write(tmp_path_factory.mktemp("weights") / "small")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def timeless(predictions):
    return [replace(prediction, seconds=None) for prediction in predictions]


@pytest.fixture(scope="module")
def alone(folder):
    """The answer to every query, one query at a time."""
    speaker = model(folder, batch_size=1)
    return [answer for query in QUERIES for answer in speaker.answer([query])]


# --- answers ----------------------------------------------------------------------------------


def test_the_random_model_says_something(alone):
    """The other tests would prove nothing if the model never gave a mask."""
    phrases = [phrase for answer in alone for phrase in answer.grounding.phrases]
    assert sum(bool(phrase.masks) for phrase in phrases) >= 5
    assert any(phrase.text is None for phrase in phrases)
    assert any(len(phrase.masks) > 1 for phrase in phrases)
    assert len({answer.raw for answer in alone}) > 6
    assert 0 < sum("</s>" in answer.raw for answer in alone) < len(alone)


def test_one_answer_a_query_in_order_with_masks_of_its_image(folder):
    answers = list(model(folder).answer(iter(QUERIES)))
    assert [answer.id for answer in answers] == [query.id for query in QUERIES]
    for answer, query in zip(answers, QUERIES, strict=True):
        assert answer.error is None
        assert answer.seconds > 0
        assert write_line(answer)
        for phrase in answer.grounding.phrases:
            for mask in phrase.masks:
                assert (mask.height, mask.width) == (query.image.height, query.image.width)
            if phrase.span is not None:
                assert answer.grounding.caption[slice(*phrase.span)] == phrase.text
            assert phrase.score is None or 0 <= phrase.score <= 1
    assert list(model(folder).answer([])) == []


def test_masks_and_scores_are_the_models_own(folder, alone):
    """Compared with the model itself: each [SEG] is one mask, in order, with the stated scores."""
    speaker = model(folder, batch_size=1)
    processor, seg = speaker._processor, speaker._processor.tokenizer.seg
    for query, answer in zip(QUERIES, alone, strict=True):
        prompt = processor.prepare(processor.image(query.image.read()), "describe")
        (said,) = generate(speaker._model, processor.tokenizer, [prompt], max_new_tokens=TOKENS)
        masks = [decode(m) for phrase in answer.grounding.phrases for m in phrase.masks]
        # a reply that contains "ASSISTANT: " would lose masks; there is none here
        assert len(masks) == said.ids.count(seg) == len(said.masks)
        for mask, wanted in zip(masks, said.masks, strict=True):
            assert (mask == wanted.numpy()).all()
        chances = [p for token, p in zip(said.ids, said.probabilities, strict=True) if token == seg]
        first = 0
        for phrase in answer.grounding.phrases:
            if phrase.text is None:
                assert phrase.score == pytest.approx(chances[first], abs=1e-6)
            first += len(phrase.masks)


@pytest.mark.parametrize("batch_size", [2, 3, "8", "auto"])
def test_batch_sizes_give_the_same_answers(folder, alone, batch_size):
    answers = list(model(folder, batch_size=batch_size).answer(QUERIES))
    for found, wanted in zip(answers, alone, strict=True):
        same(found, wanted)


def test_workers_change_nothing(folder):
    first = timeless(model(folder, workers=0).answer(QUERIES))
    assert timeless(model(folder, workers=4).answer(QUERIES)) == first


def test_a_mask_without_words_stands_where_it_was_said():
    spoken = [((0, 1), "a"), ((), "b"), ((3,), "c")]
    assert inference._in_order(spoken, [(2, "x"), (4, "y")]) == ("a", "b", "x", "c", "y")
    assert inference._in_order([], [(0, "x")]) == ("x",)


@pytest.mark.parametrize(
    ("probability", "others", "score"),
    [
        (0.123456789, [0.9], 0.123457),
        (None, [0.25, 0.9], 0.25),
        (None, [], None),
        (float("nan"), [0.5], None),
    ],
)
def test_scores_can_be_written(probability, others, score):
    assert inference._score(probability, others) == score


# --- prompts ----------------------------------------------------------------------------------


def test_instructions():
    plain = Query("a", picture(0))
    assert "     segmentation masks" in instruction(plain)
    assert instruction(replace(plain, prompt="cats & dogs")) == "cats &amp; dogs"
    one, two = (replace(plain, regions=(BOX,) * n) for n in (1, 2))
    assert instruction(one).endswith("the region in the picture marked by <bbox>?")
    assert instruction(two).endswith("the region in the picture marked by <bbox>, <bbox>?")


def test_regions_are_seen_and_a_bad_one_costs_its_own_query(folder):
    query = Query("a", picture(0))
    asked = [
        replace(query, regions=(BOX,)),
        replace(query, id="b", regions=((0.0, 0.0, 3.0, 3.0),)),
        replace(query, id="c", regions=(BOX,), prompt="no place for it"),
        replace(query, id="d", regions=((0.0, 1.0, float("nan"), 2.0),)),
        replace(query, id="e", prompt="an <image> too many"),
    ]
    a, b, c, d, e = model(folder).answer(asked)
    assert (a.error, b.error) == (None, None)
    assert a.grounding != b.grounding
    assert "0 <bbox> for 1 boxes" in c.error
    assert "four finite numbers" in d.error
    assert "<image>" in e.error


def test_a_model_without_regions_says_so_and_goes_on(tmp_path):
    folder = small_glamm.write(tmp_path / "small", regions=False)
    asked = [replace(QUERIES[0], regions=(BOX,), prompt=""), QUERIES[1]]
    refused, answered = model(folder).answer(asked)
    assert "no region encoder" in refused.error
    assert answered.error is None


# --- errors -----------------------------------------------------------------------------------


class Short:
    """`generate` on a machine with memory for `room` images; images of `never` never fit."""

    def __init__(self, room, never=(), error=torch.OutOfMemoryError):
        self.room, self.never, self.error = room, never, error
        self.sizes = []

    def __call__(self, model, tokenizer, batch, *, max_new_tokens):
        self.sizes.append(len(batch))
        too_large = any(prompt.image.original in self.never for prompt in batch)
        if len(batch) > self.room or too_large:
            raise self.error("CUDA out of memory")
        return generate(model, tokenizer, batch, max_new_tokens=max_new_tokens)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError])
def test_out_of_memory_halves_the_batch_and_goes_on(folder, alone, monkeypatch, error):
    short = Short(room=2, error=error)
    monkeypatch.setattr(inference, "generate", short)
    answers = list(model(folder, batch_size="auto").answer(QUERIES))
    assert short.sizes == [8, 4, 2, 2, 2, 2, 2, 2]
    for found, wanted in zip(answers, alone, strict=True):
        same(found, wanted)


def test_a_single_image_that_never_fits_is_a_failure(folder, alone, monkeypatch):
    monkeypatch.setattr(inference, "generate", Short(room=8, never=[(37, 23)]))
    answers = list(model(folder).answer(QUERIES))
    failed = [k for k, answer in enumerate(answers) if answer.error]
    assert failed == [3, 9]
    assert "out of memory" in answers[3].error
    assert answers[3].grounding.phrases == ()
    for k in set(range(12)) - set(failed):
        same(answers[k], alone[k])


def test_an_image_that_cannot_be_read_costs_only_itself(folder, alone, tmp_path):
    broken, lost = tmp_path / "broken.jpg", tmp_path / "lost.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no more")
    asked = list(QUERIES[:6])
    for place, file in ((1, broken), (4, lost)):
        asked[place] = replace(asked[place], image=file_picture(file, 30, 40))
    answers = list(model(folder, batch_size=3).answer(asked))
    assert "broken.jpg: not an image" in answers[1].error
    assert "lost.jpg: no such image" in answers[4].error
    for k in (0, 2, 3, 5):
        same(answers[k], alone[k])


def test_an_image_too_narrow_to_be_scaled_is_a_failure(folder):
    thin = Query("thin", Picture(1, 300, lambda: np.zeros((1, 300, 3), np.uint8)), "describe")
    answers = list(model(folder).answer([thin, QUERIES[0]]))
    assert [bool(answer.error) for answer in answers] == [True, False]


# --- resuming ---------------------------------------------------------------------------------


def beside(model, tokenizer, batch, *, max_new_tokens):
    """`generate` with probabilities that depend on the images of the batch."""
    said = generate(model, tokenizer, batch, max_new_tokens=max_new_tokens)
    tell = sum(float(prompt.image.pixels.sum()) for prompt in batch) % 1
    return [replace(one, probabilities=tuple(tell for _ in one.probabilities)) for one in said]


@pytest.mark.parametrize("done", [1, 4, 5, 11])
def test_a_run_that_goes_on_gives_the_same_bytes(folder, monkeypatch, done):
    """Even if the other images had a large effect: an interrupted block runs again as a whole."""
    monkeypatch.setattr(inference, "generate", beside)

    def lines(asked):
        speaker = model(folder, batch_size=4)
        speaker.prepare(QUERIES, missing="error", limited=False)
        return [write_line(answer) for answer in timeless(speaker.answer(asked))]

    whole = lines(QUERIES)
    assert lines(QUERIES[done:]) == whole[done:]
    holes = [query for k, query in enumerate(QUERIES) if k not in (0, 5, 6)]
    assert lines(holes) == [line for k, line in enumerate(whole) if k not in (0, 5, 6)]


def test_a_query_that_was_not_announced_is_answered_too(folder, alone):
    speaker = model(folder, batch_size=4)
    speaker.prepare(QUERIES[:5])
    other = replace(QUERIES[0], prompt="something else")
    answers = list(speaker.answer([QUERIES[1], QUERIES[8], QUERIES[9], other]))
    assert [answer.id for answer in answers] == ["image 1", "image 8", "image 9", "image 0"]
    same(answers[0], alone[1])
    same(answers[1], alone[8])


def test_queries_are_taken_as_answers_are_wanted(folder):
    taken = []

    def asked():
        for query in QUERIES:
            taken.append(query.id)
            yield query

    answers = model(folder, batch_size=2).answer(asked())
    next(answers)
    assert len(taken) <= 7
    answers.close()
