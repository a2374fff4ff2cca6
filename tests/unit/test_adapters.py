"""Each baseline gives its documented answer; models are found under every kind of name."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gcg_bench.adapters import Oracle
from gcg_bench.adapters.predictions_file import PredictionFile
from gcg_bench.errors import BadData, BadMask, BadOption, MissingData, UnknownName
from gcg_bench.execution.models import describe_models, load_model
from gcg_bench.masks import area, decode, encode, from_box
from gcg_bench.types import Grounding, Mask, Model, Phrase, Picture, Prediction, Query, Sample


def query(id_: str = "a", height: int = 4, width: int = 8) -> Query:
    return Query(id_, Picture(height, width, lambda: np.zeros((height, width, 3), np.uint8)))


def sample(id_: str, caption: str, *masks: Mask, height: int = 4, width: int = 8) -> Sample:
    phrases = tuple(Phrase(f"{id_}{k}", (mask,), span=(0, 1)) for k, mask in enumerate(masks))
    return Sample(query(id_, height, width), Grounding(caption, phrases), (caption,))


def only(model: Model, asked: Query) -> Prediction:
    (found,) = model.answer([asked])
    return found


# --- baselines -------------------------------------------------------------------------------


def test_silent() -> None:
    assert only(load_model("silent"), query()) == Prediction("a", Grounding(""))


def test_whole_image() -> None:
    found = only(load_model("whole-image"), query()).grounding
    assert found.caption == "An image."
    (phrase,) = found.phrases
    assert phrase.text == "the image"
    assert decode(phrase.masks[0]).all()


@pytest.mark.parametrize(("height", "width"), [(4, 8), (480, 640), (2, 2), (1440, 1920)])
def test_centre_box_covers_a_quarter(height: int, width: int) -> None:
    found = only(load_model("centre-box"), query("a", height, width)).grounding
    (phrase,) = found.phrases
    assert found.caption[slice(*phrase.span)] == phrase.text
    assert area(phrase.masks) == [height * width / 4]


def test_centre_box_is_in_the_centre() -> None:
    (mask,) = only(load_model("centre-box"), query("a", 4, 8)).grounding.phrases[0].masks
    wanted = np.zeros((4, 8), bool)
    wanted[1:3, 2:6] = True
    assert (decode(mask) == wanted).all()


# --- oracles ---------------------------------------------------------------------------------


def studied(name: str, samples: list[Sample], **given: object) -> Model:
    model = load_model(name, **given)
    assert isinstance(model, Oracle)
    model.study(samples)
    return model


def test_copy_truth_repeats_but_has_no_crowds() -> None:
    mask = from_box((0, 0, 2, 2), 4, 8)
    truth = Grounding("a cat", (Phrase("a cat", (mask,), span=(0, 5), crowd=True),))
    model = studied("copy-truth", [Sample(query("a"), truth, ("a cat",))])
    plain = Grounding("a cat", (Phrase("a cat", (mask,), span=(0, 5)),))
    assert only(model, query("a")) == Prediction("a", plain)
    assert only(model, query("b")).error == "no reference to copy"


def test_shuffled_truth_gives_everybody_anothers() -> None:
    samples = [sample(str(k), f"caption {k}") for k in range(20)]
    model = studied("shuffled-truth", samples, seed=1)
    lent = [answer.grounding.caption for answer in model.answer(s.query for s in samples)]
    assert sorted(lent) == sorted(s.truth.caption for s in samples)
    assert all(caption != s.truth.caption for caption, s in zip(lent, samples, strict=True))
    other = studied("shuffled-truth", samples, seed=2)
    assert lent != [answer.grounding.caption for answer in other.answer(s.query for s in samples)]
    assert only(model, query("unknown")).error == "no reference to use"
    with pytest.raises(BadOption, match="at least two images"):
        studied("shuffled-truth", samples[:1])


def test_shuffled_truth_fits_masks_to_the_image() -> None:
    small = sample("a", "a", encode([[1, 0], [0, 0]]), height=2, width=2)
    large = sample("b", "b", height=4, width=8)
    found = only(studied("shuffled-truth", [small, large]), large.query)
    wanted = np.zeros((4, 8), bool)
    wanted[:2, :4] = True  # the upper left quarter
    assert (decode(found.grounding.phrases[0].masks[0]) == wanted).all()


def test_frequent_caption_gives_the_most_frequent() -> None:
    mask = from_box((0, 0, 2, 2), 4, 8)
    samples = [sample("c", "rare"), sample("b", "common", mask), sample("d", "common")]
    model = studied("frequent-caption", samples)
    for asked in (query("a"), query("z")):
        assert only(model, asked) == Prediction(asked.id, samples[1].truth)
    with pytest.raises(BadOption, match="at least one image"):
        studied("frequent-caption", [])


def test_frequent_caption_counts_every_reference() -> None:
    mask = from_box((0, 0, 2, 2), 4, 8)
    samples = [
        Sample(query(k), Grounding(k, (Phrase(k, (mask,), span=(0, 1)),)), (k, "all say"))
        for k in "ab"
    ]
    found = only(studied("frequent-caption", samples), query())
    assert found.grounding == Grounding("all say", (Phrase("a", (mask,)),))


def test_frequent_caption_of_unique_captions_is_the_first_images() -> None:
    samples = [sample("b", "second"), sample("a", "first")]
    assert only(studied("frequent-caption", samples), query()).grounding.caption == "first"


# --- prediction files ------------------------------------------------------------------------


def written(path: Path, **masks: object) -> Path:
    path.mkdir()
    for name, mask in masks.items():
        record = {"caption": name, "phrases": ["x"], "pred_masks": [mask]}
        (path / f"{name}.json").write_text(json.dumps(record))
    return path


FULL = {"size": [4, 8], "counts": [0, 32]}
TALL = {"size": [8, 4], "counts": [0, 32]}


def test_prediction_files_answer_by_id(tmp_path: Path) -> None:
    folder = written(tmp_path / "p", a=FULL, b=FULL)
    model = load_model(f"predictions:{folder}")
    assert isinstance(model, PredictionFile)
    assert model.missing(["b", "x", "a"]) == ["x"]
    assert model.unknown_ids(["b", "x"]) == ["a"]
    for prepared in (False, True):
        if prepared:
            model.prepare([query("b"), query("x")], missing="empty", limited=True)
        found = list(model.answer([query("b"), query("x")]))
        assert [one.id for one in found] == ["b", "x"]
        assert found[0].grounding.caption == "b"
        assert area(found[0].grounding.phrases[0].masks) == [32]
        assert found[1].error == f"no prediction in {folder}"


def test_prediction_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "p", a=FULL, b=TALL)
    model = PredictionFile(folder)
    with pytest.raises(MissingData, match=r"no prediction for 1 of 3 images: 'c'\. .*--missing"):
        model.prepare([query("a"), query("b", 8, 4), query("c")])
    with pytest.raises(
        BadData, match=r"1 predictions are for images that are not in the split: 'b'"
    ):
        model.prepare([query("a")])
    with pytest.raises(BadMask, match=r"b\.json: image b: phrase 0: pred_masks\[0\]\.size"):
        model.prepare([query("a"), query("b")])
    with pytest.raises(BadMask, match=r"b\.json: image b"):
        list(model.answer([query("b")]))
    model.prepare([query("a"), query("b", 8, 4)])


def test_many_missing_are_counted_and_the_first_ten_named(tmp_path: Path) -> None:
    model = PredictionFile(written(tmp_path / "p", a=FULL))
    with pytest.raises(MissingData, match=r"23 of 24 images: '0', .*, '9', \.\.\."):
        model.prepare([query("a"), *(query(str(k)) for k in range(23))])


def test_polygons_wait_for_the_size_of_their_image(tmp_path: Path) -> None:
    square = [[0, 0, 8, 0, 8, 4, 0, 4]]
    model = load_model(f"predictions:{written(tmp_path / 'p', a=square)}")
    assert area(only(model, query("a")).grounding.phrases[0].masks) == [32]


def test_settings_change_with_the_content(tmp_path: Path) -> None:
    folder = written(tmp_path / "p", a=FULL)
    before = PredictionFile(folder).settings
    assert PredictionFile(folder).settings == before
    (folder / "a.json").write_text((folder / "a.json").read_text() + "\n")
    assert PredictionFile(folder).settings != before


# --- names -----------------------------------------------------------------------------------

USERS = '''
from __future__ import annotations
from dataclasses import dataclass
from gcg_bench.types import Prediction

@dataclass
class Echo:
    """A model from a user's file."""
    checkpoint: str | None = None
    seed: int = 7

    def answer(self, queries):
        return (Prediction(query.id, error=f"{self.checkpoint} {self.seed}") for query in queries)

made = Echo("made")

def load(device, length=1, **more):
    return Echo(f"{device} {length} {sorted(more)}")

def needy(checkpoint, weights):
    return Echo()

def trained(checkpoint):
    return Echo(checkpoint)

def wrong():
    return 5

number = 5
'''


@pytest.fixture
def users(tmp_path: Path, monkeypatch) -> Path:
    file = tmp_path / "users_model.py"
    file.write_text(USERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return file


def said(spec: object, **given: object) -> str | None:
    return only(load_model(spec, **given), query()).error


@pytest.mark.usefixtures("users")
def test_models_of_users() -> None:
    everything = "cpu 1 ['batch_size', 'seed', 'workers'] 7"
    assert said("./users_model.py", device="cpu") == everything
    assert said("users_model.py", device="cpu", max_new_tokens=None) == everything
    assert said("users_model.py", device="cpu", length=None).startswith("cpu None")
    assert said("./users_model.py:load", device="cpu", length=3).startswith("cpu 3")
    assert said("./users_model.py:Echo", seed=5) == "None 5"
    assert said("users_model:Echo", seed=5) == "None 5"
    assert said("users_model:made", seed=5) == "made 7"


def test_models_that_are_there_already(users: Path) -> None:
    del users
    import users_model

    assert said(users_model.made) == "made 7"
    assert said(users_model.Echo, checkpoint="c") == "c 0"
    assert said(lambda: users_model.made) == "made 7"


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize(
    ("spec", "given", "error", "message"),
    [
        ("sillent", {}, UnknownName, r"no model named 'sillent'; did you mean 'silent'\?"),
        ("glam:x/y", {}, UnknownName, r"no model named 'glam'.*predictions:PATH"),
        ("prediction", {}, UnknownName, r"did you mean 'predictions'"),
        ("", {}, UnknownName, r"no model named ''"),
        ("silent:x", {}, BadOption, r"model silent takes no checkpoint"),
        ("silent", {"max_new_tokens": 5}, BadOption, r"silent takes no max_new_tokens"),
        ("predictions", {}, BadOption, r"predictions:PATH"),
        ("predictions:", {}, BadOption, r"predictions:PATH"),
        ("predictions:absent:file", {}, MissingData, r"absent:file: no such file"),
        ("./absent.py", {}, MissingData, r"absent\.py: no such file"),
        ("./users_model.py:Ecko", {}, UnknownName, r"did you mean 'Echo'"),
        ("users_model:Ecko", {}, UnknownName, r"did you mean 'Echo'"),
        ("no.such.module:X", {}, MissingData, r"cannot import no\.such\.module"),
        ("users_model:needy", {}, BadOption, r"without checkpoint, weights"),
        ("users_model:trained", {}, BadOption, r"needs a checkpoint: --model"),
        ("builtins:int", {}, BadOption, r"a model cannot be built"),
        ("users_model:wrong", {}, BadOption, r"no method answer\(queries\)"),
        ("users_model:number", {}, BadOption, r"not a model: 5"),
        ("users_model:made", {"x": 1}, BadOption, r"takes no x"),
        (5, {}, BadOption, r"not a model: 5"),
    ],
)
def test_names_that_are_no_model(spec, given, error, message) -> None:
    with pytest.raises(error, match=message):
        load_model(spec, **given)


def test_plug_ins_of_other_packages(tmp_path: Path, users: Path, monkeypatch) -> None:
    del users
    info = tmp_path / "echo_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gcg_bench.adapters]\necho = users_model:Echo\n")
    assert said("echo:some/path") == "some/path 0"
    (theirs,) = [one for one in describe_models() if one.name == "echo"]
    assert (theirs.needs.note, theirs.origin) == ("users_model:Echo", "echo-plugin")
    with pytest.raises(UnknownName, match="did you mean 'echo'"):
        load_model("ecco")


def test_listing_models_loads_nothing_heavy() -> None:
    code = (
        "import sys; from gcg_bench.execution.models import describe_models; describe_models();"
        "heavy = {'torch', 'transformers', 'scipy', 'pandas', 'datasets', 'pyarrow'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
