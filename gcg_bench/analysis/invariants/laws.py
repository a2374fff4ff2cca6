"""The laws: a change of answers, and the direction in which every score must move, with the reason.

The directions follow from what a score measures. A metric can make claims about its scores that
differ from a law's default in its `law_claims`. A metric that cannot obey a law names it in its
`laws_broken`.
"""

from gcg_bench.analysis.invariants import changes, neutral_changes
from gcg_bench.analysis.invariants.expectations import Law
from gcg_bench.analysis.invariants.scenes import Change
from gcg_bench.types import Claim, Direction

UP, DOWN = Direction.UP, Direction.DOWN
UNCHANGED, NO_CLAIM = Direction.UNCHANGED, Direction.NO_CLAIM
NOT_UP, NOT_DOWN = Direction.NOT_UP, Direction.NOT_DOWN
WORSE_OR_SAME, BETTER_OR_SAME = Direction.NOT_BETTER, Direction.NOT_WORSE


def _neutral_law(name: str, description: str, change: Change, reason: str) -> Law:
    """A law that allows no score to move."""
    claim = Claim(UNCHANGED, reason)
    return Law(name, description, change, claim, captions=claim)


LAWS: tuple[Law, ...] = (
    _neutral_law(
        "phrase order",
        "The phrases of each answer are in another order.",
        neutral_changes.phrases_reordered,
        "an answer is a set of phrases, and the order of a set has no meaning",
    ),
    _neutral_law(
        "reference order",
        "The phrases of each reference are in another order.",
        neutral_changes.references_reordered,
        "a reference is a set of phrases, and the order of a set has no meaning",
    ),
    _neutral_law(
        "image names",
        "All images have other names and the same ranks.",
        neutral_changes.images_renamed,
        "a name carries no information about an image",
    ),
    _neutral_law(
        "image order",
        "The images are in another order.",
        neutral_changes.images_reordered,
        "the images are a set, and the order of a set has no meaning",
    ),
    Law(
        "images twice",
        "Every image is there twice, under two names.",
        neutral_changes.images_doubled,
        Claim(UNCHANGED, "shares and means do not depend on the number of images"),
        captions=Claim(UNCHANGED, "shares and means do not depend on the number of images"),
    ),
    _neutral_law(
        "mirror",
        "All masks of references and answers are mirrored.",
        neutral_changes.images_mirrored,
        "the overlap of masks does not depend on left and right",
    ),
    _neutral_law(
        "masks in pieces",
        "Every answered mask is split into two masks of the same phrase.",
        neutral_changes.masks_in_pieces,
        "the masks of a phrase are united before they are compared",
    ),
    _neutral_law(
        "confidence scale",
        "All confidences are halved.",
        neutral_changes.confidences_halved,
        "only the rank of confidences counts",
    ),
    _neutral_law(
        "line breaks",
        "Every space in an answered caption becomes a line break.",
        neutral_changes.captions_broken_into_lines,
        "a line break in a caption counts as a space",
    ),
    Law(
        "truth is best",
        "Every answer becomes the reference itself.",
        changes.references_as_answers,
        Claim(BETTER_OR_SAME, "nothing can be better than the reference"),
        captions=Claim(BETTER_OR_SAME, "nothing can be better than the one reference caption"),
    ),
    Law(
        "silence is zero",
        "Every answer becomes empty.",
        changes.empty_answers,
        Claim(Direction.ZERO, "an empty answer has no match and no mistake"),
        captions=Claim(Direction.ZERO, "an empty caption shares no word with a reference"),
    ),
    Law(
        "failure",
        "Images whose answer equals the reference become failures.",
        changes.exact_answers_failed,
        Claim(
            WORSE_OR_SAME,
            "a failure counts as an empty answer, which is never better than a correct one",
        ),
        captions=Claim(
            WORSE_OR_SAME,
            "a failure counts as an empty answer, which is never better than a correct one",
        ),
    ),
    Law(
        "erosion",
        "Exact masks lose one pixel along their outline.",
        changes.masks_eroded,
        Claim(WORSE_OR_SAME, "a mask that fits less well never has a better score"),
    ),
    Law(
        "dropped phrase",
        "One phrase that was exactly right is removed from each answer.",
        changes.phrase_dropped,
        Claim(WORSE_OR_SAME, "removing a correct phrase is never better"),
    ),
    Law(
        "dropped loosest",
        "The matched phrase with the lowest IoU is removed from each answer.",
        changes.worst_match_dropped,
        Claim(WORSE_OR_SAME, "removing a matched phrase is never better"),
    ),
    Law(
        "doubled phrases",
        "Every phrase that was exactly right is given a second time.",
        changes.exact_phrases_doubled,
        Claim(WORSE_OR_SAME, "repeating a phrase matches no further reference"),
    ),
    Law(
        "added phrase",
        "A missed phrase is added to each answer, exactly right.",
        changes.missed_phrase_added,
        Claim(BETTER_OR_SAME, "one more match is never worse"),
    ),
    Law(
        "junk",
        "Junk phrases are added to each answer, one more than the reference has phrases.",
        changes.junk_phrases_added,
        Claim(WORSE_OR_SAME, "adding junk is never better"),
    ),
    Law(
        "swapped words",
        "Two phrases of each answer that were exactly right exchange their words.",
        changes.words_swapped,
        Claim(WORSE_OR_SAME, "correct words at the wrong place are never better"),
    ),
    Law(
        "wrong words",
        "The first exact phrase of each answer gets junk words.",
        changes.exact_phrase_misnamed,
        Claim(WORSE_OR_SAME, "wrong words are never better than correct ones"),
    ),
    Law(
        "wrong colours",
        "Every colour in phrases that were exactly right becomes another colour.",
        changes.colours_changed,
        Claim(WORSE_OR_SAME, "a wrong colour is never better than the right one"),
    ),
    Law(
        "wrong nouns",
        "The noun of every phrase that was exactly right becomes another noun.",
        changes.nouns_changed,
        Claim(WORSE_OR_SAME, "a wrong noun is never better than the right one"),
    ),
    Law(
        "left-out word",
        "A word is removed from every caption that was the only reference caption.",
        changes.caption_word_removed,
        Claim(WORSE_OR_SAME, "a caption without one of its words is never better"),
        captions=Claim(WORSE_OR_SAME, "a caption without one of its words is never better"),
    ),
)

NAMES = tuple(law.name for law in LAWS)
