"""The card itself: its fields, and its Markdown file with YAML front matter read and written."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gcg_bench.data.cards.front_matter import front_matter
from gcg_bench.errors import UnknownName
from gcg_bench.files import paths
from gcg_bench.files.fields import Record

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

    def contradicted(self, found: int) -> str:
        """What is stated, when no stated size fits so many images; empty when one does."""
        if not self.sizes or any(abs(found - size.count) <= size.within for size in self.sizes):
            return ""
        told = " or ".join(f"{size.count} ({size.source})" for size in self.sizes)
        return f"{found} images, but the card states {told}"

    @property
    def exact(self) -> bool:
        """Whether one size is stated, to the image: then another number is an error."""
        return len(self.sizes) == 1 and self.sizes[0].within == 0


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
        name: what it is called; a shipped card's file is named so, with `.md`.
        version: rises when anything in the card could change a sample.
        title: one line for tables.
        format: the plug-in of `gcg_bench.data.formats` that reads it.
        tasks: what it is for, e.g. `gcg`.
        license: the licence of the annotations as their owners state it.
        image_license: the licence of the images as their owners state it.
        origin: how it was made, by whom, from what.
        homepage: where its owners publish it.
        citation: BibTeX, one or more entries; empty for data that came without a card.
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


def read_card(file: Path, *, home: Path | None) -> DataCard:
    """The card in a Markdown file; `home` is where its own files are looked for first.

    Raises:
        MissingData: the file cannot be opened.
        BadData: a field is not what a card needs, or a path in it leads out of the data root.
    """
    fields = Record(front_matter(file), file)
    card = DataCard(
        name=_plain_name(fields, "name", fields.text("name", empty=False)),
        version=fields.text("version", empty=False),
        title=fields.text("title", empty=False),
        format=fields.text("format", empty=False),
        tasks=fields.texts("tasks"),
        license=fields.text("license", empty=False),
        image_license=fields.text("image_license", empty=False),
        origin=fields.text("origin", empty=False),
        homepage=fields.text("homepage", empty=False),
        citation=fields.text("citation").strip(),
        prompt=fields.text("prompt"),
        splits=_splits(fields.record("splits")),
        folders=_folders(fields, "folders") or ("",),
        known_issues=fields.texts("known_issues", optional=True),
        hub=_hub(fields.record("hub")) if fields.has("hub") else None,
        by_hand=tuple(
            ByHand(part.text("what"), part.text("url"), _inside(part, "put", part.text("put")))
            for part in fields.records("by_hand", optional=True)
        ),
        home=home,
    )
    fields.refuse_unknown()
    return card


def write_card(card: DataCard, file: Path, prose: str) -> None:
    """Writes a card that `read_card` reads back, all but its home."""
    fields = _plain(dataclasses.asdict(dataclasses.replace(card, home=None)))
    for split in fields["splits"].values():
        del split["name"]
    text = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=100)
    file.write_text(f"---\n{text}---\n{prose}", encoding="utf-8")


def _plain(value: Any) -> Any:
    """Tuples as lists and fields without a value left out, for YAML."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _splits(fields: Record) -> dict[str, Split]:
    splits = {}
    for key in fields.value:
        name = _plain_name(fields, str(key), str(key))
        part = fields.record(key)
        splits[name] = Split(
            name=name,
            files=_names(part, "files"),
            images=_folders(part, "images"),
            sizes=tuple(
                StatedSize(
                    size.whole("count", least=0),
                    size.whole("within", least=0) if size.has("within") else 0,
                    size.text("source", empty=False),
                )
                for size in part.records("sizes", optional=True)
            ),
        )
        part.refuse_unknown()
    if not splits:
        raise fields.bad("", "names no split")
    return splits


def _hub(fields: Record) -> Hub:
    hub = Hub(fields.text("repo", empty=False), _names(fields, "files"))
    fields.refuse_unknown()
    return hub


def _names(fields: Record, name: str) -> dict[str, str]:
    """A field that maps texts to texts; empty when it is not there."""
    if not fields.has(name):
        return {}
    part = fields.record(name)
    return {
        _inside(part, key, str(key)): _inside(part, key, part.text(key, empty=False))
        for key in part.value
    }


def _folders(fields: Record, name: str) -> tuple[str, ...]:
    """A list of folders; the empty text is the root itself."""
    return tuple(_inside(fields, name, place) for place in fields.texts(name, optional=True))


def _inside(fields: Record, name: str, place: str) -> str:
    """A path under the data root; empty for the root itself."""
    if place and (why := paths.file_name_problem(place)):
        remedy = "Paths in a card are relative to the data root, or to the card"
        raise fields.bad(name, f"{place[:80]!r} {why}", remedy)
    return place


def _plain_name(fields: Record, field: str, name: str) -> str:
    """A name that files and folders are named by."""
    if not paths.is_plain(name):
        problem = f"{name[:80]!r} cannot be part of a file's name"
        raise fields.bad(field, problem, "Use letters, digits, - and _")
    return name
