"""Finds answers under a key of a document with other content, as in `{"results": [...]}`."""

from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData
from gcg_bench.predictions.reading import Reading
from gcg_bench.predictions.recognition import layout_of

_DEEPEST = 4  # nested wrappers
_TRIED = 100  # entries of a list that are tested


def is_answer(value: Any) -> bool:
    """Whether a value is a record of a known layout that holds more than an id."""
    layout = layout_of(value)
    return layout is not None and bool(set(value) & set(layout.repairs))


def holds_records(document: dict[str, Any]) -> bool:
    """Whether an object is a record, or holds records under keys."""
    return layout_of(document) is not None or any(
        layout_of(value) is not None for value in document.values()
    )


def unwrapped(document: Any, file: Path, reading: Reading) -> Any:
    """The list or object with the answers; the document itself when it is not a wrapper.

    Args:
        document: the JSON value of a file.
        file: the file, for messages.
        reading: takes a sentence that names the key.

    Raises:
        BadData: more than one key holds answers; names them.
    """
    keys: list[str] = []
    for _ in range(_DEEPEST):
        holders = _holders(document)
        if not holders:
            break
        if len(holders) > 1:
            raise BadData(
                f"answers lie under more than one key: {', '.join(map(repr, holders[:5]))}",
                file=file,
                remedy="Keep the answers of one model, as one list",
            )
        keys.append(holders[0])
        document = document[holders[0]]
    if keys:
        sentence = f"the answers were read from the key {'.'.join(keys)!r:.200} of {file.name}"
        reading.remarks.append(sentence)
    return document


def _holders(document: Any) -> list[str]:
    """The keys of an object that hold answers; empty when the object itself is or lists answers."""
    if not isinstance(document, dict) or is_answer(document):
        return []
    lists = [key for key, value in document.items() if _lists_answers(value)]
    if lists or holds_records(document):
        return lists
    return [key for key, value in document.items() if _holds(value)]


def _lists_answers(value: Any) -> bool:
    return isinstance(value, list) and any(map(is_answer, value[:_TRIED]))


def unrecognised(record: Any) -> str:
    """A description of a value without a known layout, as the end of a message."""
    if not isinstance(record, dict):
        return ""
    names = [repr(name)[:40] for name in list(record)[:8]]
    more = ", ..." if len(record) > 8 else ""
    return f"; it has the fields {', '.join(names)}{more}" if names else "; it is empty"


def _holds(value: Any, depth: int = _DEEPEST) -> bool:
    """Whether a value holds answers: a list or an object of records, or a wrapper of one."""
    if not isinstance(value, dict) or depth == 0:
        return _lists_answers(value)
    return any(map(is_answer, value.values())) or any(
        _holds(child, depth - 1) for child in value.values()
    )
