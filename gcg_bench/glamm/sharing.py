"""Blocks of queries in which the queries about one image share that image."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from threading import Lock

from gcg_bench.glamm.images import ImageInputs
from gcg_bench.types import Query


class SharedImage:
    """An image that several queries of a block ask about: it is read once, and encoded once.

    Only queries of one block share an image. So what runs together follows from the blocks alone.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inputs: ImageInputs | None = None

    def inputs(self, make: Callable[[], ImageInputs]) -> ImageInputs:
        """The image's inputs: the same object for all callers, in any thread."""
        with self._lock:
            if self._inputs is None:
                self._inputs = make()
            return self._inputs


@dataclass(frozen=True)
class BlockQuery:
    """A query of a block.

    Attributes:
        query: the query.
        image: shared with the other queries of the block that ask about the same image.
        needed: whether its answer is needed; else it only completes the block.
    """

    query: Query
    image: SharedImage
    needed: bool = True


def block_queries(
    block: Sequence[Query], needed: Collection[str] | None = None
) -> list[BlockQuery]:
    """The queries of a block; those about one image share that image.

    Args:
        block: the queries.
        needed: the ids of those whose answers are needed; None for all.
    """
    images: dict[object, SharedImage] = {}
    return [
        BlockQuery(
            query,
            images.setdefault(query.picture_key, SharedImage()),
            needed is None or query.id in needed,
        )
        for query in block
    ]
