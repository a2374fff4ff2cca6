"""Draws the pictures of the manual again: docs/report.png, docs/compare.png, docs/paper-table.png.

    python tools/draw_docs.py [--keep FOLDER]

It needs Chromium, pdflatex and pdftoppm, and no network. The runs are made in a temporary folder,
or in the folder of `--keep`, where a second call finds them. The report is that of the quick start.
The table has four runs of 40 images.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SPLIT = ("--dataset", "shapes", "--split", "val")
TINY, COLOURS = "runs/glamm-tiny-shapes-val", "runs/colours"
# run -> the options of evaluate; the first one is the quick start
RUNS = {
    TINY: ("--model", "glamm-tiny", *SPLIT, "--encoder", "minilm"),
    COLOURS: ("--model", "./colour_model.py", *SPLIT, "--encoder", "minilm", "--name", "Colours"),
}
FOUR = {
    "table/tiny": ("--model", "glamm-tiny"),
    "table/short": (
        "--model", "glamm-tiny", "--max-new-tokens", "20", "--name", "glamm-tiny, 20 tokens",
    ),
    "table/colours": ("--model", "./colour_model.py", "--name", "Colours"),
    "table/whole": ("--model", "whole-image"),
}  # fmt: skip
PAPER = """\\documentclass{article}
\\usepackage{booktabs,graphicx}
\\pagestyle{empty}
\\begin{document}
\\input{table.tex}
\\end{document}
"""


def main() -> None:
    """Makes the runs and draws the three pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keep", type=Path, help="make the runs in this folder and keep them")
    given = parser.parse_args()
    missing = [name for name in ("chromium", "pdflatex", "pdftoppm") if not shutil.which(name)]
    if missing:
        parser.error(f"not on this machine: {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        draw(folder)


def draw(folder: Path) -> None:
    """Makes the runs in a folder and writes the pictures into docs/."""
    shutil.copy2(ROOT / "examples/colour_model.py", folder)
    for out, options in RUNS.items():
        bench(folder, "evaluate", *options, "--out", out)
    for out, options in FOUR.items():
        limited = (*options, *SPLIT, "--limit", "40", "--protocol", "strict", "--no-report")
        bench(folder, "evaluate", *limited, "--out", out)
    screenshot(folder / TINY / "report.html", DOCS / "report.png", 1040)
    bench(folder, "compare", COLOURS, TINY, "-o", "compare.html", "--force")
    screenshot(folder / "compare.html", DOCS / "compare.png", 1400)
    paper_table(folder)


def bench(folder: Path, *arguments: str) -> None:
    """Runs gcg-bench; it must end with exit code 0."""
    program = "from gcg_bench.cli import main; main()"
    print("gcg-bench", *arguments, flush=True)
    subprocess.run(
        [sys.executable, "-c", program, *arguments, "--quiet"],
        cwd=folder, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def screenshot(page: Path, picture: Path, height: int) -> None:
    """A picture of the top of a page, 1280 pixels wide, in light colours."""
    flags = ("--headless", "--no-sandbox", "--hide-scrollbars", "--force-device-scale-factor=1")
    size = (f"--window-size=1280,{height}", "--virtual-time-budget=4000")
    command = ["chromium", *flags, *size, f"--screenshot={picture}", page.resolve().as_uri()]
    subprocess.run(command, check=True, capture_output=True)
    Image.open(picture).convert("RGB").quantize(256).save(picture, optimize=True)


def paper_table(folder: Path) -> None:
    """The table of four runs, set by LaTeX and cut out of its page."""
    scores = ("--scores", "METEOR,AP50,mIoU,Recall,F1,gPQ")
    bench(folder, "leaderboard", *FOUR, "-o", "table.tex", *scores, "--force")
    (folder / "paper.tex").write_text(PAPER, encoding="utf-8")
    for command in (
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        ["pdftoppm", "-r", "140", "-png", "-singlefile", "paper.pdf", "paper"],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    page = Image.open(folder / "paper.png").convert("L")
    left, top, right, bottom = ImageChops.invert(page).getbbox() or (0, 0, *page.size)
    cut = page.crop((left - 16, top - 16, right + 16, bottom + 16))
    cut.quantize(16).save(DOCS / "paper-table.png", optimize=True)


if __name__ == "__main__":
    main()
