"""Any model for the task `gcg` as a detector: the masks of its phrases are detections."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gcg_bench import masks, tasks
from gcg_bench.adapters import Needs
from gcg_bench.annotate.scenes import Detection, Scene
from gcg_bench.annotate.shape_names import read_name
from gcg_bench.annotate.stages import Part, Refused, Stage
from gcg_bench.errors import BadData, UnknownName
from gcg_bench.execution.models import describe_model, load_model
from gcg_bench.types import Model, Phrase, Picture, Prediction, Query

NEEDS = Needs("a model with phrases and masks, as a detector: any value of --model")
VERSION = 1
BATCH = 16

TASK = "gcg"


def plain_label(phrase: str) -> str:
    """The phrase without its article, with single blanks."""
    words = phrase.split()
    return " ".join(words[1:] if words and words[0].casefold() in ARTICLES else words)


def shapes_label(phrase: str) -> str:
    """The name of a thing of `shapes` in a phrase; the plain label when the phrase names none."""
    return str(read_name(phrase)) or plain_label(phrase)


ARTICLES = ("a", "an", "the")
LABELS = {"plain": plain_label, "shapes": shapes_label}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the detections.

    Attributes:
        model: the model, as for --model.
        prompt: the instruction; empty for the prompt of the task.
        score: the score of a mask whose phrase has no score.
        least: masks of fewer pixels are left out.
        seed: the seed for models that draw random numbers.
        words: how phrases become labels: `plain` removes the article; `shapes` takes the name of
            the thing in the words of the data set `shapes`.
    """

    model: str = "glamm-tiny"
    prompt: str = ""
    score: float = 0.7
    least: int = 32
    seed: int = 0
    words: str = "plain"


def needs(settings: Settings) -> tuple[Part, ...]:
    """The model, with the licence and weights of its description."""
    description = describe_model(settings.model)
    if description is None:
        return (Part(settings.model),)
    return (Part(settings.model, description.needs.licence, description.needs.weights),)


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """Loads the stage.

    Raises:
        UnknownName: there is no such rule for words.
        GcgBenchError: see `load_model`.
    """
    if settings.words not in LABELS:
        raise UnknownName("rule of words", settings.words, LABELS)
    model = load_model(settings.model, device=device, seed=settings.seed)
    return _Gcg(model, settings)


class _Gcg:
    def __init__(self, model: Model, settings: Settings) -> None:
        self._model = model
        self._settings = settings
        self._prompt = settings.prompt or tasks.load(TASK).instruction

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        queries = [
            Query(scene.image_id, picture, self._prompt, task=TASK)
            for scene, picture in zip(scenes, pictures, strict=True)
        ]
        answers = {answer.id: answer for answer in self._model.answer(queries)}
        return [self._with(scene, answers.get(scene.image_id)) for scene in scenes]

    def _with(self, scene: Scene, answer: Prediction | None) -> Scene:
        """The scene with the detections of the answer.

        Raises:
            BadData: the model failed on the image.
        """
        if answer is None or answer.error is not None:
            problem = "gave no answer" if answer is None else f"failed: {answer.error}"
            raise BadData(f"the model {self._settings.model} {problem}", image=scene.image_id)
        made = tuple(
            detection for phrase in answer.grounding.phrases for detection in self._of(phrase)
        )
        return replace(scene, detections=(*scene.detections, (self._settings.model, made)))

    def _of(self, phrase: Phrase) -> list[Detection]:
        """A detection for each mask of a phrase; empty for a phrase without words."""
        score = self._settings.score if phrase.score is None else min(max(phrase.score, 0.0), 1.0)
        label = LABELS[self._settings.words](phrase.text or "")
        areas = zip(phrase.masks, masks.area(phrase.masks).tolist(), strict=True)
        kept = [mask for mask, area in areas if label and area >= self._settings.least]
        boxes = masks.boxes(kept).tolist()
        return [
            Detection((left, top, left + width, top + height), label, score, mask)
            for mask, (left, top, width, height) in zip(kept, boxes, strict=True)
        ]
