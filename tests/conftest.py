"""What holds for every test."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis.configuration import set_hypothesis_home_dir
from support.fences import ROOT
from support.live_meteor import LiveMeteor
from support.typed import SIZE, answer, rle, write

from gcg_bench.text import meteor

# what the environment of a terminal, a CI or a user says of output must not reach the tests
for name in (
    *("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"),
    *("PYTHONWARNINGS", "PYTHONIOENCODING", "GCG_BENCH_DATA", "GCG_BENCH_JAVA"),
):
    os.environ.pop(name, None)
os.umask(0o022)
if not os.access(ROOT, os.W_OK):  # a checkout that is only read
    set_hypothesis_home_dir(Path(tempfile.gettempdir()) / f"hypothesis-{os.getpid()}")

# a machine that does something else meanwhile is no failure
settings.register_profile("patient", deadline=None)
# on CI nobody waits, and what fails must be repeatable from its log alone
settings.register_profile("ci", deadline=None, max_examples=300, print_blob=True)
# for mutants: a few examples, the same ones each time; nobody reads the smallest that fails
settings.register_profile(
    "few",
    deadline=None,
    max_examples=25,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("ci" if os.environ.get("CI") else "patient")


def pytest_configure(config: pytest.Config) -> None:
    """One cache folder a session, cold at its start: nothing on the machine can help or harm.

    It is there before a module is imported. Parallel workers inherit it from the process that
    starts them and share it, as parallel commands of a user do: Java starts once for a caption.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    patch = pytest.MonkeyPatch()
    folder = tempfile.TemporaryDirectory(prefix="gcg-bench-tests-")
    patch.setenv("GCG_BENCH_CACHE", folder.name)
    config.add_cleanup(folder.cleanup)
    config.add_cleanup(patch.undo)


LONG = bool(os.environ.get("GCG_BENCH_LONG_TESTS"))
"""Whether the tests marked `long` run too, as in .ci/run."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the tests marked `long` unless they are asked for."""
    if LONG:
        return
    skip = pytest.mark.skip(reason="long: runs with GCG_BENCH_LONG_TESTS=1, as in .ci/run")
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def _live_meteor() -> Iterator[LiveMeteor]:
    program = LiveMeteor()
    yield program
    program.close()


@pytest.fixture(autouse=True, scope="module")
def one_meteor(request: pytest.FixtureRequest, _live_meteor: LiveMeteor) -> Iterator[None]:
    """What this process scores asks one METEOR a session, since a program takes seconds to start.

    A module that is marked `starts_java` has programs of its own, as users have.
    """
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("starts_java") is None:
            patch.setattr(meteor, "_meteor", _live_meteor)
        yield


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Types a command in a folder of its own; gives the exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def typed(*arguments):
        from gcg_bench.cli import main

        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err + out
        return int(left.value.code or 0), out, err

    return typed


@pytest.fixture
def world(tmp_path):
    """Two images in the published layout, and a folder of sound predictions."""
    root, predictions = tmp_path / "data", tmp_path / "predictions"
    root.mkdir()
    predictions.mkdir()
    images = [{"id": f"sa_{k}", "height": SIZE[0], "width": SIZE[1]} for k in (1, 2)]
    captions = [
        {"id": k, "image_id": f"sa_{k}", "caption": "a cat on a mat", "labels": ["a cat"]}
        for k in (1, 2)
    ]
    annotations = [
        {
            "id": k,
            "image_id": f"sa_{k}",
            "category_id": 1,
            "segmentation": rle(0, 0, 4, 4),
            "area": 16,
            "bbox": [0, 0, 4, 4],
            "iscrowd": 0,
        }
        for k in (1, 2)
    ]
    write(root / "val_gcg_coco_caption_gt.json", {"images": images, "annotations": captions})
    write(root / "val_gcg_coco_mask_gt.json", {"images": images, "annotations": annotations})
    for k in (1, 2):
        write(predictions / f"sa_{k}.json", answer())
    return root, predictions
