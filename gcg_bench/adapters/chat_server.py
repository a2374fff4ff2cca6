"""Models on servers with the chat interface of OpenAI: `--model http://HOST:PORT[/v1]`.

Such servers are vLLM, SGLang, llama.cpp and others. The server's list of models gives the model's
name, and the name decides the unit of its coordinates. Images are resized here and sent as PNG.
Several requests run at a time, and answers arrive in completion order. With a `masker`, a SAM makes
the masks on this machine; otherwise masks are the boxes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast, get_args

from gcg_bench import machine
from gcg_bench.adapters import Needs
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.files.paths import private_name
from gcg_bench.grounding.addresses import location
from gcg_bench.grounding.boxes import UNITS, Unit
from gcg_bench.grounding.chat_server import ChatServer
from gcg_bench.grounding.families import Dialect, Family, family_of_name
from gcg_bench.grounding.masking import BoxMasker, Masker, SamMasker, locate_masker
from gcg_bench.grounding.questions import Asking, Style
from gcg_bench.grounding.sending import MAX_PIXELS, sent_size
from gcg_bench.grounding.served import Served, ServedModel
from gcg_bench.grounding.serving import accepted, listed_model
from gcg_bench.types import Model

NEEDS = Needs(
    "a model on a server with the chat interface of OpenAI (vLLM, SGLang, llama.cpp):"
    " http://HOST:PORT",
    weights="on the server; a SAM here for masks other than boxes",
    memory="on the server",
    licence="that of the model on the server",
)

MAX_NEW_TOKENS = 1024
CONCURRENCY = 4
SECONDS = 300.0
RETRIES = 5

_REACH_SECONDS = 10.0
_MOST = 256  # simultaneous requests, and retries


@dataclass(frozen=True, slots=True)
class _Wishes:
    """The user's choices for answers; None or `auto` for the default of the model's family."""

    coordinates: str | None
    dialect: str | None
    form: str

    def __post_init__(self) -> None:
        """Refuses unknown values."""
        _refuse_unknown("coordinates", self.coordinates, UNITS)
        _refuse_unknown("dialect", self.dialect, get_args(Dialect))
        _refuse_unknown("form", self.form, ("auto", *get_args(Style)))

    def asking(self, family: Family | None, *, accepts_schema: bool) -> Asking:
        """The form of requests to the model."""
        unit = self.coordinates or ("0-1000" if family is None else family.unit)
        dialect = self.dialect or ("json" if family is None else family.dialect)
        auto = "schema" if accepts_schema else "dialect"
        form = auto if self.form == "auto" else self.form
        return Asking(cast("Unit", unit), cast("Dialect", dialect), cast("Style", form))


def load(  # noqa: PLR0913 - each is an option of the user
    checkpoint: str,
    *,
    seed: int = 0,
    max_new_tokens: int = MAX_NEW_TOKENS,
    served: str | None = None,
    coordinates: str | None = None,
    dialect: str | None = None,
    form: str = "auto",
    concurrency: int | str = CONCURRENCY,
    max_pixels: int | str = MAX_PIXELS,
    request_timeout: float | str = SECONDS,
    retries: int | str = RETRIES,
    masker: str | None = None,
    device: str = "auto",
    api_key_env: str = "OPENAI_API_KEY",
) -> Model:
    """The model on a server.

    Args:
        checkpoint: the address of the server.
        seed: the seed that is sent to the server.
        max_new_tokens: the maximum length of an answer in tokens.
        served: the model, needed when the server lists several models or none.
        coordinates: the unit of its coordinates, one of UNITS.
        dialect: its notation of boxes.
        form: a `questions.Style`; `auto` is `schema` if the server accepts it, else `dialect`.
        concurrency: the number of simultaneous requests.
        max_pixels: the maximum number of pixels of an image.
        request_timeout: seconds for one request.
        retries: the number of retries of a request.
        masker: a SAM that makes masks of boxes, on `device`; without it masks are the boxes.
        api_key_env: the environment variable with the key.

    Raises:
        BadOption, UnknownName: an option is invalid, or the model has to be named.
        EnvironmentProblem: no server answers, or it refuses the key, or the masker is missing.
    """
    server = ChatServer(
        location(checkpoint),
        key_name=api_key_env,
        seconds=_number("request_timeout", request_timeout, 0.001),
        retries=int(_number("retries", retries, 0, _MOST)),
    )
    wishes, pixels = _Wishes(coordinates, dialect, form), int(_number("max_pixels", max_pixels, 1))
    at_a_time = int(_number("concurrency", concurrency, 1, _MOST))
    listed = listed_model(server, served, "--model-arg served=NAME")
    question = Served(str(listed["id"]), "max_tokens", max_new_tokens, seed)
    return _model(server, listed, question, wishes, pixels, at_a_time, _masker(masker, device))


def reach(checkpoint: str) -> str:
    """A description of a server's models, for the doctor.

    Raises:
        BadOption: the text is not an address.
        EnvironmentProblem: no server answers, or it refuses the key.
    """
    server = ChatServer(location(checkpoint), seconds=_REACH_SECONDS, retries=0)
    names = [str(model["id"]) for model in server.models()]
    families = [(name, family_of_name(name)) for name in map(_shown, names)]
    known = [
        f"{name} (boxes in {'an unknown unit' if family is None else family.unit})"
        for name, family in families[:5]
    ]
    return f"{server.url} serves {', '.join(known) or 'models that it does not list'}"


def _model(
    server: ChatServer,
    listed: Mapping[str, Any],
    served: Served,
    wishes: _Wishes,
    pixels: int,
    at_a_time: int,
    masker: Masker,
) -> Model:
    """The model of the server's list; asks the server for the features that it accepts."""
    name = _shown(served.model)
    family = family_of_name(name) or family_of_name(str(listed.get("root", "")))
    multiple = 1 if family is None else family.multiple
    sent_size(1, 1, most=pixels, multiple=multiple)
    served, accepts_schema = accepted(server, served, wishes.form)
    return ServedModel(
        server,
        served,
        wishes.asking(family, accepts_schema=accepts_schema),
        known_unit=wishes.coordinates is not None or family is not None,
        masker=masker,
        image=(pixels, multiple),
        concurrency=at_a_time,
        settings={"checkpoint": name, "server": str(listed.get("owned_by", ""))[:40]},
    )


def _masker(name: str | None, device: str) -> Masker:
    """The SAM of a checkpoint; without a checkpoint, a masker that returns the boxes."""
    if name is None:
        return BoxMasker()
    return SamMasker(locate_masker(name), device=machine.device_named(device))


def _shown(identifier: str) -> str:
    """The name of a served model in runs: an id, or the last part of a path."""
    is_path = identifier.startswith((".", "~", "/")) or "\\" in identifier
    if is_path:
        return identifier.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or "unnamed"
    return private_name(identifier)


def _number(name: str, value: float | str, least: float, most: float = 1e9) -> float:
    """Checks that a value is a number within limits; raises BadOption otherwise."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (isfinite(number) and least <= number <= most):
        raise BadOption(f"{name} is {value!r:.40}; give a number from {least:g} to {most:g}")
    return number


def _refuse_unknown(name: str, value: str | None, known: Sequence[str]) -> None:
    """Raises UnknownName for an unknown value."""
    if value is not None and value not in known:
        raise UnknownName(name, value, known)
