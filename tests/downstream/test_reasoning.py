"""Reasoning segmentation against the published program: masks to the pixel, scores."""

import json

import numpy as np
import pytest
from PIL import Image
from support.downstream import golden, needed

from gcg_bench.data import load_dataset
from gcg_bench.masks import decode, read_mask
from gcg_bench.pipeline.score import score
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks.reasoning import OFFICIAL, STRICT
from gcg_bench.types import Grounding, Phrase, Prediction

pytestmark = needed


@pytest.fixture
def loaded(tmp_path):
    case = golden("reasonseg")
    home = tmp_path / "reason_seg" / "ReasonSeg" / "val"
    home.mkdir(parents=True)
    for image in case["images"]:
        (home / f"{image['id']}.json").write_text(json.dumps(image["annotation"]))
        Image.new("RGB", (image["width"], image["height"])).save(home / f"{image['id']}.jpg")
    return case, load_dataset("reasonseg", "val", tmp_path)


def test_label_maps_to_the_pixel(loaded):
    case, dataset = loaded
    expected = {image["id"]: image for image in case["images"]}
    texts = sum(len(image["annotation"]["text"]) for image in case["images"])
    assert len(dataset.samples) == texts
    for sample in dataset.samples:
        image = expected[sample.query.image_id]
        (mask,) = sample.truth.phrases[0].masks
        assert np.array_equal(decode(mask), decode(read_mask(image["expected_mask"]["one"])))
        ignored = [decode(part) for part in sample.ignore] or [np.zeros(sample.size, bool)]
        wanted = decode(read_mask(image["expected_mask"]["ignored"]))
        assert np.array_equal(np.any(ignored, axis=0), wanted)


def test_the_published_numbers_in_single_precision(loaded):
    case, dataset = loaded
    answers = {image["id"]: read_mask(image["answer"]) for image in case["images"]}
    predictions = {
        sample.id: Prediction(
            sample.id, Grounding("", (Phrase(None, (answers[sample.query.image_id],)),))
        )
        for sample in dataset.samples
    }
    # what is answered to later wordings does not matter to the published computation
    for id_ in predictions:
        if not id_.endswith("#0"):
            predictions[id_] = Prediction(id_)
    official, strict = score(
        dataset, predictions, [OFFICIAL, STRICT], resampling=Resampling(draws=0)
    )
    for name, there in (("gIoU", "giou"), ("cIoU", "ciou")):
        published = float(case["expected"][there])
        assert official[name].value == pytest.approx(published, abs=4e-7)
        assert strict[name].value < official[name].value
