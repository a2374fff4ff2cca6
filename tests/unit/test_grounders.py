"""The scores and regions of grounders, computed again from the raw numbers of their networks."""

import math

import numpy as np
import pytest
import torch
from support import small_detectors
from torch.nn.functional import interpolate

from gcg_bench.execution.models import load_model
from gcg_bench.grounding.grounders import load_grounder, locate_grounder
from gcg_bench.grounding.pixels import CLIPSEG, GROUNDING_DINO, SAM3, preparation
from gcg_bench.grounding.regions import Wanted
from gcg_bench.masks import decode
from gcg_bench.types import Picture, Query

HEIGHT, WIDTH = 30, 40
PIXELS = np.random.default_rng(9).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
WRITERS = {
    "dino": small_detectors.grounding_dino,
    "mm": lambda folder: small_detectors.grounding_dino(folder, mm=True),
    "short": lambda folder: small_detectors.grounding_dino(folder, longest=14),
    "owlv2": small_detectors.owlv2,
    "sam3": small_detectors.sam3,
    "clipseg": small_detectors.clipseg,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("grounders")
    return {name: write(root / name) for name, write in WRITERS.items()}


def grounder(folder, **options):
    checkpoint = locate_grounder(str(folder))
    return load_grounder(checkpoint, device="cpu", dtype="float32", **options)


def image(folder, default):
    checkpoint = locate_grounder(str(folder))
    return torch.from_numpy(preparation(checkpoint, default).prepared(PIXELS))[None]


def sigmoid(number):
    return 1 / (1 + math.exp(-number))


def box_on_paper(numbers, width, height):
    x, y, w, h = numbers
    x0, x1 = ((x - w / 2) * width, (x + w / 2) * width)
    y0, y1 = ((y - h / 2) * height, (y + h / 2) * height)
    return (
        min(max(x0, 0), WIDTH), min(max(y0, 0), HEIGHT),
        min(max(x1, 0), WIDTH), min(max(y1, 0), HEIGHT),
    )  # fmt: skip


def area_of(box):
    return (box[2] - box[0]) * (box[3] - box[1])


CAPTION = "A red Box next to a blue Circle"
TOKENS = {"A red Box": (1, 2, 3), "a blue Circle": (6, 7, 8)}  # token 0 is [CLS]


def dino_output(folder, text):
    """The boxes and logits of the network itself."""
    from transformers import AutoModelForZeroShotObjectDetection, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForZeroShotObjectDetection.from_pretrained(folder).eval()
    encoded = tokenizer(text, return_tensors="pt", return_token_type_ids=True)
    with torch.inference_mode():
        output = network(pixel_values=image(folder, GROUNDING_DINO), **encoded)
    return output.pred_boxes[0].tolist(), output.logits[0].tolist()


@pytest.mark.parametrize("kind", ["dino", "mm"])
def test_a_score_is_the_mean_over_the_tokens_of_the_phrase(folders, kind):
    boxes, logits = dino_output(folders[kind], "a red box next to a blue circle.")
    wanted = [Wanted("A red Box", (0, 9)), Wanted("a blue Circle")]
    found = grounder(folders[kind], threshold=0.0, overlap=1.0).regions(PIXELS, CAPTION, wanted)
    best = grounder(folders[kind]).regions(PIXELS, CAPTION, wanted, best=True)
    for (tokens, regions), top in zip(zip(TOKENS.values(), found, strict=True), best, strict=True):
        expected = sorted(
            (
                (sum(sigmoid(row[t]) for t in tokens) / 3, box_on_paper(box, WIDTH, HEIGHT))
                for row, box in zip(logits, boxes, strict=True)
            ),
            reverse=True,
        )
        expected = [(score, box) for score, box in expected if area_of(box) > 0]
        assert len(regions) == len(expected) > 3
        for region, (score, box) in zip(regions, expected, strict=True):
            assert region.score == pytest.approx(score, abs=1e-5)
            assert region.box == pytest.approx(box, abs=1e-3)
        assert top[0].score == pytest.approx(expected[0][0], abs=1e-5)
        assert len(top) == 1


def test_only_scores_above_the_threshold_are_kept(folders):
    wanted = [Wanted("A red Box")]
    (regions,) = grounder(folders["dino"], threshold=0.0, overlap=1).regions(
        PIXELS, CAPTION, wanted
    )
    scores = [region.score for region in regions]
    (kept,) = grounder(folders["dino"], overlap=1).regions(PIXELS, CAPTION, wanted)
    assert [region.score for region in kept] == [score for score in scores if score > 0.3]
    assert 0 < len(kept) < len(scores)


def test_a_long_caption_is_read_sentence_by_sentence(folders):
    # at most 14 tokens: [CLS], [SEP] and 12 words with full stops
    first, second = "a red box and a dog.", "the green square is on the blue ground."
    caption = f"{first} {second}"
    wanted = [Wanted("a red box", (0, 9)), Wanted("the blue ground")]
    model = grounder(folders["short"], threshold=0.0, overlap=1.0)
    together = model.regions(PIXELS, caption, wanted)
    assert together[0] == model.regions(PIXELS, first, wanted[:1])[0]
    assert together[1] == model.regions(PIXELS, second, [Wanted("the blue ground", (23, 38))])[0]
    boxes, logits = dino_output(folders["short"], second)
    best = max(sum(sigmoid(row[t]) for t in (6, 7, 8)) / 3 for row in logits)
    assert together[1][0].score <= best + 1e-5
    assert len(boxes) == 8


def test_phrases_without_words_and_no_phrases(folders):
    model = grounder(folders["dino"], threshold=0.0)
    assert model.regions(PIXELS, "a box", []) == []
    assert model.regions(PIXELS, "", [Wanted(" ")]) == [()]
    found = model.regions(PIXELS, "a box", [Wanted(" "), Wanted("a box")], best=True)
    assert [len(regions) for regions in found] == [0, 1]


def test_owlv2_gives_the_boxes_of_its_own_post_processing(folders):
    from transformers import AutoTokenizer, Owlv2ForObjectDetection
    from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil

    folder = folders["owlv2"]
    processor = Owlv2ImageProcessorPil.from_pretrained(folder)
    network = Owlv2ForObjectDetection.from_pretrained(folder).eval()
    texts = ["a red box", "a blue circle that is very large"]
    encoded = AutoTokenizer.from_pretrained(folder)(
        texts, padding="max_length", truncation=True, max_length=16, return_tensors="pt"
    )
    with torch.inference_mode():
        output = network(
            **encoded, pixel_values=processor(PIXELS, return_tensors="pt").pixel_values
        )
    (own,) = processor.post_process_object_detection(output, 0.1, [(HEIGHT, WIDTH)])
    wanted = [Wanted("A red box"), Wanted(texts[1]), Wanted("a red box")]
    found = grounder(folder, overlap=1.0).regions(PIXELS, "not read", wanted)
    assert found[2] == found[0]
    for label, regions in enumerate(found[:2]):
        expected = sorted(
            (float(score), box_on_corners(box.tolist()))
            for score, owner, box in zip(own["scores"], own["labels"], own["boxes"], strict=True)
            if owner == label
        )[::-1]
        expected = [(score, box) for score, box in expected if area_of(box) > 0]
        assert [region.score for region in regions] == pytest.approx([s for s, _ in expected])
        for region, (_, box) in zip(regions, expected, strict=True):
            assert region.box == pytest.approx(box, abs=1e-3)
    assert found[0]
    assert found[1]


def box_on_corners(box):
    x0, y0, x1, y1 = box
    return (
        min(max(x0, 0), WIDTH), min(max(y0, 0), HEIGHT),
        min(max(x1, 0), WIDTH), min(max(y1, 0), HEIGHT),
    )  # fmt: skip


LONG = "a red box that is next to the very large yellow circle"  # more than 32 letters


def test_sam3_multiplies_by_presence_and_cuts_clauses(folders):
    from transformers import AutoTokenizer, Sam3Model

    folder = folders["sam3"]
    encoded = AutoTokenizer.from_pretrained(folder)(
        ["a red box"], padding="max_length", max_length=32, return_tensors="pt"
    )
    network = Sam3Model.from_pretrained(folder).eval()
    with torch.inference_mode():
        output = network(pixel_values=image(folder, SAM3), **encoded)
        presence = float(output.presence_logits[0, 0])
        probabilities = output.pred_masks.sigmoid()
        scaled = interpolate(probabilities, (HEIGHT, WIDTH), mode="bilinear", align_corners=False)
    scores = [sigmoid(float(logit)) * sigmoid(presence) for logit in output.pred_logits[0]]
    order = sorted(range(len(scores)), key=lambda k: -scores[k])
    wanted = [Wanted("A red box"), Wanted(LONG)]
    found = grounder(folder, threshold=0.0).regions(PIXELS, "not read", wanted)
    assert found[0] == found[1]
    assert [region.score for region in found[0]] == pytest.approx([scores[k] for k in order])
    for region, k in zip(found[0], order, strict=True):
        differing = decode(region.mask) != (scaled[0, k] > 0.5).numpy()
        assert differing.mean() < 0.005  # the image is embedded apart from the phrase
    middle = (scores[order[2]] + scores[order[3]]) / 2
    (kept,) = grounder(folder, threshold=middle).regions(PIXELS, "", wanted[:1])
    assert kept == found[0][:3]
    model = grounder(folder)
    assert model.regions(PIXELS, "", wanted[:1], best=True) == [found[0][:1]]
    calls, embed = [], model._network.get_vision_features
    model._network.get_vision_features = lambda image: calls.append(1) or embed(image)
    assert model.regions(PIXELS, "", wanted[:1], best=True) == [found[0][:1]]
    assert calls == []  # the features of the image are still there
    model.regions(255 - PIXELS, "", wanted, best=True)
    assert calls == [1]


def test_clipseg_cuts_its_heat_map(folders):
    from transformers import AutoTokenizer, CLIPSegForImageSegmentation

    folder = folders["clipseg"]
    network = CLIPSegForImageSegmentation.from_pretrained(folder).eval()
    encoded = AutoTokenizer.from_pretrained(folder)(["a red box"], return_tensors="pt")
    with torch.inference_mode():
        logits = network(pixel_values=image(folder, CLIPSEG), **encoded).logits
    heat = interpolate(
        logits.reshape(1, 1, 32, 32).sigmoid(), (HEIGHT, WIDTH), mode="bilinear",
        align_corners=False,
    )[0, 0].numpy()  # fmt: skip
    threshold = float(np.median(heat))
    wanted = [Wanted("A red box"), Wanted("a dog"), Wanted("a red box")]
    model = grounder(folder, threshold=threshold)
    found = model.regions(PIXELS, "not read", wanted)
    assert found[2] == found[0] != found[1]
    (region,) = found[0]
    differing = decode(region.mask) != (heat > threshold)
    assert differing.mean() < 0.005  # a text in a batch of two
    assert 0.3 < decode(region.mask).mean() < 0.7
    assert region.score == pytest.approx(float(heat[heat > threshold].mean()), abs=1e-4)
    assert grounder(folder, threshold=0.999999).regions(PIXELS, "", wanted) == [(), (), ()]


@pytest.mark.parametrize("name", ["sam3", "clipseg"])
def test_expressions_become_masks(folders, name):
    model = load_model(f"{name}:{folders[name]}", device="cpu", threshold=0.2)
    picture = Picture(HEIGHT, WIDTH, lambda: PIXELS)
    queries = [
        Query(str(k), picture, task=task, expression="The red box")
        for k, task in enumerate(["referring", "reasoning", "generalized_referring"])
    ]
    predictions = list(model.answer(queries))
    assert [prediction.id for prediction in predictions] == ["0", "1", "2"]
    for prediction in predictions:
        (phrase,) = prediction.grounding.phrases
        assert phrase.text == "The red box"
        assert 0.2 < phrase.score < 1
        assert all((mask.height, mask.width) == (HEIGHT, WIDTH) for mask in phrase.masks)
    assert len(predictions[0].grounding.phrases[0].masks) == 1
    assert model.settings["grounder_kind"] == name
    assert "captioner" not in model.settings
    assert model.worded(queries[0]) == "the red box"
