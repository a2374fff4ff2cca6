"""Queries of one image in one block read and encode it once, and answer as if each did alone."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from support import small_glamm

from gcg_bench.execution.models import load_model
from gcg_bench.glamm.images import ImageInputs
from gcg_bench.glamm.sharing import SharedImage, block_queries
from gcg_bench.masks import decode
from gcg_bench.types import Picture, Query


def picture(number):
    pixels = np.random.default_rng(number).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Picture(48, 64, lambda: pixels)


def asked():
    """Three queries of the image `a`, then one of `b`."""
    a, b = picture(1), picture(2)
    return [
        Query("a#0", a, image_id="a", expression="the cat"),
        Query("a#1", a, image_id="a", expression="the dog"),
        Query("a#2", a, image_id="a", prompt="Say something."),
        Query("b#0", b, image_id="b", expression="the cat"),
    ]


def test_queries_of_one_image_share_it_and_others_do_not():
    queries = asked()
    larger = Picture(64, 64, picture(3).read)
    one, two, three, four, five = block_queries([*queries, replace(queries[0], image=larger)])
    assert one.image is two.image is three.image
    assert one.image is not four.image
    assert one.image is not five.image
    assert [entry.needed for entry in block_queries(queries, {"a#1"})] == [
        False,
        True,
        False,
        False,
    ]
    assert block_queries(queries)[0].image is not one.image  # of another block


def test_an_image_is_made_once_whatever_thread_asks():
    made = []

    def make():
        made.append(1)
        return ImageInputs(torch.zeros(3, 2, 2), torch.zeros(3, 4, 4), (4, 4), (2, 2))

    shared = SharedImage()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: shared.inputs(make), range(64)))
    assert len(made) == 1
    assert all(one is found[0] for one in found)


def test_an_image_that_cannot_be_made_is_tried_again_by_the_next_query():
    shared, tries = SharedImage(), []

    def fail():
        tries.append(1)
        raise OSError("gone")

    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            shared.inputs(fail)
    assert len(tries) == 2


def test_answers_are_those_of_each_query_alone_and_clip_runs_once_an_image(tmp_path):
    folder = small_glamm.write(tmp_path / "small")
    queries = asked()

    def answers(batch_size):
        options = {"device": "cpu", "batch_size": batch_size, "max_new_tokens": 8}
        model = load_model(f"glamm:{folder}", **options)
        seen = []
        encode = model._model.encode_images
        model._model.encode_images = lambda pixels: (seen.append(len(pixels)), encode(pixels))[1]
        model.prepare(queries)
        return [replace(one, seconds=None) for one in model.answer(queries)], seen

    together, images = answers(4)
    assert images == [2]
    alone, images = answers(1)
    assert images == [1, 1, 1, 1]
    for one, other in zip(together, alone, strict=True):
        assert one.error is None
        assert (one.id, one.raw) == (other.id, other.raw)
        masks, wanted = (
            [m for p in side.grounding.phrases for m in p.masks] for side in (one, other)
        )
        for a, b in zip(masks, wanted, strict=True):
            assert (decode(a) != decode(b)).mean() <= 1e-3  # pixels on edges
