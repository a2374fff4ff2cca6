"""Data cards: one Markdown file a data set, whose front matter is read by the loader.

A card says what a reader wants to know (origin, licence, citation, known issues) and what the
loader needs (format, splits, file names, the folders they may lie in, the prompt), in one place.
Shipped cards are found by name; anybody's card is found by its path.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gcg_bench.cache import cache_folder
from gcg_bench.errors import BadData, MissingData, UnknownName

NOT_STATED = "not stated by its owners"


@dataclass(frozen=True, slots=True)
class StatedSize:
    """How many images somebody says a split has.

    Attributes:
        count: the number stated.
        within: how far a file may be from it, because the number was rounded.
        source: who states it.
    """

    count: int
    within: int
    source: str


@dataclass(frozen=True, slots=True)
class Split:
    """Where a split's files are and how large it should be.

    Attributes:
        name: e.g. `val`.
        files: role -> file name, the roles being the format's (`masks`, `captions`, ...); empty for
            generated data.
        images: folders, relative to the data root, where the images may lie.
        sizes: the sizes stated for it; several where sources disagree.
    """

    name: str
    files: Mapping[str, str]
    images: tuple[str, ...] = ()
    sizes: tuple[StatedSize, ...] = ()


@dataclass(frozen=True, slots=True)
class ByHand:
    """Something that no hub carries: what it is, where it is had, where to put it."""

    what: str
    url: str
    put: str


@dataclass(frozen=True, slots=True)
class Hub:
    """A data set repository on the Hugging Face hub and the files of it that the card needs.

    Attributes:
        repo: `owner/name`.
        files: file path in the repository -> path under the data root.
    """

    repo: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DataCard:
    """A data set as its card describes it.

    Attributes:
        name: the card file's name without `.md`.
        version: rises when anything in the card could change a sample.
        title: one line for tables.
        format: the plug-in of `gcg_bench.datasets` that reads it.
        tasks: what it is for, e.g. `gcg`.
        license: the licence of the annotations as their owners state it.
        image_license: the licence of the images as their owners state it.
        origin: how it was made, by whom, from what.
        homepage: where its owners publish it.
        citation: BibTeX, one or more entries.
        prompt: the instruction of every query that does not bring its own; empty means the model's
            own default.
        splits: name -> split, in the card's order.
        folders: folders, relative to the data root, where annotation files may lie.
        known_issues: one sentence each.
        hub: what can be downloaded, None when nothing can.
        by_hand: what must be fetched by hand.
        home: the folder of a card given by path: its files are looked for there before the data
            root; None for shipped cards.
    """

    name: str
    version: str
    title: str
    format: str
    tasks: tuple[str, ...]
    license: str
    image_license: str
    origin: str
    homepage: str
    citation: str
    prompt: str
    splits: Mapping[str, Split]
    folders: tuple[str, ...] = ("",)
    known_issues: tuple[str, ...] = ()
    hub: Hub | None = None
    by_hand: tuple[ByHand, ...] = ()
    home: Path | None = None

    def split(self, name: str) -> Split:
        """The split of that name; raises UnknownName."""
        if name not in self.splits:
            raise UnknownName(f"split of {self.name}", name, self.splits)
        return self.splits[name]


def data_folder() -> Path:
    """The default data root: `$GCG_BENCH_DATA`, else a folder beside the caches."""
    named = os.environ.get("GCG_BENCH_DATA")
    return Path(named) if named else cache_folder() / "data"


def card_folder() -> Path:
    """The folder of the shipped cards: inside the package when installed, else the checkout's."""
    inside = Path(__file__).parent / "data_cards"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "data_cards"


def card_names() -> tuple[str, ...]:
    """The names of the shipped cards, sorted."""
    return tuple(sorted(file.stem for file in card_folder().glob("*.md")))


def load_card(name: str) -> DataCard:
    """The card of that name, or the card at that path.

    Args:
        name: a shipped card's name (dashes count as underscores), or a path ending in `.md`.

    Raises:
        UnknownName: no shipped card has that name.
        MissingData: no file at that path.
        BadData: the front matter is not what a card needs; names the field.
    """
    if name.endswith(".md"):
        file = Path(name)
        if not file.is_file():
            raise MissingData(f"{file}: no such data card")
        return read_card(file, home=file.parent)
    spelt = name.replace("-", "_")
    if spelt not in card_names():
        raise UnknownName(
            "data card", name, card_names(), remedy="(a card of your own is given by its path)"
        )
    return read_card(card_folder() / f"{spelt}.md", home=None)


def locate(card: DataCard, split: str, root: Path) -> dict[str, Path]:
    """Role -> path of the split's annotation files.

    Each file is looked for in the card's own folder and in every known folder under the root.

    Raises:
        UnknownName: the card has no such split.
        MissingData: names every file that is missing and the folders looked in.
    """
    folders = annotation_folders(card, root)
    wanted = card.split(split).files
    found = {
        role: path
        for role, file in wanted.items()
        for path in [next((f / file for f in folders if (f / file).is_file()), None)]
        if path is not None
    }
    missing = [file for role, file in wanted.items() if role not in found]
    if missing:
        raise MissingData(
            f"{card.name} {split}: cannot find {', '.join(missing)}; looked in"
            f" {', '.join(str(folder) for folder in folders)}. Give the folder with --data-root or"
            f" GCG_BENCH_DATA, or see: gcg-bench data fetch {card.name}"
        )
    return found


def annotation_folders(card: DataCard, root: Path) -> tuple[Path, ...]:
    """The folders where the card's annotation files may lie, in the order they are looked in."""
    homes = [root] if card.home is None else [card.home, root]
    return tuple(dict.fromkeys(home / folder for home in homes for folder in card.folders))


def image_folders(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The folders where the split's images may lie, in the order they are looked in."""
    homes = [root] if card.home is None else [card.home, root]
    folders = card.split(split).images
    return tuple(dict.fromkeys(home / folder for home in homes for folder in folders))


def read_card(file: Path, *, home: Path | None) -> DataCard:
    """The card in a Markdown file; `home` is where its own files are looked for first."""
    fields = _Fields(front_matter(file), file)
    card = DataCard(
        name=fields.text("name"),
        version=str(fields.text("version")),
        title=fields.text("title"),
        format=fields.text("format"),
        tasks=fields.texts("tasks"),
        license=fields.text("license"),
        image_license=fields.text("image_license"),
        origin=fields.text("origin"),
        homepage=fields.text("homepage"),
        citation=fields.text("citation").strip(),
        prompt=fields.text("prompt", empty=True),
        splits={
            str(name): _split(str(name), _Fields(value, file, f"splits.{name}."))
            for name, value in fields.mapping("splits").items()
        },
        folders=fields.texts("folders", default=("",)),
        known_issues=fields.texts("known_issues", default=()),
        hub=_hub(fields),
        by_hand=tuple(
            ByHand(part.text("what"), part.text("url"), part.text("put"))
            for part in fields.parts("by_hand")
        ),
        home=home,
    )
    fields.nothing_else()
    return card


def front_matter(file: Path) -> Any:
    """The YAML between the first two lines `---` of a file.

    Raises:
        BadData: there is none, or it is not YAML or not UTF-8; names the line.
    """
    remedy = "A card starts with YAML between two lines of ---"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BadData(f"not UTF-8 ({error})", file=file) from error
    if not lines or lines[0].rstrip() != "---" or "---" not in (rest := lines[1:]):
        raise BadData("no front matter", file=file, remedy=remedy)
    try:
        return yaml.safe_load("\n".join(rest[: rest.index("---")]))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f" (line {mark.line + 2})"
        raise BadData(f"front matter is not YAML{place}", file=file, remedy=remedy) from error


class _Fields:
    """The mapping under one heading of a card, each field checked as it is taken."""

    def __init__(self, value: Any, file: Path, prefix: str = "") -> None:
        self._file, self._prefix = file, prefix
        self._seen: set[str] = set()
        if not isinstance(value, Mapping):
            raise self._bad("", "should be a mapping of fields")
        self._value: Mapping[str, Any] = value

    def text(self, name: str, *, empty: bool = False) -> str:
        value = self._take(name, None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not (empty or value.strip()):
            raise self._bad(name, "should be text")
        return value

    def whole(self, name: str, *, default: int | None = None) -> int:
        value = self._take(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._bad(name, "should be a whole number")
        return value

    def texts(self, name: str, *, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        value = self._take(name, default)
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
            raise self._bad(name, "should be a list of texts")
        return tuple(value)

    def mapping(self, name: str, *, default: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        value = self._take(name, default)
        if not isinstance(value, Mapping):
            raise self._bad(name, "should be a mapping")
        return value

    def names(self, name: str) -> dict[str, str]:
        value = self.mapping(name, default={})
        if not all(isinstance(item, str) for pair in value.items() for item in pair):
            raise self._bad(name, "should map names to names")
        return dict(value)

    def parts(self, name: str) -> list["_Fields"]:
        value = self._take(name, [])
        if not isinstance(value, list):
            raise self._bad(name, "should be a list")
        return [
            _Fields(item, self._file, f"{self._prefix}{name}[{at}].")
            for at, item in enumerate(value)
        ]

    def part(self, name: str) -> "_Fields | None":
        value = self._take(name, {})
        return _Fields(value, self._file, f"{self._prefix}{name}.") if value else None

    def nothing_else(self) -> None:
        unknown = sorted(set(map(str, self._value)) - self._seen)
        if unknown:
            raise self._bad(unknown[0], f"no such field; known: {', '.join(sorted(self._seen))}")

    def _take(self, name: str, default: Any) -> Any:
        self._seen.add(name)
        value = self._value.get(name, default)
        if value is None:
            raise self._bad(name, "is missing")
        return value

    def _bad(self, name: str, problem: str) -> BadData:
        field = f"{self._prefix}{name}".rstrip(".")
        return BadData(problem, file=self._file, field=field or None)


def _split(name: str, fields: _Fields) -> Split:
    made = Split(
        name=name,
        files=fields.names("files"),
        images=fields.texts("images", default=()),
        sizes=tuple(
            StatedSize(part.whole("count"), part.whole("within", default=0), part.text("source"))
            for part in fields.parts("sizes")
        ),
    )
    fields.nothing_else()
    return made


def _hub(fields: _Fields) -> Hub | None:
    part = fields.part("hub")
    return None if part is None else Hub(part.text("repo"), part.names("files"))
