"""`gcg-bench models`, and the models with weights as people run them."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from support.fences import ROOT

from gcg_bench import tasks
from gcg_bench.adapters.glamm_tiny import FOLDER
from gcg_bench.execution.models import describe_models


def test_every_model_is_listed_with_what_it_needs(run):
    code, out, err = run("models")
    assert (code, err) == (0, "")
    heavy, _, light = out.partition("Models that need nothing")
    for one in describe_models():
        assert re.search(rf"│ {one.name} +│", heavy if one.needs.weights else light)
    for word in ("GLaMM-GCG", "GPU", "Apache-2.0", "inside the package"):
        assert word in heavy


def test_as_json_there_is_nothing_else(run):
    code, out, err = run("models", "--json")
    assert (code, err) == (0, "")
    listed = {one["name"]: one for one in json.loads(out)}
    assert {"glamm", "glamm-tiny", "silent", "predictions"} <= set(listed)
    fields = {
        *("name", "note", "weights", "memory", "licence", "oracle", "baseline", "tasks", "origin")
    }
    assert all(set(one) == fields for one in listed.values())
    assert listed["glamm"]["weights"].startswith("MBZUAI/GLaMM-GCG")
    assert listed["copy-truth"]["oracle"] is True
    baselines = {name for name, model in listed.items() if model["baseline"]}
    assert baselines == {"centre-box", "silent", "whole-image"}
    assert listed["silent"]["weights"] == listed["silent"]["licence"] == ""


def test_the_page_of_models_says_which_tasks_each_answers():
    text = (ROOT / "docs" / "models.md").read_text("utf-8")
    table = text.partition("## Which model answers which task")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("|")
    ]
    columns = [cell.split(", ") for cell in rows[0][1:-1]]
    assert {name for column in columns for name in column} == set(tasks.names())
    shown = {}
    for row in rows[2:]:
        answered = {
            task
            for names, cell in zip(columns, row[1:-1], strict=True)
            for task in names
            if cell == "yes"
        }
        for name in re.findall(r"`([\w.-]+)", row[0]):
            shown.setdefault(name, set()).update(answered)
    shown["chat-server"] = shown.pop("http")
    for model in describe_models():
        if model.needs.weights and not model.origin:
            assert shown[model.name] == set(model.needs.tasks or tasks.names()), model.name


def test_help_says_where_weights_come_from(run):
    _, out, _ = run("models", "--help")
    for word in ("predictions:PATH", "glamm:ID_OR_FOLDER", "hf download", "doctor"):
        assert word in out


def answers(folder):
    """The lines of a run without their times, and without the checksums that cover the times."""
    text = (folder / "predictions.jsonl").read_text()
    return re.sub(r', "(seconds|crc32)": [^,}]*', "", text)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.skipif(not (FOLDER / "model.safetensors").is_file(), reason="glamm-tiny is not here")
def test_glamm_tiny_killed_half_way_goes_on_to_the_same_answers(tmp_path):
    command = [
        sys.executable, "-c", "from gcg_bench.cli import main; main()", "predict", "--model",
        "glamm-tiny", "--dataset", "shapes", "--split", "val", "--limit", "24", "--device", "cpu",
        "--quiet", "--out",
    ]  # fmt: skip
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    subprocess.run([*command, str(whole)], check=True, capture_output=True)
    started = subprocess.Popen([*command, str(cut)])
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (cut / "predictions.jsonl").exists() and answers(cut).count("\n") >= 6:
            break
        time.sleep(0.02)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    assert 6 <= answers(cut).count("\n") < 24
    subprocess.run([*command, str(cut)], check=True, capture_output=True)
    assert answers(cut) == answers(whole)
    assert answers(whole).count("\n") == 24
