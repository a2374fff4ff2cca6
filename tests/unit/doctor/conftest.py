"""The machine of the doctor's tests: a small glamm-tiny, empty folders, GPUs that are not there."""

import pytest
import torch
from support import small_glamm

from gcg_bench.adapters import glamm_tiny
from gcg_bench.cli import main
from gcg_bench.glamm import speed
from gcg_bench.glamm.estimate import H100


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return small_glamm.write(tmp_path_factory.mktemp("weights") / "small")


@pytest.fixture(autouse=True)
def world(tmp_path, tmp_path_factory, monkeypatch, weights):
    """A machine with the installed packages and a small glamm-tiny, and with empty folders."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("GCG_BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("GCG_BENCH_JAVA", raising=False)
    monkeypatch.setattr(glamm_tiny, "FOLDER", weights)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small_gpu(monkeypatch):
    """A GPU of 16 GB with 3 GB free."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Small Card")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3 * 10**9, 16 * 10**9))


@pytest.fixture
def h100(monkeypatch):
    """Makes this machine an H100 that does not measure itself."""
    monkeypatch.setattr(speed, "measure_machine", lambda device, dtype: H100)


@pytest.fixture
def run(capsys):
    def typed(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["doctor", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return typed
