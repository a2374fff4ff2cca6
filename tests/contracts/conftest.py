"""What holds for the tests of laws."""

import pytest
from support.live_meteor import live_meteor


@pytest.fixture(scope="module", autouse=True)
def _one_meteor_for_all_laws():
    with live_meteor():
        yield
