"""Samples beside their predictions as a protocol compares them, without tokenised captions."""

from collections.abc import Mapping, Sequence

import numpy as np

from gcg_bench.scoring.features import Evidence, overlaps
from gcg_bench.text.encoders import Encoder
from gcg_bench.types import Pair, Prediction, Sample


def compared(
    samples: Sequence[Sample],
    predictions: Mapping[str, Prediction],
    encoder: Encoder,
    *,
    equal_is_one: bool,
) -> tuple[Pair, ...]:
    """Overlaps and similarity of every sample; what looks at captions (METEOR) cannot use them.

    Args:
        samples: in the order wanted.
        predictions: one for every sample, masks the size of the image.
        encoder: of the protocol.
        equal_is_one: the protocol's rule for equal phrases.
    """
    laid = []
    for sample in samples:
        prediction = predictions[sample.id]
        iou, crowd_iou = overlaps(sample.truth, prediction.grounding)
        unknown = np.full(iou.shape, np.nan)
        laid.append(Pair(sample, prediction, iou, crowd_iou, unknown))
    evidence = Evidence(tuple(laid), broken_lines=0, seconds={})
    return evidence.alike(encoder, equal_is_one=equal_is_one)
