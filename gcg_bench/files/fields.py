"""JSON and YAML objects whose fields are checked when they are read.

A reader gets its values from a Record and reports problems to its Faults. By default the first
error is raised. A checker uses CollectedFaults instead, and the same reader then continues after an
error. So `data check` lists exactly the errors that loading would raise.
"""

import math
from collections.abc import Iterator, Mapping, Sized
from contextlib import contextmanager
from typing import Any

from gcg_bench.errors import BadData


class Faults:
    """Receives the problems that a reader reports: an error is raised, a warning is ignored."""

    def error(self, fault: BadData) -> None:
        """Handles data that cannot be read; when it returns, the reader continues without them."""
        raise fault

    def warning(self, fault: BadData) -> None:
        """Handles data that can be read but are probably wrong."""

    @contextmanager
    def caught(
        self, *, file: object = None, image: str | None = None, phrase: int | None = None
    ) -> Iterator[None]:
        """Passes a BadData that the block raises to `error`, and skips the rest of the block.

        Args:
            file: added to the fault when it names no file.
            image: added to the fault when it names no image.
            phrase: added to the fault when it names no phrase.
        """
        try:
            yield
        except BadData as fault:
            self.error(fault.at(file=file, image=image, phrase=phrase))


class CollectedFaults(Faults):
    """Collects the problems of a reader; none of them is raised.

    Attributes:
        collected: (level, fault) in the order reported; level is `error` or `warning`.

    Args:
        most: the maximum number of problems; one more for each level states that there are others.
    """

    def __init__(self, most: int = 10_000) -> None:
        self.collected: list[tuple[str, BadData]] = []
        self._most = most
        self._full: set[str] = set()

    def error(self, fault: BadData) -> None:
        self._keep("error", fault)

    def warning(self, fault: BadData) -> None:
        self._keep("warning", fault)

    def _keep(self, level: str, fault: BadData) -> None:
        if len(self.collected) < self._most:
            self.collected.append((level, fault))
        elif level not in self._full:
            self._full.add(level)
            problem = f"more than {self._most:,} problems; this {level} and others are not listed"
            self.collected.append((level, BadData(problem, file=fault.file)))


RAISE_FAULTS = Faults()
"""The default of readers: the first error is raised."""


class Record:
    """A JSON or YAML object whose fields are checked when they are read.

    Every method that reads a field raises BadData when the field has the wrong type or value, and
    when it is missing, unless the method says otherwise. A field that is null counts as missing.

    Args:
        value: the object.
        file: the file, for messages.
        image: the image id, for messages.
        prefix: text that precedes a field's name in messages, e.g. `images[3].`.

    Raises:
        BadData: the value is not an object.
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
        """Whether the field exists and is not null."""
        self._seen.add(name)
        return self.value.get(name) is not None

    def any(self, name: str) -> Any:
        """A field of any type."""
        if not self.has(name):
            raise self.bad(name, "is missing")
        return self.value[name]

    def text(self, name: str, *, empty: bool = True, most: int | None = None) -> str:
        """A text of at most `most` characters; with `empty=False` it must not be blank."""
        value = self.any(name)
        if not isinstance(value, str):
            raise self.bad(name, f"should be text, not {kind(value)}")
        self._refuse_many(name, value, most, "characters")
        if not empty and not value.strip():
            raise self.bad(name, "is empty")
        return value

    def whole(self, name: str, *, least: int | None = None) -> int:
        """A whole number of at least `least`; 3.0 is accepted as 3."""
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
        except OverflowError:  # an integer of more than 308 digits
            number = math.inf
        if not math.isfinite(number):
            raise self.bad(name, f"is {kind(value)}, should be finite")
        return number

    def boolean(self, name: str, *, default: bool) -> bool:
        """True or false; 1 and 0 are accepted. A missing field gives the default."""
        value = self.value[name] if self.has(name) else default
        if value not in (True, False):
            raise self.bad(name, f"should be true or false, not {kind(value)}")
        return bool(value)

    def items(self, name: str, *, optional: bool = False, most: int | None = None) -> list[Any]:
        """A list of at most `most` items; empty when it is optional and missing."""
        if optional and not self.has(name):
            return []
        value = self.any(name)
        if not isinstance(value, list):
            raise self.bad(name, f"should be a list, not {kind(value)}")
        self._refuse_many(name, value, most, "items")
        return value

    def texts(
        self, name: str, *, optional: bool = False, most: int | None = None
    ) -> tuple[str, ...]:
        """A list of texts, each of at most `most` characters; empty when optional and missing.

        A single text counts as a list of one.
        """
        if isinstance(self.value.get(name), str):
            return (self.text(name, most=most),)
        for index, item in enumerate(self.items(name, optional=optional)):
            if not isinstance(item, str):
                raise self.bad(f"{name}[{index}]", f"should be text, not {kind(item)}")
            self._refuse_many(f"{name}[{index}]", item, most, "characters")
        return tuple(self.items(name, optional=optional))

    def id(self, name: str) -> int | str:
        """An identifier: a text or a whole number."""
        value = self.any(name)
        if isinstance(value, str):
            return value
        number = as_whole(value)
        if number is None:
            raise self.bad(name, f"should be text or a whole number, not {kind(value)}")
        return number

    def record(self, name: str) -> "Record":
        """An object inside this object."""
        return Record(self.any(name), self.file, image=self.image, prefix=f"{self.prefix}{name}.")

    def records(
        self, name: str, *, optional: bool = False, faults: Faults = RAISE_FAULTS
    ) -> list["Record"]:
        """A list of objects inside this object; an item that is no object is reported to `faults`.

        The list is empty when it is optional and missing.
        """
        records = []
        for index, item in enumerate(self.items(name, optional=optional)):
            with faults.caught():
                prefix = f"{self.prefix}{name}[{index}]."
                records.append(Record(item, self.file, image=self.image, prefix=prefix))
        return records

    def refuse_unknown(self) -> None:
        """Raises BadData when the object has a field that no method has read."""
        unknown = sorted({str(name) for name in self.value} - self._seen)
        if unknown:
            raise self.bad(unknown[0], f"no such field; known: {', '.join(sorted(self._seen))}")

    def _refuse_many(self, name: str, value: Sized, most: int | None, what: str) -> None:
        if most is not None and len(value) > most:
            raise self.bad(name, f"has {len(value):,} {what}; more than {most:,} are not read")

    def bad(self, name: str, problem: str, remedy: str | None = None) -> BadData:
        """An error about a field, which the caller raises."""
        field = f"{self.prefix}{name}".rstrip(".")
        return BadData(
            problem, file=self.file, image=self.image, field=field or None, remedy=remedy
        )


def as_whole(value: object) -> int | None:
    """The value as an int when it is a whole number and not a boolean, else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def two_whole(value: object) -> tuple[int, int] | None:
    """The two whole numbers of a list, for spans of characters; None for any other value."""
    ends = [as_whole(end) for end in value] if isinstance(value, list) else []
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        return None
    return ends[0], ends[1]


def four_numbers(value: object) -> tuple[float, float, float, float] | None:
    """The four finite numbers, from -1e15 to 1e15, of a list, for boxes; None for other values."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    # this comparison is exact for integers of any size, and false for NaN
    if not all(type(number) in (int, float) and abs(number) < 1e15 for number in value):
        return None
    first, second, third, fourth = map(float, value)
    return first, second, third, fourth


def kind(value: object) -> str:
    """A value as text for an error message: the value itself, or its type when it is long."""
    names = {dict: "an object", list: "a list", type(None): "null"}
    if type(value) in names:
        return names[type(value)]
    text = repr(value)
    return text if len(text) <= 40 else f"{type(value).__name__} {text[:37]}..."
