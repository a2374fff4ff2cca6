"""glamm-tiny's vocabulary: the words of the grammar, the constant parts of the prompt, and letters.

In this sentencepiece model each word of the grammar (with the space before it), each set phrase for
a position or a relation, and each constant part of the prompt is one piece: a prompt has 8 tokens
and a caption about 50. Other ASCII text is split into letters. White space is kept, as in the
published vocabulary, and the seven added tokens follow in the published order.

The stages up to `whole` learn captions alone, with the vocabulary of captions. The stage `tasks`
adds pieces for the instructions, expressions and replies of the other tasks, and keeps the pieces
of captions.
"""

import io
import string
from itertools import chain

import sentencepiece

from gcg_bench.data.shapes.composing import SIZES
from gcg_bench.data.shapes.descriptions import EXTREMES
from gcg_bench.data.shapes.grammar import PLACES, PLURALS, WITH_TEXTURE, WORDS
from gcg_bench.data.shapes.rendering import OUTLINES
from gcg_bench.data.shapes.scene import COLOURS
from gcg_bench.glamm.prompts import (
    CAPTION,
    CAPTION_WITH_MASKS,
    DESCRIBE_REGION,
    OVERVIEW,
    SYSTEM,
    segment,
)
from gcg_bench.glamm.tokens import ADDED_TOKENS, Tokenizer

_AFTER_IMAGE = OVERVIEW.split("<im_end>")[1]
"""The text after the image in the first turn."""

PROMPT = (
    f" {SYSTEM} USER: The",
    _AFTER_IMAGE,
    _AFTER_IMAGE + CAPTION_WITH_MASKS,
    CAPTION_WITH_MASKS,
    " USER:",
    " ASSISTANT:",
)
"""Parts of prompts between added tokens; the longest matching part is used."""


_BEFORE_BOX, _AFTER_BOX = DESCRIBE_REGION.split("<bbox>")
_BEFORE_WORDS, _AFTER_WORDS = segment("|").split("|")

TASK_PROMPT = (
    _AFTER_IMAGE + CAPTION,
    (_AFTER_IMAGE + _BEFORE_BOX).rstrip(),
    _AFTER_BOX,
    (_AFTER_IMAGE + _BEFORE_WORDS).rstrip(),
    _AFTER_WORDS,
)
"""Parts of the prompts of other tasks, and the text around a box or an expression."""

NOTHING = "There is no such object"
"""The reply to an expression that fits nothing, without its full stop."""


def words() -> list[str]:
    """All pieces of captions, each with the space before it."""
    nouns = [*OUTLINES, *(PLURALS.get(shape, f"{shape}s") for shape in OUTLINES)]
    function_words = ["a", "an", "two", "there", "and", "which", "that", "the picture shows"]
    verbs = ["is", "are", "lies", "lie", "sits", "sit"]
    positions = chain(*WORDS.values(), *PLACES, WITH_TEXTURE, WITH_TEXTURE.values())
    inner = [*function_words, *verbs, *nouns, *COLOURS, *SIZES, *positions]
    capitalised = [word[0].upper() + word[1:] for word in inner]
    return [f" {word}" for word in dict.fromkeys([*inner, *capitalised, ",", "."])] + [",", "."]


def task_words() -> list[str]:
    """The pieces of expressions and replies that captions do not have, with the space before."""
    replies = ["It is", "They are", NOTHING]
    return [f" {word}" for word in ("the", "object", "objects", "three", *EXTREMES, *replies)]


def build_vocabulary(*, tasks: bool = True) -> Tokenizer:
    """The vocabulary; it is the same each time and depends on no corpus.

    Args:
        tasks: whether it has the pieces of all tasks, or of captions with masks alone.
    """
    added_pieces = (*TASK_PROMPT, *task_words()) if tasks else ()
    pieces = [text.replace(" ", "▁") for text in (*PROMPT, *words(), *added_pieces)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(list(string.ascii_letters)),
        model_writer=model,
        model_type="unigram",
        vocab_size=len(pieces) + 120,
        hard_vocab_limit=False,
        character_coverage=1.0,
        required_chars="".join(c for c in string.printable[:94] if c not in pieces),
        user_defined_symbols=list(dict.fromkeys(pieces)),
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        split_by_number=False,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    first = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).get_piece_size()
    added = {token: first + index for index, token in enumerate(ADDED_TOKENS)}
    return Tokenizer(model.getvalue(), added)


def shared_rows(old: Tokenizer, new: Tokenizer) -> list[tuple[int, int]]:
    """The ids of every piece of the old vocabulary in the old and in the new one.

    Raises:
        KeyError: the new vocabulary lacks a piece.
    """
    target = {piece: index for index, piece in enumerate(new.pieces)}
    return [(index, target[piece]) for index, piece in enumerate(old.pieces)]
