"""The embedded data set: the same bytes everywhere, masks of visible pixels, true captions."""

import hashlib
import pickle
import re
from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gcg_bench import masks
from gcg_bench.data.cards import load_card
from gcg_bench.data.formats import shapes
from gcg_bench.data.shapes.grammar import PLACES, describe
from gcg_bench.data.shapes.rendering import OUTLINES, TURNS, outline
from gcg_bench.data.shapes.rng import SplitMix64
from gcg_bench.data.shapes.scene import BACKGROUNDS, COLOURS
from gcg_bench.errors import BadOption, UnknownName

CARD = SimpleNamespace(prompt="Describe.", tasks=("gcg",))
SOME = [("train", k) for k in range(40)] + [("val", k) for k in range(20)] + [("test", 499)]


@pytest.fixture(params=SOME, ids=lambda key: f"{key[0]}-{key[1]}")
def scene(request):
    return shapes.compose_scene(*request.param)


def alone(scene, position):
    """The pixels of a thing without the things in front of it, rendered separately."""
    thing = scene.things[position]
    size = (scene.height, scene.width)
    shape = outline(
        thing.shape, centre=thing.centre, radius=thing.radius, turn=thing.turn, size=size
    )
    bitmap = np.zeros(size, dtype=bool)
    bitmap[shape.box] = shape.inside
    return bitmap


def covers(scene, front, back):
    return front > back and bool((alone(scene, front) & alone(scene, back)).any())


def centre(bitmap):
    rows, columns = np.nonzero(bitmap)
    return rows.mean(), columns.mean()


def claim_is_true(scene, claim):
    """Checks a claim for all pairs of members from bitmaps alone, with a tolerance of 1 pixel."""
    subjects = scene.mentions[claim.subject]
    if claim.other is None:
        row, column = centre(scene.visible(subjects[0]))
        words = [
            PLACES[int(3 * (row + dy) // scene.height)][int(3 * (column + dx) // scene.width)]
            for dy in (-1, 0)
            for dx in (-1, 0)
        ]
        return claim.kind in words
    return all(
        _holds(scene, claim.kind, first, second)
        for first in subjects
        for second in scene.mentions[claim.other]
    )


def _holds(scene, kind, first, second):
    if kind in ("in front of", "behind"):
        front, back = (first, second) if kind == "in front of" else (second, first)
        return covers(scene, front, back)
    if covers(scene, first, second) or covers(scene, second, first):
        return False
    (y1, x1), (y2, x2) = centre(scene.visible(first)), centre(scene.visible(second))
    down, across = y2 - y1, x2 - x1
    return {
        "above": down >= abs(across) - 2,
        "below": -down >= abs(across) - 2,
        "left": across >= abs(down) - 2,
        "right": -across >= abs(down) - 2,
    }[kind]


def test_version_is_anchored():
    """The output of version 1; when it must change, VERSION and the card's version rise."""
    digest = hashlib.sha256()
    for split, index in [("train", 0), ("train", 10**9), ("val", 7), ("val", 199), ("test", 0)]:
        sample = shapes.sample(split, index)
        digest.update(sample.query.image.read().tobytes())
        digest.update("\n".join(sample.captions).encode())
        for phrase in sample.truth.phrases:
            digest.update(b"".join(mask.counts for mask in phrase.masks))
    assert shapes.VERSION == 1
    assert digest.hexdigest() == "a0b0d7dcc138c3e0d352bf4f649b9aed9d9e75bd42d51d60ef02437998ead66d"


def test_card_has_the_version():
    assert load_card("shapes").version == str(shapes.VERSION)


def test_dice_are_splitmix64():
    """The first words of SplitMix64 from state 0, as its authors' C program prints them."""
    dice = SplitMix64()
    assert [dice.word() for _ in range(3)] == [
        0xE220A8397B1DCDAF,
        0x6E789E6AA1B965F4,
        0x06C45D188009454F,
    ]


def test_dice_are_fair():
    dice = SplitMix64(5)
    throws = [dice.below(6) for _ in range(6000)]
    assert {*throws} == {*range(6)}
    # binomial standard deviation is 29
    assert all(abs(throws.count(face) - 1000) < 150 for face in range(6))
    assert sorted(dice.shuffled(range(50))) == [*range(50)]
    heavy = [dice.weighted("ab", (9, 1)) for _ in range(1000)]
    assert 850 < heavy.count("a") < 950


@pytest.mark.parametrize(
    ("shape", "share"),
    [
        ("circle", 3.14159),
        ("ring", 3.14159 * 0.75),
        ("square", 1.68**2),
        ("diamond", 2 * 1.12**2 * 0.58),
        ("triangle", 1.12**2 * 1.299),
        ("cross", 4 * 0.68 - 0.68**2),
        ("star", 1.1226 * (0.37 / 0.309) ** 2),
    ],
)
def test_outlines_have_the_area_of_their_geometry(shape, share):
    for turn in range(len(TURNS)):
        drawn = outline(shape, centre=(300, 300), radius=200, turn=turn, size=(600, 600))
        assert drawn.inside.sum() == pytest.approx(share * 200**2, rel=0.01)


def test_outline_stays_in_its_box():
    for shape in OUTLINES:
        for turn in range(len(TURNS)):
            inside = outline(
                shape, centre=(300, 300), radius=100, turn=turn, size=(600, 600)
            ).inside
            border = [inside[0], inside[-1], inside[:, 0], inside[:, -1]]
            assert not np.concatenate(border).any()


def test_masks_are_what_is_seen(scene):
    shown = np.zeros((scene.height, scene.width), dtype=int)
    for place in range(len(scene.things)):
        visible = scene.visible(place)
        shown += visible
        in_front = [alone(scene, front) for front in range(place + 1, len(scene.things))]
        hidden = np.any(in_front, axis=0) if in_front else np.zeros_like(visible)
        assert (visible == (alone(scene, place) & ~hidden)).all()
    assert shown.max() == 1


def test_colours_are_seen_where_masks_are(scene):
    """The median pixel of a plain thing has its named colour; the background does not."""
    picture = scene.render().astype(int)
    nobody = ~np.any([scene.visible(place) for place in range(len(scene.things))], axis=0)
    for place, thing in enumerate(scene.things):
        if thing.texture == "plain":
            median = np.median(picture[scene.visible(place)], axis=0)
            far = {
                name: np.abs(median - np.array(colour)).sum() for name, colour in COLOURS.items()
            }
            assert min(far, key=far.get) == thing.colour
    greys = picture[nobody]
    assert (greys.max(1) - greys.min(1)).max() < 60  # every background is nearly grey
    assert 75 < greys.mean() < 225


def test_scenes_keep_their_promises(scene):
    image = scene.height * scene.width
    assert 3 <= len(scene.things) <= 6
    assert 240 <= min(scene.height, scene.width) <= 480
    assert 320 <= max(scene.height, scene.width) <= 640
    for place in range(len(scene.things)):
        seen = int(scene.visible(place).sum())
        assert seen >= 0.6 * alone(scene, place).sum()
        assert seen >= 0.006 * image
    for front, back in combinations(range(len(scene.things)), 2):
        if covers(scene, back, front) or covers(scene, front, back):
            assert scene.things[front].colour != scene.things[back].colour
    columns = sorted(centre(scene.visible(place))[1] for place in range(len(scene.things)))
    assert all(b - a >= 0.045 * scene.width - 1 for a, b in pairwise(columns))


def test_each_thing_is_mentioned_once_from_left_to_right(scene):
    named = [place for members in scene.mentions for place in members]
    assert sorted(named) == [*range(len(scene.things))]
    firsts = [min(centre(scene.visible(place))[1] for place in group) for group in scene.mentions]
    assert firsts == sorted(firsts)
    names = [
        (scene.things[members[0]].shape, scene.things[members[0]].colour)
        for members in scene.mentions
    ]
    assert len(set(names)) == len(names)


def test_captions_are_true(scene):
    for version in range(4):
        caption = describe(scene, version)
        assert all(claim_is_true(scene, claim) for claim in caption.claims)


def test_phrases_name_what_is_there(scene):
    for version in range(4):
        caption = describe(scene, version)
        assert len(caption.spans) == len(scene.mentions)
        assert all(a[1] < b[0] for a, b in pairwise(caption.spans))
        for (start, end), members in zip(caption.spans, scene.mentions, strict=True):
            words = caption.caption[start:end].lower().split()
            thing = scene.things[members[0]]
            pattern = {"striped": "stripe", "dotted": "dot", "checkered": "check"}
            assert thing.colour in words
            assert any(word.startswith(thing.shape) for word in words)
            assert ("small" in words, "large" in words) == (
                thing.size == "small",
                thing.size == "large",
            )
            for texture, stem in pattern.items():
                said = any(word.startswith(stem) for word in words)
                assert said == (thing.texture == texture)
            assert words[0] == ("two" if len(members) == 2 else words[0])
            assert words[0] in ("two", "a", "an")
            assert (words[0] == "two") == (len(members) == 2)


def test_captions_say_nothing_unclaimed(scene):
    """Outside the phrases there are only words of the grammar, and only the listed claims."""
    relations = (
        "in front of|partly covering|partly hidden by|behind|above|higher up than|below|"
        "lower down than|to the left of|left of|to the right of|right of|"
        "(?:in|on|at) the (?:top|bottom|left|right|middle)(?: left| right)?(?: corner| side)?"
    )
    rest = "there|is|are|lies|lie|sits|sit|and|which|that|the picture shows"
    for version in range(4):
        caption = describe(scene, version)
        outside, place = "", 0
        for start, end in caption.spans:
            outside += caption.caption[place:start] + " # "
            place = end
        outside = (outside + caption.caption[place:]).lower()
        found = re.findall(rf"\b(?:{relations})\b", outside)
        assert len(found) == len(caption.claims)
        left = re.sub(rf"\b(?:{relations}|{rest})\b|[#.,\s]", "", outside)
        assert left == ""


def test_sample_carries_its_scene():
    sample = shapes.sample("val", 12, prompt="Say.")
    scene = shapes.compose_scene("val", 12)
    assert sample.id == "shapes_val_000012"
    assert (sample.order, sample.query.prompt) == (12, "Say.")
    assert sample.captions[0] == sample.truth.caption
    assert len(sample.captions) == 4
    assert (sample.query.image.read() == scene.render()).all()
    for phrase, members in zip(sample.truth.phrases, scene.mentions, strict=True):
        start, end = phrase.span
        assert sample.truth.caption[start:end] == phrase.text
        assert len(phrase.masks) == len(members)
        for mask, place in zip(phrase.masks, members, strict=True):
            assert (masks.decode(mask).astype(bool) == scene.visible(place)).all()


def test_queries_hold_no_answers():
    """The query of a model pickles to a few words: split, index and prompt."""
    query = shapes.sample("val", 3, prompt="Say.").query
    assert len(pickle.dumps(query.image.read)) < 150
    assert query.image.read.args == ("val", 3)


def test_splits_share_no_scene():
    seen = {}
    for split in ("train", "val", "test"):
        for index in range(40):
            picture = shapes.compose_scene(split, index)
            key = hashlib.sha256(picture.owners.tobytes()).hexdigest()
            assert seen.setdefault(key, (split, index)) == (split, index)


def test_everything_occurs():
    """Every shape, colour, texture and size, pairs, and occlusion, within the first 150 scenes."""
    scenes = [shapes.compose_scene("train", index) for index in range(150)]
    things = [thing for scene in scenes for thing in scene.things]
    for attribute, count in (("shape", 7), ("colour", 8), ("texture", 4), ("size", 3)):
        assert len({getattr(thing, attribute) for thing in things}) == count
    assert {len(scene.things) for scene in scenes} == {3, 4, 5, 6}
    assert {len(group) for scene in scenes for group in scene.mentions} == {1, 2}
    hiding = sum(bool(scene.hidden) for scene in scenes)
    assert 0.5 < hiding / 150 < 0.8  # the setting is 65 percent
    assert {(scene.height >= scene.width) for scene in scenes} == {True, False}


def test_captions_of_one_scene_differ():
    differing = sum(len(set(shapes.sample("train", index).captions)) > 1 for index in range(30))
    assert differing >= 28


def test_named_colours_are_no_backgrounds():
    for colour in COLOURS.values():
        for grey in BACKGROUNDS:
            assert sum(abs(a - b) for a, b in zip(colour, grey, strict=True)) > 100


def test_read_counts():
    root = Path()
    assert sum(1 for _ in shapes.read(CARD, "val", root)) == 200
    some = list(shapes.read(CARD, "train", root, limit=3))
    assert [sample.id for sample in some] == [f"shapes_train_{k:06d}" for k in range(3)]
    assert {sample.query.prompt for sample in some} == {"Describe."}
    assert shapes.compose_scene("test", 499).things


def test_refusals():
    with pytest.raises(UnknownName, match="did you mean 'train'"):
        shapes.read(CARD, "trian", Path())
    with pytest.raises(BadOption, match="no end"):
        shapes.read(CARD, "train", Path())
    for split, index in (("val", 200), ("test", 500), ("train", -1)):
        with pytest.raises(BadOption, match=f"no scene {index}"):
            shapes.compose_scene(split, index)
