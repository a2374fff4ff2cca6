"""Signatures in tables and side by side: 12 digits, and what two of them differ in."""

import hashlib

import pytest
from rich.console import Console
from support.scored import SMALL_STRICT, result, rows, run_folder

from gcg_bench.cli.score_tables import print_scores
from gcg_bench.errors import BadOption, MissingData
from gcg_bench.reporting.signatures import MEANINGS, explained
from gcg_bench.scoring import signature

ONE = (
    "protocol:strict-2|dataset:shapes|n:40|prompt:f0a6|beams:1|by:gcg-bench-0.1.0|metrics:a+b(x=1)"
)


def differing(a, b):
    """Field -> both values and what they decide, of a single protocol."""
    (pair,) = explained(a, b)
    return {d.field: (d.a, d.b, d.decides) for d in pair.differences}, pair.verdict


def test_the_short_form_is_the_beginning_of_the_sha256():
    # printf protocol:strict-2 | sha256sum
    assert signature.short("protocol:strict-2") == "48afb3eeb61c"
    made = result(SMALL_STRICT, rows([5, 0]))
    assert made.signature_hash == hashlib.sha256(made.signature.encode()).hexdigest()[:12]
    assert made.signature_hash != result(SMALL_STRICT, rows([5, 0]), prompt="x").signature_hash


@pytest.mark.parametrize("signatures", [False, True])
def test_a_table_shows_12_digits_and_the_whole_only_when_asked(capsys, signatures):
    made = result(SMALL_STRICT, rows([5, 0]))
    print_scores(Console(width=140), "title", [made], signatures=signatures)
    out = capsys.readouterr().out
    assert f"│ {made.signature_hash} │" in " ".join(out.split())
    assert (made.signature in out) is signatures


def test_what_decides_the_measurement_forbids_a_comparison():
    other = ONE.replace("n:40", "n:10").replace("beams:1", "beams:4").replace("0.1.0", "0.2.0")
    fields, verdict = differing(ONE, other)
    assert fields == {
        "n": ("40", "10", "measurement"),
        "beams": ("1", "4", "answers"),
        "by": ("gcg-bench-0.1.0", "gcg-bench-0.2.0", "program"),
    }
    assert verdict == "The scores cannot be compared: measured with another n."


def test_answers_made_otherwise_can_be_compared():
    fields, verdict = differing(ONE, ONE.replace("beams:1|", "heat:0.7|"))
    assert fields == {"beams": ("1", "", "answers"), "heat": ("", "0.7", "answers")}
    assert verdict.startswith("The scores can be compared")
    assert verdict.endswith("The answers were made with another beams, heat.")
    assert differing(ONE, ONE) == ({}, "The signatures are equal.")


def test_metrics_are_compared_one_by_one():
    fields, _ = differing(ONE, ONE.replace("a+b(x=1)", "b(x=1+2,y=0)+c"))
    assert fields == {
        "metrics: a": ("present", "", "measurement"),
        "metrics: b": ("x=1", "x=1+2,y=0", "measurement"),
        "metrics: c": ("", "present", "measurement"),
    }


def test_runs_files_and_texts_are_sides(tmp_path):
    a = run_folder(tmp_path / "a", "a", rows([1, 2]), beams=1).folder
    b = run_folder(tmp_path / "b", "b", rows([1, 2, 3]), beams=4).folder
    official, strict = explained(str(a), str(b))
    assert [official.protocol, strict.protocol] == ["official-1", "strict-2"]
    assert {d.field for d in strict.differences} == {"n", "beams"}
    stored = b / "gcg.strict-2" / "scores.json"
    text = result(SMALL_STRICT, rows([1, 2]), beams=1).signature
    (pair,) = explained(str(stored), text)
    assert pair.hashes == strict.hashes[::-1]
    assert [d.field for d in pair.differences] == ["n", "beams"]
    (same,) = explained(str(a), text)
    assert same.differences == ()
    # two single protocols are compared although they differ
    (pair,) = explained(str(a / "gcg.official-1" / "scores.json"), str(stored))
    assert "protocol" in {d.field for d in pair.differences}


def test_every_field_of_a_signature_has_a_meaning():
    assert set(signature.MEASUREMENT) - set(MEANINGS) == {"metrics"}  # one by one
    assert set(signature.MEASURED_TOO) <= set(MEANINGS)


def test_sides_that_are_none_are_refused(tmp_path):
    with pytest.raises(BadOption, match=r"fbe9d7c867de is the hash.*--signature"):
        explained("fbe9d7c867de", ONE)
    with pytest.raises(BadOption, match=r"gone is no run folder, no scores\.json and no signature"):
        explained(ONE, "gone")
    bare = run_folder(tmp_path / "bare", "bare", rows([1]), protocols=[]).folder
    with pytest.raises(MissingData, match="gcg-bench score"):
        explained(str(bare), ONE)
    both = run_folder(tmp_path / "r", "r", rows([1])).folder
    with pytest.raises(BadOption, match="no protocol in common: official, strict on one side"):
        explained(str(both), ONE.replace("strict", "own"))
