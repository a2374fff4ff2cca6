"""The phrase encoders of protocols: chosen, stored in a run, or missing."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gcg_bench.errors import BadOption, GcgBenchError, MissingEncoder, UnknownName
from gcg_bench.runs import Run
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.storage import from_json
from gcg_bench.tasks import EvalProtocol, Task
from gcg_bench.text.encoders import BERT, MINILM, load_encoder

_NAMED = re.compile(r"(?P<protocol>[A-Za-z][\w-]*)=(?P<encoder>.*)", re.DOTALL)


@dataclass(frozen=True)
class Encoders:
    """Phrase encoders by protocol.

    Attributes:
        every: the encoder of every protocol that is not in `named`; None for the protocol's own.
        named: the encoders of some protocols, by the protocol's name.
        stored: the encoders that a run was scored with, by the protocol's name. They replace the
            protocol's own encoder when the user chose none. Their names are never used as paths of
            folders.
    """

    every: str | None = None
    named: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, choice: "EncoderChoice") -> "Encoders":
        """Converts a choice: a name is for every protocol, a mapping is by protocol."""
        if isinstance(choice, Encoders):
            return choice
        return cls(choice) if choice is None or isinstance(choice, str) else cls(None, choice)

    @classmethod
    def parsed(cls, texts: Iterable[str]) -> "Encoders":
        """Parses `--encoder`: `ENCODER` or `PROTOCOL=ENCODER`, each protocol once.

        A folder with `=` in its name is written as a path, `./a=b`.

        Raises:
            BadOption: two encoders for one protocol or for every protocol, or an empty name.
        """
        every: str | None = None
        named: dict[str, str] = {}
        for text in texts:
            match = _NAMED.fullmatch(text)
            protocol, encoder = (match["protocol"], match["encoder"]) if match else (None, text)
            if not encoder.strip():
                raise BadOption(f"--encoder {text}: give ENCODER, or PROTOCOL=ENCODER")
            if every is not None if protocol is None else protocol in named:
                owner = "every protocol" if protocol is None else f"protocol {protocol}"
                raise BadOption(f"--encoder {text}: {owner} has an encoder already; give one")
            if protocol is None:
                every = encoder
            else:
                named[protocol] = encoder
        return cls(every, named)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts that `--encoder` takes for this choice, see `parsed`."""
        every = () if self.every is None else (self.every,)
        return (*every, *(f"{protocol}={encoder}" for protocol, encoder in self.named.items()))

    def chosen(self, protocol: str) -> str | None:
        """The encoder that the user chose for a protocol; None when the user chose none."""
        return self.named.get(protocol, self.every)

    def refuse_unknown(self, protocols: Iterable[str]) -> None:
        """Raises UnknownName when an encoder is for a protocol that is not among these."""
        known = tuple(protocols)
        for name in self.named:
            if name not in known:
                raise UnknownName("protocol that is scored", name, known, "(--encoder)")

    def given_to(self, protocol: EvalProtocol) -> EvalProtocol:
        """The protocol with its encoder: the chosen one, the stored one, or its own."""
        encoder = self.chosen(protocol.name) or self.stored.get(protocol.name)
        return protocol.using(encoder=encoder)

    def remarks(self, task: Task, names: Collection[str]) -> Iterator[str]:
        """A sentence for each protocol that uses the encoder of the run instead of its own.

        Args:
            task: the task with the protocols.
            names: the protocols that are scored; all when empty.
        """
        for protocol in task.protocols:
            if names and protocol.name not in names:
                continue
            stored = None if self.chosen(protocol.name) else self.stored.get(protocol.name)
            if stored is not None and protocol.encoder not in (None, stored):
                yield (
                    f"{protocol.name} is scored with the phrase encoder {stored}, as before;"
                    f" --encoder {protocol.name}={protocol.encoder} chooses the protocol's own"
                )

    def problem(self, protocol: EvalProtocol) -> GcgBenchError | None:
        """The error when the encoder of a protocol is not available; None when it is.

        Args:
            protocol: the protocol, as returned by `given_to`.

        Raises:
            UnknownName, EnvironmentProblem, MissingData: the user's choice is not an encoder, or
                the encoder is damaged.
        """
        stored = self.chosen(protocol.name) is None and protocol.name in self.stored
        try:
            load_encoder(protocol.encoder or "", folders=not stored)
        except MissingEncoder as error:
            return error
        except UnknownName as error:
            if not stored:
                raise
            return error
        return None


EncoderChoice = str | Mapping[str, str] | Encoders | None
"""An encoder for every protocol, encoders by the name of the protocol, or None for their own."""


@dataclass(frozen=True)
class MissingProtocol:
    """A protocol that was not scored because its phrase encoder is missing.

    Attributes:
        protocol: the protocol.
        problem: why the encoder is not available.
    """

    protocol: EvalProtocol
    problem: GcgBenchError

    @property
    def reason(self) -> str:
        """What the protocol needs and how to get it, as one sentence without a full stop."""
        name, encoder = self.protocol.name, self.protocol.encoder
        if isinstance(self.problem, MissingEncoder):
            example = BERT if encoder == MINILM else MINILM
            other = f"--encoder {name}=ENCODER chooses another, e.g. {name}={example}"
            return (
                f"its phrase encoder {self.problem.encoder} is not on this machine;"
                f" `{self.problem.command}` gets it, and {other}"
            )
        return (
            f"the run was scored with the phrase encoder {encoder}, which no name leads to; name"
            f" its folder with --encoder {name}=FOLDER"
        )

    @property
    def sentence(self) -> str:
        """A sentence: the protocol is not scored, why, and what it needs."""
        return f"{self.protocol.name} is not scored: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """The protocol and the reason; there is no score."""
        return {
            "protocol": self.protocol.name,
            "version": self.protocol.version,
            "task": self.protocol.task,
            "missing": self.reason,
        }


@dataclass(frozen=True)
class Usable:
    """The protocols whose phrase encoders are available, and the others."""

    protocols: tuple[EvalProtocol, ...]
    missing: tuple[MissingProtocol, ...] = ()

    @classmethod
    def of(
        cls,
        protocols: Sequence[tuple[EvalProtocol, EvalProtocol]],
        encoders: Encoders,
        *,
        asked: bool,
    ) -> "Usable":
        """Separates protocols with an available encoder from the others.

        Args:
            protocols: pairs of a protocol as defined in the task and as it is measured.
            encoders: their encoders.
            asked: whether the user named the protocols; then no encoder may be missing.

        Raises:
            GcgBenchError: an encoder is missing that the user chose, or that a protocol named by
                the user needs; or the encoders of all protocols are missing.
        """
        usable, missing = [], []
        for named, measured in protocols:
            reads = measured.compares_phrases and measured.encoder is not None
            problem = encoders.problem(named) if reads else None
            if problem is not None and (asked or encoders.chosen(named.name) is not None):
                raise problem
            if problem is None:
                usable.append(measured)
            else:
                missing.append(MissingProtocol(measured, problem))
        if missing and not usable:
            raise missing[0].problem
        return cls(tuple(usable), tuple(missing))


def stored_results(run: Run) -> list[Result]:
    """The results that a run stores, without rows; outdated results are included."""
    results = []
    for folder in run.protocols():
        try:
            results.append(from_json(run.scores(folder) or {}, run.folder / folder / "scores.json"))
        except GcgBenchError:  # it is scored again, or its reader reports the error
            continue
    return results


def with_stored(choice: EncoderChoice, run: Run) -> Encoders:
    """The choice; protocols without a chosen encoder get the encoder of the run's scores."""
    encoders = Encoders.of(choice)
    stored = {
        result.protocol.name: result.encoder[0]
        for result in stored_results(run)
        if result.encoder is not None
    }
    return Encoders(encoders.every, encoders.named, stored)
