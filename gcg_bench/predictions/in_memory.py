"""Checks predictions that a program made in memory as strictly as those of files."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from gcg_bench.errors import BadData, BadMask
from gcg_bench.files.fields import kind
from gcg_bench.masks import inspect_masks
from gcg_bench.predictions.drafts import Size
from gcg_bench.types import Grounding, Mask, Phrase, Prediction

_CHUNK = 1024  # predictions whose masks are checked in one call
_ENCODE = "Make masks with gcg_bench.masks.encode(array) or gcg_bench.masks.read_mask(value)"


def check_type(prediction: object) -> Prediction:
    """The prediction; raises BadData for a value of another type."""
    if isinstance(prediction, Prediction):
        return prediction
    raise BadData(
        f"a prediction is {_typed(prediction)}, not a Prediction",
        remedy="Give gcg_bench.Prediction values, or read files with gcg_bench.read_predictions",
    )


def checked_predictions(
    predictions: Iterable[object], sizes: Mapping[str, Size]
) -> Iterator[Prediction]:
    """The predictions, in their order, with masks in canonical form.

    Args:
        predictions: values of a program.
        sizes: query id -> (height, width) that the masks must have; the masks of other queries may
            have any size.

    Raises:
        BadData: a value has the wrong type, or a score is not finite; names image and field.
        BadMask: a mask is no valid run lengths, or has another size than its image.
    """
    given = iter(predictions)
    while chunk := list(islice(given, _CHUNK)):
        typed = [check_type(prediction) for prediction in chunk]
        masks = _checked_masks(typed, sizes)
        for prediction in typed:
            phrases = tuple(
                replace(
                    phrase,
                    masks=tuple(next(masks) for _ in phrase.masks),
                    score=None if phrase.score is None else float(phrase.score),
                )
                for phrase in prediction.grounding.phrases
            )
            grounding = replace(prediction.grounding, phrases=phrases)
            yield replace(prediction, grounding=grounding)


def _checked_masks(predictions: Sequence[Prediction], sizes: Mapping[str, Size]) -> Iterator[Mask]:
    """The masks of all phrases, one after the other."""
    values, expected, fields, images = [], [], [], []
    for prediction in predictions:
        for position, phrase in enumerate(_phrases(prediction)):
            for number, mask in enumerate(phrase.masks):
                field = f"masks[{number}]"
                if not isinstance(mask, Mask):
                    problem = f"a mask is {_typed(mask)}, not a Mask"
                    error = BadMask(problem, field=field, remedy=_ENCODE)
                    raise error.at(image=prediction.id, phrase=position)
                values.append({"size": [mask.height, mask.width], "counts": mask.counts})
                expected.append(sizes.get(prediction.id))
                fields.append(field)
                images.append((prediction.id, position))
    inspected = inspect_masks(values, expected, fields)
    for result, (image, position) in zip(inspected, images, strict=True):
        if isinstance(result, BadMask):
            raise result.at(image=image, phrase=position)
    return iter([mask for mask in inspected if isinstance(mask, Mask)])


def _phrases(prediction: Prediction) -> Sequence[Any]:
    """The phrases of a prediction; raises BadData when a value but a mask has a wrong type."""
    grounding: Any = prediction.grounding
    if not isinstance(grounding, Grounding):
        raise _wrong(prediction, "grounding", grounding, "a Grounding")
    if not isinstance(grounding.caption, str):
        raise _wrong(prediction, "caption", grounding.caption, "text")
    if not isinstance(grounding.phrases, list | tuple):
        raise _wrong(prediction, "phrases", grounding.phrases, "a tuple")
    phrases: Sequence[Any] = grounding.phrases
    for position, phrase in enumerate(phrases):
        if not isinstance(phrase, Phrase):
            raise _wrong(prediction, "phrases", phrase, "a Phrase", position)
        if not isinstance(phrase.masks, list | tuple):
            raise _wrong(prediction, "masks", phrase.masks, "a tuple", position)
        if phrase.text is not None and not isinstance(phrase.text, str):
            raise _wrong(prediction, "text", phrase.text, "text", position)
        if phrase.score is not None and not _is_finite(phrase.score):
            raise _wrong(prediction, "score", phrase.score, "a finite number", position)
    return phrases


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except (TypeError, OverflowError):
        return False


def _wrong(
    prediction: Prediction, field: str, value: object, wanted: str, phrase: int | None = None
) -> BadData:
    problem = f"should be {wanted}, not {_typed(value)}"
    return BadData(problem, image=prediction.id, phrase=phrase, field=field)


def _typed(value: object) -> str:
    """A value as text: a number or a text itself, else its type."""
    plain = value is None or isinstance(value, int | float | str | dict | list)
    return kind(value) if plain else f"of type {type(value).__name__}"
