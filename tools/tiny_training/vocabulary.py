"""glamm-tiny's vocabulary: the grammar's words, the prompt's unchanging stretches, and letters.

A sentencepiece model in which each word of the grammar (with the space before it), each set phrase
for a place or a relation, and each stretch of the prompt that never changes is one piece: a prompt
is then 8 tokens long and a caption about 50. Any other text in ASCII falls into letters. White
space is kept as it is, as in the published vocabulary, and the seven added tokens follow in the
published order.
"""

import io
import string
from itertools import chain

import sentencepiece

from gcg_bench.data.shapes.composing import SIZES
from gcg_bench.data.shapes.drawing import OUTLINES
from gcg_bench.data.shapes.grammar import PLACES, PLURALS, WITH_TEXTURE, WORDS
from gcg_bench.data.shapes.scene import COLOURS
from gcg_bench.glamm.prompts import CAPTION_WITH_MASKS, OVERVIEW, SYSTEM
from gcg_bench.glamm.tokens import ADDED_TOKENS, Tokenizer

_SEEN = OVERVIEW.split("<im_end>")[1]
"""What follows the image in the first turn."""

PROMPT = (
    f" {SYSTEM} USER: The",
    _SEEN,
    _SEEN + CAPTION_WITH_MASKS,
    CAPTION_WITH_MASKS,
    " USER:",
    " ASSISTANT:",
)
"""Stretches of prompts between added tokens; the longest that fits is taken."""


def words() -> list[str]:
    """All that a caption is made of, each with the space before it."""
    nouns = [*OUTLINES, *(PLURALS.get(shape, f"{shape}s") for shape in OUTLINES)]
    small = ["a", "an", "two", "there", "and", "which", "that", "the picture shows"]
    verbs = ["is", "are", "lies", "lie", "sits", "sit"]
    spots = chain(*WORDS.values(), *PLACES, WITH_TEXTURE, WITH_TEXTURE.values())
    inside = [*small, *verbs, *nouns, *COLOURS, *SIZES, *spots]
    starts = [word[0].upper() + word[1:] for word in inside]
    return [f" {word}" for word in dict.fromkeys([*inside, *starts, ",", "."])] + [",", "."]


def learn() -> Tokenizer:
    """The vocabulary, the same each time; nothing in it depends on a corpus."""
    pieces = [text.replace(" ", "▁") for text in (*PROMPT, *words())]
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
    added = {token: first + place for place, token in enumerate(ADDED_TOKENS)}
    return Tokenizer(model.getvalue(), added)
