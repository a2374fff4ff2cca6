"""Measures GLaMM at its published size on one GPU, without network and without checkpoints.

    python benchmarks/gpu.py [--json gpu.json] [--batches 1,8,32] [--tokens 80]
    python benchmarks/gpu.py --device cpu --size small      # the same steps at a small size

It runs the tests marked `gpu`, measures the card's memory bandwidth and its rate of matrix
products, and builds the model with random weights on the device in bf16 (float32 on a processor).
Then it times CLIP with the prefill, the decoding of new tokens in batches, SAM's encoder and its
mask decoder; and one token of the published way of generating, which runs the whole sequence again
for every token.

The floor of a stage is computed by `glamm.estimate` from the two measured limits: the longer of
its operations at the measured rate and its bytes at the measured bandwidth. The share is the floor
divided by the measured time; no implementation on this card reaches more than 100%. Times are
those of one image, the median of several runs. The weights are random: speed does not depend on
their values, and no answer is read.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from gcg_bench.glamm.assembly import build, parameters
from gcg_bench.glamm.configuration import (
    GlammConfig,
    GroundingConfig,
    LanguageConfig,
    VisionConfig,
)
from gcg_bench.glamm.decoding import greedy
from gcg_bench.glamm.estimate import Machine, Workload, estimate
from gcg_bench.glamm.modeling import Glamm
from gcg_bench.glamm.splicing import IMAGE

PROMPT, MASKS, NEVER = 90, 4, -1
SMALL = GlammConfig(
    language=LanguageConfig(
        vocab_size=2000,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
    ),
    vision=VisionConfig(
        image_size=112,
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
    ),
    grounding=GroundingConfig(
        image_size=256,
        hidden_size=128,
        mlp_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        global_layers=(3,),
    ),
    region=None,
)


@dataclass(frozen=True)
class Row:
    """One line of the table: a stage at a batch size, in milliseconds for one image."""

    stage: str
    batch: int
    measured_ms: float
    floor_ms: float

    @property
    def share(self) -> float:
        """The floor divided by the measured time."""
        return self.floor_ms / self.measured_ms


class Card:
    """The device, its clock, and its measured limits.

    Args:
        device: `cuda`, `cuda:1` or `cpu`.
        repeats: runs of which the median counts; one more run comes first and is not counted.
    """

    def __init__(self, device: str, repeats: int) -> None:
        self.device = torch.device(device)
        self.repeats = repeats
        self.dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32

    def milliseconds(self, action: Callable[[], object]) -> float:
        """The median time of an action."""
        times = []
        for _ in range(self.repeats + 1):
            self._wait()
            start = time.perf_counter()
            action()
            self._wait()
            times.append(1000 * (time.perf_counter() - start))
        return statistics.median(times[1:])

    def limits(self) -> Machine:
        """Memory bandwidth of a copy (read and write), and the rate of a large matrix product."""
        cuda = self.device.type == "cuda"
        source = torch.ones((1 << 31) if cuda else (1 << 26), dtype=torch.int8, device=self.device)
        target = torch.empty_like(source)
        copied = self.milliseconds(lambda: target.copy_(source))
        bandwidth = 2 * source.numel() / copied * 1000
        side = 8192 if cuda else 1024
        left = torch.randn(side, side, device=self.device, dtype=self.dtype)
        multiplied = self.milliseconds(lambda: left @ left)
        return Machine(self.name, 2 * side**3 / multiplied * 1000, bandwidth, 0.0)

    @property
    def name(self) -> str:
        """The name of the device."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"{platform.machine()} processor, {torch.get_num_threads()} threads"

    @property
    def peak_memory(self) -> int | None:
        """The largest number of bytes that tensors took on a GPU; None on a processor."""
        return torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else None

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def random_model(config: GlammConfig, card: Card) -> Glamm:
    """A model with random weights, made on the device in its precision."""
    torch.manual_seed(0)
    torch.set_default_dtype(card.dtype)
    try:
        with card.device:
            return build(config).eval()
    finally:
        torch.set_default_dtype(torch.float32)


@dataclass(frozen=True, eq=False)
class Inputs:
    """The inputs of a batch: CLIP pixels [B, 3, s, s], SAM pixels [1, 3, S, S], ids [B, n]."""

    pixels: Tensor
    grounding_pixels: Tensor
    ids: Tensor


def inputs(model: Glamm, batch: int) -> Inputs:
    """Random pixels, and a prompt of random tokens with one image."""
    config, device = model.config, model.device
    ids = torch.randint(10, config.language.vocab_size - 10, (batch, PROMPT), device=device)
    ids[:, PROMPT // 2] = IMAGE
    side, square = config.vision.image_size, config.grounding.image_size
    return Inputs(
        torch.randn(batch, 3, side, side, device=device),
        torch.randn(1, 3, square, square, device=device),
        ids,
    )


def generated(model: Glamm, given: Inputs, tokens: int) -> None:
    """Generates as this package does: encodes once, keeps keys and values, ignores the end."""
    embedded = model.embed(given.ids, model.encode_images(given.pixels))
    greedy(model, embedded, None, eos=NEVER, seg=NEVER, limit=tokens)


def published_token(model: Glamm, given: Inputs) -> Tensor:
    """One token in the published way: CLIP and the whole sequence again, no cache."""
    embedded = model.embed(given.ids, model.encode_images(given.pixels))
    states = model.language_model.model(inputs_embeds=embedded, use_cache=False).last_hidden_state
    token: Tensor = model.language_model.lm_head(states[:, -1]).argmax(-1)
    return token


def measured(
    model: Glamm, card: Card, machine: Machine, batches: list[int], tokens: int
) -> Iterator[Row]:
    """The lines of the table, as they are measured."""
    for batch in batches:
        given = inputs(model, batch)
        first = card.milliseconds(partial(generated, model, given, 1)) / batch
        whole = card.milliseconds(partial(generated, model, given, 1 + tokens)) / batch
        floors = stage_floors(model, machine, batch, tokens)
        yield Row("CLIP and prefill", batch, first, prefill_floor(floors))
        yield Row(f"decoding of {tokens} tokens", batch, whole - first, floors["decoding"])
    given = inputs(model, 1)
    floors = stage_floors(model, machine, 1, tokens)
    yield Row(
        "published way, 1 token",
        1,
        card.milliseconds(lambda: published_token(model, given)),
        prefill_floor(floors),
    )
    encoded = model.grounding.encode(given.grounding_pixels.to(model.dtype))
    encode_ms = card.milliseconds(lambda: model.grounding.encode(given.grounding_pixels))
    yield Row("SAM encoder", 1, encode_ms, floors["SAM encoder"])
    prompts = torch.randn(
        MASKS, model.config.grounding.prompt_size, device=model.device, dtype=model.dtype
    )
    owner = torch.zeros(MASKS, dtype=torch.long, device=model.device)
    decode_ms = card.milliseconds(lambda: model.grounding.decode(encoded, prompts, owner))
    yield Row(f"mask decoder, {MASKS} masks", 1, decode_ms, floors["mask decoder"])


def prefill_floor(floors: dict[str, float]) -> float:
    """The floor of CLIP, projector and prefill together."""
    return floors["CLIP"] + floors["projector"] + floors["prefill"]


def stage_floors(model: Glamm, machine: Machine, batch: int, tokens: int) -> dict[str, float]:
    """Stage -> its floor in milliseconds for one image."""
    width = model.dtype.itemsize
    work = Workload(1, batch=batch, prompt_tokens=PROMPT, new_tokens=tokens, masks=MASKS)
    stages = estimate(model.config, machine, work, bytes_per_number=width).stages
    return {stage.name: 1000 * stage.seconds for stage in stages}


def gpu_tests() -> str:
    """The last line that pytest prints for the tests marked `gpu`."""
    root = Path(__file__).resolve().parents[1]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "gpu",
        "-p",
        "no:cacheprovider",
        "tests/glamm",
    ]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=300, check=False
    )
    lines = done.stdout.strip().splitlines()
    return lines[-1] if lines else f"pytest ended with {done.returncode}: {done.stderr[-200:]}"


def summary(rows: list[Row], tokens: int) -> dict[str, float]:
    """Figures that follow from the rows: images a second, and the gain over the published way."""
    times = {(row.stage, row.batch): row.measured_ms for row in rows}
    masks = times["SAM encoder", 1] + times[f"mask decoder, {MASKS} masks", 1]
    published = (tokens + 1) * times["published way, 1 token", 1] + masks
    figures = {"published way, s an image": published / 1000}
    for batch in sorted({row.batch for row in rows}):
        own = (
            times["CLIP and prefill", batch] + times[f"decoding of {tokens} tokens", batch] + masks
        )
        figures[f"this package, batch {batch}, s an image"] = own / 1000
        figures[f"published / this package, batch {batch}"] = published / own
    return figures


def options() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", choices=("published", "small"), default="published")
    parser.add_argument("--batches", default="1,8,32")
    parser.add_argument("--tokens", type=int, default=80)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="writes all figures to a file")
    parser.add_argument("--no-tests", action="store_true", help="leaves the gpu tests out")
    return parser.parse_args()


@torch.inference_mode()
def main() -> None:
    """Measures and prints; every line is printed as soon as it is known."""
    arguments = options()
    tests = "not run" if arguments.no_tests else gpu_tests()
    print(f"gpu tests: {tests}", flush=True)
    card = Card(arguments.device, arguments.repeats)
    machine = card.limits()
    print(
        f"{machine.name}: {machine.flops / 1e12:.2f}e12 op/s,"
        f" {machine.bandwidth / 1e9:.0f}e9 byte/s",
        flush=True,
    )
    start = time.perf_counter()
    model = random_model(SMALL if arguments.size == "small" else GlammConfig(), card)
    weights = parameters(model)
    seconds = time.perf_counter() - start
    print(f"{weights / 1e9:.3f}e9 weights in {model.dtype}, made in {seconds:.1f} s")
    print(
        f"\n{'stage':28s}{'batch':>6s}{'ms an image':>13s}{'floor':>10s}{'share':>8s}", flush=True
    )
    rows = []
    batches = [int(batch) for batch in arguments.batches.split(",")]
    for row in measured(model, card, machine, batches, arguments.tokens):
        rows.append(row)
        print(
            f"{row.stage:28s}{row.batch:6d}{row.measured_ms:13.2f}{row.floor_ms:10.2f}{row.share:8.0%}",
            flush=True,
        )
    figures = summary(rows, arguments.tokens)
    print()
    for name, figure in figures.items():
        print(f"{name:44s}{figure:10.3f}")
    if card.peak_memory is not None:
        print(f"{'peak memory, GB':44s}{card.peak_memory / 1e9:10.1f}")
    if arguments.json:
        record: dict[str, Any] = {
            "machine": asdict(machine),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "size": arguments.size,
            "weights": weights,
            "tests": tests,
            "rows": [asdict(row) | {"share": row.share} for row in rows],
            "figures": figures,
            "peak_memory": card.peak_memory,
        }
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
