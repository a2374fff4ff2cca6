"""Data cards: the front matter that names files and folders."""

from pathlib import Path
from random import Random

from fuzz import hostile
from fuzz.mutations import scrambled
from fuzz.target import Target

from gcg_bench.data.cards import (
    annotation_folders,
    card_folder,
    image_folders,
    read_card,
    write_card,
)

DATA = Path(__file__).parent.parent / "data"

_CARDS = [(DATA / "jsonl" / "card.md").read_bytes()]
_CARDS += [file.read_bytes() for file in sorted(card_folder().glob("*.md"))]
_YAML = (
    b"&x [*x]", b"&a [1, 2]", b"*a", b"!!python/object/apply:os.system [echo]", b"!!set {a, b}",
    b"!!binary x", b"!!timestamp x", b"!!float x", b"!!int ''", b"!!bool x", b"2024-13-45",
    b"2024-01-01", b"1:2:3", b"0x", b"0b", b"._", b".nan", b".inf", b"-.inf", b"~", b"<<: [1]",
    b"=", b"? [a]\n: b", b"{? a}", b"[" * 900, b"- " * 400, b"9" * 5000, b"null", b"|", b">",
    b"'", b'"\\ud800"', b'"\\0"', b"../../x", b"/etc/passwd", b"[..]", b"[/]", b"{a: ../x}",
)  # fmt: skip


def make_card(rng: Random) -> bytes:
    """A card with some of its values or bytes changed."""
    data = rng.choice(_CARDS[:1] * 3 + _CARDS)
    head, _, prose = data.partition(b"\n---\n")
    rows = head.split(b"\n")
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        at = rng.randrange(len(rows))
        name, colon, _ = rows[at].partition(b":")
        kind = rng.randrange(5)
        if kind < 3 and colon:
            odd = hostile.text(rng).encode("utf-8", "surrogatepass")
            rows[at] = name + b": " + rng.choice((*_YAML, odd, b'"' + odd + b'"'))
        elif kind == 3:
            rows[at:at] = [rows[rng.randrange(len(rows))]]
        else:
            del rows[at]
            rows = rows or [b""]
    head = b"\n".join(rows)
    return (scrambled(rng, head) if rng.random() < 0.4 else head) + b"\n---\n" + prose[:20]


def _read_card(data: bytes, folder: Path) -> None:
    file = folder / "card.md"
    file.write_bytes(data)
    card = read_card(file, home=folder)
    for split in card.splits:
        places = [*annotation_folders(card, folder), *image_folders(card, split, folder)]
        places += [one / name for one in places for name in card.splits[split].files.values()]
        for place in places:
            inside = place.resolve()
            assert inside == folder.resolve() or folder.resolve() in inside.parents, place
        assert Path(split).name == split
    assert Path(card.name).name == card.name
    write_card(card, folder / "again.md", "")
    assert read_card(folder / "again.md", home=folder) == card


TARGETS = (Target("data: cards", make_card, _read_card, 0.5),)
