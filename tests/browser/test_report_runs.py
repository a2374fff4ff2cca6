"""Reports of whole runs, from the model to the page: rendered scenes, and answers without pictures.

The second is the golden folder `medium`, whose images nobody may pass on: its page draws masks on a
blank canvas and says why.
"""

import json

import pytest
from support.fences import ROOT

from gcg_bench.cli import main

GOLDEN = ROOT.parent / "shared" / "goldens" / "official_gcg" / "coco_a"
CARD = """---
name: golden
version: "1"
title: Answers of the published evaluator
format: gcg_coco
tasks: [gcg]
license: not stated
image_license: not stated
origin: made for tests
homepage: none
citation: none
prompt: ""
splits:
  val:
    files: {masks: val_gcg_coco_mask_gt.json, captions: val_gcg_coco_caption_gt.json}
    images: [images]
---
# golden
"""


def evaluated(out, *arguments):
    """The report of a run that was just made with the embedded encoder."""
    typed = ["evaluate", *arguments, "--encoder", "minilm", "--draws", "50", "--quiet"]
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in (*typed, "--out", out)])
    assert left.value.code in (0, 1)
    return out / "report.html"


def test_rendered_scenes(browser, tmp_path, capsys):
    model = ("--model", "shuffled_truth", "--dataset", "shapes", "--split", "val", "--limit", "6")
    page = evaluated(tmp_path / "run", *model)
    browser.open(page)
    assert browser.text("h1") == "shuffled_truth on shapes val"
    assert len(browser.all(".protocol")) == 2
    assert browser.all("#blank") == []
    scores = json.loads((tmp_path / "run" / "gcg.strict-2" / "scores.json").read_text())["scores"]
    shown = dict(
        zip(
            [name.text.split()[0] for name in browser.all(".protocol:last-child dt")],
            [value.text for value in browser.all(".protocol:last-child .value")],
            strict=True,
        )
    )
    assert shown["F1"] == f"{100 * scores['F1']['value']:.1f}"
    assert list(shown) == list(scores)
    loaded = browser.run(
        "const c = document.querySelectorAll('.stage canvas')[0];"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "return new Set([...d].filter((_, k) => k % 4 === 0)).size"
    )
    assert loaded > 8  # a picture, not one colour
    for _ in range(5):
        browser.press("j")
    browser.run("location.hash = '#mistakes'")
    browser.settle()
    counted = [int(cell.text.split()[0]) for cell in browser.all(".kinds td:nth-child(2)")[:-1]]
    assert sum(counted) == int(browser.all(".summary b")[2].text)


def test_answers_without_pictures(browser, tmp_path, capsys):
    if not GOLDEN.is_dir():
        pytest.skip("no golden folders beside the repository")
    card = tmp_path / "golden.md"
    card.write_text(CARD, encoding="utf-8")
    page = evaluated(
        tmp_path / "run",
        *("--model", f"predictions_file:{GOLDEN / 'pred_medium'}", "--dataset", card),
        *("--split", "val", "--data-root", GOLDEN / "gt"),
    )
    browser.open(page)
    assert "No pictures." in browser.text("#blank")
    assert "no such image" in browser.text("#blank")
    assert browser.text("#count") == "97 images"
    assert [number.text for number in browser.all(".summary b")][:2] == ["97", "286"]
    notes = [note.text for note in browser.all(".stage .note")]
    assert notes == ["No picture: masks on a blank canvas"] * 2
    for _ in range(10):
        browser.press("j")
    node = browser.all(".says-all.of1 .phrase")[0]
    browser.hover(node)
    assert "IoU" in browser.text(".link")
    browser.run("location.hash = '#plots'")
    browser.settle()
    assert len(browser.all("#plots .plots svg[role]")) == 4
