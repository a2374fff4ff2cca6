"""--model-arg: texts become typed values, values become settings, and models get them."""

import json

import pytest

from gcg_bench.errors import BadOption
from gcg_bench.pipeline.arguments import as_settings, parsed
from gcg_bench.scoring.signature import answered_by


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-7", -7),
        ("+7", 7),
        ("007", 7),
        (" 3 ", 3),
        ("3.0", 3.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-3", 0.001),
        ("-2.5E2", -250.0),
        ("true", True),
        ("False", False),
        ("NONE", None),
        ("null", "null"),
        ("yes", "yes"),
        ("", ""),
        ("a b", "a b"),
        (" a", " a"),
        ("a=b=c", "a=b=c"),
        ("'3'", "3"),
        ('"true"', "true"),
        ("''", ""),
        ("'", "'"),
        ("'a\"", "'a\""),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("1.2.3", "1.2.3"),
        ("\u0663", "\u0663"),
        ("3 4", "3 4"),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_a_value_has_the_type_that_it_is_written_in(text, value):
    given = parsed([f"key={text}"])
    assert given == {"key": value}
    assert type(given["key"]) is type(value)


def test_arguments_keep_their_order():
    assert list(parsed(["b=1", "a=2", " c =3"])) == ["b", "a", "c"]
    assert parsed([]) == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["share"], r"--model-arg share: give KEY=VALUE"),
        (["=3"], r"--model-arg =3: the key is empty"),
        (["  =3"], r"the key is empty"),
        (["a-b=3"], r"no name of a parameter; it has letters"),
        (["1a=3"], r"begins with no digit"),
        (["a=1", "b=2", "a=1"], r"--model-arg a=1: a is given twice"),
        (["device=cpu"], r"there is an option for device: --device"),
        (["seed=1"], r"there is an option for seed: --seed"),
        (["checkpoint=x"], r"for checkpoint: --model NAME:CHECKPOINT"),
        (["batch_size=1"], r"for batch_size: --batch-size"),
        (["workers=1"], r"for workers: --workers"),
        (["max_new_tokens=1"], r"for max_new_tokens: --max-new-tokens"),
        (["a=1e999"], r"the number is too large; in quotes"),
        (["a=\udcff"], r"not valid UTF-8"),
    ],
)
def test_what_is_no_argument_is_refused(arguments, message):
    with pytest.raises(BadOption, match=message):
        parsed(arguments)


def test_a_long_argument_is_shortened_in_the_message():
    with pytest.raises(BadOption) as raised:
        parsed(["a" * 10_000])
    assert len(str(raised.value)) < 150


def test_settings_hold_the_values_and_no_path():
    class Thing:
        pass

    given = {
        "share": 0.5,
        "count": 3,
        "wide": True,
        "none": None,
        "text": "3",
        "weights": "/home/anna/ckpt/last.pt",
        "odd": float("nan"),
        "thing": Thing(),
    }
    settings = as_settings(given)["arguments"]
    kind = settings.pop("thing")
    assert settings == {
        "share": 0.5,
        "count": 3,
        "wide": True,
        "none": None,
        "text": "3",
        "weights": "last.pt",
        "odd": "nan",
    }
    assert kind.startswith("an object of type ")
    assert kind.endswith("Thing")
    assert "0x" not in kind  # no address: another process has the same setting
    assert as_settings({}) == {}


def test_a_signature_tells_text_from_number_and_the_models_own_setting():
    settings = {
        "prompt": "",
        "arguments": {"share": 3, "word": "3", "wide": True},
        "decoding": {"share": 4, "argument_share": 5, "note": "a|b"},
    }
    assert answered_by(settings) == {
        "prompt": "none",
        "argument_share": "3",
        "argument_wide": "true",
        "argument_word": '"3"',
        "model_argument_share": "5",
        "note": "a%7Cb",
        "share": "4",
    }
    hostile = {"prompt": "", "arguments": {"a|b:c": "x|by:me\r\n"}}
    (field,) = set(answered_by(hostile)) - {"prompt"}
    assert field == "argument_a%7Cb%3Ac"
    assert answered_by(hostile)[field] == json.dumps("x|by:me\r\n").replace("|", "%7C")


def test_secrets_are_not_recorded():
    given = {
        "api_key": "sk-1234",
        "KEY": "sk-1234",
        "hf_token": "hf_1234",
        "password": "1234",
        "token": "",
        "max_token": 12,
        "keys": "a,b",
        "keyword": "dog",
        "api_key_env": "MY_KEY",
    }
    assert as_settings(given)["arguments"] == {
        "api_key": "hidden",
        "KEY": "hidden",
        "hf_token": "hidden",
        "password": "hidden",
        "token": "",
        "max_token": 12,
        "keys": "a,b",
        "keyword": "dog",
        "api_key_env": "MY_KEY",
    }
