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
    assert not (predict.folder / ".asked").exists()


def test_what_is_strange_is_kept_scored_and_shown(predict):
    done = predict(",".join(sorted(ODD)), command="evaluate", at=0)
    assert len(ODD) < IMAGES
    assert (done["code"], done["err"]) == (0, "")
    assert errors(predict.folder) == {}
    assert (predict.folder / "report.html").exists()


@pytest.mark.parametrize("act", sorted(HANG))
@pytest.mark.parametrize("batch", [1, 3])
def test_a_hang_that_can_be_interrupted_costs_one_image(predict, act, batch):
    if act == "stubborn" and batch > 1:
        pytest.skip("takes long, and differs in nothing")
    done = predict(act, "--timeout", "0.5", batch=batch)
    assert (done["code"], done["err"]) == (1, "")
    assert errors(predict.folder) == {AT: "no answer within 0.5 s"}


@pytest.mark.parametrize("act", sorted(NATIVE))
def test_a_hang_in_native_code_ends_the_process_and_costs_one_image(predict, act):
    done = predict(act, "--timeout", "0.3")
    assert done["code"] == -9
    assert "no answer within 0.3 s, and the model cannot be interrupted" in done["err"]
    assert len(lines(predict.folder)) == AT
    said = done["err"]
    done = predict(act, "--timeout", "0.3", quiet=False)
    assert done["code"] == 1
    assert errors(predict.folder) == {AT: "no answer within 0.3 s"}
    (hung,) = [line["id"] for line in lines(predict.folder) if "error" in line]
    assert f"gcg-bench: image {hung}: no answer within 0.3 s" in said
    told = " ".join(done["err"].split())
    assert f"image {hung}: no answer within 0.3 s, and the process had to be ended" in told
    assert f"{IMAGES} images, 1 failed" in done["out"]


def test_a_hang_in_native_code_within_a_batch_is_cornered(predict):
    codes = [predict("native", "--timeout", "0.2", batch=3)["code"] for _ in range(3)]
    assert codes == [-9, -9, 1]  # in its batch, then alone, then given up
    assert errors(predict.folder) == {AT: "no answer within 0.2 s"}


def test_no_time_runs_out_for_a_model_that_answers(predict):
    done = predict("", "--timeout", "5")
    assert (done["code"], errors(predict.folder)) == (0, {})


@pytest.mark.parametrize("act", sorted(DEADLY))
def test_a_process_that_dies_loses_nothing_and_can_be_told_to_give_up(predict, act):
    for _ in range(2):
        assert predict(act)["code"] not in (1, 2)
        assert len(lines(predict.folder)) == AT  # the earlier predictions are kept
    done = predict(act, "--give-up-after", "2")
    assert done["code"] == 1
    assert errors(predict.folder) == {AT: "2 processes died while it was asked"}


def test_the_image_that_processes_die_of_is_named(server, tmp_path):
    environment = {"FAULTS_DO": "kill", "FAULTS_AT": str(AT)}
    typed = ["predict", "--model", models.__file__, *BASIC[:4], "--limit", IMAGES, "--out", "run"]
    said = [server.run(*typed, folder=tmp_path, environment=environment)["err"] for _ in range(3)]
    assert "died" not in said[0] + said[1]
    assert "2 processes in a row died while the model had it" in " ".join(said[2].split())
    assert "--give-up-after 2" in " ".join(said[2].split())
    done = server.run(*typed, folder=tmp_path)  # with a model that does not fail
    assert done["code"] == 0
    assert errors(tmp_path / "run") == {}


def test_memory_that_runs_out_for_good_costs_one_image(predict):
    done = predict("memory_limit", memory=1 << 40)
    assert done["code"] == 1
    assert list(errors(predict.folder)) == [AT]
    assert errors(predict.folder)[AT].startswith("MemoryError")


CODES = {"sigint": 130, "sigterm": 143, "sigterm_twice": 143, "sighup": 129}
SAID = {"sigint": "\nstopped", "sighup": "ended by SIGHUP"}


@pytest.mark.parametrize("act", sorted(ASKED_TO_END))
@pytest.mark.parametrize("timeout", [(), ("--timeout", "30")], ids=["patient", "timed"])
def test_who_is_asked_to_end_keeps_what_is_finished_and_counts_no_image(predict, act, timeout):
    done = predict(act, *timeout)
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
    assert predict("", *timeout)["code"] == 0
    assert errors(predict.folder) == {}


def test_who_ignores_a_signal_goes_on(server, tmp_path, predict):
    done = predict("sighup", "--timeout", "0.5", ignored="SIGHUP")
    assert done["code"] == 1
    assert errors(predict.folder) == {AT: "no answer within 0.5 s"}


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
