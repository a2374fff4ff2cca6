"""The laws: what is done to answers, and which way every score must then move, with the reason.

Directions are reasoned from what a score is for; a metric that cannot keep a law names it in
`laws_broken`. A metric that is not named here is held against a law's default.
"""

from gcg_bench.analysis.invariants import changes as do
from gcg_bench.analysis.invariants import neutral_changes
from gcg_bench.analysis.invariants.expectations import Claim, Direction, Law, claims
from gcg_bench.analysis.invariants.scenes import Change

UP, DOWN, STILL, FREE = Direction.UP, Direction.DOWN, Direction.STILL, Direction.FREE
NOT_UP, NOT_DOWN = Direction.NOT_UP, Direction.NOT_DOWN
WORSE_OR_SAME, BETTER_OR_SAME = Direction.NOT_BETTER, Direction.NOT_WORSE

_GROUNDING = "AP50 mIoU Precision Recall F1 F1_avg gPQ SQ RQ Hallucination Ungrounded"
_RATES = "Hallucination Ungrounded"


def _never_moves(name: str, does: str, change: Change, why: str) -> Law:
    still = Claim(STILL, why)
    return Law(name, does, change, still, captions=still)


LAWS: tuple[Law, ...] = (
    _never_moves(
        "phrase order",
        "The phrases of each answer stand in another order.",
        neutral_changes.phrases_reordered,
        "an answer is a set of phrases, whose order says nothing",
    ),
    _never_moves(
        "reference order",
        "The phrases of each reference stand in another order.",
        neutral_changes.references_reordered,
        "a reference is a set of phrases, whose order says nothing",
    ),
    _never_moves(
        "image names",
        "All images have other names, ranked as before.",
        neutral_changes.images_renamed,
        "a name says nothing of an image",
    ),
    _never_moves(
        "image order",
        "The images come in another order.",
        neutral_changes.images_reordered,
        "the images are a set, whose order says nothing",
    ),
    Law(
        "images twice",
        "Every image comes twice, under two names.",
        neutral_changes.images_twice,
        Claim(STILL, "shares and means do not ask how many images there are"),
        captions=Claim(STILL, "shares and means do not ask how many images there are"),
        claims=claims(
            (NOT_UP, "CIDEr", "words that no reference has weigh more where there are more images"),
        ),
    ),
    _never_moves(
        "mirror",
        "All masks of both sides are mirrored.",
        neutral_changes.images_mirrored,
        "how masks overlap does not depend on what is left and what is right",
    ),
    _never_moves(
        "masks in pieces",
        "Every answered mask is given as two, which the phrase has together.",
        neutral_changes.masks_in_pieces,
        "the masks of a phrase are united before they are compared",
    ),
    _never_moves(
        "confidence scale",
        "All confidences are halved.",
        neutral_changes.confidences_halved,
        "of confidences only the rank counts",
    ),
    _never_moves(
        "line breaks",
        "In every answered caption a line break stands for each space.",
        neutral_changes.captions_broken_into_lines,
        "a line break in a caption is a space",
    ),
    Law(
        "truth is best",
        "Every answer becomes the reference itself.",
        do.truth_told,
        Claim(BETTER_OR_SAME, "nothing can be better than the reference"),
        captions=Claim(BETTER_OR_SAME, "nothing can be better than the one reference caption"),
    ),
    Law(
        "silence is zero",
        "Every answer becomes silence.",
        do.silenced,
        Claim(Direction.ZERO, "who says nothing has found nothing and mistaken nothing"),
        captions=Claim(Direction.ZERO, "no words have nothing in common with any"),
    ),
    Law(
        "failure",
        "Images whose answer was the reference itself fail.",
        do.perfect_answers_lost,
        Claim(WORSE_OR_SAME, "a failure is silence, and never better than a right answer"),
        captions=Claim(WORSE_OR_SAME, "a failure is silence, and never better than a right one"),
        claims=claims(
            (DOWN, "mIoU Recall F1 F1_avg gPQ RQ", "what was found is lost, and still asked for"),
            (NOT_UP, "Precision SQ AP50", "right phrases are lost, and no wrong ones"),
            (NOT_DOWN, _RATES, "the same mistakes are a larger share of fewer phrases"),
            (DOWN, "METEOR ROUGE_L Words", "a caption that matched every word is lost"),
        ),
    ),
    Law(
        "erosion",
        "Exact masks lose a pixel along their outline.",
        do.masks_eroded,
        Claim(WORSE_OR_SAME, "a mask that fits less well is never better"),
        claims=claims(
            (DOWN, "mIoU gPQ", "the overlap of these pairs is smaller, and of no other is larger"),
            (NOT_UP, "AP50 Precision Recall F1 F1_avg SQ RQ", "pairs can only fall below the gate"),
            (STILL, _RATES, "words and the number of masks stay"),
        ),
    ),
    Law(
        "dropped phrase",
        "One phrase that was exactly right is left out of each answer.",
        do.phrase_dropped,
        Claim(WORSE_OR_SAME, "what is left out is never better than what was right"),
        claims=claims(
            (DOWN, "mIoU Recall F1 F1_avg gPQ RQ", "a pair less, and the reference still asks"),
            (NOT_UP, "Precision SQ AP50", "a right phrase less, and no wrong one"),
            (NOT_UP, "mask_recall.Recall", "a pair less, unless the loop had halted before it"),
            (NOT_DOWN, _RATES, "the same mistakes are a larger share of fewer phrases"),
        ),
    ),
    Law(
        "dropped loosest",
        "Of each answer the phrase is left out that was found but fits worst.",
        do.loosest_dropped,
        Claim(WORSE_OR_SAME, "a phrase that was found is never better left out"),
        claims=claims(
            (DOWN, "mIoU Recall F1 RQ", "a pair less, and the reference still asks"),
            (NOT_UP, "Precision AP50", "a right phrase less, and no wrong one"),
            (NOT_UP, "gPQ", "the pair gave more to the sum than half a phrase takes from it"),
            (NOT_UP, "mask_recall.Recall", "a pair less, unless the loop had halted before it"),
            (
                FREE,
                "F1_avg SQ",
                "above its IoU the phrase was a mistake, and its fit was poor",
            ),
            (NOT_DOWN, _RATES, "the same mistakes are a larger share of fewer phrases"),
        ),
    ),
    Law(
        "doubled phrases",
        "Every phrase that was exactly right is given a second time.",
        do.phrases_doubled,
        Claim(WORSE_OR_SAME, "to say a thing twice finds nothing more"),
        claims=claims(
            (DOWN, "Precision F1 F1_avg gPQ RQ", "the second phrase finds no reference left"),
            (NOT_UP, "mIoU AP50", "the second phrase finds no reference left"),
            (STILL, "Recall SQ", "the same pairs are found"),
            (NOT_UP, _RATES, "the same mistakes are a smaller share of more phrases"),
        ),
    ),
    Law(
        "added phrase",
        "A phrase that was missed is added to each answer, exactly right.",
        do.phrase_added,
        Claim(BETTER_OR_SAME, "to find more is never worse"),
        claims=claims(
            (UP, "mIoU Recall F1 F1_avg gPQ RQ", "a pair more, and nothing more asked for"),
            (NOT_DOWN, "Precision SQ AP50", "a right phrase more, and no wrong one"),
            (NOT_DOWN, "mask_recall.Recall", "a pair more, unless the loop had halted before it"),
            (NOT_UP, _RATES, "the same mistakes are a smaller share of more phrases"),
        ),
    ),
    Law(
        "junk",
        "Phrases of nothing are added to each answer: more than the reference has phrases.",
        do.junk_added,
        Claim(WORSE_OR_SAME, "junk is never better than none"),
        claims=claims(
            (DOWN, "mIoU Precision F1 F1_avg gPQ RQ", "more phrases for the same pairs"),
            (NOT_UP, "AP50", "more wrong detections, and no right one"),
            (STILL, "Recall SQ", "the same pairs are found; precision stands beside it"),
            (DOWN, "mask_recall.Recall", "where no precision stands beside it, recall must pay"),
            (UP, "Hallucination", "the junk words are like no reference phrase"),
            (NOT_UP, "Ungrounded", "junk has masks, so the share without is smaller"),
        ),
    ),
    Law(
        "swapped words",
        "Two phrases of each answer that were exactly right swap their words.",
        do.words_swapped,
        Claim(WORSE_OR_SAME, "the right words in the wrong place are never better"),
        claims=claims(
            (DOWN, "gPQ", "the similarity of these pairs is smaller"),
            (NOT_UP, "Precision Recall F1 F1_avg SQ RQ", "pairs can only fall below the gate"),
            (STILL, "AP50 mIoU", "words play no part"),
            (STILL, _RATES, "the same words and masks are there"),
        ),
    ),
    Law(
        "wrong words",
        "The best-placed phrase of each answer is given words of nothing.",
        do.best_misnamed,
        Claim(WORSE_OR_SAME, "wrong words are never better than right ones"),
        claims=claims(
            (Direction.SHARE, "Recall", "one wrong phrase must not cost more than itself"),
            (DOWN, "Precision F1 F1_avg gPQ RQ", "these pairs are lost"),
            (NOT_UP, "SQ", "these pairs were perfect"),
            (STILL, "AP50 mIoU Ungrounded", "words play no part"),
            (UP, "Hallucination", "the words are like no reference phrase"),
        ),
    ),
    Law(
        "left-out word",
        "A word is left out of every caption that was the reference caption.",
        do.word_left_out,
        Claim(WORSE_OR_SAME, "a caption that lost a word is never better"),
        captions=Claim(WORSE_OR_SAME, "a caption that lost a word is never better"),
        claims=claims(
            (DOWN, "METEOR ROUGE_L", "a word less is matched, and the reference still has it"),
            (DOWN, "Words", "the caption is shorter"),
            (STILL, _GROUNDING, "captions play no part"),
        ),
    ),
)

NAMES = tuple(law.name for law in LAWS)
