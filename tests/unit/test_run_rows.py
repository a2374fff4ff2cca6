"""Rows and scores of a run: bit for bit, of these images and predictions, or refused."""

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from support.started_runs import SETTINGS, answer, started

from gcg_bench.errors import (
    BadData,
    BadOption,
    EnvironmentProblem,
    MissingData,
)
from gcg_bench.runs import Run
from gcg_bench.types import Rows

# --- rows and scores -------------------------------------------------------------------------


def rows(ids: tuple[str, ...], **columns: object) -> Rows:
    made = {}
    for name, values in columns.items():
        if all(isinstance(value, float) for value in values):
            made[name] = np.array(values, dtype=np.float64)
        else:
            made[name] = np.empty(len(values), dtype=object)
            for k, value in enumerate(values):
                made[name][k] = np.array(value, dtype=np.float64)
    return Rows(ids, made)


def bits(column: np.ndarray) -> list[bytes]:
    return [np.asarray(value, dtype=np.float64).tobytes() for value in column]


def assert_equal(found: dict[str, Rows], wanted: dict[str, Rows]) -> None:
    assert list(found) == list(wanted)
    for metric, one in wanted.items():
        assert found[metric].ids == one.ids
        assert list(found[metric].columns) == list(one.columns)
        for name, column in one.columns.items():
            assert found[metric].columns[name].dtype == column.dtype
            assert bits(found[metric].columns[name]) == bits(column)


def test_rows_come_back_bit_for_bit(tmp_path: Path) -> None:
    run = Run.open(started(tmp_path))
    ids = ("b", "a", "ü")
    wanted = {
        "miou": rows(ids, iou=(0.1, float("nan"), -0.0)),
        "ap50": rows(ids, ious=([0.5, float("nan")], [], [1.0]), truth=(1.0, 0.0, float("inf"))),
        "same": rows(ids, equal=([1.0, 2.0], [3.0, 4.0], [5.0, 6.0]), none=([], [], [])),
    }
    run.write_rows("official-1", wanted)
    assert_equal(run.read_rows("official-1"), wanted)
    table = parquet.read_table(tmp_path / "official-1" / "rows.parquet")
    columns = ["miou.iou", "ap50.ious", "ap50.truth", "same.equal", "same.none"]
    assert table.column_names == ["id", *columns]
    assert [table.column(name).null_count for name in columns] == [0] * 5  # NaN is a number


value = st.floats(allow_nan=False)


@given(st.lists(st.tuples(value, st.lists(value, max_size=4)), max_size=5))
def test_rows_of_any_shape_come_back(tmp_path_factory, made: list) -> None:
    run = Run.open(started(tmp_path_factory.mktemp("run")))
    ids = tuple(str(k) for k in range(len(made)))
    listed = np.empty(len(made), dtype=object)
    for k, (_, entry) in enumerate(made):
        listed[k] = np.array(entry, dtype=np.float64)
    plain = np.array([one for one, _ in made], dtype=np.float64)
    wanted = {"m": Rows(ids, {"plain": plain, "listed": listed})}
    run.write_rows("strict-2", wanted)
    assert_equal(run.read_rows("strict-2"), wanted)


def test_rows_of_other_images_are_refused(tmp_path: Path) -> None:
    run = Run.open(started(tmp_path))
    with pytest.raises(BadOption, match="of other images"):
        run.write_rows("p-1", {"a": rows(("x",), v=(1.0,)), "b": rows(("y",), v=(1.0,))})
    with pytest.raises(BadOption, match="dot"):
        run.write_rows("p-1", {"a.b": rows(("x",), v=(1.0,))})
    assert list((tmp_path / "p-1").iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "", ".", "a/b", "/x", ".hidden"])
def test_protocols_name_plain_folders(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadOption, match="cannot name the folder"):
        Run.open(started(tmp_path)).write_scores(name, {})


def test_scores_say_that_scoring_finished(tmp_path: Path) -> None:
    run = Run.open(started(tmp_path, "a"))
    wanted = {"scores": {"AP50": {"value": 0.25, "low": None}}, "note": "ü"}
    with pytest.raises(MissingData, match="gcg-bench score"):
        run.read_rows("gcg.official-1")
    run.write_rows("gcg.official-1", {"m": rows(("a",), v=(1.0,))})
    assert run.scores("gcg.official-1") is None
    assert run.all_scores() == []
    run.write_scores("gcg.official-1", wanted)
    assert run.scores("gcg.official-1") == wanted
    assert (run.protocols(), run.all_scores()) == (("gcg.official-1",), [wanted])
    run.write_rows(
        "gcg.official-1", {"m": rows(("a",), v=(2.0,))}
    )  # scored again, not yet finished
    assert run.scores("gcg.official-1") is None
    with pytest.raises(BadOption, match="scores cannot be written as JSON"):
        run.write_scores("gcg.official-1", {"value": float("nan")})


def test_a_new_answer_discards_the_scores_of_the_old(tmp_path: Path) -> None:
    started(tmp_path, "a")
    Run.open(tmp_path).write_scores("gcg.official-1", {"n": 1})
    with Run.create_or_resume(tmp_path, SETTINGS) as run:
        assert run.scores("gcg.official-1") == {"n": 1}  # opening alone changes nothing
        run.append(answer("b"))
        assert run.scores("gcg.official-1") is None


def test_a_crash_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    run = Run.open(started(tmp_path))
    old = {"m": rows(("a",), v=(1.0,))}
    run.write_rows("p-1", old)

    def fails(file: Path, _: object) -> None:
        file.write_bytes(b"PAR1 half a file")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gcg_bench.runs.tables.write", fails)
    with pytest.raises(EnvironmentProblem, match="No space left"):
        run.write_rows("p-1", {"m": rows(("a",), v=(2.0,))})
    assert_equal(run.read_rows("p-1"), old)
    assert [file.name for file in (tmp_path / "p-1").iterdir()] == ["rows.parquet"]


def test_damaged_rows(tmp_path: Path) -> None:
    run = Run.open(started(tmp_path))
    run.write_rows("p-1", {"m": rows(("a",), v=(1.0,))})
    file = tmp_path / "p-1" / "rows.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(BadData, match=r"rows\.parquet: .*Delete it and score the run again"):
        run.read_rows("p-1")
