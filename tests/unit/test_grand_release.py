"""GranD's release: spans, archives, masks against boxes, tables, expressions, and the writer."""

import gzip
import json
import tarfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from support.tiny import copy

from gcg_bench import masks
from gcg_bench.data import Dataset, load_dataset
from gcg_bench.data.cards import load_card, read_card
from gcg_bench.data.check import check_dataset
from gcg_bench.data.grand.boxes import Agreement, agreements, mask_overlap
from gcg_bench.data.grand.files import annotations, write_annotations
from gcg_bench.data.grand.spans import repaired
from gcg_bench.data.grand.table import annotation_of, object_rows
from gcg_bench.data.grand.training import referring_expressions
from gcg_bench.data.grand.values import GrandAnnotation, GrandObject
from gcg_bench.errors import BadData, BadOption
from gcg_bench.types import Phrase

SEVEN = "GranD/annotations/part_2/sa_7.json"
FULL = {"size": [4, 6], "counts": "0h0"}  # 24 pixels of 1


def grand(root: Path, **given: Any) -> Dataset:
    return load_dataset("grand", "train", root, **given)


def changed(root: Path, change: Any) -> None:
    file = root / SEVEN
    value = json.loads(file.read_text())
    change(value["sa_7.jpg"])
    file.write_text(json.dumps(value))


@pytest.mark.parametrize(
    ("phrase", "span", "caption", "expected"),
    [
        ("a cat", (0, 5), "A cat sleeps", (0, 5)),  # case does not count
        ("the dog", (14, 21), "The cats toy, the dog", (14, 21)),
        ("the dog", (15, 22), "The cats toy, the dog", (14, 21)),  # an apostrophe was deleted
        ("cup", (20, 23), "a cup and a cup here", (12, 15)),  # the nearest
        ("car", (2, 6), "a carpet and a car", (15, 18)),  # whole words first
        ("car", (0, 3), "a carpet", (2, 5)),  # a part of a word where there is no other
        ("dog", (0, 3), "a cat", None),
        ("a+b", (1, 4), "a+b", (0, 3)),
        ("", (0, 0), "a cat", None),
    ],
)
def test_a_span_that_does_not_spell_its_phrase_is_searched(
    phrase: str, span: tuple[int, int], caption: str, expected: tuple[int, int] | None
) -> None:
    assert repaired(phrase, span, caption) == expected


def test_a_repaired_span_is_a_warning(tmp_path: Path) -> None:
    root = copy("grand", tmp_path)
    details = "dense_caption"
    changed(root, lambda entry: entry[details]["details"][0].update(tokens_positive=[19, 31]))
    changed(root, lambda entry: entry[details]["details"][1].update(phrase="a horse"))
    spans = [phrase.span for phrase in grand(root).samples[1].truth.phrases]
    assert spans == [(17, 29), None, None]
    problems = [
        str(fault) for _, fault in check_dataset(load_card("grand"), "train", root).problems
    ]
    assert any("[19, 31] does not spell the phrase; [17, 29] is used" in text for text in problems)
    assert any("the caption does not have the phrase; no span" in text for text in problems)


def packed(root: Path, name: str = "part_2.tar.gz") -> Path:
    """Moves the files of part_2 into an archive."""
    folder = root / "GranD/annotations/part_2"
    archive = folder.parent / name
    with tarfile.open(archive, "w:gz") as stream:
        for file in sorted(folder.iterdir(), reverse=True):
            stream.add(file, f"part_2/{file.name}")
            file.unlink()
    return archive


def test_archives_are_streamed(tmp_path: Path) -> None:
    root = copy("grand", tmp_path)
    before = grand(root).samples
    packed(root)
    after = grand(root).samples
    assert [sample.truth for sample in after] == [sample.truth for sample in before]
    assert [sample.id for sample in after] == ["sa_6", "sa_7"]
    assert [sample.id for sample in grand(root, limit=1).samples] == ["sa_6"]


def test_an_image_that_is_packed_and_loose_is_read_once(tmp_path: Path) -> None:
    root = copy("grand", tmp_path)
    text = (root / SEVEN).read_text()
    packed(root)
    (root / SEVEN).write_text(text)
    assert [sample.id for sample in grand(root).samples] == ["sa_6", "sa_7"]


def test_damaged_archives_and_files_in_them_are_named(tmp_path: Path) -> None:
    root = copy("grand", tmp_path)
    changed(root, lambda entry: entry["dense_caption"].pop("caption"))
    archive = packed(root)
    with pytest.raises(BadData, match=r"part_2\.tar\.gz: part_2/sa_7\.json: image sa_7: .*missing"):
        grand(root)
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(BadData, match=r"part_2\.tar\.gz: .*damaged archive"):
        grand(root)
    archive.write_bytes(gzip.compress(b"no archive"))
    with pytest.raises(BadData, match="damaged archive"):
        grand(root)


def test_damaged_archives_raise_nothing_else(tmp_path: Path) -> None:
    plain = gzip.decompress(packed(copy("grand", tmp_path)).read_bytes())
    chance = Random(0)
    file = tmp_path / "new" / "a.tar.gz"
    file.parent.mkdir()
    for _ in range(60):
        data = bytearray(plain)
        for _ in range(4):
            data[chance.randrange(600)] = chance.choice([0, 45, 57, 88, 128, 255])
        file.write_bytes(gzip.compress(data, 1))
        with suppress(BadData):
            assert len(list(annotations([file.parent]))) <= 2


def made(**given: Any) -> GrandObject:
    return GrandObject(**{"bbox": (0.0, 0.0, 6.0, 4.0), "segmentation": FULL, **given})


def test_masks_are_compared_with_boxes_by_source() -> None:
    assert masks.area([masks.read_mask(FULL)])[0] == 24
    value = GrandAnnotation(
        file_name="a.jpg",
        objects=(
            made(segmentation_source="SAM"),
            made(bbox=(0, 0, 12, 8), segmentation_source="HQ_SAM"),
        ),
        floating_objects=(made(bbox=(0, 0, 3, 4), segmentation_source="HQ_SAM"), made()),
    )
    assert agreements([value]) == (
        Agreement("HQ_SAM", 2, 1, 0.375),  # 24 of 96, and 12 of 24
        Agreement("SAM", 1, 0, 1.0),
        Agreement("no source", 1, 0, 1.0),
    )
    assert mask_overlap((7, 0, 9, 4), masks.read_mask(FULL)) == 0


def test_the_check_warns_of_masks_outside_their_boxes(tmp_path: Path) -> None:
    root = copy("grand", tmp_path)
    changed(
        root,
        lambda entry: entry["objects"][0].update(bbox=[6, 4, 9, 7], segmentation_source="HQ_SAM"),
    )
    problems = [
        str(fault) for _, fault in check_dataset(load_card("grand"), "train", root).problems
    ]
    [text] = [text for text in problems if "do not fit their box" in text]
    assert "1 of 1 masks of source HQ_SAM" in text
    assert "median 0.00" in text


def test_objects_are_rows(tmp_path: Path) -> None:
    rows = list(object_rows(annotations([copy("grand", tmp_path) / "GranD/annotations"])))
    assert [(row["image"], row["id"], row["floating"], row["labels"]) for row in rows] == [
        ("sa_6", 0, False, ["wall"]),
        ("sa_7", 0, False, ["cat"]),
        ("sa_7", 1, False, ["dog"]),
        ("sa_7", 2, False, ["sofa"]),
    ]
    assert (rows[1]["left"], rows[1]["right"], rows[1]["score"]) == (0, 3, None)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (None, []),
        (("Assistant: a wet car",), ["a wet car"]),
        (("istant: red", "ASSISTANT a big car", "car two"), ["a big car", "car two"]),
        (("red", "blue"), ["red"]),
        (("red", "a traffic light"), ["a traffic light"]),
    ],
)
def test_expressions_name_a_label(attributes: Any, expected: list[str]) -> None:
    value = made(labels=("car", "traffic_light"), attributes=attributes, id=3)
    assert [one.text for one in referring_expressions([value])] == expected


@pytest.mark.parametrize("name", ["out", "out.tar.gz"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    before = tuple(annotations([copy("grand", tmp_path / "data") / "GranD/annotations"]))
    assert write_annotations(before, tmp_path / "new" / name) == 3
    assert tuple(annotations([tmp_path / "new"])) == before
    with pytest.raises(BadOption, match="is there already"):
        write_annotations(before, tmp_path / "new" / name)


@pytest.mark.parametrize("names", [["a.jpg", "a.png"], ["../..", "b.jpg"], ["", "b.jpg"]])
def test_names_that_cannot_be_those_of_files_are_refused(tmp_path: Path, names: list[str]) -> None:
    values = [GrandAnnotation(file_name=name) for name in names]
    with pytest.raises(BadOption, match="rename"):
        write_annotations(values, tmp_path / "out.tgz")
    assert list(tmp_path.iterdir()) == []


def test_samples_of_another_set_are_written_and_read_back(tmp_path: Path) -> None:
    samples = load_dataset("shapes", "val", limit=4).samples
    values = [annotation_of(sample, f"{sample.id}.jpg") for sample in samples]
    write_annotations(values, tmp_path / "GranD/annotations/all.tar.gz")
    for before, after in zip(samples, grand(tmp_path).samples, strict=True):
        assert (after.id, after.truth.caption) == (before.id, before.truth.caption)
        by_span = sorted(before.truth.phrases, key=lambda phrase: phrase.span or (0, 0))
        assert after.truth.phrases == tuple(by_span)


def test_what_the_format_cannot_hold_is_refused() -> None:
    [sample] = load_dataset("shapes", "val", limit=1).samples
    truth = replace(sample.truth, phrases=(Phrase(None, sample.truth.phrases[0].masks),))
    with pytest.raises(BadOption, match="masks without words, which the format grand cannot"):
        annotation_of(replace(sample, truth=truth), "a.jpg")


CARD = """---
name: parts
version: "1"
title: parts
format: {format}
tasks: [gcg]
license: none
image_license: none
origin: none
homepage: none
citation: ""
prompt: ""
splits:
  train: {{percent: {percent}}}
  val: {{percent: [73, 100]}}
---
"""


def test_splits_by_the_hash_of_ids(tmp_path: Path) -> None:
    """The first 8 digits of the sha256 modulo 100 (sha256sum): sa_6 91, sa_7 73."""
    root = copy("grand", tmp_path)
    everything = [sample.id for sample in grand(root).samples]
    card = tmp_path / "card.md"
    card.write_text(CARD.format(format="grand", percent="[0, 73]"))
    assert not load_dataset(str(card), "train", root / "GranD/annotations").samples
    parts = {}
    for percent in ("[0, 91]", "[91, 92]", "[0, 100]"):
        card.write_text(CARD.format(format="grand", percent=percent))
        data = load_dataset(str(card), "train", root / "GranD/annotations")
        parts[percent] = [sample.id for sample in data.samples]
    assert parts == {"[0, 91]": ["sa_7"], "[91, 92]": ["sa_6"], "[0, 100]": everything}
    # also inside an archive, and the limit counts the images of the split
    packed(root)
    card.write_text(CARD.format(format="grand", percent="[0, 91]"))
    data = load_dataset(str(card), "train", root / "GranD/annotations", limit=1)
    assert [sample.id for sample in data.samples] == ["sa_7"]


@pytest.mark.parametrize(
    ("format_name", "percent", "message"),
    [
        ("grand", "[9, 9]", "two whole numbers from 0 to 100"),
        ("grand", "[0, 101]", "two whole numbers from 0 to 100"),
        ("grand", "half", "two whole numbers from 0 to 100"),
        ("jsonl", "[0, 99]", "is read by the format grand alone"),
    ],
)
def test_wrong_shares_are_refused(
    tmp_path: Path, format_name: str, percent: str, message: str
) -> None:
    card = tmp_path / "card.md"
    card.write_text(CARD.format(format=format_name, percent=percent))
    with pytest.raises(BadData, match=f"train.percent.*{message}"):
        read_card(card, home=None)
