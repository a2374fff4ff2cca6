"""Workers in other environments: `--model 'cmd:...'`, their helper, and what they do wrong."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.workers import BARE, GOOD, HELPER, command

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.execution import worker_files
from gcg_bench.pipeline.interface import evaluate
from gcg_bench.runs import Run
from gcg_bench.scoring.signature import answered_by

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process groups and signals")

N = 6
HELLO = 'say(gcg_bench_worker=1, batch=1, settings={"checkpoint": "none"})\n'
LOOP = "for line in sys.stdin:\n    query = json.loads(line)\n    "


def predicted(tmp_path: Path, script: str, act: str, **options: object) -> dict[str, str | None]:
    """The error of every image, in the order of the split, after a run of a worker."""
    out = tmp_path / "run"
    evaluate(
        command(tmp_path / "worker", script, act),
        "shapes",
        out,
        split="val",
        limit=N,
        protocols=(),
        **{"timeout": 2.0, "start_timeout": 20.0, **options},
    )
    run = Run.open(out)
    errors = {prediction.id: prediction.error for prediction in run.predictions()}
    assert len(errors) == N
    return errors


def failures(errors: dict[str, str | None]) -> dict[int, str]:
    """The errors by position in the split."""
    return {k: errors[id_] for k, id_ in enumerate(sorted(errors)) if errors[id_] is not None}


def test_a_good_worker_is_asked_everything_and_named_in_the_settings(tmp_path):
    assert failures(predicted(tmp_path, GOOD, "print('loud'); import os; os.write(1, b'x')")) == {}
    settings = Run.open(tmp_path / "run").settings
    assert settings["model"].startswith("cmd:")
    assert str(tmp_path) not in settings["model"]
    assert set(settings["decoding"]["sha256"]) == {"worker.py", "gcg_bench_worker.py"}
    assert settings["decoding"]["versions"]["python"] == sys.version.split()[0]
    fields = answered_by(settings)
    assert fields["versions"].startswith("numpy=") or "python=" in fields["versions"]
    assert re.fullmatch(
        r"gcg_bench_worker\.py=[0-9a-f]{8}\+worker\.py=[0-9a-f]{8}", fields["sha256"]
    )
    boxes = {len(p.grounding.phrases[0].masks) for p in Run.open(tmp_path / "run").predictions()}
    assert boxes == {1}


def test_a_model_that_reads_standard_input_takes_no_query(tmp_path):
    act = (
        "import subprocess, sys; assert subprocess.check_output('cat') == sys.stdin.read().encode()"
    )
    assert failures(predicted(tmp_path, GOOD, act)) == {}


def test_a_worker_that_changed_is_another_model(tmp_path):
    predicted(tmp_path, GOOD, "pass")
    with pytest.raises(Exception, match=r"decoding\.sha256\.worker\.py was"):
        predicted(tmp_path, GOOD, "pass  # changed")


# each costs at most the images that it concerns; what is expected was thought of, not observed
COSTS = {
    "raises": ("if number == 2: raise ValueError('cannot')", "ValueError: cannot"),
    "no dict": ("if number == 2: return 'a cat'", "TypeError: the answer should be a dict"),
    "mask of another size": (
        "import numpy\nif number == 2: return {'phrases': [{'mask': numpy.ones((3, 4))}]}",
        "the mask is 3 x 4",
    ),
    "logits": (
        "import numpy\nif number == 2: return {'phrases': [{'mask': numpy.full((9, 9), 0.3)}]}",
        "give logits > 0",
    ),
    "exits": ("import os\nif number == 2: os._exit(3)", "ended with exit code 3"),
    "segfault": ("import ctypes\nif number == 2: ctypes.string_at(0)", "ended by SIGSEGV"),
    "hangs": ("import time\nif number == 2: time.sleep(60)", "no answer within 2 s"),
    "ignores TERM and hangs": (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if number == 2: time.sleep(60)",
        "no answer within 2 s",
    ),
    "forks and hangs": (
        "import os, time\nif number == 2:\n    os.fork()\n    time.sleep(60)",
        "no answer within 2 s",
    ),
    "closes stdout": (
        "import os\nif number == 2: os.closerange(3, 20)",
        "ended with exit code 1: OSError",
    ),
}


@pytest.mark.parametrize("name", sorted(COSTS))
def test_what_a_worker_does_at_one_image_costs_that_image(tmp_path, name):
    act, message = COSTS[name]
    act = act.replace("number == 2", "query['id'] == THIRD")
    from gcg_bench.data import load_dataset

    third = sorted(s.id for s in load_dataset("shapes", "val", limit=N).samples)[2]
    errors = failures(predicted(tmp_path, GOOD, act.replace("THIRD", repr(third))))
    assert list(errors) == [2]
    assert message in errors[2]


def test_a_flood_on_stderr_is_cut_and_stops_nothing(tmp_path, capfd):
    act = "import sys\nfor _ in range(3000): sys.stderr.write('x' * 200 + chr(10))"
    assert failures(predicted(tmp_path, GOOD, act, timeout=20)) == {}
    said = capfd.readouterr().err
    assert said.count("\n") < 300
    assert "writes more on stderr" in said


BARE_WORKERS = {
    "garbage lines": (HELLO + LOOP + "sys.stdout.write('loss 0.3\\n'); answer(query['id'])", {}),
    "wrong ids": (
        HELLO + LOOP + "answer('x' + query['id'])",
        dict.fromkeys(range(N), "which was not asked"),
    ),
    "one long line": (
        HELLO + LOOP + "sys.stdout.write('x' * (70 * 2**20)) if query['id'].endswith('00002')"
        " else answer(query['id'])",
        {2: "wrote a line that is too long"},
    ),
    "closes stdout": (
        HELLO + LOOP + "(os.close(1), time.sleep(60)) if query['id'].endswith('00002')"
        " else answer(query['id'])",
        {2: "closed its stdout"},
    ),
    "twice": (HELLO + LOOP + "answer(query['id']); answer(query['id'])", {}),
    "no caption": (HELLO + LOOP + "say(id=query['id'])", dict.fromkeys(range(N), "caption")),
}


@pytest.mark.parametrize("name", sorted(BARE_WORKERS))
def test_workers_without_the_helper(tmp_path, name):
    act, expected = BARE_WORKERS[name]
    errors = failures(predicted(tmp_path, BARE, act, timeout=10))
    assert list(errors) == list(expected)
    assert all(text in errors[k] for k, text in expected.items())


def test_answers_may_come_in_any_order(tmp_path):
    act = HELLO.replace("batch=1", "batch=3") + (
        "while True:\n"
        "    ids = [json.loads(line)['id'] for line in [sys.stdin.readline() for _ in range(3)]\n"
        "           if line]\n"
        "    for id in ids[::-1]: answer(id)\n"
        "    if not ids: break"
    )
    # it waits for three queries before it answers three: a further one comes for each answer
    assert failures(predicted(tmp_path, BARE, act, timeout=10)) == {}


NEVER_READY = {
    "ends at once": ("sys.exit(4)", "ended with exit code 4, before it was ready"),
    "says why": ("raise ImportError('no torch')", "ImportError: no torch, before it was ready"),
    "prints first": ("print('loading')\n" + HELLO, "first line is no greeting"),
    "another protocol": ("say(gcg_bench_worker=99)\nsys.stdin.read()", "speaks protocol 99"),
    "says nothing": ("time.sleep(60)", "no greeting within 1 s"),
    "every image ends it": (HELLO + "sys.stdin.readline(); os._exit(5)", "none was answered"),
}


@pytest.mark.parametrize("name", sorted(NEVER_READY))
def test_a_worker_that_is_never_ready_is_one_message(tmp_path, name):
    act, message = NEVER_READY[name]
    patience = 1.0 if name == "says nothing" else 20.0
    started = time.monotonic()
    with pytest.raises(EnvironmentProblem, match=message) as caught:
        predicted(tmp_path, BARE, act, start_timeout=patience)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 60


def test_a_program_that_is_not_there_is_one_message(tmp_path):
    with pytest.raises(EnvironmentProblem, match="no_such_program: No such file"):
        evaluate("cmd:no_such_program x", "shapes", tmp_path / "r", split="val", protocols=())


def test_a_batch_is_answered_together_and_a_bad_one_one_by_one(tmp_path):
    script = GOOD.replace("serve(load)", "serve(load, batch=4)").replace(
        'def answer(query):\n        number = int(query["id"].rsplit("_", 1)[-1])',
        "def answer(queries):\n        sizes.append(len(queries))",
    )
    script = script.replace("def load():", "sizes = []\ndef load():")
    script = script.replace(
        "box = [number % 7, 1, number % 7 + 20, 30]\n        return {",
        "if any(query['id'] == THIRD for query in queries): raise ValueError(str(sizes))\n"
        "        return [{",
    ).replace('"mask": {"box": box}}]}', '"mask": {"box": [1, 2, 3, 4]}}]} for _ in queries]')
    from gcg_bench.data import load_dataset

    third = sorted(s.id for s in load_dataset("shapes", "val", limit=N).samples)[2]
    script = script.replace("THIRD", repr(third))
    errors = failures(predicted(tmp_path, script, "pass"))
    # four together, then the four one by one; the third is the fourth call
    assert errors == {2: "ValueError: [4, 1, 1, 1]"}


def test_the_helper_works_offline_and_needs_no_package(tmp_path):
    command(tmp_path, GOOD, "pass")
    lines = [{"id": f"q_{k}", "height": 40, "width": 50, "prompt": "x"} for k in range(3)]
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            "import sys; sys.path.insert(0, '.');exec(open('worker.py').read())",
        ],
        cwd=tmp_path,
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == ["q_0", "q_1", "q_2"]
    assert answers[2]["phrases"] == [{"text": "a cat", "mask": {"box": [2, 1, 22, 30]}}]


def test_the_helper_is_written_for_python_3_8():
    import ast

    for name in ("gcg_bench_worker.py", "example_worker.py"):
        text = Path(worker_files.__file__).with_name(name).read_text()
        ast.parse(text, feature_version=(3, 8))


def test_images_without_a_file_reach_a_worker(tmp_path):
    act = (
        "import hashlib\npixels = query.pixels()\nfrom PIL import Image\nimport numpy\n"
        "same = (numpy.array(Image.open(query['image']).convert('RGB')) == pixels).all()\n"
        "return {'caption': hashlib.sha256(pixels.tobytes()).hexdigest() + str(same)}"
    )
    predicted(tmp_path, GOOD, act, timeout=20)
    import hashlib

    from gcg_bench.data import load_dataset

    captions = {p.id: p.grounding.caption for p in Run.open(tmp_path / "run").predictions()}
    expected = {
        sample.id: hashlib.sha256(sample.query.image.read().tobytes()).hexdigest() + "True"
        for sample in load_dataset("shapes", "val", limit=N).samples
    }
    assert captions == expected


def test_the_helper_is_the_file_that_users_get():
    assert HELPER.read_text().startswith('"""Connects a model in any Python environment')
