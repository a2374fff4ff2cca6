"""CIDEr of captions (CIDEr-D): similarity to the references in rare n-grams.

A caption is a vector of n-gram counts. An n-gram has a higher weight when the references of fewer
images contain it. For n = 1 to 4 the clipped cosine with each reference is computed, times a
Gaussian penalty on the difference in length; the score of an image is the mean over n and
references, times 10. Source: Vedantam et al. 2015, as pycocoevalcap computes it (no stemming;
length counts 2-grams).

Document frequencies come from the evaluated references, so a score is valid only for this set of
images: a subset changes the score of every image, and a single image scores 0. Resampling keeps the
frequencies of the full set: the score of an image is fixed, and its weight is drawn.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gcg_bench.metrics import ratio
from gcg_bench.types import Claim, Direction, FloatArray, Metric, Pair, Row, Rows, ScoreSpec, claims

Captions = tuple[tuple[str, ...], str]
IntArray = NDArray[np.int64]


_CITATION = r"""@inproceedings{vedantam2015cider,
  title = {{CIDEr}: Consensus-based Image Description Evaluation},
  author = {Vedantam, Ramakrishna and Zitnick, C. Lawrence and Parikh, Devi},
  booktitle = {Proceedings of the IEEE Conference on Computer Vision and Pattern Recognition
               (CVPR)},
  pages = {4566--4575},
  year = {2015}
}"""

_CLAIMS = {
    "images twice": claims(
        (
            Direction.NOT_UP,
            "CIDEr",
            "words that no reference has get a higher weight when there are more images",
        ),
    ),
}


@dataclass(frozen=True)
class CIDEr(Metric):
    """Mean CIDEr-D over the images, on its scale of 0 to 10.

    Row: the score of the image. An empty caption scores 0.
    """

    n: int = 4
    sigma: float = 6.0

    name: ClassVar[str] = "cider"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (ScoreSpec("CIDEr", scale="CIDEr"),)
    columns: ClassVar[tuple[str, ...]] = ("cider",)
    needs: ClassVar[frozenset[str]] = frozenset({"tokens"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (_CITATION,)

    def fit(self, pairs: Sequence[Pair]) -> Mapping[Captions, float]:
        """The captions of each image -> its score; all images are scored together."""
        captions = [_captions(pair) for pair in pairs]
        scored = cider_d(captions, n=self.n, sigma=self.sigma).tolist()
        return dict(zip(captions, scored, strict=True))

    def measure(self, pair: Pair, fitted: Mapping[Captions, float]) -> Row:
        return {"cider": fitted[_captions(pair)]}

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        return {"CIDEr": ratio(weights @ np.asarray(rows.columns["cider"]), weights.sum(axis=1))}

    def notes(self, pairs: Sequence[Pair]) -> tuple[str, ...]:
        """That CIDEr says nothing of one image, or of references that are all alike."""
        if len(pairs) == 1:
            return ("CIDEr of one image is 0 by its formula and says nothing of the caption",)
        references = {pair.references for pair in pairs}
        if len(references) == 1:
            return ("CIDEr of references that are all alike is 0 by its formula and says nothing",)
        return ()

    def paired_notes(self, key: str, a: str, b: str) -> tuple[str, ...]:
        """A note that the document frequencies are fixed in a paired test."""
        return ("CIDEr keeps the document frequencies of the full reference set under draws",)


def _captions(pair: Pair) -> Captions:
    return pair.references, pair.hypothesis


def cider_d(captions: Sequence[Captions], *, n: int, sigma: float) -> FloatArray:
    """CIDEr-D of the (references, hypothesis) of each image, shape (images,).

    Captions have numbers: first the hypotheses of all images, then all references, image by image.
    """
    images = len(captions)
    texts = [*(h for _, h in captions), *chain.from_iterable(r for r, _ in captions)]
    many = np.array([len(r) for r, _ in captions], dtype=np.int64)
    image = np.concatenate([np.arange(images), np.repeat(np.arange(images), many)])
    words, caption = _numbered(texts)
    similarity = np.zeros(len(texts) - images)
    for grams, owner in _runs(words, caption, n):
        similarity += _similarity(grams, owner, image, images)
    # 2-grams of a caption
    bigrams = np.maximum(np.bincount(caption, minlength=len(texts)) - 1, 0)
    apart = bigrams[image[images:]] - bigrams[images:]
    penalised = similarity * np.exp(-(apart**2) / (2 * sigma**2))
    total = np.bincount(image[images:], penalised, minlength=images)
    return np.asarray(10 * total / n / np.maximum(many, 1), dtype=np.float64)


def _numbered(texts: Sequence[str]) -> tuple[IntArray, IntArray]:
    """All words of all captions as numbers from 0, and the caption of each word."""
    split = [text.split() for text in texts]
    known: dict[str, int] = {}
    words = [known.setdefault(word, len(known)) for word in chain.from_iterable(split)]
    caption = np.repeat(np.arange(len(split)), [len(row) for row in split])
    return np.array(words, dtype=np.int64), caption


def _runs(words: IntArray, caption: IntArray, n: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Yields for each length from 1 to n all n-grams as numbers from 0, and their captions."""
    size = int(words.max(initial=0)) + 1
    starts, grams = np.arange(len(words)), words
    yield grams, caption
    for more in range(1, n):
        # an n-gram is a shorter n-gram and the next word, if both are in the same caption
        inside = starts[starts + more < len(words)]
        longer = caption[inside] == caption[inside + more]
        grams, starts = grams[: len(inside)][longer], inside[longer]
        grams = np.unique(grams * size + words[starts + more], return_inverse=True)[1]
        yield grams, caption[starts]


def _similarity(grams: IntArray, caption: IntArray, image: IntArray, images: int) -> FloatArray:
    """Clipped tf-idf cosine of each reference and its hypothesis, shape (references,)."""
    size = int(grams.max(initial=0)) + 1
    # one entry for each n-gram of each caption; they are sorted by caption: hypotheses are first
    entries, counts = np.unique(caption * size + grams, return_counts=True)
    owner, gram = np.divmod(entries, size)
    split = int(np.searchsorted(owner, images))
    sought = image[owner[split:]] * size + gram[split:]  # the same n-gram in the hypothesis
    frequency = np.bincount(np.unique(sought) % size, minlength=size)
    weight = np.log(max(images, 1)) - np.log(np.maximum(frequency, 1))
    value = counts * weight[gram]
    norm = np.sqrt(np.bincount(owner, value**2, minlength=len(image)))
    at = np.searchsorted(entries[:split], sought)
    shared = np.append(entries[:split], -1)[at] == sought
    predicted = np.where(shared, np.append(value[:split], 0.0)[at], 0.0)
    clipped = np.minimum(predicted, value[split:]) * value[split:]
    product = np.bincount(owner[split:] - images, clipped, len(image) - images).astype(np.float64)
    scale = norm[image[images:]] * norm[images:]
    return ratio(product, scale)
