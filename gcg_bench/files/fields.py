"""Objects from outside: fields checked as they are taken, faults told with their place.

A reader builds values from Records and hands what is wrong to its Faults. By default the first
error stops it; a checker collects them instead and the same reader goes on. So what `data check`
lists is what loading would refuse.
"""

import math
from collections.abc import Iterator, Mapping, Sized
from contextlib import contextmanager
from typing import Any

from gcg_bench.errors import BadData


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
    """Faults kept in the order they are met, each with its level; nothing stops the reader.

    Args:
        most: how many are kept; then one more of each level says that there are others.
    """

    def __init__(self, most: int = 10_000) -> None:
        self.found: list[tuple[str, BadData]] = []
        self._most = most
        self._full: set[str] = set()

    def error(self, fault: BadData) -> None:
        self._keep("error", fault)

    def warning(self, fault: BadData) -> None:
        self._keep("warning", fault)

    def _keep(self, level: str, fault: BadData) -> None:
        if len(self.found) < self._most:
            self.found.append((level, fault))
        elif level not in self._full:
            self._full.add(level)
            problem = f"more than {self._most:,} problems; this {level} and others are not listed"
            self.found.append((level, BadData(problem, file=fault.file)))


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

    def text(self, name: str, *, empty: bool = True, most: int | None = None) -> str:
        """A text; `empty` says whether it may be blank, `most` how many characters it may have."""
        value = self.any(name)
        if not isinstance(value, str):
            raise self.bad(name, f"should be text, not {kind(value)}")
        self._refuse_many(name, value, most, "characters")
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

    def items(self, name: str, *, optional: bool = False, most: int | None = None) -> list[Any]:
        """A list of at most `most` items; empty when it is optional and not there."""
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
        """A list of texts, each of at most `most` characters; a text alone is a list of one."""
        if isinstance(self.value.get(name), str):
            return (self.text(name, most=most),)
        for at, item in enumerate(self.items(name, optional=optional)):
            if not isinstance(item, str):
                raise self.bad(f"{name}[{at}]", f"should be text, not {kind(item)}")
            self._refuse_many(f"{name}[{at}]", item, most, "characters")
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

    def _refuse_many(self, name: str, value: Sized, most: int | None, what: str) -> None:
        if most is not None and len(value) > most:
            raise self.bad(name, f"has {len(value):,} {what}; more than {most:,} are not read")

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


def four_numbers(value: object) -> tuple[float, float, float, float] | None:
    """A list of four finite numbers under 1e15, None when it is none; for boxes."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    # comparing is exact for whole numbers of any size, and false for NaN
    if not all(type(number) in (int, float) and abs(number) < 1e15 for number in value):
        return None
    first, second, third, fourth = map(float, value)
    return first, second, third, fourth


def kind(value: object) -> str:
    """A value in an error message: its type and, when short, the value itself."""
    names = {dict: "an object", list: "a list", type(None): "null"}
    if type(value) in names:
        return names[type(value)]
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{type(value).__name__} {shown[:37]}..."
