"""Regions described several times: official counts each description, strict each region."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gcg_bench import statistics, tasks
from gcg_bench.data import load_dataset
from gcg_bench.errors import BadData, BadOption
from gcg_bench.pipeline.score import score
from gcg_bench.runs import Run, tables
from gcg_bench.scoring.comparable import differences
from gcg_bench.scoring.spread import spread
from gcg_bench.scoring.storage import from_json, keep, load_result
from gcg_bench.scoring.values import Resampling
from gcg_bench.types import Grounding, Prediction

# region 1: three descriptions; region 2: one; region 3, of the same image as 2: two
ENTRIES = [
    (11, 1, [0, 0, 9, 9], "a red box"),
    (12, 1, [0, 0, 9, 9], "the red box on the left"),
    (21, 2, [0, 0, 5, 5], "a small green ring"),
    (13, 1, [0, 0, 9, 9], "red thing"),
    (31, 2, [3, 3, 5, 5], "a blue disc"),
    (32, 2, [3, 3, 5, 5], "the disc below the ring"),
]
WORDS = {11: "a red box", 12: "", 13: "one two", 21: "a ring", 31: "", 32: "a blue disc here"}
FIRST = [11, 21, 31]


@pytest.fixture
def data(tmp_path):
    images = [{"id": k, "file_name": f"{k}.jpg", "height": 20, "width": 30} for k in (1, 2)]
    rows = [
        {"id": id_, "image_id": image, "bbox": box, "caption": caption}
        for id_, image, box, caption in ENTRIES
    ]
    (tmp_path / "finetune_refcocog_val_captions.json").write_text(
        json.dumps({"images": images, "annotations": rows})
    )
    return load_dataset("refcocog_region", "val", tmp_path)


def answers(words=WORDS):
    return {str(id_): Prediction(str(id_), Grounding(text)) for id_, text in words.items()}


def results(data, words=WORDS, draws=0, also=()):
    protocols = [protocol.using(also=also) for protocol in tasks.load(data.task).protocols]
    return score(data, answers(words), protocols, resampling=Resampling(draws=draws))


def test_a_region_counts_once_with_all_its_descriptions(data):
    strict = results(data)[1]
    # 3, 2 and 0 words for the three regions; 12, 13 and 32 are left out
    assert strict["Words"].value == (3 + 2 + 0) / 3
    assert strict.words == (3 + 2 + 0) / 3
    note = "3 of 6 queries ask what an earlier one asks"
    assert any(note in sentence for sentence in strict.notes)
    assert "|repeats:left_out|" in strict.signature


def test_official_counts_every_description(data):
    official, strict = results(data)
    assert official.words == (3 + 0 + 2 + 2 + 0 + 4) / 6
    assert "repeats" not in official.signature
    assert official.measurement["n"] == strict.measurement["n"] == "6"


def test_strict_is_official_of_one_query_a_region(data):
    strict = results(data, also=("bleu", "rouge_l"))[1]
    once = replace(data, samples=tuple(s for s in data.samples if int(s.id) in FIRST))
    assert [len(sample.captions) for sample in once.samples] == [3, 1, 2]
    words = {id_: WORDS[id_] for id_ in FIRST}
    alone = results(once, words, also=("bleu", "rouge_l"))[0]
    for score_ in alone.scores:
        assert strict[score_.name].value == score_.value, score_.name
        of_each = dict(zip(strict.ids, strict.alone(score_.name), strict=True))
        expected = dict(zip(alone.ids, alone.alone(score_.name), strict=True))
        assert {id_ for id_, value in of_each.items() if np.isnan(value)} == {"12", "13", "32"}
        assert {id_: of_each[id_] for id_ in expected} == expected


def test_other_answers_to_a_region_that_counts_move_nothing(data):
    changed = {**WORDS, 12: "a red box", 13: "a red box", 32: ""}
    before, after = results(data)[1], results(data, changed)[1]
    assert before.values() == after.values()
    assert results(data)[0].values() != results(data, changed)[0].values()


def test_intervals_and_tests_draw_images(data):
    strict = results(data, draws=200)[1]
    # of two images: twice the first, each once, or twice the second
    assert {strict["Words"].low, strict["Words"].high} <= {3.0, 5 / 3, 1.0}
    longer = results(data, {**WORDS, 31: "a blue disc"}, draws=200)[1]
    change = differences(strict, longer, scores=["Words"], draws=200)["Words"]
    assert change.value == pytest.approx(1.0)
    assert np.all(spread(strict, most=1, seeds=4).values["Words"] >= (3 + 0) / 2)


def test_rows_that_do_not_count_are_kept_as_such(data, tmp_path):
    strict = results(data)[1]
    tables.write(tmp_path / "rows.parquet", strict.rows)
    read = tables.read(tmp_path / "rows.parquet")
    assert read["words"].counted.tolist() == [True, False, True, False, True, False]
    with Run.create_or_resume(tmp_path / "run", {"dataset": "refcocog_region"}) as run:
        for prediction in answers().values():
            run.append(prediction)
        kept = keep(run, strict)
    again = load_result(Run.open(tmp_path / "run"), strict.protocol.folder)
    assert again == kept
    assert again.protocol == tasks.load("region_caption").protocol("strict")
    assert again.values() == strict.values()


def test_a_stored_result_with_an_unknown_rule_is_refused(data, tmp_path):
    stored = results(data)[1].to_json()
    stored["measurement"]["repeats"] = "twice"
    with pytest.raises(BadData, match="left_out"):
        from_json(stored, tmp_path / "scores.json")


def test_paired_runs_must_count_the_same_queries(data):
    official, strict = results(data)
    with pytest.raises(BadOption, match="the same queries count"):
        statistics.interleave(official.rows["meteor"], strict.rows["meteor"])


def test_without_repeated_regions_both_protocols_share_their_rows(data):
    once = replace(data, samples=tuple(s for s in data.samples if int(s.id) in FIRST))
    official, strict = results(once, {id_: WORDS[id_] for id_ in FIRST})
    assert strict.rows["meteor"] is official.rows["meteor"]
    assert strict.rows["words"].counted is None
    assert not any("ask what" in sentence for sentence in strict.notes)
