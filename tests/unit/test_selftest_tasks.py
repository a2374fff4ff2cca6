"""The laws of the self-test on tasks with several queries an image, and on tasks without masks."""

import pytest
from support.worlds import block, phrase

from gcg_bench import tasks
from gcg_bench.analysis.invariants import neutral_changes
from gcg_bench.analysis.invariants.mask_changes import free_box
from gcg_bench.analysis.invariants.run import check_laws
from gcg_bench.analysis.invariants.scenes import ChangeInputs, Scene
from gcg_bench.data import load_dataset
from gcg_bench.types import Grounding, Picture, Query, Sample


def scenes():
    """Two queries of the image `a`, one of `b`, and the image `c`, which is its own query."""
    truth = Grounding("", (phrase("a cat", block(4, 4)),))
    picture = Picture(60, 80, lambda: None)
    queries = [Query("a#0", picture, image_id="a"), Query("a#1", picture, image_id="a"),
               Query("b#0", picture, image_id="b"), Query("c", picture)]  # fmt: skip
    return tuple(Scene(Sample(query, truth, ()), truth) for query in queries)


def images(changed):
    return [scene.sample.query.image_id for scene in changed]


def test_other_names_keep_queries_of_an_image_together():
    changed = neutral_changes.images_renamed(scenes(), ChangeInputs())
    first, second, third, fourth = images(changed)
    assert first == second
    assert len({first, third, fourth}) == 3
    assert not {first, third, fourth} & {"a", "b", "c"}
    assert fourth == changed[3].sample.id  # an image that is its own query stays one


def test_images_that_are_there_twice_are_two_images_of_as_many_queries():
    changed = neutral_changes.images_doubled(scenes(), ChangeInputs())
    counts = {image: images(changed).count(image) for image in images(changed)}
    assert sorted(counts.values()) == [1, 1, 1, 1, 2, 2]
    assert len({scene.sample.id for scene in changed}) == 8


@pytest.mark.parametrize("seed", range(6))
def test_another_order_of_images_keeps_the_order_of_their_queries(seed):
    changed = neutral_changes.images_reordered(scenes(), ChangeInputs(seed=seed))
    ids = [scene.sample.id for scene in changed]
    assert sorted(ids) == ["a#0", "a#1", "b#0", "c"]
    assert ids.index("a#1") == ids.index("a#0") + 1
    assert [scene.sample.order for scene in changed] == [0, 1, 2, 3]


def test_a_box_where_no_mask_says_the_size_of_the_image():
    import numpy as np

    found = free_box([], np.random.default_rng(0), (12, 30))
    assert (found.height, found.width) == (12, 30)


@pytest.mark.parametrize("task", ["caption", "region_caption", "referring"])
def test_every_law_holds_on_the_task(task):
    samples = load_dataset("shapes", "val", task=task, limit=6).samples
    report = check_laws(samples, tasks.load(task).protocols)
    assert report.images == 6
    verdicts = {result.verdict for result in report.results}
    assert "holds" in verdicts
    assert "BROKEN" not in verdicts
