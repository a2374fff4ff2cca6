"""The deterministic steps of GranD's pipeline give what the published programs gave."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gcg_bench.annotate import boxes
from gcg_bench.annotate.published import (
    fusion,
    graph,
    labels,
    masks,
    names,
    phrases,
    regions,
    tying,
)
from gcg_bench.annotate.scenes import Detection
from gcg_bench.data.grand import reading, training, writing
from gcg_bench.data.grand.values import Detail, GrandAnnotation, GrandObject
from gcg_bench.files.fields import Record

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "goldens" / "grand"


def cases(name: str) -> list[dict[str, Any]]:
    """The golden cases of a step."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared/goldens/grand beside the repository")
    loaded: list[dict[str, Any]] = json.loads((SHARED / f"{name}.json").read_text())
    assert loaded
    return loaded


def differences(ours: Any, theirs: Any, place: str = "") -> list[str]:
    """Where two values differ; texts are equal, numbers to 1e-9, and tuples count as lists."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        keys = (
            [f"{place}: keys {sorted(ours)}, not {sorted(theirs)}"]
            if ours.keys() != theirs.keys()
            else []
        )
        common = ours.keys() & theirs.keys()
        return keys + [
            text for key in common for text in differences(ours[key], theirs[key], f"{place}.{key}")
        ]
    if isinstance(theirs, list) and isinstance(ours, list | tuple) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [text for rank, pair in pairs for text in differences(*pair, f"{place}[{rank}]")]
    if isinstance(theirs, int | float) and isinstance(ours, int | float):
        equal = math.isclose(ours, theirs, rel_tol=0, abs_tol=1e-9)
        return [] if equal else [f"{place}: {ours}, not {theirs}"]
    equal = ours == theirs and isinstance(ours, type(theirs))
    return [] if equal else [f"{place}: {ours!r}, not {theirs!r}"]


def check(name: str, compute: Any) -> None:
    """Compares (ours, theirs) of every case of a step."""
    for number, case in enumerate(cases(name)):
        ours, theirs = compute(case)
        assert not differences(ours, theirs, f"{name} {number}")


def annotation(value: dict[str, Any]) -> GrandAnnotation:
    return reading.read_annotation(Record(value, "case"), "image.jpg")


def objects(values: list[dict[str, Any]]) -> tuple[GrandObject, ...]:
    return tuple(reading.read_object(Record(value, "case")) for value in values)


def detections(values: list[dict[str, Any]]) -> list[Detection]:
    return [
        Detection(tuple(v["bbox"]), v.get("description", v.get("label")), v["score"])
        for v in values
    ]


def test_geometry() -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        a, b = tuple(case["a"]), tuple(case["b"])
        ours = {
            "iou_plus_one": boxes.pixel_iou(a, b),
            "dice_plus_one": boxes.pixel_dice(a, b),
            "mask_stage_iou": boxes.pixel_iou(a, b),
            "mask_stage_dice": boxes.pixel_dice(a, b),
            "a_inside_b": boxes.is_inside(a, b),
            "area": boxes.area(a),
            "hq_sam_prompt_for_a": boxes.from_corner_and_size(a),
        }
        return ours, {key: value for key, value in case.items() if key in ours}

    check("geometry", compute)


def test_duplicates_of_a_model() -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        if case.get("kind") == "nms_same_model":
            places = [tuple(box) for box in case["boxes"]]
            picked = fusion.same_label_suppressed(places, case["labels"], case["threshold"])
            # theirs sorts ties of the lower side in an order that depends on the machine

            def order(positions: Any) -> list[int]:
                return sorted(positions, key=lambda rank: (-places[rank][3], rank))

            assert [places[rank][3] for rank in picked] == sorted(
                (places[rank][3] for rank in case["picked"]), reverse=True
            )
            return order(picked), order(case["picked"])
        kept = fusion.without_duplicates(detections(case["input"]))
        theirs = [
            (one["bbox"], one["score"], one.get("description", one.get("label")))
            for one in case["output"]
        ]
        return [(one.box, one.score, one.label) for one in kept], [list(one) for one in theirs]

    check("nms", compute)


def test_level_1() -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        models = {key: value for key, value in case["input"].items() if key in fusion.THRESHOLDS}
        made = fusion.fuse(
            {model: detections(values) for model, values in models.items()},
            [
                fusion.Affordance(name, text, tuple(words))
                for name, text, words in case["affordances"]
            ],
            file_name="i",
            landmark=annotation({"landmark": case["input"].get("landmark")}).landmark,
        )
        return writing.annotation_json(made)["i"], case["output"]

    check("level1", compute)


def test_level_2() -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        found = [
            phrases.PhraseBox(tuple(one["bbox"]), one["label"], one["phrase"])
            for one in case["groundings"]
        ]
        made = phrases.tie(annotation(case["level1"]), found)
        return writing.annotation_json(made)["image.jpg"], case["output"]

    check("level2", compute)


def test_large_boxes() -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        before, floating = objects(case["objects"]), objects(case["floating_objects"])
        size = tuple(case["image_size"])
        after = regions.promote_large(before, floating, size)
        ours = [
            regions.to_describe(before, size),
            *(list(map(writing.object_json, part)) for part in after),
        ]
        return ours, [case["to_describe"], case["objects_after"], case["floating_after"]]

    check("big_boxes", compute)


def test_labels_and_depth() -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        pixels = np.array(case["depth_pixels"], dtype=np.uint8)
        depth = labels.depth_map(pixels, case["depth_min"], case["depth_max"])
        kept, floating = labels.with_depths(
            objects(case["objects"]), objects(case["floating_objects"]), depth
        )
        kept = labels.with_labels(kept, case["labels"])
        ours = [list(map(writing.object_json, part)) for part in (kept, floating)]
        return ours, [case["objects_after"], case["floating_after"]]

    check("labels_depth", compute)


@pytest.mark.parametrize(
    ("name", "text"),
    [("scene_graph", graph.scene_text), ("scene_graph_level4", graph.context_text)],
)
def test_texts_for_language_models(name: str, text: Any) -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        try:
            ours = text(annotation(case["input"]))
        except ValueError:
            ours = {"raises": "ValueError"}
        return ours, case["output"]

    check(name, compute)


def test_sampled_objects() -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        made = [
            GrandObject(bbox=(0, 0, 1, 1), id=rank, attributes=("a",) if has else None)
            for rank, has in enumerate(case["attributed"])
        ]
        return [one.id for one in graph.sampled(made, case["limit"])], case["kept"]

    check("sample_object", compute)


def test_short_captions() -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        places = {int(id_): tuple(box) for id_, box in case["boxes"].items()}
        related = reading.read_relationships(Record(case["relationships"], "case"))
        tied = tying.tie_short(case["captions"], related, places)
        return [writing.caption_json(one, short=True) for one in tied], case["output"]

    check("short_captions", compute)


def scene(case: dict[str, Any]) -> GrandAnnotation:
    parts = {key: case[key] for key in ("objects", "floating_objects")}
    return annotation(parts | {"relationships": {"grounding": case["grounding"]}})


def test_first_pass_of_dense_captions() -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        details = tying.exact_phrases(case["caption"], scene(case))
        ours = [
            {
                "phrase": one.phrase,
                "indices": one.span,
                "objects": [{str(id_): box} for id_, box in zip(one.ids, one.boxes, strict=True)],
            }
            for one in details
        ]
        return ours, case["output"]

    check("dense_exact", compute)


def test_clean_up_of_dense_captions() -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        details = []
        for one in case["groundings"]:
            pairs = [(int(id_), tuple(box)) for part in one["objects"] for id_, box in part.items()]
            span = one["indices"] and tuple(one["indices"])
            details.append(
                Detail(one["phrase"], span, tuple(p[0] for p in pairs), tuple(p[1] for p in pairs))
            )
        return writing.caption_json(tying.cleaned(case["caption"], details)), case["output"]

    check("dense_filter", compute)


class Recorded:
    """The recorded answers of the published parser."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers

    def caption_phrases(self, caption: str) -> Any:
        return self.answers["get_llava_phrases"][caption]

    def noun_phrases(self, phrase: str) -> Any:
        return self.answers["get_blip2_phrases"][phrase]

    def content_words(self, phrase: str) -> Any:
        return self.answers["get_phrase_words"][phrase]


def test_all_passes_of_dense_captions() -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        tied = tying.tie_dense(case["caption"], scene(case), Recorded(case["parser"]))
        return writing.caption_json(tied), case["output"]

    check("dense_full", compute)


def test_masks_by_box() -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        sam = [
            (boxes.from_corner_and_size(tuple(one["bbox"])), one["segmentation"])
            for one in case["sam"]
        ]
        eva = [(tuple(one["bbox"]), one["sam_mask"]) for one in case["eva"]]
        ours = []
        for name in ("objects", "floating_objects"):
            made = masks.with_masks(objects(case[name]), sam, eva)
            written = map(writing.object_json, made)
            ours.append([{k: v for k, v in one.items() if v not in ([], None)} for one in written])
        return ours, [case["objects_after"], case["floating_after"]]

    check("masks", compute)


def test_referring_expressions() -> None:
    def compute(case: dict[str, Any]) -> tuple[Any, Any]:
        made = training.referring_expressions(objects(case["input"]["objects"]))
        return [training.expression_json(one) for one in made], case["output"]

    check("referring", compute)


def test_short_captions_with_masks() -> None:
    check(
        "caption_grounding",
        lambda case: (training.captions_with_masks(case["input"]), case["output"]),
    )


def test_kinds_of_places() -> None:
    check(
        "landmark",
        lambda case: (labels.fine_category(case["category"], case["answer"]), case["fine"]),
    )


def test_names_without_suffix() -> None:
    check(
        "names",
        lambda case: (
            [names.stripped(case["file"]), names.cut(case["file"])],
            [case["rstrip"], case["minus_four"]],
        ),
    )


def test_an_annotation_read_and_written_is_equal() -> None:
    if not SHARED.is_dir():
        pytest.skip("no ../shared/goldens/grand beside the repository")
    whole = json.loads((SHARED / "annotation_example.json").read_text())
    [(name, entry)] = whole.items()
    made = reading.read_annotation(Record(entry, "example"), name)
    assert not differences(writing.annotation_json(made), whole)
