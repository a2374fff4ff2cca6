"""The same inputs give the same bytes: whatever the threads, hashes, locale, zone, terminal, paths.

Across machines scores agree to 1e-12, since what differs there is the kernel of a matrix product:
the last test runs the kernels of other processors, and golden/test_across_machines.py holds scores
that another machine computed.
"""

import json
import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from gcg_bench.analysis.invariants.damage import damaged_scenes
from gcg_bench.analysis.invariants.scenes import ChangeInputs
from gcg_bench.data import load_dataset
from gcg_bench.predictions import write_line
from gcg_bench.text.encoders import load_encoder

SCORE = ("--encoder", "minilm", "--draws", "50", "--quiet", "--json")
KEPT = (
    "gcg.official-1/rows.parquet",
    "gcg.strict-2/rows.parquet",
    "report.html",
    "leaderboard.csv",
)

# several commands in one interpreter, whose modules are imported once
DRIVER = """
import json, sys
from gcg_bench.cli import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as left:
        if left.code:
            sys.exit(left.code)
"""


def typed(folder, *commands, **environment):
    """What the commands print, typed in a folder under other variables of the environment."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps(commands)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def scores(text):
    """The objects of `--json` without how long it took, as text that shows every bit."""
    found = json.loads(text)
    for one in found if isinstance(found, list) else [found]:
        del one["seconds"]
    return json.dumps(found, sort_keys=True)


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    """Nobody else writes to the cache, which is copied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GCG_BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A run of damaged answers to eight images, not scored."""
    folder = tmp_path_factory.mktemp("base")
    samples = load_dataset("shapes", "val", limit=8).samples
    lines = [write_line(scene.prediction) for scene in damaged_scenes(samples, ChangeInputs())]
    (folder / "answers.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    predict = ("predict", "--model", "predictions:answers.jsonl", "--dataset", "shapes")
    typed(folder, (*predict, "--split", "val", "--limit", "8", "--out", "run", "--quiet"))
    return folder


def judged(base, folder, **environment):
    """Everything that scoring and reporting a copy of the run write, by name."""
    run = shutil.copytree(base / "run", folder / "run")
    commands = (("score", "run", *SCORE), ("report", "run", "--quiet"))
    printed = typed(folder, *commands, **environment)
    found = {name: (run / name).read_bytes() for name in KEPT}
    for key in ("gcg.official-1", "gcg.strict-2"):
        found[f"{key}/scores.json"] = scores((run / key / "scores.json").read_text("utf-8"))
    return {**found, "stdout": scores(printed)}


@pytest.fixture(scope="module")
def expected(base, tmp_path_factory):
    return judged(base, tmp_path_factory.mktemp("first"), OMP_NUM_THREADS="1", PYTHONHASHSEED="0")


def comma_locale(folder):
    """A German locale, with decimal commas, made where it can be."""
    if shutil.which("localedef") is None:
        return {}
    made = folder / "de_DE.UTF-8"
    subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", made], check=False,
                   capture_output=True)  # fmt: skip
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.UTF-8"} if made.is_dir() else {}


def without_vectors(folder):
    """A copy of the cache in which no phrase has a vector."""
    kept = Path(os.environ["GCG_BENCH_CACHE"])
    return shutil.copytree(kept, folder / "cache", ignore=shutil.ignore_patterns("encoder*"))


def test_threads_hashes_and_vectors_made_anew_change_nothing(base, expected, tmp_path):
    anew = without_vectors(tmp_path)
    more = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "PYTHONHASHSEED": "7"}
    assert judged(base, tmp_path, GCG_BENCH_CACHE=str(anew), **more) == expected
    assert (anew / "encoder.sqlite").is_file()


def test_locale_zone_terminal_and_path_change_nothing(base, expected, tmp_path):
    folder = tmp_path / "Prüfung 🐈 und mehr"
    folder.mkdir()
    assert judged(base, folder, TZ="Asia/Kolkata", **comma_locale(tmp_path)) == expected


def test_a_terminal_that_knows_ascii_alone_changes_nothing(base, expected, tmp_path):
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert judged(base, tmp_path, **plain) == expected


MASK = {"size": [8, 10], "counts": [0, 4, 4, 4, 4, 4, 60]}


def small_world(folder, *, windows):
    """A data set and answers with emoji; with a BOM and Windows line ends, or without."""
    truth = [
        {"id": f"🐈 {k}", "height": 8, "width": 10, "captions": ["Ein 🐈, größer als ein Tier."],
         "phrases": [{"text": "Ein 🐈", "span": [0, 5], "masks": [MASK]}]}
        for k in range(2)
    ]  # fmt: skip
    answers = [
        {"id": one["id"], "caption": "Ein Tier.", "phrases": [{"text": "ein 🐈", "mask": MASK}]}
        for one in truth
    ]
    for name, rows in (("daten ü.jsonl", truth), ("antworten ü.jsonl", answers)):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        data = text.encode("utf-8")
        if windows:
            data = b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")
        (folder / name).write_bytes(data)
    return ("--dataset", "daten ü.jsonl", "--split", "daten ü")


def test_windows_line_ends_and_a_bom_change_nothing(tmp_path):
    found = []
    for windows in (False, True):
        folder = tmp_path / str(windows) / "Ordner ü"
        folder.mkdir(parents=True)
        given = small_world(folder, windows=windows)
        printed = json.loads(typed(folder, ("score", "antworten ü.jsonl", *given, *SCORE)))
        for one in printed:
            del one["seconds"]
            # the hash of the annotation file is of its bytes
            del one["sha256"]["references"], one["measurement"]["truth"]
            one["signature"] = [f for f in one["signature"].split("|") if not f.startswith("truth")]
        found.append(printed)
    assert found[0] == found[1]
    assert found[0][0]["scores"]["mIoU"]["value"] == 1.0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_a_terminal_cannot_show_is_spelt(tmp_path, encoding):
    given = small_world(tmp_path, windows=False)
    commands = [
        ("data", "show", "daten ü.jsonl"),
        ("predict", "--model", "predictions:antworten ü.jsonl", *given, "--out", "lauf 🐈"),
        ("score", "lauf 🐈", "--dataset", "daten ü.jsonl", "--encoder", "minilm", "--draws", "9"),
        ("score", "antworten ü.jsonl", *given, *SCORE),
    ]
    printed = typed(tmp_path, *commands, PYTHONIOENCODING=encoding).decode(encoding)
    assert "\\U0001f408" in printed
    assert "official v1" in printed
    objects = json.loads(printed[printed.rindex("\n[\n") :])
    assert [one["protocol"] for one in objects] == ["official", "strict"]


def test_seeds_are_recorded(expected):
    for one in json.loads(expected["stdout"]):
        assert one["resampling"] == {"draws": 50, "seed": 0}


def test_a_vector_does_not_depend_on_what_it_is_computed_with(tmp_path, monkeypatch):
    sizes, things = ("a", "a large", "the very small old"), ("cat", "bicycle", "street sign")
    places = ("", "on a table")
    phrases = [" ".join(words) for words in product(sizes, things, places)]
    encoder, found = load_encoder("minilm"), []
    for name, parts in {
        "together": [phrases],
        "apart": [[phrase] for phrase in phrases],
    }.items():
        monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path / name))
        for part in parts:
            encoder.vectors(part)
        found.append(encoder.vectors(phrases))
    assert np.array_equal(*found)


# numpy's kernels, and those that torch makes vectors with, anew
@pytest.mark.parametrize(("numpys", "torchs"), [("Haswell", "avx2"), ("Nehalem", "default")])
def test_kernels_of_other_processors_agree_to_the_twelfth_digit(
    base, expected, tmp_path, numpys, torchs
):
    kernels = {"OPENBLAS_CORETYPE": numpys, "ATEN_CPU_CAPABILITY": torchs, "MKL_CBWR": "COMPATIBLE"}
    again = judged(base, tmp_path, GCG_BENCH_CACHE=str(without_vectors(tmp_path)), **kernels)
    for one, other in zip(*map(json.loads, (expected["stdout"], again["stdout"])), strict=True):
        assert one["scores"].keys() == other["scores"].keys()
        for name, score in one["scores"].items():
            assert other["scores"][name] == pytest.approx(score, abs=1e-12)
