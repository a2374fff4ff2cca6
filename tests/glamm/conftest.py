"""Fixtures of the model's tests: a small random model, and the published goldens if present."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support import small_glamm

from gcg_bench.glamm.convert import load
from gcg_bench.glamm.images import ImageInputs
from gcg_bench.glamm.modeling import Glamm
from gcg_bench.glamm.processing import Prepared, Processor
from gcg_bench.glamm.tokens import Tokenizer

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
    """The golden checkpoint as a model, and the published code's results for it."""

    root: Path
    folder: Path
    model: Glamm
    processor: Processor
    exact: bool  # float32, with the tolerances of float32

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
        # TensorFloat-32 keeps ten bits; the float32 goldens were computed with full precision.
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


MORE = "a small yellow ring above the large purple star; it is near the black cross <on> white"


@pytest.fixture(scope="session")
def tokenizer():
    """A sentencepiece vocabulary of a few hundred pieces with the seven added tokens."""
    return small_glamm.vocabulary([*small_glamm.SENTENCES, MORE], pieces=380)


@pytest.fixture(scope="session")
def small_config(tokenizer):
    """Every part at its smallest working size, including the region encoder."""
    return small_glamm.sizes(tokenizer.vocabulary)


@pytest.fixture(scope="session")
def small(small_config):
    """A random model that says different things to different images."""
    return small_glamm.random_model(small_config)


@pytest.fixture(scope="session")
def processor(small_config, tokenizer):
    return Processor(small_config, tokenizer)


@pytest.fixture(scope="session")
def pictures(processor):
    """Four prepared images of noise, of different shapes."""
    rng = np.random.default_rng(0)
    sizes = [(40, 60), (64, 48), (33, 33), (20, 90)]
    return [processor.image(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]
