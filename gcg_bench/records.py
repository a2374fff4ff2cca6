"""Objects from outside: JSON read with its place, fields checked as they are taken, faults told.

A reader builds values from Records and hands what is wrong to its Faults. By default the first
error stops it; a checker collects them instead and the same reader goes on. So what `data check`
lists is what loading would refuse.
"""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, MissingData


class Faults:
    """What happens when a reader meets something wrong: errors stop it, warnings pass."""

    def error(self, fault: BadData) -> None:
        """Told of something that cannot be read; returns when the reader shall go on without."""
        raise fault

    def warning(self, fault: BadData) -> None:
        """Told of something that can be read but is odd."""

    @contextmanager
    def caught(
        self, *, file: object = None, image: str | None = None, phrase: int | None = None
    ) -> Iterator[None]:
        """Hands what the block raises to `error`, with its place; the rest of the block is lost."""
        try:
            yield
        except BadData as fault:
            self.error(fault.at(file=file, image=image, phrase=phrase))


class CollectedFaults(Faults):
    """Faults kept in the order they are met, each with its level; nothing stops the reader."""

    def __init__(self) -> None:
        self.found: list[tuple[str, BadData]] = []

    def error(self, fault: BadData) -> None:
        self.found.append(("error", fault))

    def warning(self, fault: BadData) -> None:
        self.found.append(("warning", fault))


STOP = Faults()


class Record:
    """A JSON or YAML object whose fields are checked as they are taken.

    Args:
        value: what should be an object.
        file: for messages.
        image: for messages.
        prefix: what to put before a field's name in messages, e.g. `images[3].`.

    Raises:
        BadData: here when the value is no object, later when a field is not what is asked for.
    """

    __slots__ = ("_seen", "file", "image", "prefix", "value")

    def __init__(
        self, value: Any, file: object, *, image: str | None = None, prefix: str = ""
    ) -> None:
        self.file, self.image, self.prefix = file, image, prefix
        self._seen: set[str] = set()
        if not isinstance(value, Mapping):
            raise self.bad("", f"should be an object, not {kind(value)}")
        self.value: Mapping[str, Any] = value

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        self._seen.add(name)
        return self.value.get(name) is not None

    def any(self, name: str) -> Any:
        """A field of any type that must be there."""
        if not self.has(name):
            raise self.bad(name, "is missing")
        return self.value[name]

    def text(self, name: str, *, empty: bool = True) -> str:
        """A text; `empty` says whether it may be blank."""
        value = self.any(name)
        if not isinstance(value, str):
            raise self.bad(name, f"should be text, not {kind(value)}")
        if not empty and not value.strip():
            raise self.bad(name, "is empty")
        return value

    def whole(self, name: str, *, least: int | None = None) -> int:
        """A whole number, which may be written as 3.0."""
        value = self.any(name)
        number = as_whole(value)
        if number is None:
            raise self.bad(name, f"should be a whole number, not {kind(value)}")
        if least is not None and number < least:
            raise self.bad(name, f"is {number}, should be at least {least}")
        return number

    def number(self, name: str) -> float:
        """A finite number."""
        value = self.any(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.bad(name, f"should be a number, not {kind(value)}")
        try:
            number = float(value)
        except OverflowError:  # a whole number of more than 308 digits
            number = math.inf
        if not math.isfinite(number):
            raise self.bad(name, f"is {kind(value)}, should be finite")
        return number

    def truth(self, name: str, *, default: bool) -> bool:
        """True or false, which may be written as 1 or 0."""
        value = self.value[name] if self.has(name) else default
        if value not in (True, False):
            raise self.bad(name, f"should be true or false, not {kind(value)}")
        return bool(value)

    def items(self, name: str, *, optional: bool = False) -> list[Any]:
        """A list; empty when it is optional and not there."""
        if optional and not self.has(name):
            return []
        value = self.any(name)
        if not isinstance(value, list):
            raise self.bad(name, f"should be a list, not {kind(value)}")
        return value

    def texts(self, name: str, *, optional: bool = False) -> tuple[str, ...]:
        """A list of texts; a text alone counts as a list of one."""
        if isinstance(self.value.get(name), str):
            return (self.text(name),)
        for at, item in enumerate(self.items(name, optional=optional)):
            if not isinstance(item, str):
                raise self.bad(f"{name}[{at}]", f"should be text, not {kind(item)}")
        return tuple(self.items(name, optional=optional))

    def id(self, name: str) -> int | str:
        """A name for something: text, or a whole number."""
        value = self.any(name)
        if isinstance(value, str):
            return value
        number = as_whole(value)
        if number is None:
            raise self.bad(name, f"should be text or a whole number, not {kind(value)}")
        return number

    def record(self, name: str) -> "Record":
        """An object within this one."""
        return Record(self.any(name), self.file, image=self.image, prefix=f"{self.prefix}{name}.")

    def records(
        self, name: str, *, optional: bool = False, faults: Faults = STOP
    ) -> list["Record"]:
        """A list of objects within this one; what is no object is told to `faults`."""
        found = []
        for at, item in enumerate(self.items(name, optional=optional)):
            with faults.caught():
                prefix = f"{self.prefix}{name}[{at}]."
                found.append(Record(item, self.file, image=self.image, prefix=prefix))
        return found

    def nothing_else(self) -> None:
        """Refuses fields that were never asked for."""
        unknown = sorted({str(name) for name in self.value} - self._seen)
        if unknown:
            raise self.bad(unknown[0], f"no such field; known: {', '.join(sorted(self._seen))}")

    def bad(self, name: str, problem: str, remedy: str | None = None) -> BadData:
        """An error about one of the fields, to be raised."""
        field = f"{self.prefix}{name}".rstrip(".")
        return BadData(
            problem, file=self.file, image=self.image, field=field or None, remedy=remedy
        )


def as_whole(value: object) -> int | None:
    """The value as an int when it is a whole number and not a truth value, else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def kind(value: object) -> str:
    """A value in an error message: its type and, when short, the value itself."""
    names = {dict: "an object", list: "a list", type(None): "null"}
    if type(value) in names:
        return names[type(value)]
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{type(value).__name__} {shown[:37]}..."


def read_json(file: Path) -> Any:
    """What a JSON file holds.

    Raises:
        MissingData: there is no such file.
        BadData: it is not UTF-8 or not JSON; names the line.
    """
    try:
        data = file.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise MissingData(f"{file}: no such file") from error
    return parse_json(data, file)


def parse_json(data: bytes, file: object, *, line: int | None = None) -> Any:
    """What some bytes of JSON hold; `line` says where they stand in the file, when only a line.

    Raises:
        BadData: they are not UTF-8 or not JSON.
    """
    text = ""
    try:
        text = data.decode("utf-8-sig")
        return json.loads(text)
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 (byte {error.start})"
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated")
        problem = f"not JSON: {error.msg} in line {line or error.lineno} column {error.colno}"
        problem += "; the file seems to be cut off" if cut else ""
    except RecursionError:
        problem = "not JSON that can be read: nested too deeply"
    except ValueError as error:  # a whole number of more digits than Python converts
        problem = f"not JSON that can be read: {error}"
    raise BadData(
        problem,
        file=file,
        field=None if line is None else f"line {line}",
        remedy="Fetch or write the file again",
    )
