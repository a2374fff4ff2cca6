"""A short version of the kill tests; the long version is a command, see kills.py."""

import sys

import pytest
from faults.kills import Kills

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sessions are read from /proc")


@pytest.fixture(scope="module")
def kills(server, tmp_path_factory):
    return Kills(server, tmp_path_factory.mktemp("kills"), images=4, seed=1)


def test_a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been(kills):
    kills.evaluate(5)
    kills.commands(1)
    assert kills.finished == 2
    assert kills.by_phase.total() > 0


def test_a_kill_before_any_act_on_a_file_costs_nothing(kills):
    # a seventh of them, another seventh in each place; the long version takes all
    last = kills.points("evaluate", step=11, first=3)
    assert last > 30


def test_java_dies_with_the_process_that_started_it(kills):
    kills.evaluate(1, cold=True)  # raises when a process or an incomplete file is left
