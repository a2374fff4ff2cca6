"""Shortens error messages to the length that a run stores."""

from traceback import format_exception_only

_MAX_ERROR = 2000  # characters of an error message that are kept


def error_text(error: BaseException) -> str:
    """The type and message of an error, at most 2,000 characters.

    It never raises, even when the error's own `__str__` does.
    """
    name, text = type(error).__name__, "".join(format_exception_only(type(error), error)).strip()
    _, colon, message = text.partition(": ")
    return truncated(f"{name}: {message}" if colon else name)


def truncated(text: str) -> str:
    """A text cut to at most 2,000 characters; three dots mark a cut."""
    return text if len(text) <= _MAX_ERROR else f"{text[:_MAX_ERROR]}..."
