"""The rules that compare words keep their values, or their version rises."""

import csv
import hashlib
from itertools import product

from support.fences import ROOT

from gcg_bench.text.agreement import INSTRUMENT, phrase_agreement

PAIRS = ROOT / "tests" / "data" / "phrase_pairs.csv"
VOCABULARY = (
    *("a man", "a woman in a red coat", "two children", "a girl with blond hair", "a crowd"),
    *("a dog", "an animal", "a bird", "a kite", "a bug", "a bee", "a hare", "a rabbit", "a mouse"),
    *("a car", "a yellow taxi", "a truck", "a vehicle", "a boat", "a wooden boat", "a container"),
    *("a lamp", "a candle", "a jug", "a pitcher", "a plate", "a frisbee", "a wing", "a platform"),
    *("a small striped red circle", "a red striped disk", "a hoop", "a large spotted ring"),
    *(
        "a black and white-striped shirt",
        "a striped tie",
        "a plaid skirt",
        "an object",
        "a picture",
    ),
    *("the left hand", "the hand on the right", "a man in blue", "a traffic light", "a hot dog"),
)
VERSION, DIGEST = (
    "wordnet-1",
    "056e1151e5c5047c3376019049591237d363bf6d7cce3f20d5292dd43247ee37",
)


def test_values_change_only_with_the_version():
    with PAIRS.open(encoding="utf-8", newline="") as stream:
        pairs = [(row["reference"], row["prediction"]) for row in csv.DictReader(stream)]
    digest = hashlib.sha256()
    for pair in (*pairs, *product(VOCABULARY, VOCABULARY)):
        found = phrase_agreement(*pair)
        values = (round(each, 9) for each in (found.noun, found.attributes, found.agreement))
        digest.update(repr((*pair, *values)).encode())
    assert (INSTRUMENT, digest.hexdigest()) == (VERSION, DIGEST), (
        "phrase agreement has other values: raise INSTRUMENT in gcg_bench/text/agreement.py, write"
        " an entry under *Numbers* in CHANGELOG.md, and put the new version and digest here"
    )
