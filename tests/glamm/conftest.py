"""Worlds for the model's tests: a small random model, and the published goldens where they lie."""

import io
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gcg_bench.glamm.assembly import build
from gcg_bench.glamm.configuration import (
    GlammConfig,
    GroundingConfig,
    LanguageConfig,
    RegionConfig,
    VisionConfig,
)
from gcg_bench.glamm.convert import load
from gcg_bench.glamm.images import ImageInputs
from gcg_bench.glamm.modeling import Glamm
from gcg_bench.glamm.processing import Prepared, Processor
from gcg_bench.glamm.tokens import ADDED_TOKENS, Tokenizer

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "glamm"


@pytest.fixture(scope="session")
def shared():
    """The folder of published goldens, outside the repository."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared/glamm beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def published_shapes(shared):
    """Published name -> shape of the real configuration, as listed in keys_full.txt."""
    shapes = {}
    for line in (shared / "keys_full.txt").read_text().splitlines():
        if line.startswith(("model.", "lm_head")):
            name, shape = line.split("\t")[:2]
            numbers = shape.split("#")[0].strip().strip("()").split(",")
            shapes[name] = tuple(int(number) for number in numbers if number.strip())
    return shapes


@dataclass(frozen=True)
class Goldens:
    """The golden checkpoint, running, beside what the published code computed with it."""

    root: Path
    folder: Path
    model: Glamm
    processor: Processor
    exact: bool  # float32: held to the tolerances of float32

    @cached_property
    def table(self) -> dict[str, Any]:
        return json.loads((self.folder / "golden.json").read_text())

    def arrays(self, name: str) -> Any:
        return np.load(self.folder / f"golden_{name}.npz")

    @cached_property
    def images(self) -> dict[str, ImageInputs]:
        files = sorted((self.root / "inputs").glob("*.png"))
        return {
            file.stem: self.processor.image(np.asarray(Image.open(file).convert("RGB")))
            for file in files
        }

    def prompt(self, name: str) -> Prepared:
        entry = self.table[name]
        boxes = entry.get("raw_boxes_xyxy") or [entry[k] for k in ("raw_box_xyxy",) if k in entry]
        image = self.images[entry["image"]]
        return self.processor.prepare(image, entry["instruction"], boxes=boxes)


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(("cpu", torch.float32), id="cpu-fp32"),
        pytest.param(("cpu", torch.bfloat16), id="cpu-bf16"),
        pytest.param(("cuda", torch.float32), id="cuda-fp32", marks=pytest.mark.gpu),
        pytest.param(("cuda", torch.bfloat16), id="cuda-bf16", marks=pytest.mark.gpu),
    ],
)
def goldens(request, shared):
    device, dtype = request.param
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    checkpoint = shared / "tiny_checkpoint" / "glamm"
    exact = dtype == torch.float32
    if device == "cuda":
        # TensorFloat-32 keeps ten bits: not the arithmetic that the float32 goldens were made in.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    model = load(checkpoint, device=device, dtype=dtype)
    return Goldens(
        root=shared,
        folder=shared / "goldens" / ("" if exact else "bf16"),
        model=model,
        processor=Processor(model.config, Tokenizer.load(checkpoint)),
        exact=exact,
    )


SENTENCES = [
    "A chat between a curious human and an artificial intelligence assistant.",
    "The assistant gives helpful, detailed, and polite answers to the human's questions.",
    "USER: The image provides an overview of the picture.\nASSISTANT: a red circle on the left.",
    "Can you segment the blue square in this image? Sure, it is a green triangle & more.",
    "a small yellow ring above the large purple star; it is near the black cross <on> white",
]


@pytest.fixture(scope="session")
def tokenizer():
    """A sentencepiece vocabulary of about a hundred pieces with the seven added tokens."""
    from sentencepiece import SentencePieceTrainer

    written = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 8),
        model_writer=written,
        vocab_size=380,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    added = {token: 380 + place for place, token in enumerate(ADDED_TOKENS)}
    return Tokenizer(written.getvalue(), added)


@pytest.fixture(scope="session")
def small_config(tokenizer):
    """Every part in its smallest working size, region encoder included."""
    return GlammConfig(
        language=LanguageConfig(
            vocab_size=tokenizer.vocabulary,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=512,
        ),
        vision=VisionConfig(
            image_size=28,
            patch_size=7,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=4,
            num_attention_heads=2,
        ),
        grounding=GroundingConfig(
            image_size=64,
            patch_size=16,
            hidden_size=16,
            mlp_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            window_size=3,
            global_layers=(1,),
            prompt_size=32,
            decoder_mlp_size=32,
            decoder_heads=4,
            iou_size=16,
        ),
        region=RegionConfig(
            levels=2, size=24, groups=4, rounds=2, roi_size=3, position_size=8, extent=28
        ),
    )


@pytest.fixture(scope="session")
def small(small_config):
    """A random model that says different things to different images (weights drawn wide)."""
    torch.manual_seed(0)
    model = build(small_config).eval().requires_grad_(requires_grad=False)
    for name, weight in model.named_parameters():
        if weight.ndim > 1 and "embed" not in name:
            weight.copy_(torch.randn_like(weight) * 1.5 / weight[0].numel() ** 0.5)
    return model


@pytest.fixture(scope="session")
def processor(small_config, tokenizer):
    return Processor(small_config, tokenizer)


@pytest.fixture(scope="session")
def pictures(processor):
    """Four prepared images of noise, of different shapes."""
    rng = np.random.default_rng(0)
    sizes = [(40, 60), (64, 48), (33, 33), (20, 90)]
    return [processor.image(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]
