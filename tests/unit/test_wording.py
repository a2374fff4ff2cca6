"""The words of an instruction that a model chooses are a part of settings and signatures."""

import hashlib
import re
from dataclasses import replace

import pytest
from support import small_glamm

from gcg_bench import evaluate
from gcg_bench.data.cards import load_card
from gcg_bench.errors import BadOption, RunConflict
from gcg_bench.execution.local import LocalExecutor
from gcg_bench.execution.models import load_model
from gcg_bench.glamm import inference, prompts
from gcg_bench.pipeline.settings import settings_of
from gcg_bench.pipeline.spec import DataSpec, EvaluationSpec
from gcg_bench.pipeline.wording import in_own_words
from gcg_bench.runs import Run
from gcg_bench.scoring.signature import answered_by
from gcg_bench.types import Prediction


class Worded:
    """A silent model that words its instruction by a template."""

    def __init__(self, template, lower=True):
        self._template, self._lower = template, lower

    def worded(self, query):
        if query.prompt:
            return query.prompt
        words = query.expression.lower() if self._lower else query.expression
        return self._template.format(words)

    def answer(self, queries):
        yield from (Prediction(query.id) for query in queries)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = small_glamm.write(tmp_path_factory.mktemp("weights") / "small")
    return load_model(f"glamm:{folder}", device="cpu", max_new_tokens=8)


def run_of(model, out, **options):
    evaluate(model, "shapes", out, protocols=(), split="val", limit=2, **options)
    return Run.open(out)


def decoding(model, task, split="val", **options):
    spec = EvaluationSpec(model, DataSpec("shapes", split, limit=4, task=task, **options))
    return settings_of(spec, spec.data.load(), LocalExecutor(model))["decoding"]


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@pytest.mark.parametrize(
    "changed", [Worded("Mark {}."), Worded("Segment {}!"), Worded("Segment {}.", lower=False)]
)
def test_a_run_is_not_resumed_with_another_wording(tmp_path, changed):
    first = run_of(Worded("Segment {}."), tmp_path / "run", task="referring")
    again = run_of(Worded("Segment {}."), tmp_path / "run", task="referring")
    assert first.settings == again.settings
    with pytest.raises(RunConflict, match=r"decoding\.default_prompt"):
        run_of(changed, tmp_path / "run", task="referring")


def test_signatures_name_the_wording(tmp_path):
    signatures = {
        answered_by(run_of(Worded(text), tmp_path / text, task="referring").settings)[
            "default_prompt"
        ]
        for text in ("Segment {}.", "Mark {}.")
    }
    assert len(signatures) == 2
    assert all(re.fullmatch("[0-9a-f]{8}", value) for value in signatures)


def test_the_digest_is_of_the_wording_and_not_of_the_expressions(small):
    model = Worded("Segment {}.")
    digests = {decoding(model, "referring", split)["default_prompt"] for split in ("val", "test")}
    assert digests == {digest("Segment  the red  box & more. .")}
    # a prompt of the user replaces the wording and is a setting of its own
    assert decoding(model, "referring", prompt="Mark it.")["default_prompt"] in digests


def test_glamm_words_each_task(small, monkeypatch):
    assert {
        task: decoding(small, task)["default_prompt"]
        for task in ("gcg", "referring", "region_caption", "caption")
    } == {
        "gcg": digest(prompts.CAPTION_WITH_MASKS),
        "referring": digest("Can you segment the the red  box &amp; more. in this image?"),
        "region_caption": digest(prompts.DESCRIBE_REGION),
        "caption": digest("Could you please give me a detailed description of the image?"),
    }
    before = decoding(small, "referring")
    monkeypatch.setattr(inference, "segment", lambda words: f"Please segment {words}.")
    assert decoding(small, "referring") != before


def test_the_reply_that_is_given_beforehand_is_a_setting(small):
    assert decoding(small, "referring", forced=True)["reply"] == digest("It is [SEG].")
    assert "reply" not in decoding(small, "referring")


def test_a_model_without_wording_has_no_digest():
    class Plain:
        worded = "Segment it."  # no method

        def answer(self, queries):
            yield from ()

    assert "default_prompt" not in decoding(Plain(), "referring")


def test_a_wording_that_is_no_text_is_refused():
    class Odd(Worded):
        def worded(self, query):
            return None

    class Raising(Worded):
        def worded(self, query):
            raise RuntimeError("no words")

    with pytest.raises(BadOption, match="should return a text, not None"):
        decoding(Odd(""), "referring")
    with pytest.raises(BadOption, match="no words"):
        decoding(Raising(""), "referring")


class OwnWords:
    """A model that keeps the prompts that it is asked with."""

    def __init__(self, own):
        self.own_instruction = own
        self.asked = []

    def answer(self, queries):
        for query in queries:
            self.asked.append(query.prompt)
            yield Prediction(query.id)


CARD = load_card("shapes").prompt


@pytest.mark.parametrize(
    ("own", "task", "options", "prompts"),
    [
        (True, "gcg", {}, ["", ""]),
        (False, "gcg", {}, [CARD, CARD]),
        (True, "gcg", {"prompt": "Describe."}, ["Describe.", "Describe."]),
        (True, "gcg", {"prompt": CARD}, [CARD, CARD]),
        # the instruction of the task
        (True, "caption", {}, ["", ""]),
    ],
)
def test_a_model_with_an_instruction_of_its_own(tmp_path, own, task, options, prompts):
    model = OwnWords(own)
    run = run_of(model, tmp_path / "run", task=task, **options)
    assert model.asked == prompts
    assert run.settings["prompt"] == prompts[0]


def test_the_prompt_of_a_single_query_stays():
    data = DataSpec("shapes", "val", limit=2).load()
    first, second = data.samples
    mixed = replace(data, samples=(first, replace(second, query=replace(second.query, prompt="x"))))
    asked = in_own_words(mixed, OwnWords(True), None)
    assert [sample.query.prompt for sample in asked.samples] == ["", "x"]
    assert [sample.truth for sample in asked.samples] == [first.truth, second.truth]
