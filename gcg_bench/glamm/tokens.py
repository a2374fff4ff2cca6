"""The published vocabulary's tokeniser: sentencepiece with added tokens, as the slow one behaved.

Added tokens are cut out of the text first and swallow the white space on both sides; every piece in
between is encoded on its own, with a leading space each. Decoding joins runs of ordinary tokens and
added tokens with single spaces. Today's transformers does neither for these files.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits
from gcg_bench.files.fields import Record
from gcg_bench.files.json import read_record
from gcg_bench.glamm.splicing import IMAGE
from gcg_bench.glamm.traced import JOIN, Traced

ADDED_TOKENS = ("<im_start>", "<im_end>", "<bbox>", "<point>", "[SEG]", "<p>", "</p>")
"""Added behind the base vocabulary in this order, which fixes their ids."""

IMAGE_MARK = "<image>"

_MOST = 2**24  # ids: ten times the largest vocabulary


class Tokenizer:
    """Text to token ids and back.

    Args:
        model: the bytes of a sentencepiece model.
        added: added token -> id.

    Raises:
        BadData: the bytes are no sentencepiece model, a needed token is missing, or an id is none.
    """

    def __init__(self, model: bytes, added: Mapping[str, int]) -> None:
        from sentencepiece import SentencePieceProcessor

        self._model = model
        try:
            self._pieces: Any = SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise BadData("not a sentencepiece model", field="tokenizer.model") from error
        self.added = dict(added)
        for token, number in self.added.items():
            if not token or type(number) is not int or not 0 <= number < _MOST:
                raise BadData(f"the id of {token[:40]!r} is none", field="added_tokens.json")
        if lost := [token for token in ("[SEG]", "<p>", "</p>") if token not in self.added]:
            raise BadData(f"no added token {lost[0]}", field="added_tokens.json")
        self.unk: int = self._pieces.unk_id()
        self.bos: int = self._pieces.bos_id()
        self.eos: int = self._pieces.eos_id()
        if not all(0 <= one < self._pieces.get_piece_size() for one in self._own):
            raise BadData("no unknown, start or end token", field="tokenizer.model")
        self.seg = self.added["[SEG]"]
        self.bbox = self.added.get("<bbox>")
        try:  # of all, since an answer may need any of them
            spelt = [self._pieces.id_to_piece(i) for i in range(self._pieces.get_piece_size())]
        except UnicodeDecodeError as error:
            raise BadData("a piece is not UTF-8", field="tokenizer.model") from error
        # Cut out like added tokens, but without their appetite for white space.
        plain = {spelt[i]: i for i in self._own}
        self._special = {**plain, **self.added}
        self.marks = frozenset(self._special.values())
        """Ids of all tokens that are no words."""
        self._names = {number: token for token, number in self._special.items()}
        longest_first = sorted(self._special, key=len, reverse=True)
        self._cut = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")

    @property
    def _own(self) -> tuple[int, int, int]:
        """The vocabulary's own tokens that are no words."""
        return self.unk, self.bos, self.eos

    @property
    def pad(self) -> int:
        """What rows are filled up with: the unknown token, as published; attention hides it."""
        return self.unk

    @property
    def vocabulary(self) -> int:
        """One more than the highest id."""
        highest: int = max(self._pieces.get_piece_size() - 1, *self.added.values())
        return highest + 1

    @classmethod
    def load(cls, folder: Path) -> "Tokenizer":
        """From tokenizer.model and the added tokens beside it.

        Raises:
            MissingData: tokenizer.model is not there.
            BadData: a file cannot be read as what it should be.
        """
        file = folder / "tokenizer.model"
        if not file.is_file():
            raise MissingData(f"no tokenizer.model in {folder}")
        limits.refuse_long(file, limits.RECORD, "a vocabulary")
        return cls(file.read_bytes(), dict(_added_tokens(folder)))

    def save(self, folder: Path) -> None:
        """Writes tokenizer.model and added_tokens.json, which `load` reads."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.model").write_bytes(self._model)
        text = json.dumps(self.added, indent=2, sort_keys=True)
        (folder / "added_tokens.json").write_text(text + "\n", encoding="utf-8")

    def encode(self, text: str) -> list[int]:
        """Ids of a text without a start token; the empty text has none."""
        pieces = self._cut.split(text)
        for index in range(1, len(pieces), 2):
            if pieces[index] in self.added:
                pieces[index - 1] = pieces[index - 1].rstrip()
                pieces[index + 1] = pieces[index + 1].lstrip()
        ids: list[int] = []
        for index, piece in enumerate(pieces):
            if index % 2:
                ids.append(self._special[piece])
            elif piece:
                ids.extend(self._pieces.encode(piece))
        return ids

    def encode_prompt(self, prompt: str) -> list[int]:
        """Ids with a start token and IMAGE for every `<image>`; the parts are encoded apart."""
        first, *rest = prompt.split(IMAGE_MARK)
        ids = [self.bos, *self.encode(first)]
        for part in rest:
            ids += [IMAGE, *self.encode(part)]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens kept; IMAGE is left out."""
        return self.trace(ids).text

    def trace(self, ids: Sequence[int]) -> Traced:
        """`decode` that remembers which index of `ids` every character came from."""
        parts: list[Traced] = []
        run: list[tuple[int, int]] = []
        for index, number in enumerate(ids):
            if number in self._names and number not in (self.unk, self.bos, self.eos):
                parts += [self._run(run)] if run else []
                run = []
                parts.append(Traced.of(self._names[number], index))
            elif number != IMAGE:
                run.append((index, number))
        parts += [self._run(run)] if run else []
        return Traced.joined(parts, JOIN)

    def _run(self, run: Sequence[tuple[int, int]]) -> Traced:
        """A run without added tokens: start, end and unknown verbatim, with a space before them.

        The space stands before the words in front of the special token, not behind them: that is
        how the published tokeniser decodes.
        """
        parts: list[Traced] = []
        words: list[tuple[int, int]] = []
        after_special = False
        for place, (index, number) in enumerate(run):
            if number not in (self.unk, self.bos, self.eos):
                words.append((index, number))
                after_special = False
                continue
            if place and not after_special:
                parts.append(JOIN)
            parts += [self._words(words), Traced.of(self._names[number], index)]
            words, after_special = [], True
        return Traced.joined([*parts, self._words(words)])

    def _words(self, run: Sequence[tuple[int, int]]) -> Traced:
        """Ordinary tokens through sentencepiece, every character with the token it came from."""
        numbers = [number for _, number in run]
        ends = [len(self._pieces.decode(numbers[: place + 1])) for place in range(len(run))]
        text: str = self._pieces.decode(numbers)
        # A character spelt by several byte tokens reads as several until its last one is there.
        for place in range(len(ends) - 2, -1, -1):
            ends[place] = min(ends[place], ends[place + 1])
        origins: list[int] = []
        for (index, _), end in zip(run, ends, strict=True):
            origins += [index] * (end - len(origins))
        return Traced(text, tuple(origins))


def _added_tokens(folder: Path) -> Iterator[tuple[str, int]]:
    """Added tokens from added_tokens.json, or from tokenizer_config.json of newer writers."""
    for name in ("added_tokens.json", "tokenizer_config.json"):
        file = folder / name
        if not file.is_file():
            continue
        content = read_record(file)
        if name == "added_tokens.json":
            yield from content.items()
            return
        if not Record(content, file).has("added_tokens_decoder"):
            return
        listed = Record(content, file).record("added_tokens_decoder")
        for number in listed.value:
            if not re.fullmatch(r"\d{1,9}", number):
                raise listed.bad(number[:40], "is no token's id")
            if int(number) > 2:
                yield listed.record(number).text("content"), int(number)
