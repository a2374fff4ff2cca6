"""GeoPixelD: tags become a caption and phrases, polygons the pixels that OpenCV fills."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.tiny import copy, paint, rect

from gcg_bench.data import load_dataset
from gcg_bench.data.cards import load_card
from gcg_bench.data.check import check_dataset
from gcg_bench.errors import BadData, BadMask, MissingData
from gcg_bench.types import Phrase, Sample

TILE = "GeoPixelD/test/P0003_0_8_10_20.json"
SQUARE = [[0, 0], [2, 0], [2, 1], [0, 1]]


def load(root: Path, split: str = "test", **given: Any) -> tuple[Sample, ...]:
    return load_dataset("geopixeld", split, root, **given).samples


def changed(tmp_path: Path, change: Callable[[Any], object]) -> Path:
    root = copy("geopixeld", tmp_path)
    value = json.loads((root / TILE).read_text())
    change(value)
    (root / TILE).write_text(json.dumps(value))
    return root


def described(tmp_path: Path, description: str, segments: int) -> Sample:
    root = changed(
        tmp_path, lambda v: v.update(gcg_description=description, polygons=[[SQUARE]] * segments)
    )
    return load(root)[0]


def test_a_tile_has_its_caption_without_tags_and_its_numbered_phrases(tmp_path: Path) -> None:
    (ships,) = load(copy("geopixeld", tmp_path))
    assert ships.id == "P0003_0_8_10_20"
    assert ships.captions == ("The image shows ship-1 and ship-2 , near a pier. A road runs by.",)
    assert ships.truth.phrases == (
        Phrase("ship-1", (rect(0, 0, 2, 3),), span=(16, 22)),
        Phrase("ship-2", (union_of_two(),), span=(27, 33)),  # two polygons, one mask
        Phrase("A road", (), span=(49, 55)),  # no [SEG]
    )
    assert ships.truth.caption[49:55] == "A road"


def union_of_two() -> Any:
    """Pixels 5 to 6 by 5 to 6, and rows 0 to 2 of the columns 8 and 9, drawn by hand."""
    import numpy as np

    from gcg_bench import masks

    drawn = np.zeros((8, 10), np.uint8)
    drawn[5:7, 5:7] = drawn[0:3, 8:10] = 1
    return masks.encode(drawn)


def test_tiles_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    root = copy("geopixeld", tmp_path)
    samples = load(root, "train")
    names = ["P0224_0_8_0_10", "P0224_0_8_6_16"]
    assert [(sample.id, sample.order) for sample in samples] == list(
        zip(names, (0, 1), strict=True)
    )
    assert [sample.id for sample in load(root, "train", limit=1)] == names[:1]
    assert len(load_dataset("geopixeld", "train", root).files) == 2
    cars = samples[1].truth.phrases
    assert cars == (Phrase("cars", (rect(0, 0, 2, 2), rect(4, 4, 2, 2)), span=(5, 9)),)


@pytest.mark.parametrize(
    ("description", "segments", "caption", "phrases"),
    [
        ("No object.", 0, "No object.", []),
        ("<p> a </p> [SEG]", 1, "a", [("a", (0, 1), 1)]),
        ("<p>a</p>[SEG].", 1, "a.", [("a", (0, 1), 1)]),
        ("x<p>a</p>y [SEG]", 1, "xay", [("a", (1, 2), 1)]),
        ("  two \n\t words <p> big  red ship-12 </p> [SEG] .", 1, "two words big red ship-12 .",
         [("big red ship-12", (10, 25), 1)]),
        ("<p> a </p> <p> b </p> [SEG]", 1, "a b", [("a", (0, 1), 0), ("b", (2, 3), 1)]),
        ("<p> a [SEG] b </p>", 1, "a b", [("a b", (0, 3), 1)]),
        ("[SEG] and <p> a </p> [SEG]", 2, "and a", [(None, None, 1), ("a", (4, 5), 1)]),
        ("<p> </p> [SEG] x", 1, "x", [("", None, 1)]),
        ("a < b and c > d [seg]", 0, "a < b and c > d [seg]", []),
    ],
)  # fmt: skip
def test_descriptions_are_parsed_by_their_tags(
    tmp_path: Path, description: str, segments: int, caption: str, phrases: list[Any]
) -> None:
    sample = described(tmp_path, description, segments)
    assert sample.truth.caption == caption
    found = [(one.text, one.span, len(one.masks)) for one in sample.truth.phrases]
    assert found == phrases


def test_the_size_is_that_of_the_image_else_of_the_name(tmp_path: Path) -> None:
    root = copy("geopixeld", tmp_path)
    picture = load(root)[0].query.image
    assert (picture.height, picture.width) == (8, 10)
    paint(root / "GeoPixelD/test/P0003_0_8_10_20.png", 6, 9)
    picture = load(root)[0].query.image
    assert (picture.height, picture.width) == (6, 9)
    assert picture.read().shape == (6, 9, 3)
    checkup = check_dataset(load_card("geopixeld"), "test", root)
    warnings = [str(fault) for level, fault in checkup.problems if level == "warning"]
    assert any("the image is 6 x 9, its name states another size" in text for text in warnings)


def test_a_name_that_states_no_size_needs_the_image(tmp_path: Path) -> None:
    root = changed(tmp_path, lambda v: v.update(img="somewhere/harbour.png"))
    with pytest.raises(BadData, match=r"image P0003_0_8_10_20: img: the image's size can only be"):
        load(root)
    paint(root / "GeoPixelD/test/harbour.png", 8, 10)
    assert load(root)[0].query.image.path == root / "GeoPixelD/test/harbour.png"


@pytest.mark.parametrize(
    ("polygon", "mask"),
    [
        ([[4, 3]], rect(3, 4, 1, 1)),
        ([[4, 3], [7, 3]], rect(3, 4, 1, 4)),
    ],
)
def test_polygons_of_one_or_two_corners_are_drawn_and_warned_of(
    tmp_path: Path, polygon: Any, mask: Any
) -> None:
    root = changed(tmp_path, lambda v: v["polygons"].__setitem__(0, [polygon]))
    assert load(root)[0].truth.phrases[0].masks == (mask,)
    checkup = check_dataset(load_card("geopixeld"), "test", root)
    (warning,) = [
        fault for level, fault in checkup.problems if level == "warning" and "corners" in str(fault)
    ]
    assert (warning.image, warning.field) == ("P0003_0_8_10_20", "polygons[0][0]")
    assert f"has {len(polygon)} corners" in str(warning)
    assert str(root / TILE) in str(warning)
    assert "drawn as a pixel or a line" in str(warning.remedy)


def test_pixels_outside_the_tile_are_cut_off(tmp_path: Path) -> None:
    outer = [[8, 6], [50, 6], [50, 90], [8, 90]]
    root = changed(tmp_path, lambda v: v["polygons"].__setitem__(0, [outer]))
    assert load(root)[0].truth.phrases[0].masks == (rect(6, 8, 2, 2),)


WHERE = r"P0003_0_8_10_20\.json: image P0003_0_8_10_20: "


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.pop("img"), rf"{WHERE}img: is missing"),
        (lambda v: v.update(img=3), rf"{WHERE}img: should be text, not 3"),
        (lambda v: v.update(img=".."), r"leads out of its folder"),
        (lambda v: v.pop("gcg_description"), rf"{WHERE}gcg_description: is missing"),
        (lambda v: v.pop("polygons"), rf"{WHERE}polygons: is missing"),
        (lambda v: v.update(polygons={}), rf"{WHERE}polygons: should be a list, not an object"),
        (
            lambda v: v["polygons"].pop(),
            rf"{WHERE}polygons: has 1 items, and gcg_description has 2 \[SEG\]. There is one item",
        ),
        (lambda v: v["polygons"].append([]), r"polygons: has 3 items"),
        (
            lambda v: v["polygons"].__setitem__(1, 5),
            rf"{WHERE}polygons\[1\]: should be a list of polygons",
        ),
        (
            lambda v: v["polygons"].__setitem__(1, [[]]),
            rf"{WHERE}polygons\[1\]\[0\]: should be a list of one or more corners. A polygon is",
        ),
        (
            lambda v: v["polygons"].__setitem__(1, [[[1, 2], [3]]]),
            r"polygons\[1\]\[0\]\[1\]: should be two numbers x, y. A polygon is",
        ),
        (
            lambda v: v["polygons"].__setitem__(1, [[1, 2, 3, 4, 5, 6]]),
            r"polygons\[1\]\[0\]\[0\]: should be two numbers",
        ),
        (
            lambda v: v["polygons"].__setitem__(1, [[[True, 2], [3, 4]]]),
            r"polygons\[1\]\[0\]\[0\]: should be two numbers",
        ),
    ],
)
def test_a_broken_tile_is_refused_with_the_place(
    tmp_path: Path, change: Callable[[Any], object], message: str
) -> None:
    with pytest.raises(BadData, match=message):
        load(changed(tmp_path, change))


@pytest.mark.parametrize("number", [1e300, float("nan"), 10**400, -(2**20)])
def test_coordinates_that_no_image_has_are_refused(tmp_path: Path, number: float) -> None:
    root = changed(tmp_path, lambda v: v["polygons"].__setitem__(0, [[[number, 2], [3, 4]]]))
    with pytest.raises(BadData) as caught:
        load(root)
    assert str(root / TILE) in str(caught.value)
    if isinstance(caught.value, BadMask):  # JSON without NaN is refused before
        assert (caught.value.image, caught.value.field) == ("P0003_0_8_10_20", "polygons[0][0]")


def test_no_polygon_is_an_empty_mask_and_warned_of(tmp_path: Path) -> None:
    root = changed(tmp_path, lambda v: v["polygons"].__setitem__(0, []))
    assert load(root)[0].truth.phrases[0].masks == (rect(0, 0, 0, 0),)
    checkup = check_dataset(load_card("geopixeld"), "test", root)
    assert any("the mask is empty" in str(fault) for _, fault in checkup.problems)


def test_a_check_reads_what_is_sound_and_reports_the_rest(tmp_path: Path) -> None:
    def broken(value: Any) -> None:
        value["polygons"][0] = [[[1]]]
        value["gcg_description"] += " <p>"

    root = changed(tmp_path, broken)
    paint(root / "GeoPixelD/test/P0003_0_8_10_20.png", 8, 10)
    checkup = check_dataset(load_card("geopixeld"), "test", root)
    errors = [fault for level, fault in checkup.problems if level == "error"]
    assert [(one.image, one.field) for one in errors] == [("P0003_0_8_10_20", "polygons[0][0][0]")]
    assert (checkup.images, checkup.masks) == (1, 1)
    said = [str(fault) for level, fault in checkup.problems if level == "warning"]
    assert any("has <p> without </p>" in text for text in said)
    assert any("1 images, but the card states 1943" in text for text in said)


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    root = copy("geopixeld", tmp_path)
    (root / TILE).write_bytes(b"\x00{")
    with pytest.raises(BadData, match=r"P0003_0_8_10_20\.json"):
        load(root)


def test_no_tile_at_all(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=r"cannot find test/\*\.json; searched in .*GeoPixelD"):
        load(tmp_path)
