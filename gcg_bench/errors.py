"""Every error that gcg-bench raises on purpose.

GcgBenchError                 caught by the command line: one message, exit code 2, no traceback
├── BadData                   the content of a file is not valid in its format
│   └── BadMask               run lengths, polygons or a size that no mask can have
├── MissingData               a file, folder or image does not exist
├── UnknownName               no plug-in, encoder, split or field has that name (did you mean ...?)
├── BadOption                 a call does not accept a value, or a combination of values
├── RunConflict               a run folder has other settings
├── RunLocked                 another process is working on the run folder
├── EnvironmentProblem        Java, weights, a package or disk space is missing, with the remedy
│   └── MissingEncoder        a phrase encoder is not on this machine
└── MissingFeature            a metric reads a feature that its `needs` do not name
"""

from collections.abc import Iterable
from difflib import get_close_matches

_MAX_PART = 500  # characters of each part of a message that may come from a file
_MAX_MESSAGE = 3000


def shortened(text: str, most: int = _MAX_PART) -> str:
    """A text for a message; the middle of a text longer than `most` characters is left out."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]} ... {text[-half:]}"


class GcgBenchError(Exception):
    """An error with a cause that the user can correct; the base of all errors of gcg-bench."""

    def __init__(self, message: str = "") -> None:
        super().__init__(shortened(message, _MAX_MESSAGE))

    def __reduce__(self) -> tuple[object, ...]:
        """Pickles an error with its attributes, without its original arguments."""
        return _travelled, (type(self), self.args), self.__dict__


def _travelled(kind: type[GcgBenchError], parts: tuple[object, ...]) -> GcgBenchError:
    error = kind.__new__(kind)
    error.args = parts
    return error


class BadData(GcgBenchError):
    """The content of a file is not valid in its format.

    The parts are separate attributes, so that a checker can list them in columns. `str()` joins
    them as `file: image ID: phrase K: field: problem. Remedy`.

    Args:
        problem: what is wrong, in a few words.
        file: the file with the problem.
        image: the image id.
        phrase: the position of the phrase in the image, counted from 0.
        field: the name of the field, e.g. `masks[0].counts`.
        remedy: what the user can do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: object = None,
        image: str | None = None,
        phrase: int | None = None,
        field: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = shortened(problem)
        self.file = None if file is None else str(file)
        self.image = None if image is None else shortened(image)
        self.phrase = phrase
        self.field = None if field is None else shortened(field)
        self.remedy = remedy

    def __str__(self) -> str:
        parts = [
            self.file,
            None if self.image is None else f"image {self.image}",
            None if self.phrase is None else f"phrase {self.phrase}",
            self.field,
        ]
        message = ": ".join([*(part for part in parts if part), self.problem])
        end = "" if message.endswith("?") else "."
        return f"{message}{end} {self.remedy}" if self.remedy else message

    def at(
        self, *, file: object = None, image: str | None = None, phrase: int | None = None
    ) -> "BadData":
        """The same problem at a more complete location: only missing parts are filled in."""
        return type(self)(
            self.problem,
            file=self.file if self.file is not None else file,
            image=self.image if self.image is not None else image,
            phrase=self.phrase if self.phrase is not None else phrase,
            field=self.field,
            remedy=self.remedy,
        )


class BadMask(BadData):
    """Run lengths, polygons or a size that no mask can have."""


class MissingData(GcgBenchError):
    """A file, folder or image does not exist; the message names the path."""


class UnknownName(GcgBenchError):
    """No plug-in, encoder, split or field has that name; the message offers close spellings.

    Args:
        kind: what the name stands for, e.g. `metric`.
        name: the unknown name.
        known: the names that exist.
        remedy: another remedy, appended to the message.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], remedy: str = "") -> None:
        names = sorted(known)
        close = get_close_matches(name[:_MAX_PART], names, n=3, cutoff=0.6)
        hint = (
            f"did you mean {' or '.join(repr(match) for match in close)}?"
            if close
            else f"known: {', '.join(names) if names else 'none'}"
        )
        quoted = shortened(repr(name))
        super().__init__(f"no {kind} named {quoted}; {hint}{' ' + remedy if remedy else ''}")
        self.kind, self.name, self.close = kind, name, tuple(close)


class BadOption(GcgBenchError):
    """A call does not accept a value, or a combination of values."""


class RunConflict(GcgBenchError):
    """A run folder has other settings; the message names the first field that differs."""


class RunLocked(GcgBenchError):
    """Another process is working on the run folder; the message names its pid and host."""


class EnvironmentProblem(GcgBenchError):
    """Java, weights, a package or disk space is missing; the message says how to get it."""


class MissingEncoder(EnvironmentProblem):
    """A phrase encoder is not on this machine.

    Args:
        message: what is missing and how to get it.
        encoder: the name of the encoder.
        command: the command that gets it.
    """

    def __init__(self, message: str, encoder: str, command: str) -> None:
        super().__init__(message)
        self.encoder, self.command = encoder, command


class MissingFeature(GcgBenchError):
    """A metric reads a feature that its `needs` do not name, so that it was not computed.

    Args:
        name: the feature.
        image: the query whose pair was read.
    """

    def __init__(self, name: str, image: str) -> None:
        super().__init__(
            f"image {image}: the feature {name!r} was not computed. Add it to the metric's `needs`"
        )
        self.name = name
