"""A change of the rules that compare words changes their name in signatures."""

from dataclasses import replace

import pytest
from support.scored import SMALL_STRICT, result, rows

from gcg_bench.errors import BadOption
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.scoring import results
from gcg_bench.scoring.comparable import refuse_unlike
from gcg_bench.text.agreement import INSTRUMENT


def test_a_signature_names_the_rules_and_the_encoder():
    scored = result(SMALL_STRICT, rows([3, 4]))
    assert f"|agreement:{INSTRUMENT}|" in scored.signature
    assert "|encoder:minilm@53aa5117|" in scored.signature
    assert "equal_phrases" not in scored.signature
    masks = replace(SMALL_STRICT, metrics=(MeanIoU(),), ranked_by="", images_by="")
    assert "agreement:" not in result(masks, rows([3, 4])).signature


def test_results_of_other_rules_are_not_ranked_together(monkeypatch):
    before = result(SMALL_STRICT, rows([3, 4])).measurement
    monkeypatch.setattr(results, "INSTRUMENT", "wordnet-0")
    after = result(SMALL_STRICT, rows([3, 4])).measurement
    with pytest.raises(BadOption, match=r"agreement is wordnet-.* for one and wordnet-0 for the"):
        refuse_unlike([before, after], ["a", "b"])
