"""Models for the fault tests; environment variables say what they do with an image.

FAULTS_SLEEP    seconds for every image
FAULTS_DO       what happens, names of ACTS separated by commas
FAULTS_AT       the position, counted from 0, of the image at which the first happens; the others
                happen at those after it
FAULTS_GONE     a folder that is renamed at the image of FAULTS_AT
FAULTS_BATCH    images taken before any is answered
"""

import ctypes
import math
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from gcg_bench.masks import from_box
from gcg_bench.types import Grounding, Mask, Phrase, Prediction

NOUNS = ("circle", "square", "triangle", "star", "ring", "cross")
SECONDS = 0.25  # a fixed value, so that two runs are equal byte by byte


def said(query):
    """An answer that depends only on the id."""
    number = sum(map(ord, query.id))
    height, width = query.image.height, query.image.width
    words = f"a {NOUNS[number % len(NOUNS)]}"
    box = (number % 7, number % 5, width / 2, height / (2 + number % 3))
    mask = from_box(box, height, width)
    caption = f"There is {words} here."
    phrase = Phrase(words, (mask,), span=(9, 9 + len(words)), score=(number % 10) / 10)
    return Prediction(query.id, Grounding(caption, (phrase,)), seconds=SECONDS)


def _masked(query, mask):
    return Prediction(query.id, Grounding("a cat", (Phrase("a cat", (mask,)),)))


def _phrase(query, **fields):
    whole = from_box((0, 0, 5, 5), query.image.height, query.image.width)
    return Prediction(query.id, Grounding("a cat", (replace(Phrase("a cat", (whole,)), **fields),)))


def _raise(error):
    raise error


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Panic(BaseException):
    """An error as libraries written in Rust raise it."""


def _deeper():
    return _deeper()


def _spin():
    while True:
        pass


def _stubborn():
    """Does not stop at the first alarm."""
    try:
        time.sleep(60)
    except BaseException:
        time.sleep(60)


# invalid answers: the image fails
GARBAGE = {
    "none": lambda query: None,
    "text": lambda query: "a cat",
    "no_grounding": lambda query: Prediction(query.id, None),
    "caption_none": lambda query: Prediction(query.id, Grounding(None)),
    "caption_number": lambda query: Prediction(query.id, Grounding(5)),
    "phrases_none": lambda query: Prediction(query.id, Grounding("a", None)),
    "phrase_text": lambda query: Prediction(query.id, Grounding("a", ("a",))),
    "id_of_another_type": lambda query: Prediction(["x"], Grounding("a")),
    "stranger": lambda query: Prediction("stranger", Grounding("a")),
    "mask_size": lambda query: _masked(query, from_box((0, 0, 2, 2), 3, 4)),
    "mask_turned": lambda query: _masked(
        query, from_box((0, 0, 2, 2), query.image.width + 1, query.image.height)
    ),
    "mask_counts": lambda query: _masked(
        query, Mask(query.image.height, query.image.width, b"no run lengths")
    ),
    "mask_short": lambda query: _masked(query, Mask(query.image.height, query.image.width, b"5")),
    "mask_bitmap": lambda query: _masked(query, [[0, 1], [1, 0]]),
    "score_nan": lambda query: _phrase(query, score=math.nan),
    "score_infinite": lambda query: _phrase(query, score=math.inf),
    "score_text": lambda query: _phrase(query, score="high"),
    "score_bytes": lambda query: _phrase(query, score=b"1"),
    "span_outside": lambda query: _phrase(query, span=(0, 99)),
    "span_backwards": lambda query: _phrase(query, span=(3, 1)),
    "span_text": lambda query: _phrase(query, span="ab"),
    "seconds_nan": lambda query: Prediction(query.id, Grounding("a"), seconds=math.nan),
    "error_object": lambda query: Prediction(query.id, error=ValueError("x")),
    "raise": lambda query: _raise(ValueError("cannot")),
    "raise_unspeakable": lambda query: _raise(Unspeakable()),
    "raise_endless": lambda query: _raise(ValueError("x" * 10_000_000)),
    "memory": lambda query: _raise(MemoryError()),
    "memory_limit": lambda query: bytearray(1 << 45),
    "recursion": lambda query: _deeper(),
    "stop_iteration": lambda query: _raise(StopIteration()),
    "sys_exit": lambda query: sys.exit(3),
    "sys_exit_0": lambda query: sys.exit(),
    "os_exit": lambda query: os._exit(7),
    "os_exit_0": lambda query: os._exit(0),
    "panic": lambda query: _raise(Panic("called `unwrap()` on a `None`")),
    "cancelled": lambda query: _raise(__import__("asyncio").CancelledError()),
}

# unusual but valid answers
ODD = {
    "surrogate": lambda query: Prediction(query.id, Grounding("half \ud800 a pair"), raw="\udfff"),
    "controls": lambda query: Prediction(query.id, Grounding("a\x00b\x1b[31m\r\n\u2028c")),
    "empty": lambda query: Prediction(query.id, Grounding("")),
    "long_caption": lambda query: Prediction(query.id, Grounding("a cat and " * 2000)),
    "many_phrases": lambda query: Prediction(
        query.id, Grounding("a", tuple(Phrase("a") for _ in range(3000)))
    ),
}

# never returns, but can be interrupted
HANG = {
    "sleep": lambda query: time.sleep(600),
    "spin": lambda query: _spin(),
    "stubborn": lambda query: _stubborn(),
}

# ends the process
DEADLY = {
    "native_exit": lambda query: ctypes.CDLL(None)._exit(0),
    "kill": lambda query: os.kill(os.getpid(), 9),
    "segfault": lambda query: ctypes.string_at(0),
    "abort": lambda query: os.abort(),
}

# asks the process to end while it works on the image
ASKED_TO_END = {
    "sigterm": lambda query: _signalled(signal.SIGTERM),
    "sigterm_twice": lambda query: _signalled(signal.SIGTERM, again=True),
    "sighup": lambda query: _signalled(signal.SIGHUP),
    "sigint": lambda query: _signalled(signal.SIGINT),
}

# native code that never returns, without and with the interpreter lock
NATIVE = {
    "native": lambda query: _masked_alarm(lambda: ctypes.CDLL(None).pause()),
    "native_locked": lambda query: _masked_alarm(lambda: ctypes.PyDLL(None).pause()),
}


def _signalled(number, again=False):
    try:
        os.kill(os.getpid(), number)
        time.sleep(60)
    finally:
        if again:  # like timeout(1), to the process and to its group
            os.kill(os.getpid(), number)
            time.sleep(0.01)


def _masked_alarm(hang):
    """A call that no signal interrupts."""
    import signal

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    hang()


ACTS = {**GARBAGE, **ODD, **HANG, **DEADLY, **NATIVE, **ASKED_TO_END}


class Faulty:
    """Answers every query from its id, slowly, except those for which FAULTS_DO names an act."""

    def __init__(self):
        self.sleep = float(os.environ.get("FAULTS_SLEEP", "0"))
        names = [name for name in os.environ.get("FAULTS_DO", "").split(",") if name]
        at = int(os.environ.get("FAULTS_AT", "0"))
        self.acts = {at + k: ACTS[name] for k, name in enumerate(names)}
        self.gone, self.gone_at = os.environ.get("FAULTS_GONE"), at
        self.batch = int(os.environ.get("FAULTS_BATCH", "1"))
        self.places = {}

    def prepare(self, queries, **_):
        self.places = {query.id: place for place, query in enumerate(queries)}

    def answer(self, queries):
        held = []
        for query in queries:
            held.append(query)
            if len(held) == self.batch:
                yield from self.together(held)
                held = []
        yield from self.together(held)

    def together(self, queries):
        made = []
        for query in queries:
            time.sleep(self.sleep)
            place = self.places[query.id]
            if self.gone is not None and place == self.gone_at and Path(self.gone).exists():
                Path(self.gone).rename(f"{self.gone}.away")
            if self.gone is not None:
                query.image.read()
            made.append(self.acts.get(place, said)(query))
        yield from made


load = Faulty
