"""Models on servers, against a real HTTP server on loopback: faults, several requests at a time."""

import json
import time
from threading import Barrier, BrokenBarrierError, Event

import pytest
from support.chat import Answer, reply, serving
from support.chat_models import (
    DOGS,
    always,
    answered,
    only,
    query,
    recorded_waits,
    saying,
    without_key,
)

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.execution.models import load_model
from gcg_bench.grounding import chat_server
from gcg_bench.grounding.addresses import location
from gcg_bench.grounding.chat_server import ChatServer
from gcg_bench.types import Picture, Query


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    without_key(monkeypatch)


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Waits are recorded, not waited for."""
    return recorded_waits(monkeypatch)


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
