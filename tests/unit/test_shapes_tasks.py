"""The samples of `shapes` for other tasks: expressions mean what their masks show, from the words.

The words of an expression are read back by an own small parser, and its things are found from
bitmaps alone.
"""

import hashlib
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gcg_bench import masks
from gcg_bench.data.formats import shapes
from gcg_bench.data.shapes.sampling import GENERALIZED, REFERRING, REGIONS, TASKS
from gcg_bench.errors import UnknownName

RELATIONS = {
    "to the left of": "left",
    "left of": "left",
    "to the right of": "right",
    "right of": "right",
    "higher up than": "above",
    "above": "above",
    "lower down than": "below",
    "below": "below",
    "in front of": "front",
    "partly covering": "front",
    "partly hidden by": "behind",
    "behind": "behind",
}
TEXTURES = {"stripes": "striped", "dots": "dotted", "checks": "checkered"}
COLOURS = {"red", "orange", "yellow", "green", "blue", "purple", "white", "black"}
SHAPES = {"circle", "square", "triangle", "star", "cross", "ring", "diamond"}
SOME = [("train", index) for index in range(60)] + [("val", index) for index in range(30)]


def names(text):
    """The attributes that words state, and the extreme among them."""
    said = {}
    for word in text.replace("with ", "").split():
        stem = {"crosses": "cross"}.get(word, word.removesuffix("s"))
        if word in TEXTURES or word in TEXTURES.values():
            said["texture"] = TEXTURES.get(word, word)
        elif word in COLOURS:
            said["colour"] = word
        elif word in ("small", "large"):
            said["size"] = word
        elif word.endswith("most"):
            said["extreme"] = word
        elif word in SHAPES or stem in SHAPES:
            said["shape"] = word if word in SHAPES else stem
        else:
            assert stem == "object" or word in ("two", "three"), word
    return said


def named(scene, said, *, generous):
    """The things with these attributes; a medium thing may pass for small and for large."""
    return [
        position
        for position, thing in enumerate(scene.things)
        if all(
            getattr(thing, key) == value or (generous and key == "size" and thing.size == "medium")
            for key, value in said.items()
            if key != "extreme"
        )
    ]


def centre(scene, position):
    rows, columns = np.nonzero(scene.visible(position))
    return rows.mean(), columns.mean()


def side(scene, relation, first, second):
    """Whether the sign of a difference of centres, or the order of two things, fits."""
    (y1, x1), (y2, x2) = centre(scene, first), centre(scene, second)
    touching = (min(first, second), max(first, second))
    return {
        "left": x1 < x2 + 1,
        "right": x1 > x2 - 1,
        "above": y1 < y2 + 1,
        "below": y1 > y2 - 1,
        "front": first > second and touching[::-1] in scene.hidden,
        "behind": first < second and touching[::-1] in scene.hidden,
    }[relation]


def things(scene, text, *, generous=True):
    """The positions of the things that an expression without a conjunction fits."""
    pattern = "|".join(sorted(RELATIONS, key=len, reverse=True))
    match = re.search(rf" ({pattern}) the ", text)
    said = names(text[: match.start()] if match else text)
    fitting = named(scene, said, generous=generous)
    if match:
        others = named(scene, names(text[match.end() :]), generous=True)
        assert len(others) < 2, text
        if not others:
            return []
        (other,) = others
        fitting = [
            position
            for position in fitting
            if position != other and side(scene, RELATIONS[match[1]], position, other)
        ]
    if "extreme" in said and fitting:
        axis = said["extreme"] in ("leftmost", "rightmost")
        ends = min if said["extreme"] in ("leftmost", "topmost") else max
        fitting = [ends(fitting, key=lambda position: centre(scene, position)[axis])]
    return fitting


def samples(task, split, index):
    return list(shapes.samples(task, split, index))


def shown(scene, sample):
    """The positions of the things whose masks a reference has."""
    (phrase,) = sample.truth.phrases
    bitmaps = [masks.decode(mask).astype(bool) for mask in phrase.masks]
    return [
        next(k for k in range(len(scene.things)) if (scene.visible(k) == bitmap).all())
        for bitmap in bitmaps
    ]


@pytest.mark.parametrize("key", SOME, ids=lambda key: f"{key[0]}-{key[1]}")
def test_expression_singles_out_its_thing(key):
    """In the generous reading of the words no other thing fits, and the thing has all its names."""
    scene = shapes.compose_scene(*key)
    written = samples("referring", *key)
    assert len({sample.query.expression for sample in written}) == len(REFERRING)
    for sample in written:
        (target,) = shown(scene, sample)
        assert things(scene, sample.query.expression) == [target], sample.query.expression
        said = names(
            re.split(
                r" (?:to the|left|right|higher|lower|above|below|in front|behind|"
                r"partly) ",
                sample.query.expression,
            )[0]
        )
        assert target in named(scene, said, generous=False)


@pytest.mark.parametrize("key", SOME, ids=lambda key: f"{key[0]}-{key[1]}")
def test_generalized_expressions_fit_one_several_or_none(key):
    scene = shapes.compose_scene(*key)
    written = samples("generalized_referring", *key)
    assert len(written) == len(GENERALIZED)
    counts = []
    for sample in written:
        text = sample.query.expression
        targets = shown(scene, sample)
        fitting = [position for part in text.split(" and the ") for position in things(scene, part)]
        assert sorted(fitting) == sorted(targets), text
        columns = [centre(scene, position)[1] for position in targets]
        assert columns == sorted(columns)
        counts.append(min(len(targets), 2))
        if targets and text.startswith(("two", "three")):
            assert len(targets) == {"two": 2, "three": 3}[text.split()[0]]
    assert counts == [1, 1, 2, 0, 0]


def test_references_of_expressions_are_one_phrase():
    for task in ("referring", "generalized_referring"):
        for sample in samples(task, "val", 3):
            (phrase,) = sample.truth.phrases
            assert sample.captions == ()
            assert phrase.text == sample.truth.caption == sample.query.expression


def test_false_expressions_are_plausible():
    """All attributes but one are those of a thing of the scene, or a relation alone is false."""
    near = total = 0
    for index in range(40):
        scene = shapes.compose_scene("val", index)
        for sample in samples("generalized_referring", "val", index)[3:]:
            said = names(
                re.split(
                    r" (?:to the|left of|right of|higher|lower|above|below|in front|"
                    r"behind|partly)",
                    sample.query.expression,
                )[0]
            )
            said.pop("extreme", None)
            best = max(
                sum(getattr(thing, key) == value for key, value in said.items())
                for thing in scene.things
            )
            near += best >= len(said) - 1
            total += 1
    assert near == total == 80


def form(text):
    """The form of an expression's words."""
    if re.search(r" the ", text):
        return "conjunction" if " and the " in text else "relation"
    if "most" in text:
        return "extreme"
    return "plural" if re.search(r"[^s]s\b(?! with)|sses\b", text.split(" with")[0]) else "names"


def test_form_of_an_expression_does_not_tell_whether_it_fits():
    """Of each form but the conjunction, a fifth to two thirds of the expressions fit nothing."""
    counts = {}
    for index in range(150):
        for sample in samples("generalized_referring", "val", index):
            counts.setdefault(form(sample.query.expression), []).append(
                not sample.truth.phrases[0].masks
            )
    assert {*counts} == {"names", "relation", "extreme", "plural", "conjunction"}
    assert not any(counts.pop("conjunction"))
    for empty in counts.values():
        assert len(empty) > 50
        assert 1 / 5 < sum(empty) / len(empty) < 2 / 3


def test_regions_are_boxes_of_things():
    for index in range(30):
        scene = shapes.compose_scene("val", index)
        written = samples("region_caption", "val", index)
        assert len(written) == REGIONS
        for sample in written:
            ((x0, y0, x1, y1),) = sample.query.regions
            boxes = {}
            for position in range(len(scene.things)):
                rows, columns = np.nonzero(scene.visible(position))
                edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                boxes[edges] = scene.things[position]
            thing = boxes[x0, y0, x1, y1]
            assert len(sample.captions) == 4
            assert sample.captions[0] == sample.truth.caption
            for caption in sample.captions:
                assert re.match(rf"An? .*{thing.colour} {thing.shape}", caption), caption
                assert caption.endswith(".")


def test_descriptions_of_regions_are_true():
    """Relations and positions hold in the pixels."""
    relations = "|".join(sorted(RELATIONS, key=len, reverse=True))
    checked = 0
    for index in range(40):
        scene = shapes.compose_scene("train", index)
        for sample in samples("region_caption", "train", index):
            ((x0, y0, x1, _),) = sample.query.regions
            (position,) = [
                k
                for k in range(len(scene.things))
                if (x0, y0)
                == (
                    np.nonzero(scene.visible(k))[1].min(),
                    np.nonzero(scene.visible(k))[0].min(),
                )
                and scene.visible(k)[:, int(x1) - 1].any()
            ]
            for caption in sample.captions:
                match = re.match(rf"An? (.*?) ({relations}) an? (.*)\.", caption)
                if match is None:
                    continue
                (other,) = named(scene, names(match[3]), generous=False)
                assert side(scene, RELATIONS[match[2]], position, other), caption
                checked += 1
    assert checked > 50


def test_captions_are_those_of_gcg_without_masks():
    for index in range(5):
        (plain,) = samples("caption", "val", index)
        (grounded,) = samples("gcg", "val", index)
        assert plain.captions == grounded.captions
        assert plain.id == grounded.id
        assert plain.truth.phrases == ()


@pytest.mark.parametrize("split", ["val", "test"])
def test_what_only_a_comparison_finds_is_one_of_several_with_its_names(split):
    pattern = "|".join(sorted(RELATIONS, key=len, reverse=True))
    forms, ambiguous = set(), 0
    for index in range(60):
        scene = shapes.compose_scene(split, index)
        for sample in samples("reasoning", split, index):
            text = sample.query.expression
            (target,) = shown(scene, sample)
            fitting = things(scene, text)
            assert target in fitting, text
            ambiguous += len(fitting) > 1
            match = re.search(rf" ({pattern}) the ", text)
            said = names(text[: match.start()] if match else text)
            assert len(named(scene, said, generous=True)) > 1, text
            forms.add("relation" if match else "extreme")
            assert ("extreme" in said) != bool(match)
    assert forms == {"relation", "extreme"}
    # `side` lets a pixel pass, by which the mean of visible pixels may miss the scene's centre
    assert ambiguous <= 1


def test_samples_of_an_image_share_it():
    for task in TASKS:
        for sample in samples(task, "val", 4):
            assert sample.query.image_id == "shapes_val_000004"
            assert sample.id.split("#")[0] == "shapes_val_000004"
            assert sample.order == 4
    assert [sample.id for sample in samples("referring", "val", 4)] == [
        f"shapes_val_000004#{number}" for number in range(3)
    ]


@pytest.mark.parametrize(
    ("task", "count", "digest"),
    [
        ("referring", 600, "590a66869579f264"),
        ("generalized_referring", 1000, "3223e4c2272555a8"),
        ("reasoning", 389, "0e03363445a63138"),
        ("region_caption", 400, "62f0b9ab6bc0715b"),
        ("caption", 200, "fb64927d0693964d"),
    ],
)
def test_splits_are_anchored(task, count, digest):
    """The ids, texts, boxes and masks of version 1 of split val."""
    card = SimpleNamespace(prompt="Describe.", tasks=(task,))
    read = list(shapes.read(card, "val", Path()))
    assert len({sample.id for sample in read}) == len(read) == count
    assert {sample.query.prompt for sample in read} == {""}
    content = hashlib.sha256()
    for sample in read:
        texts = [sample.id, sample.query.expression or "", *sample.captions]
        content.update("\n".join([*texts, str(sample.query.regions)]).encode())
        for phrase in sample.truth.phrases:
            content.update(b"|".join(mask.counts for mask in phrase.masks))
    assert content.hexdigest()[:16] == digest


def test_limit_counts_samples():
    card = SimpleNamespace(prompt="", tasks=("referring",))
    read = list(shapes.read(card, "train", Path(), limit=4))
    assert [sample.id for sample in read] == [
        *(f"shapes_train_000000#{number}" for number in range(3)),
        "shapes_train_000001#0",
    ]


def test_unknown_task_is_refused():
    card = SimpleNamespace(prompt="", tasks=("counting",))
    with pytest.raises(UnknownName, match="task of shapes"):
        list(shapes.read(card, "val", Path()))
