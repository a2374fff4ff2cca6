"""compare, boards and two signatures on the command line, on runs made from counts."""

import csv
import json
import shutil

import pytest
from support.scored import rows, run_folder


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
        "compare", "low", "high", "--draws", "20", "--json", "--by", "mIoU", "--top", "2", "--quiet"
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
