"""A failure of a model costs the image on which it fails, and nothing else."""

import json
import sys

import pytest
from faults import model as models
from faults.model import ASKED_TO_END, DEADLY, GARBAGE, HANG, NATIVE, ODD
from faults.server import BASIC

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sessions are read from /proc")

IMAGES, AT = 6, 2


@pytest.fixture
def predict(server, tmp_path):
    """Runs `predict` with a model that fails in a given way at the third image."""

    def typed(act, *more, batch=1, at=AT, command="predict", quiet=True, **options):
        environment = {"FAULTS_DO": act, "FAULTS_AT": str(at), "FAULTS_BATCH": str(batch)}
        basic = BASIC if command == "evaluate" else BASIC[:4]
        typed = [command, "--model", models.__file__, *basic, "--limit", IMAGES, *more]
        typed += ["--out", "run", *(["--quiet"] if quiet else [])]
        return server.run(*typed, folder=tmp_path, environment=environment, **options)

    typed.folder = tmp_path / "run"
    return typed


def lines(folder):
    text = (folder / "predictions.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def errors(folder):
    """The failed images by position in the split."""
    found = {line["id"]: line.get("error") for line in lines(folder)}
    assert len(found) == len(lines(folder)) == IMAGES
    return {k: found[id_] for k, id_ in enumerate(sorted(found)) if found[id_] is not None}


@pytest.mark.parametrize("act", sorted(GARBAGE))
def test_what_is_no_answer_costs_one_image(predict, act):
    done = predict(act, batch=1 + len(act) % 3)
    assert (done["code"], done["err"]) == (1, "")
    failed = errors(predict.folder)
    assert list(failed) == [AT]
    assert 0 < len(failed[AT]) < 2100
    assert predict("")["code"] == 1  # the run can be read and resumed


def test_what_is_strange_is_kept_scored_and_shown(predict):
    done = predict(",".join(sorted(ODD)), command="evaluate", at=0)
    assert len(ODD) < IMAGES
    assert (done["code"], done["err"]) == (0, "")
    assert errors(predict.folder) == {}
    assert (predict.folder / "report.html").exists()


@pytest.mark.parametrize("act", sorted(HANG | NATIVE))
@pytest.mark.parametrize("batch", [1, 3])
def test_a_hang_costs_one_image(predict, act, batch):
    if act in ("stubborn", "native") and batch > 1:
        pytest.skip("differs in nothing")
    done = predict(act, "--timeout", "0.5", batch=batch)
    assert (done["code"], done["err"], done["left"]) == (1, "", [])
    assert errors(predict.folder) == {AT: "no answer within 0.5 s"}


def test_no_time_runs_out_for_a_model_that_answers(predict):
    done = predict("", "--timeout", "5")
    assert (done["code"], errors(predict.folder)) == (0, {})


ENDS = {
    "native_exit": "the worker ended with exit code 0",
    "kill": "the worker was ended by SIGKILL",
    "segfault": "the worker was ended by SIGSEGV",
    "abort": "the worker was ended by SIGABRT",
}


@pytest.mark.parametrize("act", sorted(DEADLY))
def test_a_process_that_ends_costs_one_image(predict, act):
    done = predict(act, "--on", "process", batch=1 + len(act) % 2)
    assert (done["code"], done["left"]) == (1, [])
    assert list(errors(predict.folder)) == [AT]
    assert errors(predict.folder)[AT].startswith(ENDS[act])


@pytest.mark.parametrize("act", ["native_exit", "kill"])
def test_in_this_process_an_end_loses_nothing_that_was_answered(predict, act):
    for _ in range(2):
        assert predict(act)["code"] not in (1, 2)
        assert len(lines(predict.folder)) == AT  # the earlier predictions are kept
    done = predict(act, "--give-up-after", "1")
    assert done["code"] == 1
    assert list(errors(predict.folder)) == [AT]


def test_memory_that_runs_out_for_good_costs_one_image(predict):
    done = predict("memory_limit", memory=1 << 40)
    assert done["code"] == 1
    assert list(errors(predict.folder)) == [AT]
    assert errors(predict.folder)[AT].startswith("MemoryError")


CODES = {"sigint": 130, "sigterm": 143, "sigterm_twice": 143, "sighup": 129}
SAID = {"sigint": "\nstopped", "sighup": "ended by SIGHUP"}


@pytest.mark.parametrize("act", sorted(ASKED_TO_END))
def test_who_is_asked_to_end_keeps_what_is_finished_and_counts_no_image(predict, act):
    done = predict(act)
    how = SAID.get(act, "ended by SIGTERM")
    assert done["err"] == (
        f"{how}; finished work is kept, run the same command again to continue\n"
    )
    assert (done["code"], done["left"], done["out"]) == (CODES[act], [], "")
    assert len(lines(predict.folder)) == AT
    assert sorted(file.name for file in predict.folder.iterdir()) == [
        "predictions.jsonl",
        "run.json",
    ]
    assert predict("")["code"] == 0
    assert errors(predict.folder) == {}


@pytest.mark.parametrize("act", ["sigterm", "sighup"])
def test_a_signal_to_the_models_process_costs_one_image(predict, act):
    done = predict(act, "--on", "process")
    assert (done["code"], done["left"]) == (1, [])
    assert list(errors(predict.folder)) == [AT]
    assert predict("", "--retry-failed")["code"] == 0
    assert errors(predict.folder) == {}


@pytest.mark.parametrize("command", ["evaluate", "score"])
def test_java_ends_with_who_is_asked_to_end(server, tmp_path, command):
    java = tmp_path / "java"
    java.write_text(
        f"#!{sys.executable}\nimport os, time\nos.kill(os.getppid(), 15)\ntime.sleep(60)\n"
    )
    java.chmod(0o755)
    typed = ["predict", "--model", models.__file__, *BASIC[:4], "--limit", 2, "--out", "run"]
    assert server.run(*typed, folder=tmp_path)["code"] == 0
    typed = [*typed, *BASIC[4:]] if command == "evaluate" else ["score", "run", *BASIC[4:]]
    environment = {"GCG_BENCH_JAVA": str(java), "GCG_BENCH_CACHE": str(tmp_path / "empty")}
    done = server.run(command, *typed[1:], "--quiet", folder=tmp_path, environment=environment)
    assert (done["code"], done["left"]) == (143, [])
    assert done["err"].startswith("ended by SIGTERM; ")
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [
        "predictions.jsonl",
        "run.json",
    ]
