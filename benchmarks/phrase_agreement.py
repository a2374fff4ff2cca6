"""Time of phrase agreement for a split as large as GranD-f's, as a ratio to encoding its phrases.

Makes 2,500 images with 6 reference phrases and 6 predicted phrases each, about 8,000 distinct ones,
and computes the tables of noun, attribute and phrase agreement in a fresh process: first with an
empty cache, reading WordNet included, then with the tables in the cache. Users who compare phrases
by vectors run the encoder `minilm` on them; the ratio is to that, which is measured on 500 of the
phrases and scaled.

    python benchmarks/phrase_agreement.py          2,500 images
    python benchmarks/phrase_agreement.py 500
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

NOUNS = (
    "man woman child dog cat horse bicycle car bus truck train boat tree flower bench table chair",
    "lamp building house bridge road river mountain sky cloud field fence wall window door sign",
    "clock umbrella bag hat shirt jacket shoe bottle cup plate bowl cake pizza apple phone couch",
    "surfer skier player sparrow seagull laptop keyboard suitcase hydrant sandwich guitar pillow",
)
LOOKS = [
    "red",
    "blue",
    "green",
    "small",
    "large",
    "old",
    "wooden",
    "striped",
    "white",
    "tall",
    "young",
    "parked",
    "metal",
]
ENDS = ("", "", "", " in a red shirt", " on the left", " with long hair", " near the water")
ENCODED = 500


def phrases(rng: np.random.Generator, count: int) -> list[str]:
    """Noun phrases."""
    nouns = [noun for line in NOUNS for noun in line.split()]
    looks = [*LOOKS, *(f"{a} {b}" for a in LOOKS for b in LOOKS if a != b), ""]
    parts = [rng.choice(np.array(p, dtype=object), count) for p in (looks, nouns, ENDS)]
    return [" ".join(f"a {a} {b}{c}".split()) for a, b, c in zip(*parts, strict=True)]


def split(images: int) -> list[tuple[list[str], list[str]]]:
    """Reference phrases and predicted phrases of each image; a predicted one is often right."""
    rng = np.random.default_rng(0)
    pool = phrases(rng, 4 * images)
    chosen = rng.integers(0, len(pool), (2, images, 6))
    chosen[1] = np.where(rng.random((images, 6)) < 0.5, chosen[0], chosen[1])
    return [
        ([pool[k] for k in chosen[0, i]], [pool[k] for k in chosen[1, i]]) for i in range(images)
    ]


def measured(images: int) -> dict[str, float]:
    """Seconds of this process."""
    world = split(images)
    start = time.perf_counter()
    from gcg_bench.text.agreement import agreement_tables

    agreement_tables(world)
    seconds = time.perf_counter() - start
    distinct = {phrase for image in world for side in image for phrase in side}
    assert "torch" not in sys.modules
    return {"seconds": seconds, "distinct": len(distinct)}


def encoding(images: int) -> float:
    """Seconds for the encoder on the distinct phrases of the split, loading it included."""
    distinct = sorted({phrase for image in split(images) for side in image for phrase in side})
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GCG_BENCH_CACHE"] = folder
        from gcg_bench.text.encoders import load_encoder

        encoder = load_encoder("minilm")
        start = time.perf_counter()
        encoder.vectors(distinct[:1])
        loading = time.perf_counter() - start
        few = distinct[1 : ENCODED + 1]
        start = time.perf_counter()
        encoder.vectors(few)
        return loading + (time.perf_counter() - start) / len(few) * len(distinct)


def main(images: int = 2500) -> None:
    """Prints the seconds, and the ratio."""
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(4):
            done = subprocess.run(
                [sys.executable, __file__, str(images), "--inside"],
                env={**os.environ, "GCG_BENCH_CACHE": folder},
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            runs.append(json.loads(done.stdout))
    cold, warm = runs[0]["seconds"], min(run["seconds"] for run in runs[1:])
    encoded = encoding(images)
    print(f"{images} images, {runs[0]['distinct']:.0f} distinct phrases")
    print(f"phrase agreement: {cold:.2f} s cold, {warm:.2f} s warm (best of 3 processes)")
    print(f"encoder minilm:   {encoded:.2f} s cold; ratio {encoded / cold:.0f}")


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 2500
    if "--inside" in sys.argv:
        print(json.dumps(measured(size)))
    else:
        main(size)
