"""Memory, disks and devices as the system reports them."""

from pathlib import Path

import pytest
import torch

from gcg_bench import machine
from gcg_bench.errors import BadOption, EnvironmentProblem
from gcg_bench.machine import Memory

MEMINFO = "MemTotal:  8000 kB\nMemFree:  1000 kB\nMemAvailable:  6000 kB\nHugePages_Total:  0\n"


@pytest.fixture
def linux(tmp_path, monkeypatch):
    """The memory files of Linux in a folder that the test can write."""
    (tmp_path / "meminfo").write_text(MEMINFO)
    monkeypatch.setattr(machine, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    return tmp_path


def test_memory_as_linux_tells_it(linux):
    assert machine.host_memory() == Memory(8_192_000, 6_144_000)


def test_memory_that_a_container_may_use(linux):
    (linux / "memory.max").write_text("max\n")
    (linux / "memory.current").write_text("3000000\n")
    assert machine.host_memory() == Memory(8_192_000, 6_144_000)
    (linux / "memory.max").write_text("4000000\n")
    assert machine.host_memory() == Memory(4_000_000, 1_000_000)
    # memory of cached files counts as free
    (linux / "memory.stat").write_text("anon 1\ninactive_file 500000\nactive_file 7\n")
    assert machine.host_memory() == Memory(4_000_000, 1_500_000)
    (linux / "memory.current").write_text("9000000\n")
    assert machine.host_memory() == Memory(4_000_000, 0)


def test_memory_elsewhere(linux, monkeypatch):
    (linux / "meminfo").unlink()
    sizes = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(machine.os, "sysconf", lambda name: sizes[name])
    assert machine.host_memory() == Memory(4_096_000, 4_096_000)

    def none(name):
        raise ValueError(name)

    monkeypatch.setattr(machine.os, "sysconf", none)
    assert machine.host_memory() is None


def test_a_linux_that_tells_less_counts_all_as_free(linux, monkeypatch):
    (linux / "meminfo").write_text("MemTotal:  8000 kB\nMemFree:  1000 kB\n")
    monkeypatch.setattr(machine.os, "sysconf", lambda name: 2000)
    assert machine.host_memory() == Memory(4_000_000, 4_000_000)


def test_memory_of_this_machine_is_told():
    found = machine.memory_of("cpu")
    assert found is not None
    assert 0 < found.free <= found.total
    assert found.total > 10**8


def test_disks_of_folders_that_are_not_there_yet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert machine.free_disk(Path("not/there/yet")) == pytest.approx(
        machine.free_disk(tmp_path), rel=0.2
    )
    assert machine.writable(Path("not/there/yet"))
    monkeypatch.setattr(machine.os, "access", lambda place, mode: place != tmp_path)
    assert not machine.writable(Path("not/there/yet"))


def test_devices():
    assert machine.device_named("cpu") == "cpu"
    auto = machine.device_named("auto")
    assert auto == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(BadOption, match="give auto, cpu"):
        machine.device_named("gpu")
    with pytest.raises(EnvironmentProblem, match="CUDA devices that torch can use"):
        machine.device_named("cuda:99")
