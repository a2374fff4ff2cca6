"""What holds for every test."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

# a machine that does something else meanwhile is no failure
settings.register_profile("patient", deadline=None)
# for mutants: a few examples, the same ones each time; nobody reads the smallest that fails
settings.register_profile(
    "few",
    deadline=None,
    max_examples=25,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("patient")


@pytest.fixture(autouse=True, scope="session")
def own_caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache folder a session, cold at its start: nothing on the machine can help or harm."""
    before = os.environ.get("GCG_BENCH_CACHE")
    os.environ["GCG_BENCH_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["GCG_BENCH_CACHE"]
    else:
        os.environ["GCG_BENCH_CACHE"] = before
