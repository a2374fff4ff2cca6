"""A short run of the fuzzer over every reader, and the proof that it would notice.

The long version is `python tests/fuzz/run.py --inputs 1000000`.
"""

import hashlib
import sys
from random import Random

import pytest
from fuzz.guided import Dictated
from fuzz.registry import PROOFS, TARGETS
from fuzz.run import fuzz, jobs_for, table
from fuzz.worker import made

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are set by Linux's means")

INPUTS = 5_000


def test_every_reader_stands_what_it_is_given():
    shares = {name: target.share for name, target in TARGETS.items()}
    tallies = fuzz(jobs_for(shares, INPUTS), seed=20, told=False)
    assert {name: dict(one.found) for name, one in tallies.items() if one.found} == {}
    assert sum(one.n for one in tallies.values()) == sum(
        stop - start for _, start, stop in jobs_for(shares, INPUTS)
    )
    # inputs that are all refused at the door would prove nothing
    # but for the targets that read what a model wrote, and refuse nothing
    texts = {
        *("models: answers", "models: written boxes"),
        *("grounding: phrases", "grounding: texts of detectors"),
    }
    assert all(one.refused for name, one in tallies.items() if name not in texts)
    assert sum(one.accepted for one in tallies.values()) > INPUTS / 10


def test_an_input_follows_from_its_name_seed_and_index():
    for name in TARGETS:
        assert made(name, 3, 5) == made(name, 3, 5)


def test_dictated_choices_are_those_of_the_bytes_and_then_chance():
    told = Dictated(bytes([3, 255, 1, 128, 0, 64]))
    assert told.getrandbits(8) == 3
    assert told.getrandbits(3) == 7
    assert told.choice("abcd") == "b"
    assert told.random() == 128 / 65536
    assert told.getrandbits(16) == Random(told_seed(bytes([3, 255, 1, 128, 0, 64]))).getrandbits(16)
    assert len({Dictated(bytes([n])).random() for n in range(50)}) == 50


def told_seed(data):
    return hashlib.sha256(data).digest()


def test_the_fuzzer_notices_what_no_reader_may_do():
    jobs = [(name, 0, 1 if name == "nothing: stuck" else 2) for name in PROOFS]
    jobs[0] = ("nothing: sound", 0, 50)
    tallies = fuzz(jobs, patience=0.5, grace=0.5, told=False)
    found = {name.removeprefix("nothing: "): one for name, one in tallies.items()}
    kinds = {name: [kind for kind, _ in one.found] for name, one in found.items()}
    assert kinds == {
        "sound": [],
        "stranger": ["KeyError"],
        "wordy": ["AssertionError"],
        "endless": ["HangError"],
        "stuck": ["killed by SIGKILL"],
        "greedy": ["MemoryError"],
        "dead": ["killed by SIGSEGV"],
    }
    sound = found["sound"]
    assert sound.accepted + sound.refused == sound.n == 50
    assert sound.accepted
    assert sound.refused
    # after a death the rest goes on in another process
    assert sum(found["dead"].found.values()) == found["dead"].n == 2
    assert "nothing: sound" in table(tallies)
