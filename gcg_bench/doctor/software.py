"""Checks of Python, its packages, Java with its jars, and the phrase encoders."""

import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import metadata

from gcg_bench import tasks
from gcg_bench.data.cards import load_card
from gcg_bench.doctor.check import Check, run_check
from gcg_bench.doctor.job import Job
from gcg_bench.files import checkpoints
from gcg_bench.pipeline.encoders import Encoders
from gcg_bench.text import java
from gcg_bench.text.encoders import BERT, MINILM, load_encoder

JARS = ("meteor-1.5.jar", "paraphrase-en.gz", "stanford-corenlp-3.4.1.jar")


def python() -> Check:
    """The interpreter and its operating system."""
    detail = f"{platform.python_version()} ({sys.executable}), {platform.platform(terse=True)}"
    return Check("Python", "ok", detail)


def packages() -> Iterator[Check]:
    """Each package outside its declared version range, then the number of packages inside."""
    from packaging.requirements import Requirement

    declared = [Requirement(text) for text in metadata.requires("gcg-bench") or ()]
    requirements = [
        requirement
        for requirement in declared
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]
    inside = 0
    for requirement in requirements:
        remedy = f"pip install '{requirement.name}{requirement.specifier}'"
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield Check(requirement.name, "missing", "not installed", remedy)
            continue
        if requirement.specifier.contains(version, prereleases=True):
            inside += 1
        else:
            detail = f"{version} is outside of {requirement.specifier}, the tested range"
            yield Check(requirement.name, "missing", detail, remedy)
    yield Check("packages", "ok", f"{inside} of {len(requirements)} in the tested range")


def java_runtime() -> Iterator[Check]:
    """Java, started once, and the three files that it runs."""
    yield run_check("Java", _java_path)
    for name in JARS:
        yield run_check(name, partial(_jar_digest, name))


def _java_path() -> str:
    java.run_java(["-version"], what="Java")
    return str(java.find_java())


def _jar_digest(name: str) -> str:
    return f"sha256 {checkpoints.file_digest(java.jar(name))[:12]}..., as expected"


def encoders(job: Job) -> Iterator[Check]:
    """Both encoders with a short name, and the encoders of the job: --encoder, or its protocols'.

    Raises:
        UnknownName: the data set, split or task does not exist.
    """
    readers = _readers(job)
    needed = _needed(job, readers)
    bert_remedy = f"`hf download google-bert/{BERT}`, or score with --encoder {MINILM}"
    for name in dict.fromkeys([MINILM, BERT, *sorted(readers)]):
        remedy = bert_remedy if name == BERT else ""
        if name in readers and name not in needed:
            unscored = " and ".join(readers[name])
            remedy = f"Without it {unscored} is not scored: {remedy or 'get the encoder'}"
        yield run_check(
            f"encoder {name}", partial(_encoder_digest, name), needed=name in needed, remedy=remedy
        )


def _readers(job: Job) -> dict[str, list[str]]:
    """Encoder -> the protocols that read it in the job."""
    chosen = Encoders.of(job.encoder)
    if job.dataset is None and chosen.every is None:  # the choice of the quick start
        chosen = replace(chosen, every=MINILM)
    task = job.task or load_card(job.dataset or "shapes", split=job.split).tasks[0]
    readers: dict[str, list[str]] = {}
    for protocol in tasks.load(task).protocols:
        encoder = chosen.given_to(protocol).encoder if protocol.compares_phrases else None
        if encoder is not None:
            readers.setdefault(encoder, []).append(protocol.name)
    return readers


def _needed(job: Job, readers: Mapping[str, Sequence[str]]) -> set[str]:
    """The encoders that the job needs: chosen encoders; or all, when no encoder is present.

    A protocol whose own encoder is missing is not scored; the other protocols are scored.
    """
    chosen = Encoders.of(job.encoder)
    wanted = set(readers) & {chosen.every or "", *chosen.named.values()}
    there = any(run_check(name, partial(_encoder_digest, name)).status == "ok" for name in readers)
    return wanted if there else set(readers)


def _encoder_digest(name: str) -> str:
    return f"sha256 {load_encoder(name).digest[:12]}..."
