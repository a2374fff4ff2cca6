"""Random access to the predictions of a run, and the numbered parts of a large one."""

import json
from pathlib import Path

import pytest

from gcg_bench.errors import BadData, MissingData
from gcg_bench.predictions.locating import prediction_files
from gcg_bench.predictions.run_parts import run_parts
from gcg_bench.runs import Run, index
from gcg_bench.runs.index import RunIndex
from gcg_bench.types import Grounding, Prediction

IDS = ("b", "a", "ü", 'quote "', "tab\u2028", "e" * 300)


def answer(id_: str) -> Prediction:
    return Prediction(id_, Grounding(f"caption of {id_}"), seconds=0.5)


def a_run(folder: Path, ids: tuple[str, ...] = IDS) -> Path:
    with Run.create_or_resume(folder, {"model": "m"}) as run:
        for id_ in ids:
            run.append(answer(id_))
    return folder


def in_parts(folder: Path, *numbers: int, lines: int = 2) -> Path:
    """Cuts the one file of a run into parts of some lines, of which some get written."""
    whole = (folder / "predictions.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "predictions.jsonl").unlink()
    for number in numbers:
        part = b"".join(whole[(number - 1) * lines : number * lines])
        (folder / f"predictions.{number:05d}.jsonl").write_bytes(part)
    return folder


@pytest.fixture(params=["one file", "parts"])
def folder(request, tmp_path: Path) -> Path:
    a_run(tmp_path / "run")
    return in_parts(tmp_path / "run", 1, 2, 3, 4) if request.param == "parts" else tmp_path / "run"


def test_any_prediction_is_read_in_any_order(folder: Path) -> None:
    found = RunIndex(folder)
    assert len(found) == len(IDS)
    assert list(found.ids()) == list(IDS)
    wanted = [*sorted(IDS), "a", "a"]
    assert list(found.predictions(wanted)) == [answer(id_) for id_ in wanted]
    whole = b"".join(file.read_bytes() for file in found.files)
    assert b"".join(found.lines(IDS)) == whole
    assert "a" in found
    assert "z" not in found
    assert 3 not in found
    assert found.nbytes == 20 * len(IDS)
    assert list(Run.open(folder).predictions()) == [answer(id_) for id_ in IDS]


def test_a_query_without_a_prediction_is_named(folder: Path) -> None:
    with pytest.raises(MissingData, match=r"run: has no prediction of 'z'"):
        list(RunIndex(folder).predictions(["a", "z"]))


def test_ids_of_one_hash_are_told_apart(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(index, "_hash", lambda id_: len(id_) % 2)
    found = RunIndex(folder)
    assert [one.id for one in found.predictions(reversed(IDS))] == list(reversed(IDS))
    assert "z" not in found


def test_an_empty_run(tmp_path: Path) -> None:
    found = RunIndex(a_run(tmp_path / "run", ()))
    assert (len(found), list(found.ids()), "a" in found) == (0, [], False)


def test_a_torn_last_line_is_left_out_and_a_whole_one_is_not(tmp_path: Path) -> None:
    file = a_run(tmp_path / "run", ("a", "b")) / "predictions.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert list(RunIndex(tmp_path / "run").lines(["b"])) == whole.splitlines(keepends=True)[1:]
    file.write_bytes(whole[:-9])
    assert list(RunIndex(tmp_path / "run").ids()) == ["a"]


def test_a_torn_line_inside_is_named(tmp_path: Path) -> None:
    folder = in_parts(a_run(tmp_path / "run", ("a", "b", "c")), 1, 2)
    first = folder / "predictions.00001.jsonl"
    first.write_bytes(first.read_bytes()[:-9])
    with pytest.raises(BadData, match=r"predictions\.00001\.jsonl: line 2: not JSON"):
        list(Run.open(folder).predictions())
    found = RunIndex(folder)
    with pytest.raises(BadData, match=r"predictions\.00001\.jsonl: line 2: not JSON"):
        list(found.predictions(["b"]))


def test_two_predictions_of_one_query_are_named(tmp_path: Path) -> None:
    folder = in_parts(a_run(tmp_path / "run", ("a", "b", "c")), 1, 2)
    second = folder / "predictions.00002.jsonl"
    second.write_text(second.read_text() + json.dumps({"id": "b", "caption": ""}) + "\n")
    message = r"predictions\.00002\.jsonl:2: image b: has an answer already, in .*00001\.jsonl:2"
    with pytest.raises(BadData, match=message):
        RunIndex(folder)


def test_a_line_of_another_form(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run", ("a",))
    with (folder / "predictions.jsonl").open("a") as stream:
        stream.write('{"caption": "c", "id": "b"}\n{"image_id": 7, "caption": "c"}\n')
    found = RunIndex(folder)
    assert list(found.ids()) == ["a", "b", "7"]
    assert next(found.predictions(["7"])).grounding.caption == "c"


def test_several_predictions_in_a_line_are_refused(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run", ())
    line = '[{"id": "a", "caption": ""}, {"id": "b", "caption": ""}]\n'
    (folder / "predictions.jsonl").write_text(line)
    with pytest.raises(BadData, match=r"line 1: holds 2 predictions"):
        RunIndex(folder)


# --- the numbers of parts --------------------------------------------------------------------


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = in_parts(a_run(tmp_path / "run"), 1, 3, 4)
    message = r"predictions\.00002\.jsonl: is missing, and predictions\.00004\.jsonl is there"
    with pytest.raises(BadData, match=message):
        run_parts(folder)
    with pytest.raises(BadData, match=message):
        list(Run.open(folder).predictions())
    with pytest.raises(BadData, match=message):
        Run.create_or_resume(folder, {"model": "m"})


def test_two_files_of_one_number_are_named(tmp_path: Path) -> None:
    folder = in_parts(a_run(tmp_path / "run"), 1, 2)
    (folder / "predictions.jsonl").write_bytes(b"")
    message = r"predictions\.00001\.jsonl: has the number 1, and so has predictions\.jsonl"
    with pytest.raises(BadData, match=message):
        run_parts(folder)


def test_a_number_is_written_in_one_way(tmp_path: Path) -> None:
    folder = in_parts(a_run(tmp_path / "run"), 1, 2)
    (folder / "predictions.2.jsonl").write_bytes(b"")
    with pytest.raises(BadData, match=r"predictions\.2\.jsonl: has the number 2"):
        run_parts(folder)
    (folder / "predictions.00002.jsonl").unlink()
    with pytest.raises(BadData, match=r"number 2 is named predictions\.00002\.jsonl"):
        run_parts(folder)


def test_parts_count_only_in_runs(tmp_path: Path) -> None:
    for name in ("predictions.1.jsonl", "predictions.00001.jsonl"):
        (tmp_path / name).write_text(json.dumps({"id": name, "caption": "c"}) + "\n")
    names = [file.name for file in prediction_files(tmp_path)]
    assert names == ["predictions.00001.jsonl", "predictions.1.jsonl"]
