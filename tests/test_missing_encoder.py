"""A phrase encoder that is not on this machine, and encoders chosen protocol by protocol."""

import json

import pytest
from huggingface_hub import constants
from support.typed import answer, refused, write

from gcg_bench import Resampling, Run, load_dataset, load_result, score
from gcg_bench.errors import BadOption, MissingEncoder
from gcg_bench.pipeline.encoders import Encoders
from gcg_bench.text.encoders import load_encoder
from gcg_bench.types import Grounding, Phrase, Prediction

BERT = "google-bert/bert-base-uncased"
REASON = (
    f"its phrase encoder {BERT} is not on this machine; `hf download {BERT}` gets it, and"
    " --encoder official=ENCODER chooses another, e.g. official=minilm"
)
SENTENCE = f"official is not scored: {REASON}"


@pytest.fixture(autouse=True)
def _no_models(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def typed(run, world):
    """Types `score` for the predictions; the code, the documents by protocol, and stderr."""
    root, predictions = world

    def score_files(*more):
        code, out, err = run(
            "score", predictions, "--split", "val", "--data-root", root, "--draws", "0",
            "--json", *more,
        )  # fmt: skip
        documents = json.loads(out) if out else []
        return code, {one["protocol"]: one for one in documents}, " ".join(err.split())

    return score_files


def test_strict_is_scored_and_official_says_what_it_needs(typed):
    code, documents, err = typed()
    assert code == 0
    assert list(documents) == ["official", "strict"]
    assert documents["official"] == {
        "protocol": "official", "version": 1, "task": "gcg", "missing": REASON,
    }  # fmt: skip
    # the predictions are the references
    assert documents["strict"]["scores"]["gPQ"]["value"] == 1.0
    assert "missing" not in documents["strict"]
    assert err.count(SENTENCE) == 1
    alone = typed("--protocol", "strict")
    assert alone[1]["strict"]["signature"] == documents["strict"]["signature"]
    assert "official" not in alone[2]


def test_official_by_its_name_needs_its_encoder(run, world, typed):
    root, predictions = world
    command = ("score", predictions, "--split", "val", "--data-root", root)
    for asked in (
        ("--protocol", "official"),
        ("--protocol", "strict", "--protocol", "official"),
        ("--encoder", "bert-base-uncased"),
        ("--encoder", "official=bert-base-uncased"),
        ("--encoder", "bert-base-uncased", "--encoder", "strict=minilm"),
    ):
        refused(run(*command, *asked), f"hf download {BERT}", "--encoder minilm")
    # masks alone need no encoder
    code, documents, _ = typed("--protocol", "official", "--metrics", "miou")
    (document,) = documents.values()
    assert (code, document["scores"]["mIoU"]["value"]) == (0, 1.0)


def test_each_protocol_has_the_encoder_that_is_named_for_it(typed):
    code, documents, err = typed("--encoder", "official=minilm")
    assert (code, "not scored" in err) == (0, False)
    for document in documents.values():
        assert "|encoder:minilm@53aa5117|" in document["signature"]
    code, documents, _ = typed("--encoder", f"strict={BERT}", "--encoder", "minilm",
                               "--protocol", "official")  # fmt: skip
    assert code == 2  # no strict is scored that could have it


def test_choices_of_encoders():
    chosen = Encoders.parsed(["minilm", "official=./a=b"])
    assert (chosen.chosen("strict"), chosen.chosen("official")) == ("minilm", "./a=b")
    assert Encoders.parsed(chosen.texts) == chosen
    assert Encoders.parsed(["./a=b"]).chosen("official") == "./a=b"
    assert Encoders.of({"official": "x"}).chosen("strict") is None
    for wrong in (["a", "b"], ["official=a", "official=b"], ["official="], [""]):
        with pytest.raises(BadOption, match="--encoder"):
            Encoders.parsed(wrong)


def test_a_name_that_is_no_protocol_is_refused(run, world):
    root, predictions = world
    command = ("score", predictions, "--split", "val", "--data-root", root)
    refused(run(*command, "--encoder", "oficial=minilm"), "'oficial'", "did you mean 'official'")


def test_a_run_keeps_strict_and_gets_official_later(run, world, typed, tmp_path):
    code, _, _ = typed("--out", "r")
    folder = tmp_path / "r"
    assert code == 0
    assert Run.open(folder).protocols() == ("gcg.strict-2",)
    assert not list(folder.glob("gcg.official*"))
    strict = (folder / "gcg.strict-2" / "rows.parquet").read_bytes()
    root, _ = world
    again = ("score", "r", "--data-root", root, "--draws", "0", "--json")
    code, out, _ = run(*again, "--encoder", "official=minilm")
    assert code == 0
    assert Run.open(folder).protocols() == ("gcg.official-1", "gcg.strict-2")
    assert (folder / "gcg.strict-2" / "rows.parquet").read_bytes() == strict
    # without --encoder: that of the run's scores
    code, now, err = run(*again)
    assert code == 0
    signatures = [[one["signature"] for one in json.loads(text)] for text in (out, now)]
    assert signatures[0] == signatures[1]
    assert "official is scored with the phrase encoder minilm, as before" in " ".join(err.split())
    assert load_result(Run.open(folder), "gcg.official-1").encoder[0] == "minilm"
    refused(run(*again, "--encoder", "official=bert-base-uncased"), f"hf download {BERT}")


def test_the_encoder_that_a_run_names_is_not_followed_to_a_folder(run, world, typed, tmp_path):
    (tmp_path / "model").symlink_to(load_encoder("minilm").folder)
    code, documents, _ = typed("--out", "r", "--encoder", "official=./model")
    assert code == 0
    assert "|encoder:model@53aa5117|" in documents["official"]["signature"]
    again = ("score", "r", "--data-root", world[0], "--draws", "0", "--json")
    code, out, _ = run(*again)
    official, strict = json.loads(out)
    assert code == 0
    assert "scores" not in official
    assert "name its folder with --encoder official=FOLDER" in official["missing"]
    assert strict["scores"]["gPQ"]["value"] == 1.0
    code, out, _ = run(*again, "--encoder", "official=./model")
    assert [one["signature"] for one in json.loads(out)] == [
        documents["official"]["signature"], strict["signature"],
    ]  # fmt: skip


def test_evaluate_says_it_before_the_model_answers(run):
    code, out, err = run(
        "evaluate", "--model", "copy-truth", "--dataset", "shapes", "--split", "val",
        "--limit", "2", "--draws", "0", "--out", "r",
    )  # fmt: skip
    said = " ".join(err.split())
    assert code == 0
    assert "strict v2" in out
    assert "official v1" not in out
    assert said.index(SENTENCE) < said.index("run folder:")
    assert "report:" in said


def test_boards_and_comparisons_of_files(run, world):
    root, predictions = world
    (predictions / "sa_2.json").unlink()
    other = predictions.parent / "other"
    other.mkdir()
    for k in (1, 2):
        write(other / f"sa_{k}.json", answer())
    data = ("--split", "val", "--data-root", root)
    refused(run("compare", predictions, other, *data), "sa_2")
    code, out, err = run("compare", predictions, other, *data, "--missing", "empty", "--json")
    assert code == 0
    assert SENTENCE in " ".join(err.split())
    (compared,) = json.loads(out)["protocols"]
    assert compared["protocol"] == "strict"
    # one of two cats has no prediction: recall 1 of 2
    recall = compared["scores"]["Recall"]
    assert (recall["a"], recall["b"]) == (0.5, 1.0)
    code, out, _ = run(
        "leaderboard", predictions, other, *data, "--missing", "empty", "-o", "b.csv"
    )
    assert code == 0
    assert "official" not in out
    refused(run("leaderboard", predictions, *data, "-o", "c.csv"), "sa_2")
    refused(run("report", predictions, *data, "--missing", "none"), "--missing")


def test_python_warns_and_says_it_when_asked():
    data = load_dataset("shapes", "val", limit=2)
    predictions = [
        Prediction(sample.id, Grounding("A ring.", (Phrase("A ring", ()),)))
        for sample in data.samples
    ]
    none = Resampling(draws=0)
    with pytest.warns(UserWarning, match="official is not scored") as caught:
        evaluation = score(data, predictions, resampling=none)
    assert caught[0].filename == __file__
    assert [result.protocol.name for result in evaluation] == ["strict"]
    assert [missing.sentence for missing in evaluation.missing] == [SENTENCE]
    assert SENTENCE in repr(evaluation)
    assert "hf download" in evaluation._repr_html_()
    assert not any(name.startswith("official") for name in evaluation.values())
    with pytest.raises(MissingEncoder, match="hf download"):
        evaluation["official"]
    with pytest.raises(MissingEncoder):
        score(data, predictions, ["official"], resampling=none)
    both = score(data, predictions, encoder={"official": "minilm"}, resampling=none)
    assert [result.encoder[0] for result in both] == ["minilm", "minilm"]
