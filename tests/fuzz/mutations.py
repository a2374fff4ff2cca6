"""Sound inputs made unsound: trees of JSON values first, then the bytes they are written as."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

from fuzz import hostile

Slot = tuple[Any, Any]  # a container and the key or position of one of its values

_TOKENS = (
    b'"', b"{", b"}", b"[", b"]", b":", b",", b"\\", b"\n", b"\r\n", b"\0", b"\xff", b"\xc3",
    b"\xef\xbb\xbf", b"NaN", b"Infinity", b"-Infinity", b"-", b"1e999", b"1e-999", b"0x1",
    b"true", b"null", b"\\ud800", b"\\u0000", b"99999999999999999999", b"- ", b"---\n", b"&a ",
    b"*a", b"!!python/object:os.system x", b"!!binary x", b"<<: ", b"? ", b"| ", b"#", b"'", b"=",
    b"../", b"/", b"\t",
)  # fmt: skip


def copied(tree: Any) -> Any:
    """A tree of its own."""
    if type(tree) is dict:
        return {key: copied(item) for key, item in tree.items()}
    return [copied(item) for item in tree] if type(tree) is list else tree


def slots(tree: Any) -> list[Slot]:
    """Every place in a tree where a value stands."""
    found: list[Slot] = []
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        keys: Any = list(one) if type(one) is dict else range(len(one)) if type(one) is list else ()
        for key in keys:
            found.append((one, key))
            waiting.append(one[key])
    return found


def mutated(rng: Random, tree: Any, names: Sequence[str] = ()) -> Any:
    """A tree with one to four changes; `names` are keys that readers know."""
    outer = [copied(tree)]
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        found = slots(outer)
        _change(rng, *rng.choice(found), found, names)
        if not outer:
            return hostile.value(rng)
    return outer[0]


def _change(rng: Random, where: Any, key: Any, found: Sequence[Slot], names: Sequence[str]) -> None:
    kind = rng.randrange(10)
    if kind < 4:
        where[key] = hostile.value(rng)
    elif kind == 4:
        other, place = rng.choice(found)
        where[key] = copied(other[place])
    elif kind == 5:
        where[key] = rng.choice(([where[key]], {"a": where[key]}, [where[key], where[key]]))
    elif kind == 6:
        del where[key]
    elif kind == 7 and type(where) is list:
        where[key:key] = [copied(where[key]) for _ in range(rng.choice((1, 2, 30)))]
    elif kind == 8 and type(where) is dict:
        where[rng.choice(names) if names and rng.random() < 0.8 else hostile.text(rng)] = where.pop(
            key
        )
    else:
        where[key] = _near(rng, where[key])


def _near(rng: Random, value: Any) -> Any:
    """Another value of the same kind."""
    if type(value) in (int, float) and abs(value) < 2**60:
        return rng.choice((value + 1, value - 1, -value, value * 2, float(value), str(value)))
    if type(value) is str:
        at = rng.randrange(len(value) + 1)
        return value[:at] + hostile.text(rng) + value[at + rng.randrange(2) :]
    return hostile.value(rng)


def dumped(rng: Random, tree: Any) -> bytes:
    """A tree as JSON; now and then with a key that stands twice."""
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.5)
    if "@" in text:
        for mark, meant in hostile.MARKS.items():
            text = text.replace(mark, meant)
    if rng.random() < 0.05 and (places := [k for k, letter in enumerate(text) if letter == "{"]):
        at = rng.choice(places) + 1
        end = text.find(":", at)
        if end > 0:
            text = f"{text[:at]}{text[at:end]}: {rng.choice(('null', '1', '[]'))}, {text[at:]}"
    return text.encode("utf-8", "surrogatepass")


def scrambled(rng: Random, data: bytes) -> bytes:
    """Bytes with a few changes."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at = rng.randrange(len(made) + 1)
        end = min(len(made), at + rng.choice((1, 1, 2, 4, 16, 64)))
        kind = rng.randrange(8)
        if kind == 0:
            del made[at:end]
        elif kind == 1:
            made[at:at] = made[at:end] * rng.choice((1, 2, 20))
        elif kind == 2:
            made[at:at] = rng.choice(_TOKENS)
        elif kind == 3 and at < len(made):
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 4 and at < len(made):
            made[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif kind == 5 and rng.random() < 0.3:
            del made[at:]
        elif kind == 6:
            made[at:end] = rng.randbytes(end - at)
        else:
            other = rng.randrange(len(made) + 1)
            made[at:end] = made[other : other + end - at]
    return bytes(made)


def document(rng: Random, tree: Any, names: Sequence[str] = ()) -> bytes:
    """A JSON document: mostly changed as a tree, sometimes as bytes, sometimes as both."""
    kind = rng.random()
    data = dumped(rng, mutated(rng, tree, names) if kind < 0.85 else tree)
    return scrambled(rng, data) if kind > 0.7 else data


def lines(rng: Random, trees: Sequence[Any], names: Sequence[str] = ()) -> bytes:
    """JSON lines, one or all of them changed."""
    chosen = rng.randrange(len(trees))
    parts = [
        document(rng, tree, names) if place == chosen or rng.random() < 0.2 else dumped(rng, tree)
        for place, tree in enumerate(trees)
    ]
    joined = rng.choice((b"\n", b"\n", b"\n", b"\r\n", b"\n\n")).join(parts)
    return joined + rng.choice((b"\n", b"\n", b""))
