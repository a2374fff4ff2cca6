"""The self-test: the direction of each law is checked by hand, and a wrong metric is detected."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import StringIO
from typing import ClassVar

import numpy as np
import pytest
from rich.console import Console
from support.worlds import HEIGHT, WIDTH, bitmap, block, phrase, sample

from gcg_bench import metrics, registry
from gcg_bench.analysis.invariants import LAWS, NAMES, Direction, check_laws
from gcg_bench.analysis.invariants.damage import damaged_scenes
from gcg_bench.analysis.invariants.expectations import is_allowed
from gcg_bench.analysis.invariants.mask_changes import eroded, free_box, halves, mirrored
from gcg_bench.analysis.invariants.scenes import (
    ChangeInputs,
    Scene,
    exact_matches,
    isolated_matches,
    missed_references,
    usable,
)
from gcg_bench.cli import main
from gcg_bench.cli.selftest_tables import print_law_report
from gcg_bench.data import load_dataset
from gcg_bench.errors import MissingData
from gcg_bench.masks import area, decode, encode, iou, union
from gcg_bench.metrics import ratio
from gcg_bench.tasks import EvalProtocol, gcg
from gcg_bench.tasks.gcg import OFFICIAL, STRICT
from gcg_bench.types import Grounding, Metric, ScoreSpec

BY_NAME = {law.name: law for law in LAWS}
INPUTS = ChangeInputs(seed=0, junk="junk")


@pytest.fixture(scope="module")
def shapes():
    return load_dataset("shapes", "val", limit=12).samples


# Wrong metrics ------------------------------------------------------------------------


@dataclass(frozen=True)
class Share(Metric):
    """A correct metric, the base of wrong ones: phrases matched by IoU over reference phrases."""

    name: ClassVar[str] = "share"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (ScoreSpec("Share"),)
    columns: ClassVar[tuple[str, ...]] = ("found", "asked")
    needs: ClassVar[frozenset[str]] = frozenset({"iou", "tokens"})

    def measure(self, pair, fitted):
        return {"found": self.found(pair), "asked": float(len(pair.iou))}

    def found(self, pair):
        return float((pair.iou >= 0.5).any(axis=1).sum())

    def reduce(self, rows, weights):
        found, asked = (weights @ rows.stack(self.columns)).T
        return {"Share": ratio(found, asked)}


class FirstPhraseAlone(Share):
    def found(self, pair):
        return float((pair.iou[:, :1] >= 0.5).sum())


class PhrasesCounted(Share):
    def found(self, pair):
        return float(pair.iou.shape[1])


class NamesRead(Share):
    def found(self, pair):
        return float(len(pair.sample.id))


class SilenceRewarded(Share):
    def found(self, pair):
        return super().found(pair) if pair.iou.size else float(len(pair.iou))


class LeftSidePreferred(Share):
    def found(self, pair):
        left = [
            bool(decode(p.masks[0])[:, : p.masks[0].width // 2].any())
            for p in pair.prediction.grounding.phrases
            if p.masks
        ]
        return float(sum(left))


class FirstPartAlone(Share):
    def found(self, pair):
        answers = pair.prediction.grounding.phrases
        return float(sum(area(p.masks[:1]).sum() for p in answers if p.masks))


class ConfidencesAdded(Share):
    def found(self, pair):
        return sum(p.score or 0.0 for p in pair.prediction.grounding.phrases)


class OrderRead(Share):
    def found(self, pair):
        return pair.sample.order * super().found(pair)


class WordsCounted(Share):
    def found(self, pair):
        return 1.0 / (1 + len(pair.hypothesis.split()))


def broken(metric, samples):
    """The laws that are broken and that the metric does not declare."""
    mine = EvalProtocol("mine", 1, (metric,))
    return {finding.law for finding in check_laws(samples, [mine]).with_verdict("BROKEN")}


def test_a_sound_metric_breaks_no_law(shapes):
    assert broken(Share(), shapes) == set()


@pytest.mark.parametrize(
    ("metric", "law"),
    [
        (FirstPhraseAlone(), "phrase order"),
        (PhrasesCounted(), "junk"),
        (NamesRead(), "image names"),
        (SilenceRewarded(), "silence is zero"),
        (LeftSidePreferred(), "mirror"),
        (FirstPartAlone(), "masks in pieces"),
        (ConfidencesAdded(), "confidence scale"),
        (OrderRead(), "image order"),
        (WordsCounted(), "left-out word"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_wrong_metric_is_caught(metric, law, shapes):
    assert law in broken(metric, shapes)


def test_what_a_metric_says_it_cannot_keep_is_known(shapes):
    @dataclass(frozen=True)
    class Frank(PhrasesCounted):
        @property
        def laws_broken(self) -> Mapping[str, str]:
            return {"junk": "phrases are counted, whatever they say"}

    mine = EvalProtocol("mine", 1, (Frank(),))
    trial = check_laws(shapes, [mine])
    (junk,) = [finding for finding in trial.results if finding.law == "junk"]
    assert (junk.verdict, junk.known) == ("known", "phrases are counted, whatever they say")
    assert junk.after > junk.before
    assert "doubled phrases" in {finding.law for finding in trial.with_verdict("BROKEN")}


# The laws --------------------------------------------------------------------------------------


def test_laws_have_names_of_their_own_and_reasons():
    assert len(set(NAMES)) == len(NAMES)
    for law in LAWS:
        assert law.description.endswith(".")
        for claim in (law.default, *filter(None, [law.captions])):
            assert len(claim.reason.split()) > 3


def test_claims_are_about_laws_and_scores_that_there_are():
    for metric in [metrics.load(name) for name in registry.names("metrics")]:
        scores = {spec.name for spec in metric.scores}
        assert set(metric.law_claims) <= set(NAMES), metric.name
        for claims in metric.law_claims.values():
            assert set(claims) <= scores, metric.name
            assert all(len(claim.reason.split()) > 3 for claim in claims.values())


def test_scores_of_one_name_and_two_metrics_have_their_own_claims():
    """Junk costs the published recall nothing, and it should; precision counts it beside ours."""
    claims = [metrics.load(name).law_claims for name in ("mask_recall", "phrase_f1")]
    directions = [one["junk"]["Recall"].direction for one in claims]
    assert directions == ["down", "not at all"]


def test_a_metric_names_only_laws_that_there_are():
    plain = [metrics.load(name) for name in registry.names("metrics")]
    for metric in (*OFFICIAL.metrics, *STRICT.metrics, *plain):
        assert set(metric.laws_broken) <= {*NAMES, "more noise"}, metric.name


def test_sound_forms_break_no_law():
    assert [m.name for m in STRICT.metrics if m.laws_broken] == ["words"]


def claimed(law, metric):
    """The direction that a law claims of a metric's one score."""
    (spec,) = metric.scores
    return law.claim(metric, spec).direction


def test_better_is_down_where_lower_is_better():
    @dataclass(frozen=True)
    class Mistakes(Share):
        name: ClassVar[str] = "mistakes"
        scores: ClassVar[tuple[ScoreSpec, ...]] = (ScoreSpec("Mistakes", direction="lower"),)

    law = BY_NAME["erosion"]
    assert claimed(law, Share()) == Direction.NOT_UP
    assert claimed(law, Mistakes()) == Direction.NOT_DOWN
    law = BY_NAME["truth is best"]
    assert claimed(law, Share()) == Direction.NOT_DOWN
    assert claimed(law, Mistakes()) == Direction.NOT_UP


def test_captions_stand_still_where_a_law_leaves_them_alone():
    cider = metrics.load("cider")
    assert claimed(BY_NAME["junk"], cider) == Direction.UNCHANGED
    assert claimed(BY_NAME["failure"], cider) == Direction.NOT_UP
    # one that reads masks as well as captions is not left alone
    assert claimed(BY_NAME["junk"], Share()) == Direction.NOT_UP


@pytest.mark.parametrize(
    ("direction", "moves"),
    [
        # down .2, down .1, rounding, up .2
        (Direction.UP, (False, False, False, True)),
        (Direction.DOWN, (True, True, False, False)),
        (Direction.NOT_UP, (True, True, True, False)),
        (Direction.NOT_DOWN, (False, False, True, True)),
        (Direction.UNCHANGED, (False, False, True, False)),
        (Direction.DOWN_BY_SHARE, (False, True, True, False)),
        (Direction.NO_CLAIM, (True, True, True, True)),
    ],
)
def test_a_move_is_held_against_its_direction(direction, moves):
    after = (0.3, 0.4, 0.5 + 1e-12, 0.7)
    assert tuple(is_allowed(direction, 0.5, value, 0.1) for value in after) == moves


def test_zero_is_where_a_score_arrives_not_how_far_it_moved():
    assert is_allowed(Direction.ZERO, 0.5, 0.0, 0.1)
    assert not is_allowed(Direction.ZERO, 0.0, 0.1, 0.1)


# Scenes and changes ------------------------------------------------------------------------------

CAT, DOG, TREE = block(0, 0), block(20, 20), block(40, 60)


def scene(*answers, truth=None, caption="a cat and a dog and a tree"):
    things = truth or (phrase("a cat", CAT), phrase("a dog", DOG), phrase("a tree", TREE))
    return Scene(sample("one", Grounding(caption, things)), Grounding(caption, answers))


def words(one):
    return [p.text for p in one.answer.phrases]


def test_alone_are_those_that_overlap_each_other_and_nothing_else():
    small = phrase("a dog", block(20, 20, 10, 8))
    one = scene(phrase("a cat", CAT), small, phrase("a cat", TREE))
    assert [(m.reference, m.answer, m.iou) for m in isolated_matches(one)] == [
        (0, 0, 1.0),
        (1, 1, 0.8),
    ]
    assert [m.reference for m in exact_matches(one)] == [0]
    wide = phrase("all", encode(bitmap(0, 0, 40, 40)))
    assert isolated_matches(scene(phrase("a cat", CAT), wide)) == []


def test_unanswered_are_those_that_nothing_touches():
    assert missed_references(scene(phrase("a dog", CAT))) == [1, 2]
    twins = (phrase("a cat", CAT), phrase("a pet", CAT), phrase("a dog", DOG))
    assert missed_references(scene(truth=twins)) == [2]


def test_images_are_fit_when_every_reference_phrase_has_words_and_pixels():
    def fit(*truth):
        return usable(sample("one", Grounding("", truth)))

    assert fit(phrase("a cat", CAT), phrase("two", CAT, block(0, 0, 0, 0)))
    assert not fit()
    assert not fit(phrase("a cat", CAT), phrase("a dog"))
    assert not fit(phrase(None, CAT))
    assert not fit(phrase("a cat", block(0, 0, 0, 0)))
    assert not fit(phrase("a cat", CAT, crowd=True))


@pytest.mark.parametrize(
    ("law", "given", "changed"),
    [
        ("dropped phrase", ["a cat", "a dog"], ["a dog"]),
        ("doubled phrases", ["a cat", "a dog"], ["a cat", "a cat", "a dog", "a dog"]),
        ("added phrase", ["a cat"], ["a dog", "a cat"]),
        ("swapped words", ["a cat", "a dog"], ["a dog", "a cat"]),
        ("wrong words", ["a cat", "a dog"], ["junk", "a dog"]),
        ("junk", ["a cat"], ["a cat", *["junk"] * 4]),
        ("failure", ["a cat", "a dog", "a tree"], []),
        ("failure", ["a cat", "a dog"], ["a cat", "a dog"]),
    ],
)
def test_a_change_is_what_its_law_says(law, given, changed):
    masks = {"a cat": CAT, "a dog": DOG, "a tree": TREE}
    one = scene(*(phrase(text, masks[text]) for text in given))
    (after,) = BY_NAME[law].change((one,), INPUTS)
    assert words(after) == changed
    assert (after.error is not None) == (changed == [])


def test_the_loosest_is_dropped_only_where_none_is_too_many():
    loose = phrase("a dog", block(20, 20, 10, 6))
    law = BY_NAME["dropped loosest"]
    (after,) = law.change((scene(phrase("a cat", CAT), loose),), INPUTS)
    assert words(after) == ["a cat"]
    junk = [phrase("junk", block(50, 0, 5, 5)) for _ in range(2)]
    for kept_as_it_is in (scene(phrase("a cat", CAT), loose, *junk), scene(loose)):
        assert law.change((kept_as_it_is,), INPUTS) == (kept_as_it_is,)


def test_a_word_is_left_out_only_beside_a_single_reference_caption():
    law = BY_NAME["left-out word"]
    (after,) = law.change((scene(),), INPUTS)
    assert after.answer.caption == "cat and a dog and a tree"
    told = scene()
    two = replace(told, sample=replace(told.sample, captions=(*told.sample.captions, "pets")))
    assert law.change((two,), INPUTS) == (two,)


def test_damage_is_the_same_for_a_seed_and_leaves_some_of_everything(shapes):
    scenes = damaged_scenes(shapes, INPUTS)
    assert scenes == damaged_scenes(shapes, INPUTS)
    assert scenes != damaged_scenes(shapes, ChangeInputs(seed=1))
    assert any(one.is_exact for one in scenes)
    assert not all(one.is_exact for one in scenes)
    assert any(exact_matches(one) for one in scenes)
    assert any(0.5 <= match.iou < 1 for one in scenes for match in isolated_matches(one))
    for one in scenes:
        picture = one.sample.query.image
        for p in one.answer.phrases:
            assert (p.score is not None) == bool(p.masks)
            assert all((m.height, m.width) == (picture.height, picture.width) for m in p.masks)


def test_masks_are_eroded_mirrored_halved_and_put_where_nothing_is():
    assert eroded(block(5, 5, 4, 6)) == block(6, 6, 2, 4)
    assert eroded(block(0, 0, HEIGHT, WIDTH)) == block(1, 1, HEIGHT - 2, WIDTH - 2)
    assert area([eroded(block(5, 5, 2, 9))]) == 0
    assert eroded(block(5, 5, 9, 9), 2) == block(7, 7, 5, 5)
    assert mirrored(block(5, 0, 4, 6)) == block(5, WIDTH - 6, 4, 6)
    parts = halves(block(5, 5, 4, 6))
    assert [int(n) for n in area(parts)] == [12, 12]
    assert union(parts) == block(5, 5, 4, 6)
    for seed in range(20):
        found = free_box([CAT, DOG], np.random.default_rng(seed))
        assert not iou([CAT, DOG], [found]).any()
    everything = block(0, 0, HEIGHT, WIDTH)
    assert area([free_box([everything], np.random.default_rng(0))]) == 0


def test_there_must_be_images_that_are_fit():
    lonely = sample("one", Grounding("a cat", (phrase("a cat"),)))
    with pytest.raises(MissingData, match="no image is usable"):
        check_laws([lonely], [STRICT])


# The command -------------------------------------------------------------------------------------


def typed(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main(["selftest", "--limit", "6", *arguments])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_the_command_finds_official_wrong_where_it_is_known_to_be(capsys):
    code, out, _ = typed(capsys, "--json", "--also", "rouge_l")
    assert (code, "BROKEN" in out) == (0, False)
    found = json.loads(out)
    assert (found["dataset"], found["split"], found["images"], found["broken"]) == (
        "shapes", "val", 6, 0,
    )  # fmt: skip
    assert [law["law"] for law in found["laws"]] == list(NAMES)
    scores = {(one["protocol"], one["score"]) for one in found["findings"]}
    assert {("official", "ROUGE_L"), ("official", "Recall"), ("strict", "Recall")} <= scores
    assert len(found["findings"]) == len(scores) * len(NAMES)
    known = {(f["law"], f["score"]) for f in found["findings"] if f["verdict"] == "known"}
    assert {("junk", "mIoU"), ("junk", "Recall"), ("wrong words", "Recall")} <= known
    assert {f["protocol"] for f in found["findings"] if f["verdict"] == "known"} == {"official"}
    junk = next(f for f in found["findings"] if f["law"] == "junk" and f["score"] == "F1")
    assert (junk["must_move"], junk["verdict"]) == ("down", "holds")
    assert junk["after"] < junk["before"]


def test_a_broken_law_is_told_and_exits_with_1(capsys, monkeypatch):
    wrong = replace(STRICT, metrics=(*STRICT.metrics, PhrasesCounted()))
    monkeypatch.setattr(gcg, "TASK", replace(gcg.TASK, protocols=(OFFICIAL, wrong)))
    code, out, _ = typed(capsys, "--protocol", "strict")
    assert code == 1
    assert "BROKEN" in out
    (line,) = [line for line in out.splitlines() if line.startswith("  junk: strict Share moved")]
    assert line.endswith("it must move not up, since adding junk is never better")
    assert "Known to be broken" not in out


def test_the_table_says_what_it_tried(capsys):
    code, out, _ = typed(capsys, "--protocol", "official")
    assert code == 0
    assert "official v1 on shapes val, encoder minilm" in out
    assert "Moves x 100." in " ".join(out.split())
    assert "strict" not in out
    for name in NAMES:
        assert f"│{name}" in out
    assert "wrong words: official Recall moved by -" in out
    assert "the loop halts at the first pair" in out
    assert out.splitlines()[-1].startswith(f"{len(NAMES)} laws on 6 images, seed 0: ")


def test_the_table_of_a_narrow_terminal_is_split_between_scores_not_in_words(shapes):
    trial = check_laws(shapes[:3], [STRICT.using(encoder="minilm")])
    console = Console(file=StringIO(), width=80, highlight=False)
    print_law_report(console, "shapes val", trial)
    out = console.file.getvalue()
    assert max(map(len, out.partition("holds:")[0].splitlines())) <= 80
    heads = [line.strip("┃").split("┃") for line in out.splitlines() if line.startswith("┃")]
    assert [head[:2] for head in heads] == [["law             ", "images"]] * 3
    scores = [cell.strip() for head in heads for cell in head[2:]]
    assert scores == [
        "METEOR", "CIDEr", "AP50", "mIoU", "Precision", "Recall", "F1", "F1_avg",
        "gPQ", "SQ", "Noun", "Attribute", "Hallucination", "Ungrounded", "Words",
    ]  # fmt: skip
