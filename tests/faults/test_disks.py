"""Full, read-only or missing disks: one message, nothing is lost, and the run can be resumed."""

import os
import shutil
import subprocess
import sys
import time

import pytest
from faults import model as models
from faults.kills import Kills

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sessions are read from /proc")


@pytest.fixture(scope="module")
def kills(server, tmp_path_factory):
    """A reference run, and commands for other runs in the same folder."""
    return Kills(server, tmp_path_factory.mktemp("disks"), images=4, seed=0)


@pytest.fixture
def mounted(tmp_path):
    """Mounts a small disk on a folder, and remounts it."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*options):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("only root may mount a disk, and not everywhere")
        return folder

    yield mount
    while subprocess.run(["umount", folder], capture_output=True, check=False).returncode == 0:
        pass


def refused(done, *words):
    """One message and exit code 2; never a traceback."""
    assert done["code"] == 2, done
    assert "Traceback" not in done["err"]
    assert done["err"].count("gcg-bench: ") == 1
    for word in words:
        assert word in done["err"]


@pytest.mark.parametrize("kilobytes", [0, 4, 8, 12, 20, 32, 48, 64, 100])
def test_a_full_disk_loses_nothing(kills, mounted, kilobytes):
    disk = mounted("-o", "size=1m")
    ballast = disk / "ballast"
    free = os.statvfs(disk)
    ballast.write_bytes(b"x" * (free.f_bavail * free.f_frsize - 1024 * kilobytes))
    done = kills.run(disk, "evaluate")
    refused(done, "No space left on device")
    kills.reference.check(disk / "run")
    ballast.unlink()
    kills.finish(disk, ["evaluate"])


@pytest.mark.parametrize("size", [600, 1500, 5000, 14_000, 100_000])
def test_a_file_that_may_not_grow_loses_nothing(kills, size):
    place = kills.fresh("limited")
    refused(kills.run(place, "evaluate", file_size=size), "File too large")
    kills.reference.check(place / "run")
    kills.finish(place, ["evaluate"])


def test_a_cache_on_a_full_disk_is_named_and_work_goes_on(kills, mounted):
    disk = mounted("-o", "size=16k")
    place = kills.fresh("cacheless")
    environment = {"GCG_BENCH_CACHE": str(disk)}
    done = kills.run(place, "evaluate", environment=environment)
    assert done["code"] == 0, done
    said = done["out"] + done["err"]
    assert "Traceback" not in said
    assert "GCG_BENCH_CACHE" in said
    kills.finish(place, ["evaluate"])


def test_a_read_only_run_is_refused_and_unharmed(kills, mounted):
    disk = mounted("-o", "size=4m")
    assert kills.run(disk, "predict")["code"] == 0
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    before = sorted((file, file.stat().st_mtime_ns) for file in disk.rglob("*"))
    for command in ("predict", "evaluate", "score"):
        refused(kills.run(disk, command), "cannot be written", "Read-only file system")
    assert sorted((file, file.stat().st_mtime_ns) for file in disk.rglob("*")) == before
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert kills.run(disk, "score")["code"] == 0
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    refused(kills.run(disk, "report"), "Read-only file system")
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    kills.finish(disk, ["report"])


@pytest.mark.parametrize("emptied", [False, True])
def test_a_data_root_that_vanishes_stops_the_run_and_fails_no_image(server, tmp_path, emptied):
    export = ["data", "export", "shapes", "copy", "--split", "val", "--limit", 4]
    export += ["--format", "gcg_coco", "--embed-images"]
    assert server.run(*export, folder=tmp_path)["code"] == 0
    card = tmp_path / "copy"
    images = next(file.parent for file in card.rglob("shapes_val_*"))
    typed = ["predict", "--model", models.__file__, "--dataset", card, "--split", "val"]
    environment = {"FAULTS_GONE": str(images), "FAULTS_AT": "2"}
    done = server.run(*typed, "--out", "run", "--quiet", folder=tmp_path, environment=environment)
    refused(
        done, str(images.relative_to(tmp_path)), "where the images were", "run the same command"
    )
    file = tmp_path / "run" / "predictions.jsonl"
    assert file.read_text().count("\n") == 2
    if emptied:  # like a mount point without its disk
        images.mkdir()
        environment["FAULTS_GONE"] = str(tmp_path / "none")
        more = {"folder": tmp_path, "environment": environment}
        refused(server.run(*typed, "--out", "run", "--quiet", **more), "is empty")
        images.rmdir()
    shutil.move(f"{images}.away", images)
    environment = {"FAULTS_GONE": str(tmp_path / "none")}
    done = server.run(*typed, "--out", "run", "--quiet", folder=tmp_path, environment=environment)
    assert (done["code"], done["err"]) == (0, "")
    assert file.read_text().count("\n") == 4
    assert '"error"' not in file.read_text()


def test_one_image_that_is_missing_costs_its_answer(server, tmp_path):
    export = ["data", "export", "shapes", "copy", "--split", "val", "--limit", 3]
    export += ["--format", "gcg_coco", "--embed-images"]
    assert server.run(*export, folder=tmp_path)["code"] == 0
    sorted((tmp_path / "copy").rglob("shapes_val_*"))[1].unlink()
    typed = ["predict", "--model", models.__file__, "--dataset", tmp_path / "copy"]
    environment = {"FAULTS_GONE": str(tmp_path / "none")}
    done = server.run(
        *typed, "--split", "val", "--out", "run", folder=tmp_path, environment=environment
    )
    assert done["code"] == 1
    assert (tmp_path / "run" / "predictions.jsonl").read_text().count("no such image") == 1


def test_a_second_process_on_a_run_is_refused_while_it_predicts_and_scores(kills):
    place = kills.fresh("twice")
    typed = [str(part) for part in kills.typed(place, "predict")]
    environment = {**os.environ, "FAULTS_SLEEP": "60"}
    code = "import sys\nfrom gcg_bench.cli import main\nmain(sys.argv[1:])"
    with subprocess.Popen([sys.executable, "-c", code, *typed], env=environment) as first:
        try:
            lock = place / "run" / ".lock"
            while not (lock.exists() and lock.read_text()):
                assert first.poll() is None
                time.sleep(0.01)
            named = f"in use by process {first.pid} on {os.uname().nodename}"
            for command in ("predict", "evaluate", "score"):
                refused(kills.run(place, command), named)
        finally:
            first.kill()
    kills.finish(place, ["evaluate"])
