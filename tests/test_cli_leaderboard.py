"""compare, leaderboard (its boards, verify, check) and cite as people type them."""

import csv
import json
import shutil
from dataclasses import replace

import pytest
from support.scored import rows, run_folder

from gcg_bench.cli import main
from gcg_bench.runs import Run
from gcg_bench.scoring.storage import keep, load_result

MODEL = """
from gcg_bench import Grounding, Phrase, Prediction
from gcg_bench.masks import from_box


class Left:
    def answer(self, queries):
        for query in queries:
            height, width = query.image.height, query.image.width
            mask = from_box((0, 0, width / 2, height), height, width)
            yield Prediction(query.id, Grounding("A square.", (Phrase("A square", (mask,)),)))


load = Left
"""


def typed(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert "Traceback" not in err + out
    return int(left.value.code or 0), out, err


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two real runs on three rendered images: a model of a user's, and a baseline."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "left.py").write_text(MODEL)
    for name, model in {"left": str(folder / "left.py"), "whole": "whole-image"}.items():
        with pytest.raises(SystemExit) as left:
            main([
                "evaluate", "--model", model, "--dataset", "shapes", "--split", "val", "--limit",
                "3", "--encoder", "minilm", "--draws", "20", "--no-report", "--quiet", "--json",
                "--out", str(folder / name),
            ])  # fmt: skip
        assert not left.value.code
    return folder


@pytest.fixture
def real(made, tmp_path):
    """A copy of the real runs that a test may spoil."""
    for name in ("left", "whole"):
        shutil.copytree(made / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def counted(tmp_path):
    """Two runs made of counts alone, with a clear difference between them."""
    run_folder(tmp_path / "low", "low", rows([1, 2] * 15))
    run_folder(tmp_path / "high", "high", rows([4, 3] * 15))


def refused(result, *words):
    code, out, err = result
    assert code == 2, err
    assert out == ""
    assert len([line for line in err.splitlines() if line.startswith("gcg-bench:")]) == 1
    for word in words:
        assert str(word) in err, err


# compare


def test_compare_shows_the_table(run, counted):
    code, out, _ = run("compare", "low", "high", "--draws", "200")
    assert code == 0
    assert "A: low" in out
    assert "Holm over 6 distinct scores" in out
    line = next(line for line in out.splitlines() if "│ F1" in line)
    # 45 of 150 and 105 of 150 phrases matched
    assert [cell.strip() for cell in line.split("│")[1:5]] == ["F1", "30.0", "70.0", "+40.0"]
    assert "better" in line
    assert "60 gained, 0 lost" in out
    assert "image_0" in out


def test_compare_prints_json_and_nothing_else(run, counted):
    code, out, err = run(
        "compare", "low", "high", "--draws", "20", "--json", "--by", "mIoU", "--top", "2"
    )
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert told["images"]["score"] == "mIoU"
    assert len(told["images"]["most"]) == 2
    assert told["protocols"][1]["scores"]["F1"]["difference"] == pytest.approx(0.4)


def test_compare_of_a_run_with_itself(run, counted):
    code, out, _ = run("compare", "low", "low", "--draws", "20", "--json")
    assert code == 0
    for protocol in json.loads(out)["protocols"]:
        for score in protocol["scores"].values():
            assert (score["difference"], score["low"], score["high"]) == (0, 0, 0)
            assert score["p"] == score["p_holm"] == 1


def test_compare_writes_a_page(run, counted, tmp_path):
    code, _, err = run("compare", "low", "high", "--draws", "20", "-o", "x/c.html", "--quiet")
    assert (code, err) == (0, "")
    page = (tmp_path / "x" / "c.html").read_text("utf-8")
    assert "high sees image_" in page
    assert "http" not in page.replace("http-equiv", "")
    refused(run("compare", "low", "high", "-o", "x/c.html"), "exists", "--force")
    refused(run("compare", "low", "high", "-o", "c.pdf"), ".html")


def test_compare_refuses_by_name(run, counted, tmp_path):
    run_folder(tmp_path / "odd", "odd", rows([1, 2] * 15), encoder="other@1")
    refused(run("compare", "low", "odd"), "low and odd", "encoder", "other@1")
    refused(run("compare", "low", "gone"), "gone")
    refused(run("compare", "low", "high", "--by", "mIuo"), "'mIoU'")
    refused(run("compare", "low", "high", "--protocol", "stric"), "stric")


def test_compare_needs_nothing_heavy(run, counted):
    """Stored rows are enough: no model, no encoder, no Java."""
    import subprocess
    import sys

    program = (
        "import sys\n"
        "from gcg_bench.cli import main\n"
        "try:\n    main(['compare', 'low', 'high', '--draws', '5', '--json'])\n"
        "except SystemExit:\n    pass\n"
        "print(sorted({n.partition('.')[0] for n in sys.modules} & "
        "{'torch', 'transformers', 'scipy', 'datasets'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={"PATH": "/nowhere"},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


# boards


@pytest.mark.parametrize(
    ("suffix", "words"),
    [
        (".csv", ["rank,model,dataset,split,protocol,role,provenance,evaluator"]),
        (".md", ["| 1 | high |", "Holm over 1 line", "Signatures:"]),
        (".tex", ["\\toprule", "\nhigh & \\gcgci{\\textbf{70.0}}", "booktabs"]),
        (
            ".html",
            [
                "<!doctype html>",
                "Content-Security-Policy",
                "<bdi>high</bdi>",
                '<span class="best">70.0<',
            ],
        ),
    ],
)
def test_boards_by_suffix(run, counted, tmp_path, suffix, words):
    code, out, err = run(
        "leaderboard", "low", "high", "--by", "mIoU", "--draws", "100", "-o", f"b{suffix}"
    )
    assert code == 0
    assert "wrote" in err
    assert out.index("high") < out.index("low")
    text = (tmp_path / f"b{suffix}").read_text("utf-8")
    for word in words:
        assert word in text


def test_the_board_is_the_default_command(run, counted, tmp_path):
    first = run("leaderboard", "low", "high", "--by", "F2", "-o", "a.csv")
    assert first[0] == 2
    assert "no official or strict row has a score named 'F2'; known: mIoU, Precision" in first[2]
    # official has no F1, and is ranked by its own score
    assert run("leaderboard", "low", "high", "--by", "F1", "-o", "f1.csv", "--quiet")[0] == 0
    with (tmp_path / "f1.csv").open(newline="") as stream:
        by = {line["protocol"]: line["ranked_by"][:4] for line in csv.DictReader(stream)}
    assert by == {"official-1": "mIoU", "strict-2": "F1: "}
    assert run("leaderboard", "low", "--by", "mIoU", "-o", "a.csv", "--quiet") == (0, "", "")
    assert run("leaderboard", "board", "low", "--by", "mIoU", "-o", "b.csv", "--quiet")[0] == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    # options may come first
    assert run("leaderboard", "--quiet", "-o", "c.csv", "low", "--by", "mIoU")[0] == 0
    shutil.move(tmp_path / "high", tmp_path / "check")
    assert run("leaderboard", "./check", "--by", "mIoU", "-o", "d.csv", "--quiet")[0] == 0


def test_leaderboard_help_tells_of_everything(run):
    code, out, _ = run("leaderboard", "--help")
    assert code == 0
    for word in ("--output", "--published", "--by", "verify", "check", "RUN..."):
        assert word in out
    for command in ("board", "verify", "check"):
        assert run("leaderboard", command, "--help")[0] == 0


def test_leaderboard_refuses(run, counted):
    refused(run("leaderboard", "low", "-o", "b.xlsx"), ".csv, .md, .tex, .html")
    refused(run("leaderboard", "-o", "b.csv"), "RUN...")
    refused(run("leaderboard", "low"), "--output")
    refused(run("leaderboard", "gone", "-o", "b.csv"), "gone")


def test_published_results_stand_below(run, counted, tmp_path):
    code, out, _ = run(
        "leaderboard", "--published=all", "low", "high", "--by", "mIoU", "--draws", "9",
        "-o", "b.csv",
    )  # fmt: skip
    assert code == 0
    assert "As reported in papers, not measured here" in out
    assert "of grandf, not of the data measured" in " ".join(out.split())
    with (tmp_path / "b.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    reported = [line for line in lines if line["provenance"] == "reported"]
    assert len(reported) == 34
    assert not any(line["rank"] for line in reported)
    assert all(line["source"] for line in reported)
    assert [line["provenance"] for line in lines[:4]] == ["measured"] * 4
    assert run("leaderboard", "--published", "-o", "papers.md", "--quiet")[0] == 0
    assert "GLaMM" in (tmp_path / "papers.md").read_text()


def test_published_results_of_the_same_data_and_split(run, tmp_path):
    for split in ("val", "test"):
        run_folder(tmp_path / split, split, rows([1, 2]), dataset="grandf", split=split)

    def models(*arguments):
        code, _, err = run("leaderboard", *arguments, "-o", "b.csv", "--force")
        assert code == 0, err
        with (tmp_path / "b.csv").open(newline="") as stream:
            lines = [line for line in csv.DictReader(stream) if line["role"] == "published"]
        return {line["model"] for line in lines}, {line["split"] for line in lines}, err

    # a bare --published takes no run for its value
    known, splits, _ = models("--published", "test")
    assert splits == {"test"}
    assert len(known) == 11
    assert "Sa2VA-8B" not in known  # reported for val alone
    assert models("val", "--published=GLaMM,sa2va-1")[:2] == ({"GLaMM", "Sa2VA-1B"}, {"val"})
    assert models("val", "test", "--published")[1] == {"val", "test"}
    # a named one is shown where its paper does not say the split
    assert models("val", "--published=DiffLMM")[1] == {"unspecified"}
    refused(run("leaderboard", "val", "--published=Glam2", "-o", "c.csv"), "'Glam2'", "GLaMM")
    run_folder(tmp_path / "own", "own", rows([1, 2]))
    assert "--published=all" in models("own", "--published")[2]
    refused(run("leaderboard", "own", "--published=GLaMM", "-o", "c.csv"), "shapes val", "=all")


def test_one_table_a_measurement(run, counted, tmp_path):
    run_folder(tmp_path / "few", "few", rows([1, 2]))
    code, _, err = run("leaderboard", "low", "few", "high", "-o", "b.md", "--draws", "50")
    assert code == 0
    sentence = "official and strict: 2 tables, because the runs were measured differently: n is"
    assert f"{sentence} 30 (low, high) and 2 (few)" in " ".join(err.split())
    text = (tmp_path / "b.md").read_text()
    titles = [line.lstrip("# ") for line in text.splitlines() if line.startswith("## ")]
    assert titles == [
        "official v1, shapes val, 30 images", "official v1, shapes val, 2 images",
        "strict v2, shapes val, 30 images", "strict v2, shapes val, 2 images",
    ]  # fmt: skip
    assert text.count("| 1 | few |") == 2
    assert text.count("| 1 | high |") == 2


def test_a_table_shows_the_scores_that_are_asked_for(run, counted, tmp_path):
    """At most these columns, in this order; sections without any of them are left out."""
    asked = ("leaderboard", "low", "high", "--draws", "20", "--quiet", "--force")
    for suffix, heading in {
        ".md": "| rank | model | Hallucination ↓ | F1 | signature |",
        ".tex": "Model & Hallucination $\\downarrow$ & F1 \\\\",
    }.items():
        code, _, err = run(*asked, "--scores", "Hallucination, F1", "-o", f"b{suffix}")
        assert (code, err) == (0, "")
        text = (tmp_path / f"b{suffix}").read_text()
        assert heading in text
        assert text.count(heading) == 1
        assert "official v1" not in text
    assert run(*asked, "--scores", "F1", "--no-bold", "--no-intervals", "-o", "b.tex")[0] == 0
    text = (tmp_path / "b.tex").read_text()
    assert "\nhigh & 70.0 \\\\\n" in text  # 105 of 150 phrases
    assert "bootstrap" not in text
    refused(run(*asked, "--scores", "F2", "-o", "b.tex"), "'F2'", "F1")
    # a .csv keeps all, so that it can be verified
    assert run(*asked, "--scores", "F1", "-o", "b.csv")[0] == 0
    assert "mIoU" in (tmp_path / "b.csv").read_text().partition("\n")[0].split(",")


# verify


@pytest.fixture
def board(run, real):
    assert run("leaderboard", "left", "whole", "-o", "board.csv", "--quiet")[0] == 0
    return real / "board.csv"


def test_a_board_that_holds(run, board, real):
    code, out, _ = run("leaderboard", "verify", "board.csv", "--quiet")
    assert (code, "all 4 rows hold" in out) == (0, True)
    # moved together, board and runs still find each other
    (real / "moved").mkdir()
    for name in ("left", "whole", "board.csv"):
        shutil.move(real / name, real / "moved" / name)
    code, out, _ = run("leaderboard", "verify", "moved/board.csv", "--json")
    told = json.loads(out)
    assert (code, told["rows"], told["faults"]) == (0, 4, [])


@pytest.mark.parametrize(
    ("column", "value"),
    [("mIoU", "0.9"), ("AP50_high", "0.99"), ("n", "4"), ("failed", "1"), ("role", "baseline"),
     ("predictions", "0" * 64), ("rank", "2"), ("model", "better")],
)  # fmt: skip
def test_a_board_that_was_changed(run, board, column, value):
    with board.open(newline="") as stream:
        lines = list(csv.reader(stream))
    at = lines[0].index(column)
    assert lines[1][at] != value
    lines[1][at] = value
    with board.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(lines)
    code, out, _ = run("leaderboard", "verify", "board.csv", "--json")
    faults = json.loads(out)["faults"]
    assert code == 2
    assert (column, value) in {(fault["field"], fault["board"]) for fault in faults} or (
        column == "n" and "3" in faults[0]["found"]
    )


def changed(board, column, field, value):
    """Writes another value into one field of a mapping of the first row."""
    with board.open(newline="") as stream:
        lines = list(csv.reader(stream))
    at = lines[0].index(column)
    mapping = json.loads(lines[1][at])
    assert mapping.get(field) != value
    lines[1][at] = json.dumps({**mapping, field: value})
    with board.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(lines)


@pytest.mark.parametrize(
    ("column", "field", "value", "faults"),
    [
        ("measurement", "card", "7", {"signature: card", "signature"}),
        ("measurement", "metrics", "miou", {"signature: metrics", "signature"}),
        ("measurement", "encoder", "bert@1", {"signature: encoder", "signature"}),
        ("answered", "prompt", "other", {"signature: prompt", "signature"}),
        ("answered", "sampled", "no", {"signature: sampled", "signature"}),
        ("scores", "mIoU", {"direction": "lower", "scale": "plain"}, {"scores"}),
    ],
)
def test_what_a_board_says_of_its_scores_was_changed(run, board, column, field, value, faults):
    changed(board, column, field, value)
    code, out, _ = run("leaderboard", "verify", "board.csv", "--json")
    assert code == 2
    assert {fault["field"] for fault in json.loads(out)["faults"]} == faults


def test_the_signature_of_a_board_is_that_of_its_other_columns(run, board):
    text = board.read_text()
    board.write_text(text.replace("|split:val|", "|split:test|", 1))
    code, out, _ = run("leaderboard", "verify", "board.csv", "--json")
    (fault,) = json.loads(out)["faults"]
    assert (code, fault["field"]) == (2, "signature")
    assert "|split:test|" in fault["board"]
    assert "|split:val|" in fault["found"]


def test_optional_metrics_and_another_encoder_are_verified_too(run, real):
    arguments = ("--encoder", "minilm", "--also", "rouge_l", "--draws", "20", "--quiet")
    assert run("score", "left", "--protocol", "strict", *arguments)[0] == 0
    assert run("leaderboard", "left", "--by", "mIoU", "-o", "b.csv", "--quiet")[0] == 0
    with (real / "b.csv").open(newline="") as stream:
        lines = {line["protocol"]: line for line in csv.DictReader(stream)}
    assert lines["strict-2"]["ROUGE_L"]
    assert "minilm" in lines["official-1"]["signature"]  # its own encoder is another
    code, out, _ = run("leaderboard", "verify", "b.csv", "--json")
    assert (code, json.loads(out)["faults"]) == (0, [])


def test_predictions_that_were_changed(run, board, real):
    file = real / "left" / "predictions.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[0]["phrases"] = []
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, out, _ = run("leaderboard", "verify", "board.csv", "--quiet")
    assert code == 2
    assert "2 of 4 rows differ" in out
    for field in ("predictions", "mIoU"):
        assert field in out


def test_runs_that_are_gone_and_boards_that_are_none(run, board, real):
    shutil.rmtree(real / "whole")
    code, out, _ = run("leaderboard", "verify", "board.csv", "--json")
    faults = json.loads(out)["faults"]
    assert (code, len(faults)) == (2, 2)
    assert all("not a run folder" in fault["found"] for fault in faults)
    refused(run("leaderboard", "verify", "board.md"), ".csv")
    refused(run("leaderboard", "verify", "gone.csv"), "gone.csv")
    (real / "x.csv").write_text("a,b\n1,2\n")
    refused(run("leaderboard", "verify", "x.csv"), "model")


# check


def check(run, path, *more):
    code, out, _ = run("leaderboard", "check", path, *more, "--json")
    return code, json.loads(out)


def errors_of(told):
    """The problems that are errors; that all captions are the same is a warning here."""
    return [problem for problem in told["problems"] if problem["level"] == "error"]


def test_a_run_that_is_handed_in(run, real):
    code, told = check(run, "left")
    assert (code, told["accepted"], told["answered"], told["n"]) == (0, True, 3, 3)
    assert told["layout"] == "run folder"
    assert told["measured_on"]["dataset"] == "shapes"
    assert len(told["content_sha256"]) == 64
    assert any("same caption" in note for note in told["notes"])  # all three say A square.
    code, out, _ = run("leaderboard", "check", "left")
    assert code == 0
    assert "can be accepted" in out


def test_the_content_decides_the_hash(run, real):
    """Another order, layout and time are the same submission; another caption is not."""
    _, told = check(run, "left")
    lines = [
        json.loads(line) for line in (real / "left" / "predictions.jsonl").read_text().splitlines()
    ]
    for line in lines:
        line["seconds"] = 9.0
    file = real / "again.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in reversed(lines)))
    shapes = ("--dataset", "shapes", "--split", "val", "--limit", "3")
    code, again = check(run, "again.jsonl", *shapes)
    assert (code, again["content_sha256"]) == (0, told["content_sha256"])
    lines[0]["caption"] += "!"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert check(run, "again.jsonl", *shapes)[1]["content_sha256"] != told["content_sha256"]


def test_a_submission_with_everything_wrong(run, real):
    lines = (real / "left" / "predictions.jsonl").read_text().splitlines()
    first, second = json.loads(lines[0]), json.loads(lines[1])
    second["phrases"][0]["mask"] = {"size": [2, 2], "counts": "04"}
    stranger = {**first, "id": "from-elsewhere"}
    file = real / "bad.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in (first, first, second, stranger)))
    code, told = check(run, "bad.jsonl", "--dataset", "shapes", "--split", "val", "--limit", "3")
    assert (code, told["accepted"]) == (2, False)
    said = " ".join(problem["problem"] for problem in told["problems"])
    assert "already" in said  # a duplicate
    assert "2 x 2" in said  # another size
    assert "not in the split" in said
    assert "no prediction" in said  # of the third image
    assert (told["answered"], told["n"]) == (2, 3)
    code, out, _ = run(
        "leaderboard", "check", "bad.jsonl", "--dataset", "shapes", "--split", "val", "--limit", "3"
    )
    assert code == 2
    assert "cannot be accepted" in out


def test_a_result_of_other_data(run, real):
    """All that a run says of the data is compared with the data here."""
    scored = Run.open(real / "left")
    stored = load_result(scored, "gcg.strict-2")
    keep(scored, replace(stored, data=replace(stored.data, card="7")))
    code, told = check(run, "left")
    assert code == 2
    (problem,) = errors_of(told)
    assert (problem["field"], problem["level"]) == ("card", "error")
    assert "says 7" in problem["problem"]


def test_a_run_that_contradicts_itself_is_not_accepted(run, real):
    file = real / "left" / "gcg.strict-2" / "scores.json"
    scores = json.loads(file.read_text())
    scores["scores"]["mIoU"]["value"] = 0.999
    file.write_text(json.dumps(scores))
    code, told = check(run, "left")
    assert (code, told["accepted"]) == (2, False)
    (problem,) = errors_of(told)
    assert problem["field"] == "scores.mIoU"
    assert "the rows give" in problem["problem"]


def test_check_asks_for_the_split(run, real):
    (real / "x.jsonl").write_text("")
    refused(run("leaderboard", "check", "x.jsonl"), "--split")
    refused(run("leaderboard", "check", "gone", "--split", "val", "--dataset", "shapes"), "gone")


# cite


def test_cite_prints_bibtex(run, real):
    code, out, err = run("cite", "left", "whole")
    assert code == 0
    assert out.count("@software{gcg_bench,") == 1
    for key in ("denkowski2014meteor", "vedantam2015cider", "wang2020minilm"):
        assert f"{{{key}," in out
    assert "devlin2019bert" not in out  # official was scored with minilm here
    assert "left.py" in err
    assert run("cite", "left", "-o", "refs.bib", "--quiet") == (0, "", "")
    assert "@software" in (real / "refs.bib").read_text()
    refused(run("cite", "left", "-o", "refs.bib"), "exists")
    told = json.loads(run("cite", "whole", "--json", "--quiet")[1])
    assert told["unknown"] == []
    assert told["citations"][0]["key"] == "gcg_bench"


def test_cite_needs_scored_runs(run, tmp_path):
    run_folder(tmp_path / "bare", "bare", rows([1]), protocols=[])
    refused(run("cite", "bare"), "gcg-bench score")
    refused(run("cite"), "cite RUN...", "--diff A B")


def test_cite_explains_two_signatures(run, counted, tmp_path):
    run_folder(tmp_path / "few", "few", rows([1, 2]), beams=4)
    code, out, _ = run("cite", "--diff", "low", "few")
    assert code == 0
    lines = [" ".join(line.replace("│", "").split()) for line in out.splitlines()]
    assert lines.count("n 30 2 measurement how many queries were scored") == 2
    assert lines.count("beams - 4 answers a setting of the model") == 2
    assert lines[-1] == "The scores cannot be compared: measured with another n."
    told = json.loads(run("cite", "--diff", "low", "high", "--json")[1])
    assert [(pair["protocol"], pair["comparable"]) for pair in told] == [
        ("official-1", True), ("strict-2", True),
    ]  # fmt: skip
    refused(run("cite", "--diff", "low", "gone"), "gone", "no signature")
    refused(run("cite", "--diff", "low", "few", "high"), "--diff")
