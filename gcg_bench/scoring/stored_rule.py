"""How a stored result compared phrases: finds its encoder and checks the digest."""

from pathlib import Path

from gcg_bench.errors import RunConflict
from gcg_bench.scoring.features import PhraseRule
from gcg_bench.scoring.results import Result
from gcg_bench.text.encoders import load_encoder


def stored_rule(result: Result, folder: Path, given: str | None = None) -> PhraseRule | None:
    """How a result compared phrases; None when no metric compared them.

    An encoder name that is stored in a run is never used as a path of a folder; a name that the
    user gives may be such a path.

    Args:
        result: a stored result.
        folder: the run's folder, for messages.
        given: the name or folder of the encoder, when the stored name does not say where it is.

    Raises:
        RunConflict: the encoder of that name has another digest.
        UnknownName, EnvironmentProblem: the encoder does not exist, or is not installed.
    """
    if not result.protocol.compares_phrases:
        return None
    if result.encoder is None:
        return PhraseRule(None, result.protocol.equal_is_one)
    name, digest = result.encoder
    encoder = load_encoder(given or name, folders=given is not None)
    if encoder.digest != digest:
        raise RunConflict(
            f"{folder}: scored with the encoder {name} {digest[:8]}, but {encoder.folder} holds"
            f" {encoder.digest[:8]}. Name the right one with --encoder, or score it again"
        )
    return PhraseRule(encoder, result.protocol.equal_is_one)
