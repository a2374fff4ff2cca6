"""Formats written and read back: equal samples, nothing written over, images travelling along."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tiny import DATA, copy, paint, rect

from gcg_bench.data import Dataset, load_dataset
from gcg_bench.data.cards import load_card
from gcg_bench.data.export import export
from gcg_bench.errors import BadData, BadOption, MissingData
from gcg_bench.files import paths
from gcg_bench.masks import encode
from gcg_bench.types import Grounding, Mask, Phrase, Picture, Query, Sample

FORMATS = ("jsonl", "parquet", "gcg_coco")
CARD = load_card("shapes")

# any text but halves of surrogate pairs, which only jsonl can hold
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


@st.composite
def bitmaps(draw: st.DrawFn, height: int, width: int) -> Mask:
    bits = draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    return encode(np.array(bits).reshape(height, width))


@st.composite
def spans(draw: st.DrawFn, length: int) -> tuple[int, int] | None:
    start = draw(st.integers(0, length))
    return draw(st.none() | st.tuples(st.just(start), st.integers(start, length)))


@st.composite
def samples(draw: st.DrawFn, id_: str, order: int) -> Sample:
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    captions = tuple(draw(st.lists(words, max_size=3)))
    caption = draw(st.sampled_from([*captions[:1], *captions[-1:], "", "another"]))
    phrase = st.builds(
        Phrase,
        st.none() | words,
        st.lists(bitmaps(height, width), max_size=2).map(tuple),
        st.none() | numbers(0, 1),
        spans(len(caption)),
        st.booleans(),
    )
    corner = numbers(0, 9)
    boxes = st.lists(st.tuples(corner, corner, corner, corner), max_size=2).map(tuple)
    prompt = draw(words)
    image_id = draw(st.sampled_from(["", "image 1", "train/2.jpg"]))
    query_fields = st.fixed_dictionaries(
        {
            "image_id": st.just(image_id),
            "task": st.sampled_from(["gcg", "referring", "reasoning"]),
            "expression": st.none() | words,
            "turns": st.lists(words, max_size=2).map(tuple),
            "forced": st.none() | words,
        }
    )
    picture = Picture(height, width, lambda: np.zeros((height, width, 3), dtype=np.uint8))
    return Sample(
        Query(id_, picture, prompt, draw(boxes), **draw(query_fields)),
        Grounding(caption, tuple(draw(st.lists(phrase, max_size=3)))),
        captions,
        order,
        draw(st.lists(bitmaps(height, width), max_size=2).map(tuple)),
    )


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Sample, ...]:
    # ids that cannot name an image are refused, see test_names.py
    named = words.map(lambda word: f"n{word}").filter(lambda id_: paths.name_problem(id_) is None)
    ids = draw(st.lists(named, min_size=1, max_size=4, unique=True))
    order = draw(st.permutations(range(len(ids))))
    return tuple(draw(samples(id_, rank)) for id_, rank in zip(ids, order, strict=True))


@settings(max_examples=25)
@pytest.mark.parametrize("format_name", ["jsonl", "parquet"])
@given(world=worlds())
def test_samples_written_and_read_back_are_equal(
    format_name: str, world: tuple[Sample, ...]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        export(Dataset(CARD, "val", world, {}), out, format_name)
        again = load_dataset(out, "val")
    assert again.samples == world


def test_texts_that_break_lines_or_are_half_a_character_survive_in_jsonl(tmp_path: Path) -> None:
    text = 'a\u2028b\u0085c\r\n"d" \ud83d \0'
    picture = Picture(1, 1, lambda: np.zeros((1, 1, 3), dtype=np.uint8))
    world = (Sample(Query("a", picture, task="gcg"), Grounding(text, (Phrase(text),)), (text,)),)
    export(Dataset(CARD, "val", world, {}), tmp_path / "out", "jsonl")
    assert load_dataset(tmp_path / "out", "val").samples == world
    with pytest.raises(BadOption, match="half a surrogate pair"):
        export(Dataset(CARD, "val", world, {}), tmp_path / "other", "parquet")


def plain(sample: Sample) -> tuple[Any, ...]:
    """What the published layout can hold of a sample."""
    picture = sample.query.image
    phrases = [(one.text, one.masks, one.crowd) for one in sample.truth.phrases]
    return sample.id, picture.height, picture.width, sample.captions, phrases


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_published_layout_survives_itself(tmp_path: Path, split: str) -> None:
    root = copy("grandf", tmp_path)
    before = load_dataset("grandf", split, root).samples
    export(load_dataset("grandf", split, root), tmp_path / "out", "gcg_coco")
    after = load_dataset(tmp_path / "out", split).samples
    assert [plain(one) for one in after] == [plain(one) for one in before]
    assert [one.order for one in after] == [one.order for one in before]


def test_the_published_layout_is_what_the_coco_api_expects(tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    root = copy("grandf", tmp_path)
    export(load_dataset("grandf", "val", root), tmp_path / "out", "gcg_coco")
    oracle = COCO(tmp_path / "out" / "val_gcg_coco_mask_gt.json")
    written = [(row["image_id"], row["area"], row["bbox"]) for row in oracle.anns.values()]
    assert written == [  # rectangles: height x width, and x, y, width, height
        ("sa_3", 6, [0, 0, 3, 2]),
        ("sa_3", 9, [4, 4, 3, 3]),
        ("sa_1", 10, [1, 1, 2, 5]),
        ("sa_2", 12, [0, 0, 2, 6]),
        ("sa_2", 2, [2, 2, 2, 1]),
    ]
    assert 0 not in oracle.anns


def test_several_masks_of_a_phrase_are_united_in_the_published_layout(tmp_path: Path) -> None:
    root = copy("grandf_human", tmp_path)
    export(load_dataset("grandf_human", "train", root), tmp_path / "out", "gcg_coco")
    boy = load_dataset(tmp_path / "out", "train").samples[0]
    (balls,) = boy.truth.phrases[1].masks
    assert (balls.height, balls.width) == (8, 10)
    both = encode(np.pad([[1, 1, 0, 0, 0, 1, 1]] * 2, ((0, 6), (0, 3))))
    assert balls == both


def test_the_published_layout_refuses_what_it_would_mix_up(tmp_path: Path) -> None:
    picture = Picture(8, 10, lambda: np.zeros((8, 10, 3), dtype=np.uint8))
    phrases = (Phrase("a cat"), Phrase(None, (rect(0, 0, 1, 1),)))
    world = (Sample(Query("a", picture), Grounding("a cat", phrases), ("a cat",)),)
    with pytest.raises(BadOption, match="image a: has words without masks and masks without words"):
        export(Dataset(CARD, "val", world, {}), tmp_path / "out", "gcg_coco")


# --- files, cards, images ----------------------------------------------------------------------


@pytest.mark.parametrize("format_name", FORMATS)
def test_prompt_licence_and_citation_travel_along(tmp_path: Path, format_name: str) -> None:
    root = copy("grandf", tmp_path)
    before = load_dataset("grandf", "val", root)
    export(before, tmp_path / "out", format_name)
    after = load_dataset(tmp_path / "out", "val")
    for name in ("name", "version", "license", "image_license", "citation", "prompt", "by_hand"):
        assert getattr(after.card, name) == getattr(before.card, name)
    assert after.card.format == format_name
    assert [one.query.prompt for one in after.samples] == [before.card.prompt] * 3


@pytest.mark.parametrize("format_name", FORMATS)
def test_nothing_is_written_over(tmp_path: Path, format_name: str) -> None:
    root = copy("grandf", tmp_path)
    out = tmp_path / "out"
    written = export(load_dataset("grandf", "val", root), out, format_name)
    before = {path: path.read_bytes() for path in written if path.name != "card.md"}
    with pytest.raises(BadOption, match="is there already; nothing is written over"):
        export(load_dataset("grandf", "val", root), out, format_name)
    export(load_dataset("grandf", "test", root), out, format_name)  # another split may join
    assert {path: path.read_bytes() for path in before} == before
    assert list(load_card(out).splits) == ["val", "test"]
    assert len(load_dataset(out, "test").samples) == 2
    with pytest.raises(BadOption, match=r"card\.md is the card of another data set"):
        export(load_dataset(DATA / "jsonl", "val"), out, _other(format_name))


def _other(format_name: str) -> str:
    return "parquet" if format_name != "parquet" else "jsonl"


@pytest.mark.parametrize("format_name", FORMATS)
def test_images_left_where_they_are_are_found_under_the_same_root(
    tmp_path: Path, format_name: str
) -> None:
    root = copy("grandf", tmp_path)
    for name, size in (("sa_3", (8, 10)), ("sa_1", (8, 10)), ("sa_2", (6, 4))):
        paint(root / "GranDf_HA_images/val_test" / f"{name}.jpg", *size)
    before = load_dataset("grandf", "val", root)
    export(before, tmp_path / "out", format_name)
    after = load_dataset(tmp_path / "out", "val", root)
    assert after.samples == before.samples  # paths of the pictures as well


@pytest.mark.parametrize("format_name", FORMATS)
def test_embedded_images_are_the_same_bytes_elsewhere(tmp_path: Path, format_name: str) -> None:
    root = copy("grandf", tmp_path)
    pixels = {
        name: paint(root / "images/grandf/val_test" / f"{name}.jpg", *size)
        for name, size in (("sa_3", (8, 10)), ("sa_1", (8, 10)), ("sa_2", (6, 4)))
    }
    before = load_dataset("grandf", "val", root)
    looked = [sample.query.image.read() for sample in before.samples]
    export(before, tmp_path / "out", format_name, embed_images=True)
    for file in root.rglob("*.jpg"):
        file.unlink()
    after = load_dataset(tmp_path / "out", "val", tmp_path / "nowhere").samples
    assert len(pixels) == len(after) == 3
    for sample, wanted in zip(after, looked, strict=True):
        assert (sample.query.image.read() == wanted).all()


@pytest.mark.parametrize("format_name", FORMATS)
def test_rendered_pictures_can_be_embedded(tmp_path: Path, format_name: str) -> None:
    before = load_dataset("shapes", "val", limit=3)
    export(before, tmp_path / "out", format_name, embed_images=True)
    after = load_dataset(tmp_path / "out", "val")
    for one, other in zip(before.samples, after.samples, strict=True):
        assert (one.query.image.read() == other.query.image.read()).all()
    if format_name != "gcg_coco":  # which unites masks and has no spans
        assert [bare(one) for one in after.samples] == [bare(one) for one in before.samples]


def bare(sample: Sample) -> Sample:
    image = dataclasses.replace(sample.query.image, path=None)
    return dataclasses.replace(sample, query=dataclasses.replace(sample.query, image=image))


@pytest.mark.parametrize("format_name", ["jsonl", "parquet"])
def test_a_picture_that_did_not_travel_says_how_it_can(tmp_path: Path, format_name: str) -> None:
    export(load_dataset("shapes", "val", limit=1), tmp_path / "out", format_name)
    (sample,) = load_dataset(tmp_path / "out", "val").samples
    with pytest.raises(MissingData, match="--embed-images"):
        sample.query.image.read()


def test_ids_that_are_no_file_names_do_not_leave_the_folder(tmp_path: Path) -> None:
    picture = Picture(2, 2, lambda: np.zeros((2, 2, 3), dtype=np.uint8))
    world = tuple(
        Sample(Query(id_, picture), Grounding("a"), ("a",), order)
        for order, id_ in enumerate(["../../x", "a", "A", "CON\0", "x" * 300])
    )
    out = tmp_path / "deep" / "out"
    export(Dataset(CARD, "val", world, {}), out, "jsonl", embed_images=True)
    images = sorted(path.name for path in (out / "images" / "val").iterdir())
    assert images == ["000000.png", "000002.png", "000003.png", "000004.png", "a.png"]
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(out in path.parents for path in everything)
    with pytest.raises(BadData, match=r"image id '\.\./\.\./x' is a path that leads out"):
        load_dataset(out, "val")


def test_a_missing_image_stops_the_export_before_the_data_appear(tmp_path: Path) -> None:
    root = copy("grandf", tmp_path)
    with pytest.raises(MissingData, match=r"sa_3\.jpg: no such image"):
        export(load_dataset("grandf", "val", root), tmp_path / "out", "jsonl", embed_images=True)
    assert not (tmp_path / "out" / "val.jsonl").exists()


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="format 'csv': one of jsonl, parquet, gcg_coco"):
        export(load_dataset(DATA / "jsonl", "val"), tmp_path, "csv")
