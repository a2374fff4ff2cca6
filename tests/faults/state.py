"""Checks a run folder after a crash: files must be complete and equal to an undisturbed run."""

import json
import re
from contextlib import suppress
from pathlib import Path

from gcg_bench.runs import Run

PROTOCOLS = ("gcg.official-1", "gcg.strict-2")
WHOLE = {"run.json", "predictions.jsonl", "report.html", "leaderboard.csv", *PROTOCOLS}
HIDDEN = re.compile(
    r"\.lock(\.after-[0-9a-f]{16})?(\.[0-9a-f]{16})?|\.(run\.json|rows\.parquet|"
    r"scores\.json|report\.html|leaderboard\.csv)\.[0-9a-f]{16}"
)


class Reference:
    """An undisturbed run, with which others are compared."""

    def __init__(self, folder: Path) -> None:
        self.settings = settings(folder)
        self.answers = answers(folder)
        self.kept = kept(folder)
        assert set(self.kept) == {
            *(f"{name}/{file}" for name in PROTOCOLS for file in ("rows.parquet", "scores.json")),
            "report.html",
            "leaderboard.csv",
        }

    def check(self, folder: Path) -> str:
        """The phase of a crashed run; raises AssertionError when a file is incomplete.

        Every file under its own name must be complete and equal to the reference's. An incomplete
        file must have a hidden name that nothing reads.
        """
        if not folder.exists():
            return "start"
        for file in [*folder.iterdir(), *folder.glob("*/*")]:
            top = file.parent == folder
            known = WHOLE if top else {"rows.parquet", "scores.json"}
            assert file.name in known or HIDDEN.fullmatch(file.name), f"what is {file}?"
        if not (folder / "run.json").exists():
            assert [file for file in folder.iterdir() if not file.name.startswith(".")] == []
            return "start"
        assert settings(folder) == self.settings
        found = answers(folder)
        assert {id_: self.answers.get(id_) for id_ in found} == found
        assert Run.open(folder).done_ids() == set(found)
        for name, value in kept(folder).items():
            assert value == self.kept[name], f"{name} is another"
        for name in PROTOCOLS:
            if (folder / name / "scores.json").exists():
                assert (folder / name / "rows.parquet").exists()
                assert set(found) == set(self.answers), "scores of answers that are not there"
        if set(found) != set(self.answers):
            return "predict"
        scored = all((folder / name / "scores.json").exists() for name in PROTOCOLS)
        return "report" if scored else "score"

    def same(self, folder: Path) -> None:
        """Raises AssertionError unless a finished run is equal and has no other files."""
        assert self.check(folder) == "report"
        assert kept(folder) == self.kept
        hidden = [file for file in folder.rglob("*") if file.name.startswith(".")]
        assert hidden == []


def settings(folder: Path) -> dict:
    value = json.loads((folder / "run.json").read_bytes())
    for name in ("started", "timeout", "give_up_after"):
        value["environment"].pop(name)
        value["crc32"].pop(f"environment.{name}")
    return value


def answers(folder: Path) -> dict[str, dict]:
    """Answers by id; only the last line may be incomplete, and no image may have two."""
    file = folder / "predictions.jsonl"
    found: dict[str, dict] = {}
    if not file.exists():
        return found
    *lines, rest = file.read_bytes().split(b"\n")
    if rest:
        with suppress(ValueError):  # incomplete, and the reader notices it
            lines.append(json.dumps(json.loads(rest)).encode())
    for line in lines:
        value = json.loads(line)
        assert value["id"] not in found, "an image was answered twice"
        found[value["id"]] = value
    return found


def kept(folder: Path) -> dict[str, object]:
    """The results, without times of day, durations and the path of the folder."""
    found: dict[str, object] = {}
    for name in PROTOCOLS:
        rows, scores = folder / name / "rows.parquet", folder / name / "scores.json"
        if rows.exists():
            found[f"{name}/rows.parquet"] = rows.read_bytes()
        if scores.exists():
            value = json.loads(scores.read_bytes())
            value.pop("seconds")
            found[f"{name}/scores.json"] = value
    started = ""
    if (folder / "run.json").exists():
        started = json.loads((folder / "run.json").read_bytes())["environment"]["started"]
    for name in ("report.html", "leaderboard.csv"):
        if (folder / name).exists():
            text = (folder / name).read_text(encoding="utf-8")
            found[name] = text.replace(started, "THEN").replace(str(folder), "RUN")
    return found
