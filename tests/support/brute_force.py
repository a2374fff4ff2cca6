"""The scores of place and words by trying every assignment: nothing of gcg_bench is used.

An image is a dictionary of tables (reference x prediction): `iou` (NaN where both masks are empty),
`noun`, `attributes` and `agreement` (NaN where a phrase has no words); and lists `worded` (whether
each reference has words), `masked_references` and `masked_predictions`.
"""

import math

import numpy as np

THRESHOLDS = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]


def assignments(allowed):
    """Every one-to-one assignment of allowed pairs, as lists of (row, column)."""
    rows = len(allowed)
    columns = len(allowed[0]) if rows else 0

    def from_row(row, taken):
        if row == rows:
            yield []
            return
        for rest in from_row(row + 1, taken):
            yield rest
        for column in range(columns):
            if allowed[row][column] and column not in taken:
                for rest in from_row(row + 1, taken | {column}):
                    yield [(row, column), *rest]

    yield from from_row(0, frozenset())


def best(weight, allowed):
    """The assignment of the largest sum, in which a pair adds a billionth."""
    return max(assignments(allowed), key=lambda pairs: sum(weight[r][c] + 1e-9 for r, c in pairs))


def most(allowed):
    """The largest number of pairs."""
    return max(len(pairs) for pairs in assignments(allowed))


def table(image, value):
    """A table of a function of (row, column)."""
    iou = image["iou"]
    return [[value(r, c) for c in range(iou.shape[1])] for r in range(iou.shape[0])]


def words_and_place(image, least_iou, least_noun):
    iou, noun, agreement = image["iou"], image["noun"], image["agreement"]
    allowed = table(image, lambda r, c: bool(iou[r, c] >= least_iou and noun[r, c] >= least_noun))
    weight = table(image, lambda r, c: iou[r, c] * agreement[r, c])
    return best(weight, allowed)


def place(image):
    iou = image["iou"]

    def known(value):
        return 0.0 if math.isnan(value) else value

    allowed = table(image, lambda r, c: bool(iou[r, c] >= 0.5))
    weight = table(
        image,
        lambda r, c: (
            iou[r, c] + 1e-7 * known(image["noun"][r, c]) + 1e-10 * known(image["attributes"][r, c])
        ),
    )
    pairs = best(weight, allowed)
    return [
        (known(image["noun"][pair]), known(image["attributes"][pair]))
        for pair in pairs
        if image["worded"][pair[0]]
    ]


def divided(part, whole):
    return part / whole if whole else math.nan


def mean_iou(image):
    iou = np.where(np.isnan(image["iou"]), 0.0, image["iou"])
    larger = max(iou.shape)
    if not larger:
        return 1.0
    everything = table(image, lambda r, c: True)
    sums = (math.fsum(iou[pair] for pair in pairs) for pairs in assignments(everything))
    return max(sums) / larger


def average_precision(images):
    true = false = references = 0
    for image in images:
        iou = image["iou"]
        allowed = table(
            image,
            lambda r, c, image=image, iou=iou: bool(
                iou[r, c] >= 0.5
                and image["masked_references"][r]
                and image["masked_predictions"][c]
            ),
        )
        found = most(allowed)
        true += found
        false += sum(image["masked_predictions"]) - found
        references += sum(image["masked_references"])
    if not references:
        return math.nan
    if not true:
        return 0.0
    reached = sum(threshold <= true / references for threshold in np.linspace(0, 1, 101))
    return reached / 101 * true / (true + false + np.spacing(1))


def scores(images, least_noun):
    """Every score of the images, by name; NaN where it has no value."""
    matched = [words_and_place(image, 0.5, least_noun) for image in images]
    quality = math.fsum(
        image["iou"][pair] * image["agreement"][pair]
        for image, pairs in zip(images, matched, strict=True)
        for pair in pairs
    )
    true = sum(map(len, matched))
    references = sum(image["iou"].shape[0] for image in images)
    predictions = sum(image["iou"].shape[1] for image in images)
    tight = [
        sum(len(words_and_place(image, threshold, least_noun)) for image in images)
        for threshold in THRESHOLDS
    ]
    named = [words for image in images for words in place(image)]
    there = sum(
        any(image["noun"][r, c] >= least_noun for r in range(image["iou"].shape[0]))
        for image in images
        for c in range(image["iou"].shape[1])
    )
    grounded = sum(sum(image["masked_predictions"]) for image in images)
    phrases = references + predictions
    return {
        "F1": divided(2 * true, phrases),
        "Precision": divided(true, predictions),
        "Recall": divided(true, references),
        "F1_avg": divided(math.fsum(2 * count / 10 for count in tight), phrases),
        "gPQ": divided(quality, phrases / 2),
        "SQ": divided(quality, true),
        "Noun": divided(math.fsum(noun for noun, _ in named), len(named)),
        "Attribute": divided(math.fsum(attributes for _, attributes in named), len(named)),
        "mIoU": math.fsum(map(mean_iou, images)) / len(images),
        "AP50": average_precision(images),
        "Hallucination": divided(predictions - there, predictions),
        "Ungrounded": divided(predictions - grounded, predictions),
    }
