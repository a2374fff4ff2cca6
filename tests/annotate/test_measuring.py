"""`annotate measure` and `status` of an annotation that is not finished."""

import pytest

from gcg_bench.annotate import sources
from gcg_bench.annotate.continuing import command_of
from gcg_bench.annotate.folder import AnnotationFolder, create_or_resume
from gcg_bench.annotate.recipe_changes import with_settings
from gcg_bench.annotate.recipes import load_recipe
from gcg_bench.annotate.running import annotate
from gcg_bench.data import load_dataset
from gcg_bench.runs.shards import Shard

COMMAND = "gcg-bench annotate --dataset shapes --split val --limit 2 -o out"


@pytest.fixture
def source():
    return sources.of_dataset(load_dataset("shapes", "val", limit=2))


def test_what_is_not_annotated_yet_is_said_with_the_command(run, source, tmp_path):
    recipe = with_settings(load_recipe("embedded"), ())
    create_or_resume(tmp_path / "out", source, recipe)
    code, _, err = run("annotate", "measure", "out")
    assert code == 2
    rest = "2 of 2 images are not annotated yet. Continue with the same command: "
    assert f"out: no image is annotated; {rest}{COMMAND}\n" in err
    code, out, _ = run("annotate", "status", "out")
    assert (code, f"{rest}{COMMAND}\n" in out) == (0, True)
    annotate(source, recipe, tmp_path / "out", shard=Shard(2, 1), message=lambda _: None)
    code, out, err = run("annotate", "measure", "out")
    assert code == 0
    assert "measured on 1 images: 1 of 2 images are not annotated yet." in err
    assert COMMAND in " ".join(err.split())
    annotate(source, recipe, tmp_path / "out", message=lambda _: None)
    assert run("annotate", "measure", "out")[2] == ""
    assert "not annotated yet" not in run("annotate", "status", "out")[1]


def test_the_command_names_what_it_can(source, tmp_path):
    changed = with_settings(load_recipe("embedded"), ("blobs.least=9",))
    folder = create_or_resume(tmp_path / "a", source, changed)
    assert command_of(folder).endswith(" --recipe RECIPE")
    folder = create_or_resume(tmp_path / "b c", source, load_recipe("dino-sam"))
    assert command_of(folder).endswith(f" -o '{tmp_path}/b c' --recipe dino-sam")
    assert isinstance(folder, AnnotationFolder)
