"""Scores are the same to 1e-12 on every machine, intervals included.

across_machines.json holds the scores of damaged answers to 16 images as one machine computed
them (it says which) from what the file holds and nothing else: vectors of phrases, tokens and
METEOR's counts are computed wherever this test runs. It proves determinism across machines, not
that a score is right: its expected values are our own. What they should be is for the other files
here to say.

The record is of an x86-64. An aarch64, emulated by qemu, repeated the numbers of `official` with
Debian's Python 3.11.2 and the same packages and JDK, but torch 2.10.0, whose matrix products are
OpenBLAS's there. Version 2 of `strict` has not been repeated on an aarch64.
"""

import json

import pytest
from golden import across

RECORD = json.loads(across.FILE.read_text("utf-8"))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    results = across.results_of(RECORD["answers"], tmp_path_factory.mktemp("across"))
    return {result.key: across.numbers(result) for result in results}


@pytest.mark.parametrize("protocol", sorted(RECORD["scores"]))
def test_another_machine_computed_the_same(found, protocol):
    assert found[protocol] == pytest.approx(RECORD["scores"][protocol], rel=0, abs=1e-12)
