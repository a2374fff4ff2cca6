"""The run folder: creating, filling, killing, resuming and reading it."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.started_runs import SETTINGS, answer, started

from gcg_bench.errors import (
    BadData,
    BadOption,
    EnvironmentProblem,
    MissingData,
    RunConflict,
    RunLocked,
)
from gcg_bench.files import limits
from gcg_bench.predictions import write_line
from gcg_bench.runs import Run, files
from gcg_bench.types import Prediction

# --- settings --------------------------------------------------------------------------------


def test_settings_are_written_once_and_never_changed(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    with Run.create_or_resume(folder, SETTINGS, environment={"torch": "2.6"}) as run:
        assert (run.settings, run.environment) == (SETTINGS, {"torch": "2.6"})
    before = (folder / "run.json").read_bytes()
    stored = json.loads(before)
    checksums = stored.pop("crc32")
    assert stored == {**SETTINGS, "environment": {"torch": "2.6"}}
    assert set(checksums) == {*SETTINGS, "environment.torch"}
    with Run.create_or_resume(folder, SETTINGS, environment={"torch": "3.0"}) as run:
        assert run.environment == {"torch": "2.6"}
    assert (folder / "run.json").read_bytes() == before
    assert sorted(file.name for file in folder.iterdir()) == ["run.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "glamm"}, r"model was 'silent', now it is 'glamm'"),
        ({"decoding": {"max_new_tokens": 64}}, r"decoding\.max_new_tokens was 512, now it is 64"),
        ({"decoding": {}}, r"decoding\.max_new_tokens was 512, now it is not set"),
        ({"prompt": "Hi"}, r"prompt was not set, now it is 'Hi'"),
        ({"prompt": None}, r"prompt was not set, now it is None"),
        ({"seed": False}, r"seed was 0, now it is False"),
    ],
)
def test_other_settings_are_a_conflict_that_names_the_field(tmp_path, change, message) -> None:
    folder = started(tmp_path / "run", "a")
    with pytest.raises(RunConflict, match=message):
        Run.create_or_resume(folder, {**SETTINGS, **change})
    started(folder, "b")  # the refusal left no lock behind
    assert Run.open(folder).done_ids() == {"a", "b"}


def test_tuples_and_lists_are_one_setting(tmp_path: Path) -> None:
    Run.create_or_resume(tmp_path, {"prompt": ("a", "b")}).close()
    Run.create_or_resume(tmp_path, {"prompt": ["a", "b"]}).close()


@pytest.mark.parametrize(
    "bad", [{"a": {1, 2}}, {"a": float("nan")}, {"environment": {}}, {"crc32": {}}]
)
def test_settings_that_cannot_be_kept(tmp_path: Path, bad: dict) -> None:
    with pytest.raises(BadOption):
        Run.create_or_resume(tmp_path / "run", bad)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "predictions.jsonl").write_text("precious\n")
    with pytest.raises(BadOption, match=r"holds 'predictions.jsonl' but no run.json"):
        Run.create_or_resume(tmp_path, SETTINGS)
    assert [file.name for file in tmp_path.iterdir()] == ["predictions.jsonl"]
    assert not Run.is_run(tmp_path)
    with pytest.raises(MissingData, match="not a run folder"):
        Run.open(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="cannot be created"):
        Run.create_or_resume(tmp_path / "file" / "run", SETTINGS)


@pytest.mark.parametrize("content", ["{", "[]", ""])
def test_a_damaged_run_json(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(BadData, match=r"run\.json"):
        Run.open(tmp_path)
    with pytest.raises(BadData, match=r"run\.json"):
        Run.create_or_resume(tmp_path, SETTINGS)
    assert not (tmp_path / ".lock").exists()


# --- predictions -----------------------------------------------------------------------------


def test_answers_are_kept_in_completion_order(tmp_path: Path) -> None:
    made = [answer("b"), Prediction("a", error="out of memory"), answer("c")]
    with Run.create_or_resume(tmp_path, SETTINGS) as run:
        assert run.done_ids() == frozenset()
        assert list(run.predictions()) == []
        for one in made:
            run.append(one)
            # written to disk at once, and readable without a lock
            assert list(Run.open(tmp_path).predictions())[-1] == one
        assert run.done_ids() == {"a", "b", "c"}
        assert list(run.predictions()) == made
    with Run.create_or_resume(tmp_path, SETTINGS) as run:
        run.append(answer("d"))
    assert [one.id for one in Run.open(tmp_path).predictions()] == ["b", "a", "c", "d"]


def test_an_image_is_answered_once(tmp_path: Path) -> None:
    started(tmp_path, "a")
    with Run.create_or_resume(tmp_path, SETTINGS) as run, pytest.raises(BadData, match="already"):
        run.append(answer("a"))


def test_reading_takes_no_lock_and_gives_no_right_to_write(tmp_path: Path) -> None:
    started(tmp_path, "a")
    with pytest.raises(RunLocked, match="for reading only"):
        Run.open(tmp_path).append(answer("b"))
    run = Run.create_or_resume(tmp_path, SETTINGS)
    run.close()
    run.close()
    with pytest.raises(RunLocked, match="for reading only"):
        run.append(answer("b"))


def test_wherever_a_line_is_torn_the_rest_is_kept(tmp_path: Path) -> None:
    folder = started(tmp_path / "run", "a", "b")
    file = folder / "predictions.jsonl"
    whole = file.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        file.write_bytes(whole[:cut])
        survived = {"a", "b"} if cut == len(whole) - 1 else {"a"}
        assert Run.open(folder).done_ids() == survived
        assert file.read_bytes() == whole[:cut]  # reading repairs nothing
        with Run.create_or_resume(folder, SETTINGS) as run:
            assert run.done_ids() == survived
            assert file.read_bytes() == (whole if "b" in survived else whole[:first])
            run.append(answer("c"))
        assert [one.id for one in Run.open(folder).predictions()] == [*sorted(survived), "c"]


def test_a_tail_of_zeros_after_a_power_cut(tmp_path: Path) -> None:
    started(tmp_path, "a")
    with (tmp_path / "predictions.jsonl").open("ab") as stream:
        stream.write(b"\0" * 100_000)
    with Run.create_or_resume(tmp_path, SETTINGS) as run:
        run.append(answer("b"))
    assert [one.id for one in Run.open(tmp_path).predictions()] == ["a", "b"]


def test_an_end_that_is_no_line_is_refused_and_not_read(tmp_path: Path) -> None:
    started(tmp_path, "a")
    file = tmp_path / "predictions.jsonl"
    os.truncate(file, 2**34)  # a sparse file, which needs no disk space
    with pytest.raises(BadData, match=r"predictions\.jsonl: .*67,108,864 bytes.*Cut that end off"):
        Run.create_or_resume(tmp_path, SETTINGS)
    assert file.stat().st_size == 2**34
    assert not (tmp_path / ".lock").exists()


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_torn_line_is_cut_off_up_to_the_length_of_any_line(
    tmp_path: Path, monkeypatch, more: int
) -> None:
    monkeypatch.setattr(limits, "LINE", 200_000)
    started(tmp_path, "a")
    file = tmp_path / "predictions.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + b"[" * (limits.LINE + more))
    if more > 0:
        with pytest.raises(BadData, match="200,000 bytes"):
            Run.create_or_resume(tmp_path, SETTINGS)
        return
    with Run.create_or_resume(tmp_path, SETTINGS) as run:
        assert run.done_ids() == {"a"}
    assert file.read_bytes() == whole


def test_a_line_damaged_in_the_middle_is_named(tmp_path: Path) -> None:
    started(tmp_path, "a")
    with (tmp_path / "predictions.jsonl").open("a") as stream:
        stream.write("damage\n" + write_line(answer("b")) + "\n")
    with pytest.raises(BadData, match="line 2"):
        list(Run.open(tmp_path).predictions())


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch) -> None:
    started(tmp_path, "a")
    before = (tmp_path / "predictions.jsonl").read_bytes()
    really = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) <= 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(handle, data[: len(data) - 20])

    with Run.create_or_resume(tmp_path, SETTINGS) as run:
        monkeypatch.setattr(files, "_write", full)
        with pytest.raises(EnvironmentProblem, match="No space left"):
            run.append(answer("b"))
        assert (tmp_path / "predictions.jsonl").read_bytes() == before
        assert run.done_ids() == {"a"}
        monkeypatch.setattr(files, "_write", really)
        run.append(answer("b"))
    assert Run.open(tmp_path).done_ids() == {"a", "b"}


# --- killed ----------------------------------------------------------------------------------

WRITER = """
import itertools, sys
from pathlib import Path
from gcg_bench.runs import Run
from gcg_bench.types import Grounding, Prediction
with Run.create_or_resume(Path(sys.argv[1]), {"model": "writer"}) as run:
    for k in itertools.count(len(run.done_ids())):
        run.append(Prediction(f"image {k}", Grounding("word " * 5000)))
        print(k, flush=True)
"""


def spawn(code: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="a lock of a dead process waits there")
def test_killed_and_resumed(tmp_path: Path) -> None:
    folder, seen = tmp_path / "run", 0
    for _ in range(2):
        with spawn(WRITER, folder) as writer:
            for _ in range(20):
                seen = int(writer.stdout.readline()) + 1
            writer.send_signal(signal.SIGKILL)
        assert (folder / ".lock").exists()  # the killed process did not remove it
        run = Run.open(folder)
        assert len(run.done_ids()) >= seen  # every reported prediction is stored
    with Run.create_or_resume(folder, {"model": "writer"}) as run:
        ids = [one.id for one in run.predictions()]
    assert ids == [f"image {k}" for k in range(len(ids))]
    assert len(ids) >= 40


def test_interrupted_runs_give_their_lock_back(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Run.create_or_resume(tmp_path, SETTINGS):
        raise KeyboardInterrupt
    assert not (tmp_path / ".lock").exists()


# --- two processes ---------------------------------------------------------------------------

HOLDER = """
import os, sys
from pathlib import Path
from gcg_bench.runs import Run
with Run.create_or_resume(Path(sys.argv[1]), {"model": "holder"}):
    print(os.getpid(), flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    with spawn(HOLDER, tmp_path) as holder:
        pid = int(holder.stdout.readline())
        with pytest.raises(RunLocked, match=rf"in use by process {pid} on {os.uname().nodename}"):
            Run.create_or_resume(tmp_path, {"model": "holder"})
        assert Run.open(tmp_path).settings == {"model": "holder"}
        holder.stdin.close()
        holder.wait()
    Run.create_or_resume(tmp_path, {"model": "holder"}).close()


RACER = """
import sys, time
from pathlib import Path
from gcg_bench.errors import RunLocked
from gcg_bench.runs import Run
print("ready", flush=True)
sys.stdin.readline()
try:
    with Run.create_or_resume(Path(sys.argv[1]), {"model": "racer"}):
        print("won", flush=True)
        sys.stdin.readline()
except RunLocked:
    print("refused", flush=True)
"""


def test_of_processes_that_race_for_a_dead_ones_run_one_wins(tmp_path: Path) -> None:
    Run.create_or_resume(tmp_path, {"model": "racer"}).close()
    racers = [spawn(RACER, tmp_path) for _ in range(3)]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    with spawn(HOLDER.replace('"holder"', '"racer"'), tmp_path) as dead:
        dead.stdout.readline()
        dead.kill()
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outcomes = [racer.stdout.readline().strip() for racer in racers]
    for racer in racers:
        racer.communicate("done\n" if racer.poll() is None else None, timeout=30)
    assert sorted(outcomes) == ["refused", "refused", "won"]


def test_a_run_is_not_opened_twice_by_one_process(tmp_path: Path) -> None:
    with (
        Run.create_or_resume(tmp_path, SETTINGS),
        pytest.raises(RunLocked, match=rf"this process \(pid {os.getpid()}\)"),
    ):
        Run.create_or_resume(tmp_path, SETTINGS)
    Run.create_or_resume(tmp_path, SETTINGS).close()


def test_a_lock_that_was_lost_stops_the_writer(tmp_path: Path) -> None:
    with Run.create_or_resume(tmp_path, SETTINGS) as run:
        run.append(answer("a"))
        (tmp_path / ".lock").unlink()
        with pytest.raises(RunLocked, match="deleted or taken over"):
            run.append(answer("b"))
    assert Run.open(tmp_path).done_ids() == {"a"}
