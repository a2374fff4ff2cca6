"""The data card, and reading and writing of its Markdown file with YAML front matter."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gcg_bench.data.cards.front_matter import front_matter
from gcg_bench.data.cards.splits import Split, StatedSize
from gcg_bench.errors import UnknownName
from gcg_bench.files import paths
from gcg_bench.files.fields import Record, two_whole

NOT_STATED = "not stated by its owners"

HASHED = "grand"
"""The only format whose splits may be shares of the images, chosen by the hash of their ids."""

REFERENCES = ("annotated", "reviewed")
"""The origin of model-made references: models alone, or all of them reviewed by people."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """A download that no hub offers.

    Attributes:
        what: a description.
        url: the address.
        put: the target, relative to the data root.
    """

    what: str
    url: str
    put: str


@dataclass(frozen=True, slots=True)
class Hub:
    """A data set repository on the Hugging Face hub, and the files that the card needs.

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
        name: the name; the file of a shipped card has this name and the suffix `.md`.
        version: increases when a change of the card could change a sample.
        title: one line for tables.
        format: the plug-in of `gcg_bench.data.formats` that reads it.
        tasks: the tasks of the data set, e.g. `gcg`.
        license: the licence of the annotations as their owners state it.
        image_license: the licence of the images as their owners state it.
        origin: how, by whom and from what it was made.
        homepage: where its owners publish it.
        citation: BibTeX, one or more entries; empty for data that came without a card.
        prompt: the instruction of every query without a prompt of its own; empty for the model's
            default.
        splits: name -> split, in the card's order.
        folders: folders, relative to the data root, that may contain annotation files.
        known_issues: one sentence each.
        hub: the files to download; None when there are none.
        by_hand: the files that the user must download.
        home: the folder of a card given by path, which is searched before the data root; None for
            shipped cards.
        references: one of REFERENCES when models made the references; None when people made them,
            or when it is not stated.
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
    references: str | None = None

    def split(self, name: str) -> Split:
        """The split with a name.

        Raises:
            UnknownName: there is no such split.
        """
        if name not in self.splits:
            raise UnknownName(f"split of {self.name}", name, self.splits)
        return self.splits[name]


def read_card(file: Path, *, home: Path | None) -> DataCard:
    """The card in a Markdown file.

    Args:
        file: the Markdown file.
        home: the folder that is searched first for the card's files; None for no folder.

    Raises:
        MissingData: the file cannot be opened.
        BadData: a field is invalid, or a path leads out of the data root.
    """
    fields = Record(front_matter(file), file)
    card = DataCard(
        name=_safe_name(fields, "name", fields.text("name", empty=False)),
        version=fields.text("version", empty=False),
        title=fields.text("title", empty=False),
        format=fields.text("format", empty=False),
        tasks=_tasks(fields),
        license=fields.text("license", empty=False),
        image_license=fields.text("image_license", empty=False),
        origin=fields.text("origin", empty=False),
        homepage=fields.text("homepage", empty=False),
        citation=fields.text("citation").strip(),
        prompt=fields.text("prompt"),
        splits=_splits(fields.record("splits"), _tasks(fields), fields.text("format")),
        folders=_folders(fields, "folders") or ("",),
        known_issues=fields.texts("known_issues", optional=True),
        hub=_hub(fields.record("hub")) if fields.has("hub") else None,
        by_hand=tuple(
            ByHand(
                part.text("what"), part.text("url"), _relative_path(part, "put", part.text("put"))
            )
            for part in fields.records("by_hand", optional=True)
        ),
        home=home,
        references=_references(fields) if fields.has("references") else None,
    )
    fields.refuse_unknown()
    return card


def write_card(card: DataCard, file: Path, prose: str) -> None:
    """Writes a card that `read_card` reads back to an equal card, except for its home."""
    fields = _to_yaml(dataclasses.asdict(dataclasses.replace(card, home=None)))
    for split in fields["splits"].values():
        del split["name"]
    text = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=100)
    file.write_text(f"---\n{text}---\n{prose}", encoding="utf-8")


def _to_yaml(value: Any) -> Any:
    """A value for YAML: tuples as lists, fields with the value None left out."""
    if isinstance(value, Mapping):
        return {key: _to_yaml(item) for key, item in value.items() if item is not None}
    return [_to_yaml(item) for item in value] if isinstance(value, tuple) else value


def _tasks(fields: Record) -> tuple[str, ...]:
    tasks = fields.texts("tasks")
    if not tasks:
        raise fields.bad("tasks", "names no task", "Write [gcg] when in doubt")
    return tasks


def _references(fields: Record) -> str:
    references = fields.text("references")
    if references not in REFERENCES:
        raise fields.bad("references", f"is {references[:80]!r}, not {' or '.join(REFERENCES)}")
    return references


def _splits(fields: Record, tasks: tuple[str, ...], format_name: str) -> dict[str, Split]:
    splits = {}
    for key in fields.value:
        name = _safe_name(fields, str(key), str(key))
        part = fields.record(key)
        splits[name] = Split(
            name=name,
            files=_names(part, "files"),
            images=_folders(part, "images"),
            sizes=tuple(_size(size, tasks) for size in part.records("sizes", optional=True)),
            percent=_percent(part, format_name) if part.has("percent") else None,
        )
        part.refuse_unknown()
    if not splits:
        raise fields.bad("", "names no split")
    return splits


def _percent(part: Record, format_name: str) -> tuple[int, int]:
    made = two_whole(part.any("percent"))
    if made is None or not 0 <= made[0] < made[1] <= 100:
        raise part.bad("percent", "should be two whole numbers from 0 to 100, the smaller first")
    if format_name != HASHED:
        raise part.bad("percent", f"is read by the format {HASHED} alone", "Leave it out")
    return made


def _size(size: Record, tasks: tuple[str, ...]) -> StatedSize:
    task = size.text("task") if size.has("task") else ""
    if task and task not in tasks:
        raise size.bad("task", f"is {task!r}, and the card has {', '.join(tasks)}")
    return StatedSize(
        size.whole("count", least=0),
        size.whole("within", least=0) if size.has("within") else 0,
        size.text("source", empty=False),
        size.whole("images", least=0) if size.has("images") else None,
        task,
    )


def _hub(fields: Record) -> Hub:
    hub = Hub(fields.text("repo", empty=False), _names(fields, "files"))
    fields.refuse_unknown()
    return hub


def _names(fields: Record, name: str) -> dict[str, str]:
    """A field that maps texts to texts; empty when the field is missing."""
    if not fields.has(name):
        return {}
    part = fields.record(name)
    return {
        _relative_path(part, key, str(key)): _relative_path(part, key, part.text(key, empty=False))
        for key in part.value
    }


def _folders(fields: Record, name: str) -> tuple[str, ...]:
    """A list of folders; the empty text is the data root itself."""
    return tuple(
        _relative_path(fields, name, folder) for folder in fields.texts(name, optional=True)
    )


def _relative_path(fields: Record, name: str, path: str) -> str:
    """A path under the data root; empty for the root itself."""
    if path and (problem := paths.file_name_problem(path)):
        remedy = "Paths in a card are relative to the data root, or to the card"
        raise fields.bad(name, f"{path[:80]!r} {problem}", remedy)
    return path


def _safe_name(fields: Record, field: str, name: str) -> str:
    """A name that can be part of the name of a file or folder."""
    if not paths.is_plain(name):
        problem = f"{name[:80]!r} cannot be part of a file's name"
        raise fields.bad(field, problem, "Use letters, digits, - and _")
    return name
