"""Every task keeps its contract: what it says fits together, and its scores are of its metrics."""

from dataclasses import replace

import pytest

from gcg_bench import metrics, registry, tasks
from gcg_bench.data.cards import card_names, load_card
from gcg_bench.errors import BadData, UnknownName
from gcg_bench.pipeline.spec import DataSpec
from gcg_bench.types import FEATURES, Query

QUERY_FIELDS = set(Query.__dataclass_fields__)
REFERENCE = {"captions", "phrases"}

every = pytest.mark.parametrize(
    "task", [tasks.load(name) for name in tasks.names()], ids=lambda task: task.name
)


@every
def test_a_task_says_what_it_is(task):
    assert task.title
    assert task.query <= QUERY_FIELDS - {"id", "image"}
    assert task.reference <= REFERENCE


@every
def test_its_protocols_are_its_own(task):
    assert task.protocols
    assert all(protocol.task == task.name for protocol in task.protocols)
    names = [protocol.name for protocol in task.protocols]
    assert len(set(names)) == len(names)
    assert all(task.protocol(name).name == name for name in names)
    with pytest.raises(UnknownName, match=f"no protocol of the task {task.name} named 'none'"):
        task.protocol("none")


@every
def test_mistakes_are_counted_by_a_protocol_that_matches_phrases(task):
    if task.mistakes is None:
        return
    protocol = task.protocol(task.mistakes)
    assert any(metric.phrase_columns for metric in protocol.metrics)


@every
def test_scores_have_names_of_their_own_and_one_ranks(task):
    for protocol in task.protocols:
        names = [spec.name for spec in protocol.scores]
        assert len(set(names)) == len(names)
        ranking = protocol.spec(protocol.ranked_by)
        assert ranking.headline
        assert ranking.direction in ("higher", "lower")
        assert protocol.spec(protocol.images_by).direction in ("higher", "lower")
        assert protocol.needs <= set(FEATURES)


@every
def test_a_data_set_has_it(task):
    cards = [load_card(name) for name in card_names()]
    assert any(task.name in card.tasks for card in cards)


def test_cards_name_tasks_that_exist():
    for name in card_names():
        assert set(load_card(name).tasks) <= set(tasks.names())


def test_scores_of_one_name_are_alike_everywhere():
    """A board that holds scores alone can ask what they are."""
    known = tasks.known_scores()
    for name in registry.names("metrics"):
        for spec in metrics.load(name).scores:
            same = known[spec.name]
            assert (same.direction, same.scale) == (spec.direction, spec.scale)


@every
def test_what_a_task_needs_is_asked_of_every_sample(task):
    data = DataSpec("shapes", "val", limit=2).load()
    first, second = data.samples
    for name in task.reference | task.query:
        if name == "captions":
            lacking = replace(second, captions=())
        elif name == "phrases":
            lacking = replace(second, truth=replace(second.truth, phrases=()))
        else:
            lacking = replace(second, query=replace(second.query, **{name: ()}))
        with pytest.raises(BadData, match=f"image {second.id}: {name}: is empty. The task"):
            replace(
                task, query=task.query & {name}, reference=task.reference & {name}
            ).refuse_incomplete([lacking])
    replace(task, query=frozenset()).refuse_incomplete([first])


def test_no_such_task():
    with pytest.raises(UnknownName, match="no task named 'gcc'; did you mean 'gcg'"):
        tasks.load("gcc")
