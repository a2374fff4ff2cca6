"""A short version of the kills of workers; the long version is a command, see worker_kills.py."""

import sys

import pytest
from faults.worker_kills import WorkerKills

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are read from /proc")


def test_killed_workers_and_commands_end_as_if_nothing_had_been(tmp_path):
    kills = WorkerKills(tmp_path, images=12, seed=3)
    for number in range(2):
        kills.round(number, 2)
    assert sum(kills.counts.values()) > 0
