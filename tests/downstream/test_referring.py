"""Referring segmentation against the published programs: scores, readers, label maps."""

import json
import pickle

import numpy as np
import pytest
from support.downstream import golden, needed

from gcg_bench.data import load_dataset
from gcg_bench.masks import decode, read_mask
from gcg_bench.pipeline.score import score as score_dataset
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks.referring import OFFICIAL, STRICT
from gcg_bench.types import Grounding, Mask, Phrase, Picture, Prediction, Query, Sample

pytestmark = needed

SINGLE_PRECISION = 2e-6  # the published sums run in float32, image by image


def as_mask(value):
    return read_mask(value)


def referring_sample(id_: str, image: dict, reference: dict) -> Sample:
    """A sample whose label map has the values 1, 2 and 255 of a golden case."""
    ones = [as_mask(reference["one"])] if "one" in reference else []
    twos = 2 * [as_mask(reference["two"])] if "two" in reference else []
    ignored = (as_mask(reference["ignored"]),) if "ignored" in reference else ()
    picture = Picture(image["height"], image["width"], lambda: np.zeros((1, 1, 3), np.uint8))
    query = Query(id_, picture, image_id=str(image["id"]), expression="it", task="referring")
    truth = Grounding("", (Phrase("it", (*ones, *twos)),))
    return Sample(query, truth, (), ignore=ignored)


def answered(id_: str, mask: dict | None) -> Prediction:
    phrases = () if mask is None else (Phrase(None, (as_mask(mask),)),)
    return Prediction(id_, Grounding("", phrases))


def scored(samples, predictions, protocol, tmp_dataset):
    dataset = tmp_dataset(samples)
    (result,) = score_dataset(dataset, predictions, [protocol], resampling=Resampling(draws=0))
    return {score.name: score.value for score in result.scores}


@pytest.fixture
def dataset_of():
    from gcg_bench.data import Dataset
    from gcg_bench.data.cards import load_card

    return lambda samples: Dataset(load_card("refcoco"), "val", tuple(samples), {})


@pytest.mark.parametrize("name", ["plain", "twice", "short", "empty", "ignored", "large"])
def test_the_published_numbers_in_single_precision(name, dataset_of):
    case = golden(f"res_{name}")
    samples, predictions = [], {}
    for image in case["images"]:
        for position, entry in enumerate(image["expressions"]):
            id_ = f"{image['id']}#{position}"
            samples.append(referring_sample(id_, image, entry["reference"]))
            predictions[id_] = answered(id_, entry["answer"])
    values = scored(samples, predictions, OFFICIAL, dataset_of)
    published = case["expected"]["processes_1"]
    assert values["gIoU"] == pytest.approx(float(published["giou"]), abs=SINGLE_PRECISION)
    assert values["cIoU"] == pytest.approx(float(published["ciou"]), abs=SINGLE_PRECISION)


def test_several_processes_count_repeated_images_twice(dataset_of):
    """Padding repeats images, and the published numbers move; ours are those of one process."""
    case = golden("res_plain")
    by_id = {image["id"]: image for image in case["images"]}
    for expected in case["expected"].values():
        samples, predictions = [], {}
        dealt = [id_ for process in expected["images_by_process"] for id_ in process]
        for turn, image_id in enumerate(dealt):
            image = by_id[image_id]
            for position, entry in enumerate(image["expressions"]):
                id_ = f"{turn}#{position}"
                samples.append(referring_sample(id_, image, entry["reference"]))
                predictions[id_] = answered(id_, entry["answer"])
        values = scored(samples, predictions, OFFICIAL, dataset_of)
        assert values["gIoU"] == pytest.approx(float(expected["giou"]), abs=SINGLE_PRECISION)
        assert values["cIoU"] == pytest.approx(float(expected["ciou"]), abs=SINGLE_PRECISION)


def test_strict_counts_a_missing_answer_and_unites_polygons(dataset_of):
    image = {"id": 1, "height": 2, "width": 4}
    left, middle = ({"size": [2, 4], "counts": counts} for counts in ([0, 4, 4], [2, 4, 2]))
    first = referring_sample("a", image, {"one": left})
    # value 2 in the middle: no reference pixel when polygons are added up
    second = referring_sample("b", image, {"one": left, "two": middle})
    predictions = {"a": answered("a", left), "b": Prediction("b")}
    strict = scored([first, second], predictions, STRICT, dataset_of)
    assert strict["cIoU"] == pytest.approx(4 / (4 + 6))
    assert strict["gIoU"] == pytest.approx(0.5)
    official = scored([first, second], predictions, OFFICIAL, dataset_of)
    assert official["cIoU"] == pytest.approx(1.0)


def label_map(sample: Sample) -> dict[int, np.ndarray]:
    """The label map that the published code makes: its polygons added up."""
    masks: list[Mask] = [mask for phrase in sample.truth.phrases for mask in phrase.masks]
    counts = sum((decode(mask).astype(int) for mask in masks), np.zeros(sample.size, int))
    return {value: counts == value for value in np.unique(counts[counts > 0]).tolist()}


@pytest.mark.parametrize("form", ["p", "json"])
@pytest.mark.parametrize("folder", ["refcoco", "Refer_Segm/refcoco"])
def test_ids_counts_and_label_maps_are_those_of_the_published_reader(tmp_path, form, folder):
    case = golden("refer")
    home = tmp_path / folder
    home.mkdir(parents=True)
    (home / "instances.json").write_text(json.dumps(case["instances"]))
    if form == "p":
        (home / "refs(unc).p").write_bytes(pickle.dumps(case["refs"], protocol=2))
    else:
        (home / "refs(unc).json").write_text(json.dumps(case["refs"]))
    refs = {ref["ref_id"]: ref for ref in case["refs"]}
    for split, expected in case["expected"].items():
        samples = load_dataset("refcoco", split, tmp_path).samples
        assert len(samples) == expected["sentences"]
        ids = [s["sent_id"] for id_ in expected["ref_ids"] for s in refs[id_]["sentences"]]
        assert [sample.id for sample in samples] == [str(id_) for id_ in ids]
        images = {str(id_) for id_ in expected["images_in_published_order"]}
        assert {sample.query.image_id for sample in samples} == images
        by_words = {(s.query.image_id, s.query.expression): s for s in samples}
        for drawn in expected["drawn_with_numpy_seed_7"]:
            for words, maps in zip(drawn["asked"], drawn["maps"], strict=True):
                ours = label_map(by_words[str(drawn["image_id"]), words])
                assert {str(value) for value in ours} == set(maps)
                for value, mask in ours.items():
                    assert np.array_equal(mask, decode(as_mask(maps[str(value)])))
