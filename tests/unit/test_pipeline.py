"""The one loop: exactly one prediction a query, whatever a model does."""

import hashlib
from dataclasses import replace
from typing import ClassVar

import pytest
from support.worlds import block, phrase, picture, random_world, sample

from gcg_bench import masks
from gcg_bench.data import load_dataset
from gcg_bench.errors import BadData, BadOption, MissingData
from gcg_bench.execution.isolation import isolated_predictions
from gcg_bench.metrics.words import Words
from gcg_bench.pipeline.interface import evaluate
from gcg_bench.pipeline.predict import complete
from gcg_bench.pipeline.score import score
from gcg_bench.runs import Run
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks.gcg import STRICT
from gcg_bench.types import Grounding, Prediction, Query

QUERIES = [Query(f"q{k}", picture()) for k in range(6)]
SAID = Grounding("something")
WORDS_ALONE = replace(STRICT, metrics=(Words(),), ranked_by="Words", images_by="Words")


class Careful:
    """Answers every query, except that the test decides what happens for some ids."""

    def __init__(self, *, bad=(), batch=1, quit_after=None):
        self.bad, self.batch, self.quit_after = set(bad), batch, quit_after
        self.calls = 0

    def answer(self, queries):
        self.calls += 1
        waiting, done = [], 0
        for query in queries:
            waiting.append(query)
            if len(waiting) == self.batch:
                yield from self.together(waiting)
                done += len(waiting)
                waiting = []
            if self.quit_after is not None and done >= self.quit_after:
                return
        yield from self.together(waiting)

    def together(self, queries):
        if self.bad & {query.id for query in queries}:
            raise ValueError("cannot")
        for query in queries:
            yield Prediction(query.id, SAID, seconds=0.5)


def outcome(model):
    found = list(isolated_predictions(model, QUERIES))
    assert sorted(p.id for p in found) == [q.id for q in QUERIES]
    return {p.id: p.error for p in found}


def test_a_good_model_is_asked_once():
    model = Careful()
    assert set(outcome(model).values()) == {None}
    assert model.calls == 1


@pytest.mark.parametrize("batch", [1, 2, 3, 6])
def test_one_bad_image_costs_one_answer_whatever_the_batch(batch):
    errors = outcome(Careful(bad=["q3"], batch=batch))
    assert {id_: e for id_, e in errors.items() if e} == {"q3": "ValueError: cannot"}


def test_all_bad_images_are_failures():
    errors = outcome(Careful(bad=[q.id for q in QUERIES], batch=4))
    assert set(errors.values()) == {"ValueError: cannot"}


def test_a_model_that_stops_early_leaves_failures():
    errors = outcome(Careful(quit_after=2))
    assert [errors[f"q{k}"] for k in range(6)] == [None, None, *["the model gave no answer"] * 4]


def test_a_model_that_raises_before_it_looks_is_not_asked_for_ever():
    class Broken:
        def answer(self, queries):
            raise RuntimeError("no weights")

    assert set(outcome(Broken()).values()) == {"RuntimeError: no weights"}


def test_answers_to_nothing_and_second_answers_are_dropped():
    class Chatty:
        def answer(self, queries):
            for query in queries:
                yield Prediction(query.id, SAID)
                yield Prediction(query.id, Grounding("on second thought"))
                yield Prediction("nobody", SAID)

    found = list(isolated_predictions(Chatty(), QUERIES))
    assert [p.id for p in found] == [q.id for q in QUERIES]
    assert {p.grounding for p in found} == {SAID}


def test_a_mask_of_another_size_is_a_failure_that_says_so():
    class Wrong:
        def answer(self, queries):
            for query in queries:
                small = phrase("a cat", masks.empty(3, 4))
                yield Prediction(query.id, Grounding("a cat", (small,)))

    (error,) = set(outcome(Wrong()).values())
    assert "phrase 0: mask.size: the mask is 3 x 4, the image 60 x 80" in error


def test_a_keyboard_interrupt_is_not_an_answer():
    class Interrupted:
        def answer(self, queries):
            raise KeyboardInterrupt
            yield

    with pytest.raises(KeyboardInterrupt):
        list(isolated_predictions(Interrupted(), QUERIES))


def test_seconds_are_measured_when_the_model_does_not_say():
    class Silent:
        def answer(self, queries):
            for query in queries:
                yield Prediction(query.id, SAID)

    assert all(
        p.seconds is not None and p.seconds >= 0 for p in isolated_predictions(Silent(), QUERIES)
    )
    assert {p.seconds for p in isolated_predictions(Careful(), QUERIES)} == {0.5}


# complete


WORLD = random_world(1, images=14)


def test_complete_by_id_in_any_order():
    found = complete(WORLD, [Prediction(s.id, s.truth) for s in reversed(WORLD)])
    assert {id_: p.grounding for id_, p in found.items()} == {s.id: s.truth for s in WORLD}


def test_missing_names_ten_and_the_count():
    with pytest.raises(MissingData, match=r"13 of 14 .*'image_001'.*'image_010', \.\.\."):
        complete(WORLD, [Prediction("image_000", SAID)])


def test_missing_as_empty_is_a_failure():
    found = complete(WORLD, [], missing="empty")
    assert {p.error for p in found.values()} == {"no prediction"}
    assert {p.grounding for p in found.values()} == {Grounding("")}


def test_strangers_are_refused_unless_the_split_was_limited():
    stranger = [Prediction("else", SAID), *(Prediction(s.id, SAID) for s in WORLD)]
    with pytest.raises(BadData, match="'else'"):
        complete(WORLD, stranger)
    assert set(complete(WORLD, stranger, limited=True)) == {s.id for s in WORLD}


def test_two_predictions_of_one_image_are_refused():
    one = sample("a", Grounding("a cat", (phrase("a cat", block(0, 0)),)))
    with pytest.raises(BadData, match="image a: two predictions"):
        complete([one], [Prediction("a", SAID), Prediction("a", SAID)])


HANGING = """
import time
from gcg_bench import Grounding, Prediction

class Hanging:
    def answer(self, queries):
        for query in queries:
            if query.id == "ID":
                time.sleep(60)
            yield Prediction(query.id, Grounding("something"), seconds=0.5)

load = Hanging
"""


SHAPES = load_dataset("shapes", "val", limit=3)
SECOND = SHAPES.samples[1].id


def failed(folder):
    return {one.id: one.error for one in Run.open(folder).predictions() if one.error}


def test_evaluate_gives_an_image_up_when_its_time_is_up(tmp_path):
    (tmp_path / "m.py").write_text(HANGING.replace("ID", SECOND))
    evaluate(f"{tmp_path}/m.py", SHAPES, tmp_path / "run", protocols=(), timeout=0.5)
    assert failed(tmp_path / "run") == {SECOND: "no answer within 0.5 s"}


def test_an_object_of_this_process_cannot_have_a_timeout(tmp_path):
    class Local(Careful):
        pass

    with pytest.raises(BadOption, match=r"in a process of its own .*\./file\.py:ATTRIBUTE"):
        evaluate(Local(), SHAPES, tmp_path / "run", protocols=(), timeout=5)


@pytest.mark.parametrize(
    "more", [{"timeout": 0}, {"timeout": -1.0}, {"timeout": float("nan")}, {"give_up_after": 0}]
)
def test_evaluate_refuses_to_wait_for_no_time(tmp_path, more):
    with pytest.raises(BadOption, match=r"timeout|give_up_after"):
        evaluate(Careful(), SHAPES, tmp_path / "run", protocols=(), **more)


def test_evaluate_refuses_words_that_it_does_not_know(tmp_path):
    with pytest.raises(BadOption, match="takes no patience"):
        evaluate(Careful(), SHAPES, tmp_path / "run", protocols=(), patience=3)


class Set(Careful):
    """A model with settings, of which one has the name of a signature's field."""

    settings: ClassVar = {"decoding": "greedy", "n": 7, "note": "a|by:me"}


def test_the_signature_says_how_answers_were_made(tmp_path):
    data = load_dataset("shapes", "val", limit=2)
    (result,) = evaluate(
        Set(), data, tmp_path / "run", protocols=[WORDS_ALONE], resampling=Resampling(draws=0)
    )
    said = dict(part.split(":", 1) for part in result.signature.split("|"))
    prompt = hashlib.sha256(data.samples[0].query.prompt.encode()).hexdigest()[:8]
    assert (said["prompt"], said["decoding"]) == (prompt, "greedy")
    assert (said["n"], said["model_n"], said["note"]) == ("2", "7", "a%7Cby:me")
    assert said["by"].startswith("gcg-bench-")


@pytest.mark.parametrize("field", ["n", "truth", "protocol", "by"])
def test_what_is_said_of_answers_never_says_how_they_were_measured(field):
    data = load_dataset("shapes", "val", limit=1)
    found = {one.id: Prediction(one.id, SAID) for one in data.samples}
    with pytest.raises(BadOption, match=f"'{field}'"):
        score(data, found, [WORDS_ALONE], answered={field: "mine"})


class Unprepared(Careful):
    """Its `prepare` raises what it is given."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def prepare(self, queries, *, missing, limited):
        raise self.error


@pytest.mark.parametrize("error", [ValueError("no weights"), SystemExit(3)])
def test_a_model_that_cannot_be_prepared_is_told_and_asked_nothing(tmp_path, error):
    model = Unprepared(error)
    with pytest.raises(BadOption, match=f"cannot prepare the model: {type(error).__name__}"):
        evaluate(model, SHAPES, tmp_path / "run", protocols=())
    assert model.calls == 0
    assert not (tmp_path / "run/.lock").exists()
    assert (tmp_path / "run/run.json").exists()


def test_what_prepare_says_in_our_words_stays_as_it_is(tmp_path):
    with pytest.raises(MissingData, match=r"^not here$"):
        evaluate(Unprepared(MissingData("not here")), SHAPES, tmp_path / "run", protocols=())
