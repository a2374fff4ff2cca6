"""Boards: baselines, published rows, what a table says below itself; rows without scoring."""

import csv
from pathlib import Path

import pytest
from support.boards import three_systems
from support.scored import SMALL_STRICT, rows, run_folder

from gcg_bench.reporting.leaderboard import Board, Fault, published_rows, verify
from gcg_bench.reporting.leaderboard.layout import sections
from gcg_bench.reporting.leaderboard.rows import is_baseline

FACTS = Path(__file__).parents[3] / "shared" / "facts" / "published_results.csv"


@pytest.fixture
def three(tmp_path):
    """One system far ahead of two that nearly agree."""
    return three_systems(tmp_path)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"model": "silent"}, True),
        ({"model": "whole-image"}, True),
        ({"model": "CentreBox"}, True),
        ({"model": "copy-truth", "oracle": True}, True),
        ({"model": "glamm", "oracle": False}, False),
        ({"model": "silentium"}, False),
    ],
)
def test_who_is_a_baseline(settings, expected):
    assert is_baseline(settings) == expected


def test_baselines_stand_under_the_line_without_a_rank(three, tmp_path):
    best = {"settings": {"oracle": True}}
    run_folder(tmp_path / "t", "truth", rows([5] * 60), protocols=[SMALL_STRICT], **best)
    run_folder(tmp_path / "s", "silent", rows([0] * 60), protocols=[SMALL_STRICT])
    board = Board.of_runs([tmp_path / "s", tmp_path / "t", *three]).ranked(draws=50)
    names = [row["model"] for row in board.rows]
    assert names[0] == "far"
    assert names[3:] == ["truth", "silent"]
    assert ["rank" in row for row in board.rows] == [True] * 3 + [False] * 2
    assert [row["role"] for row in board.rows] == ["system"] * 3 + ["baseline"] * 2


def test_namesakes_in_a_table_are_told_apart_by_their_folders(tmp_path):
    for name, matched in (("x", 3), ("y", 1)):
        counted = rows([matched] * 30)
        run_folder(tmp_path / name, "mine", counted, protocols=[SMALL_STRICT])
    board = Board.of_runs([tmp_path / "x", tmp_path / "y"]).ranked(draws=20)
    (table,) = sections(board)
    shown = [entry.model for part in table.parts for entry in part.entries]
    assert shown == ["mine (x)", "mine (y)"]
    assert "mine (y)" in board._repr_html_()
    assert [row["model"] for row in board.rows] == ["mine", "mine"]  # `verify` reads these


def test_baselines_alone_are_ranked(tmp_path):
    run_folder(tmp_path / "w", "whole-image", rows([1] * 30), protocols=[SMALL_STRICT])
    run_folder(tmp_path / "s", "silent", rows([0] * 30), protocols=[SMALL_STRICT])
    board = Board.of_runs([tmp_path / "s", tmp_path / "w"]).ranked(draws=200)
    assert [(row["model"], row["rank"]) for row in board.rows] == [
        ("whole-image", 1),
        ("silent", 2),
    ]


@pytest.mark.skipif(not FACTS.is_file(), reason="the facts are not beside this checkout")
def test_the_published_values_are_those_of_the_facts():
    with FACTS.open(encoding="utf-8") as stream:
        facts = list(csv.DictReader(stream))
    found = published_rows()
    assert len(found) == len(facts)
    for row, fact in zip(found, facts, strict=True):
        assert (row["model"], row["split"]) == (fact["model"], fact["split"])
        assert (row["source"], row["note"]) == (fact["source"], fact["note"])
        for name in ("METEOR", "CIDEr", "AP50", "mIoU", "Recall"):
            told = f"{100 * row[name]:.1f}" if name in row else ""
            assert told == fact[name]


def test_published_rows_are_marked_and_never_ranked(tmp_path):
    for name in ("a", "b"):
        run_folder(tmp_path / name, name, rows([2] * 8), dataset="grandf", split="val")
    board = Board.of_runs([tmp_path / "a", tmp_path / "b"]).ranked("mIoU").with_published()
    reported = [row for row in board.rows if row["role"] == "published"]
    assert {row["split"] for row in reported} == {"val"}
    for row in reported:
        assert row["provenance"] == "reported"
        assert row["evaluator"] == "as published"
        assert row["source"]
        assert "rank" not in row
    glamm = next(row for row in reported if row["model"] == "GLaMM")
    assert glamm["AP50"] == pytest.approx(0.308)
    # ranked again they keep their place at the end, and change nothing
    again = board.ranked("mIoU")
    assert list(again.rows[-len(reported) :]) == reported
    assert [row["rank"] for row in again.rows[:2]] == [1, 1]


def test_reported_values_of_other_data_are_said_to_be(three):
    board = Board.of_runs(three).ranked(draws=20).with_published(anywhere=True)
    strict, reported = sections(board)
    assert len([row for row in board.rows if row["role"] == "published"]) == 34
    assert [part.title for part in strict.parts] == [""]
    assert reported.title == "Published results"
    official = Board.of_runs([three[0]]).rows[0]
    mixed = Board(({**official, "protocol": "official-1"}, *published_rows(["val"])))
    (section,) = sections(mixed)
    assert any("of grandf, not of the data" in note for note in section.notes)


def test_intervals_are_spoken_of_only_where_they_were_drawn(three):
    board = Board.of_runs(three)
    bare = [
        {name: value for name, value in row.items() if not name.endswith(("_low", "_high"))}
        for row in board.rows
    ]
    for made, told in ((board, True), (Board(tuple(bare)), False)):
        (section,) = sections(made)
        assert ("bootstrap intervals" in section.scale) is told
        assert section.scale.startswith("Scores × 100")


# --- verifying what needs no scoring


def test_published_rows_are_looked_up():
    right = published_rows(["val"])
    assert verify(Board(right)) == []
    wrong = ({**right[0], "AP50": 0.5}, {**right[1], "model": "Kosmos-3"})
    first, second = verify(Board(wrong))
    assert first == Fault("BuboGPT, published", "AP50", "0.5", "0.191")
    assert "not in the list" in str(second)


def test_rows_without_a_run_cannot_be_verified(three):
    row = Board.of_runs(three[:1]).rows[0]
    gone = {name: value for name, value in row.items() if name != "run"}
    (fault,) = verify(Board((gone,)))
    assert "does not say where its run is" in str(fault)
    (fault,) = verify(Board(({**row, "run": "/nowhere/at/all"},)))
    assert "not a run folder" in fault.found
    (fault,) = verify(Board(({**row, "protocol": "strict-9"},)))
    assert "strict-9" in fault.found


def test_every_protocol_is_ranked_by_its_own_score(tmp_path):
    for name, matched in {"few": [1] * 30, "many": [4] * 30}.items():
        run_folder(tmp_path / name, name, rows(matched))
    board = Board.of_runs([tmp_path / "few", tmp_path / "many"]).ranked(draws=200)
    assert {row["protocol"]: row["ranked_by"].partition(":")[0] for row in board.rows} == {
        "official-1": "mIoU", "strict-2": "F1",
    }  # fmt: skip
    assert [section.by for section in sections(board)] == ["mIoU", "F1"]
    # a table of papers alone is ranked by nothing, and shows what its protocol is ranked by
    assert [section.by for section in sections(Board(published_rows()))] == ["AP50"]
