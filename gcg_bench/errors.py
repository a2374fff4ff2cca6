"""Every error that gcg-bench raises on purpose.

GcgBenchError                 caught by the command line: one message, exit code 2, no traceback
├── BadData                   a file holds something that cannot be read as what it claims to be
│   └── BadMask               run lengths, polygons or sizes that no mask can have
├── MissingData               a file, folder or image that should be there is not
├── UnknownName               no plug-in, encoder, split or field of that name (did you mean ...?)
├── BadOption                 a value, or a combination of values, that a call does not take
├── RunConflict               a run folder was made with other settings
├── RunLocked                 another process is working on the run folder
├── MissingFeature            a metric reads a feature that its `needs` do not name
└── EnvironmentProblem        Java, weights, a package or disk space is missing, with the remedy
"""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 500  # characters of any part of a message that a file may have written
_LONGEST_MESSAGE = 3000


def shortened(text: str, most: int = _LONGEST) -> str:
    """A text that fits a message: its middle is left out when it is long."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]} ... {text[-half:]}"


class GcgBenchError(Exception):
    """Anything that stops gcg-bench for a reason the user can mend."""

    def __init__(self, message: str = "") -> None:
        super().__init__(shortened(message, _LONGEST_MESSAGE))


class BadData(GcgBenchError):
    """A file holds something that cannot be read as what it claims to be.

    The parts are kept apart so that a checker can list them in columns; `str()` joins them as
    `file: image ID: phrase K: field: problem. Remedy`.

    Args:
        problem: what is wrong, in a few words.
        file: the file it was found in.
        image: the image id.
        phrase: the phrase's position in the image, counted from 0.
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
        place = [
            self.file,
            None if self.image is None else f"image {self.image}",
            None if self.phrase is None else f"phrase {self.phrase}",
            self.field,
        ]
        message = ": ".join([*(part for part in place if part), self.problem])
        return f"{message}. {self.remedy}" if self.remedy else message

    def at(
        self, *, file: object = None, image: str | None = None, phrase: int | None = None
    ) -> "BadData":
        """The same problem with the parts of its place that were not known further in."""
        return type(self)(
            self.problem,
            file=self.file if self.file is not None else file,
            image=self.image if self.image is not None else image,
            phrase=self.phrase if self.phrase is not None else phrase,
            field=self.field,
            remedy=self.remedy,
        )


class BadMask(BadData):
    """Run lengths, polygons or sizes that no mask can have."""


class MissingData(GcgBenchError):
    """A file, folder or image that should be there is not; the message says where it was sought."""


class UnknownName(GcgBenchError):
    """No plug-in, encoder, split or field of that name; close spellings are offered.

    Args:
        kind: what was looked for, e.g. `metric`.
        name: the name that was given.
        known: the names that exist.
        remedy: what else to do, appended to the message.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], remedy: str = "") -> None:
        names = sorted(known)
        close = get_close_matches(name[:_LONGEST], names, n=3, cutoff=0.6)
        hint = (
            f"did you mean {' or '.join(repr(match) for match in close)}?"
            if close
            else f"known: {', '.join(names) if names else 'none'}"
        )
        said = shortened(repr(name))
        super().__init__(f"no {kind} named {said}; {hint}{' ' + remedy if remedy else ''}")
        self.kind, self.name, self.close = kind, name, tuple(close)


class BadOption(GcgBenchError):
    """A value, or a combination of values, that a call does not take."""


class RunConflict(GcgBenchError):
    """A run folder was made with other settings; the message names the field that differs."""


class RunLocked(GcgBenchError):
    """Another process is working on the run folder; the message names its pid and host."""


class EnvironmentProblem(GcgBenchError):
    """Java, weights, a package or disk space is missing; the message says how to get it."""


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
