"""What `score` says beside the numbers: no value, caps, ids, one image, few images."""

import json

import pytest
from support.typed import answer, line, lines, rle, score, write

MASKS = "val_gcg_coco_mask_gt.json"
CAPTIONS = "val_gcg_coco_caption_gt.json"


def change(world, name, edit):
    """Changes an annotation file of the two images."""
    file = world[0] / name
    value = json.loads(file.read_text())
    edit(value)
    write(file, value)


def as_json(run, world, *more):
    code, out, err = score(run, world, "--json", *more)
    assert code == 0, err
    return json.loads(out)


def notes(result):
    return " ".join(result["notes"])


def test_without_a_reference_mask_ap50_is_none_and_the_reason_is_printed(run, world):
    change(world, MASKS, lambda value: value.update(annotations=[]))
    official, strict = as_json(run, world)
    for result in (official, strict):
        assert result["scores"]["AP50"]["value"] is None
        assert result["scores"]["AP50"]["low"] is None
    _, out, _ = score(run, world)
    assert "-100.0" not in out
    assert "official and strict: AP50 has no value: no reference has a mask." in out


def test_a_silent_model_has_no_rate_of_mistakes(run, world):
    for k in (1, 2):
        write(world[1] / f"sa_{k}.json", answer((), ()))
    _, strict = as_json(run, world)
    for name in ("Hallucination", "Ungrounded", "Precision", "SQ", "Noun", "Attribute"):
        assert strict["scores"][name]["value"] is None, name
    for name in ("Recall", "F1", "gPQ", "AP50"):
        assert strict["scores"][name]["value"] == 0.0, name
    _, out, _ = score(run, world)
    assert "strict: Hallucination has no value: no phrase is predicted." in out


def test_draws_without_a_value_are_counted(run, world):
    # one of two images has a reference mask: a quarter of the draws has none
    change(world, MASKS, lambda value: value["annotations"].pop())
    official, strict = as_json(run, world, "--draws", "400")
    for result in (official, strict):
        score_of = result["scores"]["AP50"]
        assert score_of["value"] is not None
        assert (score_of["low"], score_of["high"]) == (None, None)
        assert 70 < score_of["undefined_draws"] < 130
    _, out, _ = score(run, world, "--draws", "400")
    assert "of 400 draws, so it has no interval" in out


@pytest.mark.parametrize(
    ("number", "lost"), [((0, 1), 1), ((7, 7), 2), ((None, 3), 1), ((1, 2), 0), (("a", "b"), 0)]
)
def test_annotation_ids_that_the_published_evaluator_loses_are_said(run, world, number, lost):
    def renumber(value):
        for annotation, id_ in zip(value["annotations"], number, strict=True):
            annotation["id"] = id_
            if id_ is None:
                del annotation["id"]

    change(world, MASKS, renumber)
    official, strict = as_json(run, world)
    said = f"{lost} reference masks have the annotation id 0, none, or one that others have"
    assert (said in notes(official)) == bool(lost)
    assert "annotation id" not in notes(strict)
    assert official["scores"]["AP50"]["value"] == 1.0


def many(world, count):
    """One image with so many equal objects, all found exactly."""
    boxes = [(k % 8, k % 10, 1, 1) for k in range(count)]
    names = [f"cat {k}" for k in range(count)]

    def images(value):
        value["images"] = value["images"][:1]
        value["annotations"] = [{**value["annotations"][0], "labels": names}]

    def masks(value):
        value["images"] = value["images"][:1]
        first = value["annotations"][0]
        value["annotations"] = [
            {**first, "id": k + 1, "segmentation": rle(*box), "area": 1}
            for k, box in enumerate(boxes)
        ]

    change(world, CAPTIONS, images)
    change(world, MASKS, masks)
    (world[1] / "sa_2.json").unlink()
    write(world[1] / "sa_1.json", answer(names, boxes))


def test_masks_beyond_the_published_cap_are_said_and_strict_has_none(run, world):
    many(world, 120)
    official, strict = as_json(run, world)
    assert "did not look at 20 masks in 1 images" in notes(official)
    # recall reaches 100 of 120: 84 of 101 thresholds
    assert official["scores"]["AP50"]["value"] == pytest.approx(84 / 101)
    assert strict["scores"]["AP50"]["value"] == 1.0
    assert "did not look" not in notes(strict)


def test_a_hundred_masks_are_all_looked_at(run, world):
    many(world, 100)
    official, _ = as_json(run, world)
    assert "did not look" not in notes(official)
    assert official["scores"]["AP50"]["value"] == 1.0


def test_cider_of_one_image_is_said(run, world):
    official, strict = as_json(run, world, "--limit", "1")
    for result in (official, strict):
        assert "CIDEr of one image is 0 by its formula" in notes(result)


def test_cider_of_references_that_are_alike_is_said(run, world):
    official, _ = as_json(run, world)
    assert "CIDEr of references that are all alike is 0" in notes(official)

    def other(value):
        value["annotations"][1]["caption"] = "two dogs under a tree"

    change(world, CAPTIONS, other)
    official, _ = as_json(run, world)
    assert "CIDEr" not in notes(official)
    assert "without words" not in notes(official)


def test_references_without_words_are_said(run, world):
    def blank(value):
        value["annotations"][1]["caption"] = " ... "

    change(world, CAPTIONS, blank)
    for result in as_json(run, world):
        assert "1 of 2 references have a caption without words: 0 in a score" in notes(result)


def test_few_images_have_intervals_that_are_too_narrow(run, world):
    for result in as_json(run, world):
        assert "fewer than 50 images" in notes(result)
    for result in as_json(run, world, "--draws", "0"):
        assert "fewer than" not in notes(result)


def test_the_words_of_every_pair_are_explained(run, world):
    write(world[1] / "sa_2.json", answer(("a black dog",)))
    code, out, _ = score(run, world, "--explain", "sa_2")
    assert code == 0
    assert "why the words agree" in out
    (strict,) = [
        view
        for view in json.loads(score(run, world, "--explain", "sa_2", "--json")[1])["protocols"]
        if view["words"]
    ]
    (pair,) = strict["words"]
    assert (pair["reference"], pair["predicted"]) == (0, 0)
    assert "cat / dog" in pair["why"]
    assert strict["agreement"] == [[0.0]]


def test_ap50_by_confidence_is_added_when_it_is_asked_for(run, world):
    spoken = [
        line(f"sa_{k}", phrases=[{"text": "a cat", "mask": rle(0, left, 4, 4), "score": score_of}])
        for k, left, score_of in ((1, 0, 0.9), (2, 5, 0.1))
    ]
    _, strict = as_json(run, lines(world, *spoken), "--also", "ap50_scored")
    assert "ranked_by_confidence:all" in strict["signature"]
    # the confident mask is right: precision 1 up to recall 1/2; of one confidence it is 1/2 there
    assert strict["scores"]["AP50_scored"]["value"] == pytest.approx(51 / 101)
    assert strict["scores"]["AP50"]["value"] == pytest.approx(51 / 101 / 2)
