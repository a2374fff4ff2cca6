"""`--on ray` without a cluster: options, nodes with other files, the order of messages."""

import json
import re
import sys
from dataclasses import dataclass, replace

import pytest
from support.ray_models import MODEL

from gcg_bench import __version__
from gcg_bench.cli import main
from gcg_bench.data import load_dataset
from gcg_bench.errors import BadOption, EnvironmentProblem
from gcg_bench.execution.cluster import Cluster, cluster_of
from gcg_bench.execution.ray_host import Host
from gcg_bench.execution.ray_parts import _Demands, work_here
from gcg_bench.pipeline.division import Division
from gcg_bench.pipeline.interface import evaluate
from gcg_bench.pipeline.score import score
from gcg_bench.tasks.gcg import STRICT
from gcg_bench.types import Prediction

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="process groups and signals"),
    # Ray leaves sockets, files and processes to the garbage collector
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


ONE = {"split": "val", "limit": 1, "protocols": ()}


def test_without_the_extra_one_message_names_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EnvironmentProblem, match=r"pip install 'gcg-bench\[ray\]'"):
        evaluate("silent", "shapes", tmp_path / "run", **ONE, on="ray")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on": "spark"}, "--on spark: give auto, local, process, ray or ray:ADDRESS"),
        ({"on": "ray", "devices": ("cpu",)}, "--devices"),
        ({"on": "local", "models": 2}, "are for --on ray"),
        ({"on": "process", "gpus_per_model": 0.5}, "are for --on ray"),
        ({"on": "ray", "gpus_per_model": 1.5}, "a part of one GPU"),
        ({"on": "ray", "gpus_per_model": -1.0}, "a part of one GPU"),
        ({"on": "ray", "models": 0}, "give 1 or more"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, options, message):
    with pytest.raises(BadOption, match=message):
        evaluate(
            "silent", "shapes", tmp_path / "run", split="val", limit=1, protocols=(), **options
        )


def test_a_node_without_the_folder_of_the_rows_is_refused(tmp_path):
    demands = _Demands(str(tmp_path), __version__, tmp_path / "away", {}, None, tuple)
    (kind, text), value = work_here(demands, abs, -3)
    assert (kind, value) == ("EnvironmentProblem", None)
    assert re.search(r"node \S+ does not see \S+away, which takes the rows", text)
    assert work_here(replace(demands, folder=None), abs, -3) == (None, 3)
    (kind, text), _ = work_here(replace(demands, version="0.0.1"), abs, -3)
    assert (kind, "install the same version" in text) == ("EnvironmentProblem", True)


@dataclass(frozen=True)
class Outside(type(STRICT.metrics[0])):
    """A metric that only this process has."""


def test_metrics_of_this_process_alone_are_not_scored_on_a_cluster():
    data = load_dataset("shapes", "val", limit=2)
    answers = {sample.id: Prediction(sample.id, sample.truth) for sample in data.samples}
    division = Division(1, cluster=Cluster("nowhere"))
    with pytest.raises(BadOption, match=r"is from outside gcg-bench.*leave out --on"):
        score(
            data,
            answers,
            (replace(STRICT, metrics=(Outside(), *STRICT.metrics[1:])),),
            division=division,
        )


def test_scoring_names_its_cluster_or_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["score", str(tmp_path), "--split", "val", "--on", "spark"])
    assert left.value.code == 2
    problem = "--on spark: give ray or ray:ADDRESS; without --on it is this machine"
    assert problem in capsys.readouterr().err


def test_an_oracle_stays_in_this_process(tmp_path):
    with pytest.raises(BadOption, match="works in this process: drop --on ray"):
        evaluate(
            "copy-truth", "shapes", tmp_path / "run", split="val", limit=1, protocols=(), on="ray"
        )


def test_the_address_is_what_follows_the_colon():
    assert cluster_of("ray", None, None) == Cluster("")
    assert cluster_of("ray:10.0.0.1:6379", 3, 2.0) == Cluster("10.0.0.1:6379", 3, 2.0)
    assert cluster_of("ray://head:10001", None, 0.5) == Cluster("ray://head:10001", None, 0.5)
    assert cluster_of("process", None, None) is None


KNOWN = {"version": __version__, "source": "", "code": {}, "threads": None}


def test_messages_reach_the_process_in_the_order_of_their_numbers(tmp_path):
    host = Host()
    host.send(1, b"second\n")
    assert host.begin(["cat"], {}, str(tmp_path), KNOWN) == ""
    host.send(2, b"third\n")
    host.send(0, b"first\n")
    host.hang_up()
    said = []
    while len([kind for kind, _ in said if kind != "line"]) < 2:
        said += host.receive()
    assert [line for kind, line in said if kind == "line"] == [b"first\n", b"second\n", b"third\n"]
    assert dict(said)["exit"] == b"ended with exit code 0"


def test_a_node_with_other_code_is_refused(tmp_path):
    (tmp_path / "model.py").write_text(MODEL)
    source = f"{tmp_path}/model.py"
    refused = {
        "install the same version on all nodes": (str(tmp_path), {**KNOWN, "version": "0.0"}),
        "a folder that all nodes share": (str(tmp_path / "away"), KNOWN),
        "has other code of the model": (
            str(tmp_path), {**KNOWN, "source": source, "code": {"model.py": "0" * 64}},
        ),
    }  # fmt: skip
    for message, (place, known) in refused.items():
        fault = json.loads(Host().begin(["cat"], {}, place, known))
        assert fault["fault"] == "EnvironmentProblem"
        assert message in fault["text"]
