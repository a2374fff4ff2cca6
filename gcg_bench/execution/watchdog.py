"""A second process that ends the first when its model cannot be interrupted.

A hang in native code that holds the interpreter leaves no thread of the process to help, so the
watcher stands outside. It is started as a script, reads orders from standard input, and goes when
that ends:

    [SECONDS, LABEL]    the time that is left, and what is being waited for
    []                  no time runs

When the time is up it writes down why, says so, and kills its parent.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path


def watch(parent: int, journal: str, why: str) -> None:
    """Follows orders until there are no more, or the time is up.

    Args:
        parent: the process to end.
        journal: the file that a line `{"ended": WHY}` is added to; empty for none.
        why: the reason, also for the message.
    """
    orders: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_read, args=(orders,), daemon=True).start()
    due, label = None, ""
    while True:
        try:
            line = orders.get(timeout=None if due is None else max(0.0, due - time.monotonic()))
        except queue.Empty:
            _end(parent, journal, why, label)
            return
        if not line:
            return
        order = json.loads(line)
        due = None
        if order:
            seconds, label = order
            due = time.monotonic() + seconds


def _read(orders: "queue.Queue[bytes]") -> None:
    """Hands the lines of standard input on; an empty one says that it has ended."""
    while line := sys.stdin.buffer.readline():
        orders.put(line)
    orders.put(b"")


def _end(parent: int, journal: str, why: str, label: str) -> None:
    if os.getppid() != parent:  # it has died, and the number may be another's by now
        return
    if journal:
        with Path(journal).open("ab") as stream:
            stream.write(json.dumps({"ended": why}).encode() + b"\n")
    sys.stderr.write(
        f"\ngcg-bench: {label}: {why}, and the model cannot be interrupted, so this process is"
        " ended. What was answered is kept; run the same command to go on\n"
    )
    sys.stderr.flush()
    os.kill(parent, getattr(signal, "SIGKILL", signal.SIGTERM))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the parent, whose end it hears of
    watch(int(sys.argv[1]), sys.argv[2], sys.argv[3])
