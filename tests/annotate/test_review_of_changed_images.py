"""Decisions after captions or masks of some images changed: which count, and what is measured."""

import hashlib
import json
from dataclasses import replace

import pytest
from scipy.stats import binomtest
from support.annotations import annotation, scene
from support.reviews import SCENE, decided, nine, written

from gcg_bench.annotate.review.result import result_of, take
from gcg_bench.errors import BadData
from gcg_bench.reporting.review_page import Chosen, write_review

CHANGED = "A dog and a cat on a rug."
# of nine phrases of images a, b and c, five of the first six are accepted, seven of nine in all
VERDICTS = (*["accept"] * 4, "reject", *["accept"] * 3, "rename")
SAMPLE = {"sample": (100, 0), "reviewer": "Ana"}


def of(name):
    return replace(SCENE, image_id=name)


def other(name):
    """The image after its caption changed."""
    return scene(name, CHANGED, "A dog", "a cat", "a rug", scores=[0.9, 0.3, 0.6])


def all_nine():
    """Decisions about all phrases of `nine`."""
    return [
        decided(of("abc"[k // 3]), k % 3, word, "a hat" if word == "rename" else None, sampled=True)
        for k, word in enumerate(VERDICTS)
    ]


def applied(tmp_path):
    """`nine` with applied decisions about all of its phrases."""
    folder = nine(tmp_path)
    assert take(folder, [written(folder, tmp_path / "1.json", *all_nine(), **SAMPLE)]) == 1
    assert result_of(folder).measures.precision == 7 / 9
    return folder


def with_changed(tmp_path, *changed, names="abc", word="first"):
    """The annotation of before with other captions of some images."""
    scenes = [other(name) if name in changed else of(name) for name in names]
    return annotation(tmp_path / "out", *scenes, word=word)


def test_only_decisions_about_the_changed_image_are_outdated(run, tmp_path):
    applied(tmp_path)
    result = result_of(with_changed(tmp_path, "c"))
    measures = result.measures
    assert (measures.decided, measures.sampled, measures.sampled_decided) == (6, 9, 6)
    assert result.reviewers == {"Ana": 6}
    # the decisions about a and b are applied: one phrase of b is rejected
    assert [len(one.phrases) for one in result.scenes()] == [3, 2, 3]
    assert result.issues[-1] == (
        "3 decisions about 1 images are about earlier captions or masks and do not count."
    )
    code, out, _ = run("annotate", "status", "out")
    assert code == 0
    assert "review: 6 of 9 phrases decided (Ana 6)\n" in out
    assert "have other captions or masks now: 3, of images c. The page of gcg-bench" in out
    code, out, _ = run("annotate", "status", "out", "--json")
    assert json.loads(out)["review"]["outdated"] == {"files": 1, "decisions": 3, "images": ["c"]}


def test_the_rest_of_a_changed_sample_is_not_called_random(tmp_path):
    applied(tmp_path)
    measures = result_of(with_changed(tmp_path, "c")).measures
    # five are accepted; the three undecided phrases of c can make it eight of nine
    assert (measures.accepted, measures.sampled_outdated, measures.is_random) == (5, 3, False)
    assert measures.precision is None
    low = binomtest(5, 9).proportion_ci(0.95, method="exact").low
    # p ** 9 = .975 at the upper end of eight of nine
    assert (measures.low, measures.high) == pytest.approx((low, 0.975 ** (1 / 9)), abs=1e-9)
    assert not measures.complete
    [line] = [line for line in measures.lines() if "precision" in line]
    assert line == (
        "No precision of phrases before review: 3 of the 9 phrases of the random sample are"
        " undecided (3 changed after a decision), and others were decided before the annotation"
        " changed, so the 6 decided ones (5 accepted) are no random sample. Whatever people decide"
        " about the rest, the 95% interval of the precision is within 21.2 to 99.7."
    )
    assert measures.as_json()["sample"]["precision"] is None
    assert measures.as_json()["sample"]["random"] is False


def test_the_sample_is_random_again_when_the_changed_phrases_are_decided(tmp_path):
    applied(tmp_path)
    folder = with_changed(tmp_path, "c")
    again = [decided(other("c"), k, "accept", sampled=True) for k in range(3)]
    half = written(folder, tmp_path / "2.json", again[0], **SAMPLE)
    take(folder, [half])
    assert result_of(folder).measures.precision is None
    take(folder, [written(folder, tmp_path / "3.json", *again[1:], sample=(100, 0))])
    result = result_of(folder)
    assert (result.measures.precision, result.references) == (8 / 9, "reviewed")
    assert (result.outdated, result.again) == ((), frozenset())
    # with the captions of before the decisions of before count again, and no other ones
    result = result_of(with_changed(tmp_path))
    assert (result.measures.precision, result.outdated) == (7 / 9, ())


def test_a_new_review_of_an_annotation_that_changed_as_a_whole_is_random(tmp_path):
    applied(tmp_path)
    folder = with_changed(tmp_path, *"abc")
    result = result_of(folder)
    assert (result.measures, result.digest, len(result.outdated)) == (None, "", 9)
    assert result.issues == (
        "Nobody has looked at the present annotation: 9 decisions about 3 images are about earlier"
        " captions or masks and do not count.",
    )
    made = [decided(other("a"), k, "accept", sampled=True) for k in range(2)]
    take(folder, [written(folder, tmp_path / "2.json", *made, **SAMPLE)])
    measures = result_of(folder).measures
    # no decision of before is left that could be a selection
    assert (measures.precision, measures.is_random, measures.sampled_outdated) == (1.0, True, 7)
    assert any("of which 7 are undecided" in line for line in measures.lines())


def test_another_recipe_with_the_same_result_keeps_all_decisions(tmp_path):
    before = result_of(applied(tmp_path))
    after = result_of(with_changed(tmp_path, word="other"))
    assert after.measures == before.measures
    assert after.digest == before.digest


def test_an_image_that_is_gone_and_one_that_is_new(tmp_path):
    applied(tmp_path)
    # without c the sample is the six phrases that are left, all decided
    result = result_of(with_changed(tmp_path, names="ab"))
    assert (result.measures.precision, result.references) == (5 / 6, "reviewed")
    assert {one.key for one in result.outdated} == {("c", 0), ("c", 1), ("c", 2)}
    # d failed before, so its phrases had no chance to be decided: the nine are no sample of twelve
    result = result_of(with_changed(tmp_path, names="abcd"))
    measures = result.measures
    assert (measures.sampled, measures.sampled_outdated, result.outdated) == (12, 0, ())
    assert (measures.precision, result.references) == (None, "annotated")
    ends = [binomtest(k, 12).proportion_ci(0.95, method="exact") for k in (7, 10)]
    assert (measures.low, measures.high) == pytest.approx((ends[0].low, ends[1].high), abs=1e-9)


def test_a_file_of_before_the_change_is_applied_in_part(run, tmp_path):
    folder = nine(tmp_path)
    made = all_nine()
    file = written(folder, tmp_path / "d.json", *made, **SAMPLE)
    only_c = written(folder, tmp_path / "c.json", *made[6:], **SAMPLE)
    with_changed(tmp_path, "c")
    code, out, _ = run("annotate", "apply", "out", file)
    assert code == 0
    assert "People decided 6 of 9 phrases (66.7%), in 2 of 3 images" in out
    assert "have other captions or masks now: 3, of images c." in out
    code, out, _ = run("annotate", "apply", "out", file, "--json", "--quiet")
    assert (json.loads(out)["applied"], json.loads(out)["outdated"]["decisions"]) == (0, 3)
    code, out, err = run("annotate", "apply", "out", only_c)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "every decided image has another caption" in err
    assert "Write the page again" in err


def test_decisions_about_a_part_count_for_the_whole(tmp_path):
    part = annotation(tmp_path / "part", of("a"), of("b"))
    file = written(part, tmp_path / "d.json", *all_nine()[:6], **SAMPLE)
    whole = nine(tmp_path)
    assert take(whole, [file]) == 1
    measures = result_of(whole).measures
    assert (measures.sampled_decided, measures.precision) == (6, None)


def test_a_decision_of_another_person_replaces_an_outdated_one(tmp_path):
    applied(tmp_path)
    folder = with_changed(tmp_path, "c")
    made = decided(other("c"), 1, "reject", sampled=True)
    take(folder, [written(folder, tmp_path / "2.json", made, sample=(100, 0), reviewer="Bo")])
    result = result_of(folder)
    assert {one.key for one in result.outdated} == {("c", 0), ("c", 2)}
    # Ana's verdict about the caption of before is not compared with Bo's
    assert result.measures.agreement == ()
    assert result.reviewers == {"Ana": 6, "Bo": 1}


def test_the_page_shows_the_changed_phrases_first(tmp_path):
    applied(tmp_path)
    lacks = decided(of("b"), None, "missing")
    folder = nine(tmp_path)
    take(folder, [written(folder, tmp_path / "2.json", lacks, **SAMPLE)])
    folder = with_changed(tmp_path, "b", "c")
    made = write_review(folder, tmp_path / "page.html", {}, Chosen(sample=0, uncertain=1))
    # three phrases of each changed image, and the least certain phrase of all: a cat of image a
    assert (made.again, made.phrases) == (6, 7)
    assert "6 of the phrases changed after a decision" in (tmp_path / "page.html").read_text()


def as_first_version(file):
    """A file of decisions as version 1 had it."""
    content = json.loads(file.read_text())
    for decision in content["decisions"]:
        del decision["content"]
    file.write_text(json.dumps(content | {"version": 1}), "utf-8")
    return file


def test_files_of_the_first_version_are_read_and_bound(tmp_path):
    folder = nine(tmp_path)
    file = as_first_version(written(folder, tmp_path / "d.json", *all_nine(), **SAMPLE))
    assert take(folder, [file]) == 1
    assert take(folder, [file]) == 0
    assert result_of(folder).measures.precision == 7 / 9
    changed = with_changed(tmp_path, "c")
    assert result_of(changed).measures.sampled_decided == 6
    with pytest.raises(BadData, match=r"d\.json: result: is .*another state.*annotate review"):
        take(changed, [file])
    again = with_changed(tmp_path, word="other")
    message = rf"d\.json: recipe: is {folder.recipe['hash'][:12]}.*another state.*annotate review"
    with pytest.raises(BadData, match=message):
        take(again, [file])


def test_lines_of_the_first_version_count_as_a_whole(run, tmp_path):
    folder = nine(tmp_path)
    file = as_first_version(written(folder, tmp_path / "d.json", *all_nine(), **SAMPLE))
    content = json.loads(file.read_text())
    sha256 = hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()
    line = json.dumps({"sha256": sha256, **content}) + "\n"
    (folder.folder / "decisions.jsonl").write_text(line)
    assert result_of(folder).measures.precision == 7 / 9
    assert take(folder, [file]) == 0
    result = result_of(with_changed(tmp_path, "c"))
    assert (result.measures, len(result.outdated)) == (None, 9)
    _, out, _ = run("annotate", "status", "out")
    assert "review: 9 decisions of 1 files of version 1 do not count" in out


def test_a_field_of_the_other_version_is_refused(tmp_path):
    folder = nine(tmp_path)
    file = written(folder, tmp_path / "d.json", decided(SCENE, 0, "accept"))
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"version": 1}), "utf-8")
    with pytest.raises(BadData, match=r"decisions\[0\]\.content: no such field in version 1"):
        take(folder, [file])
