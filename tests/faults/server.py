"""A process that has all modules loaded and forks a child for each command line.

A child is a separate process that needs no imports. It can be killed, run out of memory or exit
without an effect on the server. Requests and replies are JSON lines.

    {"arguments": [...], "folder": ..., "environment": {...}, "kill_after": s, "memory": bytes,
     "file_size": bytes, "crash_at": n, "within": folder, "ignored": signal}
    {"code": exit code, or minus the signal, "out": ..., "err": ..., "left": [...], "seconds": s}

`kill_after` sends SIGKILL. With `crash_at` the child kills itself before its n-th file operation
within a folder: opening, renaming, removing, creating folders; a write is done by half. `left` are
processes of the child's session that are still alive some seconds after its end.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE = 5.0  # seconds after which the processes that a dead child started must have ended


# the server's side ----------------------------------------------------------------------------


def serve():
    from gcg_bench.cli import main
    from gcg_bench.runs import disk_space

    # the disks of these tests have free space when a run starts and are full later
    disk_space.require_disk = lambda *_: None
    model = Path(__file__).with_name("model.py")
    with tempfile.TemporaryDirectory() as folder:
        typed = ["evaluate", "--model", str(model), *BASIC, "--limit", "6"]
        typed += ["--quiet", "--out", f"{folder}/run"]
        code, out, err = run_here(main, typed)
        if code:
            raise SystemExit(f"the first run failed: {err}{out}")
    tell({"ready": True})
    for line in sys.stdin:
        tell(answer(json.loads(line), main))


def tell(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


BASIC = ["--dataset", "shapes", "--split", "val", "--encoder", "minilm", "--draws", "20"]


def run_here(main, typed):
    """Runs a command in this process without output, to load the modules that later ones need."""
    with tempfile.TemporaryFile() as sink:
        kept = os.dup(1)
        os.dup2(sink.fileno(), 1)
        try:
            main(typed)
        except SystemExit as left:
            code = left.code
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)
        sink.seek(0)
        return code, sink.read().decode(), ""


def answer(asked, main):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            become(asked, main, out.fileno(), err.fileno())
        status = waited(child, asked.get("kill_after"))
        seconds = time.monotonic() - started
        code = os.waitstatus_to_exitcode(status)
        left = session(child)
        patience = time.monotonic() + PATIENCE
        while left and time.monotonic() < patience:
            time.sleep(0.02)
            left = session(child)
        for stream in (out, err):
            stream.seek(0)
        return {
            "code": code,
            "out": out.read().decode("utf-8", "replace"),
            "err": err.read().decode("utf-8", "replace"),
            "left": left,
            "seconds": seconds,
        }


def waited(child, kill_after):
    if kill_after is None:
        return os.waitpid(child, 0)[1]
    until = time.monotonic() + kill_after
    while (left := until - time.monotonic()) > 0:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        time.sleep(min(left, 0.001))
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def session(leader):
    """Names of the living processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().rpartition(")")
        except OSError:
            continue
        fields = rest.split()
        if int(fields[3]) == leader and fields[0] not in "ZX":
            found.append(f"{folder.name} {name.partition('(')[2]}")
    return found


# the child's side -----------------------------------------------------------------------------


def become(asked, main, out, err):
    """The child: never returns."""
    code = 70
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(asked["folder"])
        os.environ.update(asked.get("environment", {}))
        for limit, name in ((resource.RLIMIT_AS, "memory"), (resource.RLIMIT_FSIZE, "file_size")):
            if name in asked:
                resource.setrlimit(limit, (asked[name], asked[name]))
        # a background job of a shell ignores Ctrl-C, and nohup makes it ignore SIGHUP
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for name in ("SIGHUP", "SIGTERM"):
            signal.signal(signal.Signals[name], signal.SIG_DFL)
        if "ignored" in asked:
            signal.signal(signal.Signals[asked["ignored"]], signal.SIG_IGN)
        if "crash_at" in asked:
            crash(asked["crash_at"], asked["within"])
        main(asked["arguments"])
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


ACTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate", "os.utime")


def crash(number, within):
    """Kills this process before its n-th file operation within a folder; n counts from 1."""
    met, really, root = 0, os.write, str(within)

    def hook(event, given):
        nonlocal met
        if event in ACTS and isinstance(given[0], str | Path) and str(given[0]).startswith(root):
            met += 1
            if met == number:
                os.kill(os.getpid(), signal.SIGKILL)

    def write(handle, data):
        nonlocal met
        if handle > 2 and os.path.realpath(f"/proc/self/fd/{handle}").startswith(root):
            met += 1
            if met == number:
                really(handle, bytes(data)[: len(data) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
        return really(handle, data)

    from gcg_bench.runs import files

    sys.addaudithook(hook)
    os.write = files._write = write


# the client's side ----------------------------------------------------------------------------


class Server:
    """A server process; a context manager."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.process = None

    def __enter__(self):
        environment = {
            **os.environ,
            "GCG_BENCH_CACHE": str(self.folder / "cache"),
            "OMP_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert json.loads(self.process.stdout.readline()) == {"ready": True}
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def run(self, *arguments, folder, environment=None, **more):
        asked = {
            "arguments": [str(argument) for argument in arguments],
            "folder": str(folder),
            "environment": environment or {},
            **more,
        }
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


if __name__ == "__main__":
    serve()
