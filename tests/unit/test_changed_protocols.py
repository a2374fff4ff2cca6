"""Protocols with other metrics or parameters have other names."""

import re
from dataclasses import replace

import pytest
from support.scored import SMALL_STRICT, rows, run_folder

from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.metrics.ap50 import AP50
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.pipeline.changing import changed
from gcg_bench.pipeline.spec import ScoringSpec
from gcg_bench.scoring.storage import load_results
from gcg_bench.tasks import load


def test_a_parameter_is_set_under_another_name():
    protocol = changed(SMALL_STRICT, parameters=["phrase_f1.threshold_iou=0.75"])
    assert protocol.metrics[0] == PhraseF1(threshold_iou=0.75)
    assert protocol.metrics[1:] == SMALL_STRICT.metrics[1:]
    assert re.fullmatch(r"strict_[0-9a-f]{8}", protocol.name)
    assert (protocol.version, protocol.ranked_by) == (2, "F1")
    assert "threshold_iou=0.75" in protocol.metrics[0].signature


def test_the_name_depends_on_the_change_alone():
    once = changed(SMALL_STRICT, parameters=["miou.match=greedy"])
    again = changed(SMALL_STRICT, parameters=["miou.match = greedy"])
    other = changed(SMALL_STRICT, parameters=["miou.divide_by=taken"])
    assert once == again
    assert len({once.name, other.name, "strict"}) == 3
    assert changed(SMALL_STRICT, parameters=["phrase_f1.threshold_iou=0.5"]) is SMALL_STRICT


def test_metrics_are_chosen_in_order_and_added():
    protocol = changed(SMALL_STRICT, ["ap50", "miou", "ap50"])
    assert protocol.metrics == (AP50(), MeanIoU())
    assert protocol.ranked_by == "AP50"  # F1 is not measured
    assert not protocol.compares_phrases


def test_a_whole_number_can_be_a_share():
    protocol = changed(SMALL_STRICT, ["miou", "ap50"], ["ap50.threshold_iou=1"])
    assert protocol.metrics[1] == AP50(threshold_iou=1.0)
    assert type(protocol.metrics[1].threshold_iou) is float


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("miou", BadOption, "METRIC.PARAMETER=VALUE"),
        ("miou=3", BadOption, "METRIC.PARAMETER=VALUE"),
        ("cider.n=3", UnknownName, "no metric of the protocol named 'cider'"),
        ("miou.mach=greedy", UnknownName, "did you mean 'match'"),
        ("hallucination.name=x", UnknownName, "no parameter of hallucination named 'name'"),
        ("miou.match=best", BadOption, "match is one of greedy, optimal"),
        ("phrase_f1.threshold_iou=high", BadOption, "threshold_iou is a float, e.g. 0.5"),
        ("phrase_f1.threshold_iou=true", BadOption, "threshold_iou is a float"),
    ],
)
def test_what_cannot_be_set_is_refused(text, error, words):
    with pytest.raises(error, match=re.escape(words)):
        changed(SMALL_STRICT, parameters=[text])


def test_a_metric_that_does_not_exist_is_refused():
    with pytest.raises(UnknownName, match="no metric named 'mio'; did you mean"):
        changed(SMALL_STRICT, ["mio"])


def test_one_protocol_is_changed_at_a_time():
    both = ScoringSpec(metrics=("miou",))
    with pytest.raises(BadOption, match="name it with --protocol, one of official, strict"):
        both.of(load("gcg"))
    (one,) = replace(both, protocols=("strict",)).of(load("gcg"))
    assert one.metrics == (MeanIoU(),)


def test_a_changed_protocol_is_stored_and_read_back(tmp_path):
    # of 5 phrases 2 and 4 are matched
    protocol = changed(SMALL_STRICT, ["phrase_f1"], ["phrase_f1.threshold_iou=0.75"])
    run = run_folder(tmp_path / "r", "m", rows([2, 4]), protocols=[protocol])
    (stored,) = load_results(run)
    assert stored.protocol.metrics == (PhraseF1(threshold_iou=0.75),)
    assert stored["F1"].value == pytest.approx(0.6)
    assert run.protocols() == (f"gcg.{protocol.name}-2",)
