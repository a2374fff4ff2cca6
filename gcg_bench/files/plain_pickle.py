"""Reads pickles that hold plain data: lists, dictionaries with text as keys, text, numbers, None.

A pickle is a program. Python's own reader runs it, may call any function that it names, and uses as
much memory as it asks for. This reader supports only the instructions that build plain data. It
supports no instruction that imports a name or calls a function, refuses every unknown instruction,
and limits length, nesting, and the size of whole numbers. Protocols 0 to 5 are read; text of Python
2 is read as UTF-8, else as Latin-1.
"""

import ast
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from gcg_bench.errors import BadData, MissingData, shortened
from gcg_bench.files import limits

_MARK = object()
_WHOLE = 2**63  # whole numbers are below this, and above its negative
_PUT, _FAR_PUT = ord("q"), ord("r")
_DIGITS = 20  # characters of a whole number that is written as text


def read_pickle(file: Path, *, most: int = limits.PICKLE) -> Any:
    """The value in a pickle of plain data of at most `most` bytes.

    Raises:
        MissingData: the file does not exist, or cannot be opened.
        BadData: the pickle is too long, does not hold plain data, or is nested too deeply.
    """
    try:
        if not file.is_file():
            raise MissingData(f"{file}: no such file")
        limits.refuse_long(file, most, "a pickle")
        data = file.read_bytes()
    except OSError as error:
        raise MissingData(f"{file}: cannot be read ({error})") from error
    try:
        value = _Builder(data).build()
    except _PickleProblem as problem:
        remedy = "Fetch the file again, or write its content as JSON"
        raise BadData(f"not a pickle of plain data: {problem}", file=file, remedy=remedy) from None
    if _is_deep(value):
        raise BadData(f"nested more than {limits.DEPTH} deep", file=file)
    return value


class _PickleProblem(Exception):
    """The problem of a pickle, in a few words."""


def _is_deep(value: Any) -> bool:
    """Whether containers are nested more than limits.DEPTH deep, or contain themselves."""
    level = [value]
    for _ in range(limits.DEPTH):
        children = {
            id(child): child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        }
        level = list(children.values())
        if not level:
            return False
    return True


class _Builder:
    """Builds the value of a pickle.

    Args:
        data: the pickle.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._actions: dict[int, Callable[[], None]] = {
            **dict.fromkeys(range(256), self._refuse_code),
            **self._of_values(),
            **self._of_containers(),
            **self._of_memo(),
        }

    def build(self) -> Any:
        """The value; raises _PickleProblem."""
        data, actions, end = self._data, self._actions, len(self._data)
        stack, memo = self._stack, self._memo
        try:
            while self._at < end:
                at = self._at
                code = data[at]
                self._at = at + 1
                if code == _PUT and stack[-1] is not _MARK:  # a third of all
                    memo[data[at + 1]] = stack[-1]
                    self._at = at + 2
                elif code == _FAR_PUT and stack[-1] is not _MARK:
                    memo[int.from_bytes(self._take(4), "little")] = stack[-1]
                elif code == ord("."):
                    return self._result()
                else:
                    actions[code]()
        except IndexError:
            self._refuse("an instruction lacks its operand")
        return self._refuse("it is cut off")

    def _result(self) -> Any:
        if len(self._stack) != 1 or self._stack[0] is _MARK:
            self._refuse("it does not end in one value")
        if not isinstance(self._stack[0], list | dict):
            self._refuse("it holds neither a list nor a dictionary")
        return self._stack[0]

    def _refuse(self, problem: str) -> NoReturn:
        raise _PickleProblem(f"{problem} (byte {self._at})")

    def _refuse_code(self) -> None:
        code = self._data[self._at - 1 : self._at]
        if code in (b"c", b"\x93", b"i", b"o", b"R", b"b", b"\x81", b"\x92"):
            self._refuse("it names a class or a function, which is not followed")
        self._refuse(f"an instruction {code!r} that plain data do not need")

    def _of_values(self) -> dict[int, Callable[[], None]]:
        """The instructions that put one value on the stack."""
        push = self._stack.append
        return {
            ord("N"): lambda: push(None),
            0x88: lambda: push(True),
            0x89: lambda: push(False),
            ord("I"): lambda: push(self._typed_whole()),
            ord("L"): lambda: push(self._typed_whole()),
            ord("J"): lambda: push(self._number("<i", 4)),
            ord("K"): lambda: push(self._take(1)[0]),
            ord("M"): lambda: push(self._number("<H", 2)),
            0x8A: lambda: push(self._long(self._take(1)[0])),
            0x8B: lambda: push(self._long(self._number("<i", 4))),
            ord("F"): lambda: push(self._typed_float()),
            ord("G"): lambda: push(self._number(">d", 8)),
            ord("S"): lambda: push(self._typed_text()),
            ord("V"): lambda: push(self._raw_text()),
            ord("T"): lambda: push(_text(self._take(self._number("<i", 4)))),
            ord("U"): lambda: push(_text(self._take(self._take(1)[0]))),
            ord("X"): lambda: push(_text(self._take(self._number("<I", 4)))),
            0x8C: lambda: push(_text(self._take(self._take(1)[0]))),
            0x8D: lambda: push(_text(self._take(self._number("<Q", 8)))),
        }

    def _of_containers(self) -> dict[int, Callable[[], None]]:
        """The instructions that make and fill lists and dictionaries; a tuple becomes a list."""
        push = self._stack.append
        return {
            ord("("): lambda: push(_MARK),
            ord("]"): lambda: push([]),
            ord("}"): lambda: push({}),
            ord(")"): lambda: push([]),
            ord("l"): lambda: push(self._since_mark()),
            ord("t"): lambda: push(self._since_mark()),
            0x85: lambda: push(self._last(1)),
            0x86: lambda: push(self._last(2)),
            0x87: lambda: push(self._last(3)),
            ord("d"): lambda: push(self._filled({}, self._since_mark())),
            ord("a"): lambda: self._extend(self._last(1)),
            ord("e"): lambda: self._extend(self._since_mark()),
            ord("s"): lambda: self._set(self._last(2)),
            ord("u"): lambda: self._set(self._since_mark()),
        }

    def _of_memo(self) -> dict[int, Callable[[], None]]:
        """The instructions that store and recall values, and the instructions without effect."""
        return {
            ord("p"): lambda: self._remember(self._typed_whole()),
            ord("q"): lambda: self._remember(self._take(1)[0]),
            ord("r"): lambda: self._remember(self._number("<I", 4)),
            0x94: lambda: self._remember(len(self._memo)),
            ord("g"): lambda: self._recall(self._typed_whole()),
            ord("h"): lambda: self._recall(self._take(1)[0]),
            ord("j"): lambda: self._recall(self._number("<I", 4)),
            0x80: lambda: self._skip(1),  # the protocol
            0x95: lambda: self._skip(8),  # the length of a frame
        }

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count] if count >= 0 else b""
        if len(taken) != count:
            self._refuse("it is cut off")
        self._at += count
        return taken

    def _skip(self, count: int) -> None:
        self._take(count)

    def _number(self, form: str, count: int) -> Any:
        return struct.unpack(form, self._take(count))[0]

    def _line(self) -> bytes:
        end = self._data.find(b"\n", self._at)
        if end < 0:
            self._refuse("it is cut off")
        line = self._data[self._at : end]
        self._at = end + 1
        return line

    def _typed_whole(self) -> Any:
        line = self._line().removesuffix(b"L")
        if line in (b"00", b"01"):  # protocol 0 writes False and True in this way
            return line == b"01"
        if len(line) > _DIGITS:
            self._refuse("a whole number is too large")
        try:
            return self._whole(int(line))
        except ValueError:
            return self._refuse(f"{shortened(repr(line), 40)} is no whole number")

    def _long(self, count: int) -> int:
        if count > _DIGITS:
            self._refuse("a whole number is too large")
        return self._whole(int.from_bytes(self._take(count), "little", signed=True))

    def _whole(self, number: int) -> int:
        if abs(number) >= _WHOLE:
            self._refuse("a whole number is too large")
        return number

    def _typed_float(self) -> float:
        line = self._line()
        try:
            return float(line)
        except ValueError:
            return self._refuse(f"{shortened(repr(line), 40)} is no number")

    def _typed_text(self) -> str:
        line = self._line()
        if len(line) > limits.TEXT:
            self._refuse("a text is too long")
        try:
            value = ast.literal_eval(f"b{line.decode('ascii')}")
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            self._refuse("a text is not quoted as it should be")
        return _text(value) if isinstance(value, bytes) else self._refuse("a text is no text")

    def _raw_text(self) -> str:
        try:
            return self._line().decode("raw-unicode-escape")
        except UnicodeDecodeError:
            return self._refuse("a text is not escaped as it should be")

    def _since_mark(self) -> list[Any]:
        stack = self._stack
        for position in range(len(stack) - 1, -1, -1):
            if stack[position] is _MARK:
                values = stack[position + 1 :]
                del stack[position:]
                return values
        return self._refuse("an end of a list without its begin")

    def _last(self, count: int) -> list[Any]:
        if len(self._stack) < count or any(value is _MARK for value in self._stack[-count:]):
            self._refuse("an instruction lacks its operand")
        values = self._stack[-count:]
        del self._stack[-count:]
        return values

    def _extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            self._refuse("values are added to what is no list")
        target.extend(values)

    def _set(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            self._refuse("fields are added to what is no dictionary")
        self._filled(target, values)

    def _filled(self, target: dict[str, Any], values: list[Any]) -> dict[str, Any]:
        if len(values) % 2 or not all(isinstance(key, str) for key in values[::2]):
            self._refuse("the key of a dictionary is no text")
        target.update(zip(values[::2], values[1::2], strict=True))
        return target

    def _remember(self, key: int) -> None:
        if self._stack[-1] is _MARK:
            self._refuse("an instruction lacks its operand")
        self._memo[key] = self._stack[-1]

    def _recall(self, key: int) -> None:
        if key not in self._memo:
            self._refuse("a value is recalled that was never there")
        self._stack.append(self._memo[key])


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
