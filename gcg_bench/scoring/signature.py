"""Signatures: everything that decided a number, as one line derived from typed values.

A signature is never parsed. The fields that decided a measurement must be equal before results are
compared. The fields that made the answers may differ, because they belong to the model.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

# the fields that must agree before two results are compared
MEASUREMENT = (
    "protocol",
    "dataset",
    "card",
    "split",
    "truth",
    "n",
    "missing",
    "repeats",
    "encoder",
    "equal_phrases",
    "agreement",
    "ranked_by_confidence",
    "metrics",
)
# the fields for what the measurement found, and the program that made it
MEASURED_TOO = ("confidences", "by")


def line(fields: Mapping[str, Any]) -> str:
    """The fields as one line: `field:value` joined by `|`."""
    return "|".join(f"{name}:{value}" for name, value in fields.items())


def short(text: str) -> str:
    """The first 12 digits of the sha256 of a signature: what tables show in its place."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def ordered(
    measurement: Mapping[str, str], answered: Mapping[str, str], confidences: str, evaluator: str
) -> dict[str, str]:
    """The fields of a signature in their order.

    Args:
        measurement: see `Result.measurement`.
        answered: the settings that made the answers, see `answered_by`.
        confidences: whether the predicted masks carry scores.
        evaluator: the program that scored.
    """
    after = ("encoder", "equal_phrases", "agreement", "ranked_by_confidence", "metrics")
    later = {name: measurement[name] for name in after if name in measurement}
    encoder = {name: later.pop(name) for name in after[:1] if name in later}
    return {
        **{name: value for name, value in measurement.items() if name not in after},
        **answered,
        **encoder,
        "confidences": confidences,
        "by": evaluator,
        **later,
    }


def answered_by(settings: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a signature for the settings that made the answers.

    A model's own setting with the name of a field of the measurement is called `model_NAME`, so it
    never replaces that field. A character that would end a field is escaped, as in `a%7Cb`.
    """
    arguments = _arguments(settings)
    taken = {*MEASUREMENT, *MEASURED_TOO, *arguments, "prompt", "code", "shard"}
    own = {}
    for name, value in sorted(settings.get("decoding", {}).items()):
        field = _inert(name).replace(":", "%3A")
        own[f"model_{field}" if field in taken else field] = _inert(_flat(value))
    code = {"code": _code(settings["code"])} if settings.get("code") else {}
    # the answers of one shard are not those of its split
    shard = {"shard": settings["shard"]} if "shard" in settings else {}
    return {"prompt": _prompt(settings), **shard, **code, **arguments, **own}


def _arguments(settings: Mapping[str, Any]) -> dict[str, str]:
    """The arguments of a model as fields `argument_NAME`; texts are quoted, numbers are not."""
    return {
        f"argument_{_inert(name).replace(':', '%3A')}": _inert(json.dumps(value))
        for name, value in sorted(settings.get("arguments", {}).items())
    }


def _flat(value: Any) -> Any:
    """A setting of several named values, such as versions, as one text; other values unchanged.

    Only the first eight digits of a sha256 are shown; the run has all.
    """
    if not isinstance(value, Mapping):
        return value
    texts = {name: str(part) for name, part in sorted(value.items())}
    return "+".join(
        f"{name}={text[:8] if re.fullmatch('[0-9a-f]{64}', text) else text}"
        for name, text in texts.items()
    )


def _code(files: Any) -> str:
    """The files of a model as signatures name them: by the hash of their names and digests."""
    text = json.dumps(files, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _prompt(settings: Mapping[str, Any]) -> str:
    """A prompt as signatures name it: by its hash."""
    if "prompt" not in settings:  # made from Python
        return "unknown"
    prompt = settings["prompt"]
    text = prompt if isinstance(prompt, str) else "\n".join(prompt)
    if not text:
        return "none"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _inert(value: object) -> str:
    """A value as text, without characters that end a field or the line of a signature."""
    return re.sub(r"[|\r\n]", lambda match: f"%{ord(match[0]):02X}", str(value))
