"""Matches records with the images of the split by the names in the records.

A record may name its image in several fields, and its place (a file's name, a key) may name it too.
The field that names the most images of the split is used. A name may differ from the split's id in
its file extension, folders, zero padding, COCO's prefix, case, white space or form of Unicode.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gcg_bench.errors import BadData
from gcg_bench.files.fields import Faults
from gcg_bench.predictions.drafts import PredictionDraft
from gcg_bench.predictions.names import FORMS
from gcg_bench.predictions.reading import Reading
from gcg_bench.types import Query

_LAST = len(FORMS) - 1
_FILE = "the name of its file"


@dataclass(frozen=True, slots=True)
class Known:
    """A query of the split, with all its names.

    Attributes:
        id: the query's id.
        image_id: the id of its image; empty means that it is `id`.
        file_name: the name of the image's file; empty when it has none.
    """

    id: str
    image_id: str = ""
    file_name: str = ""


def known_queries(queries: Iterable[Query]) -> tuple[Known, ...]:
    """The queries of a split, with all their names."""
    return tuple(
        Known(query.id, query.image_id, query.image.path.name if query.image.path else "")
        for query in queries
    )


class TwoImages(BadData):
    """Two fields of a record name two images."""


class _Split:
    """The queries of a split by every form of their names."""

    def __init__(self, known: Sequence[Known]) -> None:
        self._levels = [
            (
                _index((form(query.id), query.id) for query in known),
                _index(
                    (form(alias), query.id)
                    for query in known
                    for alias in (query.image_id, query.file_name)
                    if alias
                ),
            )
            for _, form in FORMS
        ]

    def named(self, name: str, most: int = _LAST) -> tuple[frozenset[str], int]:
        """The queries that match a name, and the number of the first form in which they match.

        Ids have priority over names of images. The set is empty when no query matches.
        """
        for level, (_, form) in enumerate(FORMS[: most + 1]):
            for index in self._levels[level]:
                if fitting := index.get(form(name)):
                    return frozenset(fitting), level
        return frozenset(), most

    def fits(self, name: str, query: str) -> bool:
        """Whether a name matches a name of a query in any form."""
        return any(
            query in index.get(form(name), ())
            for (_, form), indices in zip(FORMS, self._levels, strict=True)
            for index in indices
        )

    def one(self, name: str, most: int) -> str | None:
        """The only query that matches a name; None when there is none or more than one."""
        fitting, _ = self.named(name, most)
        return next(iter(fitting)) if len(fitting) == 1 else None


def _index(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    index: dict[str, set[str]] = {}
    for key, value in pairs:
        index.setdefault(key, set()).add(value)
    return index


def identified(
    drafts: Sequence[PredictionDraft], known: Sequence[Known], faults: Faults, reading: Reading
) -> list[PredictionDraft]:
    """The drafts with the ids of the split, in their order.

    A draft that matches no query keeps its id.

    Args:
        drafts: all predictions of the files; one choice of field is made for all of them.
        known: the queries of the split.
        faults: takes the error of each record whose fields name two images. If it returns, the
            field that does not number the records is used; if that is not known, the record is left
            out.
        reading: takes a sentence with the field and the form that were used.
    """
    split = _Split(known)
    field, level = _best(drafts, split)
    kept = list(drafts)
    fields = dict.fromkeys(name for draft in drafts for name, _ in draft.names)
    for other in fields:
        if other != field:
            kept, used = _without_conflicts(kept, (field, level), other, split, faults)
            if used != field:
                field, level = used, _LAST
    return _rename(kept, field, level, split, faults, reading)


def _value(draft: PredictionDraft, field: str) -> str:
    """The value of a field of a record; the record's id when it lacks the field."""
    return dict(draft.names).get(field, draft.id)


def _best(drafts: Sequence[PredictionDraft], split: _Split) -> tuple[str, int]:
    """The field, empty for the record's id, and the form that give most queries an answer."""
    best, most = ("", 0), -1
    fields = ["", *dict.fromkeys(name for draft in drafts for name, _ in draft.names)]
    for level in range(len(FORMS)):
        for field in fields:
            targets = {split.one(_value(draft, field), level) for draft in drafts} - {None}
            if len(targets) > most:
                best, most = (field, level), len(targets)
            if most == len(drafts):
                return best
    return best


def _without_conflicts(
    drafts: list[PredictionDraft],
    chosen: tuple[str, int],
    other: str,
    split: _Split,
    faults: Faults,
) -> tuple[list[PredictionDraft], str]:
    """The drafts without those whose fields name two images, and the field that is used."""
    field, level = chosen
    conflicts: list[PredictionDraft] = []
    having = fitting = 0
    for draft in drafts:
        target = split.one(_value(draft, field), level)
        name = dict(draft.names).get(other)
        if target is None or name is None:
            continue
        queries, _ = split.named(name)
        having += 1
        fitting += bool(queries)
        if queries and not split.fits(name, target):
            conflicts.append(draft)
    if not conflicts or 2 * fitting < having:  # the other field does not name an image
        return drafts, field
    used = _default_field(conflicts[0], field)
    decided = _decided(drafts, used, other)
    for draft in conflicts:
        faults.error(_conflict(draft, used, other, decided))
    if decided is not None:
        return drafts, decided
    left_out = set(map(id, conflicts))
    return [draft for draft in drafts if id(draft) not in left_out], field


def _default_field(draft: PredictionDraft, field: str) -> str:
    """The name of the used field when the layout of the record chose it."""
    return field or next((name for name, text in draft.names if text == draft.id), "id")


def _decided(drafts: Sequence[PredictionDraft], field: str, other: str) -> str | None:
    """The field that names images, if exactly one of two fields numbers the records; else None."""
    numbered = [_numbers([_value(draft, name) for draft in drafts]) for name in (field, other)]
    if numbered[0] == numbered[1]:
        return None
    return other if numbered[0] else field


def _numbers(values: Sequence[str]) -> bool:
    """Whether values are 0, 1, 2, ... or 1, 2, 3, ..."""
    count = len(values)
    return list(values) in (
        [str(k) for k in range(count)],
        [str(k) for k in range(1, count + 1)],
    )


def _conflict(draft: PredictionDraft, field: str, other: str, decided: str | None) -> TwoImages:
    names = dict(draft.names)
    remedy = "Keep the one that names the image"
    if decided is not None:
        number = field if decided == other else other
        remedy += f": {number} seems to number the records; data check --fix OUT uses {decided}"
    return TwoImages(
        f"{field} {names.get(field, draft.id)!r} and {other} {names[other]!r} name two images of"
        " the split",
        file=draft.file,
        image=draft.id,
        field=other,
        remedy=remedy,
    )


def _rename(
    drafts: Sequence[PredictionDraft],
    field: str,
    level: int,
    split: _Split,
    faults: Faults,
    reading: Reading,
) -> list[PredictionDraft]:
    """The drafts with the ids of the split; reports the changes.

    `faults` takes the error of a record whose image already has an answer under another form of its
    name. If it returns, the draft is left out.
    """
    if field and any(_value(draft, field) != draft.id for draft in drafts):
        reading.remarks.append(f"{field} says whose answer a record is, since it names the images")
    names = [_value(draft, field) for draft in drafts]
    targets = [split.one(name, level) for name in names]
    taken: dict[str, str] = {}
    for name, target in zip(names, targets, strict=True):
        if target is not None:
            taken.setdefault(target, name)
    kept, changed = [], []
    left_out: dict[str, None] = {}
    for draft, name, target in zip(drafts, names, targets, strict=True):
        likely = target or split.one(name, _LAST)
        if likely is not None and taken.get(likely, name) != name:
            faults.error(_twice(draft, name, taken[likely], likely))
            continue
        kept.append(draft)
        if target is not None:
            draft.id = target
            if name != target:
                left_out.setdefault(FORMS[split.named(name, level)[1]][0] or _FILE)
                changed.append((name, target))
    if changed:
        name, target = changed[0]
        reading.remarks.append(
            f"{len(changed)} of {len(drafts)} answers name their image otherwise than the split"
            f" ({', '.join(left_out)}): {name!r:.200} was read as {target!r:.200}"
        )
    return kept


def _twice(draft: PredictionDraft, name: str, first: str, target: str) -> BadData:
    return BadData(
        f"{name!r} and {first!r} are two answers for one image, {target!r}",
        file=draft.file,
        image=draft.id,
        remedy="Keep one answer an image",
    )
