"""Bit flips: no number changes without an error.

GCG_BENCH_FLIPS is the number of flips; 2,400 take some minutes.
"""

import os
import shutil
import sys
from pathlib import Path
from random import Random

import pytest
from faults.flips import Outcomes, flip_cache, flip_run, flip_weights, scored

from gcg_bench.errors import GcgBenchError
from gcg_bench.pipeline.evaluate import predicted
from gcg_bench.pipeline.spec import DataSpec, EvaluationSpec
from gcg_bench.text.encoders import load_encoder

FLIPS = int(os.environ.get("GCG_BENCH_FLIPS", "120"))
SEED = int(os.environ.get("GCG_BENCH_FLIPS_SEED", "0"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A scored run of three rendered images, half of whose answers are right."""
    folder = tmp_path_factory.mktemp("flips") / "run"
    spec = EvaluationSpec("shuffled-truth", DataSpec("shapes", "val", limit=3), out=folder)
    with predicted(spec, message=lambda _: None):
        pass
    scored(folder)
    return folder


def tell(capsys, outcomes):
    if FLIPS > 1000:  # somebody waits for the figures
        with capsys.disabled():
            sys.stdout.write(f"\n{outcomes}\n")


def test_flips_in_the_files_of_a_run(run, tmp_path, capsys):
    outcomes = Outcomes()
    flip_run(run, FLIPS // 2, Random(SEED), outcomes, tmp_path)
    tell(capsys, outcomes)
    assert outcomes.wrong == []
    assert outcomes.count >= FLIPS // 2


def test_flips_in_the_caches(run, tmp_path, monkeypatch, capsys):
    kinds = ["encoder", "ptb", "meteor"]
    used = Path(os.environ["GCG_BENCH_CACHE"])
    for kind in kinds:
        shutil.copy(used / f"{kind}.sqlite", tmp_path)
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path))
    outcomes = Outcomes()
    flip_cache(kinds, FLIPS // 2, Random(SEED + 1), outcomes)
    tell(capsys, outcomes)
    assert outcomes.wrong == []


def test_flips_in_the_weights_of_an_encoder(tmp_path, capsys):
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path / "bert"
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    BertModel(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(load_encoder("minilm").folder / name, folder)
    outcomes = Outcomes()
    flip_weights(folder, FLIPS // 4, Random(SEED + 2), outcomes)
    tell(capsys, outcomes)
    assert outcomes.wrong == []
    assert outcomes.errors == {"weights": FLIPS // 4}


def test_the_harness_notices_a_number_that_changes():
    outcomes = Outcomes()
    outcomes.add("x", lambda: 1, 1, "none")
    outcomes.add("x", lambda: 2, 1, "one")

    def refused():
        raise GcgBenchError("damaged")

    outcomes.add("x", refused, 1, "two")
    assert (outcomes.count, outcomes.harmless, outcomes.errors) == (3, {"x": 1}, {"x": 1})
    assert outcomes.wrong == ["x: one: 2 instead of 1"]
