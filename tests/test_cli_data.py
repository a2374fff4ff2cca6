"""`gcg-bench data` as people type it: exit codes, one clear message, clean JSON on stdout."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.tiny import DATA, copy, paint

from gcg_bench.cli import main
from gcg_bench.cli.data import is_dataset
from gcg_bench.data import download
from gcg_bench.data.cards import card_names
from gcg_bench.errors import EnvironmentProblem

FOLDER = "GranDf/annotations/val_test"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Types a command; gives the exit code, stdout and stderr."""

    def typed(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["data", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return int(left.value.code or 0), out, err

    return typed


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return copy("grandf", tmp_path)


def test_list_names_every_card_and_what_is_here(run: Run, root: Path) -> None:
    code, out, _ = run("list", "--data-root", root, "--json")
    assert code == 0
    listed = {card["name"]: card for card in json.loads(out)}
    assert set(listed) == set(card_names())
    assert listed["grandf"]["here"] == ["val", "test"]
    assert listed["openpsg_gcg"]["here"] == listed["grand"]["here"] == []
    assert listed["shapes"]["here"] == ["train", "val", "test"]
    code, out, err = run("list", "--data-root", root)
    assert code == 0
    assert all(name in out for name in card_names())
    assert str(root) in err.replace("\n", "")


def test_show_tells_what_a_reader_must_know(run: Run, root: Path) -> None:
    code, out, _ = run("show", "grandf", "--data-root", root)
    assert code == 0
    for part in ("MBZUAI/GranD-f", "apache-2.0", "2500", "2000", "@inproceedings", "Known issues"):
        assert part in out
    code, out, _ = run("show", "grandf", "--json", "--data-root", root)
    value = json.loads(out)
    assert "interleaved     segmentation" in value["prompt"]
    assert value["splits"]["val"]["files"]["masks"] == "val_gcg_coco_mask_gt.json"


def test_a_name_misspelt(run: Run) -> None:
    for command in ("show", "check", "fetch"):
        code, out, err = run(command, "granf")
        assert (code, out) == (2, "")
        assert "no data set named 'granf'; did you mean 'grandf'" in err
        assert len(err.strip().splitlines()) == 1


def test_check_of_sound_data_exits_with_0(run: Run, root: Path) -> None:
    code, out, _ = run("check", "grandf", "--split", "val", "--data-root", root)
    assert code == 0
    assert "3 images, 6 phrases, 5 masks" in out
    assert "errors: 0" in out


def test_check_lists_every_error_and_exits_with_2(run: Run, root: Path) -> None:
    file = root / FOLDER / "val_gcg_coco_mask_gt.json"
    value = json.loads(file.read_text())
    for row in value["annotations"][:2]:
        row["segmentation"]["counts"] = "0"
    file.write_text(json.dumps(value))
    code, out, _ = run("check", "grandf", "--split", "val", "--data-root", root, "--json")
    assert code == 2
    (split,) = json.loads(out)
    errors = [one for one in split["problems"] if one["level"] == "error"]
    assert [(one["image"], one["phrase"]) for one in errors] == [("sa_3", 0), ("sa_3", 1)]
    for one in errors:
        assert one["file"] == str(file)
        assert one["field"].startswith("annotations[")
        assert one["problem"]
        assert one["remedy"]
    code, out, _ = run("check", "grandf", "--split", "val", "--data-root", root)
    assert code == 2
    assert out.count("sa_3") == 2
    assert "val_gcg_coco_mask_gt" in out


def test_problems_of_ones_own_data_are_named_from_its_folder_on(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "val.jsonl").write_text('{"id": "a", "captions": ["a cat"]}\n')
    code, out, _ = run("check", tmp_path / "own", "--split", "val")
    assert code == 2
    assert f"ownvalin{tmp_path / 'own'}" in "".join(out.split())  # a long path is folded
    assert "│ val.jsonl" in out


def test_check_shows_ten_rows_of_a_problem_and_counts_the_rest(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "none.jsonl"
    file.write_text("")
    asked = ("check", file, "--dataset", "shapes", "--split", "val")
    code, out, _ = run(*asked)
    assert code == 2
    assert out.count("shapes_val_") == 10
    assert "no prediction: 190 more" in out
    assert len(json.loads(run(*asked, "--json")[1])["problems"]) == 200


def test_check_without_a_split_looks_at_all(run: Run, root: Path) -> None:
    code, out, _ = run("check", "grandf", "--data-root", root, "--json")
    assert code == 0
    assert [(one["split"], one["images"]) for one in json.loads(out)] == [("val", 3), ("test", 2)]


def test_check_where_nothing_is(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("check", "grandf", "--split", "val", "--data-root", tmp_path, "--json")
    assert code == 2
    (problem,) = json.loads(out)[0]["problems"]
    assert "cannot find" in problem["problem"]


def test_markup_in_data_is_shown_as_it_is(run: Run, root: Path) -> None:
    file = root / FOLDER / "val_gcg_coco_caption_gt.json"
    text = file.read_text().replace("sa_1", "[red]sa_1[/x]")
    file.write_text(text)
    code, out, _ = run("check", "grandf", "--split", "val", "--data-root", root)
    assert code == 0
    assert "[red]sa_1[/x]" in out


# --- predictions -------------------------------------------------------------------------------


def predictions(folder: Path, *, counts: str = "026000h1") -> Path:
    file = folder / "predictions.jsonl"
    mask = {"size": [8, 10], "counts": counts}
    rows = [
        {"id": "sa_3", "caption": "A cat.", "phrases": [{"text": "A cat", "mask": mask}]},
        {"id": "sa_1", "caption": "A tree.", "phrases": []},
        {"id": "sa_2", "caption": "People.", "phrases": []},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_check_of_predictions(run: Run, root: Path, tmp_path: Path) -> None:
    code, out, _ = run("check", predictions(tmp_path), "--split", "val", "--data-root", root)
    assert code == 0
    assert "3 answers, 1 phrases, 1 masks" in out
    code, out, _ = run(
        "check", predictions(tmp_path, counts="0"), "--split", "val", "--data-root", root, "--json"
    )
    assert code == 2
    (problem,) = json.loads(out)["problems"]
    assert (problem["level"], problem["image"], problem["phrase"]) == ("error", "sa_3", 0)


def test_what_can_be_saved_of_predictions_is_written_once(run: Run, tmp_path: Path) -> None:
    broken, out = predictions(tmp_path, counts="0"), tmp_path / "fixed.jsonl"
    code, said, err = run("check", broken, "--fix", out)
    assert code == 0
    assert "wrote 3 answers" in said
    assert "mask left out" in err
    assert run("check", out)[0] == 0
    before = out.read_bytes()
    code, _, err = run("check", broken, "--fix", out)
    assert code == 2
    assert "is there already" in err
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["grandf", "--fix", "x.jsonl"], "--fix and --dataset are only for predictions"),
        (["p.jsonl", "--dataset", "grandf"], "give the --split"),
        (["p.jsonl", "--pixels"], "--pixels is only for data sets"),
        (["p.jsonl"], "no such file"),
    ],
)
def test_options_that_do_not_go_together(
    run: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    given = [str(tmp_path / one) if one == "p.jsonl" else one for one in arguments]
    code, out, err = run("check", *given)
    assert (code, out) == (2, "")
    assert message in err


def test_what_is_a_data_set_and_what_are_predictions(tmp_path: Path) -> None:
    file = predictions(tmp_path)
    assert not is_dataset(str(file))
    assert not is_dataset(str(tmp_path))
    assert not is_dataset(str(tmp_path / "none.json"))
    assert is_dataset("grandf")
    assert is_dataset("openpsg-gcg")
    assert is_dataset("misspelt")
    for name in ("", "card.md", "val.jsonl"):
        assert is_dataset(str(DATA / "jsonl" / name))


# --- fetch -------------------------------------------------------------------------------------


def test_fetch_downloads_and_says_what_is_left(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy("grandf", tmp_path / "hub") / "GranDf" / "annotations"
    monkeypatch.setattr(download, "from_hub", lambda repo, name: folder / name)
    root = tmp_path / "root"
    code, out, _ = run("fetch", "grandf", "--data-root", root)
    assert code == 0
    assert out.count("downloaded") == 4
    assert f"into {root / 'GranDf_HA_images'}" in out
    code, out, _ = run("fetch", "grandf", "--data-root", root, "--json")
    value = json.loads(out)
    assert (value["new"], len(value["kept"]), len(value["by_hand"])) == ([], 4, 1)
    assert run("check", "grandf", "--split", "val", "--data-root", root)[0] == 0


def test_fetch_without_a_network_is_one_message(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(repo: str, name: str) -> Path:
        raise EnvironmentProblem(f"cannot download {name} of {repo} (no network). Check it")

    monkeypatch.setattr(download, "from_hub", offline)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # as --quiet sets it; undone afterwards
    code, out, err = run("fetch", "grandf", "--data-root", tmp_path, "--quiet")
    assert (code, out) == (2, "")
    assert "cannot download val_test/val_gcg_coco_mask_gt.json" in err
    assert len(err.strip().splitlines()) == 1


def test_fetch_of_what_no_hub_carries_says_so(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("fetch", "grand", "--data-root", tmp_path)
    assert code == 0
    assert "ai.meta.com" in out
    assert run("fetch", "shapes", "--data-root", tmp_path)[1] == "shapes: nothing to download\n"


# --- export ------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_name", ["jsonl", "parquet", "gcg_coco"])
def test_what_is_exported_is_a_data_set(
    run: Run, root: Path, tmp_path: Path, format_name: str
) -> None:
    for name, size in {"sa_3": (8, 10), "sa_1": (8, 10), "sa_2": (6, 4)}.items():
        paint(root / "GranDf_HA_images/val_test" / f"{name}.jpg", *size)
    out = tmp_path / "out"
    typed = ("export", "grandf", out, "--split", "val", "--format", format_name, "--data-root")
    code, said, err = run(*typed, root, "--embed-images")
    assert code == 0
    assert str(out / "card.md") in said
    assert str(out) in err.replace("\n", "")
    code, said, _ = run("check", out, "--split", "val", "--json", "--pixels")
    assert code == 0
    assert json.loads(said)[0]["pictures"] == 3
    code, said, err = run(*typed, root)
    assert (code, said) == (2, "")
    assert "is there already; nothing is written over" in err


def test_an_export_of_nothing_leaves_nothing(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, _, err = run("export", "grandf", out, "--split", "val", "--data-root", tmp_path)
    assert code == 2
    assert "cannot find" in err
    assert not out.exists()
    code, _, err = run("export", "shapes", out, "--split", "train")
    assert code == 2
    assert "--limit" in err
    code, _, err = run("export", "shapes", out, "--split", "val", "--format", "csv")
    assert code == 2
    assert "'csv' is not one of" in err


# --- what is imported --------------------------------------------------------------------------

HEAVY = ("torch", "transformers", "scipy", "pandas", "datasets", "pyarrow")


def imported(*arguments: str) -> set[str]:
    """The heavy packages that a command imports."""
    program = (
        "import sys\nfrom gcg_bench.cli import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.rpartition("HEAVY")[2].split())


def test_help_and_list_and_check_import_nothing_heavy(root: Path) -> None:
    assert imported("data", "--help") == set()
    assert imported("data", "list") == set()
    assert imported("data", "check", "grandf", "--data-root", str(root)) == set()


def test_the_test_above_can_fail(tmp_path: Path) -> None:
    typed: list[Any] = ["data", "export", "shapes", tmp_path / "out", "--split", "val"]
    found = imported(*map(str, [*typed, "--limit", 1, "--format", "parquet"]))
    assert {"datasets", "pyarrow"} <= found
