"""The tokeniser of the published vocabulary: sentencepiece with added tokens.

It gives the ids and texts of the slow tokeniser of transformers that the authors used.

Added tokens are cut out of the text first, with the white space on both sides. Every piece between
them is encoded separately, with a leading space each. Decoding joins runs of ordinary tokens and
added tokens with single spaces. Current versions of transformers do neither for these files.
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
from gcg_bench.glamm.aligned_text import SPACE, AlignedText
from gcg_bench.glamm.splicing import IMAGE

ADDED_TOKENS = ("<im_start>", "<im_end>", "<bbox>", "<point>", "[SEG]", "<p>", "</p>")
"""Added after the base vocabulary in this order, which determines their ids."""

IMAGE_MARK = "<image>"

_MAX_ID = 2**24  # ids: ten times the largest vocabulary


class Tokenizer:
    """Converts text to token ids and back.

    Attributes:
        added: added token -> id.
        unk, bos, eos: the ids of the unknown, start and end tokens.
        seg: the id of [SEG].
        bbox: the id of <bbox>; None when the vocabulary has none.
        marks: the ids of all tokens that are not words.

    Args:
        model: the bytes of a sentencepiece model.
        added: added token -> id.

    Raises:
        BadData: the bytes are not a sentencepiece model, a required token is missing, or an id is
            invalid.
    """

    def __init__(self, model: bytes, added: Mapping[str, int]) -> None:
        from sentencepiece import SentencePieceProcessor

        self._model = model
        try:
            self._pieces: Any = SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise BadData("not a sentencepiece model", field="tokenizer.model") from error
        self.added = dict(added)
        for token, id_ in self.added.items():
            if not token or type(id_) is not int or not 0 <= id_ < _MAX_ID:
                raise BadData(f"the id of {token[:40]!r} is invalid", field="added_tokens.json")
        if missing := [token for token in ("[SEG]", "<p>", "</p>") if token not in self.added]:
            raise BadData(f"no added token {missing[0]}", field="added_tokens.json")
        self.unk: int = self._pieces.unk_id()
        self.bos: int = self._pieces.bos_id()
        self.eos: int = self._pieces.eos_id()
        if not all(0 <= id_ < self._pieces.get_piece_size() for id_ in self._control_ids):
            raise BadData("no unknown, start or end token", field="tokenizer.model")
        self.seg = self.added["[SEG]"]
        self.bbox = self.added.get("<bbox>")
        try:  # all pieces, because an answer may need any of them
            pieces = [self._pieces.id_to_piece(i) for i in range(self._pieces.get_piece_size())]
        except UnicodeDecodeError as error:
            raise BadData("a piece is not UTF-8", field="tokenizer.model") from error
        # Cut out like added tokens, but without the white space around them.
        control = {pieces[i]: i for i in self._control_ids}
        self._special_ids = {**control, **self.added}
        self.marks = frozenset(self._special_ids.values())
        """Ids of all tokens that are not words."""
        self._token_by_id = {id_: token for token, id_ in self._special_ids.items()}
        longest_first = sorted(self._special_ids, key=len, reverse=True)
        self._special_pattern = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")

    @property
    def _control_ids(self) -> tuple[int, int, int]:
        """The vocabulary's own tokens that are not words."""
        return self.unk, self.bos, self.eos

    @property
    def pad(self) -> int:
        """The padding token: the unknown token, as published; attention masks hide it."""
        return self.unk

    @property
    def vocabulary(self) -> int:
        """One more than the highest id."""
        highest: int = max(self._pieces.get_piece_size() - 1, *self.added.values())
        return highest + 1

    @property
    def pieces(self) -> list[str]:
        """The piece or added token of every id; empty for an id without one."""
        pieces = [self._pieces.id_to_piece(i) for i in range(self._pieces.get_piece_size())]
        pieces += [""] * (self.vocabulary - len(pieces))
        for token, id_ in self.added.items():
            pieces[id_] = token
        return pieces

    @classmethod
    def load(cls, folder: Path) -> "Tokenizer":
        """Reads tokenizer.model and the added tokens of a folder.

        Raises:
            MissingData: there is no tokenizer.model.
            BadData: a file is invalid.
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
        """The ids of a text, without a start token; the empty text has no ids."""
        pieces = self._special_pattern.split(text)
        for index in range(1, len(pieces), 2):
            if pieces[index] in self.added:
                pieces[index - 1] = pieces[index - 1].rstrip()
                pieces[index + 1] = pieces[index + 1].lstrip()
        ids: list[int] = []
        for index, piece in enumerate(pieces):
            if index % 2:
                ids.append(self._special_ids[piece])
            elif piece:
                ids.extend(self._pieces.encode(piece))
        return ids

    def encode_prompt(self, prompt: str) -> list[int]:
        """The ids with a start token and with IMAGE for `<image>`; parts are encoded separately."""
        first, *rest = prompt.split(IMAGE_MARK)
        ids = [self.bos, *self.encode(first)]
        for part in rest:
            ids += [IMAGE, *self.encode(part)]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, including special tokens; IMAGE is left out."""
        return self.decode_aligned(ids).text

    def decode_aligned(self, ids: Sequence[int]) -> AlignedText:
        """As `decode`; every character has the index in `ids` of its token."""
        parts: list[AlignedText] = []
        run: list[tuple[int, int]] = []
        for index, id_ in enumerate(ids):
            if id_ in self._token_by_id and id_ not in (self.unk, self.bos, self.eos):
                parts += [self._decode_run(run)] if run else []
                run = []
                parts.append(AlignedText.from_token(self._token_by_id[id_], index))
            elif id_ != IMAGE:
                run.append((index, id_))
        parts += [self._decode_run(run)] if run else []
        return AlignedText.joined(parts, SPACE)

    def _decode_run(self, run: Sequence[tuple[int, int]]) -> AlignedText:
        """A run without added tokens; start, end and unknown tokens are written with a space before
        them.

        The space comes before the words in front of the special token and not after them, because
        the published tokeniser decodes this way.
        """
        parts: list[AlignedText] = []
        words: list[tuple[int, int]] = []
        after_special = False
        for position, (index, id_) in enumerate(run):
            if id_ not in (self.unk, self.bos, self.eos):
                words.append((index, id_))
                after_special = False
                continue
            if position and not after_special:
                parts.append(SPACE)
            parts += [
                self._decode_words(words),
                AlignedText.from_token(self._token_by_id[id_], index),
            ]
            words, after_special = [], True
        return AlignedText.joined([*parts, self._decode_words(words)])

    def _decode_words(self, run: Sequence[tuple[int, int]]) -> AlignedText:
        """Ordinary tokens decoded by sentencepiece; every character has the index of its token."""
        ids = [id_ for _, id_ in run]
        ends = [len(self._pieces.decode(ids[: last + 1])) for last in range(len(run))]
        text: str = self._pieces.decode(ids)
        # A character of several byte tokens decodes to several until its last token is there.
        for position in range(len(ends) - 2, -1, -1):
            ends[position] = min(ends[position], ends[position + 1])
        origins: list[int] = []
        for (index, _), end in zip(run, ends, strict=True):
            origins += [index] * (end - len(origins))
        return AlignedText(text, tuple(origins))


def _added_tokens(folder: Path) -> Iterator[tuple[str, int]]:
    """The added tokens of added_tokens.json, or of tokenizer_config.json in newer folders."""
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
        decoder = Record(content, file).record("added_tokens_decoder")
        for id_ in decoder.value:
            if not re.fullmatch(r"\d{1,9}", id_):
                raise decoder.bad(id_[:40], "is not the id of a token")
            if int(id_) > 2:
                yield decoder.record(id_).text("content"), int(id_)
