"""The digests of instructions and replies that decide answers and are in no data set.

When a query has no prompt, the model writes the instruction itself: for an expression, for regions,
for a task. The published evaluation of a task may also give the model its reply. A changed word
changes these digests, and therefore the settings and the signature of a run.
"""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Any

from gcg_bench import tasks
from gcg_bench.data import Dataset
from gcg_bench.execution.executors import Executor
from gcg_bench.types import Query

EXPRESSION = " The Red  box & more. "
"""Replaces the expression of every query; contains everything that an instruction may change.

These are capitals, white space, a sign and a full stop.
"""

_DIGITS = 8


def wording(model: Executor, queries: Iterable[Query]) -> dict[str, Any]:
    """The setting `default_prompt`: the instructions of the model for queries without a prompt.

    It is the digest of the instructions of all queries, each without its prompt and with EXPRESSION
    instead of its expression. Equal instructions count once, so every split has the same digest.
    The setting is empty for a model without `worded`.

    Raises:
        GcgBenchError: `worded` raises something, or returns no text.
    """
    texts = set()
    for query in queries:
        expression = None if query.expression is None else EXPRESSION
        text = model.worded(replace(query, prompt="", expression=expression))
        if text is None:
            return {}
        texts.add(text)
    return {"default_prompt": _digest("\n".join(sorted(texts)))} if texts else {}


def in_own_words(data: Dataset, model: Executor, prompt: str | None) -> Dataset:
    """The data set with the prompts that the model uses.

    A model with `own_instruction` gets queries without the instruction of the data card or of the
    task, which it cannot follow. A prompt of the user, or of a single query, stays.

    Args:
        data: the data set.
        model: the model and its executor.
        prompt: the user's prompt; None when there is none.
    """
    if prompt is not None or not model.own_instruction:
        return data
    usual = {data.card.prompt, tasks.load(data.task).instruction}
    samples = tuple(
        replace(sample, query=replace(sample.query, prompt=""))
        if sample.query.prompt in usual
        else sample
        for sample in data.samples
    )
    return replace(data, samples=samples)


def reply(text: str) -> dict[str, Any]:
    """The settings of a run with forced replies; empty for an empty reply."""
    return {"forced": 1, "expressions": "all", "reply": _digest(text)} if text else {}


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
