"""Masks of boxes and points, beside the networks and processors of transformers."""

import numpy as np
import pytest
import torch
from support import small_detectors
from torch.nn.functional import interpolate

from gcg_bench.errors import BadData, EnvironmentProblem
from gcg_bench.grounding.masking import BATCH, BoxMasker, SamMasker, locate_masker
from gcg_bench.masks import decode, from_box

PIXELS = np.random.default_rng(3).integers(0, 256, (30, 40, 3), dtype=np.uint8)
BOXES = [(3.0, 4.0, 20.5, 25.0), (0.0, 0.0, 40.0, 30.0), (10.0, 1.0, 15.0, 29.0)]
WRITERS = {
    "sam": small_detectors.sam,
    "sam-hq": lambda folder: small_detectors.sam(folder, hq=True),
    "sam2": small_detectors.sam2,
    "sam3-tracker": small_detectors.sam3_tracker,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("maskers")
    return {name: write(root / name) for name, write in WRITERS.items()}


def bitmaps(masks):
    return np.stack([decode(mask) for mask in masks])


@pytest.mark.parametrize(("kind", "name"), [("sam", "SamModel"), ("sam-hq", "SamHQModel")])
def test_sam_gives_the_masks_of_its_own_processor(folders, kind, name):
    import transformers
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    folder = folders[kind]
    processor = transformers.SamProcessor(SamImageProcessorPil.from_pretrained(folder))
    network = getattr(transformers, name).from_pretrained(folder).eval()
    inputs = processor(PIXELS, input_boxes=[[list(box) for box in BOXES]], return_tensors="pt")
    with torch.inference_mode():
        output = network(**inputs, multimask_output=False)
    (expected,) = processor.image_processor.post_process_masks(
        output.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"]
    )
    scored = SamMasker(locate_masker(str(folder))).scored(PIXELS, BOXES)
    masks = [mask for mask, _ in scored]
    assert 0 < bitmaps(masks).mean() < 1
    assert (bitmaps(masks) == expected[:, 0].numpy()).all()
    predicted = output.iou_scores[0, :, 0].tolist()
    assert [score for _, score in scored] == pytest.approx(predicted, abs=1e-6)
    assert len(set(predicted)) == len(BOXES)


@pytest.mark.parametrize(("kind", "side"), [("sam2", 64), ("sam3-tracker", 56)])
def test_the_others_give_the_masks_of_their_network(folders, kind, side):
    import transformers

    name = {"sam2": "Sam2Model", "sam3-tracker": "Sam3TrackerModel"}[kind]
    network = getattr(transformers, name).from_pretrained(folders[kind]).eval()
    masker = SamMasker(locate_masker(str(folders[kind])))
    image = torch.from_numpy(masker._preparation.prepared(PIXELS))[None]
    assert image.shape[-2:] == (side, side)
    scale = np.array([side / 40, side / 30] * 2)
    boxes = torch.tensor(np.array(BOXES) * scale, dtype=torch.float32)[None]
    with torch.inference_mode():
        logits = network(pixel_values=image, input_boxes=boxes, multimask_output=False).pred_masks
        expected = interpolate(logits[0], (30, 40), mode="bilinear", align_corners=False) > 0
    masks = bitmaps(masker.of_boxes(PIXELS, BOXES))
    assert 0 < masks.mean() < 1
    assert (masks == expected[:, 0].numpy()).all()
    points = [(5.0, 6.0), (30.0, 20.0)]
    scaled = torch.tensor(np.array(points) * scale[:2], dtype=torch.float32)[None, :, None]
    with torch.inference_mode():
        logits = network(pixel_values=image, input_points=scaled, multimask_output=False).pred_masks
        expected = interpolate(logits[0], (30, 40), mode="bilinear", align_corners=False) > 0
    assert (bitmaps(masker.of_points(PIXELS, points)) == expected[:, 0].numpy()).all()


@pytest.mark.parametrize("kind", WRITERS)
def test_many_boxes_are_single_boxes(folders, kind):
    rng = np.random.default_rng(1)
    low, size = rng.uniform(0, 15, (BATCH + 2, 2)), rng.uniform(2, 15, (BATCH + 2, 2))
    boxes = [tuple(box) for box in np.concatenate([low, low + size], axis=1).tolist()]
    masker = SamMasker(locate_masker(str(folders[kind])))
    calls, embed = [], masker._network.get_image_embeddings
    masker._network.get_image_embeddings = lambda image: calls.append(1) or embed(image)
    masks = masker.of_boxes(PIXELS, boxes)
    assert calls == [1]  # the image is embedded once
    assert masker.of_boxes(PIXELS.copy(), boxes) == masks
    assert calls == [1]
    masker.of_boxes(255 - PIXELS, boxes[:1])
    assert calls == [1, 1]
    masker.of_boxes(PIXELS.reshape(40, 30, 3), boxes[:1])
    assert masker.of_boxes(PIXELS, boxes) == masks
    assert calls == [1] * 4
    singles = [masker.of_boxes(PIXELS, [box])[0] for box in (boxes[0], boxes[BATCH], boxes[-1])]
    differing = bitmaps([masks[0], masks[BATCH], masks[-1]]) != bitmaps(singles)
    assert differing.mean() < 0.001  # the sums of a batch may be added in another order
    assert len(masks) == len(boxes)
    assert masker.of_boxes(PIXELS, []) == ()


def test_a_thin_image_has_masks(folders):
    masker = SamMasker(locate_masker(str(folders["sam"])))
    (mask,) = masker.of_boxes(np.zeros((1, 300, 3), np.uint8), [(0.0, 0.0, 40.0, 1.0)])
    assert (mask.height, mask.width) == (1, 300)


def test_settings_name_the_masker(folders):
    masker = SamMasker(locate_masker(str(folders["sam"])))
    assert masker.settings["masker"] == "sam"
    assert masker.settings["masker_kind"] == "sam"
    assert len(masker.settings["masker_weights"]) == 16


def test_boxes_as_masks():
    assert BoxMasker().of_boxes(PIXELS, BOXES) == tuple(from_box(box, 30, 40) for box in BOXES)


def test_a_missing_package_is_named(folders, monkeypatch):
    from transformers import SamModel

    def refuse(*_, **__):
        raise ImportError("EdgeTamModel requires the timm library")

    monkeypatch.setattr(SamModel, "from_pretrained", refuse)
    with pytest.raises(EnvironmentProblem, match=r"sam needs a package .* the timm library"):
        SamMasker(locate_masker(str(folders["sam"])))


def test_missing_weights_are_refused(folders, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(folders["sam"], tmp_path / "damaged")
    weights = load_file(folder / "model.safetensors")
    del weights["mask_decoder.iou_token.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadData, match=r"1 weights are missing, e\.g\. mask_decoder\.iou_token"):
        SamMasker(locate_masker(str(folder)))
