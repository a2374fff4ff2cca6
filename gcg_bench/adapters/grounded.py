"""A pipeline of published parts: `grounded:CAPTIONER+GROUNDER`, with `+MASKER` after a detector.

CAPTIONER  writes captions with phrases: prediction files (`predictions:PATH`, or the path alone)
           whose captions get new masks; another model of this package, e.g. `glamm-tiny`; the
           address of a server; a general vision-language model (an id or a folder), which marks
           phrases with `<p>`; or `none` for tasks that give the expression
GROUNDER   finds regions for phrases: a Grounding DINO or a model of its kind, an OWLv2, a SAM 3 or
           a CLIPSeg; the last two give masks themselves
MASKER     turns boxes into masks: a SAM, a SAM 2 or a SAM 3; without it the masks are the boxes

Grounders and maskers are ids in the Hugging Face cache, or folders. Nothing is downloaded.
"""

import inspect
from dataclasses import dataclass
from typing import Any

from gcg_bench import machine, registry
from gcg_bench.adapters import Needs, Oracle
from gcg_bench.errors import BadOption
from gcg_bench.files import paths
from gcg_bench.files.checkpoints import weight_files
from gcg_bench.grounding.captioning import KINDS, MAX_NEW_TOKENS, CaptionWriter
from gcg_bench.grounding.grounders import OVERLAP, gives_masks, load_grounder, locate_grounder
from gcg_bench.grounding.masking import BoxMasker, Masker, SamMasker, locate_masker
from gcg_bench.grounding.pipeline import EXPRESSIONS, NONE, Pipeline
from gcg_bench.grounding.weights import Checkpoint, locate
from gcg_bench.types import Model

NEEDS = Needs(
    "a pipeline: grounded:CAPTIONER+GROUNDER[+MASKER]; captions of prediction files or of another"
    " model, grounded by a detector, with masks by a SAM",
    weights="of its parts, e.g. IDEA-Research/grounding-dino-tiny (0.7 GB) and"
    " facebook/sam-vit-base (0.4 GB): hf download",
    memory="4 GB with these parts, and that of the captioner",
    licence="on the models' pages; Grounding DINO, SAM, SAM 2: Apache-2.0; SAM 3: SAM License",
    tasks=("gcg", *EXPRESSIONS),
)

DETECTOR = "IDEA-Research/grounding-dino-tiny"
MASKER = "facebook/sam-vit-base"

_HINTS = ("device", "batch_size", "workers", "seed")
_SHAPE = (
    "give grounded:CAPTIONER+GROUNDER or grounded:CAPTIONER+GROUNDER+MASKER, e.g."
    f" grounded:predictions:captions.jsonl+{DETECTOR}+{MASKER}"
)


@dataclass(frozen=True)
class Parts:
    """The located parts of a pipeline.

    Attributes:
        captioner: the text that names the captioner, as the user types it.
        grounder: the checkpoint of the grounder.
        masker: the checkpoint of the masker; None for masks that are boxes, or for a grounder that
            gives masks.
    """

    captioner: str
    grounder: Checkpoint
    masker: Checkpoint | None

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """The checkpoints of grounder and masker."""
        return (self.grounder,) if self.masker is None else (self.grounder, self.masker)


def load(
    checkpoint: str | None = None,
    *,
    device: str = "auto",
    threshold: float | None = None,
    nms: float = OVERLAP,
    dtype: str = "float32",
    **captioning: Any,
) -> Model:
    """The pipeline of a text CAPTIONER+GROUNDER[+MASKER], see the module.

    Args:
        checkpoint: the text.
        device: `auto` is the first GPU, or the CPU when there is none.
        threshold: regions with a score above it are kept; None for the default of the grounder's
            kind.
        nms: when the IoU of two boxes of a phrase is above this value, the box with the lower score
            is left out.
        dtype: the precision of grounder and masker: `float32`, `bfloat16` or `float16`.
        captioning: options of the captioner; options of _HINTS are passed only if it has them.

    Raises:
        BadOption: the text or an option is invalid.
        EnvironmentProblem: weights or the device are missing, or memory is too small.
        MissingData: a folder or a prediction file does not exist.
        BadData: a file is invalid.
    """
    refuse_options(threshold, nms=nms, dtype=dtype)
    parts = find_parts(checkpoint)
    torch_device = machine.device_named(device)
    captioner, settings = _captioner(parts.captioner, device, captioning)
    grounder = load_grounder(
        parts.grounder, device=torch_device, dtype=dtype, threshold=threshold, overlap=nms
    )
    masker: Masker | None = None
    if parts.masker is not None:
        masker = SamMasker(parts.masker, device=torch_device, dtype=dtype)
    elif not gives_masks(parts.grounder):
        masker = BoxMasker()
    return Pipeline(captioner, grounder, masker, settings)


def find(checkpoint: str | None = None) -> tuple[Any, ...]:
    """The locations of the parts with weights; by default those of DETECTOR and MASKER.

    Raises:
        BadOption, EnvironmentProblem, MissingData, BadData: see `load`.
    """
    if not checkpoint:
        return locate_grounder(DETECTOR), locate_masker(MASKER)
    parts = find_parts(checkpoint)
    return *_captioner_locations(parts.captioner), *parts.checkpoints


def weight_bytes(checkpoint: str | None = None) -> int:
    """The bytes of the weights of all parts; errors as in `find`."""
    files = [file for location in find(checkpoint) for file in weight_files(location.folder)]
    return sum(file.stat().st_size for file in files)


def _captioner_locations(text: str) -> tuple[Any, ...]:
    """The locations of the weights of a captioner; empty for predictions and servers."""
    name, _, checkpoint = text.partition(":")
    if text == NONE or text.startswith(paths.WEB) or _holds_predictions(text):
        return ()
    if name.replace("-", "_") in registry.names("adapters"):
        adapter = registry.module("adapters", name, "captioner")
        if not hasattr(adapter, "find"):
            return ()
        located = adapter.find(checkpoint) if checkpoint else adapter.find()
        return located if isinstance(located, tuple) else (located,)
    return () if name == "predictions" else (locate(text, kinds=KINDS, role="captioner"),)


def find_parts(text: str | None) -> Parts:
    """The located parts of a text; errors as in `load`."""
    names = [part.strip() for part in (text or "").split("+")]
    if len(names) not in (2, 3) or not all(names):
        raise BadOption(f"grounded:{text or ''} has not two or three parts: {_SHAPE}")
    grounder = locate_grounder(names[1])
    if len(names) == 2:
        return Parts(names[0], grounder, None)
    if gives_masks(grounder):
        raise BadOption(f"{grounder.name} gives masks itself: leave out the masker {names[2]}")
    return Parts(names[0], grounder, locate_masker(names[2]))


def _captioner(
    text: str, device: str, options: dict[str, Any]
) -> tuple[Model | None, dict[str, Any]]:
    """The captioner that a text names, and its settings."""
    if text == NONE:
        return None, {"captioner": NONE}
    name, colon, rest = text.partition(":")
    shown = paths.private_name(text)
    if text.startswith(paths.WEB):
        captioner = _adapter("chat-server", text, device, options)
    elif name == "predictions" or _holds_predictions(text):
        path = rest if name == "predictions" else text
        shown = "predictions"  # the settings contain a digest of them
        captioner = _adapter("predictions-file", path, device, options)
    elif name.replace("-", "_") in registry.names("adapters") and name != "grounded":
        captioner = _adapter(name, rest if colon else None, device, options)
    elif "/" in text or paths.expanded(text).is_dir():
        captioner = _writer(text, device, options)
        shown = captioner.settings["checkpoint"]
    else:
        raise BadOption(
            f"{text} is no captioner: no file or folder of predictions, no model of this package,"
            f" and no id of a vision-language model. {_SHAPE}"
        )
    if isinstance(captioner, Oracle):
        raise BadOption(f"{text} sees the references: give another captioner")
    own = dict(getattr(captioner, "settings", {}))
    return captioner, {"captioner": shown, "captioner_settings": own}


def _holds_predictions(text: str) -> bool:
    """Whether a text is the path of prediction files, not of a checkpoint."""
    path = paths.expanded(text)
    return path.exists() and not (path / "config.json").is_file()


def _adapter(name: str, checkpoint: str | None, device: str, options: dict[str, Any]) -> Model:
    """The model of this package with a name; hints that it does not accept are left out."""
    build = registry.module("adapters", name, "captioner").load
    taken = inspect.signature(build).parameters
    required = {"device": device, **options, **({"checkpoint": checkpoint} if checkpoint else {})}
    chosen = {key: value for key, value in required.items() if key in taken or key not in _HINTS}
    refused = [key for key in chosen if key not in taken]
    if refused:
        raise BadOption(f"the captioner {name} takes no {' or '.join(refused)}")
    captioner: Model = build(**chosen)
    return captioner


def _writer(text: str, device: str, options: dict[str, Any]) -> CaptionWriter:
    """A general vision-language model that marks phrases; in bfloat16 on a GPU."""
    limit = options.pop("max_new_tokens", MAX_NEW_TOKENS)
    refused = [key for key in options if key not in _HINTS]
    if refused or type(limit) is not int or limit < 1:
        problem = f"takes no {' or '.join(refused)}" if refused else f"max_new_tokens {limit!r}"
        raise BadOption(f"the captioner {text}: {problem}")
    located = locate(text, kinds=KINDS, role="captioner")
    torch_device = machine.device_named(device)
    dtype = "bfloat16" if torch_device.startswith("cuda") else "float32"
    return CaptionWriter(located, device=torch_device, dtype=dtype, max_new_tokens=limit)


def refuse_options(threshold: float | None, *, nms: float = OVERLAP, dtype: str) -> None:
    """Raises BadOption for a value that no part can use; arguments as in `load`."""
    if threshold is not None and not 0 <= threshold < 1:
        raise BadOption(f"threshold {threshold}: give a number from 0 to below 1")
    if not 0 <= nms <= 1:
        raise BadOption(f"nms {nms}: give a number from 0 to 1")
    if dtype not in ("float32", "bfloat16", "float16"):
        raise BadOption(f"dtype {dtype!r}: must be float32, bfloat16 or float16")
