"""A larger limit continues a run; any other difference is refused."""

import json

import pytest
from support.scored import SMALL_STRICT, rows, run_folder

from gcg_bench import evaluate
from gcg_bench.errors import BadOption, RunConflict
from gcg_bench.pipeline.spec import DataSpec
from gcg_bench.runs import Run
from gcg_bench.runs.settings import asks_more, limit_of
from gcg_bench.types import Grounding, Prediction

STORED = {"model": "m", "limit": 4, "n": 4, "prompt": "Describe.", "seed": 0, "oracle": False}


@pytest.mark.parametrize(
    ("now", "more"),
    [
        ({"limit": 5, "n": 5}, True),
        ({"limit": None, "n": 90}, True),
        ({"limit": None}, True),  # the split has no more than four
        ({"limit": 3, "n": 3}, False),
        ({"limit": 4}, False),
        ({"limit": 5, "n": 5, "seed": 1}, False),
        ({"limit": 5, "n": 5, "prompt": "Say."}, False),
        ({"limit": 5, "n": 5, "prompt": ["Describe.", "Say."]}, True),
    ],
)
def test_what_a_larger_limit_is(now, more):
    assert asks_more(STORED, {**STORED, **now}) is more


@pytest.mark.parametrize(
    "stored",
    [{**STORED, "oracle": True}, {**STORED, "limit": None}, {**STORED, "shard": "1/2"},
     {name: value for name, value in STORED.items() if name != "limit"}],
)  # fmt: skip
def test_runs_that_more_queries_would_change_do_not_continue(stored):
    assert not asks_more(stored, {**stored, "limit": 5, "n": 5})


class Counted:
    """Answers every query and counts them."""

    def __init__(self):
        self.asked = []

    def answer(self, queries):
        for query in queries:
            self.asked.append(query.id)
            yield Prediction(query.id, Grounding("something"))


def test_a_run_goes_on_with_what_the_larger_limit_adds(tmp_path):
    model = Counted()
    for limit in (2, 5):
        evaluate(model, "shapes", tmp_path / "run", split="val", limit=limit, protocols=())
    assert len(model.asked) == len(set(model.asked)) == 5  # none is asked twice
    stored = json.loads((tmp_path / "run/run.json").read_text())
    assert (stored["limit"], stored["n"]) == (5, 5)
    assert stored["environment"]["versions"]["gcg-bench"]
    with pytest.raises(RunConflict, match="limit was 5, now it is 3"):
        evaluate(model, "shapes", tmp_path / "run", split="val", limit=3, protocols=())


def test_scores_of_fewer_queries_are_removed(tmp_path):
    run = run_folder(
        tmp_path / "r", "m", rows([1, 2]), protocols=[SMALL_STRICT], settings={"limit": 2}
    )
    assert run.protocols() == ("gcg.strict-2",)
    with Run.create_or_resume(run.folder, {**run.settings, "limit": 3, "n": 3}) as more:
        assert more.protocols() == ()
        assert more.settings["limit"] == 3


def test_a_run_of_more_than_a_hundred_thousand_queries_can_be_opened(tmp_path):
    settings = {"model": "m", "dataset": "shapes", "split": "train", "limit": 150_000, "n": 150_000}
    with Run.create_or_resume(tmp_path / "run", settings):
        pass
    assert limit_of(Run.open(tmp_path / "run").settings) == 150_000


def test_a_file_cannot_ask_for_endless_data():
    """The user can, who names the data set; a run and a board cannot."""
    asked = DataSpec("shapes", "train", limit=100_001, shipped=True)
    with pytest.raises(BadOption, match=r"100,001 images of shapes train.*Give --dataset shapes"):
        asked.load()
    assert len(DataSpec("shapes", "val", limit=100_001, shipped=True).load().samples) == 200
