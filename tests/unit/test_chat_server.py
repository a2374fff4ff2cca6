"""Models on servers, against a real HTTP server on loopback: answers, options, faults."""

import base64
import json
import time
from collections import Counter
from threading import Barrier, BrokenBarrierError, Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import small_detectors
from support.chat import Answer, listing, reply, serving

from gcg_bench.errors import BadOption, EnvironmentProblem, UnknownName
from gcg_bench.execution.models import code_of, describe_model, load_model
from gcg_bench.files.paths import private_name
from gcg_bench.grounding import chat_server
from gcg_bench.grounding.addresses import location
from gcg_bench.grounding.chat_server import ChatServer
from gcg_bench.grounding.sending import sent_size
from gcg_bench.masks import decode
from gcg_bench.types import Picture, Query

HEIGHT, WIDTH = 60, 100
PIXELS = np.full((HEIGHT, WIDTH, 3), 7, np.uint8)
DOGS = {
    "caption": "Two dogs on the grass.",
    "phrases": [
        {"text": "Two dogs", "boxes": [[0, 0, 500, 500], [500, 500, 1000, 1000]]},
        {"text": "the grass", "boxes": []},
    ],
}
FAST = {"retries": 3, "request_timeout": 20}


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Waits are recorded, not waited for."""
    waits = []
    monkeypatch.setattr(chat_server, "sleep", waits.append)
    return waits


def query(number=0, **more):
    picture = Picture(HEIGHT, WIDTH, lambda: PIXELS)
    return Query(f"image {number}", picture, **{"task": "gcg", **more})


def answered(server, *queries, **options):
    """The predictions for queries, by id."""
    model = load_model(server.url, **{**FAST, **options})
    queries = queries or (query(),)
    predictions = list(model.answer(queries))
    assert Counter(p.id for p in predictions) == Counter(q.id for q in queries)
    return {prediction.id: prediction for prediction in predictions}


def only(server, *queries, **options):
    (prediction,) = answered(server, *queries, **options).values()
    return prediction


def always(body, **more):
    return lambda _: Answer(body, **more)


def saying(text, reason="stop"):
    text = text if isinstance(text, str) else json.dumps(text)
    return always(reply(text, reason))


def pixels_of(mask):
    return decode(mask).astype(bool)


# Answers ---------------------------------------------------------------------------------------


def test_a_grounded_caption_becomes_phrases_with_boxes_as_masks():
    with serving(answers=saying(DOGS)) as server:
        prediction = only(server)
    assert prediction.error is None
    assert prediction.grounding.caption == "Two dogs on the grass."
    dogs, grass = prediction.grounding.phrases
    assert (dogs.text, dogs.span, dogs.score) == ("Two dogs", (0, 8), None)
    assert (grass.text, grass.span, grass.masks) == ("the grass", (12, 21), ())
    first, second = map(pixels_of, dogs.masks)
    wanted = np.zeros((HEIGHT, WIDTH), bool)
    wanted[:30, :50] = True
    assert (first == wanted).all()
    assert (second == wanted[::-1, ::-1]).all()
    assert json.loads(prediction.raw) == DOGS
    assert prediction.seconds > 0


def test_what_is_asked():
    with serving(answers=saying(DOGS)) as server:
        only(server, seed=5, max_new_tokens=99)
        (body,) = server.asked
        assert (body["model"], body["temperature"], body["seed"]) == (
            "Qwen/Qwen3-VL-8B-Instruct", 0, 5,
        )  # fmt: skip
        assert body["max_tokens"] == 99
        schema = body["response_format"]["json_schema"]["schema"]
        assert set(schema["properties"]) == {"caption", "phrases"}
        (text,) = server.texts
        assert "from 0 to 1000" in text
        assert "exactly as it stands in the description" in text


TASKS = {
    "gcg": (query(), "Describe the image in detail", True),
    "referring": (query(task="referring", expression=" the {width} dog "), "the {width} dog", True),
    "caption": (query(task="caption"), "in a few sentences of plain text", False),
    "region_caption": (
        query(task="region_caption", regions=((10.0, 6.0, 50.0, 30.0),)),
        "[100, 100, 500, 500]",
        False,
    ),
}


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_its_instruction(task):
    asked, words, has_schema = TASKS[task]
    with serving(answers=saying({"boxes": [[0, 0, 500, 500]]})) as server:
        prediction = only(server, asked)
        assert words in server.texts[0]
        assert ("response_format" in server.asked[0]) == has_schema
    assert prediction.error is None
    if task == "referring":
        (phrase,) = prediction.grounding.phrases
        assert pixels_of(phrase.masks[0]).sum() == 30 * 50
        assert (prediction.grounding.caption, prediction.refused) == ("", None)
    elif not has_schema:
        assert prediction.grounding.phrases == ()
        assert "boxes" in prediction.grounding.caption


def test_an_expression_that_fits_nothing_is_refused():
    asked = query(task="generalized_referring", expression="a cat")
    with serving(answers=saying({"boxes": []})) as server:
        assert only(server, asked).refused is True
    with serving(answers=saying({"boxes": [[0, 0, 9, 9], [900, 900, 999, 999]]})) as server:
        prediction = only(server, asked)
    assert prediction.refused is False
    assert len(prediction.grounding.phrases[0].masks) == 2


def test_a_prompt_of_the_user_is_asked_and_that_of_trained_models_is_not():
    masks = "Describe it. Please respond with interleaved     segmentation masks for the parts."
    with serving(answers=saying(DOGS)) as server:
        only(server, query(prompt="Name all animals."), concurrency=1)
        only(server, query(prompt=masks), concurrency=1)
        assert server.texts[0].startswith("Name all animals. A box is [x0")
        assert server.texts[1].startswith("Describe the image in detail")


def test_the_wording_depends_on_the_task_and_not_on_the_image():
    with serving() as server:
        model = load_model(server.url)
    wide = Query("x", Picture(5, 999, lambda: PIXELS), regions=((1.0, 2.0, 3.0, 4.0),))
    assert model.worded(wide) == model.worded(TASKS["region_caption"][0])
    assert len({model.worded(asked) for asked, *_ in TASKS.values()}) == len(TASKS)


@pytest.mark.parametrize(
    ("name", "text", "box"),
    [
        # 60 x 100 is sent as 56 x 112: 28 of 56 rows are 30 of 60, 56 of 112 columns 50 of 100
        ("Qwen/Qwen2.5-VL-7B-Instruct", '[{"bbox_2d": [0, 0, 56, 28], "label": "dog"}]', (50, 30)),
        ("Qwen/Qwen3-VL-8B", '[{"bbox_2d": [0, 0, 500, 250], "label": "dog"}]', (50, 15)),
        ("OpenGVLab/InternVL3-8B", "<ref>dog</ref><box>[[0, 0, 500, 250]]</box>", (50, 15)),
        ("deepseek-ai/deepseek-vl2", "<|ref|>dog<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>",
         (100, 60)),
        ("gemini-2.5-pro", '[{"box_2d": [0, 0, 500, 250], "label": "dog"}]', (25, 30)),
    ],
)  # fmt: skip
def test_the_unit_comes_from_the_name_of_the_model(name, text, box):
    refuses = always({"error": {"message": "no response_format"}}, status=400)

    def trial(body):
        return refuses(body) if "response_format" in body else Answer()

    with serving(models=listing(name), answers=saying(text), trial=trial) as server:
        model = load_model(server.url)
        assert model.settings["form"] == "dialect"
        (prediction,) = model.answer([query()])
        assert "response_format" not in server.asked[0]
    (phrase,) = prediction.grounding.phrases
    wanted = np.zeros((HEIGHT, WIDTH), bool)
    wanted[: box[1], : box[0]] = True
    assert (pixels_of(phrase.masks[0]) == wanted).all()


def test_the_unit_that_the_user_names_comes_first():
    with serving(answers=saying({"boxes": [[0.0, 0.0, 0.5, 1.0]]})) as server:
        model = load_model(server.url, coordinates="0-1")
        (prediction,) = model.answer([query(expression="dog")])
        schema = server.asked[0]["response_format"]["json_schema"]["schema"]
    assert model.settings["coordinates"] == "0-1"
    assert pixels_of(prediction.grounding.phrases[0].masks[0]).sum() == 60 * 50
    assert schema["properties"]["boxes"]["items"]["items"] == {"type": "number"}


def test_a_model_of_unknown_unit_captions_but_does_not_ground():
    with serving(models=listing("llava-v1.6"), answers=saying("A dog.")) as server:
        model = load_model(server.url)
        captions = [query(task="caption")]
        model.prepare(captions)
        (prediction,) = model.answer(captions)
        assert prediction.grounding.caption == "A dog."
        for asked in (query(), query(expression="dog"), query(regions=((0.0, 0.0, 1.0, 1.0),))):
            with pytest.raises(BadOption, match=r"unit of the coordinates of 'llava-v1\.6'"):
                model.prepare([*captions, asked])
        load_model(server.url, coordinates="0-1000").prepare([query()])


def test_odd_answers_are_counted():
    box = {"text": "A dog", "boxes": [[0, 0, 1100, 500], [500, 500, 0, 0], [1, 2], [5, 5, 5, 5]]}
    texts = {
        "image 0": (json.dumps({"caption": "A dog.", "phrases": [box]}), "stop"),
        "image 1": ('{"caption": "A dog.", "phrases": [{"text": "A d', "length"),
        "image 2": ("I cannot do that.", "stop"),
        "image 3": (json.dumps({"caption": "A.", "phrases": [{"text": "B", "boxes": []}]}), "stop"),
    }
    waiting = iter(texts.values())
    with serving(answers=lambda _: Answer(reply(*next(waiting)))) as server:
        model = load_model(server.url, concurrency=1)
        found = {p.id: p for p in model.answer([query(k) for k in range(4)])}
    assert model.notes() == [
        "1 answers reached the limit of tokens: what was complete in them is read",
        "1 answers were incomplete JSON: what was complete in them is read",
        "1 answers were plain text where boxes were asked for",
        "1 boxes left their image and were clipped",
        "1 boxes had their corners in another order",
        "2 boxes or points had no pixel in their image, or not as many numbers as needed, and were"
        " left out",
        "1 phrases do not stand in their caption",
    ]
    assert [len(p.masks) for p in found["image 0"].grounding.phrases] == [2]
    assert found["image 1"].grounding.caption == "A dog."
    assert found["image 2"].grounding.caption == "I cannot do that."
    assert [p.span for p in found["image 3"].grounding.phrases] == [None]


def test_a_masker_makes_masks_of_boxes_and_points(tmp_path):
    sam = small_detectors.sam(tmp_path / "sam")
    texts = iter([json.dumps(DOGS), '<points coords="1 1 500 500">two dogs</points>'])
    with serving(answers=lambda _: Answer(reply(next(texts)))) as server:
        model = load_model(server.url, masker=str(sam), device="cpu", concurrency=1)
        boxed, pointed = model.answer([query(0), query(1)])
    assert model.settings["masker"] == "sam"
    assert len(model.settings["masker_weights"]) == 16
    assert "boxes" not in model.settings["masks"].split()
    # random weights: the sizes are right, and what is empty is left out and counted
    masks = [mask for phrase in boxed.grounding.phrases for mask in phrase.masks]
    empty = model.notes()[0].split()[0] if model.notes() else "0"
    (phrase,) = pointed.grounding.phrases
    assert len(masks) + len(phrase.masks) + int(empty) == 3
    assert all((mask.height, mask.width) == (HEIGHT, WIDTH) for mask in (*masks, *phrase.masks))


def test_a_masker_that_is_none_is_refused_before_the_server_is_asked_a_question():
    with serving() as server:
        with pytest.raises(EnvironmentProblem, match="hf download nobody/sam"):
            load_model(server.url, masker="nobody/sam")
        assert server.trials == server.asked == []


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


# Faults ----------------------------------------------------------------------------------------


def test_a_busy_server_is_asked_again_when_it_says(waits):
    busy = [
        Answer({"error": "busy"}, 429, {"retry-after": "7"}),
        Answer(b"<html>", 503, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        Answer({}, 429, {"retry-after": "999999"}),
        Answer(reply(json.dumps(DOGS))),
    ]
    waiting = iter(busy)
    with serving(answers=lambda _: next(waiting)) as server:
        assert only(server).error is None
    # 1, 2, 4 seconds, or what the server asks for, up to two minutes
    assert waits == [7.0, 2.0, 120.0]


def test_a_server_that_always_fails_costs_the_image(waits):
    with serving(answers=always({"detail": "out of memory\x1b[2J"}, status=500)) as server:
        prediction = only(server)
        assert len(server.asked) == 4
    assert prediction.error == f"{server.url}/v1: status 500: out of memory\\x1b[2J"
    assert waits == [1.0, 2.0, 4.0]


def hang(handler):
    Event().wait(3)


def drip(handler):
    """A byte every now and then, for ever."""
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    for _ in range(60):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def drop(handler):
    handler.close_connection = True
    handler.connection.shutdown(2)


def drop_within(handler):
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    drop(handler)


def flood(handler):
    handler.send_response(200)
    handler.send_header("content-length", str(2 * chat_server.BODY))
    handler.end_headers()
    block = b" " * (1 << 20)
    for _ in range(2 * chat_server.BODY // len(block)):
        handler.wfile.write(block)


FAULTS = {
    "broken JSON": (Answer(b'{"choices": ['), "not a JSON object", 1),
    "no choices": (Answer({"choices": []}), "no choices", 1),
    "choices of numbers": (Answer({"choices": [1]}), "no choices", 1),
    "text of numbers": (Answer(reply(7)), "no choices", 1),
    "a list": (Answer([1]), "not a JSON object", 1),
    "deep": (Answer(b"[" * 200_000), "not a JSON object", 1),
    "HTML": (
        Answer(b"<html>Gateway</html>", 200, {"content-type": "text/html"}),
        "not a JSON object (text/html)",
        1,
    ),
    "an HTML error": (Answer(b"<html>no</html>", 404, {"content-type": "text/html"}), "404", 1),
    "another place": (Answer({}, 307, {"location": "http://example.org/"}), "redirects", 1),
    "wrong question": (Answer({"message": "image too large"}, 400), "400: image too large", 1),
    "hang": (Answer(act=hang), "no answer within 0.5 s", 1),
    "drip": (Answer(act=drip), "no answer within 0.5 s", 1),
    "closed": (Answer(act=drop), "no connection", 4),
    "closed within": (Answer(act=drop_within), "no connection", 4),
    "flood": (Answer(act=flood), "more than 16,777,216 bytes", 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_its_image_and_no_other(fault):
    answer, words, times = FAULTS[fault]

    def answers(body):
        return answer if "the odd one" in json.dumps(body["messages"]) else good

    good = Answer(reply('{"boxes": [[0, 0, 500, 500]]}'))
    queries = [query(k, expression="the odd one" if k == 2 else "a dog") for k in range(5)]
    seconds = 0.5 if fault in ("hang", "drip") else 20
    with serving(answers=answers) as server:
        found = answered(server, *queries, request_timeout=seconds)
        odd = [text for text in server.texts if "the odd one" in text]
    assert [k for k, q in enumerate(queries) if found[q.id].error is not None] == [2]
    error = found["image 2"].error
    assert error.startswith(f"{server.url}/v1: ")
    assert words in error
    assert len(odd) == times


def test_text_of_any_content_type_is_read_when_it_is_json():
    plain = always(reply(json.dumps(DOGS)), headers={"content-type": "text/plain"})
    with serving(answers=plain) as server:
        assert only(server).error is None


@pytest.mark.parametrize(
    ("content", "caption"),
    [(None, ""), ([{"type": "text", "text": "A "}, {"text": "dog."}, 5], "A dog."), ("", "")],
)
def test_other_forms_of_content(content, caption):
    with serving(answers=always(reply(content))) as server:
        prediction = only(server, query(task="caption"))
    assert (prediction.error, prediction.grounding.caption) == (None, caption)


def test_an_image_that_cannot_be_read_costs_itself():
    def broken():
        raise OSError("disk gone")

    queries = [query(0), Query("bad", Picture(5, 5, broken), task="gcg"), query(1)]
    with serving(answers=saying(DOGS)) as server:
        found = answered(server, *queries)
    assert {id_ for id_, p in found.items() if p.error} == {"bad"}
    assert found["bad"].error == "OSError: disk gone"


def test_a_server_that_is_not_there_is_one_message():
    with serving() as server:
        url = server.url
    with pytest.raises(EnvironmentProblem, match=r"no connection.*vllm serve") as error:
        load_model(url, retries=1)
    assert "\n" not in str(error.value)


def test_a_server_that_goes_away_is_waited_for_once(waits):
    with serving(answers=saying(DOGS)) as server:
        model = load_model(server.url, retries=3, concurrency=1)
    found = list(model.answer([query(k) for k in range(4)]))
    assert all("no connection" in prediction.error for prediction in found)
    assert waits == [1.0, 2.0, 4.0]


def test_the_library_is_missing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match="pip install httpx"):
        ChatServer(location("http://localhost:1"))


# Several at a time -----------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 3])
def test_so_many_requests_are_in_flight(concurrency):
    """The server answers only when that many have arrived; one more would not be in flight."""
    barrier = Barrier(concurrency)

    def answers(_):
        barrier.wait(20)
        return Answer(reply(json.dumps(DOGS)))

    with serving(answers=answers) as server:
        found = answered(server, *(query(k) for k in range(6)), concurrency=concurrency)
    assert all(prediction.error is None for prediction in found.values())
    assert not barrier.broken


def test_no_more_requests_are_in_flight_than_asked_for():
    barrier = Barrier(3)

    def answers(_):
        try:
            barrier.wait(0.3)
        except BrokenBarrierError:
            return Answer(reply("{}"))
        raise AssertionError

    with serving(answers=answers) as server:
        answered(server, *(query(k) for k in range(2)), concurrency=2)
    assert barrier.broken


def test_answers_come_in_the_order_in_which_they_are_completed():
    slow = Event()

    def answers(body):
        text = json.dumps(body["messages"])
        if "slow" in text:
            slow.wait(20)
        return Answer(reply('{"boxes": []}'))

    queries = [query(k, expression="slow" if k == 0 else "fast") for k in range(4)]
    with serving(answers=answers) as server:
        stream = load_model(server.url, concurrency=2).answer(iter(queries))
        first = [next(stream).id for _ in range(3)]
        slow.set()
        assert [*first, *(p.id for p in stream)] == ["image 1", "image 2", "image 3", "image 0"]


def test_an_answer_is_given_before_all_questions_are_asked():
    taken = []

    def queries():
        for k in range(9):
            taken.append(k)
            yield query(k)

    with serving(answers=saying(DOGS)) as server:
        stream = load_model(server.url, concurrency=2).answer(queries())
        next(stream)
        assert len(taken) == 2
        assert len(list(stream)) == 8


# Images ----------------------------------------------------------------------------------------


def test_an_image_is_sent_at_a_size_that_the_model_keeps():
    with serving(models=listing("Qwen2.5-VL-7B"), answers=saying(DOGS)) as server:
        only(server, max_pixels=28 * 28 * 6)
        assert server.sizes == [(56, 84)]


@given(
    st.integers(1, 9000), st.integers(1, 9000), st.integers(4 * 32 * 32, 10**6),
    st.sampled_from([1, 28, 32]),
)  # fmt: skip
def test_every_image_is_sent_within_the_budget(height, width, most, multiple):
    rows, columns = sent_size(height, width, most=most, multiple=multiple)
    assert rows * columns <= most
    assert rows % multiple == columns % multiple == 0
    assert min(rows, columns) >= (1 if multiple == 1 else 2 * multiple)
    if multiple == 1 and height * width <= most:
        assert (rows, columns) == (height, width)
    if min(rows, columns) > 2 * multiple and min(height, width) > 2 * multiple:
        scale = min(1, (most / (height * width)) ** 0.5)
        assert abs(rows - height * scale) <= multiple
        assert abs(columns - width * scale) <= multiple
