"""Caption scores of the golden folders against what the published evaluator printed."""

import json
from pathlib import Path

import pytest
from support.captioned import scores

from gcg_bench.metrics.bleu import BLEU
from gcg_bench.metrics.cider import CIDEr
from gcg_bench.metrics.meteor import METEOR
from gcg_bench.metrics.rouge_l import ROUGEL
from gcg_bench.text import java, meteor

GOLDENS = Path(__file__).parents[3] / "shared" / "goldens" / "official_gcg"
FOLDERS = [
    (world.name, predictions.name.removeprefix("pred_"))
    for world in sorted(GOLDENS.glob("*_a"))
    for predictions in sorted(world.glob("pred_*"))
]


def read(world: str, name: str) -> tuple[list[list[str]], list[str]]:
    """(references of each image, predicted captions), as written in the files."""
    folder = GOLDENS / world
    told = json.loads((folder / "gt" / "val_gcg_coco_caption_gt.json").read_text())
    references: dict[str, list[str]] = {str(image["id"]): [] for image in told["images"]}
    for annotation in told["annotations"]:
        references[str(annotation["image_id"])].append(annotation["caption"])
    captions = []
    for image in references:
        answer = json.loads((folder / f"pred_{name}" / f"{image}.json").read_text())
        if "caption" not in answer:
            [answer] = answer.values()
        captions.append(answer["caption"])
    return list(references.values()), captions


@pytest.fixture(scope="module")
def worlds():
    """Every golden folder, tokenised; METEOR is called once for all of them."""
    found = {}
    for folder in FOLDERS:
        references, captions = read(*folder)
        tokens = iter(java.ptb_tokenise([t for texts in references for t in texts]).captions)
        split = [[next(tokens) for _ in texts] for texts in references]
        found[folder] = list(zip(split, java.ptb_tokenise(captions).captions, strict=True))
    meteor.meteor_statistics([image for world in found.values() for image in world])
    return found


@pytest.mark.skipif(not FOLDERS, reason="the goldens are not beside this checkout")
def test_all_eight_folders_are_there():
    assert len(FOLDERS) == 8


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder[1])
def test_equals_the_published_evaluator(worlds, folder):
    world, name = folder
    expected = json.loads((GOLDENS / world / "expected_official.json").read_text())[name]
    found = {}
    for metric in (BLEU(), ROUGEL(), METEOR(), CIDEr()):
        found.update(scores(metric, worlds[folder]))
    assert len(found) == 7
    assert found == pytest.approx({score: expected[score] for score in found}, abs=1e-9)
