"""The only writer of tests/golden/data: packs published goldens into one file a folder.

Run as `python tests/golden/make_golden.py PATH_TO/goldens/official_gcg`. The expected values in
there were printed by the published eval/gcg/evaluate.py (groundingLMM, commit e74865f) with its
format widened to 12 decimals; this script only copies them.
"""

import json
import sys
from pathlib import Path

PACKED = (("quirks_a", "quirks"), ("coco_a", "mismatch"))
HERE = Path(__file__).parent / "data"


def packed(source: Path, world: str, name: str) -> dict[str, object]:
    """One golden folder: both reference files, every prediction file, the expected values."""
    folder = source / world
    return {
        "references": {
            file.name: json.loads(file.read_text()) for file in sorted((folder / "gt").iterdir())
        },
        "predictions": {
            file.name: json.loads(file.read_text())
            for file in sorted((folder / f"pred_{name}").iterdir())
        },
        "expected": json.loads((folder / "expected_official.json").read_text())[name],
    }


if __name__ == "__main__":
    for world, name in PACKED:
        text = json.dumps(packed(Path(sys.argv[1]), world, name), separators=(",", ":"))
        (HERE / f"{world}-{name}.json").write_text(text + "\n")
