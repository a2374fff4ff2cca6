"""Python, its packages, Java with its jars, and the phrase encoders."""

import platform
import sys
from collections.abc import Iterator
from functools import partial
from importlib import metadata

from gcg_bench.doctor.finding import Finding, Job, tried
from gcg_bench.files import checkpoints
from gcg_bench.text import java
from gcg_bench.text.encoders import BERT, MINILM, load_encoder

JARS = ("meteor-1.5.jar", "paraphrase-en.gz", "stanford-corenlp-3.4.1.jar")


def python() -> Finding:
    """The interpreter and the system that it runs on."""
    found = f"{platform.python_version()} ({sys.executable}), {platform.platform(terse=True)}"
    return Finding("Python", "ok", found)


def packages() -> Iterator[Finding]:
    """Packages outside of the versions that are declared, one by one, then how many are inside."""
    from packaging.requirements import Requirement

    declared = [Requirement(text) for text in metadata.requires("gcg-bench") or ()]
    wanted = [one for one in declared if one.marker is None or one.marker.evaluate({"extra": ""})]
    fit = 0
    for one in wanted:
        remedy = f"pip install '{one.name}{one.specifier}'"
        try:
            version = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            yield Finding(one.name, "missing", "not installed", remedy)
            continue
        if one.specifier.contains(version, prereleases=True):
            fit += 1
        else:
            found = f"{version} is outside of {one.specifier}, which was tested"
            yield Finding(one.name, "missing", found, remedy)
    yield Finding("packages", "ok", f"{fit} of {len(wanted)} in the tested range")


def java_runtime() -> Iterator[Finding]:
    """Java, started once, and the three files that it runs."""
    yield tried("Java", _started)
    for name in JARS:
        yield tried(name, partial(_jar, name))


def _started() -> str:
    java.run_java(["-version"], what="Java")
    return str(java.find_java())


def _jar(name: str) -> str:
    return f"sha256 {checkpoints.file_digest(java.jar(name))[:12]}..., as it should be"


def encoders(job: Job) -> Iterator[Finding]:
    """Both named encoders, and the one asked for; a split without --encoder needs both."""
    wanted = {MINILM, BERT} if job.encoder is None and job.dataset else {job.encoder or MINILM}
    bert = f"`hf download google-bert/{BERT}`, or score with --encoder {MINILM}"
    for name in dict.fromkeys([MINILM, BERT, *sorted(wanted)]):
        yield tried(
            f"encoder {name}",
            partial(_encoder, name),
            needed=name in wanted,
            remedy=bert if name == BERT else "",
        )


def _encoder(name: str) -> str:
    return f"sha256 {load_encoder(name).digest[:12]}..."
