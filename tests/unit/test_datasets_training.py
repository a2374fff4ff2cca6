"""GranD-f's training files and GranD: what the published training code makes of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pycocotools import mask as coco
from support.tiny import copy, paint, rect

from gcg_bench.data import load_dataset
from gcg_bench.errors import BadData, BadMask, MissingData
from gcg_bench.masks import decode
from gcg_bench.types import Phrase, Sample

TRAIN = "GranDf/annotations/train"
FILES = {
    "grandf_human": f"{TRAIN}/GranDf_HA_GCG_train.json",
    "openpsg_gcg": f"{TRAIN}/OpenPsgGCG_val.json",
    "refcocog_gcg": f"{TRAIN}/RefCOCOg_GCG_val.json",
    "flickr30k_gcg": f"{TRAIN}/flickr_mergedGT_GCG_val.json",
}


def load(name: str, root: Path, **given: Any) -> tuple[Sample, ...]:
    return load_dataset(name, "train" if "human" in name else "val", root, **given).samples


def changed(name: str, tmp_path: Path, change: Callable[[Any], object]) -> Path:
    root = copy(name, tmp_path)
    value = json.loads((root / FILES[name]).read_text())
    change(value)
    (root / FILES[name]).write_text(json.dumps(value))
    return root


# --- human-annotated and Open-PSG --------------------------------------------------------------


def test_phrases_stand_in_the_order_of_their_spans_with_all_their_masks(tmp_path: Path) -> None:
    boy, _ = load("grandf_human", copy("grandf_human", tmp_path))
    assert boy.id == "sa_20"
    assert boy.captions == ("A boy holds two balls.",)  # without the quotes around it
    assert boy.truth.phrases == (
        Phrase("A boy", (rect(3, 3, 5, 4),), span=(0, 5)),
        Phrase("two balls", (rect(0, 0, 2, 2), rect(0, 5, 2, 2)), span=(12, 21)),
    )
    assert boy.truth.caption[12:21] == "two balls"


def test_sizes_are_those_of_the_run_lengths_and_order_is_that_of_names(tmp_path: Path) -> None:
    samples = load("grandf_human", copy("grandf_human", tmp_path))
    assert [(one.query.image.height, one.query.image.width) for one in samples] == [(8, 10)] * 2
    assert [(one.id, one.order) for one in samples] == [("sa_20", 1), ("sa_19", 0)]


def test_images_are_those_of_the_published_folder(tmp_path: Path) -> None:
    root = copy("openpsg_gcg", tmp_path)
    paint(root / "coco_2017/train2017/000000000139.jpg", 8, 10)
    (woman,) = load("openpsg_gcg", root)
    assert woman.id == "000000000139"
    assert woman.query.image.read().shape == (8, 10, 3)


def test_spans_counted_with_the_quotes_are_moved(tmp_path: Path) -> None:
    def with_quote(value: Any) -> None:
        value[0]["groundings"]["A boy"]["token_positives"] = [1, 6]

    boy = load("grandf_human", changed("grandf_human", tmp_path, with_quote))[0]
    assert boy.truth.phrases[0].span == (0, 5)


def test_spans_past_the_end_are_cut_and_empty_ones_unknown(tmp_path: Path) -> None:
    def beyond(value: Any) -> None:
        value[0]["groundings"]["two balls"]["token_positives"] = [12, 99]
        value[0]["groundings"]["A boy"]["token_positives"] = [50, 60]

    boy = load("grandf_human", changed("grandf_human", tmp_path, beyond))[0]
    assert [(one.text, one.span) for one in boy.truth.phrases] == [
        ("two balls", (12, 22)),
        ("A boy", None),
    ]


def test_an_image_that_occurs_again_gets_a_number(tmp_path: Path) -> None:
    root = changed("grandf_human", tmp_path, lambda value: value.append(value[0]))
    assert [one.id for one in load("grandf_human", root)] == ["sa_20", "sa_19", "sa_20#2"]


def test_an_image_without_groundings_takes_its_size_from_its_file(tmp_path: Path) -> None:
    root = changed("grandf_human", tmp_path, lambda value: value[1].update(groundings={}))
    with pytest.raises(BadData, match=r"image sa_19: the image's size can only be read from .*jpg"):
        load("grandf_human", root)
    paint(root / "GranDf_HA_images/train/sa_19.jpg", 6, 9)
    picture = load("grandf_human", root)[1].query.image
    assert (picture.height, picture.width) == (6, 9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v[0].pop("file_name"), r"GranDf_HA.*json: \[0\]\.file_name: is missing"),
        (lambda v: v[0].pop("groundings"), r"image sa_20: \[0\]\.groundings: is missing"),
        (
            lambda v: v[0]["groundings"]["A boy"].update(token_positives=[3]),
            r"sa_20: \[0\]\.groundings\.A boy\.token_positives: should be two whole numbers",
        ),
        (
            lambda v: v[0]["groundings"]["A boy"].pop("rle_masks"),
            r"sa_20: \[0\]\.groundings\.A boy\.rle_masks: is missing",
        ),
    ],
)
def test_a_broken_grounding_is_refused_with_the_place(
    tmp_path: Path, change: Callable[[Any], object], message: str
) -> None:
    with pytest.raises(BadData, match=message):
        load("grandf_human", changed("grandf_human", tmp_path, change))


def test_masks_of_two_sizes_in_an_image_are_refused(tmp_path: Path) -> None:
    def other(value: Any) -> None:
        value[0]["groundings"]["two balls"]["rle_masks"][1]["size"] = [10, 8]

    with pytest.raises(BadMask) as caught:
        load("grandf_human", changed("grandf_human", tmp_path, other))
    assert (caught.value.image, caught.value.phrase) == ("sa_20", 1)
    assert str(caught.value.field).startswith("[0].groundings.two balls.rle_masks[1]")


@pytest.mark.parametrize("name", ["grandf_human", "refcocog_gcg"])
def test_a_file_that_is_no_list(tmp_path: Path, name: str) -> None:
    root = copy(name, tmp_path)
    (root / FILES[name]).write_text("{}")
    with pytest.raises(BadData, match="should be a list of images"):
        load(name, root)


# --- RefCOCOg ----------------------------------------------------------------------------------


@pytest.fixture
def refcocog(tmp_path: Path) -> Path:
    root = copy("refcocog_gcg", tmp_path)
    paint(root / "coco_2014/train2014/COCO_train2014_000000000005.jpg", 8, 10)
    return root


def test_expressions_are_found_in_the_caption_trimmed_and_sorted(refcocog: Path) -> None:
    man = load("refcocog_gcg", refcocog)[0]
    assert man.truth.caption == "A man in a red coat walks his dog."
    # "a red coat" starts at 9, so the longer expression ends there; "a blue car" is not said
    assert [(one.text, one.span) for one in man.truth.phrases] == [
        ("A man in", (0, 8)),
        ("a red coat", (9, 19)),
        ("his dog", (26, 33)),
    ]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools'
def test_polygons_are_drawn_on_the_size_of_the_image(refcocog: Path) -> None:
    man, dog = load("refcocog_gcg", refcocog)
    assert (man.query.image.height, man.query.image.width) == (8, 10)
    outlines = [[6, 4, 9, 4, 9, 7, 6, 7], [0, 0, 2, 0, 2, 2, 0, 2]]
    drawn = coco.decode(coco.merge(coco.frPyObjects(outlines, 8, 10)))
    (mask,) = dog.truth.phrases[0].masks  # two polygons, one object
    assert (decode(mask) == drawn.astype(bool)).all()


def test_an_id_that_occurs_again_gets_a_number(refcocog: Path) -> None:
    assert [one.id for one in load("refcocog_gcg", refcocog)] == ["5", "5#2"]


def test_without_images_polygons_have_no_size(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"image 5: the image's size can only be read from .*0005"):
        load("refcocog_gcg", copy("refcocog_gcg", tmp_path))


def test_equal_expressions_are_one_phrase_with_several_masks(refcocog: Path) -> None:
    file = refcocog / FILES["refcocog_gcg"]
    value = json.loads(file.read_text())
    value[0]["5"]["refs"].append({"sentence": "His dog", "segmentation": [[0, 0, 2, 0, 2, 2]]})
    file.write_text(json.dumps(value))
    phrases = load("refcocog_gcg", refcocog)[0].truth.phrases
    assert [(one.text, len(one.masks)) for one in phrases][-1] == ("his dog", 2)


# --- Flickr30k ---------------------------------------------------------------------------------


def test_short_captions_and_small_images_are_dropped(tmp_path: Path) -> None:
    samples = load("flickr30k_gcg", copy("flickr30k_gcg", tmp_path))
    assert [(one.id, one.order) for one in samples] == [("0", 0), ("3", 1)]


def test_ignored_empty_and_outer_boxes_are_dropped_and_equal_spans_joined(tmp_path: Path) -> None:
    men = load("flickr30k_gcg", copy("flickr30k_gcg", tmp_path))[0]
    size = (40, 50)
    assert men.truth.phrases == (
        Phrase("Two men", (rect(3, 2, 30, 10, size), rect(3, 30, 30, 10, size)), span=(0, 7)),
        Phrase("a long ladder", (rect(5, 20, 4, 20, size),), span=(14, 27)),
    )


def test_a_limit_counts_what_is_kept(tmp_path: Path) -> None:
    samples = load("flickr30k_gcg", copy("flickr30k_gcg", tmp_path), limit=2)
    assert [one.id for one in samples] == ["0", "3"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(tokens_positive=[]), r"image 0: .*tokens_positive: should be a list"),
        (lambda r: r.update(tokens_positive=[[90, 99]]), "tokens_positive: names nothing"),
        (lambda r: r.update(bbox=[1, 2, 3]), r"annotations\[0\]\.bbox: should be four numbers"),
        (lambda r: r.pop("sam_mask"), r"annotations\[0\]\.sam_mask: is missing"),
    ],
)
def test_a_broken_annotation_is_refused(
    tmp_path: Path, change: Callable[[Any], object], message: str
) -> None:
    root = changed("flickr30k_gcg", tmp_path, lambda value: change(value["annotations"][0]))
    with pytest.raises(BadData, match=message):
        load("flickr30k_gcg", root)


# --- GranD -------------------------------------------------------------------------------------


def grand(root: Path, **given: Any) -> tuple[Sample, ...]:
    return load_dataset("grand", "train", root, **given).samples


def test_the_dense_caption_is_read_with_the_masks_of_its_objects(tmp_path: Path) -> None:
    _, seven = grand(copy("grand", tmp_path))
    assert seven.id == "sa_7"
    assert seven.truth.caption == "A cat and a dog, both animals, lie on a sofa."
    assert seven.truth.phrases == (
        Phrase("A cat", (rect(0, 0, 2, 3),), span=(0, 5)),
        Phrase("both animals", (rect(0, 0, 2, 3), rect(4, 4, 3, 3)), span=(17, 29)),
        Phrase("a sofa"),
    )


def test_without_a_dense_caption_the_first_short_one_is_read(tmp_path: Path) -> None:
    six, _ = grand(copy("grand", tmp_path))
    assert (six.truth.caption, six.truth.phrases) == (
        "a white wall",
        (Phrase("a white wall", (rect(0, 0, 8, 10),), span=(0, 12)),),
    )


def test_an_image_without_captions_is_dropped_and_does_not_count(tmp_path: Path) -> None:
    root = copy("grand", tmp_path)
    assert [one.id for one in grand(root)] == ["sa_6", "sa_7"]
    assert [one.id for one in grand(root, limit=1)] == ["sa_6"]


def test_no_annotation_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=r"no \*\.json or \*\.tar\.gz under .*GranD/annotations"):
        grand(tmp_path)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    root = copy("grand", tmp_path)
    file = root / "GranD/annotations/part_2/sa_7.json"
    file.write_text(file.read_text().replace('"caption": "A cat', '"capture": "A cat'))
    with pytest.raises(BadData, match=r"sa_7\.json: image sa_7: .*dense_caption\.caption: is mis"):
        grand(root)
