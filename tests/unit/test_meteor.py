"""METEOR against the program itself, driven by pycocoevalcap's own wrapper, and on paper."""

import gzip
import os
import random
import shutil
import signal
import threading
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocoevalcap.meteor.meteor import Meteor
from support.captioned import pairs, published, scores

from gcg_bench.errors import BadData, EnvironmentProblem
from gcg_bench.metrics.meteor import METEOR, _room
from gcg_bench.scoring.score import measure
from gcg_bench.text import java, meteor
from gcg_bench.text.child_process import Programs

# words that match by form, stem, synonym and paraphrase, and tokens that look like something else
ALIKE = ("dog", "dogs", "running", "run", "photograph", "picture", "car", "automobile", "each")
SMALL = ("a", "the", "of", "two", "hundred", "other", "cat")
ODD = (",", "'s", "-lrb-", "3\xa01/2", "caf\u00e9", "\u00c9", "2,500", "|||", "|")
# words that METEOR separates or joins before it compares them
JOINED = (
    "u.s.",
    "us",
    "u.k..",
    "fig.5",
    "a..b",
    "5'2",
    "x,y,z",
    "l'\u00e9t\u00e9",
    "e-mail",
    "70's",
)
WORDS = (*ALIKE, *SMALL, *ODD)


def paraphrases(many, rng):
    """Entries of METEOR's own table."""
    with gzip.open(meteor.whole_table(), "rt", encoding="utf-8") as stream:
        lines = [line.strip() for line in islice(stream, 600_000)]
    return rng.sample(list(zip(lines[1::3], lines[2::3], strict=True)), many)


def some_world():
    """Random captions, several references, perfect answers, and every kind of nothing."""
    rng = random.Random(5)

    def caption(most):
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(0, most)))

    world = [
        ([caption(12) for _ in range(rng.randint(1, 3))], caption(12).replace("of of", "of  of"))
        for _ in range(150)
    ]
    for reference, hypothesis in paraphrases(300, rng):
        odd = rng.choice(JOINED)
        world.append(([f"a {reference} {odd} the dog"], f"the {hypothesis} {odd} of a dog"))
    same = [([text], text) for text in ("a dog", "a photograph of the car", "the of", "2,500")]
    nothing = [(["a dog"], ""), ([""], "a dog"), ([""], ""), (["", "a"], "  "), (["a"], "|||")]
    return [*world, *same, *nothing]


WORLD = some_world()

pytestmark = pytest.mark.starts_java
slow = pytest.mark.slow  # the program takes seconds to start


@pytest.fixture(scope="module")
def program():
    """pycocoevalcap's wrapper around the program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(java.find_java().parent), prepend=os.pathsep)
        wrapper = Meteor()
        yield wrapper
        wrapper.meteor_p.kill()
        for pipe in (wrapper.meteor_p.stdin, wrapper.meteor_p.stdout, wrapper.meteor_p.stderr):
            pipe.close()


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Our rows, the hard way: cold, two programs, a path with a space, on a German machine."""
    folder = tmp_path_factory.mktemp("a folder")
    (folder / "meteor").symlink_to(java.package_folder() / "meteor")
    german = "-Duser.language=de -Duser.country=DE -Dfile.encoding=ISO-8859-1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GCG_BENCH_CACHE", str(folder / "cache"))
        patch.setenv("JAVA_TOOL_OPTIONS", german)
        patch.setattr(java, "package_folder", lambda: folder)
        patch.setattr(meteor, "_SHARD_FROM", 10)
        patch.setattr(os, "cpu_count", lambda: 2)
        found = measure(METEOR(), pairs(WORLD))
        patch.setattr(meteor, "run_java", None)
        again = measure(METEOR(), pairs(WORLD[::-1]))
    for name, column in found.columns.items():
        assert column.tolist() == again.columns[name].tolist()[::-1]
    return found


@slow
def test_counts_are_those_of_the_program(rows, program):
    for k, (references, hypothesis) in enumerate(WORLD):
        told = [float(number) for number in program._stat(hypothesis, references).split()]
        assert [rows.columns[name][k] for name in METEOR.columns] == told


@slow
def test_scores_are_those_of_the_program(rows, program):
    corpus, each = program.compute_score(*published(WORLD))
    alone = METEOR().reduce(rows, np.eye(len(WORLD)))["METEOR"]
    assert alone == pytest.approx(each, abs=1e-9)
    together = METEOR().reduce(rows, np.ones((1, len(WORLD))))["METEOR"]
    assert together == pytest.approx([corpus], abs=1e-9)


@slow
@settings(max_examples=60)
@given(st.lists(st.integers(0, len(WORLD) - 1), min_size=1, max_size=40))
def test_weights_are_repeated_segments_to_the_program(rows, program, drawn):
    corpus, _ = program.compute_score(*published([WORLD[k] for k in drawn]))
    weights = np.bincount(drawn, minlength=len(WORLD))[None].astype(float)
    assert METEOR().reduce(rows, weights)["METEOR"] == pytest.approx([corpus], abs=1e-9)


@slow
def test_no_images_score_nothing(rows):
    assert METEOR().reduce(rows, np.zeros((2, len(WORLD))))["METEOR"].tolist() == [0.0, 0.0]
    assert scores(METEOR(), []) == {"METEOR": 0.0}


def test_on_paper(monkeypatch):
    # hypothesis "a dog" beside "a big dog": all matched exactly, in two chunks
    counts = {"words": (2, 3), "function": (1, 1), "matched": (2, 2)}
    row = [*counts["words"], *counts["function"], 1, 1, 1, 1, *[0] * 12, 2, *counts["matched"]]
    monkeypatch.setattr(
        meteor, "meteor_statistics", lambda caption_pairs: np.array([row], dtype=float)
    )
    precision, recall = 1.0, 1.0 / (0.75 * 2 + 0.25)
    mean = precision * recall / (0.85 * precision + 0.15 * recall)
    expected = mean * (1 - 0.6 * (2 / 2) ** 0.2)
    assert scores(METEOR(), [(["a big dog"], "a dog")])["METEOR"] == pytest.approx(expected)


# words, function words, matches (content, function) by stage, chunks, matched words; twice each:
# hypothesis and reference
COUNTS = (
    [5, 6, 2, 3, 1, 1, 1, 2, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 2, 4, 5],
    [2, 2, 1, 1, 1, 1, 1, 1, *[0] * 12, 1, 2, 2],  # word for word
    [2, 3, 1, 1, 1, 1, 1, 1, *[0] * 12, 1, 2, 2],  # a word of the reference is left
    [2, 2, 1, 1, 1, 1, 1, 1, *[0] * 12, 2, 2, 2],  # turned round
    [2, 2, 1, 1, 0, 1, 1, 1, *[0] * 12, 1, 1, 2],  # a word of the caption is left
)


@pytest.fixture
def counted(monkeypatch):
    """Rows of images with those counts, asked for in one call, each pair of captions once."""
    asked = []

    def answered(caption_pairs):
        asked.append(list(caption_pairs))
        return np.array(
            [COUNTS["abcde".index(hypothesis)] for _, hypothesis in caption_pairs], dtype=float
        )

    monkeypatch.setattr(meteor, "meteor_statistics", answered)
    world = [(["x"], "a"), (["x"], "b"), (["x"], "c"), (["x"], "d"), (["x"], "e")]
    world.append((["x"], "b"))
    rows = measure(METEOR(), pairs(world))
    assert asked == [[(("x",), name) for name in "abcde"]]
    assert [rows.columns[name][5] for name in METEOR.columns] == COUNTS[1]
    return rows


def formula(precision, recall, fragmentation):
    """METEOR 1.5 with its English parameters."""
    mean = precision * recall / (0.85 * precision + 0.15 * recall)
    return mean * (1 - 0.6 * fragmentation**0.2)


def test_stages_weigh_1_6_8_6_and_content_three_times_function(counted):
    # hypothesis: content 1 + .6, function 1 + .6; reference: content 1 + .6 + .8, function 2
    precision = (0.75 * 1.6 + 0.25 * 1.6) / (0.75 * 3 + 0.25 * 2)
    recall = (0.75 * 2.4 + 0.25 * 2) / (0.75 * 3 + 0.25 * 3)
    found = METEOR().reduce(counted, np.eye(6)[:1])["METEOR"]
    assert found == pytest.approx([formula(precision, recall, 2 / 4.5)], abs=1e-12)


def test_a_caption_word_for_word_has_no_chunks_and_any_other_has(counted):
    alone = METEOR().reduce(counted, np.eye(6)[1:5])["METEOR"]
    recall = 1 / (0.75 * 2 + 0.25)
    expected = [1.0, formula(1.0, recall, 1 / 2), formula(1.0, 1.0, 2 / 2)]
    # the caption's content word is left: only its function word counts, a quarter
    expected.append(formula(0.25, 1.0, 1 / 1.5))
    assert alone == pytest.approx(expected, abs=1e-12)
    # together: 6 words of 7 matched, in 0 + 1 + 2 chunks
    together = METEOR().reduce(counted, np.array([[0.0, 1, 1, 1, 0, 0]]))["METEOR"]
    expected = formula(1.0, 3 / (0.75 * 4 + 0.25 * 3), 3 / 6)
    assert together == pytest.approx([expected], abs=1e-12)


# what METEOR has no memory for

MAT = "a cat on a mat"
LONG = " ".join(MAT.split() * 6000)  # each word at 6,000 to 12,000 places


def test_a_caption_that_exhausts_the_program_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(
        meteor, "meteor_statistics", lambda caption_pairs: pytest.fail("Java was started")
    )
    world = [([MAT], "a cat"), (["a dog", MAT], LONG), ([MAT], LONG[:8000])]
    with pytest.raises(BadData, match=r"image 1: caption: has 30,000 words \('a cat on") as caught:
        METEOR().fit(pairs(world))
    # from the second word on, 40 alignments are copied for each of the 12,000 places of an "a"
    need = 40 * 12_001 * (30_000 + 5 * 5) / 1e9
    assert f"METEOR would take {need:.1f} GB of memory or more" in str(caught.value)
    assert '"error"' in str(caught.value)


def test_a_failure_of_the_program_names_the_caption_that_it_may_be_due_to(monkeypatch):
    def fail(caption_pairs):
        raise EnvironmentProblem("METEOR failed")

    monkeypatch.setattr(meteor, "meteor_statistics", fail)
    plain = [([MAT], "a cat"), ([MAT], " ".join(["word"] * 1000))]
    with pytest.raises(EnvironmentProblem) as caught:
        METEOR().fit(pairs(plain))
    assert str(caught.value) == "METEOR failed"
    longer = [*plain, ([MAT], " ".join(["pad"] * 2000)), ([MAT], " ".join(["word"] * 1500))]
    with pytest.raises(EnvironmentProblem) as caught:
        METEOR().fit(pairs(longer))
    told = "METEOR failed. If memory or time ran out: image 2: caption: has 2,000 words ('pad pad"
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("references", "room"),
    [
        # 1 alignment, one copy for each of 1,001 places and one without, of 1,001 + 5 x 2 bytes
        (["a b"], 1002 * 1011),
        # the second "a" copies the 40 best again; "b" stands nowhere
        (["b a a"], 40 * 1002 * 1016),
        (["b a a", "a b"], 40 * 1002 * 1016),
        (["b"], 1 * 1006),
        ([], 0),
    ],
)
def test_the_room_of_a_long_caption_on_paper(references, room):
    assert _room(references, " ".join(["a"] * 1001)) == room
    assert _room(references, " ".join(["a"] * 1000)) == 0


def test_what_was_computed_beside_a_block_needs_no_second_program(monkeypatch):
    # captions of this process alone: the cache does not have them
    world = [(["a dog runs"], f"the dogs running {os.getpid()}"), (["a red car"], "an automobile")]
    with meteor.computed_beside(world):
        pass

    def no_program(*_, **__):
        raise AssertionError("a program was started")

    computed = meteor._statistics([meteor._segment(*pair) for pair in world], Programs())
    monkeypatch.setattr(meteor, "run_java", no_program)
    assert np.array_equal(meteor.meteor_statistics(world), computed)


def test_without_a_cache_nothing_is_computed_twice(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path / "file" / "cache"))
    asked = []

    def statistics(lines, programs):
        asked.append(list(lines))
        return np.ones((len(lines), meteor.METEOR_NUMBERS))

    monkeypatch.setattr(meteor, "_statistics", statistics)
    monkeypatch.setattr(meteor, "_latest", {})
    world = [(["a dog"], "a dog beside a wall")]
    with meteor.computed_beside(world):
        pass
    assert meteor.meteor_statistics(world).tolist() == [[1.0] * meteor.METEOR_NUMBERS]
    assert len(asked) == 1


def test_an_error_in_the_block_ends_the_programs(monkeypatch, tmp_path):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path))
    started, ended = threading.Event(), []

    def endless(lines, programs):
        started.set()
        try:
            ended.append(programs.run([shutil.which("sleep"), "600"], b"", 600).returncode)
        except OSError:  # the block ended before the program started
            ended.append(-signal.SIGKILL)
        raise EnvironmentProblem("killed")

    monkeypatch.setattr(meteor, "_statistics", endless)
    monkeypatch.setattr(meteor, "_latest", {})

    def interrupted():
        with meteor.computed_beside([(["a dog"], "a cat")]):
            started.wait(60)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert ended == [-signal.SIGKILL]


def test_what_goes_wrong_beside_a_block_is_met_again(monkeypatch):
    world = [(["a dog"], f"a cat {os.getpid()} {os.getppid()}")]  # not in the cache

    def missing(*_, **__):
        raise EnvironmentProblem("no Java")

    monkeypatch.setattr(meteor, "run_java", missing)
    with meteor.computed_beside(world):
        pass
    with pytest.raises(EnvironmentProblem, match="no Java"):
        meteor.meteor_statistics(world)
