"""The laws: a change of answers, and the direction in which every score must move, with the reason.

The directions follow from what a score measures. A metric that cannot obey a law names the law in
its `laws_broken`. For a metric or score that is not named here the law's default applies.
"""

from gcg_bench.analysis.invariants import changes, neutral_changes
from gcg_bench.analysis.invariants.expectations import Claim, Direction, Law, claims
from gcg_bench.analysis.invariants.scenes import Change

UP, DOWN = Direction.UP, Direction.DOWN
UNCHANGED, NO_CLAIM = Direction.UNCHANGED, Direction.NO_CLAIM
NOT_UP, NOT_DOWN = Direction.NOT_UP, Direction.NOT_DOWN
WORSE_OR_SAME, BETTER_OR_SAME = Direction.NOT_BETTER, Direction.NOT_WORSE

_GROUNDING = "AP50 mIoU Precision Recall F1 F1_avg gPQ SQ RQ Hallucination Ungrounded"
_ERROR_RATES = "Hallucination Ungrounded"


def _neutral_law(name: str, description: str, change: Change, reason: str) -> Law:
    """A law under which no score may move."""
    claim = Claim(UNCHANGED, reason)
    return Law(name, description, change, claim, captions=claim)


LAWS: tuple[Law, ...] = (
    _neutral_law(
        "phrase order",
        "The phrases of each answer stand in another order.",
        neutral_changes.phrases_reordered,
        "an answer is a set of phrases, and the order of a set has no meaning",
    ),
    _neutral_law(
        "reference order",
        "The phrases of each reference stand in another order.",
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
        "The images come in another order.",
        neutral_changes.images_reordered,
        "the images are a set, and the order of a set has no meaning",
    ),
    Law(
        "images twice",
        "Every image is there twice, under two names.",
        neutral_changes.images_doubled,
        Claim(UNCHANGED, "shares and means do not depend on the number of images"),
        captions=Claim(UNCHANGED, "shares and means do not depend on the number of images"),
        claims=claims(
            (
                NOT_UP,
                "CIDEr",
                "words that no reference has get a higher weight when there are more images",
            ),
        ),
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
        claims=claims(
            (
                DOWN,
                "mIoU Recall F1 F1_avg gPQ RQ",
                "matched phrases are lost, and their references still count",
            ),
            (NOT_UP, "Precision SQ AP50", "correct phrases are lost, and no wrong ones"),
            (NOT_DOWN, _ERROR_RATES, "the same mistakes are a larger share of fewer phrases"),
            (DOWN, "METEOR ROUGE_L Words", "a caption that matched every word is lost"),
        ),
    ),
    Law(
        "erosion",
        "Exact masks lose one pixel along their outline.",
        changes.masks_eroded,
        Claim(WORSE_OR_SAME, "a mask that fits less well never has a better score"),
        claims=claims(
            (
                DOWN,
                "mIoU gPQ",
                "the overlap of these pairs is smaller, and no other overlap is larger",
            ),
            (
                NOT_UP,
                "AP50 Precision Recall F1 F1_avg SQ RQ",
                "pairs can only fall below the threshold",
            ),
            (UNCHANGED, _ERROR_RATES, "the words and the number of masks are the same"),
        ),
    ),
    Law(
        "dropped phrase",
        "One phrase that was exactly right is removed from each answer.",
        changes.phrase_dropped,
        Claim(WORSE_OR_SAME, "removing a correct phrase is never better"),
        claims=claims(
            (
                DOWN,
                "mIoU Recall F1 F1_avg gPQ RQ",
                "there is one match less, and its reference still counts",
            ),
            (
                NOT_UP,
                "Precision SQ AP50",
                "there is one correct phrase less, and no wrong phrase less",
            ),
            (
                NOT_UP,
                "mask_recall.Recall",
                "there is one match less, unless the loop stopped before it",
            ),
            (NOT_DOWN, _ERROR_RATES, "the same mistakes are a larger share of fewer phrases"),
        ),
    ),
    Law(
        "dropped loosest",
        "The matched phrase with the lowest IoU is removed from each answer.",
        changes.worst_match_dropped,
        Claim(WORSE_OR_SAME, "removing a matched phrase is never better"),
        claims=claims(
            (DOWN, "mIoU Recall F1 RQ", "there is one match less, and its reference still counts"),
            (
                NOT_UP,
                "Precision AP50",
                "there is one correct phrase less, and no wrong phrase less",
            ),
            (NOT_UP, "gPQ", "the pair adds more to the numerator than half a phrase takes from it"),
            (
                NOT_UP,
                "mask_recall.Recall",
                "there is one match less, unless the loop stopped before it",
            ),
            (
                NO_CLAIM,
                "F1_avg SQ",
                "at thresholds above its IoU the phrase was a mistake, and its fit was poor",
            ),
            (NOT_DOWN, _ERROR_RATES, "the same mistakes are a larger share of fewer phrases"),
        ),
    ),
    Law(
        "doubled phrases",
        "Every phrase that was exactly right is given a second time.",
        changes.exact_phrases_doubled,
        Claim(WORSE_OR_SAME, "repeating a phrase matches no further reference"),
        claims=claims(
            (
                DOWN,
                "Precision F1 F1_avg gPQ RQ",
                "the second phrase has no free reference to match",
            ),
            (NOT_UP, "mIoU AP50", "the second phrase has no free reference to match"),
            (UNCHANGED, "Recall SQ", "the matches are the same"),
            (NOT_UP, _ERROR_RATES, "the same mistakes are a smaller share of more phrases"),
        ),
    ),
    Law(
        "added phrase",
        "A missed phrase is added to each answer, exactly right.",
        changes.missed_phrase_added,
        Claim(BETTER_OR_SAME, "one more match is never worse"),
        claims=claims(
            (
                UP,
                "mIoU Recall F1 F1_avg gPQ RQ",
                "there is one match more, and the references are the same",
            ),
            (
                NOT_DOWN,
                "Precision SQ AP50",
                "there is one correct phrase more, and no wrong phrase more",
            ),
            (
                NOT_DOWN,
                "mask_recall.Recall",
                "there is one match more, unless the loop stopped before it",
            ),
            (NOT_UP, _ERROR_RATES, "the same mistakes are a smaller share of more phrases"),
        ),
    ),
    Law(
        "junk",
        "Junk phrases are added to each answer, one more than the reference has phrases.",
        changes.junk_phrases_added,
        Claim(WORSE_OR_SAME, "adding junk is never better"),
        claims=claims(
            (
                DOWN,
                "mIoU Precision F1 F1_avg gPQ RQ",
                "there are more phrases for the same matches",
            ),
            (NOT_UP, "AP50", "there are more wrong detections, and no correct one more"),
            (UNCHANGED, "Recall SQ", "the matches are the same; precision counts the junk"),
            (DOWN, "mask_recall.Recall", "without a precision beside it, recall must go down"),
            (UP, "Hallucination", "the junk words are similar to no reference phrase"),
            (
                NOT_UP,
                "Ungrounded",
                "junk has masks, so the share of phrases without a mask is smaller",
            ),
        ),
    ),
    Law(
        "swapped words",
        "Two phrases of each answer that were exactly right exchange their words.",
        changes.words_swapped,
        Claim(WORSE_OR_SAME, "correct words at the wrong place are never better"),
        claims=claims(
            (DOWN, "gPQ", "the similarity of these pairs is smaller"),
            (NOT_UP, "Precision Recall F1 F1_avg SQ RQ", "pairs can only fall below the threshold"),
            (UNCHANGED, "AP50 mIoU", "the score ignores words"),
            (UNCHANGED, _ERROR_RATES, "the same words and masks are there"),
        ),
    ),
    Law(
        "wrong words",
        "The first exact phrase of each answer gets junk words.",
        changes.exact_phrase_misnamed,
        Claim(WORSE_OR_SAME, "wrong words are never better than correct ones"),
        claims=claims(
            (
                Direction.DOWN_BY_SHARE,
                "Recall",
                "one wrong phrase must not cost more than one phrase",
            ),
            (DOWN, "Precision F1 F1_avg gPQ RQ", "these matches are lost"),
            (NOT_UP, "SQ", "these pairs were perfect"),
            (UNCHANGED, "AP50 mIoU Ungrounded", "the score ignores words"),
            (UP, "Hallucination", "the words are similar to no reference phrase"),
        ),
    ),
    Law(
        "left-out word",
        "A word is removed from every caption that was the only reference caption.",
        changes.caption_word_removed,
        Claim(WORSE_OR_SAME, "a caption without one of its words is never better"),
        captions=Claim(WORSE_OR_SAME, "a caption without one of its words is never better"),
        claims=claims(
            (DOWN, "METEOR ROUGE_L", "one word less is matched, and the reference still has it"),
            (DOWN, "Words", "the caption is shorter"),
            (UNCHANGED, _GROUNDING, "the score ignores captions"),
        ),
    ),
)

NAMES = tuple(law.name for law in LAWS)
