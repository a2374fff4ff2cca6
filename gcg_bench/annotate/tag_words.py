"""Tags from a user's words, from a model's reply, or from logits."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from gcg_bench.grounding.chat_server import Reply
from gcg_bench.grounding.dialects import without_thoughts
from gcg_bench.types import FloatArray

WORDS = 4
"""The most words of a tag that a model lists; longer entries are sentences and are left out."""

PROMPT = (
    "List the kinds of things that are visible in the image, small things and the background too."
    " Answer with nouns in the singular, separated by commas, each once, and nothing else."
)

_BETWEEN = re.compile(r"[,;\n]+")
_BEFORE = re.compile(r"^(?:[-*\u2022]|\d{1,3}[.)])\s*")
_AROUND = " \t\r.:\"'`*[](){}<>"


def clean_words(words: Iterable[str]) -> tuple[str, ...]:
    """Words with single blanks, in their order, without empty and repeated words."""
    return tuple(dict.fromkeys(text for word in words if (text := " ".join(word.split()))))


def tags_of_reply(reply: Reply, most: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tags that a model lists, and the faults of its list, one sentence each.

    Numbers, dashes and quotation marks around an entry are removed; case is ignored. When the reply
    reached its limit of tokens, the last entry is left out because it may be cut off.

    Args:
        reply: entries separated by commas, semicolons or line breaks.
        most: the largest number of tags that are kept.
    """
    entries = _BETWEEN.split(without_thoughts(reply.text))
    faults = []
    if reply.truncated:
        entries = entries[:-1]
        faults.append("the reply reached its limit of tokens, its last entry is left out")
    cleaned = (_BEFORE.sub("", entry.strip()).strip(_AROUND).casefold() for entry in entries)
    words = clean_words(cleaned)
    short = tuple(word for word in words if len(word.split()) <= WORDS)
    if len(short) < len(words):
        faults.append(f"entries of more than {WORDS} words, left out: {len(words) - len(short)}")
    if len(short) > most:
        faults.append(f"tags above the limit of {most}, left out: {len(short) - most}")
    if not short:
        faults.append("the reply lists nothing")
    return short[:most], tuple(faults)


def tags_of_logits(
    words: Sequence[str], logits: FloatArray, threshold: float, most: int
) -> tuple[str, ...]:
    """The words with a probability of at least a threshold, best first.

    Args:
        words: n words.
        logits: shape (n,); the probability is the sigmoid.
        threshold: from 0 to 1.
        most: the largest number of words that are kept.
    """
    probabilities = 1 / (1 + np.exp(-np.clip(logits, -500, 500)))
    order = np.argsort(-probabilities, kind="stable")
    kept = [words[k] for k in order.tolist() if probabilities[k] >= threshold]
    return tuple(kept[:most])
