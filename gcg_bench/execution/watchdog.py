"""The watchdog: a second process that ends the first one when its model cannot be interrupted.

A hang in native code that holds the interpreter lock stops every thread of the process, so the
watchdog is a process of its own. It is started as a script, reads commands from standard input as
JSON lines, and ends when standard input ends:

    [SECONDS, LABEL]    start the timeout: the seconds that are left, and what is in flight
    []                  stop the timeout

When the time is over it records the reason in the journal, prints a message and kills its parent.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path


def watch(parent: int, journal: str, reason: str) -> None:
    """Follows commands until standard input ends or the time is over.

    Args:
        parent: pid of the process to end.
        journal: the file to which a line `{"ended": REASON}` is appended; empty for none.
        reason: why the process is ended, for the journal and the message.
    """
    commands: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_read, args=(commands,), daemon=True).start()
    deadline, label = None, ""
    while True:
        try:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            line = commands.get(timeout=left)
        except queue.Empty:
            _end(parent, journal, reason, label)
            return
        if not line:
            return
        command = json.loads(line)
        deadline = None
        if command:
            seconds, label = command
            deadline = time.monotonic() + seconds


def _read(commands: "queue.Queue[bytes]") -> None:
    """Puts the lines of standard input into the queue, and an empty line at its end."""
    while line := sys.stdin.buffer.readline():
        commands.put(line)
    commands.put(b"")


def _end(parent: int, journal: str, reason: str, label: str) -> None:
    """Records the reason and kills the parent process."""
    if os.getppid() != parent:  # the parent is dead, and its pid may belong to another process
        return
    if journal:
        with Path(journal).open("ab") as stream:
            stream.write(json.dumps({"ended": reason}).encode() + b"\n")
    sys.stderr.write(
        f"\ngcg-bench: {label}: {reason}, and the model cannot be interrupted, so this process is"
        " ended. The predictions written so far are kept; run the same command to continue\n"
    )
    sys.stderr.flush()
    os.kill(parent, getattr(signal, "SIGKILL", signal.SIGTERM))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent; its end closes stdin
    watch(int(sys.argv[1]), sys.argv[2], sys.argv[3])
