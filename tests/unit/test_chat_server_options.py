"""Models on servers, against a real HTTP server on loopback: options, addresses, several models."""

import base64
import json

import pytest
from support.chat import Answer, listing, serving
from support.chat_models import (
    DOGS,
    always,
    only,
    query,
    recorded_waits,
    saying,
    without_key,
)

from gcg_bench.errors import BadOption, EnvironmentProblem, UnknownName
from gcg_bench.execution.models import code_of, describe_model, load_model
from gcg_bench.files.paths import private_name
from gcg_bench.grounding.addresses import location


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    without_key(monkeypatch)


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Waits are recorded, not waited for."""
    return recorded_waits(monkeypatch)


# Settings --------------------------------------------------------------------------------------


def test_the_settings_name_all_that_decides_an_answer():
    with serving(models=listing("/data/models/Qwen2.5-VL-7B")) as server:
        model = load_model(server.url, max_pixels=50_000)
    assert model.settings == {
        "checkpoint": "Qwen2.5-VL-7B",
        "server": "vllm",
        "coordinates": "resized",
        "dialect": "qwen",
        "form": "schema",
        "max_new_tokens": 1024,
        "decoding": "greedy",
        "max_pixels": 50_000,
        "multiple": 28,
        "resample": "bicubic",
        "json_repair": model.settings["json_repair"],
        "masks": "boxes",
    }


def test_user_and_password_are_sent_and_never_shown(monkeypatch):
    with serving(answers=saying(DOGS)) as server:
        secret = server.url.replace("//", "//me:pass@word@")
        model = load_model(secret)
        (prediction,) = model.answer([query()])
        assert prediction.error is None
        sent = base64.b64decode(server.headers[-1]["authorization"].removeprefix("Basic "))
    assert sent == b"me:pass@word"
    assert "pass" not in json.dumps(model.settings)
    assert private_name(secret) == server.url
    # the server is gone
    with pytest.raises(EnvironmentProblem) as error:
        load_model(secret, retries=0)
    assert "pass" not in str(error.value)
    assert server.url in str(error.value)


@pytest.mark.parametrize(
    "address",
    ["http://", "http://:80", "http://h:port", "http://u:pa/ss@h:1", "http://h:99999",
     "http://h/v1?key=pass", "http://h/#pass", "https://[::1", "http://h:1/../\x00"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_being_quoted(address):
    with pytest.raises((BadOption, EnvironmentProblem)) as error:
        load_model(address, retries=0, request_timeout=1)
    assert "pass" not in str(error.value)
    assert "pa/ss" not in str(error.value)


def test_addresses():
    assert location("http://localhost:8000").url == "http://localhost:8000/v1"
    assert location("https://a.b/").url == "https://a.b/v1"
    assert location("http://a/openai/v2/").url == "http://a/openai/v2"
    assert location("http://[::1]:80").url == "http://[::1]:80/v1"
    assert private_name("https://u:p@a.b/v1?key=1#x") == "https://a.b/v1"
    assert code_of("http://localhost:8000") == {}
    assert describe_model("http://localhost:8000").name == "chat-server"


def test_the_key_is_sent_and_never_shown(monkeypatch):
    monkeypatch.setenv("MY_KEY", "xyz-very-secret")
    refusal = Answer({"error": {"message": "wrong key xyz-very-secret, sk-abcdefghij"}}, 401)
    with serving(answers=saying(DOGS)) as server:
        model = load_model(server.url, api_key_env="MY_KEY")
        assert {h["authorization"] for h in server.headers} == {"Bearer xyz-very-secret"}
        assert "secret" not in json.dumps(model.settings)
        server.answers = lambda _: refusal
        (prediction,) = model.answer([query()])
        assert prediction.error.endswith("status 401: wrong key ***, ***")
        server.models = refusal
        with pytest.raises(EnvironmentProblem, match=r"\$MY_KEY") as error:
            load_model(server.url, api_key_env="MY_KEY")
        assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("coordinates", "pixel", "pixels"),
        ("dialect", "kwen", "qwen"),
        ("form", "xml", "dialect"),
        ("concurrency", 0, "from 1 to 256"),
        ("concurrency", "many", "from 1 to 256"),
        ("max_pixels", 100, "4096 or more"),
        ("request_timeout", "nan", "request_timeout"),
        ("retries", -1, "retries"),
        ("served", "Qwen/Qwen3-VL-8B", "Qwen3-VL-8B-Instruct"),
    ],
)
def test_a_wrong_option_is_refused(option, value, words):
    with serving() as server, pytest.raises((BadOption, UnknownName), match=words):
        load_model(server.url, **{option: value})


def test_options_from_the_command_line_are_texts():
    with serving() as server:
        model = load_model(
            server.url, concurrency="2", max_pixels="50000", request_timeout="1.5", retries="1"
        )
    assert model.settings["max_pixels"] == 50_000


# Models of the server --------------------------------------------------------------------------


def test_one_of_several_models_has_to_be_named():
    with serving(models=listing("a/qwen3-vl", "b/internvl3")) as server:
        with pytest.raises(BadOption, match="2 models: a/qwen3-vl, b/internvl3"):
            load_model(server.url)
        assert load_model(server.url, served="b/internvl3").settings["dialect"] == "internvl"


@pytest.mark.parametrize("models", [Answer({}, 404), Answer({"data": []}), Answer({"data": "x"})])
def test_a_server_without_a_list_needs_the_name(models):
    with serving(models=models, answers=saying(DOGS)) as server:
        with pytest.raises(BadOption, match="--model-arg served=NAME"):
            load_model(server.url)
        model = load_model(server.url, served="qwen3-vl-8b")
        (prediction,) = model.answer([query()])
        assert prediction.error is None
        assert server.asked[0]["model"] == "qwen3-vl-8b"


def test_a_newer_server_gets_the_newer_field():
    def trial(body):
        if "max_tokens" in body:
            return Answer({"error": {"message": "use max_completion_tokens"}}, 400)
        return Answer()

    with serving(trial=trial, answers=saying(DOGS)) as server:
        only(server, max_new_tokens=77)
        assert server.asked[0]["max_completion_tokens"] == 77
        assert "response_format" in server.asked[0]


def test_a_server_that_answers_no_question_is_refused():
    broken = always({"detail": "no such model"}, status=400)
    with serving(trial=broken) as server, pytest.raises(EnvironmentProblem, match="no such model"):
        load_model(server.url)
