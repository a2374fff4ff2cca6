"""Laws that every prediction layout meets by existing."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench import registry
from gcg_bench.errors import BadData
from gcg_bench.files.fields import RAISE_FAULTS, CollectedFaults
from gcg_bench.predictions import Reading, finish, read_predictions
from gcg_bench.predictions.recognition import known_layouts, layout_of, layouts
from gcg_bench.registry import names

NAMES = names("predictions.layouts")
PLUGINS: dict[str, Any] = {
    name: registry.module("predictions.layouts", name, "prediction layout") for name in NAMES
}
FIELDS = sorted({field for plugin in PLUGINS.values() for field in plugin.EXAMPLE})

every_layout = pytest.mark.parametrize("name", NAMES)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)
    ),
    max_leaves=8,
)
records = st.dictionaries(st.sampled_from(FIELDS), values, max_size=6)


def id_fields(name: str) -> list[str]:
    """The fields of a layout's example that hold its id."""
    return [field for field, value in PLUGINS[name].EXAMPLE.items() if value == "example"]


def test_the_published_layouts_are_here() -> None:
    assert {"lines", "glamm", "panocaps", "x_sam"} <= set(NAMES)


@every_layout
def test_its_example_is_recognised_and_no_other_layout_takes_it(name: str) -> None:
    example = PLUGINS[name].EXAMPLE
    assert PLUGINS[name].recognises(example) is True
    layout = layout_of(dict(example))
    assert layout is not None
    assert layout.name == name


@every_layout
def test_its_example_holds_masks_and_nothing_that_is_not_read(name: str) -> None:
    faults = CollectedFaults()
    draft = PLUGINS[name].read(PLUGINS[name].EXAMPLE, "x.json", None, faults)
    (prediction,) = finish([draft], {draft.id: (4, 5)}, faults)
    assert (faults.collected, draft.unread) == ([], ())
    assert prediction.id == "example"
    assert prediction.grounding.caption
    assert any(phrase.masks for phrase in prediction.grounding.phrases)


@every_layout
@pytest.mark.parametrize("form", ["lines", "list", "object", "folder", "nested"])
def test_its_example_is_read_in_every_form_of_files(name: str, form: str, tmp_path: Path) -> None:
    example = dict(PLUGINS[name].EXAMPLE)
    path = tmp_path / ("p.jsonl" if form == "lines" else "example.json")
    value = {"list": [example], "object": {"example": example}, "nested": {"any": example}}
    path.write_text(json.dumps(value.get(form, example)) + "\n", encoding="utf-8")
    reading = Reading()
    where = tmp_path if form in ("folder", "nested") else path
    (prediction,) = read_predictions(where, sizes={"example": (4, 5)}, reading=reading)
    assert prediction.id == "example"
    assert (reading.images, reading.failed) == (1, 0)
    assert reading.masks == sum(len(phrase.masks) for phrase in prediction.grounding.phrases) > 0


@every_layout
def test_it_is_described_in_one_line_that_messages_list(name: str) -> None:
    description = PLUGINS[name].DESCRIPTION
    assert description.strip() == description != ""
    assert "\n" not in description
    assert known_layouts().count(description) >= 1


def test_no_two_layouts_have_one_rank_so_that_precedence_is_explicit() -> None:
    ranks = [plugin.RANK for plugin in PLUGINS.values()]
    assert all(type(rank) is int for rank in ranks)
    assert len(set(ranks)) == len(ranks)
    assert [layout.rank for layout in layouts()] == sorted(ranks)


def test_layouts_that_share_a_field_repair_it_in_one_way() -> None:
    for field in FIELDS:
        repairs = {plugin.REPAIRS[field] for plugin in PLUGINS.values() if field in plugin.REPAIRS}
        assert len(repairs) <= 1, field


@every_layout
@given(record=records)
def test_no_record_breaks_it(name: str, record: dict[str, Any]) -> None:
    """Recognition answers yes or no; reading finds faults, and stops only for want of an id."""
    plugin = PLUGINS[name]
    assert plugin.recognises(record) in (True, False)
    faults = CollectedFaults()
    with faults.caught():
        assert plugin.read(record, "x.json", None, faults).id
        return
    assert faults.collected[-1][1].field in {"id", *id_fields(name)}


@every_layout
def test_a_record_without_an_id_is_refused_unless_its_place_gives_one(name: str) -> None:
    ids = id_fields(name)
    without = {field: value for field, value in PLUGINS[name].EXAMPLE.items() if field not in ids}
    with pytest.raises(BadData, match=rf"x\.json: ({'|'.join(ids)}): is missing"):
        PLUGINS[name].read(without, "x.json", None, RAISE_FAULTS)
    assert PLUGINS[name].read(without, "x.json", "key", RAISE_FAULTS).id == "key"
