"""Tasks in which an image has several queries: what is counted is named, and baselines are told."""

import numpy as np
import pytest

from gcg_bench import evaluate, tasks
from gcg_bench.adapters.frequent_caption import FrequentCaption
from gcg_bench.analysis.errors.expressions import verdict
from gcg_bench.analysis.run_comparison import compare
from gcg_bench.data import load_dataset
from gcg_bench.errors import BadOption
from gcg_bench.metrics.refusal import Refusal
from gcg_bench.predictions.oddities import text_oddities
from gcg_bench.reporting.leaderboard import Board
from gcg_bench.reporting.leaderboard.layout import sections
from gcg_bench.reporting.report.header import summary
from gcg_bench.reporting.report.images import records
from gcg_bench.reporting.report.index import index
from gcg_bench.reporting.report.material import of_run
from gcg_bench.runs import Run
from gcg_bench.scoring.values import Resampling, data_text, size_text
from gcg_bench.types import Grounding, Parts, Phrase, Prediction, Rows


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Six referring expressions of two images."""
    out = tmp_path_factory.mktemp("runs") / "run"
    evaluate(
        "centre-box", "shapes", out, split="val", task="referring", limit=6,
        resampling=Resampling(draws=10),
    )  # fmt: skip
    return Run.open(out)


@pytest.mark.parametrize(
    ("queries", "images", "text"),
    [
        (4, 4, "4 images"),
        (1, 1, "1 image"),
        (12, 4, "12 queries of 4 images"),
        (2500, 1, "2,500 queries of 1 image"),
    ],
)
def test_a_size_names_queries_where_images_have_several(queries, images, text):
    assert size_text(queries, images) == text


def test_a_report_counts_queries_and_images(run):
    data = load_dataset("shapes", "val", task="referring", limit=6)
    shown = summary(of_run(run, data))
    assert [entry for entry in shown if "phrases" not in entry[1]] == [
        ("6", "queries"),
        ("2", "images"),
        ("0", "failed queries"),
    ]


def test_a_comparison_counts_queries_and_images(run):
    assert compare(run, run, draws=10).size == "6 queries of 2 images"


def test_a_board_counts_queries(run):
    first = sections(Board.of_runs([run.folder]))[0]
    assert first.noun == "queries"
    assert first.title == "referring segmentation: official v1, shapes val, 6 queries"
    assert tasks.load("caption").noun == "images"


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ("gcg", "shapes val"),
        ("", "shapes val"),
        ("caption", "shapes val: image captioning"),
        ("my_own", "shapes val: my_own"),
    ],
)
def test_a_title_names_the_task_where_it_is_not_the_usual_one(task, text):
    assert data_text("shapes", "val", task) == text


def test_the_title_of_a_report_and_a_comparison_names_the_task(run):
    data = load_dataset("shapes", "val", task="referring", limit=6)
    assert of_run(run, data).title == "centre-box on shapes val: referring segmentation"
    assert compare(run, run, draws=10).data == "shapes val: referring segmentation"


def test_the_parts_that_tasks_read():
    assert tasks.load("gcg").parts == Parts(captions=True, words=True, masks=True)
    assert tasks.load("caption").parts == Parts(captions=True, words=False, masks=False)
    assert tasks.load("reasoning").parts == Parts(captions=False, words=False, masks=True)


def test_a_report_counts_the_kinds_of_answers(run):
    data = load_dataset("shapes", "val", task="referring", limit=6)
    material = of_run(run, data)
    listed = index(material, ())
    assert (listed["noun"], listed["parts"]) == ("queries", {"captions": False, "masks": True})
    assert len(listed["answers"]["of"]) == 6
    kinds = [listed["answers"]["kinds"][kind] for kind in listed["answers"]["of"]]
    assert kinds == [verdict(pair).kind.title for pair in material.pairs]
    # the masks of both sides are one answer each: both sides count from 1
    for record in records(material.pairs, None, 100):
        assert [[phrase["number"] for phrase in side["phrases"]] for side in record["sides"]] == [
            [1],
            [1],
        ]


def test_published_values_of_other_tasks_are_left_out(run):
    assert {
        row["task"] for row in Board.of_runs([run.folder]).with_published(anywhere=True).rows
    } == {"referring"}


def test_the_most_frequent_caption_needs_captions():
    samples = load_dataset("shapes", "val", task="referring", limit=3).samples
    with pytest.raises(BadOption, match="needs reference captions, and the task has none"):
        FrequentCaption().study(samples)


def test_phrases_outside_a_caption_matter_where_words_of_phrases_are_read():
    answer = Prediction("1", Grounding("A red box.", (Phrase("the image", ()),)))
    assert any("not in their caption" in odd.problem for odd in text_oddities([answer]))
    assert text_oddities([answer], worded=False) == []


def test_a_draw_without_no_target_has_no_value_and_data_without_any_have_the_published_0():
    metric = Refusal(refusals="stated", without_no_target="zero")
    # the first expression has no target and is refused, the second has one and is answered
    table = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    rows = Rows(("a", "b"), dict(zip(metric.columns, table.T, strict=True)))
    drawn = metric.reduce(rows, np.array([[1.0, 1.0], [0.0, 2.0]]))
    assert drawn["N_acc"][0] == drawn["T_acc"][0] == 1.0
    assert np.isnan(drawn["N_acc"][1])
    assert np.isnan(drawn["T_acc"][1])
    targeted = Rows(("b",), {name: column[1:] for name, column in rows.columns.items()})
    whole = metric.reduce(targeted, np.ones((1, 1)))
    assert whole["N_acc"][0] == whole["T_acc"][0] == 0.0
