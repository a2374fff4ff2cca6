"""Names from files: which are valid for an image or a file, and which lead out of the folder."""

from pathlib import Path

import pytest

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files.images import ImageFinder
from gcg_bench.files.paths import (
    expanded,
    file_name_problem,
    has_control,
    is_plain,
    leads_out,
    links_outside,
    name_problem,
    too_long,
)
from gcg_bench.text.encoders import load_encoder

OUTSIDE = [
    "../x",
    "..",
    "a/../../b",
    "/etc/passwd",
    "~/x",
    "~root/x",
    "C:\\x",
    "C:/x",
    "c:x",
    "\\\\host\\share",
    "a\\..\\..\\b",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_leads_out(name: str) -> None:
    assert leads_out(name)
    assert name_problem(name) == file_name_problem(name) == "is a path that leads out of its folder"
    assert not is_plain(name)


@pytest.mark.parametrize(
    "name", ["a", "sa_1", "train2017/0001.jpg", "a..b", "...", "Bär 1", "#2", "a:b/c", "x" * 255]
)
def test_what_stays_inside(name: str) -> None:
    assert not leads_out(name) or name == "a:b/c"  # a drive on Windows
    assert name_problem(name) is None or name == "a:b/c"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is empty"),
        (" \t", "is empty"),
        ("a\0b", "control character"),
        ("a\nb", "control character"),
        ("a\x1b[31m", "control character"),
        ("a\x7f", "control character"),
        ("a\x9b", "control character"),
        ("a\ud800", "control character"),
        ("x" * 1001, "longer than 1000"),
    ],
)
def test_what_names_nothing(name: str, why: str) -> None:
    assert why in str(name_problem(name))


def test_a_part_of_a_path_is_no_longer_than_file_systems_hold() -> None:
    assert file_name_problem("x" * 255) is None
    assert "more than 255 bytes" in str(file_name_problem("x" * 256))
    assert "more than 255 bytes" in str(file_name_problem("a/" + "ü" * 128 + "/b"))
    assert name_problem("x" * 256) is None  # an id may be longer than a file name
    assert too_long("a/" * 2001)
    assert not too_long("a/" * 1000)


@pytest.mark.parametrize("name", ["a/b", "a\\b", ".hidden", "", "a\nb", "a|b", "a:b", "con?"])
def test_what_cannot_be_part_of_a_files_name(name: str) -> None:
    assert not is_plain(name)


@pytest.mark.parametrize("name", ["val", "test-2", "Bär", "a.b", "v 1"])
def test_what_can(name: str) -> None:
    assert is_plain(name)


def test_letters_are_no_control_characters() -> None:
    assert not has_control("äöü 漢字 🙂 \u2028")


def test_a_home_that_nobody_has_is_a_folder_that_is_not_there() -> None:
    assert expanded("~").is_absolute()
    assert expanded("~nobody-of-that-name/x") == Path.cwd() / "~nobody-of-that-name/x"
    with pytest.raises(MissingData, match="no such folder"):
        load_encoder("~nobody-of-that-name/x")


def test_links_that_stray(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "outside").write_text("x")
    (home / "a").write_text("x")
    (home / "inside").symlink_to("a")
    (home / "out").symlink_to("../outside")
    (home / "absolute").symlink_to(tmp_path / "outside")
    (home / "broken").symlink_to("../nothing")
    (home / "twice").symlink_to("out")
    found = {name for name in ("a", "inside", "out", "absolute", "broken", "twice", "none")
             if links_outside(home / name, home)}  # fmt: skip
    assert found == {"out", "absolute", "broken", "twice"}
    (tmp_path / "linked").symlink_to(home)
    assert not links_outside(tmp_path / "linked" / "a", tmp_path / "linked")


@pytest.mark.parametrize("name", [*OUTSIDE, "a\0.png", "x" * 300])
@pytest.mark.parametrize("present", [0, 1, 2])
def test_no_image_is_looked_for_outside_of_its_folders(
    tmp_path: Path, name: str, present: int
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders[:present]:
        folder.mkdir()
    with pytest.raises(BadData, match="Give the path of the image relative to the card's"):
        ImageFinder(folders).path(name)
