"""Markup and other oddities in the words of answers: found, counted, and removed where certain."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench.masks.codes import compress
from gcg_bench.predictions import read_predictions
from gcg_bench.predictions.check import check, fix
from gcg_bench.predictions.markup import _MARKUP, clean, markup, without_markup
from gcg_bench.predictions.oddities import _loop, text_oddities
from gcg_bench.types import Grounding, Mask, Phrase, Prediction


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        (
            "<p> A man </p> [SEG] in a red coat sits on <p> a wooden bench </p> [SEG].</s>",
            "A man in a red coat sits on a wooden bench.",
        ),
        ("<p>A man</p>[SEG], a dog", "A man, a dog"),
        ("A man.<|im_end|>", "A man."),
        ("<s> A man. </s></s>", "A man."),
        ("<|im_start|>assistant\nA man.<|im_end|>", "A man."),
        ("USER: <image>\nDescribe. ASSISTANT: A man.</s>", "A man."),
        ("Assistant: A man.", "A man."),
        ("[INST] Describe it. [/INST] A man.", "A man."),
        ("<start_of_turn>model\nA man.<end_of_turn>", "A man."),
        ("### Human: What? ### Assistant: A man.", "A man."),
        ("<think>It is <p>a man</p>.</think> A man.", "A man."),
        ("A <ref>man</ref><box>(12,34),(56,78)</box> sits.", "A man sits."),
        ("A man <bbox>[0.1, 0.2, 0.3, 0.4]</bbox> sits.", "A man sits."),
        ("A man [12, 34, 56, 78] sits.", "A man sits."),
        ("A man <loc_12><loc_0034><seg_1> sits.", "A man sits."),
        ("A man <12><34><56><78> sits", "A man sits"),
        ("a man <seg> <SEG> [SEG0] [seg] sits", "a man sits"),
        ("&lt;p&gt;A man&lt;/p&gt; sits.", "A man sits."),
        ("**A man** sits.", "A man sits."),
        ("▁A▁man▁sits.", "A man sits."),
        ("A man <unk> sits.<pad><pad><eos>", "A man sits."),
        ('<p class="x">A man</p> sits.', "A man sits."),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nA man.<|eot_id|>", "A man."),
        ("A man.</s> ASSISTANT:", "A man."),
        ("GPT: A man.", "A man."),
        ("user: What?\nassistant: A man.", "A man."),
        ("Caption: A man.", "A man."),
        ("Final answer: A man.", "A man."),
        ("model\nA man.", "A man."),
        ("A man [SEG:1] sits [ SEG ].", "A man sits."),
        ("A man SEG sits.", "A man sits."),
        ("Tom &amp; Jerry sit.&nbsp;", "Tom & Jerry sit."),
        ("&#39;A man&#39; sits.", "'A man' sits."),
        ("\\u003cp\\u003eA man\\u003c/p\\u003e sits.\\n", "A man sits."),
        ('{"caption": "A man."}', "A man."),
        ("```json\n{'caption': 'A man.'}\n```", "A man."),
        ("['A man.']", "A man."),
        ("*A man* sits.", "A man sits."),
        ("# A man", "A man"),
        ("- A man", "A man"),
        ("> `A man`", "A man"),
        ("A\u200b m\u200ban.\x00", "A man."),
    ],
)
def test_markup_is_found_and_removed(raw: str, plain: str) -> None:
    assert markup(raw)
    assert without_markup(raw) == plain
    assert markup(plain) == []


@pytest.mark.parametrize(
    "text",
    [
        "I <3 this city.",
        "a < b and c > d",
        "x<y, y>z",
        "A sign that reads [STOP].",
        "A sign [sic] by the road (left) {right}.",
        "A jersey with the number [23].",
        "5 < 7 > 3",
        "A man -> a dog => a cat",
        "At 12:30, the user: a man.",
        "A score of 3*4.",
        "A shirt with # 5",
        "a  man   with  spaces ",
        "A T-shirt that costs 2 * 3 - 1.",
        "R&D; a sign: 'GO'",
        "A family 👨\u200d👩\u200d👧 sits.",
    ],
)
def test_text_is_no_markup(text: str) -> None:
    assert markup(text) == []
    assert without_markup(text) is text


@pytest.mark.parametrize("unit", ["<think>", "<p ", "[1,", "(1,2),", "&lt;", "<|", "<box>", "***"])
def test_long_texts_take_no_long_time(unit: str) -> None:
    started = time.process_time()
    without_markup(unit * (1_000_000 // len(unit)))
    assert time.process_time() - started < 20


def answer(id_: str, caption: str, *texts: str) -> Prediction:
    return Prediction(id_, Grounding(caption, tuple(Phrase(text) for text in texts)))


def problems(*predictions: Prediction) -> list[str]:
    return [oddity.problem for oddity in text_oddities(predictions)]


# what markup is made of, in pieces that come together by chance
_PIECES = st.sampled_from([
    "<", ">", "/", "p", "s", "|", "im_end", "[", "]", "SEG", "1", "23", ".5", ",", " ", "\n", "(",
    ")", "&", "amp;", "\\", "n", "u0041", "ASSISTANT", ":", "Caption", "model", "#", "##", "`", "*",
    "-", "b'", "'", '"', "{", "}", "\u2022", "\u2581", "\u0120", "\u200b", "\x00", "a", "dog",
    "\uff5c",
])  # fmt: skip


@given(st.lists(_PIECES, max_size=8).map("".join))
def test_no_text_with_markup_is_passed_over(text: str) -> None:
    held = [match.group().strip() for match in _MARKUP.finditer(text)]
    assert markup(text) == held


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=24))
def test_every_loop_of_words_is_seen(words: list[str]) -> None:
    looped = any(
        words[start : start + period] * 5 == words[start : start + 5 * period]
        for period in range(1, 9)
        for start in range(len(words))
        if start + 5 * period <= len(words)
    )
    half = len(words) // 2
    twice = half >= 4 and words[:half] == words[half:]
    assert bool(_loop(" ".join(words))) == (looped or twice)


def test_sound_answers_have_no_oddity() -> None:
    sound = [
        answer("a", "A man in a red coat sits.", "A man", "a red coat"),
        answer("b", "Two dogs; one <3 of them!", "two  dogs"),
        Prediction("c", error="out of memory"),
        Prediction("d", refused=True),
    ]
    assert problems(*sound) == []
    assert problems() == []


def test_markup_is_counted_with_an_example() -> None:
    marked = answer("b", "<p> A man </p> [SEG].", "A man")
    assert problems(answer("a", "A dog.", "A dog"), marked, answer("c", "A [SEG].")) == [
        "2 of 3 answers hold markup ([SEG] 2 times, <p> 1 times, </p> 1 times), as in b"
        " ('<p> A man </p> [SEG].')"
    ]


def test_one_phrase_many_times_is_said() -> None:
    caption = "A man and a dog."
    assert problems(answer("a", caption, *["a man"] * 9)) == []
    (problem,) = problems(answer("a", caption, *["a man"] * 20, *["A Man "] * 20))
    assert problem == "1 of 1 answers hold one phrase 10 times or more, as in a ('a man')"


def test_a_caption_that_repeats_itself_is_said() -> None:
    assert problems(answer("a", "A man, a man, a man and a man.")) == []
    (problem,) = problems(answer("a", "There is " + "a man and " * 40 + "a dog."))
    assert problem.endswith("repeat the same words, as in a ('a man and')")


def test_a_caption_that_stands_twice_is_said() -> None:
    assert problems(answer("a", "A man sits. A man runs.")) == []
    (problem,) = problems(answer("a", "A man sits here. A man sits here."))
    assert problem == "1 of 1 answers repeat the same words, as in a ('a man sits here')"


def test_one_caption_for_all_images_is_said() -> None:
    others = [answer("c", "A dog."), answer("d", "A cat.")]
    assert problems(answer("a", "A man."), answer("b", "A man."), *others) == []
    found = problems(*(answer(id_, "A man. ") for id_ in "ab"), answer("c", "A man."))
    assert found == ["3 of 3 answers have the same caption, as in a ('A man.')"]


def test_one_beginning_for_all_captions_is_said() -> None:
    answers = [answer(id_, f"Sure! Here it is: a {id_}.") for id_ in ("man", "dog", "cat")]
    assert problems(*answers) == [
        "3 of 3 answers begin with the same words and a colon, as in man ('Sure! Here it is:')"
    ]
    assert problems(*answers[:2], answer("x", "A tree."), answer("y", "A house.")) == []


def test_damaged_characters_are_said() -> None:
    texts = [
        "A man\u00e2\u20ac\u2122s coat.",
        "A caf\u00c3\u00a9.",
        "A man\ufffd.",
        "A \ud83d dog.",
    ]
    for text in texts:
        (problem,) = problems(answer("a", text))
        assert "1 of 1 answers hold characters that a wrong encoding damaged" in problem
    assert problems(answer("a", "Un caf\u00e9, \u00c0 l'\u00e2ne, 3 \u20ac.")) == []


def test_phrases_without_words_are_counted() -> None:
    (problem,) = problems(answer("a", "A man.", "", "...", "A man"))
    assert problem == "2 of 3 phrases hold no words, as in a"


def test_a_phrase_with_the_same_mask_again_is_counted() -> None:
    masks = [Mask(2, 2, compress(np.array(runs))) for runs in ([4], [0, 4])]
    phrases = [Phrase("a man", (masks[k],)) for k in (0, 0, 0, 1)]
    (problem,) = problems(Prediction("a", Grounding("a man.", tuple(phrases))))
    assert problem == "2 of 4 phrases repeat a phrase and its mask, as in a ('a man')"


def test_phrases_from_nowhere_are_counted() -> None:
    found = problems(
        answer("a", "A man sits.", "the man", "A man"), answer("b", "A dog.", "dog", "do")
    )
    assert found == ["2 of 4 phrases are not in their caption, as in a ('the man')"]


def test_equal_captions_are_odd_only_where_captions_matter() -> None:
    # a model that answers every expression with "It is [SEG]." is right to do so
    answers = [answer(str(k), "It is.") for k in range(6)]
    assert any("have the same caption" in problem for problem in problems(*answers))
    assert text_oddities(answers, captioned=False) == []


def test_empty_captions_are_counted_where_answers_have_captions() -> None:
    answers = [answer("a", "A man."), answer("b", " "), answer("c", "<p></p>")]
    assert "2 of 3 answers have an empty caption, as in b" in problems(*answers)
    assert text_oddities([answer("a", ""), answer("b", "", "x")], captioned=False) == []
    assert problems(answer("a", "", "x")) == ["1 of 1 answers have an empty caption, as in a"]


def test_captions_that_are_cut_are_counted() -> None:
    assert problems(answer("a", "A man sits on a")) == [
        "1 of 1 answers have a caption that seems cut off, as in a ('A man sits on a')"
    ]
    ended = [answer(str(k), f"Man {k} sits on a bench in the park.") for k in range(8)]
    (problem,) = problems(*ended, answer("x", "A man sits on a bench in the par"))
    assert problem.startswith("1 of 9 answers have a caption that seems cut off")
    assert problems(*ended, answer("x", "A man")) == []
    unended = [answer(str(k), f"Man {k} sits on a bench") for k in range(8)]
    assert problems(*unended) == []


def written(tmp_path: Path) -> Path:
    path = tmp_path / "p.jsonl"
    phrases = [
        {"text": "<p>A man</p>", "span": [3, 8], "score": 0.5},
        {"text": "a bench", "span": [28, 35]},
        {"text": "a bench", "span": [0, 1]},
    ]
    record = {"id": "a", "caption": "<p>A man</p> [SEG] sits on <a bench</s>", "raw": "<p>A man"}
    path.write_text(json.dumps({**record, "phrases": phrases}) + "\n", encoding="utf-8")
    return path


def test_check_warns_and_fix_cleans(tmp_path: Path) -> None:
    path, out = written(tmp_path), tmp_path / "out.jsonl"
    ((level, fault),) = check(path)
    assert (level, fault.image) == ("warning", "a")
    assert "hold markup" in fault.problem
    assert "--fix" in fault.remedy
    repair = fix(path, out)
    assert [done for _, done in repair.changes] == ["markup removed"]
    (fixed,) = read_predictions(out)
    assert fixed.raw == "<p>A man"
    assert fixed.grounding.caption == "A man sits on <a bench"
    assert [(one.text, one.span, one.score) for one in fixed.grounding.phrases] == [
        ("A man", (0, 5), 0.5),
        ("a bench", (15, 22), None),
        ("a bench", (15, 22), None),
    ]
    assert check(out) == []


def test_what_is_clean_is_not_changed() -> None:
    prediction = Prediction("a", Grounding("A man.", (Phrase("A man", span=(0, 5)),)))
    assert clean(prediction) == prediction


def test_letters_in_an_unusual_form_of_unicode_are_counted() -> None:
    # METEOR of an equal caption falls to 0.48 when "cafe" has its accent as a second character
    apart, wide = "A cafe\u0301.", "A \uff43\uff41\uff46\uff45."
    for text in (apart, wide):
        assert problems(answer("x", "A caf\u00e9."), answer("y", text)) == [
            f"1 of 2 answers hold letters in an unusual form of Unicode, as in y ({text[2:]!r})"
        ]
    usual = "Un caf\u00e9, \u4e00\u676f\u5496\u5561, \ucee4\ud53c, 5 m\u00b2, \u2122, \u2026."
    assert problems(answer("x", usual, "caf\u00e9")) == []
