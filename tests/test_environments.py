"""Long names, strange places and strange characters: one message, or the right result."""

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from support.typed import lines, refused

from gcg_bench.errors import GcgBenchError
from gcg_bench.files.paths import private_name, without_folders
from gcg_bench.runs.accepting import accept_edits

LONG = "a" * 300
DATA = ["--dataset", "shapes", "--split", "val", "--limit", "2", "--quiet"]
SCORING = ["--encoder", "minilm", "--draws", "0"]
MODEL = """
import os
from gcg_bench import Grounding, Phrase, Prediction
from gcg_bench.masks import from_box

class Model:
    def answer(self, queries):
        for query in queries:
            os.chdir("/")
            BODY
            height, width = query.image.height, query.image.width
            mask = from_box((0, 0, width / 2, height), height, width)
            caption = "The ground.TAIL"
            yield Prediction(query.id, Grounding(caption, (Phrase("The ground", (mask,)),)))

load = Model
"""


def model(folder, body="pass", tail="", name="m.py"):
    (folder / name).write_text(MODEL.replace("BODY", body).replace("TAIL", tail), encoding="utf-8")
    return folder / name


# --- names -------------------------------------------------------------------------------------

ODD = ["b/" * 2500, "..", "/", "\udcff\udcfe", "\u202egnp.exe", "~nobody/x"]


@pytest.mark.parametrize(
    "command",
    [
        "score {} --split val",
        "report {}",
        "leaderboard {} -o x.csv",
        "cite {}",
        "compare {} {}",
        "data show {}",
        "data export {} out --split val",
        "score gone --split val --data-root {}",
        "evaluate --model ./{}.py --dataset shapes --split val",
        "evaluate --model {} --dataset shapes --split val",
        "evaluate --model silent --dataset {} --split val",
        "evaluate --model silent --dataset shapes --split {}",
        "evaluate --model silent --dataset shapes --split val --limit 1 --encoder {}",
        "evaluate --model silent --dataset shapes --split val --limit 1 --protocol ./{}.py:P",
        "evaluate --model glamm:{} --dataset shapes --split val --limit 1",
        "evaluate --model predictions:{} --dataset shapes --split val --limit 1",
        "leaderboard verify {}.csv",
        "leaderboard check {} --split val --dataset shapes",
    ],
)
def test_a_name_that_is_no_place_is_one_message(run, command):
    for name in (LONG, *(ODD if command.startswith(("score {}", "report", "data show")) else ())):
        code, out, err = run(*(part.replace("{}", name) for part in command.split(" ")))
        assert (code, out) == (2, ""), ascii(name)
        assert err.count("gcg-bench: ") == 1
        assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800-\udfff]", err)


@pytest.mark.parametrize("where", ["--out", "-o"])
def test_a_file_that_cannot_be_made_is_one_message(run, where):
    if where == "--out":
        done = run("evaluate", "--model", "silent", *DATA, *SCORING, "--out", LONG)
    else:
        done = run("data", "export", "shapes", LONG, "--split", "val", "--limit", "1", "--quiet")
    refused(done, "too long")


@pytest.fixture
def scored(run, tmp_path):
    command = ["evaluate", "--model", "copy-truth", *DATA, *SCORING, "--no-report", "--out", "r"]
    assert run(*command)[0] == 0
    return tmp_path / "r"


def records(file):
    return [json.loads(line) for line in file.read_text("utf-8").split("\n")[:-1]]


def change(file, path, value):
    content = json.loads(file.read_text())
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("run.json", ("model",)),
        ("run.json", ("dataset",)),
        ("run.json", ("split",)),
        ("run.json", ("task",)),
        ("scores.json", ("measurement", "encoder")),
        ("scores.json", ("protocol",)),
        ("scores.json", ("dataset",)),
        ("scores.json", ("label",)),
        ("scores.json", ("signature",)),
    ],
)
def test_names_in_the_run_of_a_stranger(run, scored, name, path):
    (file,) = scored.glob("gcg.strict-*/scores.json") if name == "scores.json" else [scored / name]
    for value in (LONG, "x" * 20_000, "../../etc", "a\0b", "\ud800"):
        change(file, path, value)
        with suppress(GcgBenchError):  # as somebody who writes the checksums anew
            accept_edits(scored)
        for command in ("report r", "leaderboard r -o b.csv --force", "cite r"):
            code, out, err = run(*command.split())
            assert code in (0, 2)
            if code == 2:
                assert out == ""
                assert err.count("gcg-bench: ") == 1


@pytest.mark.parametrize("field", ["name", "format", "split", "file", "image"])
def test_names_in_the_card_of_a_stranger(run, tmp_path, field):
    for value in (LONG, "../x", "x\0y", "a/b"):
        (tmp_path / "d").mkdir(exist_ok=True)
        _typed_on_card(run, tmp_path, field, value)


def _typed_on_card(run, tmp_path, field, value):
    names = dict.fromkeys(("name", "format", "split", "file", "image"), "val")
    names |= {"format": "jsonl", "file": "val.jsonl", field: value}
    spelt = {key: json.dumps(text) for key, text in names.items()}
    (tmp_path / "d" / "card.md").write_text(
        f"---\nname: {spelt['name']}\nversion: '1'\ntitle: t\nformat: {spelt['format']}\n"
        f"tasks: [gcg]\nlicense: l\nimage_license: l\norigin: o\nhomepage: h\ncitation: c\n"
        f"prompt: p\nfolders: ['']\nsplits:\n  {spelt['split']}:\n    files:\n"
        f"      samples: {spelt['file']}\n    images: [{spelt['image']}]\n---\n"
    )
    sample = {"id": "a", "image": {"file": "a.png", "height": 4, "width": 5}, "captions": ["x"]}
    (tmp_path / "d" / "val.jsonl").write_text(json.dumps(sample) + "\n")
    split = value if field == "split" else "val"
    command = ["evaluate", "--model", "silent", "--dataset", "d", "--split", split, *SCORING]
    for typed in (command, ["data", "check", "d"]):
        code, _, err = run(*typed)
        assert code in (0, 1, 2)
        assert err.count("gcg-bench: ") <= 1


@pytest.mark.parametrize("id_", [LONG, "x" * 2000, "../x", "x\0y", "\ud800", ""])
def test_ids_of_a_stranger(run, world, id_):
    root, file = lines(world, {"id": id_, "caption": "a cat", "phrases": []})
    data = ["--split", "val", "--data-root", root, "--encoder", "minilm", "--draws", "0"]
    refused(run("score", file, *data))


# --- places ------------------------------------------------------------------------------------


def test_without_a_home(run, monkeypatch):
    import pwd

    def unknown(_):
        raise KeyError("no such user")

    for name in ("HOME", "GCG_BENCH_CACHE", "GCG_BENCH_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    done = run("data", "show", "grandf")
    assert done[0] in (0, 2)
    refused(run("data", "check", "grandf", "--split", "val"), "HOME", "GCG_BENCH_CACHE")
    monkeypatch.setenv("GCG_BENCH_CACHE", "cache")
    assert run("evaluate", "--model", "silent", *DATA, *SCORING, "--no-report")[0] == 0


def test_a_home_that_cannot_be_written(run, monkeypatch, tmp_path):
    (tmp_path / "home").write_text("a file, no folder")
    for name in ("GCG_BENCH_CACHE", "GCG_BENCH_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    code, _, err = run("evaluate", "--model", "silent", *DATA, *SCORING, "--no-report")
    assert code == 0, err


@pytest.mark.skipif(sys.platform == "win32", reason="the current folder cannot be deleted there")
def test_a_current_folder_that_was_deleted(tmp_path):
    script = (
        "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone');"
        "from gcg_bench.cli import main; main()"
    )
    absolute = ["data", "list", "--json", "--data-root", str(tmp_path)]
    for arguments, code in ((["report", "r"], 2), (absolute, 0)):
        path = os.pathsep.join(sys.path)
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        if code:
            assert "the current folder does not exist any more" in done.stderr
    json.loads(done.stdout)


def test_relative_paths_hold_wherever_a_model_goes(run, tmp_path, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_CACHE", "caches")
    monkeypatch.setenv("GCG_BENCH_DATA", "data")
    export = ["data", "export", "shapes", "copy", "--split", "val", "--limit", "2", "--quiet"]
    assert run(*export, "--embed-images")[0] == 0
    (tmp_path / "own.py").write_text(
        "from gcg_bench.metrics.miou import MeanIoU\nfrom gcg_bench.tasks import EvalProtocol\n"
        "P = EvalProtocol('own', 1, (MeanIoU(),))\n"
    )
    model(tmp_path, body="query.image.read()")
    command = ["evaluate", "--model", "./m.py", "--dataset", "copy", "--split", "val", *SCORING]
    before = set(Path("/").iterdir())
    code, _, err = run(*command, "--protocol", "./own.py:P", "--protocol", "strict", "--out", "r")
    assert code == 0, err
    assert set(Path("/").iterdir()) == before
    monkeypatch.chdir(tmp_path)
    kept = {path.name for path in (tmp_path / "r").iterdir()}
    assert {"run.json", "report.html", "leaderboard.csv", "gcg.own-1"} <= kept
    assert (tmp_path / "caches").is_dir()
    again = ["evaluate", "--model", "predictions:r/predictions.jsonl", "--dataset", "copy"]
    assert run(*again, "--split", "val", *SCORING, "--out", "s")[0] == 0


def test_relative_paths_of_python_users(tmp_path, monkeypatch):
    from gcg_bench import evaluate

    monkeypatch.chdir(tmp_path)
    model(tmp_path)
    results = evaluate(
        "./m.py", "shapes", "r", split="val", limit=2, encoder="minilm", protocols=["strict"]
    )
    assert len(results) == 1
    assert list((tmp_path / "r").glob("gcg.strict-*/scores.json"))


# --- paths stay on the machine -------------------------------------------------------------------


def test_no_absolute_path_enters_what_others_get(run, tmp_path):
    """Everything is named by absolute paths, and every file that comes out is read."""
    place = tmp_path / "secret place"
    place.mkdir()
    body = (
        "if query.id.endswith('1'): open(__file__ + '.missing')\n"
        "            if query.id.endswith('2'):"
        " yield Prediction(query.id, error=f'in {__file__}'); continue"
    )
    file = model(place, body=body)
    export = ["data", "export", "shapes", place / "copy", "--split", "val", "--limit", "4"]
    assert run(*export, "--embed-images", "--quiet")[0] == 0
    data = ["--dataset", place / "copy", "--split", "val", *SCORING, "--quiet"]
    out = tmp_path / "out"
    assert run("evaluate", "--model", file, *data, "--out", out / "a")[0] == 1
    answers = f"predictions:{out / 'a'}"
    assert run("evaluate", "--model", answers, *data, "--out", out / "b")[0] in (0, 1)
    for name in ("a", "b"):
        assert run("report", out / name, "--dataset", place / "copy", "--quiet")[0] == 0
    compare = ["compare", out / "a", out / "b", "--draws", "20", "--quiet"]
    assert run(*compare, "-o", out / "c.html")[0] == 0
    for suffix in ("csv", "md", "tex", "html"):
        board = ["leaderboard", out / "a", out / "b", "-o", out / f"board.{suffix}"]
        assert run(*board, "--quiet")[0] == 0
    assert run("cite", out / "a", "-o", out / "refs.bib", "--dataset", place / "copy")[0] == 0
    read = 0
    for path in out.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            read += 1
            for word in (str(tmp_path), "secret place", f"{Path.home()}/"):
                assert word.encode() not in content, (path.name, word)
    assert read > 15
    errors = [
        json.loads(line).get("error")
        for line in (out / "a" / "predictions.jsonl").read_text().splitlines()
    ]
    assert sum("m.py" in (error or "") for error in errors) == 2


@pytest.mark.parametrize(
    ("text", "private"),
    [
        ("No such file: '/home/a b/x y.png'", "No such file: 'x y.png'"),
        ('  File "/usr/lib/x.py", line 3', '  File "x.py", line 3'),
        (r"C:\Users\anna\x.txt is bad", "x.txt is bad"),
        ("see file:///home/anna/x", "see x"),
        ("cwd=/data/anna/set,", "cwd=set,"),
        ("see https://a.b/c/d", "see https://a.b/c/d"),
        ("a/b/c 1/2 and/or ./x/y ../z/w", "a/b/c 1/2 and/or ./x/y ../z/w"),
    ],
)
def test_folders_are_left_out_of_errors(text, private):
    assert without_folders(text) == private


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("/home/a b/m.py:load", "m.py:load"),
        ("glamm:/home/anna/ckpt/", "glamm:ckpt"),
        ("/home/a b/m.py:load:/home/a b/last.pt", "m.py:load:last.pt"),
        ("./m.py::~/ckpt/last.pt", "./m.py::last.pt"),
        ("./m.py:load:MBZUAI/GLaMM", "./m.py:load:MBZUAI/GLaMM"),
        ("my.models:load:/home/a b/last.pt", "my.models:load:last.pt"),
        ("predictions:~/runs/x", "predictions:x"),
        ("./models/m.py", "./models/m.py"),
        ("glamm:MBZUAI/GLaMM", "glamm:MBZUAI/GLaMM"),
        ("http://host:80/v1", "http://host:80/v1"),
    ],
)
def test_models_are_named_without_folders(spec, name):
    assert private_name(spec) == name


# --- characters that cannot be seen ------------------------------------------------------------

UNSEEN = "\u202e\u2066\u200b\u200d\ufeff\u00ad\x1b[31m\x07\u2028\u061c\U000e0041"


def test_what_cannot_be_seen_is_spelt_out_at_every_exit(run, tmp_path):
    model(tmp_path, tail=UNSEEN.replace("\x1b", "\\x1b").replace("\x07", "\\x07"))
    command = ["evaluate", "--model", "./m.py", *DATA, *SCORING, "--out", "r"]
    label = UNSEEN.replace("\u2028", "")
    code, out, err = run(*command, "--name", f"evil{label}")
    assert code == 0, err
    shown = [out, err]
    for arguments in (
        ["score", "r", *SCORING],
        ["score", "r", *SCORING, "--json"],
        ["leaderboard", "r", "-o", "b.csv"],
        ["leaderboard", "r", "-o", "b.md"],
        ["leaderboard", "r", "-o", "b.tex"],
        ["leaderboard", "r", "-o", "b.html"],
        ["compare", "r", "r", "--draws", "20", "-o", "c.html"],
        ["compare", "r", "r", "--draws", "20", "--json"],
        ["report", f"gone{UNSEEN}"],
    ):
        code, out, err = run(*arguments)
        assert code == (2 if arguments[0] == "report" else 0), err
        shown += [out, err]
    texts = len(shown)
    names = ["b.csv", "b.md", "b.tex", "b.html", "c.html", "r/report.html", "r/leaderboard.csv"]
    shown += [(tmp_path / name).read_text(encoding="utf-8") for name in names]
    for text in shown:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", text) if text in shown[:2] else text
        assert not set(plain) & set(UNSEEN.replace("[31m", "")), ascii(text[:300])
    document = json.dumps(json.loads(shown[texts - 4]), ensure_ascii=False)
    assert f"evil{label}".replace("\x1b", "\\u001b").replace("\x07", "\\u0007") in document
    for text in shown[texts:]:
        assert "202e" in text
    first, _ = records(tmp_path / "r" / "predictions.jsonl")
    assert "\u202e" in first["caption"]  # what is kept is as it was


# --- data sets and retries ---------------------------------------------------------------------


@pytest.mark.parametrize("embed", [[], ["--embed-images"]], ids=["bare", "embedded"])
@pytest.mark.parametrize("format_name", ["jsonl", "parquet", "gcg_coco"])
def test_the_card_of_an_export_states_what_it_holds(run, format_name, embed):
    export = ["data", "export", "shapes", "copy", "--format", format_name, *embed, "--quiet"]
    assert run(*export, "--split", "val", "--limit", "3")[0] == 0
    code, out, err = run("data", "check", "copy")
    assert code == 0, out + err
    code, out, _ = run("data", "check", "copy", "--json")
    assert [(one["split"], one["images"]) for one in json.loads(out)] == [("val", 3)]
    assert run(*export, "--split", "test", "--limit", "2")[0] == 0
    code, out, _ = run("data", "check", "copy", "--json")
    assert code == 0
    found = [(one["split"], one["images"]) for one in json.loads(out)]
    assert found == [("val", 3), ("test", 2)]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("cats/val.jsonl", "cats"),
        ("cats/dogs.jsonl", "dogs"),
        ("cats/my dogs (2).jsonl", "my-dogs-2"),
        (f"cats/{'d' * 200}.jsonl", "d" * 80),
        ("a b/val.jsonl", "a-b"),
    ],
)
def test_a_data_file_gets_a_name(run, tmp_path, file, name):
    path = tmp_path / file
    path.parent.mkdir()
    assert run("data", "export", "shapes", "x", "--split", "val", "--limit", "1", "--quiet")[0] == 0
    path.write_bytes((tmp_path / "x" / "val.jsonl").read_bytes())
    command = ["predict", "--model", "silent", "--dataset", path, "--split", "val"]
    assert run(*command, "--out", "r")[0] == 0
    assert json.loads((tmp_path / "r" / "run.json").read_text())["dataset"] == name


def test_failed_images_are_asked_again_when_that_is_wanted(run, tmp_path, monkeypatch):
    model(tmp_path, body="if 'BROKEN' in os.environ: raise ValueError('broken')")
    monkeypatch.setenv("BROKEN", "1")
    command = ["predict", "--model", "./m.py", *DATA[:-1], "--out", "r"]
    assert run(*command)[0] == 1
    assert run("score", "r", *SCORING, "--quiet")[0] == 1
    monkeypatch.delenv("BROKEN")
    assert run(*command)[0] == 1  # as before: a failure is an answer
    code, out, err = run(*command, "--retry-failed")
    assert (code, "2 images, 0 failed" in out) == (0, True)
    assert "failed before, asked again: 2" in err
    kept = records(tmp_path / "r" / "failed.jsonl")
    assert [line["error"] for line in kept] == ["ValueError: broken"] * 2
    ids = [
        json.loads(line)["id"]
        for line in (tmp_path / "r" / "predictions.jsonl").read_text().splitlines()
    ]
    assert sorted(ids) == sorted(line["id"] for line in kept)
    assert not list((tmp_path / "r").glob("*/scores.json"))
    code, _, err = run(*command, "--retry-failed")
    assert (code, "asked again" in err) == (0, False)
    assert run("score", "r", *SCORING, "--quiet")[0] == 0
    other = ["predict", "--model", "silent", *DATA, "--out", "r", "--retry-failed"]
    refused(run(*other), "a run with other settings")


def test_a_prepare_that_raises_is_one_message(run, tmp_path):
    (tmp_path / "m.py").write_text(
        "class M:\n"
        "    def prepare(self, queries, **_):\n"
        "        ACT\n"
        "    def answer(self, queries):\n"
        "        return iter(())\n"
        "load = M\n"
    )
    source = (tmp_path / "m.py").read_text()
    for act in ("raise KeyError('x')", "import sys; sys.exit(0)", "import os; os._exit(0)"):
        (tmp_path / "m.py").write_text(source.replace("ACT", act))
        done = run("predict", "--model", "./m.py", *DATA, "--out", act[-12:-3])
        refused(done, "cannot prepare the model")
