"""Explains the scores of one image: all pairs, and why each phrase counts or not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from gcg_bench import masks
from gcg_bench.analysis.errors.explanation import Explanation, ProtocolView, Side
from gcg_bench.errors import MissingData
from gcg_bench.scoring.features import PhraseRule, pair_up
from gcg_bench.scoring.score import phrase_rule
from gcg_bench.tasks import EvalProtocol, parts_of
from gcg_bench.text.agreement import phrase_agreement
from gcg_bench.types import Grounding, Pair, Prediction, Sample, noun_of, one_of

_OVERLAPS = frozenset({"iou"})


def explain(
    protocols: Sequence[EvalProtocol],
    pairs: Sequence[Pair],
    scores: Sequence[Mapping[str, float]] | None = None,
    *,
    rules: Sequence[PhraseRule | None] | None = None,
) -> Explanation:
    """Explains one image for every protocol; each metric gives its own reasons.

    Metrics that rank by confidence use the image's own confidences when all of its masks have one.
    A run in which another image's masks have none is scored without confidences (its signature says
    so).

    Args:
        protocols: at least one protocol.
        pairs: for each protocol, the pair of this image with the features that the protocol needs;
            the first pair also has the overlaps (`iou`).
        scores: for each protocol, the image's own scores (see `Result.of_query`); none by default.
        rules: for each protocol, how it compares phrases. Without them, words that need an encoder
            are explained without one.
    """
    first = pairs[0]
    query = first.sample.query
    compared = rules if rules is not None else [None] * len(protocols)
    given = scores if scores is not None else [{} for _ in protocols]
    return Explanation(
        id=first.sample.id,
        error=first.prediction.error,
        reference=_side(first.sample.truth),
        predicted=_side(first.prediction.grounding),
        iou=first.iou,
        protocols=tuple(
            _view(protocol, pair, own, rule)
            for protocol, pair, own, rule in zip(protocols, pairs, given, compared, strict=True)
        ),
        unpaired=first.prediction.unpaired,
        noun=one_of(noun_of([query])),
        expression=query.expression,
        regions=query.regions,
        captions=first.sample.captions[1:],
        refused=first.prediction.refused,
        parts=parts_of(protocols[0].task),
    )


def explain_image(
    samples: Sequence[Sample],
    predictions: Mapping[str, Prediction],
    protocols: Sequence[EvalProtocol],
    image: str,
    scores: Sequence[Mapping[str, float]] | None = None,
    *,
    rules: Sequence[PhraseRule | None] | None = None,
) -> Explanation:
    """`explain` for an image of a data set, by its id.

    Args:
        samples: the data set.
        predictions: id -> prediction; contains the prediction of the image.
        protocols: at least one protocol.
        image: the id of the image.
        scores: as in `explain`.
        rules: for each protocol, how it compares phrases; by default the protocols' own rules.

    Raises:
        MissingData: the data set has no such image.
        UnknownName, EnvironmentProblem: Java or a protocol's encoder is needed and missing.
    """
    store = pair_up([samples[index_of(samples, image)]], predictions)
    asked = rules if rules is not None else [phrase_rule(protocol) for protocol in protocols]
    # the values are shown, so they must be exact
    used = [None if rule is None else replace(rule, thresholds=None) for rule in asked]
    pairs = [
        store.with_features(protocol.needs | _OVERLAPS, rule)[0]
        for protocol, rule in zip(protocols, used, strict=True)
    ]
    return explain(protocols, pairs, scores, rules=used)


def index_of(samples: Sequence[Sample], image: str) -> int:
    """The index of an image; raises MissingData with similar ids when it does not exist."""
    ids = [sample.id for sample in samples]
    if image in ids:
        return ids.index(image)
    similar = get_close_matches(image, ids, n=3)
    hint = f"; did you mean {' or '.join(map(repr, similar))}?" if similar else ""
    one = one_of(noun_of(sample.query for sample in samples))
    raise MissingData(f"no {one} {image!r} among the {len(ids)} of the data set{hint}")


def _view(
    protocol: EvalProtocol, pair: Pair, scores: Mapping[str, float], rule: PhraseRule | None
) -> ProtocolView:
    return ProtocolView(
        protocol=protocol.key,
        similarity=pair.similarity if "similarity" in protocol.needs else None,
        reasons=tuple(
            reason
            for metric in protocol.metrics
            for reason in metric.explain(pair.limited_to(metric.needs))
        ),
        scores=scores,
        agreement=pair.agreement if "agreement" in protocol.needs else None,
        words=_words(pair, rule) if protocol.agrees else (),
    )


def _words(pair: Pair, rule: PhraseRule | None) -> tuple[tuple[int, int, str], ...]:
    """The reason why the words of each pair of phrases agree or not."""
    unknown = None if rule is None else rule.unknown
    return tuple(
        (row, column, phrase_agreement(reference.text, predicted.text, unknown=unknown).reason)
        for row, reference in enumerate(pair.sample.truth.phrases)
        for column, predicted in enumerate(pair.prediction.grounding.phrases)
        if reference.text is not None and predicted.text is not None
    )


def _side(grounding: Grounding) -> Side:
    phrases = grounding.phrases
    united = [masks.union(phrase.masks) for phrase in phrases if phrase.masks]
    areas = iter(masks.area(united).tolist())
    return Side(
        grounding.caption,
        tuple(phrase.text for phrase in phrases),
        tuple(len(phrase.masks) for phrase in phrases),
        tuple(next(areas) if phrase.masks else 0 for phrase in phrases),
        tuple(phrase.score for phrase in phrases),
    )
