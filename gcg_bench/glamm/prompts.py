"""The texts that GLaMM was trained and evaluated with, character for character."""

import re
from collections.abc import Sequence

SYSTEM = (
    "A chat between a curious human and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the human's questions."
)

OVERVIEW = "The <im_start><image><im_end> provides an overview of the picture.\n"
"""The text before the first instruction of a conversation."""

CAPTION_WITH_MASKS = (
    "Could you please give me a detailed description of the image? Please respond with interleaved"
    "     segmentation masks for the corresponding parts of the answer."
)
"""The evaluation instruction of grounded conversation generation, with five spaces as published."""

CAPTION = CAPTION_WITH_MASKS.split(" Please respond", maxsplit=1)[0]
"""The instruction of a caption without masks: the first sentence of the instruction above, which is
one of those that GLaMM was trained with."""

DESCRIBE_REGION = (
    "Can you provide me with a detailed description of the region in the picture marked by <bbox>?"
)

END_OF_TURN = "</s>"


def segment(expression: str) -> str:
    """The instruction that asks for the mask of one expression, the first of the published forms.

    As published, the expression is in lower case and without white space at its ends.
    """
    return f"Can you segment the {expression.strip().lower()} in this image?"


def conversation(turns: Sequence[tuple[str, str | None]]) -> str:
    """A prompt from (instruction, answer) turns; the answer None is left for the model.

    The first turn mentions the image. A finished turn ends in `</s>`, without a space before the
    next `USER:`; a prompt that waits for an answer ends in `ASSISTANT:` without a space.
    """
    parts = []
    for index, (instruction, answer) in enumerate(turns):
        overview = "" if index else OVERVIEW
        reply = "" if answer is None else f" {answer}{END_OF_TURN}"
        parts.append(f"USER: {overview}{instruction} ASSISTANT:{reply}")
    return f"{SYSTEM} " + "".join(parts)


_BARE_AMPERSAND = re.compile(r"&(?!(?:[A-Za-z][A-Za-z0-9]*|#[0-9]+|#[xX][0-9A-Fa-f]+);)")


def with_escaped_ampersands(instruction: str) -> str:
    """An instruction as in the published evaluation script: `&` becomes `&amp;`.

    The script cleans HTML and restores angle brackets, so in plain text it changes only ampersands
    that do not start a character reference.
    """
    return _BARE_AMPERSAND.sub("&amp;", instruction)
