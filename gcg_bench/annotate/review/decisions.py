"""Files of decisions: one person's verdicts on phrases of an annotation.

    {"format": "gcg-bench review", "version": 2, "recipe": "9f0c...", "result": "51aa...",
     "reviewer": "Ana", "sample": {"size": 100, "seed": 0},
     "decisions": [
       {"image": "a", "content": "7be1...", "phrase": 0, "words": "A dog", "span": [0, 5],
        "verdict": "accept", "sampled": true, "seconds": 2.5},
       {"image": "a", "content": "7be1...", "phrase": 1, "words": "a cat", "span": [7, 12],
        "verdict": "rename", "new_words": "a fox", "sampled": false},
       {"image": "a", "content": "7be1...", "phrase": null, "words": "a ball",
        "verdict": "missing"}]}

`recipe` is the hash of recipe.json, `result` the digest of captions, phrases and masks of all
images (`survey.Survey.digest`), `content` that of one image (`survey.content_of`), `phrase` the
position of a phrase in its caption. A decision counts while its image has this content. The verdict
`missing` is about an image: its words name something that no phrase names; they may be empty.
`withdrawn` takes back the earlier decision of the same reviewer about the phrase or image.
`reviewer` and `seconds` are optional; `new_words` is required for `rename` and refused for other
verdicts.

Version 1 has no `content`: its decisions count while `recipe` and `result` are those of the
annotation.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import category

from gcg_bench.errors import BadData
from gcg_bench.files import limits
from gcg_bench.files.fields import Record, two_whole
from gcg_bench.files.json import read_json

FORMAT, VERSION = "gcg-bench review", 2
UNBOUND = 1
"""The version whose decisions do not state the content of their images."""

ACCEPT, REJECT, RENAME, WRONG_MASK, MISSING = "accept", "reject", "rename", "wrong_mask", "missing"
WITHDRAWN = "withdrawn"
VERDICTS = (ACCEPT, REJECT, RENAME, WRONG_MASK)
"""Verdicts on a phrase. `missing` is a verdict on an image; `withdrawn` is for both."""

MOST = 1_000_000
"""The most decisions of a file, and the largest sample."""

_NAME = 200  # characters of a reviewer's name
# the Unicode categories that new words must not contain: control, half surrogates, line breaks
_REFUSED = {"Cc", "Cs", "Zl", "Zp"}
_AGAIN = "Write the page again (gcg-bench annotate review DIR) and decide on it"

Key = tuple[str, int | None]
"""The image and the position of a phrase; None for the image itself."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's verdict on a phrase or an image.

    Attributes:
        image: the image's id.
        phrase: the position of the phrase in the caption's phrases; None for the image.
        verdict: one of VERDICTS; `missing` for the image; `withdrawn`.
        words: the words of the phrase as they were shown; for `missing` the thing that is missing.
        span: the characters of the words in the caption; None for the image.
        new_words: the words that replace `words`, for `rename`; None otherwise.
        sampled: whether the phrase belongs to the random sample.
        seconds: how long the person looked; None when not stated.
        content: the digest of the image's picture, caption and masks that the person saw; empty in
            a file of version 1.
    """

    image: str
    phrase: int | None
    verdict: str
    words: str
    span: tuple[int, int] | None = None
    new_words: str | None = None
    sampled: bool = False
    seconds: float | None = None
    content: str = ""

    @property
    def key(self) -> Key:
        """The image and phrase that it is about."""
        return self.image, self.phrase

    def as_json(self) -> dict[str, Any]:
        """As JSON values; optional fields without a value are left out."""
        made: dict[str, Any] = {
            "image": self.image,
            "phrase": self.phrase,
            "words": self.words,
            "verdict": self.verdict,
        }
        if self.content:
            made["content"] = self.content
        if self.span is not None:
            made |= {"span": list(self.span), "sampled": self.sampled}
        optional = {"new_words": self.new_words, "seconds": self.seconds}
        return made | {name: value for name, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True)
class DecisionFile:
    """The decisions of one file.

    Attributes:
        file: the path, with a line number for a line of the log; for messages.
        recipe: the hash of the recipe of the reviewed annotation.
        result: the digest of the reviewed annotation.
        reviewer: the person who decided; may be empty.
        sample: size and seed of the random sample.
        decisions: at most one decision for each phrase and one for each image.
        version: the version of the format; all decisions state their content from version 2 on.
    """

    file: str
    recipe: str
    result: str
    reviewer: str
    sample: tuple[int, int]
    decisions: tuple[Decision, ...]
    version: int = VERSION

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "format": FORMAT,
            "version": self.version,
            "recipe": self.recipe,
            "result": self.result,
            "reviewer": self.reviewer,
            "sample": {"size": self.sample[0], "seed": self.sample[1]},
            "decisions": [decision.as_json() for decision in self.decisions],
        }

    @property
    def sha256(self) -> str:
        """The digest of its content; equal for files that differ only in layout."""
        text = json.dumps(self.as_json(), sort_keys=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def read_decisions(file: Path) -> DecisionFile:
    """Reads a file of decisions.

    Raises:
        MissingData: the file does not exist.
        BadData: it is no file of decisions, or a field does not fit the format; the message names
            file, image, field and remedy.
    """
    return decisions_of(read_json(file), file)


def decisions_of(value: Any, file: object) -> DecisionFile:
    """The decisions of JSON values.

    Raises:
        BadData: as in `read_decisions`.
    """
    record = Record(value, file)
    if not record.has("format") or record.value["format"] != FORMAT:
        raise record.bad("format", f"should be {FORMAT!r}; this is no file of decisions", _AGAIN)
    version = record.whole("version")
    if version not in (UNBOUND, VERSION):
        raise record.bad("version", f"is {version}; {UNBOUND} and {VERSION} are read", _AGAIN)
    sample = record.record("sample")
    size = (sample.whole("size", least=0), sample.whole("seed", least=0))
    if max(size) > MOST:
        raise sample.bad("size", f"size and seed should be at most {MOST:,}")
    sample.refuse_unknown()
    record.items("decisions", most=MOST)
    made = DecisionFile(
        str(file),
        record.text("recipe", empty=False, most=_NAME),
        record.text("result", empty=False, most=_NAME),
        record.text("reviewer", most=_NAME) if record.has("reviewer") else "",
        size,
        tuple(_decision(part, version) for part in record.records("decisions")),
        version,
    )
    record.refuse_unknown()
    _refuse_repeated(made.decisions, record)
    return made


def _decision(part: Record, version: int) -> Decision:
    part.image = part.text("image", empty=False)
    content = "" if version == UNBOUND else part.text("content", empty=False, most=_NAME)
    if version == UNBOUND and part.has("content"):
        raise part.bad("content", f"no such field in version {UNBOUND}", _AGAIN)
    verdict = part.text("verdict")
    known = (*VERDICTS, MISSING, WITHDRAWN)
    if verdict not in known:
        raise part.bad("verdict", f"is {verdict[:40]!r}, should be one of {', '.join(known)}")
    seconds = part.number("seconds") if part.has("seconds") else None
    if seconds is not None and seconds < 0:
        raise part.bad("seconds", "is negative")
    words = part.text("words", most=limits.TEXT)
    phrase = part.whole("phrase", least=0) if part.has("phrase") else None
    if verdict != WITHDRAWN and (phrase is None) != (verdict == MISSING):
        problem = "should be the position of a phrase; it is null where the verdict is of the image"
        raise part.bad("phrase", problem)
    if phrase is None:
        part.refuse_unknown()
        return Decision(part.image, None, verdict, words, seconds=seconds, content=content)
    span = two_whole(part.any("span"))
    if span is None:
        raise part.bad("span", "should be two whole numbers: the first character and the last + 1")
    sampled = part.boolean("sampled", default=False)
    renamed = _new_words(part, words) if verdict == RENAME else None
    part.refuse_unknown()
    return Decision(part.image, phrase, verdict, words, span, renamed, sampled, seconds, content)


def _new_words(part: Record, words: str) -> str:
    """The new words of a decision: one line without blanks at its ends."""
    name = "new_words"
    made = part.text(name, empty=False, most=limits.TEXT)
    if made != made.strip() or any(category(sign) in _REFUSED for sign in made):
        raise part.bad(name, "has blanks at an end, or a line break or control character")
    if made == words:
        raise part.bad(name, "are the old words", "Give other words, or the verdict accept")
    return made


def _refuse_repeated(decisions: Sequence[Decision], record: Record) -> None:
    first: dict[Key, int] = {}
    for position, decision in enumerate(decisions):
        if (before := first.setdefault(decision.key, position)) != position:
            what = "the image" if decision.phrase is None else "the phrase"
            problem = f"{what} has a decision already, decisions[{before}]"
            field = f"decisions[{position}].phrase"
            raise BadData(
                problem,
                file=record.file,
                image=decision.image,
                field=field,
                remedy="Keep one of the two",
            )


def by_phrase(decisions: Mapping[Key, Decision]) -> dict[str, dict[int, Decision]]:
    """Image -> position -> the decision; only decisions about phrases."""
    images: dict[str, dict[int, Decision]] = {}
    for (image, phrase), decision in decisions.items():
        if phrase is not None:
            images.setdefault(image, {})[phrase] = decision
    return images
