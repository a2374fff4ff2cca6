"""Regions of one colour, the shapes that fit them, and photographs that are told apart."""

import numpy as np
import pytest

from gcg_bench.annotate.shape_fits import fit, size_name, texture_name
from gcg_bench.annotate.shape_names import Name, read_name, same_thing
from gcg_bench.annotate.tones import flatness, regions
from gcg_bench.data.shapes.composing import compose_scene
from gcg_bench.data.shapes.rendering import OUTLINES, outline

GREY = (150, 150, 150)
SIZE = (120, 160)


def canvas(*things):
    """A grey image with filled things: (shape, colour, centre, radius, turn)."""
    pixels = np.full((*SIZE, 3), GREY, dtype=np.uint8)
    for shape, colour, centre, radius, turn in things:
        made = outline(shape, centre=centre, radius=radius, turn=turn, size=SIZE)
        pixels[made.box][made.inside] = colour
    return pixels


RED, BLUE = (212, 42, 42), (44, 92, 216)


def test_two_things_are_two_regions():
    pixels = canvas(("circle", RED, (40, 40), 20, 0), ("square", BLUE, (70, 110), 25, 0))
    pixels[:3, :3] = RED  # fewer pixels than asked for
    made = regions(pixels, least=50)
    assert [region.colour for region in made] == ["red", "blue"]
    assert [int(region.pixels.sum()) for region in made] == [
        int((pixels == RED).all(2)[3:].sum()),
        int((pixels == BLUE).all(2).sum()),
    ]
    assert not any(region.second.any() for region in made)


@pytest.mark.parametrize("shape", OUTLINES)
def test_a_whole_thing_fits_its_own_shape(shape):
    made = outline(shape, centre=(60, 80), radius=30, turn=3, size=SIZE)
    region = np.zeros(SIZE, dtype=bool)
    region[made.box] = made.inside
    best = fit(region, np.zeros(SIZE, dtype=bool))
    assert best.shape == shape
    assert best.iou > 0.93
    assert abs(best.radius - 30) < 2


def test_what_hides_a_thing_does_not_count():
    front = np.zeros(SIZE, dtype=bool)
    front[50:110, 85:150] = True
    made = outline("circle", centre=(60, 70), radius=30, turn=0, size=SIZE)
    whole = np.zeros(SIZE, dtype=bool)
    whole[made.box] = made.inside
    best = fit(whole & ~front, front)
    assert best.shape == "circle"
    assert best.iou > 0.93


def test_sizes_are_those_of_the_data_set():
    # shorter side 120: small is 12 to 14.2 pixels, medium 17 to 20.2, large 24.6 to 28.8
    assert [size_name(radius, SIZE) for radius in (5, 13, 18, 27, 90)] == [
        *("small", "small", "medium", "large", "large")
    ]


def test_names_of_generated_scenes():
    """Nearly all things of ten scenes get the words of the scene itself."""
    right = total = 0
    for index in range(10):
        scene = compose_scene("train", index)
        pixels = scene.render()
        made = regions(pixels, pixels[..., 0].size // 300)
        everything = np.zeros(pixels.shape[:2], dtype=bool)
        for region in made:
            everything |= region.pixels
        names = []
        for region in made:
            best = fit(region.pixels, everything & ~region.pixels)
            texture = texture_name(best, region.pixels, region.second)
            names.append((best.shape, region.colour, texture or "plain"))
        wanted = [(thing.shape, thing.colour, thing.texture) for thing in scene.things]
        total += len(wanted)
        right += sum(name in names for name in wanted)
    assert total > 30
    assert right >= 0.9 * total


def test_photographs_and_drawings():
    rng = np.random.default_rng(0)
    photograph = rng.normal(120, 20, (60, 80, 3)).clip(0, 255).astype(np.uint8)
    assert flatness(photograph) < 0.1
    assert flatness(np.repeat(photograph[..., :1], 3, axis=2)) < 0.1  # grey
    assert flatness(canvas(("star", RED, (60, 80), 40, 0))) > 0.95
    noise = rng.integers(-10, 11, (120, 160, 1))
    noisy = canvas(("star", RED, (60, 80), 40, 0)).astype(int) + noise
    assert flatness(noisy.astype(np.uint8)) > 0.95
    assert flatness(np.zeros((3, 1, 3), dtype=np.uint8)) == 1.0


def test_names_in_phrases():
    assert read_name("two small red circles with stripes") == Name(
        "small", "striped", "red", "circle"
    )
    assert str(read_name("A medium checkered blue cross")) == "checkered blue cross"
    assert read_name("a photograph") == Name()


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("a red circle", "small red circle", True),
        ("red circle", "blue circle", False),
        ("red circle", "red ring", False),
        ("circle", "red circle", True),
    ],
)
def test_words_of_one_thing(first, second, same):
    assert same_thing(first, second) is same
    assert same_thing(second, first) is same
