"""Annotations that are killed; the long version is a command, see annotate_kills.py."""

import sys

import pytest
from faults.annotate_kills import AnnotateKills

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sessions are read from /proc")


@pytest.fixture(scope="module")
def kills(server, tmp_path_factory):
    return AnnotateKills(server, tmp_path_factory.mktemp("kills"), images=2, seed=1)


def test_an_annotation_that_is_killed_again_and_again_ends_as_if_it_had_not_been(kills):
    kills.at_random(4)
    assert kills.finished == 1
    assert kills.killed + kills.late > 0


def test_a_kill_before_any_act_on_a_file_costs_nothing(kills):
    # a few of them; the long version takes all
    assert kills.points(step=53, first=5) > 30


@pytest.mark.long
@pytest.mark.slow
def test_fifty_kills(server, tmp_path):
    kills = AnnotateKills(server, tmp_path, images=6, seed=0)
    while kills.killed < 50:
        kills.at_random(5)
    assert kills.finished >= 10
