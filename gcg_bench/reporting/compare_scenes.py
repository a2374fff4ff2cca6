"""The pictures of a comparison: reference, A and B of some images, as records of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gcg_bench.analysis.errors import Diagnosis
from gcg_bench.reporting.report.images import records
from gcg_bench.reporting.report.thumbnails import thumbnails
from gcg_bench.types import Pair

_LONGEST = 512  # pixels of a mask's longer side
_PICTURE = 60_000  # characters of a picture, about

Answers = tuple[Sequence[Pair], Diagnosis | None]
"""Some images of one run, and their diagnosis."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One image with the answers of both runs.

    Attributes:
        id: the image.
        record: `size` and `regions` as in the report's records, `picture`, and `sides` reference,
            A and B with `caption` and `phrases`.
        gained: numbers and texts of the reference phrases that B matched and A did not.
        lost: numbers and texts of the reference phrases that A matched and B did not.
    """

    id: str
    record: Mapping[str, Any]
    gained: tuple[tuple[int, str], ...]
    lost: tuple[tuple[int, str], ...]


def scenes(a: Answers, b: Answers) -> dict[str, Scene]:
    """The scenes of the images of both runs, by id.

    Args:
        a: some images of A.
        b: the same images of B, in the same order.
    """
    pairs, diagnosis = a
    images = [pair.sample.query.image for pair in pairs]
    small = thumbnails(images, _PICTURE, lambda _: None)
    sides = zip(
        records(pairs, diagnosis, _LONGEST), records(b[0], b[1], _LONGEST), small, strict=True
    )
    made = {}
    for position, (first, second, picture) in enumerate(sides):
        reference, answer = first["sides"]
        found = {
            "size": first["size"],
            "regions": first["regions"],
            "picture": picture.address,
            "sides": [
                # neither answer decides how the reference is drawn
                _side(reference, kinds=False),
                _side(answer),
                _side(second["sides"][1]),
            ],
        }
        gained, lost = _changes(position, reference["phrases"], diagnosis, b[1])
        made[first["id"]] = Scene(first["id"], found, gained, lost)
    return made


def _side(side: Mapping[str, Any], *, kinds: bool = True) -> dict[str, Any]:
    """The drawing of a side; phrases without a kind are drawn as matched phrases."""
    names = ("text", "number", "mask")
    return {
        "caption": side["captions"][0] if side["captions"] else [],
        "phrases": [
            {name: phrase[name] for name in names} | {"kind": phrase["kind"] if kinds else -1}
            for phrase in side["phrases"]
        ],
    }


_Named = tuple[tuple[int, str], ...]


def _changes(
    position: int,
    phrases: Sequence[Mapping[str, Any]],
    a: Diagnosis | None,
    b: Diagnosis | None,
) -> tuple[_Named, _Named]:
    """The reference phrases of an image that only one run matched: gained, lost."""
    if a is None or b is None:
        return (), ()
    matched = [
        [finding.kind == "matched" for finding in diagnosis.images[position].reference]
        for diagnosis in (a, b)
    ]
    named = [(phrase["number"], phrase["text"] or "(no words)") for phrase in phrases]
    gained = tuple(one for one, x, y in zip(named, *matched, strict=True) if y and not x)
    lost = tuple(one for one, x, y in zip(named, *matched, strict=True) if x and not y)
    return gained, lost
