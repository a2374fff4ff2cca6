"""Compares the speed of the published generation with that of this package, on the golden model.

    python benchmarks/glamm.py [--shared ../shared/glamm] [--threads 2] [--tokens 64] [--cpu-time]

On a shared machine, `--threads 1 --cpu-time` counts processor seconds instead.

(a) As published: CLIP, projector and the whole sequence again for every new token, no cache; then
    SAM and the masks. One image at a time.
(b) This package, one image at a time: one encoding, keys and values kept.
(c) This package, eight images in a batch.

All three run the same modules with the same attention kernel on the same prompts, so the ratios
depend on the algorithm alone. Before the timing, the benchmark checks that all three generate the
same tokens. The end token is ignored, so that all answers have the same length.

The lower bound on one H100 (bf16, 989e12 op/s dense, 3.35e12 byte/s), computed by `glamm.estimate`
for an image of one megapixel, a prompt of 90 tokens, and an answer of 80 tokens with 4 masks.
Operations and bytes are per image; the images of a batch, here 8, share the bytes of weights:

    stage             operations      bytes      floor
    CLIP              0.38e12         0.08e9     0.39 ms   577 rows, 24 layers of width 1024
    projector         0.02e12         0.01e9     0.02 ms   576 rows
    prefill           8.73e12         1.68e9     8.83 ms   665 rows through 6.7e9 weights
    decoding          1.09e12       164e9       49.1 ms    80 steps, each reads 13.5e9 / 8 of
                                                           weights and 0.37e9 of cache
    SAM encoder       5.95e12         1.27e9     6.01 ms   4,096 cells, 32 layers of width 1280
    mask decoder      0.01e12         0.01e9     0.01 ms   4 masks
    full-size masks   -               0.07e9     0.02 ms
    sum              16.2e12        167e9       64.3 ms

So 2,500 images take at least 161 s in batches of 8 (865 s one at a time, 111 s in batches of 16).
Decoding is limited by memory bandwidth, all other stages by arithmetic. Memory: 16.0e9 bytes of
weights, 0.39e9 of cache for each image, 1.07e9 for SAM's global attention table. As published,
every new token costs CLIP and the prefill again, 80 x 9.2 ms: at least 742 ms for each image, or 31
minutes.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gcg_bench.glamm.convert import load
from gcg_bench.glamm.generation import GeneratedAnswer, GeneratedText, generate_masks, generate_text
from gcg_bench.glamm.modeling import Glamm
from gcg_bench.glamm.processing import Prepared, Processor
from gcg_bench.glamm.prompts import CAPTION_WITH_MASKS
from gcg_bench.glamm.tokens import Tokenizer

NEVER = -1


@torch.inference_mode()
def generate_as_published(model: Glamm, seg: int, prompt: Prepared, tokens: int) -> GeneratedText:
    """The published loop: the whole computation again for every token."""
    ids = torch.tensor([prompt.ids])
    for _ in range(tokens):
        features = model.encode_images(prompt.image.pixels[None])
        states = model.language_model.model(
            inputs_embeds=model.embed(ids, features), use_cache=False
        ).last_hidden_state
        token = model.language_model.lm_head(states[:, -1]).argmax(-1)
        ids = torch.cat([ids, token[:, None]], 1)
    # Index i of the ids is predicted by row i + 574; the last token's own row is not computed.
    positions = (ids[0] == seg).nonzero()[:, 0] + model.config.vision.tokens - 2
    reply = ids[0, len(prompt.ids) :].tolist()
    return GeneratedText(tuple(reply), (1.0,) * tokens, states[0, positions])


Clock = Callable[[], float]


def seconds(action: Callable[[], object], repeats: int, clock: Clock) -> float:
    """The time of the fastest of several runs."""
    best = float("inf")
    for _ in range(repeats):
        start = clock()
        action()
        best = min(best, clock() - start)
    return best


def prompts(processor: Processor, folder: Path, count: int) -> list[Prepared]:
    """The evaluation prompt for `count` images; no two prompts share an image object."""
    files = sorted((folder / "inputs").glob("*.png"))
    pixels = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    return [
        processor.prepare(processor.image(pixels[k % len(pixels)]), CAPTION_WITH_MASKS)
        for k in range(count)
    ]


def options() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = Path(__file__).resolve().parents[2] / "shared" / "glamm"
    parser.add_argument("--shared", type=Path, default=shared)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cpu-time", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Times the three ways and prints a table."""
    arguments = options()
    torch.set_num_threads(arguments.threads)
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    folder = arguments.shared / "tiny_checkpoint" / "glamm"
    model, tokenizer = load(folder), Tokenizer.load(folder)
    tokenizer.eos = NEVER
    batch = prompts(Processor(model.config, tokenizer), arguments.shared, 8)
    single = batch[:1]

    def this_package(part: list[Prepared]) -> list[GeneratedText]:
        return generate_text(model, tokenizer, part, max_new_tokens=arguments.tokens)

    def published() -> GeneratedText:
        return generate_as_published(model, tokenizer.seg, single[0], arguments.tokens)

    def timed(
        action: Callable[[], object], images: int = 1, repeats: int = arguments.repeats
    ) -> float:
        return seconds(action, repeats, clock) / images

    single_texts, batch_texts, loop = this_package(single), this_package(batch), published()
    assert single_texts[0].ids == batch_texts[0].ids == loop.ids, (
        "the three ways generate different tokens"
    )
    torch.testing.assert_close(single_texts[0].states, loop.states, atol=1e-4, rtol=0)
    masks: list[GeneratedAnswer] = generate_masks(model, single, single_texts)
    encoder_time = timed(lambda: model.grounding.encode(single[0].image.grounding_pixels[None]))
    single_masks = timed(lambda: generate_masks(model, single, single_texts))
    table = {
        "a  published loop, 1 image": (timed(published, repeats=1), single_masks),
        "b  this package, batch 1": (timed(lambda: this_package(single)), single_masks),
        "c  this package, batch 8": (
            timed(lambda: this_package(batch), 8),
            timed(lambda: generate_masks(model, batch, batch_texts), 8),
        ),
    }
    kind = "processor seconds" if arguments.cpu_time else "seconds"
    print(
        f"{arguments.tokens} new tokens, {len(masks[0].masks)} masks,"
        f" {arguments.threads} threads, fp32"
    )
    print(f"{kind + ' per image':28s}{'generation':>12s}{'masks':>9s}{'total':>9s}{'SAM':>7s}")
    for name, (text_time, mask_time) in table.items():
        total = text_time + mask_time
        print(f"{name:28s}{text_time:12.3f}{mask_time:9.3f}{total:9.3f}{encoder_time / total:7.0%}")
    a, b, c = table.values()
    for name, figure in (("generation", lambda row: row[0]), ("whole image", sum)):
        print(
            f"{name}: b is {figure(a) / figure(b):.1f} times as fast as a,"
            f" c {figure(b) / figure(c):.1f} times as fast as b"
        )


if __name__ == "__main__":
    main()
