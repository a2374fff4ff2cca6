"""stdout belongs to the command: whatever a model does, a result is whole or the exit code says so.

Every test types a command in a process of its own, as users do.
"""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from gcg_bench.cli import streams

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are tied on Linux alone")

# short sleeps: a signal that arrives just before a sleep begins is handled after it
WAITS = "open('asked', 'w').close(); [time.sleep(0.1) for _ in range(1000)]"
MODEL = """
import atexit, ctypes, locale, logging, os, signal, subprocess, sys, threading, time, warnings
from gcg_bench import Grounding, Phrase, Prediction
from gcg_bench.masks import from_box

asked = []

def first(query):
    asked.append(query)
    return len(asked) == 1

def act(query):
    ACT

class Model:
    def answer(self, queries):
        for query in queries:
            act(query)
            height, width = query.image.height, query.image.width
            mask = from_box((0, 0, width / 2, height), height, width)
            yield Prediction(query.id, Grounding("The ground.", (Phrase("The ground", (mask,)),)))

load = Model
"""
COMMAND = [sys.executable, "-c", "from gcg_bench.cli import main; main()"]
DATA = ["--dataset", "shapes", "--split", "val", "--limit", "3", "--quiet"]

# what a model does at each image; the command gives its one JSON document all the same
HARMLESS = {
    "print": 'print("step")',
    "native write": 'os.write(1, b"native\\n")',
    "replaced stdout": 'sys.stdout = open(os.devnull, "w")',
    "closed stdout": "sys.stdout.close()",
    "no stdout": "sys.stdout = sys.stderr = sys.__stdout__ = None",
    "chdir": 'os.chdir("/")',
    "detached": "first(query) and sys.__stdout__.detach()",
    "os.write that writes nothing": "os.write = lambda number, data: 0",
    "descriptor replaced": "os.dup2(os.open(os.devnull, os.O_RDWR), 1)",
    "descriptors closed": "first(query) and os.closerange(0, 3)",
    "descriptors closed, then used": "first(query) and os.closerange(0, 3); os.write(1, b'spoilt')",
    "logger": 'logging.basicConfig(stream=sys.stdout, force=True); logging.error("x")',
    "stdio of C": 'ctypes.CDLL(None).printf(b"buffered by libc\\n")',
    "program": 'subprocess.run(["echo", "from a program"])',
    "atexit": 'atexit.register(lambda: (print("bye"), os._exit(7)))',
    "atexit that hangs": "atexit.register(time.sleep, 1000)",
    "thread": "threading.Thread(target=time.sleep, args=(1000,)).start()",
    "forked child": 'os.fork() or (print("child"), sys.exit(5))',
    "forked child that goes on": 'os.fork() or print("child")',
    "signals": "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15, 17)]",
    "locale": 'locale.setlocale(locale.LC_ALL, "C")',
    "umask": "os.umask(0o777)",
    "excepthook": "sys.excepthook = sys.exit = None",
}
# what costs the image, whose error says why
COSTLY = {
    "os._exit": ("os._exit(0)", "os._exit(0)"),
    "os._exit in native clothes": ("os._exit(7)", "os._exit(7)"),
    "sys.exit": ("sys.exit(0)", "SystemExit"),
    "warnings as errors": ('warnings.simplefilter("error"); warnings.warn("w")', "UserWarning: w"),
}


@pytest.fixture
def typed(tmp_path):
    def run(*arguments, act="pass", stdout=subprocess.PIPE, **more):
        (tmp_path / "m.py").write_text(MODEL.replace("ACT", act))
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=100,
            check=False,
            **more,
        )

    return run


def predict(typed, **more):
    return typed("predict", "--model", "./m.py", *DATA, "--out", "r", "--json", **more)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_model_does_to_the_process_does_not_reach_the_result(typed, tmp_path, name):
    done = predict(typed, act=HARMLESS[name])
    assert (done.returncode, json.loads(done.stdout)["failed"]) == (0, 0), done.stderr
    assert "Traceback" not in done.stderr
    lines = (tmp_path / "r" / "predictions.jsonl").read_text().splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) == 3
    assert stat.S_IMODE((tmp_path / "r" / "predictions.jsonl").stat().st_mode) & stat.S_IRUSR


@pytest.mark.parametrize("name", COSTLY)
def test_a_model_that_ends_the_process_costs_its_images(typed, tmp_path, name):
    act, error = COSTLY[name]
    done = predict(typed, act=act)
    assert (done.returncode, json.loads(done.stdout)["failed"]) == (1, 3), done.stderr
    for line in (tmp_path / "r" / "predictions.jsonl").read_text().splitlines():
        assert error in json.loads(line)["error"]


@pytest.mark.parametrize(
    "act",
    [
        "ctypes.CDLL(None)._exit(0)",
        "ctypes.CDLL(None).exit(1)",
        'os.execv(sys.executable, [sys.executable, "-c", ""])',
        "os.closerange(3, 1000); ctypes.CDLL(None)._exit(0)",
    ],
)
def test_a_process_that_ends_in_native_code_is_an_error(typed, act):
    done = predict(typed, act=act)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("gcg-bench: ") == 1
    assert "before the command was done" in done.stderr


def test_a_process_that_a_signal_kills_ends_as_before(typed):
    done = predict(typed, act="os.kill(os.getpid(), 9)")
    assert (done.returncode, done.stdout) == (-9, "")


@pytest.mark.parametrize("command", ["evaluate", "score"])
def test_tables_and_documents_of_every_command_are_alone_on_stdout(typed, tmp_path, command):
    act = 'print("step"); os.chdir("/"); os.write(1, b"x")'
    scoring = ["--encoder", "minilm", "--draws", "0", "--json"]
    done = typed("evaluate", "--model", "./m.py", *DATA, *scoring, "--out", "r", act=act)
    if command == "score":
        assert done.returncode == 0, done.stderr
        done = typed("score", "r", *scoring, "--quiet")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 2
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"m.py", "r"}
    assert (tmp_path / "r" / "leaderboard.csv").is_file()


def test_a_thread_that_never_ends_keeps_nobody_waiting(typed):
    started = time.monotonic()
    done = predict(typed, act="threading.Thread(target=time.sleep, args=(1000,)).start()")
    assert done.returncode == 0
    assert time.monotonic() - started < 60
    assert "threads or exit handlers still worked 5 s after the end" in done.stderr


@pytest.mark.parametrize("arguments", [("data", "list"), ("data", "list", "--json"), ("--help",)])
@pytest.mark.parametrize("target", ["full", "closed", "broken pipe"])
def test_a_result_that_is_cut_is_an_error(typed, arguments, target):
    if target == "full":
        with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
            done = typed(*arguments, stdout=full)
    elif target == "closed":
        done = typed(*arguments, preexec_fn=lambda: os.close(1))
    else:
        reading, writing = os.pipe()
        os.close(reading)
        done = typed(*arguments, stdout=writing)
        os.close(writing)
    assert done.returncode == 2
    assert done.stderr.count("gcg-bench: ") == 1
    assert "stdout: the result cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pipe_that_never_blocks_gets_every_byte():
    """Programs that run commands, such as Node, read them from such pipes, perhaps slowly."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    pieces = []

    def read():
        while piece := os.read(reading, 5000):
            pieces.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    sink = streams._Sink(writing, strict=True)
    sink.write(b"x" * 300_000)  # a pipe holds 65,536 bytes
    sink.finish()
    reader.join()
    os.close(reading)
    assert b"".join(pieces) == b"x" * 300_000


def test_stdout_as_a_path(typed):
    assert typed("predict", "--model", "silent", *DATA, "--out", "r").returncode == 0
    assert typed("score", "r", "--encoder", "minilm", "--draws", "0", "--quiet").returncode == 0
    done = typed("cite", "r", "-o", "/dev/stdout", "--force", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "@software{gcg_bench" in done.stdout


def test_a_file_that_may_not_grow(typed, tmp_path):
    import resource

    with (tmp_path / "o").open("w") as file:
        done = typed(
            "data",
            "list",
            "--json",
            stdout=file,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        )
    assert done.returncode == 2
    assert "File too large" in done.stderr


def test_a_closed_stderr_changes_nothing(typed):
    done = typed("report", "gone", preexec_fn=lambda: os.close(2))
    assert done.returncode == 2
    done = predict(typed, act='print("x")', preexec_fn=lambda: os.close(2))
    assert json.loads(done.stdout)["n"] == 3


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_signals_reach_the_model_once(tmp_path, number, code):
    """Sent to the command alone, and to the group as a terminal and timeout(1) do."""
    (tmp_path / "m.py").write_text(MODEL.replace("ACT", WAITS))
    for to_group in (False, True):
        command = [*COMMAND, "predict", "--model", "./m.py", *DATA, "--out", "r", "--json"]
        with subprocess.Popen(
            command,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: (  # noqa: PLW1509 - no threads here
                signal.signal(signal.SIGHUP, signal.SIG_DFL),
                signal.signal(signal.SIGINT, signal.default_int_handler),
            ),
        ) as running:
            deadline = time.monotonic() + 60
            while not (tmp_path / "asked").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            (os.killpg if to_group else os.kill)(running.pid, number)
            out, err = running.communicate(timeout=60)
        assert (running.returncode, out) == (code, "")
        assert err.strip().endswith("run the same command again to continue")
        assert err.count("finished work is kept") == 1
        assert not (tmp_path / "r" / ".lock").exists()
        (tmp_path / "asked").unlink()


def test_who_kills_the_command_kills_the_model(tmp_path):
    (tmp_path / "m.py").write_text(MODEL.replace("ACT", WAITS))
    command = [*COMMAND, "predict", "--model", "./m.py", *DATA, "--out", "r"]
    with subprocess.Popen(command, cwd=tmp_path, start_new_session=True) as running:
        lock, deadline = tmp_path / "r" / ".lock", time.monotonic() + 60
        while not (lock.exists() and lock.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        worker = json.loads(lock.read_text())["pid"]
        assert worker != running.pid
        running.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and os.path.exists(f"/proc/{worker}"):  # noqa: PTH110
        time.sleep(0.02)
    assert not os.path.exists(f"/proc/{worker}")  # noqa: PTH110


def test_in_a_process_that_goes_on_everything_is_as_before(tmp_path, monkeypatch, capfd):
    """Notebooks and tests call `main` with arguments, several times."""
    from gcg_bench.cli import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.py").write_text(MODEL.replace("ACT", 'print("step")'))
    arguments = ["predict", "--model", "./m.py", *DATA, "--out", "r", "--json"]
    for _ in range(2):
        before = sys.stdout, sys.stderr, os.fstat(1).st_ino, signal.getsignal(signal.SIGINT)
        with pytest.raises(SystemExit):
            main(arguments)
        after = sys.stdout, sys.stderr, os.fstat(1).st_ino, signal.getsignal(signal.SIGINT)
        assert after == before
        assert json.loads(capfd.readouterr().out)["n"] == 3
