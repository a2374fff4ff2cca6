"""The lock file: which processes it refuses, and when it is taken over."""

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from gcg_bench.errors import EnvironmentProblem, RunLocked
from gcg_bench.runs import lock as lock_module
from gcg_bench.runs.lock import STALE_AFTER, Lock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pids are not asked there")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".lock"


def held_by(file: Path, *, age: float = 0.0, **changes: object) -> None:
    """A lock file as another process would leave it."""
    file.unlink(missing_ok=True)
    lock = Lock(file)
    value = {**asdict(lock.holder), "token": "other", **changes}
    lock.release()
    file.write_text(json.dumps(value))
    then = time.time() - age
    os.utime(file, (then, then))


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def taken(file: Path) -> bool:
    """Whether the lock can be taken; a lock that can be taken is released again."""
    before = file.read_bytes()
    try:
        lock = Lock(file)
    except RunLocked:
        assert file.read_bytes() == before
        assert [other.name for other in file.parent.iterdir()] == [file.name]
        return False
    assert json.loads(file.read_bytes())["pid"] == os.getpid()
    lock.release()
    assert list(file.parent.iterdir()) == []
    return True


def test_it_says_who_holds_it(file: Path) -> None:
    lock = Lock(file)
    value = json.loads(file.read_bytes())
    assert (value["pid"], value["host"]) == (os.getpid(), socket.gethostname())
    assert value["started"]
    lock.check()
    lock.release()
    lock.release()
    assert not file.exists()


def test_a_dead_process_of_this_host_holds_nothing(file: Path) -> None:
    held_by(file, pid=dead_pid())
    assert taken(file)


def test_a_pid_that_was_given_to_another_process_holds_nothing(file: Path) -> None:
    held_by(file, started="long ago")
    assert taken(file)


def test_a_living_process_holds_it_however_long_it_sleeps(file: Path) -> None:
    held_by(file, age=10 * STALE_AFTER)
    assert not taken(file)


def test_another_users_process_is_alive(file: Path, monkeypatch) -> None:
    def forbidden(pid: int, number: int) -> None:
        raise PermissionError

    held_by(file, pid=dead_pid())
    monkeypatch.setattr(lock_module.os, "kill", forbidden)
    assert not taken(file)


@pytest.mark.parametrize("elsewhere", [{"host": "node17"}, {"boot": "another boot"}])
def test_another_host_is_believed_until_it_falls_silent(file: Path, elsewhere: dict) -> None:
    pid = dead_pid()  # dead on this host; the pid may be alive on the other one
    held_by(file, pid=pid, age=STALE_AFTER - 60, **elsewhere)
    with pytest.raises(RunLocked) as caught:
        Lock(file)
    message = str(caught.value)
    assert f"process {pid} on {elsewhere.get('host', socket.gethostname())}" in message
    assert f"If that process is dead, delete {file}" in message
    assert not taken(file)
    held_by_age = time.time() - STALE_AFTER - 60
    os.utime(file, (held_by_age, held_by_age))
    assert taken(file)


BROKEN = pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '"x"'])


@BROKEN
def test_a_lock_whose_writer_died_is_taken_over(file: Path, content, monkeypatch) -> None:
    monkeypatch.setattr(lock_module, "_UNFINISHED", 0.3)
    file.write_text(content)
    started = time.monotonic()
    assert taken(file)
    assert time.monotonic() - started >= 0.25  # its writer had time to finish


@BROKEN
def test_a_lock_that_is_being_written_is_waited_for(file: Path, content) -> None:
    held_by(file, pid=os.getppid(), started="")
    whole = file.read_text()
    file.write_text(content)
    writer = threading.Timer(0.3, file.write_text, [whole])
    writer.start()
    with pytest.raises(RunLocked, match=rf"in use by process {os.getppid()} "):
        Lock(file)
    writer.join()


def test_only_one_takes_over(file: Path) -> None:
    pid = dead_pid()
    for _ in range(20):
        held_by(file, pid=pid)
        start, won, refused = threading.Barrier(6), [], []

        def race(start=start, won=won, refused=refused) -> None:
            start.wait()
            try:
                won.append(Lock(file))
            except RunLocked:
                refused.append(1)

        racers = [threading.Thread(target=race) for _ in range(6)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        assert (len(won), len(refused)) == (1, 5)
        won[0].check()
        won[0].release()
        assert not file.exists()


def half_taken_over(file: Path, depth: int, content: bytes | None = None) -> list[Path]:
    """The files of a lock of a dead process, of a dead process's claim on it, and so on."""
    held_by(file, pid=dead_pid())
    dead = json.loads(file.read_bytes())
    claims = []
    for k in range(depth):
        claim = lock_module._claims(file)[-1].claim()
        claim.write_text(json.dumps({**dead, "token": f"claim {k}"}))
        claims.append(claim)
    if content is not None:
        claims[-1].write_bytes(content)
    return claims


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_takeover_that_died_halfway_is_taken_over(file: Path, depth: int) -> None:
    assert len(set(half_taken_over(file, depth))) == depth
    assert taken(file)  # and no other file is left


def test_a_living_takeover_is_refused_by_name(file: Path) -> None:
    (claim,) = half_taken_over(file, 1)
    with subprocess.Popen(["sleep", "60"]) as other:
        started = lock_module._started(other.pid)
        claim.write_text(
            json.dumps({**json.loads(claim.read_text()), "pid": other.pid, "started": started})
        )
        with pytest.raises(RunLocked, match=f"process {other.pid} on"):
            Lock(file)
        other.kill()
    assert taken(file)


def test_a_takeover_that_died_before_it_said_who_it_was_blocks_nobody_for_long(file: Path) -> None:
    (claim,) = half_taken_over(file, 1, b"")
    os.utime(claim, (time.time() + 60,) * 2)  # of a clock that is ahead: just being written
    with pytest.raises(RunLocked, match="try again"):
        Lock(file)
    os.utime(claim, (0, 0))
    assert taken(file)


def test_a_claim_on_a_lock_that_was_replaced_is_worth_nothing(file: Path, monkeypatch) -> None:
    held_by(file, pid=dead_pid())
    create, winner = Lock._create, []

    def slow(self: Lock, claimed: Path) -> bool:
        if claimed != file and not winner:  # the other process takes the lock first
            winner.append(None)
            winner[0] = Lock(file)
        return create(self, claimed)

    monkeypatch.setattr(Lock, "_create", slow)
    with pytest.raises(RunLocked, match="has the run open already"):
        Lock(file)
    winner[0].check()
    assert [other.name for other in file.parent.iterdir()] == [file.name]


def test_a_full_disk_leaves_no_lock_that_says_nothing(file: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lock_module.json, "dump", full)
    with pytest.raises(EnvironmentProblem, match="No space left"):
        Lock(file)
    assert list(file.parent.iterdir()) == []


def test_a_process_that_lost_the_lock_while_it_took_it_notices(file: Path, monkeypatch) -> None:
    create = Lock._create

    def stopped(self: Lock, made: Path) -> bool:
        done = create(self, made)
        file.write_text(json.dumps({**asdict(self.holder), "token": "other"}))
        return done

    monkeypatch.setattr(Lock, "_create", stopped)
    with pytest.raises(RunLocked, match="taken over"):
        Lock(file)
    assert file.exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")
def test_a_forked_copy_of_the_holder_does_not_hold_it(file: Path) -> None:
    lock = Lock(file)
    child = os.fork()
    if child == 0:
        lock.release()
        try:
            lock.check()
        except RunLocked:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    lock.check()
    lock.release()


RACE = """
import json, os, sys, time
from pathlib import Path
from gcg_bench.errors import RunLocked
from gcg_bench.runs.lock import Lock
folder, rounds, racers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
dead = os.fork()
if dead == 0:
    os._exit(0)
os.waitpid(dead, 0)
for turn in range(rounds):
    file = folder / f"{turn}.lock"
    lock = Lock(file)
    file.write_text(json.dumps({**vars(lock.holder), "pid": dead, "token": f"dead {turn}"}))
    start = time.monotonic() + 0.02
    said, tell = os.pipe()
    wait, go = os.pipe()
    children = []
    for _ in range(racers):
        child = os.fork()
        if child == 0:
            os.close(go)
            while time.monotonic() < start:
                pass
            try:
                Lock(file).check()
                os.write(tell, b"w")
            except RunLocked:
                os.write(tell, b"r")
            os.read(wait, 1)  # stays alive until all processes have tried
            os._exit(0)
        children.append(child)
    outcomes = b""
    while len(outcomes) < racers:
        outcomes += os.read(said, racers)
    os.close(go)
    for child in children:
        os.waitpid(child, 0)
    for handle in (said, tell, wait):
        os.close(handle)
    assert outcomes.count(b"w") == 1, (turn, outcomes)
    left = [one.name for one in folder.glob(f"{turn}.lock.*")]
    assert left == [], left
    lock.release()
print("sound")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")
def test_of_many_processes_one_takes_over(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACE, str(tmp_path), "20", "8"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "sound\n"), done.stderr


def test_a_held_lock_is_touched(file: Path, monkeypatch) -> None:
    monkeypatch.setattr(lock_module, "HEARTBEAT", 0.01)
    lock = Lock(file)
    os.utime(file, (0, 0))
    patience = time.monotonic() + 30
    while file.stat().st_mtime == 0 and time.monotonic() < patience:
        time.sleep(0.01)
    assert file.stat().st_mtime > 0
    lock.release()


def test_a_lock_of_somebody_else_is_neither_touched_nor_removed(file: Path) -> None:
    lock = Lock(file)
    file.write_text(json.dumps({**asdict(lock.holder), "token": "other"}))
    with pytest.raises(RunLocked, match="deleted or taken over"):
        lock.check()
    lock.release()
    assert file.exists()


@pytest.mark.skipif(shutil.which("ps") is None, reason="ps is not installed")
def test_systems_without_proc_are_asked_through_ps(file: Path, monkeypatch) -> None:
    def absent(self: Path) -> bytes:
        if self.is_relative_to("/proc"):
            raise FileNotFoundError(self)
        with self.open("rb") as stream:
            return stream.read()

    monkeypatch.setattr(Path, "read_bytes", absent)
    command = ["ps", "-o", "lstart=", "-p", str(os.getpid())]
    shown = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}
    )
    held_by(file)
    assert json.loads(file.read_text())["started"] == shown.stdout.strip()
    assert not taken(file)
    held_by(file, started="Thu Jan  1 00:00:00 1970")
    assert taken(file)
    held_by(file, pid=dead_pid())
    assert taken(file)


def test_systems_that_do_not_say_when_a_process_started(file: Path, monkeypatch) -> None:
    monkeypatch.setattr(lock_module, "_started", lambda pid: "")
    held_by(file)
    assert not taken(file)  # a process with this pid is alive, and may be the holder


def test_windows_goes_by_touches_alone(file: Path, monkeypatch) -> None:
    monkeypatch.setattr(lock_module, "_CAN_CHECK_PIDS", False)
    held_by(file, pid=dead_pid(), age=STALE_AFTER - 60)
    assert not taken(file)
    held_by(file, pid=dead_pid(), age=STALE_AFTER + 60)
    assert taken(file)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        Lock(tmp_path / "absent" / ".lock")
