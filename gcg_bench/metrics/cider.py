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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gcg_bench.metrics import ratio
from gcg_bench.text.ngrams import Documents, ngram_keys, word_keys
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

    def part(self, pairs: Sequence[Pair]) -> Documents:
        """The n-grams of the references of some images, each with the number of its images."""
        return Documents.of([pair.references for pair in pairs], self.n)

    def merge(self, parts: Iterable[Documents]) -> Documents:
        """The document frequencies over all images."""
        return Documents.joined(parts, self.n)

    def prepare(self, pairs: Sequence[Pair], merged: Documents) -> Mapping[Captions, float]:
        """The captions of each image -> its score."""
        captions = [_captions(pair) for pair in pairs]
        scored = cider_d(captions, n=self.n, sigma=self.sigma, documents=merged).tolist()
        return dict(zip(captions, scored, strict=True))

    def measure(self, pair: Pair, fitted: Mapping[Captions, float]) -> Row:
        return {"cider": fitted[_captions(pair)]}

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        return {"CIDEr": ratio(weights @ np.asarray(rows.columns["cider"]), weights.sum(axis=1))}

    def remarks(self, merged: Documents) -> tuple[str, ...]:
        """A note when CIDEr has no meaning: for one image, or when all references are equal."""
        if merged.images == 1:
            return ("CIDEr of one image is 0 by its formula and says nothing of the caption",)
        if merged.images and merged.alike:
            return ("CIDEr of references that are all alike is 0 by its formula and says nothing",)
        return ()

    def paired_notes(self, key: str, a: str, b: str) -> tuple[str, ...]:
        """A note that the document frequencies are fixed in a paired test."""
        return ("CIDEr keeps the document frequencies of the full reference set under draws",)


def _captions(pair: Pair) -> Captions:
    return pair.references, pair.hypothesis


def cider_d(
    captions: Sequence[Captions], *, n: int, sigma: float, documents: Documents | None = None
) -> FloatArray:
    """CIDEr-D of the (references, hypothesis) of each image, shape (images,).

    The score of an image does not depend, in any bit, on which other images are given: within a
    caption, n-grams are summed in the order of their keys.

    Args:
        captions: the captions of some images.
        n: the longest n-grams.
        sigma: the standard deviation of the penalty on the difference in length.
        documents: the document frequencies; by default those of `captions`.
    """
    if documents is None:
        documents = Documents.of([references for references, _ in captions], n)
    images = len(captions)
    # captions have numbers: first the hypotheses of all images, then all references, image by image
    texts = [*(h for _, h in captions), *chain.from_iterable(r for r, _ in captions)]
    many = np.array([len(r) for r, _ in captions], dtype=np.int64)
    image = np.concatenate([np.arange(images), np.repeat(np.arange(images), many)])
    words, caption = word_keys(texts)
    similarity = np.zeros(len(texts) - images)
    for length, (keys, owner) in enumerate(ngram_keys(words, caption, n)):
        distinct, grams = np.unique(keys, return_inverse=True)
        weight = documents.weights(length, distinct)
        similarity += _similarity(grams, owner, image, images, weight)
    # 2-grams of a caption
    bigrams = np.maximum(np.bincount(caption, minlength=len(texts)) - 1, 0)
    apart = bigrams[image[images:]] - bigrams[images:]
    penalised = similarity * np.exp(-(apart**2) / (2 * sigma**2))
    total = np.bincount(image[images:], penalised, minlength=images)
    return np.asarray(10 * total / n / np.maximum(many, 1), dtype=np.float64)


def _similarity(
    grams: IntArray, caption: IntArray, image: IntArray, images: int, weight: FloatArray
) -> FloatArray:
    """Clipped tf-idf cosine of each reference and its hypothesis, shape (references,).

    Args:
        grams: the n-grams of all captions as numbers from 0, in the order of their keys.
        caption: the caption of each n-gram.
        image: the image of each caption; the first `images` captions are the hypotheses.
        images: the number of images.
        weight: the weight of each number of an n-gram.
    """
    size = max(1, len(weight))
    # one entry for each n-gram of each caption; they are sorted by caption: hypotheses are first
    entries, counts = np.unique(caption * size + grams, return_counts=True)
    owner, gram = np.divmod(entries, size)
    split = int(np.searchsorted(owner, images))
    sought = image[owner[split:]] * size + gram[split:]  # the same n-gram in the hypothesis
    value = counts * weight[gram]
    norm = np.sqrt(np.bincount(owner, value**2, minlength=len(image)))
    at = np.searchsorted(entries[:split], sought)
    shared = np.append(entries[:split], -1)[at] == sought
    predicted = np.where(shared, np.append(value[:split], 0.0)[at], 0.0)
    clipped = np.minimum(predicted, value[split:]) * value[split:]
    product = np.bincount(owner[split:] - images, clipped, len(image) - images).astype(np.float64)
    scale = norm[image[images:]] * norm[images:]
    return ratio(product, scale)
