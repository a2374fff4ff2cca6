"""Stages with models: the real classes of transformers with small random weights.

Expected numbers come from transformers' own forward passes and post-processing.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.small_annotators import Checkpoints

from gcg_bench.annotate.mask_rules import MaskRules
from gcg_bench.annotate.scenes import Detection, Evidence, Scene, SceneObject, TiedPhrase
from gcg_bench.annotate.stages import check_crops, check_phrases, load_stage, stage_module
from gcg_bench.annotate.tag_detectors import TagDetector, own_regions, tag_text
from gcg_bench.errors import BadOption, EnvironmentProblem, UnknownName
from gcg_bench.grounding.regions import Region
from gcg_bench.masks import decode, empty, encode, from_box
from gcg_bench.types import Picture

HEIGHT, WIDTH = 30, 40
PIXELS = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
PICTURE = Picture(HEIGHT, WIDTH, lambda: PIXELS)
SCENE = Scene(image_id="a", height=HEIGHT, width=WIDTH, tags=("dog", "red box", "cat"))
OBJECTS = (
    SceneObject(id=1, box=(3, 4, 20.5, 25), label="dog", score=0.9),
    SceneObject(id=4, box=(10, 1, 35, 29), label="red box", score=0.8, floating=True),
)
ANY_MASK = MaskRules(predicted=-9.0, in_box=0.0, pixels=1, duplicate=1.0)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return Checkpoints(tmp_path_factory.mktemp("models"))


def stage(name, **settings):
    return load_stage(name, stage_module(name).Settings(**settings), device="cpu")


def run(made, scene=SCENE, picture=PICTURE):
    (result,) = made.run([scene], [picture])
    return result


@pytest.mark.parametrize("name", ["llmdet", "grounding-dino", "owlv2", "sam3"])
def test_detectors_answer_for_tags(folders, name):
    detector = stage(name, checkpoint=folders[name], threshold=0.001)
    scene = run(detector)
    ((model, detections),) = scene.detections
    assert model == name.replace("-", "_")
    assert detections
    assert {one.label for one in detections} <= set(SCENE.tags)
    places = [one.box if one.mask is None else one.mask for one in detections]
    assert len(set(places)) == len(places)
    for one in detections:
        left, top, right, bottom = one.box
        assert 0 <= left < right <= WIDTH
        assert 0 <= top < bottom <= HEIGHT
        assert 0.001 < one.score <= 1
        assert (one.mask is not None) == (name == "sam3")
    again = run(detector, replace(scene, tags=()))
    assert again.detections == (*scene.detections, (model, ()))  # asked, and silent


def test_boxes_of_owlv2_are_those_of_transformers(folders):
    import transformers

    folder = folders["owlv2"]
    network = transformers.Owlv2ForObjectDetection.from_pretrained(folder).eval()
    processor = transformers.Owlv2ImageProcessorPil.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    words = tokenizer(list(SCENE.tags), padding="max_length", max_length=16, return_tensors="pt")
    image = processor(PIXELS, input_data_format="channels_last", return_tensors="pt").pixel_values
    with torch.inference_mode():
        output = network(
            input_ids=words.input_ids, attention_mask=words.attention_mask, pixel_values=image
        )
    (expected,) = processor.post_process_object_detection(output, 0.3, [(WIDTH, WIDTH)])
    ((_, detections),) = run(
        stage("owlv2", checkpoint=folder, threshold=0.3, overlap=1.0)
    ).detections
    pairs = sorted((round(one.score, 5), one.label) for one in detections)
    wanted = [
        (round(score, 5), SCENE.tags[label])
        for score, label, box in zip(
            expected["scores"].tolist(),
            expected["labels"].tolist(),
            expected["boxes"].tolist(),
            strict=True,
        )
        if min(box[3], HEIGHT) > max(box[1], 0)  # some lie in the padding
    ]
    assert pairs == sorted(wanted)
    assert len(pairs) > 1


def test_a_box_of_several_tags_has_the_best_one():
    mask = from_box((0, 0, 3, 2), HEIGHT, WIDTH)
    grounded = {
        "mug": (Region(0.5, (1, 1, 9, 9)), Region(0.4, (2, 2, 9, 9))),
        "cup": (Region(0.6, (1, 1, 9, 9)), Region(0.3, mask=mask)),
        "bowl": (Region(0.3, mask=mask), Region(0.9, mask=empty(HEIGHT, WIDTH))),
    }
    assert own_regions(grounded) == (
        Detection((2, 2, 9, 9), "mug", 0.4),
        Detection((1, 1, 9, 9), "cup", 0.6),
        Detection((0, 0, 3, 2), "cup", 0.3, mask),
    )


def test_a_detector_reads_each_tag_as_a_sentence():
    asked = []

    class Grounder:
        def regions(self, pixels, caption, phrases, *, best=False):
            asked.append((caption, [phrase.text for phrase in phrases]))
            return [() for _ in phrases]

    run(TagDetector("mine", Grounder()), replace(SCENE, tags=("dog", "red box", "dog")))
    assert asked == [("dog. red box.", ["dog", "red box"])]
    assert tag_text(["dog.", " cat"]) == "dog. cat."


@pytest.mark.parametrize("name", ["sam", "sam-hq", "sam2"])
def test_masks_of_all_objects(folders, name):
    scene = run(
        stage(name, checkpoint=folders[name], rules=ANY_MASK), replace(SCENE, objects=OBJECTS)
    )
    assert [one.floating for one in scene.objects] == [False, True]
    assert all(one.mask is not None for one in scene.objects)
    checks = [(one.check, one.object) for one in scene.evidence]
    assert checks == [
        (check, number) for number in (1, 4) for check in ("mask_box_iou", "mask_predicted_iou")
    ]
    refusing = stage(name, checkpoint=folders[name], rules=MaskRules(predicted=1.1))
    refused = run(refusing, replace(SCENE, objects=OBJECTS))
    assert [one.floating for one in refused.objects] == [True, True]
    assert len(refused.notes) == 2


def test_own_masks_are_checked():
    mask = from_box(OBJECTS[0].box, HEIGHT, WIDTH)
    objects = (replace(OBJECTS[0], mask=mask), OBJECTS[1])
    scene = run(stage("own-masks"), replace(SCENE, objects=objects))
    assert [one.mask for one in scene.objects] == [mask, None]
    assert scene.notes == ("object 4 (red box) is refused: no mask",)


def test_depth_is_the_median_of_the_map_of_transformers(folders):
    import transformers

    folder = folders["depth"]
    network = transformers.DepthAnythingForDepthEstimation.from_pretrained(folder).eval()
    processor = transformers.DPTImageProcessorPil.from_pretrained(folder)
    image = processor(PIXELS, input_data_format="channels_last", return_tensors="pt")
    with torch.inference_mode():
        output = network(**image)
    (made,) = processor.post_process_depth_estimation(output, [(HEIGHT, WIDTH)])
    bitmap = np.random.default_rng(1).integers(0, 2, (HEIGHT, WIDTH), dtype=np.uint8)
    objects = (
        replace(OBJECTS[0], mask=encode(bitmap)),
        replace(OBJECTS[1], mask=empty(HEIGHT, WIDTH)),
        replace(OBJECTS[1], id=5),
    )
    scene = run(stage("depth", checkpoint=folder), replace(SCENE, objects=objects))
    expected = np.median(made["predicted_depth"].numpy()[bitmap.astype(bool)])
    assert scene.objects[0].depth == pytest.approx(float(expected), abs=2e-6)
    assert [one.depth for one in scene.objects[1:]] == [None, None]
    assert made["predicted_depth"].std() > 0


def test_a_model_of_metres_is_refused(folders):
    with pytest.raises(BadOption, match=r"larger for farther things\. Give a relative model"):
        stage("depth", checkpoint=folders["metres"])


def test_crops_against_labels_as_transformers_computes_them(folders):
    import transformers

    folder = folders["siglip"]
    objects = (OBJECTS[0], replace(OBJECTS[1], floating=False))
    scene = replace(SCENE, objects=objects, tags=("dog", "tree"))
    made = run(stage("check-crops", checkpoint=folder, distractors=("sky",), margin=0.0), scene)
    network = transformers.SiglipModel.from_pretrained(folder).eval()
    processor = transformers.SiglipImageProcessorPil.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    expected = []
    for crop, words in (
        (PIXELS[4:25, 3:21], ("dog", "red box", "tree", "sky")),
        (PIXELS[1:29, 10:35], ("red box", "dog", "tree", "sky")),
    ):
        texts = [f"this is a photo of {word}." for word in words]
        ids = tokenizer(texts, padding="max_length", max_length=48, return_tensors="pt").input_ids
        image = processor(crop, input_data_format="channels_last", return_tensors="pt").pixel_values
        with torch.inference_mode():
            logits = network(input_ids=ids, pixel_values=image).logits_per_image[0]
        expected.append(float(logits.softmax(0)[0]))
    assert [one.value for one in made.evidence] == pytest.approx(expected, abs=1e-4)
    assert [(one.check, one.object) for one in made.evidence] == [
        ("crop_label", 1),
        ("crop_label", 4),
    ]
    assert len({round(one.value, 3) for one in made.evidence}) == 2
    assert made.objects == scene.objects


def test_distractors_name_another_kind_of_thing():
    labels = ("small Dog", "a dog on a couch", "couch", "animal", "puppies", "a man's hand")
    objects = tuple(replace(OBJECTS[0], id=k, label=label) for k, label in enumerate(labels, 1))
    scene = replace(SCENE, objects=objects, tags=("cat", "dog sled"))
    # the same noun, the couch only in the place of the dog, a broader and a narrower word are none
    words = check_crops.distractors(scene, "dog", ("sky", "cat", ""))
    assert words == ("couch", "a man's hand", "cat", "dog sled", "sky")
    # the couch is what the crop shows, the dog on it is another thing
    words = check_crops.distractors(scene, "a leather couch", ())
    assert words == (*labels[:2], *labels[3:], "cat", "dog sled")


@pytest.mark.parametrize(
    ("box", "margin", "expected"),
    [
        ((10, 10, 20, 20), 0.1, (11, 12)),  # from 9 to 21 and from 9 to 20, where the image ends
        ((0, 0, 100, 100), 0.5, (20, 40)),
        ((39.9, 19.9, 40, 20), 0.0, (1, 1)),
        ((60, 60, 70, 70), 0.0, (1, 1)),
    ],
)
def test_a_crop_has_a_margin_and_at_least_one_pixel(box, margin, expected):
    assert check_crops.crop(np.zeros((20, 40, 3), np.uint8), box, margin).shape[:2] == expected


def test_words_that_fit_by_siglip(folders):
    made = {}
    for threshold in (0.0, 1.0):
        tagger = stage(
            "tag", by="siglip", words=("dog", "a tree", "x"), threshold=threshold,
            checkpoint=folders["siglip"], most=2,
        )  # fmt: skip
        made[threshold] = run(tagger, replace(SCENE, tags=())).tags
    assert len(made[0.0]) == 2
    assert made[1.0] == ()


def test_phrases_are_asked_again(folders):
    checker = stage("check-phrases", checkpoint=folders["sam3"], threshold=0.999)
    mask = from_box((0, 0, 10, 10), HEIGHT, WIDTH)
    scene = replace(
        SCENE,
        objects=(replace(OBJECTS[0], mask=mask), OBJECTS[1]),
        caption="A dog and a red box.",
        phrases=(TiedPhrase("A dog", (0, 5), (1,)), TiedPhrase("a red box", (10, 19), (4,))),
    )
    made = run(checker, scene)
    # nothing is found above .999; the second phrase has no own mask, so there is no evidence
    assert made.evidence == (Evidence("phrase_again", 0.0, phrase=0),)
    assert run(checker, SCENE) == SCENE


def test_the_agreement_of_a_phrase_is_that_of_unions():
    def block(*box):
        return from_box(box, HEIGHT, WIDTH)

    objects = (
        replace(OBJECTS[0], mask=block(0, 0, 10, 10)),
        replace(OBJECTS[1], mask=block(10, 0, 20, 10)),
    )
    scene = replace(SCENE, objects=objects)
    again = (Region(0.9, mask=block(5, 0, 15, 10)), Region(0.8, mask=block(10, 0, 25, 10)))
    # own 200 pixels, found 200 pixels from 5 to 25: 150 shared of 250
    phrase = TiedPhrase("both", (0, 4), (1, 4))
    assert check_phrases.agreement(scene, phrase, again) == pytest.approx(150 / 250)
    assert decode(objects[0].mask).sum() == 100


@pytest.mark.parametrize(
    ("name", "settings", "error"),
    [
        ("llmdet", {"dtype": "int8"}, UnknownName),
        ("owlv2", {"threshold": 1.5}, BadOption),
        ("sam-hq", {}, EnvironmentProblem),
        ("depth", {}, EnvironmentProblem),
        ("check-crops", {}, EnvironmentProblem),
        ("check-phrases", {"threshold": float("nan")}, BadOption),
        ("vlm", {}, EnvironmentProblem),
        ("context", {}, EnvironmentProblem),
        ("check-answers", {}, EnvironmentProblem),
        ("tag", {"by": "magic"}, UnknownName),
        ("tag", {}, BadOption),
        ("tag", {"by": "siglip", "words": ("dog",)}, EnvironmentProblem),
    ],
)
def test_what_is_missing_or_invalid_is_said_before_work(name, settings, error, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", "/nonexistent")
    with pytest.raises(error):
        stage(name, **settings)


def test_a_checkpoint_of_another_kind_is_refused(folders):
    with pytest.raises(BadOption, match="sam is a sam, and a HQ-SAM is one of: sam-hq"):
        stage("sam-hq", checkpoint=folders["sam"])
