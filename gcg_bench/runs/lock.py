"""A lock file: one process writes to a run, and everybody can see which.

The file is created with O_EXCL, which even network file systems honour, and says who holds it: pid,
process start time, host. A thread touches it every so often.

A lock whose process is dead on this host is taken over at once. Of another host nothing can be
asked, so there the touching decides: a lock that has not been touched for STALE_AFTER seconds is
taken over, by the clock of the file system that holds it. "Host" is a host name, a boot and a pid
name space, since a pid means nothing in another container or after a restart.

An abandoned lock is never removed: it is claimed, by a file that is named after its content and so
can be made by one process only, and the claim is then renamed to the lock. A claim whose process
died in between is claimed itself in the same way.
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

from gcg_bench.errors import EnvironmentProblem, RunLocked

HEARTBEAT = 15.0
"""Seconds between two touches of a lock that is held."""

STALE_AFTER = 300.0
"""Seconds without a touch after which a lock of another host counts as abandoned."""

_ASKABLE = sys.platform != "win32"  # where os.kill(pid, 0) asks; on Windows it would kill
_CLAIM = ".after-"
_LOOKS = 20  # at a lock that changes whenever it is looked at
_UNFINISHED = 10.0  # seconds in which a lock file that says nothing may still be being written


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        pid: the process.
        started: when it started, in whatever form the system says it; empty when it does not.
        host: the host's name.
        boot: the boot and pid name space in which the pid has its meaning.
        token: distinguishes two locks of one process.
    """

    pid: int
    started: str
    host: str
    boot: str
    token: str


class Lock:
    """A lock file that this process holds until `release`.

    Args:
        file: the lock file; its folder exists.

    Raises:
        RunLocked: another process holds it, or this one does already.
        EnvironmentProblem: the folder cannot be written.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.holder = Holder(
            pid=os.getpid(),
            started=_started(os.getpid()) or "",
            host=socket.gethostname(),
            boot=_boot(),
            token=secrets.token_hex(8),
        )
        self._released = threading.Event()
        # an interrupt may come when it is taken and nobody has it yet
        atexit.register(self.release)
        try:
            self._take()
            self.check()  # we may have slept between two lines so long that it was taken from us
        except OSError as error:
            atexit.unregister(self.release)
            raise EnvironmentProblem(f"{file.parent}: cannot be written ({error})") from error
        except RunLocked:
            atexit.unregister(self.release)
            raise
        threading.Thread(target=self._touch, name="run lock", daemon=True).start()

    def check(self) -> None:
        """Raises RunLocked when the lock is ours no more: deleted, or taken over in our sleep."""
        if os.getpid() != self.holder.pid or _read(self.file) != self.holder:
            raise RunLocked(
                f"{self.file}: deleted or taken over by another process while this one held it."
                " What was written is kept; run the same command to go on"
            )

    def release(self) -> None:
        """Gives the lock back; a second call does nothing, nor does a copy made by forking."""
        if self._released.is_set() or os.getpid() != self.holder.pid:
            return
        with contextlib.suppress(OSError):  # on a disk that has gone it is found abandoned
            if _read(self.file) == self.holder:
                self.file.unlink(missing_ok=True)
        self._released.set()
        atexit.unregister(self.release)

    def _create(self, file: Path) -> bool:
        """Makes a file that says who we are, or nothing when there is one."""
        try:
            handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(asdict(self.holder), stream)
        except OSError:  # a full disk: an empty file would look like a process that is just opening
            file.unlink(missing_ok=True)
            raise
        return True

    def _take(self) -> None:
        for _ in range(_LOOKS):
            if self._create(self.file) or self._take_over():
                return
        raise _locked(self.file, None)

    def _take_over(self) -> bool:
        """Puts our claim in the place of an abandoned lock; False when others moved meanwhile."""
        chain = _claims(self.file)
        if not chain:
            return False
        _refuse_if_held(chain[-1])
        claim = chain[-1].claim()
        if not self._create(claim):
            return False
        if [link.file for link in _claims(self.file)][-1:] != [claim]:
            claim.unlink(missing_ok=True)  # what we claimed has been replaced since
            return False
        claim.replace(self.file)
        for link in chain[1:]:
            link.file.unlink(missing_ok=True)
        return True

    def _touch(self) -> None:
        while not self._released.wait(HEARTBEAT):
            with contextlib.suppress(OSError):
                if _read(self.file) == self.holder:
                    os.utime(self.file)


@dataclass(frozen=True)
class _Link:
    """A lock or a claim as it was read, at once: what is judged is what is claimed."""

    file: Path
    content: bytes

    def claim(self) -> Path:
        """The name of the claim on it; another one for each content it ever has."""
        mark = hashlib.sha256(self.file.name.encode() + b" " + self.content).hexdigest()[:16]
        return self.file.with_name(f"{self.file.name.partition(_CLAIM)[0]}{_CLAIM}{mark}")


def _claims(file: Path) -> list[_Link]:
    """The lock, the claim on it, the claim on that claim, and so on; empty when it is gone."""
    chain = []
    with contextlib.suppress(FileNotFoundError):
        while True:
            chain.append(_Link(file, file.read_bytes()))
            file = chain[-1].claim()
    return chain


def _refuse_if_held(link: _Link) -> None:
    """Raises RunLocked unless the lock, or the claim, is gone or abandoned."""
    holder = _holder(link.content)
    try:
        age = _age(link.file)
    except FileNotFoundError:
        return
    if holder is None:
        if age < _UNFINISHED:
            raise _locked(link.file, None)
        return
    here = _ASKABLE and (holder.host, holder.boot) == (socket.gethostname(), _boot())
    if here:
        started = _started(holder.pid)
        reused = "" not in (started, holder.started) and started != holder.started
        abandoned = started is None or reused
    else:
        abandoned = age > STALE_AFTER
    if not abandoned:
        raise _locked(link.file, holder, age=None if here else age)


def _locked(file: Path, holder: Holder | None, age: float | None = None) -> RunLocked:
    if holder is None:
        return RunLocked(f"{file.parent}: another process is just opening this run; try again")
    if holder.pid == os.getpid() and age is None:
        return RunLocked(f"{file.parent}: this process (pid {holder.pid}) has the run open already")
    who = f"{file.parent}: in use by process {holder.pid} on {holder.host}"
    if age is None:
        return RunLocked(f"{who}. Wait for it, or give another --out")
    return RunLocked(
        f"{who}, last heard of {age:.0f} s ago. If that process is gone, delete {file}, or wait"
        f" until {STALE_AFTER:.0f} s have passed"
    )


def _read(file: Path) -> Holder | None:
    """Who holds the lock; None when nobody does or the file does not say."""
    try:
        return _holder(file.read_bytes())
    except OSError:
        return None


def _holder(content: bytes) -> Holder | None:
    """Whom a lock's content names; None when it names nobody."""
    try:
        return Holder(**json.loads(content))
    except (ValueError, TypeError):
        return None


def _age(file: Path) -> float:
    """Seconds since a file was touched, by the clock of its own file system."""
    touched = file.stat().st_mtime
    probe = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        probe.touch()
        return max(0.0, probe.stat().st_mtime - touched)
    finally:
        probe.unlink(missing_ok=True)


def _started(pid: int) -> str | None:
    """When a process started; None when there is none, empty when the system does not say."""
    if not _ASKABLE:
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return ""
    try:
        # the command's name, field 2, may hold spaces and brackets; the start time is field 22
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else fields[19].decode()
    except (OSError, IndexError):
        pass
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    try:
        shown = subprocess.run(
            command, capture_output=True, check=False, timeout=10, env={**os.environ, "LC_ALL": "C"}
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return shown.stdout.decode(errors="replace").strip()


def _boot() -> str:
    """What makes a pid mean the same process: the boot and the pid name space; empty if unknown."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return ""
