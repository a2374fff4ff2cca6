"""The command line where Python takes names of files for ASCII: they are UTF-8 all the same."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8 elsewhere")

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

# several commands in one interpreter, typed as the console script takes them, or handed over
DRIVER = """
import json, sys
from gcg_bench.cli import main
commands = json.loads(sys.argv[1])
for arguments in commands:
    sys.argv[1:] = arguments
    try:
        main({given})
    except SystemExit as left:
        if left.code:
            sys.exit(left.code)
"""
SCORING = ("--encoder", "minilm", "--draws", "0", "--quiet")


def typed(folder, *commands, given=""):
    return subprocess.run(
        [sys.executable, "-c", DRIVER.replace("{given}", given), json.dumps(commands)],
        cwd=folder,
        env={**os.environ, **ASCII},
        capture_output=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "Prüfung 🐈"
    made.mkdir()
    (made / "modell ü.py").write_text(
        "from gcg_bench import Grounding, Prediction\n"
        "class Says:\n"
        "    def answer(self, queries):\n"
        "        for query in queries:\n"
        "            yield Prediction(query.id, Grounding('Ein 🐈'), seconds=0.5)\n"
        "load = Says\n",
        encoding="utf-8",
    )
    return made


def test_every_command_reads_and_writes_names_in_utf8(folder):
    here = str(folder)
    done = typed(
        folder,
        ("data", "export", "shapes", f"{here}/Kopie ü", "--split", "val", "--limit", "2",
         "--format", "gcg_coco", "--embed-images"),
        ("data", "show", "Kopie ü"),
        ("evaluate", "--model", "./modell ü.py", "--dataset", "Kopie ü", "--split", "val",
         "--out", f"{here}/Läufe/eins 🐈", *SCORING),
        ("data", "check", "Läufe/eins 🐈"),
        ("compare", "Läufe/eins 🐈", "Läufe/eins 🐈", "--draws", "20", "-o", "Vergleich ü.html"),
        ("score", "Läufe/eins 🐈", "--dataset", "Kopie ü", *SCORING),
        ("report", "Läufe/eins 🐈", "--dataset", "Kopie ü", "-o", "Bericht 🐈.html", "--quiet"),
        ("leaderboard", "Läufe/eins 🐈", "-o", "Tafel ü.csv"),
        ("cite", "Läufe/eins 🐈"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.isascii()  # what the terminal can show is as it was
    for place in folder.rglob("*"):
        str(place).encode("utf-8")  # half a letter could not be written
    board = (folder / "Tafel ü.csv").read_text("utf-8")
    assert "Läufe/eins 🐈" in board
    settings = json.loads((folder / "Läufe" / "eins 🐈" / "run.json").read_text("utf-8"))
    assert settings["model"] == "./modell ü.py"
    assert "Ein 🐈" in (folder / "Läufe" / "eins 🐈" / "predictions.jsonl").read_text("utf-8")
    assert "./modell ü.py" in (folder / "Bericht 🐈.html").read_text("utf-8")


def test_a_name_that_cannot_be_written_is_told_in_a_message(folder):
    export = ("data", "export", "shapes", "Kopie ü", "--split", "val", "--limit", "1")
    done = typed(folder, (*export, "--format", "jsonl"), given="arguments")
    assert done.returncode == 2
    message = done.stderr.decode("ascii")
    assert "'\\xfc' cannot be written" in message
    assert "PYTHONUTF8=1" in message
    assert "Traceback" not in message
