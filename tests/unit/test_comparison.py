"""Two runs held against each other: arithmetic on paper, simulated truth, the goldens, the page."""

import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console
from support.scored import (
    AP_STRICT,
    SMALL_OFFICIAL,
    SMALL_STRICT,
    confident,
    ids,
    rows,
    run_folder,
)

from gcg_bench.analysis.run_comparison import compare
from gcg_bench.analysis.run_comparison.changes import ScoreChange
from gcg_bench.cli.compare_tables import print_contrast
from gcg_bench.errors import BadData, BadOption, MissingData, UnknownName
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.reporting.compare_page import p_shown, write_page
from gcg_bench.runs.labels import distinct_labels, short_labels
from gcg_bench.scoring.storage import keep, load_result
from gcg_bench.statistics import Difference
from gcg_bench.tasks.gcg import OFFICIAL, STRICT
from gcg_bench.types import Rows, ScoreSpec

GOLDENS = Path(__file__).parents[3] / "shared" / "goldens" / "official_gcg" / "coco_a"


STRICT_FOLDER = "gcg.strict-2"


@pytest.fixture
def two(tmp_path):
    """A matched 3, 3, 3, 3 and B 5, 0, 3, 4 of the 5 phrases of four images."""
    a = run_folder(tmp_path / "a", "first", rows([3, 3, 3, 3]))
    b = run_folder(tmp_path / "b", "second", rows([5, 0, 3, 4]))
    return a, b


def of(contrast, protocol, score):
    (found,) = [s for s in contrast.scores if (s.protocol, s.score) == (protocol, score)]
    return found


# --- on paper


def test_scores_and_differences(two):
    found = compare(*two, draws=50)
    f1 = of(found, "strict-2", "F1")
    assert f1.verdict == "no difference shown"  # the same score, from other images
    assert f1.a == pytest.approx(2 * 12 / 40)
    assert f1.b == pytest.approx(2 * 12 / 40)
    assert f1.difference.value == 0
    assert of(found, "official-1", "mIoU").a == pytest.approx(0.6)
    assert [one.score for one in found.scores] == [
        "mIoU", "Precision", "Recall", "F1", "mIoU", "Hallucination",
    ]  # fmt: skip
    assert [protocol.key for protocol in found.protocols] == ["official-1", "strict-2"]
    assert (found.n, found.dataset, found.split) == (4, "shapes", "val")


@pytest.mark.parametrize(
    ("width", "name", "verdict", "columns"),
    [  # a cell has a space on either side and a line before it
        (140, "Hallucination (lower is better)", "no difference shown", 9),
        (90, "Hallucination", "–: no difference shown", 9),
        (75, "Hallucination", "–: no difference shown; visible and p need a wider terminal", 7),
    ],
)
def test_the_table_of_a_narrow_terminal_has_whole_words(two, width, name, verdict, columns):
    stream = io.StringIO()
    print_contrast(Console(file=stream, width=width), compare(*two, draws=5), 5)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    (line,) = [line for line in lines if line.startswith("│ Hallucination")]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert (cells[0], len(cells)) == (name, columns)
    # no phrase is hallucinated by either
    assert (cells[1], cells[2], cells[-1]) == ("0.0", "0.0", "equal")
    assert any(verdict in line for line in lines)
    assert not any(line.startswith("│ better)") for line in lines)


def test_images_that_changed_most(two):
    found = compare(*two, by="F1", draws=5).images
    assert (found.score, found.protocol) == ("F1", "strict-2")
    assert [(image.id, image.a, image.b) for image in found.images] == [
        ("image_1", 0.6, 0.0), ("image_0", 0.6, 1.0), ("image_3", 0.6, 0.8), ("image_2", 0.6, 0.6),
    ]  # fmt: skip
    assert [image.id for image in found.changed] == ["image_1", "image_0", "image_3"]


def test_images_are_compared_as_the_last_protocol_sorts_them(two):
    found = compare(*two, draws=5).images
    assert (found.score, found.protocol) == ("F1", "strict-2")
    # both have mIoU; the last one in the order of the task is taken
    both = compare(*two, by="mIoU", draws=5).images
    assert (both.score, both.protocol) == ("mIoU", "strict-2")
    official = compare(*two, protocols=["official"], draws=5)
    assert (official.images.score, official.images.protocol) == ("mIoU", "official-1")
    assert official.phrases is None
    with pytest.raises(UnknownName, match="'mIoU'"):
        compare(*two, by="mIuo", draws=5)


def test_phrases_gained_and_lost(two):
    found = compare(*two, draws=5).phrases
    assert (found.reference, found.a, found.b) == (20, 12, 12)
    # two and one more in images 0 and 3, three fewer in image 1
    assert (found.gained, found.lost) == (3, 3)
    assert [(i.id, i.difference) for i in found.images] == [
        ("image_1", -3), ("image_0", 2), ("image_3", 1),
    ]  # fmt: skip


def test_a_run_with_itself(two):
    found = compare(two[0], two[0], draws=30)
    assert found.scores
    for one in found.scores:
        assert one.difference == Difference(0.0, 0.0, 0.0, 1.0, visible=0.0)
        assert one.holm == 1.0
        assert one.verdict == "equal"
    assert found.images.changed == ()
    assert (found.phrases.gained, found.phrases.lost) == (0, 0)


def test_holm_runs_over_the_whole_table(tmp_path):
    a = run_folder(tmp_path / "a", "low", rows([1] * 30))
    b = run_folder(tmp_path / "b", "high", rows([4] * 30))
    found = compare(a, b, draws=199)
    # all but hallucination differ in every image; swapping shows as much only when no image or
    # every image is swapped, so p is 1 / 1991 in ten times 199 draws, and five of six tests have it
    smallest = [one for one in found.scores if one.score != "Hallucination"]
    assert [one.difference.p for one in smallest] == [1 / 1991] * 5
    assert [one.holm for one in smallest] == pytest.approx([6 / 1991] * 5)
    assert of(found, "strict-2", "Hallucination").holm == 1
    assert {one.verdict for one in smallest} == {"better"}


def test_fewer_mistakes_are_better(tmp_path):
    a = run_folder(tmp_path / "a", "wild", rows([1] * 30, hallucinated=4))
    b = run_folder(tmp_path / "b", "tame", rows([1] * 30, hallucinated=1))
    found = compare(a, b, draws=199)
    one = of(found, "strict-2", "Hallucination")
    assert one.difference.value == pytest.approx(-0.6)
    assert one.spec.lower_is_better
    assert one.verdict == "better"
    assert of(compare(b, a, draws=199), "strict-2", "Hallucination").verdict == "worse"


def test_a_length_is_neither_good_nor_bad():
    words = ScoreSpec("Words", direction="neither", scale="plain")
    more = ScoreChange("strict-2", words, 3, 5, Difference(2, 1, 3, 0.001), 0.01)
    less = ScoreChange("strict-2", words, 5, 3, Difference(-2, -3, -1, 0.001), 0.01)
    assert (more.verdict, less.verdict) == ("higher", "lower")


def test_a_number_that_is_none_is_null():
    nan, F1 = float("nan"), ScoreSpec("F1")
    told = ScoreChange("x-1", F1, nan, 1, Difference(nan, nan, nan, nan), nan).to_json()
    assert told["a"] is told["p_holm"] is told["difference"] is None
    assert told["significant"] is False
    json.dumps(told, allow_nan=False)


def test_a_number_that_is_none_is_a_dash_in_the_table(tmp_path):
    # neither model predicts a phrase, so there is no share of hallucinated phrases
    nothing = rows([0] * 4, predicted=0)
    a, b = (run_folder(tmp_path / name, name, nothing) for name in "ab")
    stream = io.StringIO()
    print_contrast(Console(file=stream, width=200), compare(a, b, draws=20), top=3)
    (line,) = [line for line in stream.getvalue().splitlines() if "Hallucination (" in line]
    assert [cell.strip() for cell in line.split("│")[2:5]] == ["–", "–", "–"]


def test_failed_answers_are_noted(two):
    first, second = two
    keep(second, replace(load_result(second, STRICT_FOLDER), failed=3))
    notes = compare(first, second, protocols=["strict"], draws=20).notes
    assert "B: 3 of 4 answers failed and count as silence" in notes
    assert not any(note.startswith("A: ") for note in notes)


def test_json_holds_everything(two):
    told = compare(*two, draws=20, seed=3).to_json(top=2)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["a"]["model"] == "first"
    assert (told["draws"], told["seed"], told["n"]) == (20, 3, 4)
    official, strict = told["protocols"]
    assert (official["protocol"], official["version"]) == ("official", 1)
    assert set(strict["scores"]) == {
        "Precision", "Recall", "F1", "mIoU", "Hallucination",
    }  # fmt: skip
    assert set(strict["scores"]["F1"]) >= {"a", "b", "difference", "low", "high", "p", "p_holm"}
    assert [image["id"] for image in told["images"]["most"]] == ["image_1", "image_0"]
    assert (told["phrases"]["gained"], told["phrases"]["lost"]) == (3, 3)


# --- what cannot be compared


@pytest.mark.parametrize(
    ("field", "value"),
    [("encoder", "bert-base-uncased@1"), ("truth", "abc"), ("card", "2"), ("missing", "empty")],
)
def test_another_measurement_is_refused_by_name(tmp_path, field, value):
    a = run_folder(tmp_path / "a", "first", rows([1, 2]))
    b = run_folder(tmp_path / "b", "second", rows([1, 2]), **{field: value})
    with pytest.raises(BadOption, match=rf"first and second cannot be compared: {field} is .*"):
        compare(a, b, draws=5)


def test_namesakes_are_told_apart_by_their_folders(tmp_path):
    a = run_folder(tmp_path / "one", "same", rows([1, 2]))
    b = run_folder(tmp_path / "two", "same", rows([1, 2]), card="2")
    with pytest.raises(BadOption, match=r"same \(one\) and same \(two\) cannot be compared: card"):
        compare(a, b, draws=5)


def test_another_number_of_images_is_refused(tmp_path):
    a = run_folder(tmp_path / "a", "first", rows([1, 2]))
    b = run_folder(tmp_path / "b", "second", rows([1, 2, 3]))
    with pytest.raises(BadOption, match="n is 2 for one and 3 for the other"):
        compare(a, b, draws=5)


def test_other_images_are_refused(tmp_path):
    other = {n: Rows(ids(3)[1:], r.columns) for n, r in rows([1, 2]).items()}
    a = run_folder(tmp_path / "a", "first", rows([1, 2]))
    b = run_folder(tmp_path / "b", "second", other)
    with pytest.raises(BadOption, match="image 1 is 'image_0' for one and 'image_1'"):
        compare(a, b, draws=5)


def test_runs_without_a_common_protocol(tmp_path):
    a = run_folder(tmp_path / "a", "first", rows([1]), protocols=[SMALL_OFFICIAL])
    b = run_folder(tmp_path / "b", "second", rows([1]), protocols=[SMALL_STRICT])
    both = run_folder(tmp_path / "c", "third", rows([1]))
    with pytest.raises(MissingData, match="no protocol was used for both"):
        compare(a, b, draws=5)
    with pytest.raises(MissingData, match="not both runs were scored with strict"):
        compare(a, both, protocols=["strict"], draws=5)
    (protocol,) = compare(a, both, draws=5).protocols
    assert protocol.key == "official-1"
    bare = run_folder(tmp_path / "d", "fourth", rows([1]), protocols=[])
    with pytest.raises(MissingData, match="gcg-bench score"):
        compare(bare, both, draws=5)


# --- notes


def test_too_few_draws_are_said(two):
    assert any("nothing can be significant" in note for note in compare(*two, draws=5).notes)
    assert not any("nothing can" in note for note in compare(*two, draws=1000).notes)
    with pytest.raises(BadOption, match="draws"):
        compare(*two, draws=0)


def test_two_scales_of_confidence_are_not_compared(tmp_path):
    counted = {"ap50_scored": confident([[(0.9, True)], [(0.4, False), (0.2, True)]])}
    plain = {"ap50_scored": confident([[(1, True)], [(1, False)]])}
    a = run_folder(tmp_path / "a", "sure", counted, protocols=[AP_STRICT], confidences="all")
    b = run_folder(tmp_path / "b", "flat", plain, protocols=[AP_STRICT])
    with pytest.raises(BadOption, match="ranked_by_confidence is all for one and none for the"):
        compare(a, b, draws=5)
    assert compare(a, a, draws=5).answered == ()


def test_a_score_that_two_protocols_share_is_one_test(tmp_path):
    shared = (replace(SMALL_OFFICIAL, metrics=(MeanIoU(),)), replace(SMALL_STRICT, ranked_by=""))
    a, b = (
        run_folder(tmp_path / name, name, rows(matched), protocols=shared)
        for name, matched in (("low", [1] * 30), ("high", [4] * 30))
    )
    contrast = compare(a, b, draws=199)
    assert [change.score for change in contrast.scores].count("mIoU") == 2
    assert (len(contrast.scores), contrast.distinct) == (6, 5)
    adjusted = [change.holm for change in contrast.scores if change.score != "Hallucination"]
    assert adjusted == pytest.approx([5 / 1991] * 5)


def test_what_was_asked_differently_is_listed(tmp_path):
    a = run_folder(tmp_path / "a", "first", rows([1]), prompt="abc", max_new_tokens=512)
    b = run_folder(tmp_path / "b", "second", rows([1]), prompt="def")
    assert compare(a, b, draws=5).answered == (
        ("prompt", "abc", "def"),
        ("max_new_tokens", "512", "not set"),
    )


# --- stored rows


def test_rows_that_are_gone_are_said(two, tmp_path):
    stored = load_result(two[0], STRICT_FOLDER)
    keep(two[0], replace(stored, rows={"miou": stored.rows["miou"]}))
    with pytest.raises(BadData, match="no rows of phrase_f1"):
        compare(*two, draws=5)
    (tmp_path / "b" / STRICT_FOLDER / "rows.parquet").unlink()
    with pytest.raises(BadData, match=r"scores\.json: sha256\.rows: belongs to other rows"):
        compare(two[1], two[1], draws=5)


def test_scores_of_other_predictions_are_refused(two, tmp_path):
    with (tmp_path / "a" / "predictions.jsonl").open("a") as stream:
        stream.write('{"id": "more", "caption": "a cat"}\n')
    with pytest.raises(BadData, match=r"sha256\.predictions: belongs to other predictions"):
        compare(*two, draws=5)
    # the protocol that is not asked for is not read
    (tmp_path / "b" / "gcg.official-1" / "rows.parquet").write_bytes(b"")
    assert compare(two[1], two[1], protocols=["strict"], draws=5).scores


def test_labels_are_short_where_they_can_be_told_apart():
    assert short_labels(["predictions:/data/x/mine", "glamm:ckpt/a", "./dir/model.py:load"]) == [
        "predictions:mine", "glamm:a", "model.py:load",
    ]  # fmt: skip
    alike = ["glamm:/a/final", "glamm:/b/final", "silent"]
    assert short_labels(alike) == alike
    assert short_labels(["a </b> / c <d>", "x/"]) == ["a </b> / c <d>", "x/"]
    assert short_labels(["glamm:/a/final"] * 2) == ["glamm:final"] * 2


def test_labels_that_several_runs_have_name_their_folders():
    assert distinct_labels(["a", "b"], ["/x/1", "/x/2"]) == ["a", "b"]
    assert distinct_labels(["a", "b", "a"], ["/x/1", "/x/2", "/y/3"]) == ["a (1)", "b", "a (3)"]
    assert distinct_labels(["a", "a"], ["/x/1", "/y/1"]) == ["a (/x/1)", "a (/y/1)"]
    assert distinct_labels(["a", "a", "b"], ["/x/1", "/x/1", ""]) == ["a", "a", "b"]


# --- the goldens


@pytest.mark.slow
@pytest.mark.skipif(not GOLDENS.is_dir(), reason="the full goldens are not beside this checkout")
def test_good_against_medium_is_significant_everywhere(tmp_path):
    """The published evaluator's own numbers, subtracted, and what the draws say of them."""
    from gcg_bench.data import load_dataset
    from gcg_bench.execution.models import load_model
    from gcg_bench.pipeline.interface import evaluate
    from gcg_bench.runs import Run

    data = load_dataset("grandf", "val", GOLDENS / "gt")
    protocols = [OFFICIAL.using(encoder="minilm"), STRICT]
    for name in ("good", "medium"):
        model = load_model(f"predictions:{GOLDENS / f'pred_{name}'}")
        evaluate(model, data, tmp_path / name, protocols=protocols)
    found = compare(Run.open(tmp_path / "good"), Run.open(tmp_path / "medium"))
    expected = json.loads((GOLDENS / "expected_official.json").read_text())
    for name in ("AP50", "METEOR", "CIDEr", "mIoU", "Recall"):
        one = of(found, "official-1", name)
        wanted = expected["medium"][name] - expected["good"][name]
        assert one.difference.value == pytest.approx(wanted, abs=1e-9)
        assert one.difference.low <= wanted <= one.difference.high
    # neither run has a phrase without a mask, so there nothing differs
    same = of(found, "strict-2", "Ungrounded")
    assert (same.a, same.b, same.holm) == (0, 0, 1)
    assert same.verdict == "equal"
    rest = [one for one in found.scores if one.score != "Ungrounded"]
    assert len(rest) == 19
    assert all(one.sure for one in rest)
    assert {one.verdict for one in rest} == {"worse", "lower"}
    assert (found.images.score, len(found.images.images)) == ("gPQ", 97)
    assert found.phrases.reference == 286


# --- the page

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)> & \u202eright'


class Reader(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self):
        super().__init__()
        self.elements, self.words = [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def read(file):
    reader = Reader()
    reader.feed(file.read_text("utf-8"))
    return reader


def test_the_page_holds_the_numbers(two, tmp_path):
    out = tmp_path / "new" / "compare.html"
    write_page(compare(*two, draws=20), out, captions={"image_1": ("a dog", "a cat")})
    page = read(out)
    text = " ".join(page.words)
    assert "second" in text
    assert "a dog" in text
    assert "3 gained" in text
    assert len([1 for tag, _ in page.elements if tag == "circle"]) == 4
    assert all(tag not in ("link", "img", "iframe") or a.get("href") == "data:,"
               for tag, a in page.elements)  # fmt: skip
    assert not any(name.startswith("on") or name == "style" for _, a in page.elements for name in a)


def test_hostile_text_is_text(tmp_path):
    strange = {n: Rows((HOSTILE, "b"), r.columns) for n, r in rows([1, 2]).items()}
    other = {n: Rows((HOSTILE, "b"), r.columns) for n, r in rows([3, 0]).items()}
    a = run_folder(tmp_path / "a", HOSTILE, strange, prompt=HOSTILE)
    b = run_folder(tmp_path / "b", "plain", other)
    out = tmp_path / "x.html"
    write_page(compare(a, b, draws=5), out, captions={HOSTILE: (HOSTILE, HOSTILE)})
    page = read(out)
    assert [tag for tag, _ in page.elements if tag in ("script", "img")] == ["script"]
    spelt = HOSTILE.replace("\u202e", r"\u202e")
    assert sum(spelt in words for words in page.words) >= 5


@pytest.mark.parametrize(
    ("p", "shown"), [(1, "1"), (0.0499, ".050"), (0.0005, "< .001"), (0.25, ".250"),
                     (float("nan"), "–")]
)  # fmt: skip
def test_p_is_never_nothing(p, shown):
    assert p_shown(p) == shown
