"""Shards of a split from the command line: predicted apart, merged, refused."""

import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from gcg_bench.cli import main
from gcg_bench.errors import BadData, BadOption
from gcg_bench.files import limits
from gcg_bench.pipeline.spec import DataSpec
from gcg_bench.runs import Run
from gcg_bench.runs import files as run_files
from gcg_bench.runs.accepting import accept_edits
from gcg_bench.runs.lock import Lock
from gcg_bench.runs.merging import in_order, write_merged
from gcg_bench.runs.shards import Shard, shard_numbers

DATA = ("--dataset", "shapes", "--split", "val", "--task", "referring", "--limit", "11")
PREDICT = ("predict", "--model", "whole-image", *DATA, "--quiet")
# the first eleven expressions: of image 0 three, of image 1 three, of image 2 three, of image 3 two
IN_SHARD = {1: "0000 0001 0002 0030 0031", 2: "0010 0011 0012", 3: "0020 0021 0022"}


def run(*typed: object) -> int:
    """The exit code of a command."""
    try:
        main([str(word) for word in typed])
    except SystemExit as left:
        return int(left.code or 0)
    raise AssertionError("main came back")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with the run of one machine and the runs of three shards."""
    folder = tmp_path_factory.mktemp("made")
    assert run(*PREDICT, "--out", folder / "one", "--name", "mine") == 0
    for number in (1, 2, 3):
        shard = f"{number}/3"
        assert run(*PREDICT, "--shard", shard, "--out", folder / str(number), "--name", "mine") == 0
    return folder


@pytest.fixture
def shards(made: Path, tmp_path: Path, monkeypatch) -> Path:
    for name in ("1", "2", "3"):
        shutil.copytree(made / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def samples():
    return DataSpec(dataset="shapes", split="val", task="referring", limit=11).load().samples


def settings(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_bytes())


def write_settings(folder: Path, stored: dict) -> None:
    """Writes run.json as somebody who writes the checksums anew, where its types allow that."""
    (folder / "run.json").write_text(json.dumps(stored))
    with suppress(BadData):
        accept_edits(folder)


def lines(folder: Path) -> list[dict]:
    """The predictions without the times that they took."""
    values = [json.loads(line) for line in (folder / "predictions.jsonl").read_bytes().splitlines()]
    return [{k: v for k, v in value.items() if k not in ("seconds", "crc32")} for value in values]


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def short(folder: Path) -> str:
    """The ids of a run without what all have in common."""
    ids = [value["id"] for value in lines(folder)]
    return " ".join(id_.removeprefix("shapes_val_").replace("#", "")[-4:] for id_ in ids)


# --- which queries are in a shard ------------------------------------------------------------


def test_images_are_dealt_out_and_queries_stay_with_their_image(made: Path) -> None:
    assert {number: short(made / str(number)) for number in IN_SHARD} == IN_SHARD
    assert [settings(made / str(number))["shard"] for number in IN_SHARD] == ["1/3", "2/3", "3/3"]
    assert {settings(made / str(number))["n"] for number in IN_SHARD} == {11}


def test_every_query_is_in_one_shard_whatever_the_order(samples) -> None:
    numbers = shard_numbers(samples, 4)
    assert numbers == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4]
    assert shard_numbers(samples[::-1], 4) == numbers[::-1]
    assert Shard(4, 4).of(samples) == samples[9:]
    with pytest.raises(BadOption, match="5 shards of 4 images"):
        shard_numbers(samples, 5)


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "1/0", "-1/3", "1/3/3", " 1/3", "1/1234567"])
def test_what_is_no_shard(text: str, capsys) -> None:
    assert run(*PREDICT, "--shard", text) == 2
    assert "is no shard: give I/N with I from 1 to N" in capsys.readouterr().err


def test_a_shard_has_a_run_folder_of_its_own(shards: Path) -> None:
    assert run(*PREDICT, "--shard", "2/4") == 0
    folder = shards / "runs" / "whole-image-shapes-val-referring-shard-2-of-4"
    assert short(folder) == IN_SHARD[2]


def test_another_shard_does_not_continue_a_run(shards: Path, capsys) -> None:
    assert run(*PREDICT, "--shard", "2/3", "--out", "1") == 2
    assert "shard was '1/3', now it is '2/3'" in capsys.readouterr().err


# --- merged ----------------------------------------------------------------------------------


def test_the_merged_run_is_that_of_one_machine(made: Path, shards: Path, capsys) -> None:
    assert run("merge", "3", "1", "2", "-o", "all", "--json", "--quiet") == 0
    assert json.loads(capsys.readouterr().out) == {"run": "all", "shards": 3, "n": 11}
    assert lines(shards / "all") == lines(made / "one")
    one, merged = settings(made / "one"), settings(shards / "all")
    environments = merged["environment"].pop("shards")
    assert environments == {f"{k}/3": settings(shards / str(k))["environment"] for k in (1, 2, 3)}
    assert "environment.shards" in merged["crc32"]
    for value in (one, merged):
        value["environment"].pop("started")
        value.pop("crc32")
    assert merged == one
    assert names(shards / "all") == ["predictions.jsonl", "run.json"]
    assert names(shards) == ["1", "2", "3", "all"]
    before = (shards / "all" / "predictions.jsonl").read_bytes()
    assert run(*PREDICT, "--out", "all") == 0  # the same command without --shard continues it
    assert (shards / "all" / "predictions.jsonl").read_bytes() == before


def test_a_large_merged_run_has_parts(shards: Path, samples, monkeypatch) -> None:
    monkeypatch.setattr(limits, "PART", 1000)
    runs = in_order([Run.open(shards / name) for name in "231"])
    merged = write_merged(shards / "all", runs, samples)
    assert len(list((shards / "all").glob("predictions.0*.jsonl"))) > 2
    assert [one.id for one in merged.predictions()] == [sample.id for sample in samples]


def test_set_aside_failures_of_all_shards_are_kept(shards: Path) -> None:
    (shards / "1" / "failed.jsonl").write_bytes(b'{"id": "a"}\n')
    (shards / "3" / "failed.jsonl").write_bytes(b'{"id": "b"}\n')
    assert run("merge", "1", "2", "3", "--out", "all", "--quiet") == 0
    assert (shards / "all" / "failed.jsonl").read_bytes() == b'{"id": "a"}\n{"id": "b"}\n'


def test_a_merged_run_gets_the_name_of_the_whole_split(shards: Path) -> None:
    assert run("merge", "1", "2", "3", "--quiet") == 0
    assert len(lines(shards / "runs" / "whole-image-shapes-val-referring")) == 11


# --- a shard alone ---------------------------------------------------------------------------


def test_a_shard_alone_says_that_it_is_a_part(shards: Path, capsys) -> None:
    assert run("score", "2", "--json", "--quiet", "--draws", "20") == 0
    for value in json.loads(capsys.readouterr().out):
        assert value["n"] == 3
        assert value["notes"][0] == (
            "only a part of the split: shard 2/3, 3 of 11 queries; gcg-bench merge makes one run"
            " of all 3 shards"
        )
        assert "|shard:2/3|" in value["signature"]
    assert not (shards / "2" / "leaderboard.csv").exists()
    assert run("report", "2", "--quiet") == 0
    assert "only a part of the split: shard 2/3" in (shards / "2" / "report.html").read_text()
    assert run("leaderboard", "2", "-o", "board.csv") == 2
    assert "is only shard 2/3 of a run" in capsys.readouterr().err
    assert run("leaderboard", "check", "2") == 2
    assert run("score", "2", "--limit", "2") == 2
    assert "a shard is scored whole" in capsys.readouterr().err


def test_the_signature_of_the_merged_run_names_no_shard(made: Path, shards: Path, capsys) -> None:
    assert run("merge", "1", "2", "3", "--out", "all", "--quiet") == 0
    shutil.copytree(made / "one", shards / "one")
    capsys.readouterr()
    documents = []
    for name in ("all", "one"):
        assert run("score", name, "--json", "--quiet", "--draws", "20") == 0
        documents.append(json.loads(capsys.readouterr().out))
    for merged, one in zip(*documents, strict=True):
        assert merged["signature"] == one["signature"]
        assert "shard" not in one["signature"]
        assert merged["scores"] == one["scores"]


# --- refused ---------------------------------------------------------------------------------


def change(field: str, value: object):
    def act(folder: Path) -> None:
        stored = settings(folder / "2")
        stored[field] = value
        write_settings(folder / "2", stored)

    return act


def content(number: int, edit):
    def act(folder: Path) -> None:
        file = folder / str(number) / "predictions.jsonl"
        file.write_bytes(edit(file.read_bytes()))

    return act


def overlap(folder: Path) -> None:
    stolen = (folder / "1" / "predictions.jsonl").read_bytes().splitlines(keepends=True)[0]
    content(2, lambda data: data + stolen)(folder)


def without_first_line(data: bytes) -> bytes:
    return b"".join(data.splitlines(keepends=True)[1:])


@pytest.mark.parametrize(
    ("act", "given", "message"),
    [
        (change("seed", 7), "123", r"2: is of another run than 1: seed is 7 here and 0 there"),
        (change("prompt", "Hi"), "213", r"prompt is .* here and 'Hi' there"),
        (change("shard", "2/4"), "123", r"2: is shard 2/4, and 1 is shard 1/3"),
        (change("shard", "1/3"), "123", r"2: is shard 1/3, and so is 1. Give each shard once"),
        (change("shard", 5), "123", r"2/run\.json: shard: cannot be 5"),
        (None, "13", r"1 of 3 shards are not given: 2/3"),
        (None, "1231", r"1: is shard 1/3, and so is 1"),
        (overlap, "123", r"2: shard 2/3 holds 1 predictions of queries that are not its own: shap"),
        (content(2, lambda data: data + data), "123", r"has an answer already, in .*jsonl:1"),
        (
            content(2, without_first_line),
            "123",
            r"2: shard 2/3 has no prediction of 1 of its 3 queries: shapes_val_000001#0\. Run the",
        ),
        (content(3, lambda data: data[:-9]), "123", r"ends in an incomplete line, in shard 3/3"),
        (
            content(2, lambda data: data.replace(b'"phrases": [{', b'"phrases": [{"score": 0.5, ')),
            "123",
            r"2: image shapes_val_000001#0: is not as the run wrote it, by its field crc32",
        ),
        (
            content(2, lambda data: data.replace(b'"crc32"', b'"crc33"')),
            "123",
            r"has no field crc32",
        ),
        (lambda folder: (folder / "2" / "run.json").unlink(), "123", r"2: not a run folder"),
        (lambda folder: shutil.rmtree(folder / "3"), "123", r"3: not a run folder"),
        (change("n", 12), "123", r"n is 12 here and 11 there"),
    ],
)
def test_what_is_not_one_run_is_refused(shards: Path, capsys, act, given, message) -> None:
    if act is not None:
        act(shards)
    assert run("merge", *given, "--out", "all", "--quiet") == 2
    said = capsys.readouterr().err
    assert re.search(message, said), said
    assert not (shards / "all").exists()
    assert not list(shards.glob(".all*"))


def test_a_run_of_the_whole_split_is_no_shard(made: Path, shards: Path, capsys) -> None:
    assert run("merge", made / "one", "--out", "all") == 2
    assert "is no shard but the run of a whole split" in capsys.readouterr().err


def test_other_data_are_refused(shards: Path, capsys) -> None:
    for name in "123":
        stored = settings(shards / name)
        write_settings(shards / name, {**stored, "card_version": "0"})
    assert run("merge", "1", "2", "3", "--out", "all") == 2
    assert "answers other data than shapes val is here: card_version" in capsys.readouterr().err


def test_a_shard_in_use_is_refused(shards: Path, capsys) -> None:
    lock = Lock(shards / "3" / ".lock")
    try:
        assert run("merge", "1", "2", "3", "--out", "all") == 2
    finally:
        lock.release()
    assert "3: this process" in capsys.readouterr().err
    assert not (shards / "1" / ".lock").exists()


def test_a_folder_that_is_there_is_not_overwritten(shards: Path, capsys) -> None:
    (shards / "all").mkdir()
    (shards / "all" / "precious").write_text("x")
    assert run("merge", "1", "2", "3", "--out", "all") == 2
    assert "all: exists already" in capsys.readouterr().err
    assert names(shards / "all") == ["precious"]


# --- killed ----------------------------------------------------------------------------------


class Killed(BaseException):
    """Ends the merge in the test's imagination."""


class Kill:
    """Ends the process before its n-th act on a file, after which nothing tidies up."""

    def __init__(self, patch: pytest.MonkeyPatch, number: int) -> None:
        self.left = number
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        for owner, name in (
            (run_files, "_write"),
            (os, "fsync"),
            (Path, "rename"),
            (Path, "replace"),
        ):
            patch.setattr(owner, name, self.counted(getattr(owner, name)))

    def counted(self, really):
        def act(*given):
            self.left -= 1
            if self.left == 0:
                raise Killed
            return really(*given)

        return act


def test_a_kill_at_any_act_leaves_no_half_run(shards: Path, samples) -> None:
    def merged(out: str) -> dict[str, bytes]:
        runs = in_order([Run.open(shards / name) for name in "123"])
        write_merged(shards / out, runs, samples)
        return {file.name: file.read_bytes() for file in (shards / out).iterdir()}

    wanted = merged("whole")
    number, ended = 0, False
    while not ended:
        number += 1
        with pytest.MonkeyPatch.context() as patch:
            Kill(patch, number)
            try:
                merged("all")
                ended = True
            except Killed:
                pass
        if (shards / "all").exists():
            assert {f.name: f.read_bytes() for f in (shards / "all").glob("[!.]*")} == wanted
            shutil.rmtree(shards / "all")
        assert merged("all") == wanted
        shutil.rmtree(shards / "all")
    # eleven lines are written, then the run is renamed; files and folders are synced
    assert number > 11 + 5
