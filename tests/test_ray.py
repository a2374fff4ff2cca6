"""`--on ray`: actors on three nodes predict what this process does, whatever ends meanwhile."""

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pytest
from support.ray_models import MODEL
from support.tiny import paint
from support.workers import GOOD, command

from gcg_bench.annotate.exporting import write_dataset
from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.annotate.lost_owners import ask_owner
from gcg_bench.annotate.on_ray import annotate_on_ray
from gcg_bench.annotate.recipes import Recipe, Step
from gcg_bench.annotate.running import annotate
from gcg_bench.annotate.sources import of_folder
from gcg_bench.annotate.stages import consensus, gcg
from gcg_bench.data import load_dataset
from gcg_bench.errors import BadOption
from gcg_bench.execution.cluster import cluster_of
from gcg_bench.pipeline.division import Division
from gcg_bench.pipeline.interface import evaluate
from gcg_bench.pipeline.score import score
from gcg_bench.pipeline.spec import DataSpec
from gcg_bench.runs import Run, tables
from gcg_bench.runs.lock import Lock, holder_of
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks.gcg import STRICT
from gcg_bench.types import Prediction

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="process groups and signals"),
    # Ray leaves sockets, files and processes to the garbage collector
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


N = 10


@pytest.fixture(scope="module")
def cluster():
    """Three nodes with room for one model each; the head is one of them."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        from ray.cluster_utils import Cluster as Nodes

        head = {"num_cpus": 1, "include_dashboard": False}
        nodes = Nodes(initialize_head=True, head_node_args=head)
        for _ in range(2):
            nodes.add_node(wait=False, num_cpus=1)
        nodes.wait_for_nodes()
        yield nodes
        import ray

        ray.shutdown()  # before the nodes that this process is connected with
        nodes.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the model, and its run in this process."""
    folder = tmp_path_factory.mktemp("ray")
    (folder / "model.py").write_text(MODEL)
    run(folder, "local", on="local")
    return folder


@pytest.fixture
def joined(cluster):
    """This process is connected, as a notebook may be; commands that end leave it so."""
    import ray

    if not ray.is_initialized():
        ray.init(address=cluster.address, log_to_driver=False, include_dashboard=False)
    yield "ray"
    assert ray.is_initialized()


def run(folder, name, model=None, *, data=None, **options):
    """The lines of a run by id."""
    evaluate(
        model or f"{folder}/model.py", data or load_dataset("shapes", "val", limit=N),
        folder / name, protocols=(), **options,
    )  # fmt: skip
    return lines(folder, name)


def lines(folder, name):
    found = {}
    for line in (folder / name / "predictions.jsonl").read_text("utf-8").splitlines():
        found[json.loads(line)["id"]] = line
    return found


def errors(folder, name):
    predictions = Run.open(folder / name).predictions()
    return {prediction.id: prediction.error for prediction in predictions if prediction.error}


def test_predictions_are_those_of_this_process(joined, folder):
    # one copy of the model more than there is room for: it waits, and nothing waits for it
    assert run(folder, "equal", on=joined, models=4) == lines(folder, "local")


@pytest.mark.parametrize("threads", [None, "3"])
def test_a_model_has_the_threads_that_it_has_here(joined, tmp_path, monkeypatch, threads):
    """Ray gives an actor one thread, with which the last digits of a model may differ."""
    line = 'caption = "a " + os.environ.get("OMP_NUM_THREADS", "number of its own")'
    (tmp_path / "model.py").write_text(re.sub("caption = .*", line, MODEL))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if threads is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
    data = load_dataset("shapes", "val", limit=1)
    there, here = (
        [json.loads(line)["caption"] for line in run(tmp_path, on, data=data, on=on).values()]
        for on in (joined, "process")
    )
    assert there == here == [f"a {threads or 'number of its own'}"]


def test_images_that_no_node_has_are_sent(joined, folder):
    data = load_dataset("shapes", "val", limit=N)
    away = tuple(
        replace(sample, query=replace(sample.query, image=replace(sample.query.image, path=path)))
        for sample in data.samples
        for path in [Path("/nowhere") / sample.id]
    )
    sent = run(folder, "sent", data=replace(data, samples=away), on=joined, models=1)
    assert sent == lines(folder, "local")


def test_a_node_that_is_killed_costs_nothing(joined, cluster, folder):
    answered = []

    @contextmanager
    def bar(stage, total):
        del total
        yield answer if stage == "predict" else int  # scoring has bars as well

    def answer(count):
        answered.append(count)
        if len(answered) == 3:
            cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
            cluster.add_node(num_cpus=1)

    assert run(folder, "killed", on=joined, bar=bar, seconds=0.1) == lines(folder, "local")
    assert len(answered) == N


def test_an_image_that_ends_or_stops_the_model_fails_alone(joined, folder):
    deadly, slow = list(lines(folder, "local"))[4:6]
    found = run(folder, "failing", on=joined, deadly=deadly, slow=slow, timeout=2.0)
    failed = errors(folder, "failing")
    assert failed.keys() == {deadly, slow}
    assert failed[deadly].startswith("the worker was ended by SIGKILL")
    assert failed[slow] == "no answer within 2 s"
    others = {id_: line for id_, line in lines(folder, "local").items() if id_ not in failed}
    assert {id_: line for id_, line in found.items() if id_ not in failed} == others


def test_each_node_reads_addresses_itself(joined, folder, tmp_path):
    line = {
        "id": "a",
        "file_name": "a.png",
        "height": 40,
        "width": 50,
        "captions": ["A."],
        "phrases": [],
    }
    (tmp_path / "own").mkdir()
    (tmp_path / "own/val.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    pixels = paint(tmp_path / "there/a.png", 40, 50)
    data = DataSpec(tmp_path / "own", "val", images=f"file://{tmp_path}/there").load()
    run(tmp_path, "run", f"{folder}/model.py", data=data, on=joined, models=1)
    (prediction,) = Run.open(tmp_path / "run").predictions()
    assert prediction.grounding.caption == "a " + hashlib.sha256(pixels.tobytes()).hexdigest()


def test_a_worker_of_another_environment_works_in_an_actor(joined, tmp_path):
    act = "import os\nif number == 2: os._exit(3)\nassert 'RAY_JOB_ID' in os.environ"
    run(tmp_path, "run", command(tmp_path / "worker", GOOD, act), on=joined, models=2)
    (failed,) = errors(tmp_path, "run").items()
    assert failed == ("shapes_val_000002", "the worker ended with exit code 3")


def test_a_model_that_cannot_be_built_is_one_message(joined, folder):
    with pytest.raises(BadOption, match="colour"):
        run(folder, "wrong", "glamm-tiny", on=joined, colour=1, models=1)


def test_a_command_writes_one_document_and_leaves_the_cluster(cluster, folder):
    program = "from gcg_bench.cli import main; main()"
    typed = ["predict", "--model", f"{folder}/model.py", "--dataset", "shapes", "--split", "val"]
    typed += ["--limit", str(N), "--on", f"ray:{cluster.address}", "--models", "1", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", program, *typed, "--out", "typed"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"run": "typed", "n": N, "failed": 0}
    assert set(done.stderr.splitlines()) == {"noise on stdout"}
    assert lines(folder, "typed") == lines(folder, "local")


DEADLY = """
import os
from pathlib import Path
from gcg_bench import Grounding, Phrase, Prediction
from gcg_bench.masks import from_box

class Model:
    def __init__(self, **_):
        pass

    def answer(self, queries):
        for query in queries:
            try:
                Path("FOLDER/killed").touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), 9)
            mask = from_box((1, 2, 30, 40), query.image.height, query.image.width)
            yield Prediction(query.id, Grounding("a box", (Phrase("a box", (mask,)),)))

load = Model
"""


def test_an_annotation_is_that_of_one_machine_though_a_task_is_lost(joined, tmp_path):
    for k in range(7):
        paint(tmp_path / f"images/{k}.png", 40, 50 + k)
    (tmp_path / "model.py").write_text(DEADLY.replace("FOLDER", str(tmp_path)))
    model = f"{tmp_path}/model.py"
    voter = consensus.VoterSettings(model, weight=0.9)
    detect = Step("gcg", gcg.Settings(model, score=0.9))
    rest = (Step("consensus", consensus.Settings((voter,))), Step("template"))
    recipe = Recipe("deadly", "for tests", (detect, *rest))
    source, steps, said = partial(of_folder, tmp_path / "images"), [], []
    folder = annotate_on_ray(
        source(), source, recipe, tmp_path / "ray/set", cluster_of(joined, 3, None),
        bar=lambda _, total: nullcontext(lambda count: steps.append((count, total))),
        message=said.append,
    )  # fmt: skip
    assert sum(count for count, _ in steps) == steps[0][1] == 7 * 3
    assert sum("was lost and is started again" in line for line in said) == 1
    assert sorted(line[:17] for line in said if "is done" in line) == [
        f"shard {k}/3 is done" for k in (1, 2, 3)
    ]  # fmt: skip
    annotate(source(), recipe, tmp_path / "alone/set", message=said.append)
    alone = AnnotationFolder(tmp_path / "alone/set")
    for each in (folder, alone):
        write_dataset(each)
    for name in ("recipe.json", "images.jsonl", "val.jsonl", "card.md"):
        assert (folder.folder / name).read_bytes() == (alone.folder / name).read_bytes()
    assert (folder.folder / "val.jsonl").read_bytes().count(b"\n") == 7
    for stage, other in zip(folder.stage_folders, alone.stage_folders, strict=True):
        assert len([*stage.glob("shard-*-of-00003.jsonl")]) == 3
        assert stage_content(stage) == stage_content(other)


LOCKING = """
import os, sys
from pathlib import Path
from gcg_bench.runs.lock import Lock
Lock(Path(sys.argv[1]))
os._exit(0)
"""


def test_the_node_of_a_lock_says_whether_its_owner_is_dead(joined, tmp_path):
    """Nothing of this process looks at the lock's owner; a task on the owner's node does."""
    dead, held = tmp_path / ".lock-dead", tmp_path / ".lock-held"
    subprocess.run([sys.executable, "-c", LOCKING, str(dead)], check=True)
    assert holder_of(dead) is not None
    assert joined
    lock = Lock(held)
    try:
        assert ask_owner(dead)
        assert not dead.exists()
        assert not ask_owner(held)
        assert holder_of(held) == lock.holder
        elsewhere = json.dumps({**asdict(lock.holder), "host": "nowhere"})
        dead.write_text(elsewhere)
        assert not ask_owner(dead)  # no node has this name
        assert dead.read_text() == elsewhere
    finally:
        lock.release()


def test_the_lock_of_a_dead_node_expires_after_three_heartbeats(joined, tmp_path, monkeypatch):
    """All nodes of the test are on one machine, so the node that was killed gets a name."""
    import ray

    known, own = ray.nodes(), socket.gethostname()
    living = next(node for node in known if node["Alive"])
    killed = [node for node in known if not node["Alive"]]  # by the tests before this one
    dead = (killed or [{**living, "Alive": False}])[0]
    assert (joined, living["NodeManagerHostname"]) == ("ray", own)
    file = tmp_path / ".lock-shard"
    other = {"pid": 1, "started": "1", "boot": "b", "token": "t"}
    for machine, host, age, is_left in (
        ("lost", "lost", 40, True),
        ("lost", "lost", 50, False),
        ("lost", "nowhere", 250, True),  # no node of the cluster ever had this name
        (own, own, 40, True),  # a machine that started again: its new node has another boot
        (own, own, 50, False),
    ):
        nodes = [living, {**dead, "NodeManagerHostname": machine}]
        monkeypatch.setattr(ray, "nodes", lambda nodes=nodes: nodes)
        aged(file, {**other, "host": host}, age)
        assert (ask_owner(file), file.exists()) == (not is_left, is_left)
    # a process of this machine that works keeps its lock, whatever its age
    lock = Lock(file)
    try:
        os.utime(file, (time.time() - 200,) * 2)
        assert not ask_owner(file)
    finally:
        lock.release()


def aged(file, holder, seconds):
    """Writes a lock that was touched some seconds ago."""
    file.write_text(json.dumps(holder))
    os.utime(file, (time.time() - seconds,) * 2)


def stage_content(stage):
    """Image id -> its line in a stage, without seconds."""
    rows = [json.loads(row) for file in stage.glob("shard-*") for row in file.open("rb")]
    return {row["id"]: {**row, "seconds": 0} for row in rows}


PROTOCOL = replace(STRICT, metrics=tuple(m for m in STRICT.metrics if m.name != "meteor"))


def test_parts_that_a_cluster_scores_give_what_this_process_gives(joined, cluster, tmp_path):
    """CIDEr is measured in both looks; a node is killed in each of them."""
    data = load_dataset("shapes", "val", limit=N)
    answers = {
        sample.id: Prediction(sample.id, replace(sample.truth, caption=other.truth.caption))
        for k, sample in enumerate(data.samples)
        for other in [data.samples[k // 2 * 2]]
    }
    killed = []

    @contextmanager
    def bar(stage, total):
        del total
        yield partial(advance, stage)

    def advance(stage, count):
        if stage != "intervals" and stage not in killed:
            assert count == 3
            killed.append(stage)
            cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
            cluster.add_node(num_cpus=1)

    on = Division(3, folder=tmp_path, bar=bar, cluster=cluster_of(joined, None, None))
    ((there, bytes_), (here, expected)) = (
        documented(data, answers, division, tmp_path / "rows") for division in (on, Division(N))
    )
    assert killed == ["measure", "compare"]
    assert there == here
    assert bytes_ == expected
    assert 0 < json.loads(here)["scores"]["CIDEr"]["value"] < 10  # of answers that differ
    assert list(tmp_path.iterdir()) == [tmp_path / "rows"]


def documented(data, answers, division, file):
    """A result as JSON without seconds, and the bytes of its rows."""
    (result,) = score(data, answers, (PROTOCOL,), resampling=Resampling(50), division=division)
    document = result.to_json()
    del document["seconds"]
    tables.write(file, result.rows)
    return json.dumps(document), file.read_bytes()
