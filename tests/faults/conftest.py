"""One server for all tests of a session: it forks a child for each run."""

import pytest
from faults.server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running
