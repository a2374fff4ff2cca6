"""The doctor starts a worker in another environment, and says what it greets with."""

import platform
import sys

import pytest
from support import workers

from gcg_bench.doctor import Job
from gcg_bench.doctor.inputs import models


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_worker_is_started_and_its_versions_are_named(tmp_path):
    first = next(iter(models(Job(model=workers.command(tmp_path / "good", workers.GOOD, "pass")))))
    assert first.status == "ok"
    assert f"python {platform.python_version()}" in first.detail


def test_a_worker_that_ends_is_missing_and_its_error_is_told():
    first = next(iter(models(Job(model=f"cmd:{sys.executable} nowhere.py"))))
    assert first.status == "missing"
    assert "nowhere.py" in first.detail
    assert "exit code 2" in first.detail
