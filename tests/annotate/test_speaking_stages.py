"""Stages that ask a model in words: what they send, and what becomes of each kind of reply."""

import numpy as np
import pytest
from support.chat import Answer, listing, parts, reply, serving
from support.small_annotators import Checkpoints

from gcg_bench.annotate.asked_scenes import captionable, captioned, scene_text
from gcg_bench.annotate.marked_images import COLOURS, marked
from gcg_bench.annotate.scenes import Evidence, Relation, Scene, SceneObject, TiedPhrase
from gcg_bench.annotate.speakers import SpeakerSettings
from gcg_bench.annotate.stages import load_stage, stage_module
from gcg_bench.annotate.tag_words import tags_of_logits, tags_of_reply
from gcg_bench.errors import BadOption
from gcg_bench.grounding.chat_server import Reply
from gcg_bench.types import Picture

HEIGHT, WIDTH = 64, 96
PIXELS = np.full((HEIGHT, WIDTH, 3), 7, np.uint8)
PICTURE = Picture(HEIGHT, WIDTH, lambda: PIXELS)
DOG = SceneObject(id=3, box=(48, 16, 72, 48), label="dog", score=0.9, attributes=("a wet dog",))
CAT = SceneObject(id=5, box=(0, 0, 24, 32), label="cat", score=0.6)
LONE = SceneObject(id=7, box=(0, 0, 9, 9), label="hat", score=0.1, floating=True)
SCENE = Scene(
    image_id="a",
    height=HEIGHT,
    width=WIDTH,
    objects=(DOG, CAT, LONE),
    relations=(Relation(5, "left", 3), Relation(5, "above", 7)),
)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def run(name, server, scenes=(SCENE,), **settings):
    speaker = SpeakerSettings(server if isinstance(server, str) else server.url, tokens=12)
    module = stage_module(name)
    stage = load_stage(name, module.Settings(speaker=speaker, **settings), device="cpu")
    return stage.run(scenes, [PICTURE] * len(scenes))


def saying(text, reason="stop"):
    return lambda _: Answer(reply(text, reason))


def test_the_writer_sends_numbered_boxes_and_their_list():
    text = "<p>A dog</p>[3] sits right of  <p>a\ncat</p>[5]."
    with serving(answers=saying(text)) as server:
        (scene,) = run("vlm", server)
        (body,) = server.asked
    image, asked = parts(body)
    assert image.shape == (HEIGHT, WIDTH, 3)
    # lower right corners of the boxes, inside them; the dog comes first by id
    assert tuple(image[47, 71]) == COLOURS[0]
    assert tuple(image[31, 23]) == COLOURS[1]
    assert tuple(image[60, 90]) == (7, 7, 7)
    assert (PIXELS == 7).all()
    lines = asked.splitlines()
    # 48 / 96, 16 / 64, 72 / 96 and 48 / 64 in percent
    assert "3: dog (a wet dog); 50, 25, 75, 75" in lines
    assert "5: cat; 0, 0, 25, 50" in lines
    assert "5 is to the left of 3" in lines
    assert not any(line.startswith("7") for line in lines)
    assert body["max_tokens"] == 12
    assert scene.caption == "A dog sits right of a cat."
    assert scene.phrases == (TiedPhrase("A dog", (0, 5), (3,)), TiedPhrase("a cat", (20, 25), (5,)))
    assert scene.notes == ()


@pytest.mark.parametrize(
    ("text", "reason", "caption", "ids", "note"),
    [
        ("<p>A hat</p>[7].", "stop", "A hat.", [], "caption: unknown id '7'"),
        ("<p>A dog</p>[3,99].", "stop", "A dog.", [(3,)], "caption: unknown id '99'"),
        ("<p>A dog", "stop", "A dog", [], "caption: <p> without </p> before 'A dog'"),
        ("A dog.", "stop", "A dog.", [], "caption: the reply ties no phrase to an object"),
        ("", "stop", "", [], "caption: the reply has no words"),
        ("<think>hm", "stop", "", [], "caption: the reply has no words"),
        (
            "<think>a <p>x</p>[5]</think><p>A dog</p>[3] and",
            "length",
            "A dog and",
            [(3,)],
            "caption: the reply reached its limit of tokens",
        ),
    ],
)
def test_faults_of_a_reply_are_notes(text, reason, caption, ids, note):
    scene = captioned(SCENE, Reply(text, reason == "length"), (DOG, CAT))
    assert scene.caption == caption
    assert [phrase.ids for phrase in scene.phrases] == ids
    assert note in scene.notes


def test_many_repairs_are_counted():
    scene = captioned(SCENE, Reply("a</p>" * 50, truncated=False), (DOG,))
    assert scene.notes[20] == "caption: 30 more repairs"
    assert len(scene.notes) == 22  # and that no phrase is tied


def test_a_scene_without_objects_is_not_asked_about():
    empty = Scene(image_id="b", height=HEIGHT, width=WIDTH, objects=(LONE,))
    with serving(answers=saying("<p>A dog</p>[3].")) as server:
        first, second = run("vlm", server, (empty, SCENE))
        assert len(server.asked) == 1
    assert (first.caption, second.caption) == ("", "A dog.")
    assert first.notes == ("caption: no object has enough support to be named",)


def test_replies_belong_to_their_scenes():
    def named(body):
        _, asked = parts(body)
        return Answer(reply(f"<p>A {'dog' if '3: dog' in asked else 'cat'}</p>[3,5]"))

    scenes = [Scene(image_id="x", height=HEIGHT, width=WIDTH, objects=(one,)) for one in (CAT, DOG)]
    with serving(answers=named) as server:
        made = run("vlm", server, scenes * 3)
    assert [scene.caption for scene in made] == ["A cat", "A dog"] * 3


def test_layers_and_groups_are_told():
    # diagonal of 64 x 96 is 115.4, so things nearer than 11.5 are close together
    near = [
        SceneObject(id=k, box=(x, 0, x + 4, 4), label="x", depth=9.0) for k, x in ((1, 0), (2, 9))
    ]
    far = SceneObject(id=4, box=(60, 0, 64, 4), label="y", depth=1.0)
    lines = scene_text(SCENE, (*near, far)).splitlines()
    assert "immediate foreground: [1, 2]" in lines
    assert "background: [4]" in lines


def test_the_best_objects_are_told_in_the_order_of_ids():
    worse = SceneObject(id=1, box=(0, 0, 1, 1), label="ant", score=0.5)
    scene = Scene(image_id="a", height=9, width=9, objects=(DOG, CAT, worse, LONE))
    assert [one.id for one in captionable(scene, 2)] == [3, 5]
    assert [one.id for one in captionable(scene, 9)] == [1, 3, 5]


def test_a_model_without_images_gets_the_list_alone():
    # the test server keeps questions that are only text among its trials
    with serving(trial=saying("<p>A dog</p>[3].")) as server:
        (scene,) = run("llm", server)
        asked = server.trials[-1]["messages"][0]["content"]
    assert "3: dog (a wet dog); 50, 25, 75, 75" in asked
    assert scene.phrases == (TiedPhrase("A dog", (0, 5), (3,)),)
    with pytest.raises(BadOption, match="is not the address of a server"):
        run("llm", "Qwen/Qwen3-VL-8B-Instruct")


def test_a_server_with_several_models_needs_a_name():
    message = r"lists 2 models: one, two\. Name the model: set `served`"
    with serving(models=listing("one", "two")) as server, pytest.raises(BadOption, match=message):
        run("vlm", server)


def test_context_is_no_part_of_the_caption():
    with serving(answers=saying("Dogs  guard\nhouses.", "length")) as server:
        (scene,) = run("context", server)
        assert server.texts[0].endswith("In the image: dog, cat")
    assert (scene.context, scene.caption) == ("Dogs guard houses.", "")
    assert scene.notes == ("context: the reply reached its limit of tokens",)


def test_yes_and_no_are_evidence():
    texts = {"A dog": "Yes.", "a cat": "**no**, a fox", "both": "Perhaps"}

    def answer(body):
        _, asked = parts(body)
        return Answer(reply(next(texts[one] for one in texts if f'"{one}"' in asked)))

    scene = Scene(
        image_id="a", height=HEIGHT, width=WIDTH, objects=(DOG, CAT), caption="A dog, a cat, both",
        phrases=(
            TiedPhrase("A dog", (0, 5), (3,)), TiedPhrase("a cat", (7, 12), (5,)),
            TiedPhrase("both", (14, 18), (3, 5)),
        ),
    )  # fmt: skip
    with serving(answers=answer) as server:
        (made,) = run("check-answers", server, (scene,))
    assert made.evidence == (
        Evidence("phrase_yes", 1.0, phrase=0),
        Evidence("phrase_yes", 0.0, phrase=1),
    )
    assert made.notes == ("phrase 2: neither yes nor no: 'Perhaps'",)
    assert made.phrases == scene.phrases


def test_tags_by_a_model():
    with serving(answers=saying("Dog, cat; 1. Big tree\n- dog.")) as server:
        (scene,) = run("tag", server, by="vlm")
    assert scene.tags == ("dog", "cat", "big tree")
    assert scene.notes == ()


@pytest.mark.parametrize(
    ("text", "truncated", "tags", "fault"),
    [
        ("dog, cat, tre", True, ("dog", "cat"), "reached its limit"),
        ("dog, a scene with a very long name", False, ("dog",), "more than 4 words, left out: 1"),
        ("a, b, c, d", False, ("a", "b", "c"), "above the limit of 3, left out: 1"),
        (" , ;\n", False, (), "lists nothing"),
        ("<think>dog, cat", False, (), "lists nothing"),
        ("<think>cow</think>'dog', \"cat\"", False, ("dog", "cat"), ""),
    ],
)
def test_lists_of_tags(text, truncated, tags, fault):
    made, faults = tags_of_reply(Reply(text, truncated), 3)
    assert made == tags
    assert fault in "; ".join(faults)
    assert bool(faults) == bool(fault)


def test_given_tags_are_those_of_the_settings():
    tag = stage_module("tag")
    stage = load_stage("tag", tag.Settings(words=(" dog ", "red  box", "dog", "")), device="cpu")
    assert stage.run([SCENE], [PICTURE])[0].tags == ("dog", "red box")


def test_words_above_a_probability():
    # sigmoids of -2, 0 and 2: .119, .5, .881
    logits = np.array([-2.0, 2.0, 0.0, -900.0])
    assert tags_of_logits(["a", "b", "c", "d"], logits, 0.5, 9) == ("b", "c")
    assert tags_of_logits(["a", "b", "c", "d"], logits, 0.0, 1) == ("b",)


def test_a_small_qwen_writes_nonsense_that_is_noted(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    (first,), (second,) = (run("vlm", checkpoints["qwen"]) for _ in range(2))
    assert first == second
    assert first.phrases == ()
    assert any(note.startswith("caption: ") for note in first.notes)


def test_numbers_of_boxes_at_the_edges_stay_inside():
    objects = [
        SceneObject(id=123, box=(90, 60, 96, 64), label="x"),
        SceneObject(id=4, box=(-5, -5, 200, 200), label="y"),
    ]
    image = marked(PIXELS, objects)
    assert image.shape == PIXELS.shape
    assert tuple(image[63, 95]) == COLOURS[1]  # the last one is drawn over the others
    assert marked(np.zeros((1, 1, 3), np.uint8), objects).shape == (1, 1, 3)
