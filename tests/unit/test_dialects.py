"""Answers as models write them -> captions and phrases; the expected values are written by hand."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gcg_bench.grounding import json_answers
from gcg_bench.grounding.dialects import BoxedPhrase, parse
from gcg_bench.grounding.json_answers import json_in

DOGS = "Two dogs play on the grass."


def phrases(text, **options):
    """The phrases of an answer as (words, boxes or points)."""
    return [
        (phrase.text, phrase.boxes or phrase.points) for phrase in parse(text, **options).phrases
    ]


RECORDED = {
    "strict": (
        '{"caption": "Two dogs play on the grass.", "phrases": [{"text": "Two dogs", "boxes":'
        ' [[10, 20, 30, 40], [50, 20, 70, 40]]}, {"text": "the grass", "boxes": []}]}',
        DOGS,
        [("Two dogs", ((10, 20, 30, 40), (50, 20, 70, 40))), ("the grass", ())],
        "json",
    ),
    "strict, pretty, in a code block, one flat box": (
        'Sure! Here it is:\n```json\n{\n  "caption": "Two dogs play\\non the grass.",\n'
        '  "phrases": [\n    {"text": "Two dogs", "boxes": [10, 20.5, 30, 40]}\n  ]\n}\n```\nFine?',
        DOGS,
        [("Two dogs", ((10, 20.5, 30, 40),))],
        "json",
    ),
    "Qwen: a list after a caption": (
        "Two dogs play on the grass.\n```json\n[\n\t"
        '{"bbox_2d": [341, 258, 397, 360], "label": "dog"},\n\t'
        '{"bbox_2d": [441, 258, 497, 360], "label": "dog"},\n\t'
        '{"bbox_2d": [0, 300, 999, 640], "label": "the grass", "sub_label": "green"}\n]\n```',
        DOGS,
        [
            ("dog", ((341, 258, 397, 360), (441, 258, 497, 360))),
            ("the grass", ((0, 300, 999, 640),)),
        ],
        "json",
    ),
    "Qwen: points": (
        '[{"point_2d": [341, 258], "label": "dog"}]',
        "",
        [("dog", ((341, 258),))],
        "json",
    ),
    "Gemini": (
        '```json\n[{"box_2d": [258, 341, 360, 397], "label": "dog"}]\n```',
        "",
        [("dog", ((258, 341, 360, 397),))],
        "json",
    ),
    "InternVL": (
        "<ref>Two dogs</ref><box>[[100, 200, 300, 400], [500, 200, 700, 400]]</box> play on"
        " <ref>the grass</ref><box>[[0, 500, 1000, 1000]]</box>.",
        DOGS,
        [
            ("Two dogs", ((100, 200, 300, 400), (500, 200, 700, 400))),
            ("the grass", ((0, 500, 1000, 1000),)),
        ],
        "tags",
    ),
    "DeepSeek-VL2": (
        "<|grounding|><|ref|>Two dogs<|/ref|><|det|>[[100, 200, 300, 400]]<|/det|> play on"
        " <|ref|>the grass<|/ref|><|det|>[[0, 500, 999, 999]]<|/det|>.<｜end▁of▁sentence｜>",
        DOGS,
        [("Two dogs", ((100, 200, 300, 400),)), ("the grass", ((0, 500, 999, 999),))],
        "tags",
    ),
    "DeepSeek-VL2: a list that is never closed": (
        "<|ref|>the dog<|/ref|><|det|>[[580, 270, 999, 900], [12, 13<|/det|>",
        "the dog",
        [("the dog", ((580, 270, 999, 900),))],
        "tags",
    ),
    "GLM: a box alone": (
        "<|begin_of_box|>[[100, 200, 300, 400]]<|end_of_box|>",
        "",
        [("", ((100, 200, 300, 400),))],
        "tags",
    ),
    "Qwen-VL's old tags: two corners": (
        "<ref>the dog</ref><box>(100,200),(300,400)</box>",
        "the dog",
        [("the dog", ((100, 200, 300, 400),))],
        "tags",
    ),
    "Molmo2": (
        'There are <points coords="1 1 073 160 2 173 600">two dogs</points> on the grass.',
        "There are two dogs on the grass.",
        [("two dogs", ((73, 160), (173, 600)))],
        "tags",
    ),
    "Molmo: one point, two points": (
        '<point x="61.5" y="40.2" alt="a dog">a dog</point> and'
        ' <points x1="10.0" y1="20.5" x2="30" y2="40" alt="cats">cats</points>',
        "a dog and cats",
        [("a dog", ((61.5, 40.2),)), ("cats", ((10, 20.5), (30, 40)))],
        "tags",
    ),
    "GLaMM": (
        "<p> Two dogs </p> [SEG] play on <p> the grass </p> [SEG].",
        DOGS,
        [("Two dogs", ()), ("the grass", ())],
        "tags",
    ),
    "a thought before the answer": (
        '<think>I see {"boxes": [[1, 2, 3, 4]]}</think>\n{"boxes": [[5, 6, 7, 8]]}',
        "",
        [("", ((5, 6, 7, 8),))],
        "json",
    ),
    "boxes alone": (
        "[[1, 2, 3, 4], [5, 6, 7, 8]]",
        "",
        [("", ((1, 2, 3, 4), (5, 6, 7, 8)))],
        "json",
    ),
    "no box": ('{"boxes": []}', "", [], "json"),
    "plain text": ("Two dogs play\n\non the grass.", DOGS, [], "text"),
    "text with brackets": (
        "A sign says [STOP] {really}.",
        "A sign says [STOP] {really}.",
        [],
        "text",
    ),
    "boxes that are none": (
        '{"caption": "A.", "phrases": [{"text": "A", "boxes": [[1, 2, 3], ["1", 2, 3, 4], [1, 2, 3,'
        ' null]]}]}',
        "A.",
        [("A", ((1, 2, 3), (), ()))],
        "json",
    ),
    "nothing": ("", "", [], "text"),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_answer(name):
    text, caption, expected, form = RECORDED[name]
    answer = parse(text)
    assert (answer.caption, phrases(text), answer.form) == (caption, expected, form)


def test_tags_mark_the_span_of_a_phrase():
    answer = parse(RECORDED["InternVL"][0])
    assert [phrase.span for phrase in answer.phrases] == [(0, 8), (17, 26)]
    assert DOGS[17:26] == "the grass"


# Truncated and damaged -------------------------------------------------------------------------

WHOLE = RECORDED["strict"][0]


def test_an_answer_that_is_cut_off_gives_what_is_complete():
    cut = WHOLE[: WHOLE.index('{"text": "the grass"') + 12]
    answer = parse(cut, truncated=True)
    assert (answer.caption, answer.form) == (DOGS, "partial")
    assert phrases(cut, truncated=True) == [("Two dogs", ((10, 20, 30, 40), (50, 20, 70, 40)))]


def test_half_a_number_is_never_read():
    """`50` of `[10, 20, 30, 50` might have become 500."""
    cut = WHOLE[: WHOLE.index("[50, 20, 7") + len("[50, 20, 7")]
    assert phrases(cut, truncated=True) == []
    assert parse(cut, truncated=True).caption == DOGS


@pytest.mark.parametrize(
    ("cut", "caption"),
    [
        ('{"caption": "Two dogs pl', "Two dogs pl"),
        ('{"caption": "Two \\"dogs', 'Two "dogs'),
        ('{"caption": "Two dogs\\', "Two dogs"),
        ('{"caption": "Two d\\u00', "Two d"),
        ('{"caption": "', ""),
        ('{"cap', ""),
    ],
)
def test_a_caption_that_is_cut_off_is_read_so_far(cut, caption):
    assert parse(cut, truncated=True).caption == caption


def test_objects_around_a_damaged_one_are_read():
    text = (
        '[{"bbox_2d": [1, 2, 3, 4], "label": "a"}, {"bbox_2d": [5, 6, , 8]},'
        ' {"bbox_2d": [9, 9, 10, 10], "label": "b"}'
    )
    assert phrases(text, truncated=True) == [("a", ((1, 2, 3, 4),)), ("b", ((9, 9, 10, 10),))]


@given(st.integers(0, len(WHOLE) - 1))
def test_every_cut_gives_a_part_of_the_whole_answer(length):
    whole = parse(WHOLE)
    part = parse(WHOLE[:length], truncated=True)
    assert whole.caption.startswith(part.caption)
    assert list(part.phrases) == list(whole.phrases)[: len(part.phrases)]


def test_without_the_repairer_damaged_answers_are_read_object_by_object(monkeypatch):
    monkeypatch.setattr(json_answers, "repairer", lambda: None)
    text = '{"caption": "A "small" dog.", "phrases": [{"text": "dog", "boxes": [[1, 2, 3, 4]]},]}'
    answer = parse(text)
    assert answer.form == "partial"
    assert phrases(text) == [("dog", ((1, 2, 3, 4),))]


def test_the_repairer_reads_damaged_answers():
    pytest.importorskip("json_repair")
    text = "{'caption': 'A dog.', 'phrases': [{'text': 'A dog', 'boxes': [[1, 2, 3, 4]],}],}"
    answer = parse(text)
    assert (answer.caption, answer.form) == ("A dog.", "repaired")
    assert phrases(text) == [("A dog", ((1, 2, 3, 4),))]
    assert parse(text, truncated=True).form == "partial"


# Any text --------------------------------------------------------------------------------------

PIECES = (
    '{"', '"caption"', ": ", '"', "[", "]", "{", "}", "[[", "]]", ",", "1", "999", "-3.5", "1e999",
    "<ref>", "</ref>", "<box>", "</box>", "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<p>",
    "</p>", "[SEG]", '<points coords="1 1 2 3">', "</points>", '<point x="1" y="2">', "</point>",
    "a dog", " ", "\n", "\\", "\\u12", "```json", "```", "<think>", "</think>", "é", "\ud800", "\0",
    "<|begin_of_box|>", "<|end_of_box|>", '"boxes": [[1, 2, 3, 4]]', '"phrases": [', "null", "true",
    "(1,2),(3,4)", ".", "<points ", '"text": "a"', "9" * 5000,
)  # fmt: skip
pieces = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@given(st.one_of(st.text(), pieces), st.booleans())
@example("[" * 100_000, False)
@example('{"a":' * 50_000, False)
@example('{"phrases": [' * 20_000, True)
@example("<ref>" * 40_000, False)
@example('"caption": "' * 15_000, False)
@example("<points " * 20_000, False)
@example("{}" * 60_000, False)
def test_no_text_raises(text, truncated):
    answer = parse(text, truncated=truncated)
    assert isinstance(answer.caption, str)
    for phrase in answer.phrases:
        assert isinstance(phrase, BoxedPhrase)
        assert all(type(n) in (int, float) for box in phrase.boxes for n in box)
        assert all(type(n) in (int, float) for point in phrase.points for n in point)
        if phrase.span is not None:
            start, end = phrase.span
            assert answer.caption[start:end] == phrase.text != ""


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                ["caption", "phrases", "text", "boxes", "bbox_2d", "label", "point_2d"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)


@given(values)
def test_no_json_raises(value):
    text = json.dumps(value)
    parse(text)
    answer = json_in(text)
    if isinstance(value, dict) or (
        isinstance(value, list) and value and isinstance(value[0], dict)
    ):
        assert answer.form == "json"
        assert len(answer.values) == 1
