"""Scores, rows, predictions, references and settings of a run: what does not fit is refused."""

import json
import shutil
from dataclasses import replace

import pytest
from support.scored import SMALL_STRICT, result, rows, run_folder

from gcg_bench.analysis.run_comparison import compare
from gcg_bench.errors import BadData, RunConflict
from gcg_bench.files.digests import file_sha256
from gcg_bench.pipeline.score import refuse_other_references
from gcg_bench.reporting.leaderboard import Board
from gcg_bench.runs import Run
from gcg_bench.runs.accepting import accept_edits
from gcg_bench.runs.seals import accept_changed_lines, refuse_changed_lines, sealed
from gcg_bench.scoring.storage import load_result
from gcg_bench.types import Grounding, Prediction

FOLDER = SMALL_STRICT.folder


@pytest.fixture
def run(tmp_path):
    return run_folder(tmp_path / "run", "mine", rows([2, 4, 1] * 4), protocols=[SMALL_STRICT])


@pytest.fixture
def other(tmp_path):
    return run_folder(tmp_path / "other", "other", rows([5, 4, 3] * 4), protocols=[SMALL_STRICT])


def edited(run, change):
    file = run.folder / FOLDER / "scores.json"
    content = json.loads(file.read_text("utf-8"))
    change(content)
    file.write_text(json.dumps(content), "utf-8")


def set_again(run, **settings):
    """Changes run.json as somebody who writes the checksums anew."""
    file = run.folder / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **settings}), "utf-8")
    accept_edits(run.folder)


def rows_of(run):
    return run.folder / FOLDER / "rows.parquet"


def cut(run):
    import pyarrow.parquet as pq

    pq.write_table(pq.read_table(rows_of(run)).slice(0, 6), rows_of(run))


def cut_and_signed(run, other):
    """Rows cut to half, with their digest in the scores."""
    cut(run)
    digest = file_sha256(rows_of(run))
    edited(run, lambda scores: scores["sha256"].update(rows=digest))


def rows_and_digest_of_the_other(run, other):
    shutil.copy(rows_of(other), rows_of(run))
    digest = file_sha256(rows_of(run))
    edited(run, lambda scores: scores["sha256"].update(rows=digest))


CONTRADICTIONS = {
    "a score": (
        lambda run, _: edited(run, lambda s: s["scores"]["F1"].update(value=0.999)), "scores.F1"),
    "a score that is none": (
        lambda run, _: edited(run, lambda s: s["scores"]["F1"].update(value=None)), "scores.F1"),
    "an interval": (
        lambda run, _: edited(run, lambda s: s["scores"]["F1"].update(low=0.99)), "content"),
    "the draws": (
        lambda run, _: edited(run, lambda s: s["resampling"].update(draws=1000)), "content"),
    "the failures": (lambda run, _: edited(run, lambda s: s.update(failed=3)), "content"),
    "the gate": (lambda run, _: edited(run, lambda s: s.update(false_accept=0.0)), "content"),
    "a note": (lambda run, _: edited(run, lambda s: s.update(notes=["best"])), "content"),
    "no digest of the content": (lambda run, _: edited(run, lambda s: s.pop("content")), "content"),
    "the number of images": (lambda run, _: edited(run, lambda s: s.update(n=6)), "signature"),
    "other rows": (lambda run, other: shutil.copy(rows_of(other), rows_of(run)), "sha256.rows"),
    "other rows and their digest": (rows_and_digest_of_the_other, "scores."),
    "rows cut to half": (lambda run, _: cut(run), "sha256.rows"),
    "rows cut to half and their digest": (cut_and_signed, "n: "),
    "other predictions": (
        lambda run, other: shutil.copy(
            other.folder / "predictions.jsonl", run.folder / "predictions.jsonl"),
        "sha256.predictions"),
    "no predictions": (
        lambda run, _: (run.folder / "predictions.jsonl").unlink(), "sha256.predictions"),
    "another split in run.json": (lambda run, _: set_again(run, split="test"), "split"),
    "another number of queries in run.json": (lambda run, _: set_again(run, n=13), "n: is 12"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_what_contradicts_is_refused_by_everybody_with_the_remedy(run, other, name):
    spoil, words = CONTRADICTIONS[name]
    Board.of_runs([run.folder])
    spoil(run, other)
    readers = [
        lambda: load_result(Run.open(run.folder), FOLDER),
        lambda: Board.of_runs([run.folder]),
        lambda: compare(Run.open(run.folder), other, draws=5),
        lambda: compare(other, Run.open(run.folder), draws=5),
    ]
    for read in readers:
        with pytest.raises(BadData) as raised:
            read()
        message = str(raised.value)
        assert words in message
        assert FOLDER in message  # the run and the protocol
        assert f"gcg-bench score {run.folder}" in message


def test_answers_are_those_of_run_json(tmp_path):
    settings = {"prompt": "", "decoding": {"beams": 1}}
    made = run_folder(
        tmp_path / "r", "r", rows([1, 2]), protocols=[SMALL_STRICT], settings=settings, beams=1
    )
    assert load_result(made, FOLDER).answered == {"prompt": "none", "beams": "1"}
    set_again(made, decoding={"beams": 4})
    with pytest.raises(BadData, match=r"answered\.beams: is '1', and run\.json gives '4'"):
        load_result(Run.open(tmp_path / "r"), FOLDER)


def test_other_references_are_refused(run):
    from gcg_bench.data import load_dataset

    data = load_dataset("shapes", "val", limit=1)
    stored = result(SMALL_STRICT, rows([1]))
    refuse_other_references(stored, data, run.folder)  # never stored, so it names none
    stored = replace(stored, digests=replace(stored.digests, references="0" * 64))
    with pytest.raises(RunConflict, match=r"strict-\d was scored with other references.*score"):
        refuse_other_references(stored, data, run.folder)


def test_the_times_decide_nothing(run):
    before = load_result(run, FOLDER)
    edited(run, lambda scores: scores["seconds"].update(tokens=3.5))
    assert load_result(run, FOLDER).scores == before.scores


# --- predictions


def lines(run):
    return (run.folder / "predictions.jsonl").read_bytes().splitlines(keepends=True)


def write(run, parts):
    (run.folder / "predictions.jsonl").write_bytes(b"".join(parts))


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b"sees", b"seas"),
        lambda line: line.replace(b"mine", b""),
        lambda line: line.replace(b'"phrases": []', b'"phrases": [], "error": "x"'),
        lambda line: line.replace(b'", "', b'","'),  # written again by another program
        lambda line: line.replace(b'"crc32": "', b'"crc32":"').replace(b"image_1", b"image_77"),
    ],
)
def test_a_line_that_was_changed_is_refused_until_it_is_accepted(run, change):
    refuse_changed_lines(run.folder)
    held = lines(run)
    write(run, [held[0], change(held[1]), *held[2:]])
    assert lines(run) != held
    with pytest.raises(BadData, match=r"line 2: .*crc32.*--accept-edits"):
        refuse_changed_lines(run.folder)
    assert accept_changed_lines(run.folder) == 1
    refuse_changed_lines(run.folder)
    now = lines(run)
    assert now[:1] + now[2:] == held[:1] + held[2:]
    assert len(list(run.predictions())) == len(held)
    assert accept_changed_lines(run.folder) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held[:1],
        lambda held: held[::-1],
        lambda held: [b'{"id": "x", "caption": "by another program"}\n', *held],
        lambda held: [line.replace(b"\n", b"\r\n") for line in held],
        lambda held: [b"\xef\xbb\xbf", *held],
        lambda held: [],
    ],
)
def test_what_changes_no_line_is_accepted(run, change):
    write(run, change(lines(run)))
    refuse_changed_lines(run.folder)


def test_a_line_is_read_without_its_checksum(run, tmp_path):
    (first, *_) = run.predictions()
    assert first == Prediction("image_0", Grounding("mine sees image_0"))
    line = b'{"id": "x"}'
    assert sealed(line).startswith(b'{"id": "x", "crc32": "')
    assert json.loads(sealed(line))["id"] == "x"
