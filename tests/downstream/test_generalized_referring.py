"""Generalized referring segmentation against the published programs."""

import json
import pickle

import numpy as np
import pytest
from support.downstream import golden, needed

from gcg_bench.data import Dataset, load_dataset
from gcg_bench.data.cards import load_card
from gcg_bench.masks import decode, read_mask
from gcg_bench.pipeline.score import score
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks.generalized_referring import GSVA, OFFICIAL
from gcg_bench.types import Grounding, Phrase, Picture, Prediction, Query, Sample

pytestmark = needed


def values_of(case, protocol):
    samples, predictions = [], {}
    for entry in case["samples"]:
        id_ = str(entry["id"])
        picture = Picture(entry["height"], entry["width"], lambda: np.zeros((1, 1, 3), np.uint8))
        phrases = tuple(Phrase("it", (read_mask(target),)) for target in entry["targets"])
        truth = Grounding("", phrases or (Phrase("it"),))
        query = Query(id_, picture, expression="it", task="generalized_referring")
        samples.append(Sample(query, truth, ()))
        answer = Grounding("", (Phrase(None, (read_mask(entry["answer"]),)),))
        predictions[id_] = Prediction(id_, answer, refused=entry["says_no_target"])
    dataset = Dataset(load_card("grefcoco"), "val", tuple(samples), {})
    (result,) = score(dataset, predictions, [protocol], resampling=Resampling(draws=0))
    return {one.name: one.value for one in result.scores}


@pytest.mark.parametrize("name", ["gres", "gres_spoken"])
def test_rela_to_the_last_digit(name):
    case = golden(name)
    ours, published = values_of(case, OFFICIAL), case["expected_rela"]
    for score_name in ("gIoU", "cIoU"):
        assert 100 * ours[score_name] == pytest.approx(published[score_name], abs=1e-10)
    for score_name in ("N_acc", "T_acc"):
        assert ours[score_name] == pytest.approx(published[score_name], abs=1e-12)
    for threshold in ("0.7", "0.8", "0.9"):
        expected = published[f"Pr@{threshold}"]
        assert 100 * ours[f"P@{threshold}"] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("name", ["gres", "gres_spoken"])
def test_gsva_in_single_precision(name):
    case = golden(name)
    ours, published = values_of(case, GSVA), case["expected_gsva"]
    for ours_name, name_there in (
        ("gIoU", "giou"),
        ("cIoU", "ciou"),
        ("N_acc", "N_acc"),
        ("T_acc", "T_acc"),
    ):
        assert ours[ours_name] == pytest.approx(float(published[name_there]), abs=2e-6)


def label_map(sample: Sample) -> dict[int, np.ndarray]:
    """The published label map: polygons of a target added up, targets joined bit by bit."""
    joined = np.zeros(sample.size, int)
    for phrase in sample.truth.phrases:
        joined |= sum((decode(mask).astype(int) for mask in phrase.masks), np.zeros_like(joined))
    return {value: joined == value for value in np.unique(joined[joined > 0]).tolist()}


@pytest.mark.parametrize("form", ["json", "p"])
def test_ids_counts_and_label_maps_are_those_of_the_published_reader(tmp_path, form):
    case = golden("grefer")
    home = tmp_path / "grefcoco"
    home.mkdir()
    (home / "instances.json").write_text(json.dumps(case["instances"]))
    if form == "p":
        (home / "grefs(unc).p").write_bytes(pickle.dumps(case["refs"], protocol=2))
    else:
        (home / "grefs(unc).json").write_text(json.dumps(case["refs"]))
    refs = {ref["ref_id"]: ref for ref in case["refs"]}
    for split, expected in case["expected"].items():
        samples = load_dataset("grefcoco", split, tmp_path).samples
        assert len(samples) == expected["sentences"]
        ids = [s["sent_id"] for id_ in expected["ref_ids"] for s in refs[id_]["sentences"]]
        assert [sample.id for sample in samples] == [str(id_) for id_ in ids]
        by_words = {(s.query.image_id, s.query.expression): s for s in samples}
        for drawn in expected["drawn_with_numpy_seed_7"]:
            for words, maps in zip(drawn["asked"], drawn["maps"], strict=True):
                ours = label_map(by_words[str(drawn["image_id"]), words])
                assert {str(value) for value in ours} == set(maps)
                for value, mask in ours.items():
                    assert np.array_equal(mask, decode(read_mask(maps[str(value)])))
