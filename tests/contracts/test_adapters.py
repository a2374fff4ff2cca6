"""Laws that every model must satisfy, tested on all models without weights."""

import re
from collections.abc import Iterable

import numpy as np
import pytest

from gcg_bench.adapters import Needs, Oracle
from gcg_bench.execution.models import describe_models, load_model
from gcg_bench.masks import encode
from gcg_bench.predictions import write_line
from gcg_bench.types import Grounding, Mask, Model, Phrase, Picture, Prediction, Query, Sample

SIZES = [(30, 40), (40, 30), (1, 1), (37, 23), (2, 500), (30, 40), (64, 64)]


def drawn(rng: np.random.Generator, size: tuple[int, int]) -> Mask:
    return encode(rng.random(size) < 0.5)


def sample(k: int, size: tuple[int, int]) -> Sample:
    rng = np.random.default_rng(k)
    caption = f"caption {k % 3}"
    phrases = tuple(
        Phrase(f"thing {j}", tuple(drawn(rng, size) for _ in range(j)), span=(0, 7), crowd=j == 2)
        for j in range(k % 4)
    )
    picture = Picture(*size, lambda: np.zeros((*size, 3), dtype=np.uint8))
    return Sample(
        Query(f"image {k}", picture, "Describe."), Grounding(caption, phrases), (caption,)
    )


SAMPLES = [sample(k, size) for k, size in enumerate(SIZES)]
WEIGHTLESS = [model.name for model in describe_models() if not model.needs.weights]


@pytest.fixture
def spec(request: pytest.FixtureRequest, tmp_path) -> str:
    if request.param != "predictions":
        return request.param
    path = tmp_path / "p.jsonl"
    answers = [Prediction(sample.id, sample.truth) for sample in SAMPLES]
    path.write_text("".join(write_line(answer) + "\n" for answer in answers), encoding="utf-8")
    return f"predictions:{path}"


every_model = pytest.mark.parametrize("spec", WEIGHTLESS, indirect=True)


def loaded_model(spec: str, samples: Iterable[Sample] = SAMPLES, seed: int = 0) -> Model:
    model = load_model(spec, device="cpu", seed=seed)
    if isinstance(model, Oracle):
        model.study(list(samples))
    return model


def answers(model: Model, samples: Iterable[Sample] = SAMPLES) -> list[Prediction]:
    return list(model.answer(sample.query for sample in samples))


def test_there_are_models_without_weights() -> None:
    assert {"silent", "whole-image", "centre-box", "predictions"} <= set(WEIGHTLESS)
    assert {"copy-truth", "frequent-caption", "shuffled-truth"} <= set(WEIGHTLESS)


@every_model
def test_one_answer_a_query(spec: str) -> None:
    found = answers(loaded_model(spec))
    assert sorted(answer.id for answer in found) == sorted(sample.id for sample in SAMPLES)
    assert [answer.error for answer in found] == [None] * len(SAMPLES)
    assert answers(loaded_model(spec), []) == []


@every_model
def test_masks_have_the_size_of_their_image(spec: str) -> None:
    sizes = {sample.id: (sample.query.image.height, sample.query.image.width) for sample in SAMPLES}
    for answer in answers(loaded_model(spec)):
        for phrase in answer.grounding.phrases:
            for mask in phrase.masks:
                assert (mask.height, mask.width) == sizes[answer.id]


@every_model
def test_spans_lie_in_the_caption(spec: str) -> None:
    for answer in answers(loaded_model(spec)):
        for phrase in answer.grounding.phrases:
            if phrase.span is not None:
                assert 0 <= phrase.span[0] <= phrase.span[1] <= len(answer.grounding.caption)


@every_model
def test_the_same_seed_gives_the_same_answers_in_any_order(spec: str) -> None:
    first = {answer.id: answer for answer in answers(loaded_model(spec, seed=3))}
    backwards = SAMPLES[::-1]
    again = {
        answer.id: answer for answer in answers(loaded_model(spec, backwards, seed=3), backwards)
    }
    assert first == again


@every_model
def test_an_answer_is_given_before_all_questions_are_asked(spec: str) -> None:
    asked: list[str] = []

    def queries():
        for sample in SAMPLES:
            asked.append(sample.id)
            yield sample.query

    next(loaded_model(spec).answer(queries()))
    assert asked == [SAMPLES[0].id]


@every_model
def test_answers_survive_their_file(spec: str, tmp_path) -> None:
    for answer in answers(loaded_model(spec)):
        assert write_line(answer)
        assert not any(phrase.crowd for phrase in answer.grounding.phrases) or "predictions" in spec


@pytest.mark.parametrize("one", describe_models(), ids=lambda one: one.name)
def test_it_says_what_it_needs(one) -> None:
    assert isinstance(one.needs, Needs)
    assert one.needs.note
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", one.name)
    assert bool(one.needs.weights) == bool(one.needs.licence)


@every_model
def test_only_declared_oracles_see_the_references(spec: str) -> None:
    (needs,) = [one.needs for one in describe_models() if one.name == spec.partition(":")[0]]
    model = load_model(spec)
    assert isinstance(model, Oracle) == needs.oracle == hasattr(model, "study")
    assert needs.note.startswith("oracle") == needs.oracle
