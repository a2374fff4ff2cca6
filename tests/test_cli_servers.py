"""Models on servers as people run them: the command line against a real server on loopback."""

import json
from threading import Event

import pytest
from support.chat import Answer, reply, serving

SCENE = {
    "caption": "A red circle beside a blue square.",
    "phrases": [
        {"text": "A red circle", "boxes": [[0, 0, 400, 400]]},
        {"text": "a blue square", "boxes": [[500, 500, 1000, 1000]]},
    ],
}
IMAGES = 6


@pytest.fixture
def predict(run, tmp_path, monkeypatch):
    """Runs `predict` on some images of shapes; returns the code, the messages and the run."""
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    def predict(model, *more):
        basic = ["--dataset", "shapes", "--split", "val", "--limit", str(IMAGES)]
        code, _, err = run(
            "predict", "--model", model, *basic, "--out", str(tmp_path / "run"), *more
        )
        return code, err, tmp_path / "run"

    return predict


def lines(folder):
    text = (folder / "predictions.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def test_a_server_answers_a_split(predict):
    with serving(answers=lambda _: Answer(reply(json.dumps(SCENE)))) as server:
        code, err, folder = predict(server.url.replace("//", "//me:secret@"))
        assert len(server.asked) == IMAGES
        # not the prompt of the data card, which asks for masks between the words
        assert all(text.startswith("Describe the image in detail") for text in server.texts)
    assert code == 0, err
    assert len({line["id"] for line in lines(folder)}) == IMAGES
    assert {line["caption"] for line in lines(folder)} == {SCENE["caption"]}
    assert all(len(line["phrases"]) == 2 for line in lines(folder))
    settings = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert settings["model"] == server.url
    assert settings["prompt"] == ""
    assert settings["decoding"]["checkpoint"] == "Qwen/Qwen3-VL-8B-Instruct"
    assert settings["decoding"]["coordinates"] == "0-1000"
    for file in folder.rglob("*"):
        assert not file.is_file() or b"secret" not in file.read_bytes()
    assert "secret" not in err


def test_a_failed_request_costs_an_image_and_is_asked_again_on_demand(predict):
    count = iter(range(100))

    def answers(_):
        good = next(count) != 2
        return Answer(reply(json.dumps(SCENE))) if good else Answer({"detail": "no"}, 400)

    with serving(answers=answers) as server:
        code, _, folder = predict(server.url)
        assert code == 1
        (error,) = [line["error"] for line in lines(folder) if line.get("error")]
        assert "status 400: no" in error
        code, _, folder = predict(server.url, "--retry-failed")
        assert code == 0
        assert len(server.asked) == IMAGES + 1
    assert not [line for line in lines(folder) if line.get("error")]


def test_a_server_that_is_not_there_is_one_message(predict, monkeypatch):
    monkeypatch.setattr("gcg_bench.grounding.chat_server.sleep", lambda _: None)
    with serving() as server:
        url = server.url
    code, err, folder = predict(url)
    assert code == 2
    assert len(err.strip().split("\n\n")) == 1
    assert "no connection" in err
    assert "vllm serve" in err
    assert not folder.exists()


def test_a_model_of_unknown_unit_is_one_message(predict):
    with serving() as server:
        server.models.body["data"][0]["id"] = "somebody/vlm"
        code, err, _ = predict(server.url)
        assert server.asked == []
    assert code == 2
    assert "coordinates=UNIT" in " ".join(err.split())


def test_how_a_server_is_asked_may_change_in_a_run_and_what_it_is_asked_may_not(predict):
    with serving(answers=lambda _: Answer(reply(json.dumps(SCENE)))) as server:
        first = ("--model-arg", "concurrency=1", "--model-arg", "max_pixels=90000")
        code, err, folder = predict(server.url, *first)
        assert code == 0, err
        settings = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        assert settings["arguments"] == {"max_pixels": 90000}
        assert settings["decoding"]["max_pixels"] == 90000
        code, _, _ = predict(server.url, "--model-arg", "retries=1", *first[2:])
        assert code == 0
        code, err, _ = predict(server.url, "--model-arg", "max_pixels=80000")
        assert code == 2
        assert "max_pixels" in err
        assert len(server.asked) == IMAGES


def test_the_doctor_asks_a_server_what_it_serves(run):
    with serving() as server:
        secret = server.url.replace("//", "//me:secret@")
        _, out, _ = run("doctor", "--model", secret, "--json")
        server.models.body["data"][0]["id"] = "somebody/vlm"
        _, other, _ = run("doctor", "--model", secret, "--json")
    _, gone, _ = run("doctor", "--model", secret, "--json")
    checks = [
        next(check for check in json.loads(text)["findings"] if server.url in check["what"])
        for text in (out, other, gone)
    ]
    assert [check["status"] for check in checks] == ["ok", "ok", "missing"]
    assert "Qwen3-VL-8B-Instruct (boxes in 0-1000)" in checks[0]["found"]
    assert "somebody/vlm (boxes in an unknown unit)" in checks[1]["found"]
    assert "Start the server" in checks[2]["remedy"]
    assert "secret" not in out + other + gone


def test_a_proxy_of_the_environment_is_not_asked_for_a_server_on_this_machine(predict, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(answers=lambda _: Answer(reply(json.dumps(SCENE)))) as server:
        code, err, _ = predict(server.url)
    assert code == 0, err


def test_an_image_that_hangs_costs_itself(predict):
    count = iter(range(100))
    over = Event()

    def answers(_):
        if next(count) == 2:
            return Answer(act=lambda _: over.wait(30))
        return Answer(reply(json.dumps(SCENE)))

    with serving(answers=answers) as server:
        code, _, folder = predict(server.url, "--timeout", "1")
        over.set()
    assert code == 1
    errors = [line["error"] for line in lines(folder) if line.get("error")]
    assert errors == ["no answer within 1 s"]
    assert len(lines(folder)) == IMAGES
