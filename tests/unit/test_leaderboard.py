"""Boards: who shares a rank, who has none, and what each format makes of hostile text."""

import csv
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scored import SMALL_STRICT, result, rows, run_folder

from gcg_bench.errors import BadData, BadOption, MissingData
from gcg_bench.metrics.hallucination import Hallucination
from gcg_bench.reporting.leaderboard import Board, Fault, published_rows, verify, write_board
from gcg_bench.reporting.leaderboard import ranking as ranking_module
from gcg_bench.reporting.leaderboard.latex import escaped as tex
from gcg_bench.reporting.leaderboard.layout import sections
from gcg_bench.reporting.leaderboard.markdown import escaped as md
from gcg_bench.reporting.leaderboard.ranking import _ranks, by_test, by_value
from gcg_bench.reporting.leaderboard.rows import is_baseline
from gcg_bench.runs import Run
from gcg_bench.scoring.comparable import differences, refuse_unlike
from gcg_bench.scoring.storage import keep, load_result
from gcg_bench.statistics import holm
from gcg_bench.types import ScoreSpec

FACTS = Path(__file__).parents[3] / "shared" / "facts" / "published_results.csv"
STRICT_FOLDER = "gcg.strict-2"


def counts(rate, seed, n=60):
    return np.random.default_rng(seed).binomial(5, rate, n)


@pytest.fixture
def three(tmp_path):
    """One system far ahead of two that nearly agree."""
    made = {"far": counts(0.9, 1), "near": counts(0.5, 2), "close": counts(0.5, 2)}
    made["close"][:3] = 5 - made["close"][:3]
    for name, matched in made.items():
        run_folder(tmp_path / name, name, rows(matched), protocols=[SMALL_STRICT])
    return [tmp_path / name for name in made]


# --- ranks


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
    ("field", "value"), [("encoder", "other@1"), ("truth", "x"), ("split", "test"), ("card", "9")]
)
def test_unlike_rows_are_refused_by_name(three, tmp_path, field, value):
    run_folder(tmp_path / "x", "odd", rows([1] * 60), protocols=[SMALL_STRICT], **{field: value})
    with pytest.raises(BadOption, match=f"far and odd cannot be ranked together: {field} is"):
        Board.of_runs([three[0], tmp_path / "x"]).ranked()


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
    with pytest.raises(BadOption, match=r"same \(one\) and same \(two\) cannot be .*: split is"):
        Board.of_runs([tmp_path / "one", tmp_path / "two"]).ranked()


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


# --- under the line


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
    assert {row["split"] for row in reported} == {"val", "unspecified"}
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
    board = Board.of_runs(three).ranked(draws=20).with_published()
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
        assert any("bootstrap intervals" in note for note in section.notes) is told
        assert section.notes[0].startswith("Scores × 100")


# --- files

# without what cannot be seen, which is spelt out: see test_environments.py
FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0" + "".join(
    map(chr, [*range(0x180B, 0x1810), *range(0xFE00, 0xFE0E), *range(0xE0100, 0xE01F0)])
)
TEXTS = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc", "Cf", "Cn", "Zl", "Zp"], exclude_characters=FILLERS
    )
    | st.sampled_from('",\n;|\\&%$#_{}~^<>`*='),
    min_size=1,
    max_size=12,
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
FIELDS = st.dictionaries(TEXTS, TEXTS, max_size=3)
DESCRIBED = st.dictionaries(
    TEXTS,
    st.fixed_dictionaries(
        {
            "direction": st.sampled_from(["higher", "lower", "neither"]),
            "scale": st.sampled_from(["share", "CIDEr", "plain"]),
        },
        optional={"ranks": st.just(True)},
    ),
    max_size=3,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "model": TEXTS,
                "protocol": TEXTS,
                "task": TEXTS,
                "scores": DESCRIBED,
                "measurement": FIELDS,
                "answered": FIELDS,
            },
            optional={
                "rank": st.integers(1, 99),
                "n": st.integers(0, 10**7),
                "F1": FLOATS,
                "F1_low": FLOATS,
                "note": TEXTS,
                "source": TEXTS,
                "signature": TEXTS,
                "confidences": TEXTS,
            },
        ),
        min_size=1,
        max_size=4,
    )
)
def test_csv_comes_back_as_it_was(tmp_path_factory, held):
    file = tmp_path_factory.mktemp("board") / "board.csv"
    board = Board(tuple(held))
    board.write(file)
    assert Board.read(file) == board


def test_csv_of_runs_comes_back_as_it_was(three, tmp_path):
    board = Board.of_runs(three).ranked(draws=20).with_published()
    file = tmp_path / "far" / "board.csv"
    board.write(file)
    assert Board.read(file) == board
    with file.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    # paths are relative, so a folder of runs can be moved with its board
    assert lines[0]["run"] == "."
    assert {line["run"] for line in lines[1:3]} == {"../near", "../close"}
    assert lines[0]["signature"].startswith("protocol:strict-2|")
    assert len(lines[0]["predictions"]) == 64
    assert lines[0]["evaluator"] == "gcg-bench-0.1.0"
    assert json.loads(lines[0]["answered"]) == {"prompt": "none"}
    assert json.loads(lines[0]["measurement"])["encoder"] == "minilm@53aa5117"
    assert json.loads(lines[0]["scores"])["F1"] == {
        "direction": "higher", "scale": "share", "ranks": True,
    }  # fmt: skip
    assert json.loads(lines[0]["scores"])["Hallucination"]["direction"] == "lower"
    assert lines[-1]["measurement"] == lines[-1]["scores"] == ""  # of a paper


def test_a_board_of_papers_alone_comes_back(tmp_path):
    Board(published_rows()).write(tmp_path / "papers.csv")
    assert Board.read(tmp_path / "papers.csv").rows == published_rows()


def test_a_board_of_an_earlier_version_is_refused_with_the_remedy(three, tmp_path):
    """Its rows are only texts and numbers: it is made again from its runs."""
    file = tmp_path / "board.csv"
    file.write_text("model,protocol,F1,signature\nfar,strict-2,0.5,protocol:strict-2|n:60\n")
    with pytest.raises(BadData, match=r"line 2: column task: is missing.*leaderboard RUN\.\.\."):
        Board.read(file)


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        ("measurement", "[1]", "should be an object"),
        ("measurement", "{", "not JSON"),
        ("measurement", '{"n": 3}', "n: should be text"),
        ("answered", '{"prompt": null}', "prompt: is missing"),
        ("answered", '{"a": "1", "a": "2"}', "twice"),
        ("scores", '{"F1": 1}', "F1: should be an object"),
        ("scores", '{"F1": {"direction": "up", "scale": "share"}}', "direction: is 'up'; known"),
        ("scores", '{"F1": {"direction": "lower", "scale": "%"}}', "scale: is '%'; known"),
        ("scores", '{"F1": {"direction": "lower"}}', "scale: is missing"),
        ("scores", '{"F1": {"direction": "lower", "scale": "share", "x": 1}}', "no such field"),
    ],
)
def test_mappings_that_no_board_holds(three, tmp_path, column, cell, words):
    file = tmp_path / "board.csv"
    Board.of_runs(three).write(file)
    with file.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    with file.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(lines[0]))
        table.writeheader()
        table.writerows([lines[0], {**lines[1], column: cell}])
    with pytest.raises(BadData, match=rf"line 3: column {column}.*{re.escape(words)}") as raised:
        Board.read(file)
    assert "leaderboard RUN" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column 'model'"),
        ("rank,model\n", "no column 'protocol'"),
        ("model,protocol,signature,model\n", "two columns 'model'"),
        ("model,protocol,signature,F1\na,b,c,high\n", "line 2: column F1"),
        ("model,protocol,signature,F1\na,b,c,nan\n", "line 2: column F1"),
        ("model,protocol,signature,rank\na,b,c,1.5\n", "whole number"),
        ("model,protocol,signature\na,b\n", "2 cells in a table of 3"),
        ("model,protocol,signature\n,b,c\n", "line 2: model"),
        ("model,protocol,role\na,b,system\n", "line 2: column task: is missing"),
        ('model,protocol,signature\n"a,b,c\n', "not a board"),
    ],
)
def test_what_is_no_board_is_refused(tmp_path, text, words):
    file = tmp_path / "board.csv"
    file.write_text(text)
    with pytest.raises(BadData, match=re.escape(words)):
        Board.read(file)


def test_files_that_are_none(tmp_path):
    with pytest.raises(MissingData, match="no such board"):
        Board.read(tmp_path / "gone.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadData, match="not a board"):
        Board.read(tmp_path / "b.csv")
    with pytest.raises(BadOption, match=r"\.csv, \.md, \.tex, \.html"):
        write_board(Board(()), tmp_path / "board.xlsx")


HOSTILE = (
    '<script>alert(1)</script> & | "x" `y` \\input{z} $a_b^c$ 100% #1 {~} *b* [l](javascript:1)'
    " \u202ert\u202c \U0001f600 é -- \n next"
)


@pytest.fixture
def hostile(tmp_path):
    for name in ("a", "b"):
        settings = {"decoding": {"note": HOSTILE}}
        run_folder(
            tmp_path / name, f"{HOSTILE} {name}", rows([2, 4, 1]), settings=settings, prompt=HOSTILE
            .replace("|", "/") + name,
        )  # fmt: skip
    board = Board.of_runs([tmp_path / "a", tmp_path / "b"])
    official = [row for row in board.rows if row["protocol"] == "official-1"]
    return Board(tuple(official)).ranked("mIoU").with_published()


def test_markdown_is_one_table_of_even_width(hostile, tmp_path):
    write_board(hostile, tmp_path / "board.md")
    text = (tmp_path / "board.md").read_text("utf-8")
    table = [line for line in text.splitlines() if line.startswith("|")]
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in table]
    assert len(table) > 30
    assert set(cells) == {cells[0]}
    assert not re.search(r"(?<!\\)<", text.split("Signature:")[0])
    assert "reported" in text
    assert "Sources of reported values" in text


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=40))
def test_markdown_escapes_what_means_something(text):
    shown = md(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>|&]", shown)
    assert "\n" not in shown
    # what a reader sees: every escape taken away
    one_line = " ".join(text.split())
    plain = re.sub(r"[\x00-\x1f\x7f-\x9f\xad]", lambda m: f"\\x{ord(m[0]):02x}", one_line)
    assert re.sub(r"\\(.)", r"\1", shown) == plain


def structure(text):
    """Checks that TeX could read it: commands, braces, environments, cells; gives rows of cells."""
    text = re.sub(r"(?m)(?<!\\)%.*$", "", text)
    stack, environments, found = [], [], []
    for token in re.finditer(r"\\(begin|end)\{(\w+\*?)\}|\\([A-Za-z]+|.)|([{}$&#^_~])", text):
        kind, name, _, special = token.groups()
        if kind == "begin":
            environments.append(name)
        elif kind == "end":
            assert environments.pop() == name
        elif special == "{":
            stack.append(token.start())
        elif special == "}":
            assert stack, text[token.start() - 40 : token.start() + 10]
            stack.pop()
        elif special == "&":
            assert environments[-1] == "tabular"
        elif special == "$":
            found.append("$")
        else:
            assert special not in ("^", "_"), text[token.start() - 40 : token.start() + 10]
    assert stack == []
    assert environments == []
    assert found.count("$") % 2 == 0


def test_latex_could_be_set(hostile, tmp_path):
    write_board(hostile, tmp_path / "board.tex")
    text = (tmp_path / "board.tex").read_text("utf-8")
    structure(text)
    assert text.count("\\toprule") == text.count("\\bottomrule") == 1
    columns = re.search(r"\\begin\{tabular\}\{@\{\}([lr]+)@\{\}\}", text)[1]
    body = text.partition("\\toprule")[2].partition("\\bottomrule")[0]
    lines = [one for one in body.splitlines() if one.endswith(" \\\\") and "multicolumn" not in one]
    assert len(lines) > 25
    for line in lines:
        assert len(re.findall(r"(?<!\\)&", line)) + 1 == len(columns)
    assert f"\\multicolumn{{{len(columns)}}}" in body
    assert "\\input" not in text
    assert "[U+1F600]" in text
    assert "\u202e" not in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_latex_is_set(hostile, tmp_path):
    write_board(hostile, tmp_path / "board.tex")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n"
        "\\begin{document}\n\\input{board.tex}\n\\end{document}\n"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")
    assert "Missing character" not in (tmp_path / "paper.log").read_text(errors="replace")


@given(st.text(max_size=40))
def test_latex_of_any_text_could_be_set(text):
    shown = tex(text)
    structure(shown)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[%#&]", shown)
    assert "--" not in shown.replace("-{-}", "") or any(sign in text for sign in "–—")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b & 50%", r"a\_b \& 50\%"),
        ("C:\\x{y}", r"C:\textbackslash{}x\{y\}"),
        ("x^2 ~ $1 #2", r"x\textasciicircum{}2 \textasciitilde{} \$1 \#2"),
        ("--", "-{-}"),
        ("Dollár †", r"Dollár \textdagger{}"),
        ("日", "[U+65E5]"),
    ],
)
def test_latex_spellings(text, shown):
    assert tex(text) == shown


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text, self.meta = [], [], [], {}

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag == "meta" and ("http-equiv", "Content-Security-Policy") in attrs:
            self.meta = dict(attrs)

    def handle_data(self, data):
        self.text.append(data)


def test_html_is_one_closed_page(hostile, tmp_path):
    write_board(hostile, tmp_path / "board.html")
    page = Reader()
    page.feed((tmp_path / "board.html").read_text("utf-8"))
    assert page.tags.count("script") == page.tags.count("style") == 1
    assert not {"img", "iframe", "object"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on") or name == "style"]
    assert not {"src", "action"} & set(page.attributes)
    policy = page.meta["content"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert any("<script>alert(1)</script>" in text for text in page.text)
    assert page.tags.count("tbody") == 2


def test_html_ranks_stand_with_their_intervals(three, tmp_path):
    write_board(Board.of_runs(three).ranked(draws=200), tmp_path / "b.html")
    text = (tmp_path / "b.html").read_text("utf-8")
    assert text.count('class="group"') == 1  # between rank 1 and the two that share rank 2
    assert "Holm over 2 lines" in text


# --- notebooks


def test_a_board_shows_itself(hostile, three):
    shown = Board.of_runs(three).ranked(draws=20)._repr_html_()
    assert "<td><bdi>far</bdi></td>" in shown
    assert "gone" not in shown
    assert str(three[0]) not in shown
    assert "<script" not in hostile._repr_html_()
    frame = Board.of_runs(three).ranked(draws=20).frame()
    assert list(frame.columns[:5]) == ["rank", "model", "dataset", "split", "protocol"]
    assert next(iter(frame["model"])) == "far"
    assert frame["F1"].iloc[0] == Board.of_runs(three).rows[0]["F1"]


def test_a_run_shows_itself(tmp_path):
    run = run_folder(tmp_path / "r", "<b>bold</b>", rows([2, 4, 1]))
    frame = run.frame()
    assert list(frame.index) == ["image_0", "image_1", "image_2"]
    assert list(frame["strict-2.phrase_f1.matched"]) == [2, 4, 1]
    assert "official-1.miou.miou" in frame.columns
    shown = run._repr_html_()
    assert "&lt;b&gt;bold&lt;/b&gt;" in shown
    assert "<b>" not in shown
    assert "strict v2" in shown
    bare = run_folder(tmp_path / "s", "bare", rows([1]), protocols=[])
    assert "not scored yet" in bare._repr_html_()
    assert len(bare.frame()) == 0


def test_a_result_shows_its_scores_and_rows():
    made = result(SMALL_STRICT, rows([5, 0]), prompt="<i>")
    assert "50.0 [0.0, 100.0]" in made._repr_html_()
    assert "&lt;i&gt;" in made._repr_html_()
    assert list(made.frame()["phrase_f1.matched"]) == [5, 0]
    assert made.to_json()["resampling"] == {"draws": 20, "seed": 0}
    flat = replace(made, scores=tuple(replace(s, low=None, high=None) for s in made.scores))
    assert "[" not in flat._repr_html_().partition("signature")[0]


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
