"""Fetching with a hub that is made up: what lands where, what is kept, what is said."""

import dataclasses
from pathlib import Path

import pytest
from support.tiny import copy

from gcg_bench.data import load_dataset
from gcg_bench.data.cards import Hub, load_card
from gcg_bench.data.download import fetch, from_hub
from gcg_bench.errors import BadOption, EnvironmentProblem


class FakeHub:
    """A hub that carries the tiny benchmark."""

    def __init__(self, folder: Path) -> None:
        self.folder = copy("grandf", folder) / "GranDf" / "annotations"
        self.asked: list[tuple[str, str]] = []

    def __call__(self, repo: str, name: str) -> Path:
        self.asked.append((repo, name))
        return self.folder / name


def test_what_is_fetched_can_be_loaded(tmp_path: Path) -> None:
    hub, root = FakeHub(tmp_path / "hub"), tmp_path / "root"
    done = fetch(load_card("grandf"), root, download=hub)
    assert {repo for repo, _ in hub.asked} == {"MBZUAI/GranD-f"}
    assert sorted(name for _, name in hub.asked) == [
        f"val_test/{split}_gcg_coco_{which}_gt.json"
        for split in ("test", "val")
        for which in ("caption", "mask")
    ]
    assert len(done.new) == 4
    assert done.kept == ()
    assert len(load_dataset("grandf", "val", root).samples) == 3
    assert len(load_dataset("grandf", "test", root).samples) == 2


def test_what_must_be_fetched_by_hand_is_said(tmp_path: Path) -> None:
    done = fetch(load_card("grandf"), tmp_path, download=FakeHub(tmp_path / "hub"))
    (images,) = done.by_hand
    assert images.url.startswith("https://")
    assert images.put == "GranDf_HA_images"


def test_files_that_are_there_are_kept_as_they_are(tmp_path: Path) -> None:
    hub, root = FakeHub(tmp_path / "hub"), tmp_path / "root"
    mine = root / "GranDf/annotations/val_test/val_gcg_coco_mask_gt.json"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    done = fetch(load_card("grandf"), root, download=hub)
    assert done.kept == (mine,)
    assert len(done.new) == len(hub.asked) == 3
    assert mine.read_text() == "mine"


def test_a_download_that_breaks_leaves_no_half_file(tmp_path: Path) -> None:
    def broken(repo: str, name: str) -> Path:
        raise EnvironmentProblem(f"cannot download {name} of {repo}")

    with pytest.raises(EnvironmentProblem, match="cannot download val_test/val_gcg_coco_mask_gt"):
        fetch(load_card("grandf"), tmp_path, download=broken)
    assert list(tmp_path.rglob("*.json*")) == []


def test_a_root_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "GranDf").write_text("a file where a folder should be")
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        fetch(load_card("grandf"), tmp_path, download=FakeHub(tmp_path / "hub"))


@pytest.mark.parametrize("place", ["../x.json", "/tmp/x.json", "a/../../x.json"])
def test_a_card_cannot_write_outside_the_root(tmp_path: Path, place: str) -> None:
    card = dataclasses.replace(load_card("grandf"), hub=Hub("a/b", {"x.json": place}))
    with pytest.raises(BadOption, match="outside the data root"):
        fetch(card, tmp_path, download=FakeHub(tmp_path / "hub"))


def test_data_that_nothing_carries_is_left_alone(tmp_path: Path) -> None:
    done = fetch(load_card("shapes"), tmp_path, download=FakeHub(tmp_path / "hub"))
    assert (done.new, done.kept, done.by_hand) == ((), (), ())


def test_without_a_network_one_message_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def offline(repo: str, name: str, **given: object) -> str:
        assert given == {"repo_type": "dataset"}
        raise LocalEntryNotFoundError("a long story\nover several lines")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", offline)
    with pytest.raises(EnvironmentProblem) as caught:
        from_hub("MBZUAI/GranD-f", "val_test/a.json")
    message = str(caught.value)
    assert "cannot download val_test/a.json of https://huggingface.co/datasets/MBZUAI/GranD-f" in (
        message
    )
    assert "no connection to the hub" in message
    assert "\n" not in message


@pytest.mark.parametrize("kind", ["its HTTP library", "the system", "a bad name"])
def test_other_failures_of_the_hub_are_one_message_too(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    errors = {
        "its HTTP library": HfHubHTTPError.__bases__[0],
        "the system": ConnectionResetError,
        "a bad name": HFValidationError,
    }

    def failing(repo: str, name: str, **given: object) -> str:
        raise errors[kind]("reset by peer")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", failing)
    with pytest.raises(EnvironmentProblem, match="reset by peer"):
        from_hub("a/b", "c.json")
