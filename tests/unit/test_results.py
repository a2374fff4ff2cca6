"""Results: what is written comes back equal, and what does not fit together is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import scored

from gcg_bench import metrics, registry, tasks
from gcg_bench.errors import BadData, BadOption, MissingData, UnknownName
from gcg_bench.metrics.hallucination import Hallucination
from gcg_bench.metrics.mask_recall import MaskRecall
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.metrics.words import Words
from gcg_bench.runs import Run, tables
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.storage import from_json, load_result, load_results
from gcg_bench.scoring.values import Digests, MeasuredOn, Resampling, Score
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import WORDS, Rows

NAMES = registry.names("metrics")
FILE = Path("run/gcg.strict-2/scores.json")
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.floats(-1e6, 1e6)
optional = st.none() | numbers


@st.composite
def protocols(draw):
    """Some metrics of the folder, one with other parameters than the default ones."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    recall = {"mask_recall", "phrase_f1"}  # both give a score of that name
    if recall <= set(names):
        names.remove("mask_recall")
    chosen = [metrics.load(name) for name in names]
    if draw(st.booleans()):
        other = MeanIoU(match="greedy", divide_by="taken")
        chosen = [*(metric for metric in chosen if metric.name != other.name), other]
    needs = {need for metric in chosen for need in metric.needs}
    return EvalProtocol(
        name=draw(st.sampled_from(["official", "strict", "mine"])),
        version=draw(st.integers(0, 9)),
        metrics=tuple(chosen),
        encoder="minilm" if needs & WORDS else None,
        equal_is_one=draw(st.booleans()),
    )


@st.composite
def results(draw):
    protocol = draw(protocols())
    n = draw(st.integers(0, 5))
    digest = st.binary(min_size=32, max_size=32).map(bytes.hex)
    return Result(
        protocol=protocol,
        data=MeasuredOn(
            dataset=draw(words),
            card=draw(words),
            split=draw(words),
            truth=draw(st.just("generated") | digest),
            n=n,
            missing=draw(st.sampled_from(["error", "empty"])),
        ),
        encoder=None if protocol.encoder is None else (protocol.encoder, draw(digest)),
        answered=draw(st.dictionaries(words, words, max_size=3)),
        confidences=draw(st.sampled_from(["all", "some", "none"])),
        evaluator="gcg-bench-0.1.0",
        failed=draw(st.integers(0, 5)),
        scores=tuple(
            Score(spec, draw(optional), draw(optional), draw(optional)) for spec in protocol.scores
        ),
        rows={},
        words=draw(optional),
        false_accept=draw(optional),
        notes=tuple(draw(st.lists(words, max_size=2))),
        seconds=draw(st.dictionaries(words, numbers, max_size=2)),
        resampling=Resampling(draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6))),
        digests=Digests(draw(digest), draw(digest), draw(digest)),
    )


@given(results())
def test_a_result_comes_back_equal_from_json(result):
    text = json.dumps(result.to_json(), allow_nan=False)
    again = from_json(json.loads(text), FILE)
    assert again == result
    assert again.signature == result.signature
    assert [type(metric) for metric in again.metrics] == [type(m) for m in result.metrics]


columns = st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=3, max_size=3)
lists = st.lists(st.lists(numbers, max_size=3), min_size=3, max_size=3)


@given(columns, lists, st.sampled_from([("a", "b", "c"), ("one", "one", "two")]))
def test_rows_come_back_equal_from_parquet(tmp_path_factory, plain, listed, images):
    ragged = np.empty(3, dtype=object)
    ragged[:] = [np.array(entry, dtype=np.float64) for entry in listed]
    rows = Rows(("a", "b", "c"), {"plain": np.array(plain), "listed": ragged}, images)
    file = tmp_path_factory.mktemp("rows") / "rows.parquet"
    tables.write(file, {"metric": rows})
    again = tables.read(file)["metric"]
    assert (again.ids, again.images) == (rows.ids, rows.images)
    assert again.columns["plain"].tobytes() == rows.columns["plain"].tobytes()
    for one, other in zip(again.columns["listed"], ragged, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.fixture
def run(tmp_path):
    return scored.run_folder(tmp_path / "run", "mine", scored.rows([5, 4, 3]))


def test_a_stored_result_is_the_one_that_was_kept(run):
    stored = load_result(run, "gcg.strict-2")
    assert stored.label == "mine"
    assert stored.ids == scored.ids(3)
    # 12 of 15 phrases on both sides
    assert stored["F1"].value == pytest.approx(12 / 15)
    assert [result.key for result in load_results(run)] == ["official-1", "strict-2"]
    assert (stored.digests.predictions, stored.digests.rows) == run.digests("gcg.strict-2")
    assert all(run.digests("gcg.strict-2"))
    with pytest.raises(UnknownName, match="no score of strict-2 named 'F2'"):
        _ = stored["F2"]
    with pytest.raises(MissingData, match=r"not scored with gcg\.mine-1"):
        load_result(run, "gcg.mine-1")


def change(run, edit):
    file = run.folder / "gcg.strict-2" / "scores.json"
    value = json.loads(file.read_text())
    edit(value)
    file.write_text(json.dumps(value))


def other_rows(run):
    rows = run.read_rows("gcg.strict-2")
    matched = rows["phrase_f1"].columns["matched"]
    matched[0] -= 1
    tables.write(run.folder / "gcg.strict-2" / "rows.parquet", rows)


def more_predictions(run):
    with (run.folder / "predictions.jsonl").open("a") as stream:
        stream.write('{"id": "image_9", "caption": "late", "phrases": []}\n')


def forged_score(run):
    change(run, lambda value: value["scores"]["F1"].update(value=0.999))


def forged_signature(run):
    signature = json.loads((run.folder / "gcg.strict-2" / "scores.json").read_text())["signature"]
    change(run, lambda value: value.update(signature=signature.replace("val", "test")))


def forged_rows_and_digest(run):
    other_rows(run)
    change(run, lambda value: value["sha256"].update(rows=run.digests("gcg.strict-2")[1]))


def fewer_images(run):
    change(run, lambda value: value.update(n=2, signature=value["signature"].replace("n:3", "n:2")))


def of_another_version(run):
    change(run, lambda value: value.pop("measurement"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (other_rows, "sha256.rows: belongs to other rows"),
        (more_predictions, "sha256.predictions: belongs to other predictions"),
        (forged_score, r"scores\.F1: says 0\.999, and the rows give 0\.8"),
        (forged_signature, "signature: is not what the other fields give"),
        (forged_rows_and_digest, r"scores\.Precision: says 0\.8.*, and the rows give 0\.73"),
        (fewer_images, "n: says 2, and there are rows of 3"),
        (of_another_version, "was written by another version of gcg-bench"),
    ],
)
def test_what_does_not_fit_together_is_refused(run, spoil, message):
    spoil(run)
    with pytest.raises(BadData, match=message) as problem:
        load_result(Run.open(run.folder), "gcg.strict-2")
    assert "Score it again: gcg-bench score" in str(problem.value)


def test_a_metric_with_other_parameters_is_not_guessed(run):
    def edit(value):
        value["measurement"]["metrics"][0]["parameters"] = {"threshold": 0.5}

    change(run, edit)
    with pytest.raises(BadOption, match="phrase_f1 has other parameters in this version"):
        load_result(Run.open(run.folder), "gcg.strict-2")


def test_a_metric_that_is_not_here_is_not_guessed(run):
    change(run, lambda value: value["measurement"]["metrics"][0].update(name="phrase_f2"))
    with pytest.raises(BadOption, match=r"'phrase_f2'.*stored rows cannot be read"):
        load_result(Run.open(run.folder), "gcg.strict-2")


def test_the_signature_names_every_parameter():
    protocol = replace(
        tasks.load("gcg").protocols[1], metrics=(MeanIoU(), Words()), ranked_by="", images_by=""
    )
    result = scored.result(scored.SMALL["gcg.strict-2"], scored.rows([5]))
    line = replace(result, protocol=protocol).signature
    assert line.startswith("protocol:strict-2|dataset:shapes|card:1|split:val|truth:generated|n:1|")
    assert line.endswith(
        "|equal_phrases:cosine|metrics:miou(match=optimal,divide_by=larger_side)+words"
    )


def test_a_protocol_is_refused_that_cannot_be_scored():
    with pytest.raises(BadOption, match="need a phrase encoder"):
        EvalProtocol("mine", 1, (MaskRecall(),))
    # without an encoder nouns that WordNet does not know agree only with themselves
    assert EvalProtocol("mine", 1, (Hallucination(),)).encoder is None
    with pytest.raises(BadOption, match="needs metrics, each of another name"):
        EvalProtocol("mine", 1, (Words(), Words()))
    with pytest.raises(BadOption, match="needs metrics"):
        EvalProtocol("mine", 1, ())
    with pytest.raises(BadOption, match="two of its metrics give a score 'Recall'"):
        EvalProtocol("mine", 1, (MaskRecall(), PhraseF1()), encoder="minilm")
    with pytest.raises(UnknownName, match="no score of mine-1 named 'F3'"):
        EvalProtocol("mine", 1, (Words(),), ranked_by="F3")
