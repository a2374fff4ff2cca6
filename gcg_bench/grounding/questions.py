"""Questions to a multimodal language model: the instruction of a task, and a schema of answers.

The prompt of a data card for grounded captions asks for masks between the words, which only a model
that was trained for it can give. So these models have `own_instruction`: they never get the prompt
of a data card, only a prompt of the user or of a query.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from gcg_bench.grounding.boxes import Frame, Size, Unit, from_pixels
from gcg_bench.grounding.families import Dialect
from gcg_bench.types import Query

Style = Literal["schema", "json", "dialect"]
"""Styles of answers with boxes: JSON that the server enforces by a schema, JSON, or the model's own
dialect."""

CAPTION = "Describe the image in detail, in a few sentences of plain text."
_GROUNDED = (
    "Describe the image in detail, in a few sentences. Then list every noun phrase of the"
    " description that names something visible, exactly as it stands in the description, with a"
    " box for each thing that it names."
)
_REFERRED = (
    'Locate "{expression}" in the image, with a box for each thing that it refers to. If nothing in'
    " the image fits, give no box."
)
_REGION = (
    "Describe the region of the image inside the box {regions} in a short phrase of plain text."
)
_EXPRESSION = "{expression}"

_UNIT_WORDS: dict[Unit, str] = {
    "pixels": "A box is [x0, y0, x1, y1] in pixels of an image of {width} x {height} pixels.",
    "resized": "A box is [x0, y0, x1, y1] in pixels of the image.",
    "0-1": "A box is [x0, y0, x1, y1], each from 0 to 1.",
    "0-100": "A box is [x0, y0, x1, y1], each in percent, from 0 to 100.",
    "0-999": "A box is [x0, y0, x1, y1], each from 0 to 999.",
    "0-1000": "A box is [x0, y0, x1, y1], each from 0 to 1000.",
    "0-1000-yx": "A box is [y0, x0, y1, x1], each from 0 to 1000.",
}
_JSON_GROUNDED = (
    'Answer with one JSON object and nothing else: {"caption": DESCRIPTION, "phrases": [{"text":'
    ' PHRASE, "boxes": [BOX, ...]}, ...]}.'
)
_JSON_REFERRED = 'Answer with one JSON object and nothing else: {"boxes": [BOX, ...]}.'
_LIST_GROUNDED = (
    "Write the description first, and after it a JSON list of all boxes:"
    ' [{"KEY": BOX, "label": PHRASE}, ...].'
)
_LIST_REFERRED = 'Answer with a JSON list and nothing else: [{"KEY": BOX, "label": WORDS}, ...].'
_TAGS = "Write each box directly after its phrase, in this form:"
_FORMS: dict[Dialect, str] = {
    "internvl": "<ref>PHRASE</ref><box>[BOX, ...]</box>",
    "deepseek": "<|ref|>PHRASE<|/ref|><|det|>[BOX, ...]<|/det|>",
}
_POINTED = (
    "Describe the image in detail, in a few sentences, and point to everything that you name.",
    'Point to "{expression}" in the image.',
)
_KEYS: dict[Dialect, str] = {"qwen": "bbox_2d", "gemini": "box_2d"}


@dataclass(frozen=True, slots=True)
class Asking:
    """How a model is asked.

    Attributes:
        unit: the unit of its coordinates.
        dialect: its own notation of boxes.
        style: how boxes are asked for.
    """

    unit: Unit
    dialect: Dialect
    style: Style

    def template(self, query: Query) -> str:
        """The instruction of a query with {regions}, {width} and {height} for its numbers.

        So it is the same for all images. The prompt of a query replaces the words of the task.
        """
        prompt = query.prompt
        if query.expression is not None:
            text = self._with_form(prompt or _REFERRED, _POINTED[1], referred=True)
            return text.replace(_EXPRESSION, query.expression.strip())
        if query.regions:
            return prompt or f"{_REGION} {_UNIT_WORDS[self.unit]}"
        if query.task == "caption":
            return prompt or CAPTION
        return self._with_form(prompt or _GROUNDED, _POINTED[0], referred=False)

    def instruction(self, query: Query, resized: Size) -> str:
        """The instruction of a query.

        Args:
            query: the query.
            resized: (height, width) of the image as the model gets it.
        """
        frame = Frame(self.unit, (query.image.height, query.image.width), resized)
        boxes = [
            "[" + ", ".join(f"{value:g}" for value in from_pixels(box, frame)) + "]"
            for box in query.regions
        ]
        words = {
            "{regions}": " and ".join(boxes),
            "{width}": str(query.image.width),
            "{height}": str(query.image.height),
        }
        text = self.template(replace(query, expression=query.expression and _EXPRESSION))
        for name, value in words.items():
            text = text.replace(name, value)
        return text.replace(_EXPRESSION, (query.expression or "").strip())

    def schema(self, query: Query) -> dict[str, Any] | None:
        """The JSON schema of the answer to a query; None for an answer in plain text."""
        if self.style != "schema" or not needs_boxes(query):
            return None
        number = {"type": "number" if self.unit in ("0-1", "0-100") else "integer"}
        box = {"type": "array", "items": number, "minItems": 4, "maxItems": 4}
        boxes = {"type": "array", "items": box}
        if query.expression is not None:
            return _object(boxes=boxes)
        phrase = _object(text={"type": "string"}, boxes=boxes)
        return _object(caption={"type": "string"}, phrases={"type": "array", "items": phrase})

    def _with_form(self, task: str, pointed: str, *, referred: bool) -> str:
        """The task followed by the unit and the form of the answer."""
        unit = _UNIT_WORDS[self.unit]
        if self.style != "dialect" or self.dialect not in (*_KEYS, *_FORMS, "molmo"):
            return f"{task} {unit} {_JSON_REFERRED if referred else _JSON_GROUNDED}"
        if self.dialect == "molmo":
            return pointed
        if self.dialect in _KEYS:
            form = _LIST_REFERRED if referred else _LIST_GROUNDED
            return f"{task} {unit} {form.replace('KEY', _KEYS[self.dialect])}"
        return f"{task} {unit} {_TAGS} {_FORMS[self.dialect]}"


def needs_boxes(query: Query) -> bool:
    """Whether the answer to a query has boxes; plain captions of images or regions have none."""
    return query.expression is not None or not (query.regions or query.task == "caption")


def _object(**properties: Any) -> dict[str, Any]:
    """The schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
