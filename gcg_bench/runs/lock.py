"""The lock file of a run: only one process writes to a run, and the file names that process.

The file is created with O_EXCL, which network file systems also support. It contains the pid, the
start time of the process and the host. A thread touches the file every HEARTBEAT seconds. "Host"
means a host name, a boot and a pid name space, because a pid is only valid within these.

The lock of a dead process of this host is taken over at once. Processes of another host cannot be
checked, so the age of the file decides, by the clock of its file system: a lock that was not
touched for STALE_AFTER seconds is taken over.

An abandoned lock is never removed, because two processes could then both create a new one. Instead
it is claimed: a process creates a file whose name is derived from the content of the lock, so only
one process can create it, and renames it to the lock. So is a claim of a dead process.
"""

import atexit
import contextlib
import hashlib
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep

from gcg_bench.errors import EnvironmentProblem, RunLocked

HEARTBEAT = 15.0
"""Seconds between two touches of a lock by its holder."""

STALE_AFTER = 300.0
"""Seconds without a touch after which a lock of another host counts as abandoned."""

_CAN_CHECK_PIDS = sys.platform != "win32"  # os.kill(pid, 0) checks a pid; on Windows it would kill
_CLAIM = ".after-"
_ATTEMPTS = 20  # attempts to take a lock that changes between two reads
_UNFINISHED = 2.0  # seconds for which an unreadable lock file counts as being written
_PAUSE = 0.1  # seconds between two reads of such a file


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock.

    Attributes:
        pid: the process id.
        started: start time of the process in the system's own format; empty when unknown.
        host: name of the host.
        boot: the boot and pid name space in which the pid is valid; empty when unknown.
        token: random text that distinguishes two locks of one process.
    """

    pid: int
    started: str
    host: str
    boot: str
    token: str

    @property
    def is_here(self) -> bool:
        """Whether this process can check the pid: host, boot and pid name space are its own."""
        return _CAN_CHECK_PIDS and (self.host, self.boot) == (socket.gethostname(), _boot())


class Lock:
    """A lock file that this process holds until `release`.

    Args:
        file: the lock file; its folder must exist.
        stale_after: seconds without a touch after which a lock of another host is abandoned.

    Raises:
        RunLocked: another process holds the lock, or this process holds it already.
        EnvironmentProblem: the folder cannot be written.
    """

    def __init__(self, file: Path, *, stale_after: float = STALE_AFTER) -> None:
        self.file, self._stale_after = file, stale_after
        pid, token = os.getpid(), secrets.token_hex(8)
        self.holder = Holder(pid, _started(pid) or "", socket.gethostname(), _boot(), token)
        self._released = threading.Event()
        atexit.register(self.release)  # an interrupt may arrive before the caller has this object
        try:
            self._take()
            self.check()  # after a long suspension, another process may have taken the lock over
        except OSError as error:
            atexit.unregister(self.release)
            raise EnvironmentProblem(f"{file.parent}: cannot be written ({error})") from error
        except RunLocked:
            atexit.unregister(self.release)
            raise
        threading.Thread(target=self._keep_touching, name="run lock", daemon=True).start()

    def check(self) -> None:
        """Raises RunLocked when this process has lost the lock: deleted or taken over."""
        if os.getpid() != self.holder.pid or holder_of(self.file) != self.holder:
            raise RunLocked(
                f"{self.file}: deleted or taken over by another process while this one held it."
                " The predictions written so far are kept; run the same command to continue"
            )

    def release(self) -> None:
        """Removes the lock; a second call or a call in a forked process does nothing."""
        if self._released.is_set() or os.getpid() != self.holder.pid:
            return
        with contextlib.suppress(OSError):  # on a disk that is gone, the lock becomes abandoned
            if holder_of(self.file) == self.holder:
                self.file.unlink(missing_ok=True)
        self._released.set()
        atexit.unregister(self.release)

    def _create(self, file: Path) -> bool:
        """Creates a file that names this process; returns False when the file exists already."""
        try:
            handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(asdict(self.holder), stream)
        except OSError:  # a full disk: an empty file would look like a lock that is being written
            file.unlink(missing_ok=True)
            raise
        return True

    def _take(self) -> None:
        """Takes the lock; waits for a process that is writing it, or that died while writing it."""
        patience, attempts = monotonic() + 2 * _UNFINISHED, 0
        while attempts < _ATTEMPTS:
            try:
                if self._create(self.file) or self._take_over():
                    return
                attempts += 1
            except _BeingWritten:
                if monotonic() > patience:
                    raise
                sleep(_PAUSE)
        raise _locked(self.file, None)

    def _take_over(self) -> bool:
        """Replaces an abandoned lock by a claim; returns False when another process was faster."""
        chain = _claims(self.file)
        if not chain:
            return False
        _refuse_if_held(chain[-1], self._stale_after)
        claim = chain[-1].claim()
        if not self._create(claim):
            return False
        if [link.file for link in _claims(self.file)][-1:] != [claim]:
            claim.unlink(missing_ok=True)  # the claimed file was replaced in the meantime
            return False
        claim.replace(self.file)
        for link in chain[1:]:
            link.file.unlink(missing_ok=True)
        return True

    def _keep_touching(self) -> None:
        while not self._released.wait(HEARTBEAT):
            with contextlib.suppress(OSError):
                if holder_of(self.file) == self.holder:
                    os.utime(self.file)


class _BeingWritten(RunLocked):
    """The lock has no content yet."""


@dataclass(frozen=True)
class _Link:
    """A lock or a claim, with the content that was read.

    The same content is checked and then claimed, so a file that changes in between is not claimed.
    """

    file: Path
    content: bytes

    def claim(self) -> Path:
        """The file name of the claim on this file; every content has its own name."""
        suffix = hashlib.sha256(self.file.name.encode() + b" " + self.content).hexdigest()[:16]
        return self.file.with_name(f"{self.file.name.partition(_CLAIM)[0]}{_CLAIM}{suffix}")


def _claims(file: Path) -> list[_Link]:
    """The lock, the claim on it, the claim on that claim, and so on; empty without a lock file."""
    chain = []
    with contextlib.suppress(FileNotFoundError):
        while True:
            chain.append(_Link(file, file.read_bytes()))
            file = chain[-1].claim()
    return chain


def _refuse_if_held(link: _Link, stale_after: float) -> None:
    """Raises RunLocked unless the lock or claim is deleted or abandoned."""
    holder = _holder(link.content)
    try:
        age = _age(link.file)
    except FileNotFoundError:
        return
    if holder is None:
        if age < _UNFINISHED:
            raise _locked(link.file, None)
        return
    if holder.is_here:
        started = _started(holder.pid)
        pid_reused = "" not in (started, holder.started) and started != holder.started
        abandoned = started is None or pid_reused
    else:
        abandoned = age > stale_after
    if not abandoned:
        raise _locked(link.file, holder, age=None if holder.is_here else age)


def _locked(file: Path, holder: Holder | None, age: float | None = None) -> RunLocked:
    """The error for a lock that is held.

    Args:
        file: the lock or claim.
        holder: the process that holds it; None while the file is being written.
        age: seconds since the last touch, for a lock of another host.
    """
    if holder is None:
        return _BeingWritten(f"{file.parent}: another process is opening this run now; try again")
    if holder.pid == os.getpid() and age is None:
        return RunLocked(f"{file.parent}: this process (pid {holder.pid}) has the run open already")
    problem = f"{file.parent}: in use by process {holder.pid} on {holder.host}"
    if age is None:
        return RunLocked(f"{problem}. Wait until it ends, or give another --out")
    return RunLocked(
        f"{problem}, which last touched the lock {age:.0f} s ago. If that process is dead, delete"
        f" {file}, or wait until {STALE_AFTER:.0f} s have passed"
    )


def holder_of(file: Path) -> Holder | None:
    """The holder of a lock; None when the file is missing or names no holder."""
    try:
        return _holder(file.read_bytes())
    except OSError:
        return None


def _holder(content: bytes) -> Holder | None:
    """The holder that the content of a lock names; None when the content is not valid."""
    try:
        return Holder(**json.loads(content))
    except (ValueError, TypeError):
        return None


def _age(file: Path) -> float:
    """Seconds since a file was touched, by the clock of the file system that holds it."""
    touched = file.stat().st_mtime
    probe = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        probe.touch()
        return max(0.0, probe.stat().st_mtime - touched)
    finally:
        probe.unlink(missing_ok=True)


def _started(pid: int) -> str | None:
    """Start time of a process; None when it does not run, empty when the time is unknown."""
    if not _CAN_CHECK_PIDS:
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return ""
    try:
        # field 2, the command name, may contain spaces and brackets; field 22 is the start time
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else fields[19].decode()
    except (OSError, IndexError):
        pass
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    try:
        output = subprocess.run(
            command, capture_output=True, check=False, timeout=10, env={**os.environ, "LC_ALL": "C"}
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return output.stdout.decode(errors="replace").strip()


def _boot() -> str:
    """The boot and the pid name space, within which a pid is valid; empty when unknown."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return ""
