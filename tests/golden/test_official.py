"""The five published numbers, and the optional ones, to 1e-9 of what the published code printed."""

import json
from pathlib import Path

import pytest

from gcg_bench.data import load_dataset
from gcg_bench.pipeline.predict import complete
from gcg_bench.pipeline.score import score
from gcg_bench.predictions import read_predictions
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks.gcg import OFFICIAL

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "goldens" / "official_gcg"
NUMBERS = (
    "AP50",
    "METEOR",
    "CIDEr",
    "mIoU",
    "Recall",
    "Bleu_1",
    "Bleu_2",
    "Bleu_3",
    "Bleu_4",
    "ROUGE_L",
)
FOLDERS = [
    ("coco_a", name) for name in ("perfect", "good", "medium", "poor", "mismatch", "dups", "sparse")
] + [("quirks_a", "quirks")]


def evaluated(references: Path, predictions: Path):
    data = load_dataset("grandf", "val", references)
    sizes = data.sizes
    found = complete(data.samples, read_predictions(predictions, sizes=sizes))
    protocol = OFFICIAL.using(encoder="minilm", also=["bleu", "rouge_l"])
    return score(data, found, [protocol], resampling=Resampling(draws=0))[0]


def assert_parity(evaluation, expected):
    for name in NUMBERS:
        assert evaluation[name].value == pytest.approx(expected[name], abs=1e-9), name
    lost = evaluation.rows["mask_recall"].columns["lost"].sum()
    assert lost == expected["swallowed_errors"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the full goldens are not beside this checkout")
@pytest.mark.parametrize(("world", "name"), FOLDERS, ids=[name for _, name in FOLDERS])
def test_every_golden_folder(world, name):
    expected = json.loads((SHARED / world / "expected_official.json").read_text())[name]
    assert_parity(evaluated(SHARED / world / "gt", SHARED / world / f"pred_{name}"), expected)


@pytest.mark.parametrize("file", sorted((HERE / "data").glob("*.json")), ids=lambda f: f.stem)
def test_packed_subset(file, tmp_path):
    packed = json.loads(file.read_text())
    for part in ("references", "predictions"):
        (tmp_path / part).mkdir()
        for name, content in packed[part].items():
            (tmp_path / part / name).write_text(json.dumps(content))
    evaluation = evaluated(tmp_path / "references", tmp_path / "predictions")
    assert_parity(evaluation, packed["expected"])
