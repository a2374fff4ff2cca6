"""Models of annotation of the smallest working size, written as checkpoint folders.

The classes, processors and tokenizers are the real ones of transformers; the weights are random.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from support import small_detectors, small_qwen

SIDE = 28


def depth(folder: Path, *, metric: bool = False) -> Path:
    """A Depth Anything whose images have a shorter side of about 28."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config
    from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil

    torch.manual_seed(8)
    network = DepthAnythingForDepthEstimation(
        DepthAnythingConfig(
            backbone_config=Dinov2Config(
                hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16,
                image_size=SIDE, patch_size=14, out_indices=[1, 2, 3, 4],
                out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False,
            ),
            reassemble_hidden_size=16, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
            head_hidden_size=4, depth_estimation_type="metric" if metric else "relative",
            **({"max_depth": 20} if metric else {}),
        )
    )  # fmt: skip
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.startswith("head"):
                weight.normal_(0.2, 0.5)
    network.save_pretrained(folder)
    DPTImageProcessorPil(
        size={"height": SIDE, "width": SIDE}, keep_aspect_ratio=True, ensure_multiple_of=14
    ).save_pretrained(folder)
    return folder


def siglip(folder: Path) -> Path:
    """A SigLIP whose images are 16 x 16, with a tokenizer of single letters."""
    from transformers import SiglipConfig, SiglipModel
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    torch.manual_seed(9)
    sizes = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }  # fmt: skip
    network = SiglipModel(
        SiglipConfig(
            text_config={
                **sizes, "vocab_size": small_detectors.clip_words(), "max_position_embeddings": 48,
                "projection_size": 16, "bos_token_id": 0, "eos_token_id": 1,
            },
            vision_config={**sizes, "image_size": 16, "patch_size": 8},
        )
    )  # fmt: skip
    with torch.no_grad():
        network.logit_scale.fill_(2.0)
        network.logit_bias.fill_(-1.0)
        for name, weight in network.named_parameters():
            if "layers" in name or "head" in name:
                weight.normal_(0, 0.5)
    network.save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder)
    small_detectors.clip_tokenizer(folder, longest=48, pad="!")
    return folder


_WRITERS: dict[str, Callable[[Path], Path]] = {
    "llmdet": lambda folder: small_detectors.grounding_dino(folder, mm=True),
    "grounding-dino": small_detectors.grounding_dino,
    "owlv2": small_detectors.owlv2,
    "sam3": small_detectors.sam3,
    "sam": small_detectors.sam,
    "sam-hq": lambda folder: small_detectors.sam(folder, hq=True),
    "sam2": small_detectors.sam2,
    "depth": depth,
    "metres": lambda folder: depth(folder, metric=True),
    "siglip": siglip,
    "qwen": lambda folder: small_qwen.write(folder, "qwen3_vl"),
}


class Checkpoints(dict[str, str]):
    """Name of a model -> its folder, written when it is asked for.

    Args:
        root: where folders are written.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def __missing__(self, name: str) -> str:
        self[name] = str(_WRITERS[name](self._root / name))
        return self[name]
