"""Captions of regions and images against the published program."""

import json

import pytest
from support.downstream import golden, needed

from gcg_bench import tasks
from gcg_bench.data import load_dataset
from gcg_bench.errors import MissingData
from gcg_bench.pipeline.predict import complete
from gcg_bench.pipeline.score import score
from gcg_bench.scoring.values import Resampling
from gcg_bench.types import Grounding, Prediction

pytestmark = needed

CLOSE = 1e-12
FILES = {
    "refcocog_region": ("val", "finetune_refcocog_val_captions.json"),
    "vg_region": ("test", "visual_genome/test_caption.json"),
    "flickr30k_caption": ("test", "flickr30k_test_captions.json"),
    "nocaps": ("val", "nocaps_val_4500_captions.json"),
}
ALSO = ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L")


def written(case, name, root):
    split, file = FILES[name]
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(case["annotation_file"]))
    return load_dataset(name, split, root)


def answers(case):
    return [
        Prediction(str(entry["image_id"]), Grounding(entry["caption"])) for entry in case["results"]
    ]


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("regcap_one", "refcocog_region"),
        ("regcap_one", "vg_region"),
        ("regcap_many", "flickr30k_caption"),
        ("imagecap_five", "flickr30k_caption"),
        ("imagecap_ten", "nocaps"),
    ],
)
def test_the_published_scores(tmp_path, name, dataset):
    case = golden(name)
    data = written(case, dataset, tmp_path)
    predictions = complete(data.samples, answers(case))
    official = tasks.load(data.task).protocol("official").using(also=("bleu", "rouge_l"))
    (result,) = score(data, predictions, [official], resampling=Resampling(draws=0))
    for published in ("METEOR", "CIDEr", *ALSO):
        expected = case["expected"][published]
        assert result[published].value == pytest.approx(expected, abs=CLOSE)


def test_a_missing_answer_is_an_error_where_the_published_program_drops_it(tmp_path):
    case = golden("regcap_part")
    data = written(case, "refcocog_region", tmp_path)
    assert len(case["results"]) < len(data.samples)
    with pytest.raises(MissingData, match="have no prediction"):
        complete(data.samples, answers(case))
    # the published number is that of the entries with a result
    kept = {prediction.id for prediction in answers(case)}
    part = type(data)(
        data.card, data.split, tuple(s for s in data.samples if s.id in kept), data.files
    )
    (result,) = score(
        part,
        complete(part.samples, answers(case)),
        [tasks.load(data.task).protocol("official")],
        resampling=Resampling(draws=0),
    )
    for published in ("METEOR", "CIDEr"):
        expected = case["expected"][published]
        assert result[published].value == pytest.approx(expected, abs=CLOSE)


def test_an_image_may_have_the_id_0(tmp_path):
    data = written(golden("imagecap_ten"), "nocaps", tmp_path)
    assert "0" in {sample.id for sample in data.samples}


def test_an_annotation_belongs_to_its_own_image(tmp_path):
    """The published loader takes the annotation whose id is that of the image."""
    case = golden("region_input")["pairing"]
    data = written(case, "refcocog_region", tmp_path)
    rows = {row["id"]: row for row in case["annotation_file"]["annotations"]}
    assert [sample.id for sample in data.samples] == [str(id_) for id_ in rows]
    for sample in data.samples:
        row = rows[int(sample.id)]
        x, y, width, height = row["bbox"]
        assert sample.query.image_id == str(row["image_id"])
        assert sample.query.image.path.name == f"{row['image_id']}.jpg"
        assert sample.query.regions == ((x, y, x + width, y + height),)
        assert sample.captions == (row["caption"],)


def test_boxes_are_those_that_the_published_model_is_given():
    torch = pytest.importorskip("torch")
    from gcg_bench.glamm.processing import normalised

    for entry in golden("region_input")["boxes"]:
        x, y, width, height = entry["bbox_xywh"]
        box = (x, y, x + width, y + height)
        given = normalised([box], (entry["height"], entry["width"])).to(torch.bfloat16).float()
        assert given[0].tolist() == entry["given_to_model"]


def test_replies_become_the_captions_that_the_published_code_scores():
    pytest.importorskip("torch")
    from gcg_bench.glamm.aligned_text import AlignedText
    from gcg_bench.glamm.answers import _caption, _reply_text

    for entry in golden("region_input")["texts"]:
        reply = _reply_text(AlignedText(entry["raw"], tuple(range(len(entry["raw"]))))).text
        caption = _caption(AlignedText(reply, tuple(range(len(reply))))).text
        assert caption == entry["caption"]


def test_a_file_of_another_name_is_read_when_it_is_the_only_one(tmp_path):
    case = golden("imagecap_five")
    (tmp_path / "captions.json").write_text(json.dumps(case["annotation_file"]))
    assert len(load_dataset("flickr30k_caption", "test", tmp_path).samples) == 50
    (tmp_path / "more.json").write_text("{}")
    with pytest.raises(MissingData, match=r"flickr30k_test_captions\.json"):
        load_dataset("flickr30k_caption", "test", tmp_path)
