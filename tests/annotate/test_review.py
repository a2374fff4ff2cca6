"""Decisions of people: what they change and what they measure."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from support.annotations import annotation, scene
from support.reviews import CAPTION, SCENE, decided, nine, written

from gcg_bench.annotate.as_run import write_run
from gcg_bench.annotate.exporting import write_dataset
from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.annotate.review.changes import reviewed
from gcg_bench.annotate.review.measures import interval, kappa
from gcg_bench.annotate.review.result import result_of, take
from gcg_bench.annotate.review.survey import survey
from gcg_bench.annotate.scenes import Evidence, Scene, TiedPhrase
from gcg_bench.data import load_dataset
from gcg_bench.data.cards import read_card
from gcg_bench.pipeline.score import measured_on


def after(of, *decisions):
    return reviewed(of, {decision.phrase: decision for decision in decisions})


def phrases_of(of):
    return [(phrase.text, phrase.span) for phrase in of.phrases]


def test_new_words_move_every_later_span():
    renamed = after(SCENE, decided(SCENE, 0, "rename", "Two brown dogs"))
    # 5 characters become 14
    assert renamed.caption == "Two brown dogs and a cat on a mat."
    assert phrases_of(renamed) == [
        ("Two brown dogs", (0, 14)),
        ("a cat", (19, 24)),
        ("a mat", (28, 33)),
    ]
    both = after(SCENE, decided(SCENE, 1, "rename", "it"), decided(SCENE, 2, "rename", "the moon"))
    assert both.caption == "A dog and it on the moon."
    assert phrases_of(both) == [("A dog", (0, 5)), ("it", (10, 12)), ("the moon", (16, 24))]
    assert [phrase.ids for phrase in both.phrases] == [(1,), (2,), (3,)]


@pytest.mark.parametrize("verdict", ["reject", "wrong_mask"])
def test_a_dropped_phrase_leaves_its_words(verdict):
    evidence = (Evidence("crop", 0.1, phrase=1), Evidence("crop", 0.2, phrase=2))
    given_ = replace(SCENE, evidence=(*evidence, Evidence("crop", 0.3, object=1)))
    dropped = after(given_, decided(given_, 1, verdict))
    assert dropped.caption == CAPTION
    assert phrases_of(dropped) == [("A dog", (0, 5)), ("a mat", (19, 24))]
    # the evidence of the dropped phrase goes, that of the last one follows it
    assert dropped.evidence == (Evidence("crop", 0.2, phrase=1), Evidence("crop", 0.3, object=1))


def test_phrases_that_share_words():
    tied = (
        TiedPhrase("A dog and a cat", (0, 15), (1, 2)),
        TiedPhrase("a cat", (10, 15), (2,)),
        TiedPhrase("a cat on a mat", (10, 24), (2, 3)),
        TiedPhrase("cat on", (12, 18), (2,)),
    )
    changed = after(
        replace(SCENE, phrases=tied),
        decided(replace(SCENE, phrases=tied), 1, "rename", "two foxes"),
    )
    assert changed.caption == "A dog and two foxes on a mat."
    # "cat on" shared a part of the replaced words alone
    assert phrases_of(changed) == [
        ("A dog and two foxes", (0, 19)),
        ("two foxes", (10, 19)),
        ("two foxes on a mat", (10, 28)),
    ]


WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6)


VERDICT = st.one_of(
    st.just(("accept", None)),
    st.just(("reject", None)),
    st.just(("wrong_mask", None)),
    WORDS.map(lambda words: ("rename", words)),
)


@given(st.lists(st.tuples(WORDS, WORDS, st.none() | VERDICT), max_size=6))
def test_kept_phrases_spell_themselves_and_other_words_stay(parts):
    """Captions of `between phrase between phrase ...`; None is no decision."""
    caption, tied, expected = "", [], ""
    for k, (between, words, verdict) in enumerate(parts):
        start = len(caption) + len(between) + 1
        tied.append(TiedPhrase(words, (start, start + len(words)), (k,)))
        caption += f"{between} {words}."
        new = verdict[1] if verdict and verdict[0] == "rename" else words
        expected += f"{between} {new}."
    given_ = Scene(image_id="a", height=1, width=1, caption=caption, phrases=tuple(tied))
    made = [
        decided(given_, k, *verdict)
        for k, (_, _, verdict) in enumerate(parts)
        if verdict is not None
    ]
    changed = after(given_, *made)
    assert changed.caption == expected
    dropped = ("reject", "wrong_mask")
    kept = [
        k for k, (_, _, verdict) in enumerate(parts) if not verdict or verdict[0] not in dropped
    ]
    assert [phrase.ids for phrase in changed.phrases] == [(k,) for k in kept]
    assert all(changed.caption[slice(*phrase.span)] == phrase.text for phrase in changed.phrases)
    assert after(given_) is given_


def test_no_decisions_change_nothing(tmp_path):
    folder = annotation(tmp_path / "out", SCENE)
    before = [file.read_bytes() for file in write_dataset(folder)]
    assert take(folder, [written(folder, tmp_path / "d.json")]) == 1
    after_ = [file.read_bytes() for file in write_dataset(folder)]
    assert after_[0] == before[0]
    card = read_card(tmp_path / "out" / "card.md", home=None)
    assert card.references == "annotated"
    assert "People decided 0 of 3 phrases (0.0%)" in card.known_issues[0]


def test_the_precision_of_the_sample_by_hand(run, tmp_path):
    folder = nine(tmp_path)
    verdicts = ["accept"] * 4 + ["reject"] + ["accept"] * 3 + ["rename"]
    scenes = [replace(SCENE, image_id=name) for name in "abc"]
    made = [
        decided(
            scenes[k // 3], k % 3, verdict, "a rug" if verdict == "rename" else None, sampled=True
        )
        for k, verdict in enumerate(verdicts)
    ]
    file = written(folder, tmp_path / "d.json", *made, sample=(100, 0), reviewer="Ana")
    code, out, _ = run("annotate", "apply", "out", file)
    assert code == 0
    # 7 of 9: Clopper and Pearson's interval is .3999 to .9719
    assert (
        "Precision of phrases before review: 77.8%, 7 of 9 accepted (95% interval 40.0 to 97.2),"
        in out
    )
    assert "of a random sample of 9, all decided." in out
    assert "People decided 9 of 9 phrases (100.0%), in 3 of 3 images." in out
    card = read_card(tmp_path / "out" / "card.md", home=None)
    assert card.references == "reviewed"
    assert any("77.8%, 7 of 9 accepted" in issue for issue in card.known_issues)
    rows = [json.loads(line) for line in (tmp_path / "out" / "val.jsonl").read_text().splitlines()]
    assert [[phrase["text"] for phrase in row["phrases"]] for row in rows] == [
        ["A dog", "a cat", "a mat"],
        ["A dog", "a mat"],
        ["A dog", "a cat", "a rug"],
    ]
    assert rows[2]["captions"] == ["A dog and a cat on a rug."]
    truth = measured_on(load_dataset(tmp_path / "out", "val", tmp_path)).shown_truth
    assert truth.startswith("reviewed-")
    code, out, _ = run("annotate", "apply", "out", file, "--json", "--quiet")
    found = json.loads(out)
    assert found["applied"] == 0
    assert found["sample"]["precision"] == 7 / 9
    assert len((tmp_path / "out" / "decisions.jsonl").read_text().splitlines()) == 1


def test_a_sample_that_is_not_all_decided_says_so(tmp_path):
    folder = nine(tmp_path)
    drawn = survey(folder).sample(4, 7)
    (image, phrase), others = drawn[0], set(survey(folder).places()) - set(drawn)
    scenes = {name: replace(SCENE, image_id=name) for name in "abc"}
    outside = [decided(scenes[name], k, "reject") for name, k in sorted(others)]
    inside = decided(scenes[image], phrase, "accept", sampled=True)
    take(folder, [written(folder, tmp_path / "d.json", inside, *outside, sample=(4, 7))])
    result = result_of(folder)
    # five rejected phrases are no part of the sample
    assert (result.measures.sampled_decided, result.measures.accepted) == (1, 1)
    assert result.references == "annotated"
    assert "of a random sample of 4 of which 3 are undecided and not counted" in result.issues[1]


@pytest.mark.parametrize(("right", "of"), [(0, 1), (7, 9), (93, 100), (100, 100), (0, 37)])
def test_intervals_are_those_of_another_program(right, of):
    expected = binomtest(right, of).proportion_ci(0.95, method="exact")
    assert interval(right, of) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_kappa_by_hand():
    pairs = [("a", "a")] * 20 + [("a", "r")] * 5 + [("r", "a")] * 10 + [("r", "r")] * 15
    # agreed .7; by chance .5 x .6 + .5 x .4 = .5
    assert kappa(pairs) == pytest.approx(0.4, abs=1e-15)
    assert kappa([("a", "a"), ("a", "a")]) is None
    assert kappa([("a", "r"), ("r", "a")]) == -1


def test_every_phrase_is_drawn_equally_often(tmp_path):
    """Of 9 phrases 3 are drawn, 600 times: 200 times each, standard deviation 11.5."""
    known = survey(nine(tmp_path))
    counts = Counter(place for seed in range(600) for place in known.sample(3, seed))
    assert set(counts) == set(known.places())
    assert all(140 < count < 260 for count in counts.values())
    assert known.sample(3, 5) == known.sample(9, 5)[:3]
    assert sorted(known.sample(100, 5)) == list(known.places())


def test_the_least_certain_phrases_come_first(tmp_path):
    folder = annotation(
        tmp_path / "out", SCENE, scene("b", "A bird.", "A bird", scores=[0.5]), scene("c", "Sky.")
    )
    known = survey(folder)
    assert known.least_certain(3) == [("a", 1), ("b", 0), ("a", 2)]
    assert known.counts == {"a": 3, "b": 1, "c": 0}


def test_two_reviewers_who_differ(tmp_path):
    folder = nine(tmp_path)
    ana = written(
        folder,
        tmp_path / "1.json",
        decided(SCENE, 0, "accept"),
        decided(SCENE, 1, "accept"),
        reviewer="Ana",
    )
    bo = written(
        folder,
        tmp_path / "2.json",
        decided(SCENE, 0, "accept"),
        decided(SCENE, 1, "reject"),
        reviewer="Bo",
    )
    assert take(folder, [ana, bo]) == 2
    result = result_of(folder)
    assert result.decisions["a"][1].verdict == "reject"
    [line] = result.measures.agreement_lines()
    # agreed .5, by chance 1 x .5
    assert line.startswith(
        "Ana and Bo agree on 1 of the 2 phrases that both decided (50.0%), Cohen's kappa 0.00"
    )
    # neither is lost, and applying again changes nothing, in whatever order
    log = (tmp_path / "out" / "decisions.jsonl").read_bytes()
    assert [json.loads(line)["reviewer"] for line in log.splitlines()] == ["Ana", "Bo"]
    assert take(folder, [ana]) == 0
    assert (tmp_path / "out" / "decisions.jsonl").read_bytes() == log
    assert result_of(folder).decisions["a"][1].verdict == "reject"


def test_a_withdrawn_decision_counts_no_longer(run, tmp_path):
    """9 phrases: 7 accepted, 2 rejected; then an accept and a reject are withdrawn: 6 of 7."""
    folder = nine(tmp_path)
    scenes = [replace(SCENE, image_id=name) for name in "abc"]
    made = [
        decided(scenes[k // 3], k % 3, "reject" if k in (4, 8) else "accept", sampled=True)
        for k in range(9)
    ]
    sample = {"sample": (100, 0), "reviewer": "Ana"}
    run("annotate", "apply", "out", written(folder, tmp_path / "1.json", *made, **sample))
    assert result_of(folder).references == "reviewed"
    back = [decided(scenes[k // 3], k % 3, "withdrawn", sampled=True) for k in (0, 8)]
    lacks = decided(scenes[2], None, "missing")
    file = written(folder, tmp_path / "2.json", *back, lacks, **sample)
    code, out, _ = run("annotate", "apply", "out", file)
    assert code == 0
    # Clopper and Pearson's interval of 6 of 7 is .4213 to .9964
    assert "85.7%, 6 of 7 accepted (95% interval 42.1 to 99.6)" in out
    assert "of a random sample of 9 of which 2 are undecided" in out
    assert "People decided 7 of 9 phrases (77.8%), in 3 of 3 images" in out
    assert "In 1 of the 3 images something has no phrase." in out
    assert read_card(tmp_path / "out" / "card.md", home=None).references == "annotated"
    rows = [json.loads(line) for line in (tmp_path / "out" / "val.jsonl").read_text().splitlines()]
    # the phrase whose rejection was withdrawn is there again; the other rejected one is not
    assert [len(row["phrases"]) for row in rows] == [3, 2, 3]
    nothing = replace(lacks, verdict="withdrawn", words="")
    take(folder, [written(folder, tmp_path / "3.json", nothing, **sample)])
    assert result_of(folder).measures.missing == 0


def test_who_withdraws_takes_back_his_or_her_own_decision(tmp_path):
    folder = nine(tmp_path)

    def said(number, verdict, reviewer):
        file = tmp_path / f"{number}.json"
        take(folder, [written(folder, file, decided(SCENE, 1, verdict), reviewer=reviewer)])
        found = result_of(folder)
        decision = found.decisions.get("a", {}).get(1)
        return None if decision is None else decision.verdict, dict(found.reviewers)

    assert said(1, "withdrawn", "Cy") == (None, {})  # there was nothing to withdraw
    assert said(2, "accept", "Ana") == ("accept", {"Ana": 1})
    assert said(3, "reject", "Bo") == ("reject", {"Ana": 1, "Bo": 1})
    assert len(result_of(folder).measures.agreement) == 1
    assert said(4, "withdrawn", "Bo") == ("accept", {"Ana": 1})
    assert result_of(folder).measures.agreement == ()
    assert said(5, "wrong_mask", "Bo") == ("wrong_mask", {"Ana": 1, "Bo": 1})
    assert said(6, "withdrawn", "Ana") == ("wrong_mask", {"Bo": 1})
    assert len((tmp_path / "out" / "decisions.jsonl").read_text().splitlines()) == 6


def test_the_status_says_how_far_the_review_is(run, tmp_path):
    folder = nine(tmp_path)
    assert "review" not in run("annotate", "status", "out")[1]
    first, second = decided(SCENE, 0, "accept"), decided(SCENE, 1, "reject")
    files = [
        written(folder, tmp_path / "1.json", first, second, reviewer="Ana"),
        written(folder, tmp_path / "2.json", first),
    ]
    take(folder, files)
    code, out, _ = run("annotate", "status", "out")
    assert code == 0
    assert "review: 2 of 9 phrases decided ((no name) 1, Ana 2)\n" in out
    captions = [replace(SCENE, image_id=name, caption=CAPTION.upper()) for name in "abc"]
    again = annotation(tmp_path / "out", *captions)
    message = "have other captions or masks now: 3, of images a. The page of gcg-bench"
    code, out, _ = run("annotate", "status", "out")
    assert message in out
    assert "phrases decided" not in out
    take(again, [written(again, tmp_path / "3.json", reviewer="Ana")])
    code, out, _ = run("annotate", "status", "out", "--json")
    assert json.loads(out)["review"] == {
        "phrases": 9,
        "decided": 0,
        "reviewers": {},
        "outdated": {"files": 2, "decisions": 3, "images": ["a"]},
    }


def test_missing_is_of_the_image(tmp_path):
    folder = nine(tmp_path)
    take(folder, [written(folder, tmp_path / "d.json", decided(SCENE, None, "missing"))])
    result = result_of(folder)
    assert list(result.scenes()) == list(folder.scenes())
    assert "In 1 of the 1 images something has no phrase." in result.issues


def test_the_run_follows_the_decisions(tmp_path):
    data = load_dataset("shapes", "val", limit=1)
    size = data.samples[0].size
    source = {"kind": "dataset", "dataset": "shapes", "split": "val", "limit": 1}
    one = scene(data.samples[0].id, CAPTION, "A dog", "a cat", size=size)
    folder = annotation(tmp_path / "out", one, source=source)
    first = write_run(folder, data, message=lambda _: None)
    file = written(
        folder, tmp_path / "d.json", decided(one, 0, "rename", "A fox"), decided(one, 1, "reject")
    )
    take(folder, [file])
    run = write_run(AnnotationFolder(folder.folder), data, message=lambda _: None)
    [answer] = run.predictions()
    assert answer.grounding.caption == "A fox and a cat on a mat."
    assert [phrase.text for phrase in answer.grounding.phrases] == ["A fox"]
    assert (tmp_path / "out" / f"run.{first.settings['decoding']['recipe'][:8]}").is_dir()
    # without the decisions the run of before is used again
    (tmp_path / "out" / "decisions.jsonl").unlink()
    again = write_run(folder, data, message=lambda _: None)
    assert "decisions" not in again.settings["decoding"]
    names = sorted(file.name for file in (tmp_path / "out").glob("run*"))
    assert [name.count("-") for name in names] == [0, 1]  # the other one is of recipe-decisions
