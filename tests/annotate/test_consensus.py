"""Fusion by place and words: votes, silence, families, and independence of order."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench import masks
from gcg_bench.annotate.consensus import Voter, confidence, fuse, same_nouns
from gcg_bench.annotate.scenes import Detection, Vote

HERE = (0.0, 0.0, 10.0, 10.0)
NEAR = (0.0, 0.0, 10.0, 9.0)  # IoU .9
FAR = (50.0, 50.0, 60.0, 60.0)
TWO = (Voter("a"), Voter("b"))


def test_two_votes_are_an_object() -> None:
    [made] = fuse({"a": [Detection(HERE, "red cup", 0.8)], "b": [Detection(NEAR, "Cup", 0.4)]}, TWO)
    assert made.score == pytest.approx(1 - 0.6 * 0.8)  # 1 - (1 - .4)(1 - .2)
    assert made.votes == (Vote("a", 0.8, 1.0, "red cup"), Vote("b", 0.4, 0.9, "Cup"))
    assert (made.id, made.box, made.label, made.silent) == (1, HERE, "red cup", ())
    assert not made.floating


def test_words_and_places_must_agree() -> None:
    other_word = {"a": [Detection(HERE, "cup", 0.8)], "b": [Detection(NEAR, "dog", 0.4)]}
    other_place = {"a": [Detection(HERE, "cup", 0.8)], "b": [Detection(FAR, "cup", 0.4)]}
    for detections in (other_word, other_place):
        first, second = fuse(detections, TWO)
        assert (first.score, first.silent) == (pytest.approx(0.4 * 0.9), ("b",))
        assert (second.score, second.silent) == (pytest.approx(0.2 * 0.9), ("a",))
        assert first.floating
        assert second.floating


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("a dog on a couch", "dog", True),  # what the label is about, not its last word
        ("a dog on a couch", "a red couch", False),
        ("Sofa", "couch", True),  # synonyms
        ("man", "person", True),  # a kind of it
        ("red cup", "blue cup", True),  # attributes do not count
        ("hot dog", "dog", False),
        ("traffic light", "stop sign", False),
        ("zorblax", "zorblax", True),  # unknown words agree with themselves alone
        ("zorblax", "frobnitz", False),
        ("", "dog", False),
    ],
)
def test_labels_agree_by_their_nouns(first: str, second: str, expected: bool) -> None:
    assert same_nouns(first, second) is expected
    assert same_nouns(second, first) is expected


def test_two_names_of_one_kind_are_one_object() -> None:
    detections = {"a": [Detection(HERE, "sofa", 0.9)], "b": [Detection(NEAR, "couch", 0.4)]}
    (one,) = fuse(detections, TWO)
    assert (one.label, len(one.votes), one.floating) == ("sofa", 2, False)


def test_masks_count_where_both_have_one() -> None:
    left, right = (masks.from_box(box, 20, 20) for box in ((0, 0, 5, 10), (5, 0, 10, 10)))
    both = {"a": [Detection(HERE, "cup", 1, left)], "b": [Detection(HERE, "cup", 1, right)]}
    assert len(fuse(both, TWO)) == 2
    one = {"a": [Detection(HERE, "cup", 1, left)], "b": [Detection(HERE, "cup", 1)]}
    assert len(fuse(one, TWO)) == 1


def test_a_family_is_one_vote() -> None:
    voters = (Voter("a1", "a"), Voter("a2", "a"), Voter("b"))
    detections = {"a1": [Detection(HERE, "cup", 0.6)], "a2": [Detection(NEAR, "cup", 0.8)]}
    [made] = fuse(detections, voters)
    assert [vote.model for vote in made.votes] == ["a2"]
    assert made.score == pytest.approx(0.4 * 0.9)
    assert made.silent == ("b",)
    assert made.floating


def test_only_who_was_asked_is_silent() -> None:
    voters = (Voter("a"), Voter("b", words=frozenset({"dog"})), Voter("c", silence=0.5))
    [made] = fuse({"a": [Detection(HERE, "cup", 1.0)]}, voters)
    assert made.silent == ("c",)
    assert made.score == pytest.approx(0.25)


def test_a_good_lone_vote_is_an_object() -> None:
    [made] = fuse({"a": [Detection(HERE, "cup", 0.9)]}, [Voter("a", weight=0.9)])
    assert made.score == pytest.approx(0.81)
    assert not made.floating


def test_the_tightest_vote_gives_box_and_mask() -> None:
    loose, tight = (masks.from_box(box, 20, 20) for box in (HERE, NEAR))
    detections = {"a": [Detection(HERE, "red cup", 0.8, loose)]}
    detections["b"] = [Detection(NEAR, "cup", 0.3, tight), Detection(HERE, "cup", 0.2, loose)]
    [made] = fuse(detections, (Voter("a", tightness=0.8), Voter("b", tightness=0.9)))
    assert (made.box, made.mask, made.label) == (NEAR, tight, "red cup")
    assert made.votes == (Vote("a", 0.8, 1.0, "red cup"), Vote("b", 0.3, 0.9, "cup"))
    assert made.score == pytest.approx(1 - 0.6 * 0.85)  # the confidence is that of the votes
    for tightness in (0.8, 1.0):  # of equals the best score decides
        voters = Voter("a", tightness=tightness), Voter("b", tightness=tightness)
        [made] = fuse(detections, voters)
        assert (made.box, made.mask) == (HERE, loose)


def test_nothing_is_no_object() -> None:
    assert fuse({}, TWO) == ()
    assert confidence([], [0.1]) == 0


sides = st.integers(0, 6)
drawn = st.builds(
    lambda x, y, w, h, word, score: Detection((x, y, x + w + 1, y + h + 1), word, score / 8),
    *(sides, sides, sides, sides, st.sampled_from(["cup", "red cup", "dog"]), st.integers(0, 8)),
)
many = st.dictionaries(st.sampled_from("abcd"), st.lists(drawn, max_size=5))
VOTERS = (
    Voter("a", "f", tightness=0.7),
    Voter("b", "f"),
    Voter("c"),
    Voter("d", weight=0.8, silence=0.3, tightness=0.9),
)


@given(many, st.randoms(use_true_random=False))
def test_the_order_of_input_is_free(
    detections: dict[str, list[Detection]], shuffle: random.Random
) -> None:
    order = list(detections.items())
    shuffle.shuffle(order)
    shuffled = {name: shuffle.sample(listed, len(listed)) for name, listed in order}
    assert fuse(shuffled, VOTERS[::-1]) == fuse(detections, VOTERS)


@given(many)
def test_tightness_moves_places_alone(detections: dict[str, list[Detection]]) -> None:
    equal = [replace(voter, tightness=0.5) for voter in VOTERS]
    tight = {voter.name: voter.tightness for voter in VOTERS}
    places = {(name, one.box) for name, listed in detections.items() for one in listed}
    for made, before in zip(fuse(detections, VOTERS), fuse(detections, equal), strict=True):
        assert replace(made, box=before.box) == before
        voted = max(tight[vote.model] for vote in made.votes)
        assert any(tight[name] >= voted for name, box in places if box == made.box)


@given(many)
def test_scores_are_confidences_and_ids_are_counted(detections: dict[str, list[Detection]]) -> None:
    objects = fuse(detections, VOTERS)
    assert [made.id for made in objects] == list(range(1, len(objects) + 1))
    assert all(0 <= made.score <= 1 for made in objects)
    assert all(1 <= len(made.votes) <= 3 for made in objects)  # three families
    assert bool(objects) == any(detections.values())


@given(many)
def test_a_further_silent_model_lowers_every_score(detections: dict[str, list[Detection]]) -> None:
    before = fuse(detections, VOTERS)
    after = {made.votes: made for made in fuse(detections, (*VOTERS, Voter("e")))}
    for made in before:
        assert after[made.votes].score == pytest.approx(made.score * 0.9)
