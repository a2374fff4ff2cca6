"""A split that is scored in parts: every number, note and byte is that of the whole."""

import json
import os
import pickle
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from support.worlds import compare_all, random_grounding, random_world

from gcg_bench.data import load_dataset
from gcg_bench.errors import BadData, BadOption, MissingFeature, UnknownName
from gcg_bench.metrics.ap50 import AP50
from gcg_bench.metrics.ap50_scored import ScoredAP50
from gcg_bench.metrics.cider import CIDEr
from gcg_bench.metrics.words import Words
from gcg_bench.pipeline import division
from gcg_bench.pipeline.division import Division
from gcg_bench.pipeline.score import score
from gcg_bench.runs import tables
from gcg_bench.runs.tables import RowsOnDisk
from gcg_bench.scoring.row_store import PREFIX
from gcg_bench.scoring.rows import measure
from gcg_bench.scoring.texts import PackedParts, packed
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks.gcg import OFFICIAL, STRICT
from gcg_bench.types import Prediction

IMAGES = 20
LISTED = tuple(metric for metric in STRICT.metrics if metric.name != "meteor")
SOUND = replace(STRICT, metrics=(*LISTED, ScoredAP50()))
PUBLISHED = replace(
    OFFICIAL,
    metrics=tuple(metric for metric in OFFICIAL.metrics if metric.name != "meteor"),
    encoder="minilm",
)
PROTOCOLS = (PUBLISHED, SOUND)


@pytest.fixture(scope="module")
def data():
    return load_dataset("shapes", "val", limit=IMAGES)


@pytest.fixture(scope="module")
def answers(data):
    """The references, with some words and places changed, some failures and some oddities."""
    rng = np.random.default_rng(5)
    made = {}
    for k, sample in enumerate(data.samples):
        truth = sample.truth
        phrases = [replace(p, score=None if k == 17 else rng.random()) for p in truth.phrases]
        if k % 3 == 0:
            phrases[0] = replace(phrases[0], text="a red thing\nof old")
        if k % 4 == 1:
            phrases = [*phrases[1:], replace(phrases[0], text=None)]
        caption = truth.caption if k % 5 else "one caption for many"
        grounding = replace(truth, caption=caption, phrases=tuple(phrases))
        made[sample.id] = Prediction(sample.id, grounding, raw="<p>" * (k % 2))
    made[data.samples[3].id] = Prediction(data.samples[3].id, error="no answer")
    return made


def scored(data, answers, **division):
    results = score(
        data,
        answers,
        PROTOCOLS,
        resampling=Resampling(50, 1),
        division=Division(**division),
    )
    documents = [result.to_json() for result in results]
    for document in documents:
        del document["seconds"]
    return results, json.dumps(documents)


def stored(result, file):
    """The bytes of the rows as a run keeps them."""
    if isinstance(result.rows, RowsOnDisk):
        return result.rows.file.read_bytes()
    tables.write(file, result.rows)
    return file.read_bytes()


@pytest.fixture(scope="module")
def whole(data, answers):
    return scored(data, answers)


@pytest.mark.parametrize("size", [3])
def test_parts_give_what_the_whole_gives(data, answers, whole, size, tmp_path):
    results, text = scored(data, answers, size=size, folder=tmp_path)
    assert text == whole[1]
    for one, all_ in zip(results, whole[0], strict=True):
        assert isinstance(one.rows, RowsOnDisk)
        assert stored(one, tmp_path / "x") == stored(all_, tmp_path / "whole.parquet")
        assert one.values() == all_.values()
    # there is something to compare: oddities, floors, a rate
    assert len(results[1].notes) >= 4
    assert [floor.name for floor in results[1].floors] == ["shuffled words", "one phrase"]
    assert results[1].false_accept is not None
    assert results[1].failed == 1


def test_every_stage_has_a_bar_that_reaches_its_total(data, answers):
    bars = []

    @contextmanager
    def bar(label, total):
        steps = []
        yield steps.append
        bars.append((label, total, sum(steps), len(steps)))

    found = score(
        data, answers, PROTOCOLS, resampling=Resampling(draws=30), division=Division(bar=bar)
    )
    assert found[0].scores[0].low is not None
    assert [done for _, total, done, _ in bars] == [total for _, total, _, _ in bars]
    # two protocols with 30 draws each
    assert [(label, total) for label, total, _, _ in bars] == [
        ("measure", len(data.samples)), ("compare", len(data.samples)), ("intervals", 60),
    ]  # fmt: skip
    bars.clear()
    score(data, answers, PROTOCOLS, resampling=Resampling(draws=0), division=Division(bar=bar))
    assert [label for label, *_ in bars] == ["measure", "compare"]


def test_a_large_split_is_measured_in_another_process(monkeypatch):
    """So no process holds the phrase encoder beside the columns of the whole."""
    monkeypatch.setattr(division, "LARGE", 15)
    for size, parts, is_other in ((8, 2, True), (7, 2, False), (16, 1, False)):
        with Division(size, 1).mapper((SOUND,), parts=parts, rows=None) as mapper:
            (pid,) = mapper(eval, ["__import__('os').getpid()"])
        assert (pid != os.getpid()) == is_other


def test_processes_give_what_one_gives_and_leave_nothing(data, answers, whole, tmp_path):
    results, text = scored(data, answers, size=8, jobs=2, folder=tmp_path)
    assert text == whole[1]
    assert len(list(tmp_path.glob(f"{PREFIX}*"))) == 1
    del results
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_a_process_arrives_as_it_is(data, answers):
    wrong = replace(SOUND, encoder="no-such-encoder")
    with pytest.raises(UnknownName, match="no-such-encoder"):
        score(data, answers, (wrong,), division=Division(size=8, jobs=2))


@pytest.mark.parametrize(
    "error",
    [
        BadData("wrong", file="f", image="i", phrase=2, field="x", remedy="Mend it"),
        UnknownName("metric", "ap5", ["ap50"]),
        MissingFeature("iou", "i"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel_between_processes(error):
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


class OwnFit(Words):
    def fit(self, pairs):
        return len(pairs)


def test_a_metric_that_sees_all_at_once_is_refused_by_name(data, answers):
    own = replace(SOUND, metrics=(OwnFit(),), ranked_by="Words", images_by="Words")
    with pytest.raises(BadOption, match="the metric words cannot be scored in parts"):
        score(data, answers, (own,), division=Division(size=5))
    # nobody asked for parts: the whole split is scored
    assert score(data, answers, (own,))[0].n == IMAGES
    said = []
    score(data, answers, (own,), division=Division(jobs=2, message=said.append))
    assert said == [
        "--jobs 2: the metric words is from outside gcg-bench, and is measured in one process"
    ]
    assert Division().size_of(10**6, (own,)) == 10**6
    assert Division().size_of(10**6, (SOUND,)) == 2_500
    assert Division().size_of(20_000, (SOUND,)) == 20_000


@pytest.mark.parametrize("wrong", [{"size": 0}, {"jobs": 0}])
def test_no_parts_and_no_processes_are_refused(wrong):
    with pytest.raises(BadOption, match="give 1 or more"):
        Division(**wrong)


def test_texts_are_found_by_their_position_in_all_parts():
    parts = [["a", None, "\udc80x"], [], ["", "Grüße"], [None]]
    lists = PackedParts([packed(part) for part in parts])
    flat = [text for part in parts for text in part]
    order = np.random.default_rng(0).permutation(len(flat))
    assert lists.at(order) == [flat[k] for k in order]
    assert len(lists) == 6
    assert PackedParts([]).at(np.zeros(0, dtype=np.int64)) == []


def test_a_large_file_of_rows_is_written_in_groups_whatever_the_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_GROUP", 7)
    metric = AP50()
    rng = np.random.default_rng(1)
    world = random_world(3)
    pairs = compare_all(world, [random_grounding(rng) for _ in world])
    rows = {m.name: measure(m, pairs) for m in (metric, CIDEr())}
    assert len(pairs) > 7
    tables.write(tmp_path / "whole", rows)
    for size in (1, 3, 8):
        parts = ({"ap50": measure(metric, pairs[k : k + size])} for k in range(0, len(pairs), size))
        tables.write_parts(tmp_path / "parts", parts, images=False)
        tables.write(tmp_path / "one", {"ap50": rows["ap50"]})
        assert (tmp_path / "parts").read_bytes() == (tmp_path / "one").read_bytes()
    lazily = RowsOnDisk(tmp_path / "whole", ["ap50", "cider"])
    assert list(lazily) == ["ap50", "cider"]
    assert lazily["cider"].columns["cider"].tolist() == rows["cider"].columns["cider"].tolist()
    assert lazily["ap50"].ids is lazily["cider"].ids
    with pytest.raises(KeyError):
        lazily["words"]
