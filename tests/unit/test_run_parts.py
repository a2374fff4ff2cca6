"""Runs whose predictions lie in numbered parts: appending, crashes, edits, failures, digests."""

import os
from pathlib import Path

import pytest

from gcg_bench.errors import BadData, EnvironmentProblem
from gcg_bench.files import limits
from gcg_bench.runs import Run, files
from gcg_bench.runs.index import RunIndex
from gcg_bench.runs.retrying import set_aside_failed
from gcg_bench.runs.seals import accept_changed_lines, refuse_changed_lines
from gcg_bench.types import Grounding, Prediction

SETTINGS = {"model": "m"}
IDS = tuple("abcdefg")
LINE = len('{"id": "a", "caption": "A", "phrases": [], "crc32": "00000000"}\n')


def answer(id_: str) -> Prediction:
    return Prediction(id_, Grounding(id_.upper()))


def filled(folder: Path, ids: tuple[str, ...] = IDS) -> Path:
    with Run.create_or_resume(folder, SETTINGS) as run:
        done = run.done_ids()
        for id_ in ids:
            if id_ not in done:
                run.append(answer(id_))
    return folder


def written(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("predictions*")}


@pytest.fixture
def three(monkeypatch) -> None:
    """A file holds three lines."""
    monkeypatch.setattr(limits, "PART", 3 * LINE + 5)


def test_a_full_file_is_followed_by_the_next(tmp_path: Path, three) -> None:
    assert list(written(filled(tmp_path, IDS[:3]))) == ["predictions.jsonl"]
    files = written(filled(tmp_path))
    numbers = ["predictions.00001.jsonl", "predictions.00002.jsonl", "predictions.00003.jsonl"]
    assert sorted(files) == numbers
    assert [len(files[name]) // LINE for name in numbers] == [3, 3, 1]
    assert list(Run.open(tmp_path).predictions()) == [answer(id_) for id_ in IDS]
    assert len(RunIndex(tmp_path)) == len(IDS)


def test_parts_are_the_one_file_and_have_its_digest(tmp_path: Path, monkeypatch) -> None:
    one = filled(tmp_path / "one")
    monkeypatch.setattr(limits, "PART", 3 * LINE)
    parts = filled(tmp_path / "parts")
    files = written(parts)
    joined = b"".join(files[name] for name in sorted(files))
    assert joined == (one / "predictions.jsonl").read_bytes()
    assert Run.open(parts).digests("p") == Run.open(one).digests("p")
    assert Run.open(parts).digests("p")[0]


def test_a_line_longer_than_a_file_gets_a_file_of_its_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(limits, "PART", 10)
    assert [len(part) for part in written(filled(tmp_path)).values()] == [LINE] * len(IDS)


class Killed(BaseException):
    """Ends the process in the test's imagination: nothing cleans up after it."""


class Kill:
    """Ends the process at the n-th act on a file: before it, or in the middle of a write."""

    def __init__(self, monkeypatch, number: int) -> None:
        self.left = number
        for owner, name in ((os, "open"), (files, "_write"), (os, "fsync"), (Path, "rename")):
            monkeypatch.setattr(owner, name, self.counted(getattr(owner, name)))

    def counted(self, really):
        def act(first, *rest, **more):
            if not isinstance(first, int) and "predictions" not in os.fspath(first):
                return really(first, *rest, **more)
            self.left -= 1
            if self.left == 0:
                if really.__name__ == "write":
                    really(first, bytes(rest[0])[: LINE // 2])
                raise Killed
            return really(first, *rest, **more)

        return act


def test_a_kill_at_any_act_ends_as_no_kill(tmp_path: Path, three) -> None:
    wanted = written(filled(tmp_path / "whole"))
    number, ended = 0, False
    while not ended:
        number += 1
        folder = filled(tmp_path / str(number), ())
        with pytest.MonkeyPatch.context() as patch:
            Kill(patch, number)
            try:
                filled(folder)
                ended = True
            except Killed:
                pass
        kept = Run.open(folder).done_ids()
        assert kept == set(IDS[: len(kept)])
        assert written(filled(folder)) == wanted
    # seven lines, three files that are opened, two that are synced, one that is renamed
    assert number == 7 + 3 + 2 + 1 + 1


def test_a_disk_that_is_full_at_the_roll_over_costs_nothing(tmp_path: Path, three) -> None:
    wanted = written(filled(tmp_path / "whole"))
    with Run.create_or_resume(tmp_path / "run", SETTINGS) as run:
        for id_ in IDS[:3]:
            run.append(answer(id_))
        for name in ("fsync", "open"):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, name, _full)
                with pytest.raises(EnvironmentProblem, match="No space left"):
                    run.append(answer("d"))
        for id_ in IDS[3:]:
            run.append(answer(id_))
    assert written(tmp_path / "run") == wanted


def _full(*_arguments: object, **_more: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_changed_line_is_named_and_accepted(tmp_path: Path, three) -> None:
    folder = filled(tmp_path)
    refuse_changed_lines(folder)
    second = folder / "predictions.00002.jsonl"
    second.write_bytes(second.read_bytes().replace(b'"E"', b'"X"'))
    third = folder / "predictions.00003.jsonl"
    third.write_bytes(third.read_bytes().replace(b'"G"', b'"Y"'))
    message = r"predictions\.00002\.jsonl: line 2: is not as the run wrote it.*1 more lines"
    with pytest.raises(BadData, match=message):
        refuse_changed_lines(folder)
    assert accept_changed_lines(folder) == 2
    refuse_changed_lines(folder)
    captions = [one.grounding.caption for one in Run.open(folder).predictions()]
    assert "".join(captions) == "ABCDXFY"


def test_failures_of_all_parts_are_set_aside(tmp_path: Path, three) -> None:
    with Run.create_or_resume(tmp_path, SETTINGS) as run:
        for id_ in IDS:
            failed = id_ in "bg"
            run.append(Prediction(id_, error="x") if failed else answer(id_))
    with Run.create_or_resume(tmp_path, SETTINGS) as run:
        assert set_aside_failed(run) == 2
    assert [one.id for one in Run.open(tmp_path).predictions()] == list("acdef")
    assert len((tmp_path / "failed.jsonl").read_bytes().splitlines()) == 2
    filled(tmp_path)
    assert [one.id for one in Run.open(tmp_path).predictions()] == list("acdefbg")
