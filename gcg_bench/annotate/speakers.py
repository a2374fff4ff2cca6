"""Models that answer questions with or without an image: a Qwen here, or a model on a server."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from gcg_bench import machine
from gcg_bench.annotate.stages import Part
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.files.paths import WEB, private_name
from gcg_bench.grounding.addresses import location
from gcg_bench.grounding.chat_server import ChatServer, Reply
from gcg_bench.grounding.dialects import without_thoughts
from gcg_bench.grounding.qwen import KINDS, Network
from gcg_bench.grounding.sending import MAX_PIXELS, data_uri, resized, sent_size
from gcg_bench.grounding.served import Served
from gcg_bench.grounding.serving import accepted, listed_model
from gcg_bench.grounding.weights import Checkpoint, locate
from gcg_bench.types import Pixels

DEFAULT = "Qwen/Qwen3-VL-8B-Instruct"
WEIGHTS = f"{DEFAULT}, about 18 GB: hf download; or a model on a server: http://HOST:PORT"
LICENCE = "on the models' pages; Apache-2.0 for most of them"

_DTYPES = ("auto", "bfloat16", "float16", "float32")
_MULTIPLE = 32  # sides of images that are sent to a server, for models of every family


@dataclass(frozen=True, slots=True)
class SpeakerSettings:
    """The settings of the model that is asked.

    Attributes:
        model: an id in the Hugging Face cache or a folder, of a Qwen2.5-VL or Qwen3-VL; or the
            address of a server with the chat interface of OpenAI, http://HOST:PORT.
        served: the model on a server that lists several; empty for the only one.
        tokens: the maximum length of a reply in tokens.
        max_pixels: the budget of pixels of an image.
        dtype: the precision of a model here; `auto` is bfloat16 on a GPU, else float32.
        seed: the seed that is sent to a server.
    """

    model: str = DEFAULT
    served: str = ""
    tokens: int = 1024
    max_pixels: int = MAX_PIXELS
    dtype: str = "auto"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """A question to a model.

    Attributes:
        text: the words.
        pixels: uint8 RGB of shape (height, width, 3); None for a question without an image.
    """

    text: str
    pixels: Pixels | None = None


class Speaker(Protocol):
    """A model that answers questions with texts."""

    def replies(self, questions: Sequence[Question]) -> list[Reply]:
        """One reply for each question, in order; a failed question raises its error."""
        ...


def load_speaker(settings: SpeakerSettings, *, device: str, sees: bool = True) -> Speaker:
    """Loads the model that settings name.

    Args:
        settings: which model.
        device: the device of a model here, see `machine.device_named`.
        sees: whether its questions have images; a model without images has to be on a server.

    Raises:
        BadOption, UnknownName: a setting is invalid.
        EnvironmentProblem: weights, the device or the server are missing, or memory is too small.
        MissingData, BadData: a folder does not exist, or a file is invalid.
    """
    if not sees and not settings.model.startswith(WEB):
        raise BadOption(
            f"{private_name(settings.model)} is not the address of a server, and a stage without"
            " images needs one. Give http://HOST:PORT"
        )
    located = find_speaker(settings)
    return _Local(settings, located[0], device) if located else _Served(settings)


def find_speaker(settings: SpeakerSettings) -> tuple[Checkpoint, ...]:
    """Checks settings and locates the weights of a model here; empty for a model on a server.

    Raises:
        BadOption, UnknownName: a setting is invalid.
        EnvironmentProblem, MissingData, BadData, BadOption: see `weights.locate`.
    """
    if settings.dtype not in _DTYPES:
        raise UnknownName("dtype", settings.dtype, _DTYPES)
    for name in ("tokens", "max_pixels"):
        if getattr(settings, name) < 1:
            raise BadOption(f"{name} is {getattr(settings, name)}; give a whole number above 0")
    if settings.model.startswith(WEB):
        return ()
    return (locate(settings.model, kinds=KINDS, role="Qwen-VL"),)


def speaker_part(settings: SpeakerSettings) -> tuple[Part, ...]:
    """The model, for recipe.json and the card."""
    if settings.model == DEFAULT:
        return (Part(DEFAULT, LICENCE, WEIGHTS),)
    name = private_name(settings.model)
    return (Part(f"{settings.served} on {name}" if settings.served else name),)


class _Local:
    """A Qwen in this process; its replies are greedy."""

    def __init__(self, settings: SpeakerSettings, located: Checkpoint, device: str) -> None:
        torch_device = machine.device_named(device)
        automatic = "bfloat16" if torch_device.startswith("cuda") else "float32"
        dtype = automatic if settings.dtype == "auto" else settings.dtype
        self._settings = settings
        self._network = Network.load(located, device=torch_device, dtype=dtype)
        sent_size(1, 1, most=settings.max_pixels, multiple=self._network.multiple)

    def replies(self, questions: Sequence[Question]) -> list[Reply]:
        return [self._reply(question) for question in questions]

    def _reply(self, question: Question) -> Reply:
        assert question.pixels is not None, "a model here is asked with an image"
        height, width = question.pixels.shape[:2]
        multiple = self._network.multiple
        size = sent_size(height, width, most=self._settings.max_pixels, multiple=multiple)
        inputs, _ = self._network.inputs(resized(question.pixels, size), question.text)
        return Reply(*self._network.reply(inputs, self._settings.tokens))


class _Served:
    """A model on a server; the questions of a batch are asked at the same time."""

    def __init__(self, settings: SpeakerSettings) -> None:
        self._server = ChatServer(location(settings.model))
        option = "set `served` of the speaker to NAME"
        listed = listed_model(self._server, settings.served or None, option)
        asked = Served(str(listed["id"]), "max_tokens", settings.tokens, settings.seed)
        self._served, _ = accepted(self._server, asked, "json")
        self._most = settings.max_pixels
        sent_size(1, 1, most=self._most, multiple=_MULTIPLE)

    def replies(self, questions: Sequence[Question]) -> list[Reply]:
        if not questions:
            return []
        with ThreadPoolExecutor(len(questions)) as pool:
            return list(pool.map(self._reply, questions))

    def _reply(self, question: Question) -> Reply:
        return self._server.complete(self._served.body(self._content(question), None))

    def _content(self, question: Question) -> Any:
        if question.pixels is None:
            return question.text
        height, width = question.pixels.shape[:2]
        size = sent_size(height, width, most=self._most, multiple=_MULTIPLE)
        image = {"url": data_uri(resized(question.pixels, size))}
        return [{"type": "image_url", "image_url": image}, {"type": "text", "text": question.text}]


def plain_reply(reply: Reply) -> str:
    """The words of a reply, without a chain of thought and with single blanks."""
    return " ".join(without_thoughts(reply.text).split())
