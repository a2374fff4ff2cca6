"""The doctor's forecasts and its command."""

import json

import numpy as np
import pytest

from gcg_bench import machine
from gcg_bench.adapters import glamm_tiny
from gcg_bench.doctor import Job, cost
from gcg_bench.doctor.cost import workload_counts
from gcg_bench.errors import BadOption
from gcg_bench.machine import Memory

# --- cost ------------------------------------------------------------------------------------


def test_images_are_counted_in_the_data_or_taken_from_the_card():
    job = Job(model="glamm-tiny", dataset="shapes", split="val", limit=5)
    from gcg_bench.data import load_dataset

    samples = load_dataset("shapes", "val", limit=5).samples
    images, pixels, masks = workload_counts(job)
    assert images == 5
    areas = [np.asarray(sample.query.image.read()).shape[:2] for sample in samples]
    assert pixels == sum(h * w for h, w in areas) // 5
    assert masks == round(sum(len(sample.truth.phrases) for sample in samples) / 5)
    # the paper states 2.5K images for the benchmark's own val
    assert workload_counts(Job(dataset="grandf", split="val")) == (2500, 1_000_000, 4)
    assert workload_counts(Job(dataset="grandf", split="val", limit=10))[0] == 10
    with pytest.raises(BadOption, match="--limit"):
        workload_counts(Job(dataset="shapes", split="train"))


def test_a_forecast_of_the_published_model(h100, monkeypatch):
    monkeypatch.setattr(machine, "memory_of", lambda device: Memory(80 * 10**9, 0))
    job = Job(model="glamm", dataset="grandf", split="val", batch_size=1)
    found = cost(job)
    assert (found.images, found.batch, found.precision) == (2500, 1, "float32")
    # expected: 8.02e9 numbers of 4 bytes are read for each of 80 tokens and once before them
    assert found.memory > 4 * 8.02e9
    assert found.floor > 2500 * 80 * 4 * 6.6e9 / 3.35e12
    assert found.floor < found.likely
    assert found.h100[0] < found.floor / 10
    assert found.fits
    assert cost(Job(model="glamm", dataset="grandf", split="val")).batch == 8


def test_a_forecast_says_when_memory_is_too_small(h100, monkeypatch):
    monkeypatch.setattr(machine, "memory_of", lambda device: Memory(8 * 10**9, 0))
    found = cost(Job(model="glamm", dataset="grandf", split="val"))
    assert (found.batch, found.fits) == (1, False)


def test_a_gpu_too_small_for_the_model(h100, small_gpu, run):
    """The weights alone, 8.02e9 numbers of two bytes, take more than 16 GB."""
    found = cost(Job(model="glamm", dataset="grandf", split="val"))
    assert (found.device, found.precision, found.batch) == ("cuda", "bfloat16", 1)
    assert found.memory > 2 * 8.02e9 > found.available
    assert not found.fits
    code, out, _ = run("--model", "glamm", "--dataset", "grandf", "--split", "val")
    assert code == 2
    assert "of the 16.0 GB there: too little" in out


def test_costs_are_told_only_where_sizes_are_known():
    assert cost(Job(model="silent", dataset="shapes", split="val")) is None
    assert cost(Job(model="glamm-tiny")) is None
    assert cost(Job(dataset="shapes", split="val")) is None


def test_a_machine_is_measured():
    found = cost(Job(model="glamm-tiny", dataset="shapes", split="val", limit=3))
    assert found.machine == "this CPU"
    assert 0 < found.floor < found.likely


# --- the command -----------------------------------------------------------------------------


def test_the_command_tells_everything_and_exits_with_the_verdict(run, monkeypatch, tmp_path):
    code, out, err = run()
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == (
        "ready: gcg-bench evaluate --model glamm-tiny --dataset shapes --split val --encoder minilm"
    )
    for word in ("Java", "optional", "hf download MBZUAI/GLaMM-GCG", "data grandf"):
        assert word in out
    monkeypatch.setattr(glamm_tiny, "FOLDER", tmp_path / "gone")
    code, out, _ = run()
    assert code == 2
    assert out.splitlines()[-1] == "missing: model glamm-tiny"


def test_the_command_as_json(run, h100):
    typed = ("--model", "glamm-tiny", "--dataset", "shapes", "--split", "val", "--limit", "4")
    code, out, err = run(*typed, "--encoder", "minilm", "--json")
    told = json.loads(out)
    assert (code, err, told["ready"]) == (0, "", True)
    assert {
        "what": "data shapes val",
        "status": "ok",
        "found": "generated on demand",
        "remedy": "",
    } in (told["findings"])
    assert told["forecast"]["images"] == 4
    code, out, _ = run(*typed, "--json")
    assert (code, json.loads(out)["ready"]) == (0, True)  # strict is scored without BERT
    code, out, _ = run("--json")
    assert json.loads(out)["forecast"] is None


def test_the_command_estimates_before_starting(run, h100, monkeypatch):
    typed = ("--model", "glamm-tiny", "--dataset", "shapes", "--split", "val", "--limit", "4")
    code, out, _ = run(*typed, "--encoder", "minilm", "--batch-size", "2")
    assert code == 0
    assert "4 images in batches of 2 on H100 SXM, bf16 (cpu, float32): at least" in out
    assert "on one H100 (bfloat16): at least" in out
    assert out.splitlines()[-1] == (
        "ready: gcg-bench evaluate --model glamm-tiny --dataset shapes --split val --limit 4"
        " --encoder minilm --batch-size 2"
    )
    monkeypatch.setattr(machine, "memory_of", lambda device: Memory(10**6, 0))
    code, out, _ = run(*typed, "--encoder", "minilm")
    assert code == 2
    assert "too little" in out
    assert out.splitlines()[-1] == "missing: memory"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dataset", "shapes"], "belong together"),
        (["--split", "val"], "belong together"),
        (["--model", "silnet"], "'silent'"),
        (["--dataset", "shaps", "--split", "val"], "'shapes'"),
        (["--model", "glamm-tiny", "--dataset", "shapes", "--split", "val", "--batch-size", "x"],
         "--batch-size x"),
    ],
)  # fmt: skip
def test_options_that_are_none_are_refused_in_a_line(run, arguments, words):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.5, "0.5 s"), (90, "90 s"), (240, "4.0 min"), (7199, "120.0 min"), (7200, "2.0 hours"),
     (200_000, "2.3 days")],
)  # fmt: skip
def test_times_are_told_as_people_read_them(seconds, words):
    from gcg_bench.cli.doctor import _time

    assert _time(seconds) == words
