"""METEOR 1.5 of captions: weighted word matches with a fragmentation penalty.

Words of the predicted caption are aligned with those of a reference by exact form, stem, synonym or
paraphrase. Recall has more weight than precision, content words more than function words, and
matches in many chunks are penalised. The corpus score is one formula over summed counts, not a mean
over captions. Source: Denkowski and Lavie 2014 (METEOR Universal), English parameters; their
program aligns the words (`gcg_bench.text.meteor`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gcg_bench.errors import BadData, EnvironmentProblem, shortened
from gcg_bench.files import limits
from gcg_bench.metrics import ratio
from gcg_bench.text import meteor
from gcg_bench.types import Claim, Direction, FloatArray, Metric, Pair, Row, Rows, ScoreSpec, claims

Captions = tuple[tuple[str, ...], str]

_BEAM = 40  # alignments that METEOR keeps after each word
_LONG = 1000  # words; any caption of at most this length takes little memory

_STAGES = ("exact", "stem", "synonym", "paraphrase")
_MATCHES = tuple(
    f"{stage}_{kind}_{side}"
    for stage in _STAGES
    for kind in ("content", "function")
    for side in ("hypothesis", "reference")
)
# METEOR's English parameters
_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.20, 0.60, 0.75
_STAGE_WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])


_CITATION = r"""@inproceedings{denkowski2014meteor,
  title = {Meteor Universal: Language Specific Translation Evaluation for Any Target Language},
  author = {Denkowski, Michael and Lavie, Alon},
  booktitle = {Proceedings of the Ninth Workshop on Statistical Machine Translation},
  pages = {376--380},
  year = {2014}
}"""

_CLAIMS = {
    "failure": claims(
        (Direction.DOWN, "METEOR", "a caption that matched every word is lost"),
    ),
    "left-out word": claims(
        (Direction.DOWN, "METEOR", "one word less is matched, and the reference still has it"),
    ),
}


@dataclass(frozen=True)
class METEOR(Metric):
    """METEOR 1.5, English, normalised, over the corpus.

    Row: the 23 counts of METEOR for the image and its best reference: words and function words of
    both sides, matched content and function words of both sides by stage, chunks, matched words of
    both sides. The score is 0 without words or without matches.
    """

    name: ClassVar[str] = "meteor"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (ScoreSpec("METEOR"),)
    columns: ClassVar[tuple[str, ...]] = (
        "words_hypothesis",
        "words_reference",
        "function_hypothesis",
        "function_reference",
        *_MATCHES,
        "chunks",
        "matched_hypothesis",
        "matched_reference",
    )
    needs: ClassVar[frozenset[str]] = frozenset({"tokens"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    fits_each_alone: ClassVar[bool] = True
    citation: ClassVar[tuple[str, ...]] = (_CITATION,)

    def fit(self, pairs: Sequence[Pair]) -> Mapping[Captions, list[float]]:
        """The captions of each image -> its counts, from one call to METEOR.

        Raises:
            BadData: METEOR would need too much memory for a caption.
            EnvironmentProblem: Java is missing or fails.
        """
        captions = list(dict.fromkeys(map(_captions, pairs)))
        rooms = [_room(*_captions(pair)) for pair in pairs]
        most = max(rooms, default=0)
        if most > limits.ALIGNMENT:
            need = f"; METEOR would take {most / 1e9:.1f} GB of memory or more"
            raise _too_much(pairs[rooms.index(most)], need)
        try:
            counts = meteor.meteor_statistics(captions)
        except EnvironmentProblem as problem:
            if not most:
                raise
            likely = _too_much(pairs[rooms.index(most)])
            raise EnvironmentProblem(f"{problem}. If memory or time ran out: {likely}") from problem
        return dict(zip(captions, counts.tolist(), strict=True))

    def beside(self, pairs: Sequence[Pair]) -> AbstractContextManager[None]:
        """Runs METEOR's program while the block runs."""
        if max((_room(*_captions(pair)) for pair in pairs), default=0) > limits.ALIGNMENT:
            return nullcontext()  # `fit` refuses such captions
        return meteor.computed_beside(list(dict.fromkeys(map(_captions, pairs))))

    def measure(self, pair: Pair, fitted: Mapping[Captions, list[float]]) -> Row:
        return dict(zip(self.columns, fitted[_captions(pair)], strict=True))

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        return {"METEOR": _score(weights @ _summable(rows.stack(self.columns)))}


def _captions(pair: Pair) -> Captions:
    return pair.references, pair.hypothesis


def _room(references: Sequence[str], hypothesis: str) -> int:
    """The minimum memory of METEOR's search for a caption, in bytes; 0 for at most 1000 words.

    The search processes a reference word by word. It keeps the best 40 alignments, and copies each
    for every position of that word in the caption. A copy has one byte for each word of the caption
    and five bytes for each word of the reference.
    """
    words = hypothesis.split(" ")
    if len(words) <= _LONG:
        return 0
    places = Counter(words)
    most = 0
    for reference in references:
        kept, size = 1, len(words) + 5 * len(reference.split(" "))
        for word in reference.split(" "):
            kept = min(kept, _BEAM) * (places[word] + 1)
            most = max(most, kept * size)
    return most


def _too_much(pair: Pair, need: str = "") -> BadData:
    words, first = pair.hypothesis.count(" ") + 1, shortened(pair.hypothesis, 60)
    return BadData(
        f"has {words:,} words ({first!r}){need}",
        image=pair.sample.id,
        field="caption",
        remedy='Shorten it, or let the answer be an "error", which counts the image as failed',
    )


def _summable(counts: FloatArray) -> FloatArray:
    """The counts as METEOR sums them: 0 chunks when one chunk has all words."""
    words, chunks, matched = counts[:, :2], counts[:, 20], counts[:, 21:]
    whole = (chunks == 1) & (matched == words).all(axis=1)
    counts[:, 20] = np.where(whole, 0.0, chunks)
    return counts


def _score(total: FloatArray) -> FloatArray:
    """METEOR's formula over summed counts, (draws, 23) to (draws,)."""
    # (draws, stage, content or function, hypothesis or reference)
    matches = total[:, 4:20].reshape(-1, len(_STAGES), 2, 2)
    weighted = np.einsum("s,dskh->dkh", _STAGE_WEIGHTS, matches)
    function = total[:, 2:4]
    words = _DELTA * (total[:, :2] - function) + (1 - _DELTA) * function
    matched = _DELTA * weighted[:, 0] + (1 - _DELTA) * weighted[:, 1]
    precision, recall = ratio(matched, words).T
    mean = ratio(precision * recall, _ALPHA * precision + (1 - _ALPHA) * recall)
    chunks = ratio(total[:, 20], (total[:, 21] + total[:, 22]) / 2)
    return mean * (1 - _GAMMA * chunks**_BETA)
