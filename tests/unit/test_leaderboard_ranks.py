"""Boards: who shares a rank, and which rows are compared."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.boards import STRICT_FOLDER, three_systems
from support.scored import SMALL_STRICT, result, rows, run_folder

from gcg_bench.errors import BadOption, MissingData
from gcg_bench.metrics.hallucination import Hallucination
from gcg_bench.reporting.leaderboard import Board
from gcg_bench.reporting.leaderboard import ranking as ranking_module
from gcg_bench.reporting.leaderboard.layout import sections
from gcg_bench.reporting.leaderboard.ranking import _ranks, by_test, by_value
from gcg_bench.runs import Run
from gcg_bench.scoring.comparable import differences, refuse_unlike
from gcg_bench.scoring.storage import keep, load_result
from gcg_bench.statistics import holm
from gcg_bench.types import ScoreSpec


@pytest.fixture
def three(tmp_path):
    """One system far ahead of two that nearly agree."""
    return three_systems(tmp_path)


def test_systems_that_cannot_be_told_apart_share_a_rank(three):
    board = Board.of_runs(three).ranked(draws=200)
    assert [row["rank"] for row in board.rows] == [1, 2, 2]
    assert board.rows[0]["model"] == "far"
    assert {row["ranked_by"] for row in board.rows} == {
        "F1: paired randomisation test, 200 draws, seed 0, Holm over 2 lines"
    }
    values = [row["F1"] for row in board.rows]
    assert values == sorted(values, reverse=True)


def test_ranks_by_value_alone_without_the_runs(three, tmp_path):
    file = tmp_path / "elsewhere" / "board.csv"
    Board.of_runs(three).write(file)
    text = file.read_text().replace("../", "../gone/")
    file.write_text(text)
    board = Board.read(file).ranked()
    assert [row["rank"] for row in board.rows] == [1, 2, 3]
    assert {row["ranked_by"] for row in board.rows} == {"F1: value alone"}


@pytest.mark.parametrize("change", [{"answered": {}}, {"encoder": ("minilm", "0")}])
def test_rows_scored_again_since_do_not_decide_ranks(three, change):
    board = Board.of_runs(three)
    run = Run.open(three[0])
    keep(run, replace(load_result(run, STRICT_FOLDER), **change))
    assert {row["ranked_by"] for row in board.ranked(draws=40).rows} == {"F1: value alone"}


def test_equal_values_share_a_rank():
    assert by_value(ScoreSpec("F1"), [0.2, 0.5, 0.5, 0.1]).ranks == (3, 1, 1, 4)
    fewer = ScoreSpec("Hallucination", direction="lower")
    assert by_value(fewer, [0.2, 0.5, 0.1]).ranks == (2, 3, 1)


MISTAKES = ScoreSpec("Mistakes", direction="lower")


def test_fewer_mistakes_rank_higher():
    """A headline score of which less is better; those of the package are secondary."""
    metric = replace(SMALL_STRICT.metrics[2])
    fewer = type("Mistakes", (type(metric),), {
        "scores": (MISTAKES,),
        "reduce": lambda self, rows, weights: {
            "Mistakes": Hallucination().reduce(rows, weights)["Hallucination"]
        },
    })()  # fmt: skip
    protocol = replace(SMALL_STRICT, metrics=(fewer,), ranked_by="", images_by="")
    systems = [
        result(protocol, rows([2] * 40, hallucinated=wrong), label=str(wrong)) for wrong in (4, 1)
    ]
    assert by_test(MISTAKES, systems, draws=200).ranks == (2, 1)


@pytest.mark.parametrize("name", ["Precision", "Hallucination"])
def test_secondary_scores_do_not_rank(three, tmp_path, name):
    board = Board.of_runs(three)
    with pytest.raises(BadOption, match=rf"{name} is a secondary score.*Rank by one of: .*F1"):
        board.ranked(name)
    board.write(tmp_path / "board.csv")
    with pytest.raises(BadOption, match="secondary"):
        Board.read(tmp_path / "board.csv").ranked(name)


def test_a_single_system_needs_no_test(three):
    (row,) = Board.of_runs(three[:1]).ranked().rows
    assert (row["rank"], row["ranked_by"]) == (1, "F1: a single system")


@given(st.lists(st.floats(0, 1), max_size=7))
def test_ranks_are_one_more_than_the_systems_above_the_nearest_line(adjusted):
    order = list(range(len(adjusted), -1, -1))
    ranks = _ranks(order, adjusted)
    assert ranks[order[0]] == 1
    for place in range(1, len(order)):
        lines = [line for line in range(1, place + 1) if adjusted[line - 1] < 0.05]
        assert ranks[order[place]] == max(lines, default=0) + 1


def holds(systems, draws):
    """Which lines hold, from every pair by `paired`, without shortcuts."""
    order = sorted(systems, key=lambda system: -system["F1"].value)
    p = {
        (a, b): differences(order[a], order[b], scores=["F1"], draws=draws)["F1"].p
        for a in range(len(order))
        for b in range(a + 1, len(order))
    }
    of_lines = [
        max(p[a, b] for a in range(line) for b in range(line, len(order)))
        for line in range(1, len(order))
    ]
    return [p < 0.05 for p in holm(of_lines)]


@pytest.mark.parametrize("seed", range(4))
def test_shortcuts_change_no_rank(seed):
    """Comparisons that are left out or ended early could not have changed a line."""
    rng = np.random.default_rng(seed)
    rates = rng.choice([0.2, 0.45, 0.5, 0.8], 7)
    systems = [
        result(SMALL_STRICT, rows(rng.binomial(5, rate, 40)), label=str(k))
        for k, rate in enumerate(rates)
    ]
    expected = holds(systems, 400)
    ranks = sorted(by_test(ScoreSpec("F1"), systems, draws=400).ranks)
    assert [ranks[k] != ranks[k - 1] for k in range(1, 7)] == expected


def test_queries_of_one_image_are_swapped_together():
    """Ten queries of one image are one cluster: a swap of all shows nothing."""
    systems = []
    for matched in (1, 4):
        made = result(SMALL_STRICT, rows([matched] * 10), label=str(matched))
        tables = {n: replace(t, images=("one",) * 10) for n, t in made.rows.items()}
        systems.append(replace(made, rows=tables))
    assert by_test(ScoreSpec("F1"), systems, draws=200).ranks == (1, 1)


def test_many_systems_get_draws_enough_to_differ():
    """11 systems have 10 lines: 50 draws could not show one difference, 400 can."""
    systems = [result(SMALL_STRICT, rows(np.full(30, 0.4 * k)), label=str(k)) for k in range(11)]
    ranking = by_test(ScoreSpec("F1"), systems, draws=50)
    assert ranking.by.endswith("400 draws, seed 0, Holm over 10 lines")
    assert ranking.ranks == tuple(range(11, 0, -1))


def test_the_cap_of_comparisons_is_said(monkeypatch):
    monkeypatch.setattr(ranking_module, "_CELLS", 1)
    systems = [result(SMALL_STRICT, rows(np.full(30, 0.4 * k)), label=str(k)) for k in range(5)]
    ranking = by_test(ScoreSpec("F1"), systems, draws=200)
    assert ranking.by.endswith("Holm over 4 lines, systems up to 1 places apart")
    assert ranking.ranks == (5, 4, 3, 2, 1)


def test_no_pair_is_compared_twice_and_none_in_vain(monkeypatch):
    """Of 30 systems that are alike only neighbours are compared: 29 comparisons, not 435."""
    compared = []
    monkeypatch.setattr(
        ranking_module._Lines,
        "_as_large",
        lambda self, above, below, weights: compared.append((above, below)) or len(weights),
    )
    rng = np.random.default_rng(0)
    systems = [
        result(SMALL_STRICT, rows(rng.binomial(5, 0.5, 20)), label=str(k)) for k in range(30)
    ]
    by_test(ScoreSpec("F1"), systems, draws=200)
    assert len(compared) == len(set(compared)) <= 29
    assert all(below - above == 1 for above, below in compared)


def test_other_images_are_refused_by_name(three, tmp_path):
    other = run_folder(tmp_path / "o", "other", rows([1] * 60), protocols=[SMALL_STRICT])
    stored = load_result(other, STRICT_FOLDER)
    strange = {
        name: replace(table, ids=("stranger", *table.ids[1:]), images=())
        for name, table in stored.rows.items()
    }
    keep(other, replace(stored, rows=strange))
    with pytest.raises(BadOption, match="image 1 is 'image_0' for one and 'stranger'"):
        Board.of_runs([three[0], tmp_path / "o"]).ranked(draws=5)


# --- unlike rows


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("encoder", "other@1", "encoder is minilm@53aa5117 (far, near) and other@1 (odd)"),
        ("truth", "x", "truth is generated (far, near) and x (odd)"),
        ("split", "test", "split is val (far, near) and test (odd)"),
        ("card", "9", "card is 1 (far, near) and 9 (odd)"),
    ],
)
def test_unlike_rows_are_ranked_in_tables_of_their_own(three, tmp_path, field, value, told):
    run_folder(tmp_path / "x", "odd", rows([1] * 60), protocols=[SMALL_STRICT], **{field: value})
    board = Board.of_runs([three[0], tmp_path / "x", three[1]]).ranked(draws=200)
    assert [(row["model"], row["rank"]) for row in board.rows] == [
        ("far", 1), ("near", 2), ("odd", 1),
    ]  # fmt: skip
    assert board.apart() == [
        f"strict: 2 tables, because the runs were measured differently: {told}"
    ]
    assert [len(section.entries) for section in sections(board)] == [2, 1]
    # the titles tell the tables apart: data, split, images, and other fields that differ
    first, second = (section.title for section in sections(board))
    named = [f"{field} {value}"] if field not in ("split", "n") else [f"shapes {value}"]
    assert all(text in second and text not in first for text in named)


def test_of_other_data_only_the_data_are_named(three, tmp_path):
    """Other data also have another card, reference and number of images, which nobody needs."""
    other = {"dataset": "pets", "card": "4", "truth": "y"}
    run_folder(tmp_path / "x", "odd", rows([1] * 5), protocols=[SMALL_STRICT], **other)
    (sentence,) = Board.of_runs([three[0], tmp_path / "x"]).apart()
    assert sentence.endswith("differently: dataset is shapes (far) and pets (odd)")
    assert Board.of_runs(three).apart() == []


def test_answers_made_otherwise_are_ranked_together(three, tmp_path):
    run_folder(
        tmp_path / "x", "odd", rows([1] * 60), protocols=[SMALL_STRICT], prompt="other", decoding=3
    )
    assert len(Board.of_runs([three[0], tmp_path / "x"]).ranked(draws=50).rows) == 2


def test_refusing_needs_no_board():
    like = {"protocol": "strict-2", "n": "3"}
    refuse_unlike([], [])
    refuse_unlike([like, dict(like)], ["a", "b"])
    with pytest.raises(BadOption, match=r"a and b cannot .*: n is 3 for one and None for"):
        refuse_unlike([like, {"protocol": "strict-2"}], ["a", "b"])


def test_namesakes_are_told_apart_by_their_folders(tmp_path):
    for name, split in (("one", "val"), ("two", "test")):
        run_folder(tmp_path / name, "same", rows([1]), protocols=[SMALL_STRICT], split=split)
    (sentence,) = Board.of_runs([tmp_path / "one", tmp_path / "two"]).apart()
    assert sentence.endswith("split is val (same (one)) and test (same (two))")


def test_a_score_that_rows_lack_is_refused(three):
    with pytest.raises(BadOption, match=r"no.* strict row has a score named 'CIDEr'; known: .*F1"):
        Board.of_runs(three).ranked("CIDEr")
    with pytest.raises(BadOption, match=r"no.* strict row has a score named 'n'"):
        Board.of_runs(three).ranked("n")


def test_runs_that_are_none(tmp_path, three):
    with pytest.raises(MissingData, match="not a run"):
        Board.of_runs([tmp_path / "gone"])
    run_folder(tmp_path / "bare", "bare", rows([1]), protocols=[])
    with pytest.raises(MissingData, match="gcg-bench score"):
        Board.of_runs([tmp_path / "bare"])
    assert len(Board.of_runs([three[0], three[0]]).rows) == 1
