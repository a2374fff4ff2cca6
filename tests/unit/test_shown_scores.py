"""Runs, results and evaluations as text, as HTML and as pandas tables."""

from dataclasses import replace

import numpy as np
import pytest
from support.scored import SMALL_OFFICIAL, SMALL_STRICT, result, rows, run_folder

from gcg_bench import Evaluation, Run
from gcg_bench.errors import UnknownName

COUNTED = rows([2, 4, 1])  # of 5 phrases in each image; the mask IoU of an image is that share


@pytest.fixture
def run(tmp_path):
    return Run.open(run_folder(tmp_path / "r", "<b>bold</b>", COUNTED).folder)


def test_a_run_is_printed_as_a_short_table(run):
    title, head, *lines, note = repr(run).splitlines()
    assert title == "run r: <b>bold</b> on shapes val, n = 3"
    assert head.split() == ["official", "v1", "strict", "v2"]
    # 7 of 15 phrases are matched; Hallucination is no headline score
    cells = {line.split()[0]: line.split()[1:] for line in lines}
    assert cells["F1"][0] == "46.7"
    assert [cell for cell in cells["mIoU"] if "[" not in cell and "]" not in cell] == [
        "46.7", "46.7",
    ]  # fmt: skip
    assert cells["failed"] == ["0", "0"]
    assert "Hallucination" not in cells
    assert note.startswith("Scores × 100 with 95% bootstrap intervals over images; ")
    assert note.endswith(" more in HTML")


def test_a_run_that_is_not_scored_says_so(tmp_path):
    bare = Run.open(run_folder(tmp_path / "s", "bare", rows([1]), protocols=[]).folder)
    assert repr(bare) == "run s: bare: not scored yet"
    assert "not scored yet" in bare._repr_html_()
    assert (len(bare.frame()), len(bare.rows())) == (0, 0)


def test_a_run_whose_scores_are_damaged_is_still_printed(run):
    (run.folder / "gcg.strict-2/scores.json").write_text("{")
    assert repr(run).startswith("run r: <b>bold</b>: ")
    assert "scores.json" in repr(run)


def test_a_notebook_shows_a_run(run):
    shown = run._repr_html_()
    assert "&lt;b&gt;bold&lt;/b&gt;" in shown
    assert "<b>" not in shown
    assert "strict v2" in shown
    assert "Hallucination" in shown
    assert shown.count("<details>") == 2  # a signature each, folded


def test_the_frame_of_a_run_has_the_scores_of_each_image(run):
    frame = run.frame("strict")
    assert list(frame.index) == ["image_0", "image_1", "image_2"]
    assert list(frame["F1"]) == pytest.approx([0.4, 0.8, 0.2])
    every = run.frame()
    assert list(every["strict-2.F1"]) == pytest.approx([0.4, 0.8, 0.2])
    assert list(every["official-1.mIoU"]) == pytest.approx([0.4, 0.8, 0.2])
    assert list(run.frame("strict-2").columns) == list(frame.columns)


def test_the_rows_of_a_run_are_what_was_counted(run):
    assert list(run.rows("strict")["phrase_f1.matched"]) == [2, 4, 1]
    every = run.rows()
    assert list(every["strict-2.phrase_f1.matched"]) == [2, 4, 1]
    assert list(every["official-1.miou.miou"]) == pytest.approx([0.4, 0.8, 0.2])


@pytest.mark.parametrize("table", [Run.frame, Run.rows])
def test_a_protocol_that_was_not_scored_is_named_with_those_that_were(run, table):
    with pytest.raises(UnknownName, match=r"lenient.*strict-2"):
        table(run, "lenient")


def test_a_result_shows_its_scores_and_rows():
    made = result(SMALL_STRICT, rows([5, 0]), prompt="<i>")
    assert "50.0 [0.0, 100.0]" in made._repr_html_()
    assert "&lt;i&gt;" in made._repr_html_()
    assert repr(made).startswith("model on shapes val, n = 2\n")
    assert "50.0 [0.0, 100.0]" in repr(made)
    assert list(made.frame()["F1"]) == [1, 0]
    assert list(made.rows_frame()["phrase_f1.matched"]) == [5, 0]
    assert made.to_json()["resampling"] == {"draws": 20, "seed": 0}
    flat = replace(made, scores=tuple(replace(s, low=None, high=None) for s in made.scores))
    assert "[" not in flat._repr_html_().partition("signature")[0]


@pytest.mark.parametrize("counted", [[True, False, True], [False] * 3])
def test_a_query_that_does_not_count_has_no_score_of_its_own(counted):
    made = result(SMALL_STRICT, COUNTED)
    kept = np.array(counted)
    tables = {
        name: replace(
            table,
            counted=kept,
            columns={key: np.where(kept, column, np.nan) for key, column in table.columns.items()},
        )
        for name, table in made.rows.items()
    }
    frame = replace(made, rows=tables).frame()
    expected = np.where(kept, [0.4, 0.8, 0.2], np.nan)
    assert list(frame["F1"]) == pytest.approx(list(expected), nan_ok=True)


def test_an_evaluation_is_its_results_by_position_and_by_protocol():
    official, strict = result(SMALL_OFFICIAL, COUNTED), result(SMALL_STRICT, COUNTED)
    evaluation = Evaluation((official, strict))
    assert list(evaluation) == [official, strict]
    assert evaluation["strict"] is evaluation["strict-2"] is evaluation[1] is strict
    assert list(evaluation[1:]) == [strict]
    with pytest.raises(UnknownName, match="lenient"):
        evaluation["lenient"]
    assert list(evaluation.frame()["strict-2.F1"]) == pytest.approx([0.4, 0.8, 0.2])
    assert repr(evaluation).splitlines()[1].split() == ["official", "v1", "strict", "v2"]
    assert "official v1" in evaluation._repr_html_()


def test_values_for_a_logger_are_plain_numbers_that_exist():
    silent = result(SMALL_STRICT, rows([0, 0], predicted=0))
    values = Evaluation((silent,)).values("val/")
    assert values["val/strict/F1"] == 0.0
    assert "val/strict/Hallucination" not in values  # nothing is predicted: it has no value
    assert all(type(value) is float for value in values.values())


def test_an_evaluation_without_protocols_is_empty():
    empty = Evaluation(())
    assert (len(empty), empty.values(), repr(empty)) == (0, {}, "not scored yet")
