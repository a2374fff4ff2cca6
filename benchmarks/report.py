"""Time and size of the report of a split as large as GranD-f's, with image files on disk.

Creates the data set of benchmarks/score.py (images of 1440 x 1920, 2.8 reference masks and 3.2
predicted masks for each image) with JPEG files, scores it, writes the report in a separate process,
and prints wall and processor seconds, size and peak memory. If Chromium and its driver are
installed, the page is opened as well, and the time until its first image is drawn is measured.

There are 40 different images, coarse shapes with the grain of a photograph, about 0.6 MB each. Hard
links give them as many names as there are images, so the disk reads come from a warm cache.

    python benchmarks/report.py                      2,500 images
    python benchmarks/report.py 500 2500
    python benchmarks/report.py 2500 --keep FOLDER   created there once, and used again
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image
from score import HEIGHT, WIDTH, make

PICTURES = 40
OPENINGS = 5
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage")
DRAWN = """
const canvas = document.querySelectorAll('.stage canvas')[1];
if (!canvas || !canvas.width) return false;
const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
return new Set(data.filter((_, k) => k % 4 === 0)).size > 8;
"""


def photograph(rng: np.random.Generator) -> Image.Image:
    """Coarse shapes and fine grain, whose JPEG is about as large as that of a photograph."""
    coarse = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    grain = rng.normal(0, 9, (HEIGHT // 2, WIDTH // 2, 1)).repeat(2, axis=0).repeat(2, axis=1)
    return Image.fromarray(np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8))


def make_pictures(folder: Path, images: int) -> float:
    """Writes the files of all images; returns their mean size in MB."""
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True)
    for k in range(min(PICTURES, images)):
        photograph(rng).save(folder / f"sa_{k:07}.jpg", quality=88)
    for k in range(PICTURES, images):
        os.link(folder / f"sa_{k % PICTURES:07}.jpg", folder / f"sa_{k:07}.jpg")
    sizes = [file.stat().st_size for file in folder.iterdir()]
    return sum(sizes) / len(sizes) / 1e6


def gcg_bench(*arguments: object) -> tuple[float, float, float]:
    """Runs the command line; returns wall seconds, processor seconds and peak memory in MiB."""
    program = "from gcg_bench.cli import main; main()"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(command)} ended with {child.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def prepare(folder: Path, images: int) -> Path:
    """The data set, its images and a scored run; existing files are kept."""
    run = folder / "run"
    if not (run / "gcg.strict-2" / "scores.json").is_file():
        make(folder, images, few=False)
        size = make_pictures(folder / "GranDf_HA_images" / "val_test", images)
        print(f"pictures: {HEIGHT} x {WIDTH}, {size:.2f} MB on average")
        data_options = ("--dataset", "grandf", "--split", "val", "--data-root", folder)
        model = f"predictions:{folder / 'predictions'}"
        gcg_bench("predict", "--model", model, *data_options, "--out", run, "--quiet")
        gcg_bench("score", run, "--data-root", folder, "--encoder", "minilm", "--quiet")
    return run


def openings(page: Path) -> list[float]:
    """Seconds until the page's first image is drawn, for each opening; empty without a browser."""
    browser, control = shutil.which("chromium"), shutil.which("chromedriver")
    with contextlib.suppress(ImportError):
        from selenium import webdriver

        if browser and control:
            options = webdriver.ChromeOptions()
            options.binary_location = browser
            for flag in FLAGS:
                options.add_argument(flag)
            service = webdriver.ChromeService(control)
            with webdriver.Chrome(options=options, service=service) as driver:
                return [opening(driver, page) for _ in range(OPENINGS)]
    return []


def opening(driver: Any, page: Path) -> float:
    """Seconds from the request for the page until its first image is drawn."""
    driver.get("about:blank")
    start = time.perf_counter()
    driver.get(page.as_uri())
    while not driver.execute_script(DRAWN):
        time.sleep(0.01)
    return time.perf_counter() - start


def measure(folder: Path, images: int) -> None:
    """Writes and opens the report of a number of images, and prints the measurements."""
    run = prepare(folder, images)
    page = folder / "report.html"
    wall, processor, peak = gcg_bench("report", run, "--data-root", folder, "-o", page, "--quiet")
    print(
        f"{images} images: written in {wall:.1f} s wall, {processor:.1f} s of processor,"
        f" {page.stat().st_size / 1e6:.1f} MB, peak {peak:.0f} MiB, {os.cpu_count()} cores"
    )
    if times := openings(page):
        listed = ", ".join(f"{seconds:.2f}" for seconds in times)
        print(f"{'':>8}opened in {median(times):.2f} s ({listed})")
    else:
        print(f"{'':>8}not opened: no Chromium with chromedriver and selenium")


def main() -> None:
    """Measures each requested number of images."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("images", type=int, nargs="*", default=[2500])
    parser.add_argument("--keep", type=Path, default=None)
    arguments = parser.parse_args()
    for images in arguments.images:
        with tempfile.TemporaryDirectory() as temporary:
            measure((arguments.keep or Path(temporary)) / str(images), images)


if __name__ == "__main__":
    main()
