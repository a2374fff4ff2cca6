"""The slow tokeniser's behaviour on a small vocabulary; the goldens test the published one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcg_bench.errors import BadData, MissingData
from gcg_bench.glamm.splicing import IMAGE
from gcg_bench.glamm.tokens import ADDED_TOKENS, Tokenizer


def pieces(tokenizer, text):
    return [tokenizer._pieces.id_to_piece(i) if i < 380 else i for i in tokenizer.encode(text)]


def test_added_tokens_swallow_white_space_and_restart_words(tokenizer):
    word = tokenizer.encode("red")
    assert tokenizer.encode("red  [SEG]\n red") == [*word, tokenizer.seg, *word]
    assert pieces(tokenizer, "[SEG].")[1:] == ["▁", "."] or pieces(tokenizer, "[SEG].")[1] == "▁."


def test_special_tokens_leave_white_space_alone(tokenizer):
    assert tokenizer.encode("</s>") == [tokenizer.eos]
    glued, spaced = tokenizer.encode("red</s>red"), tokenizer.encode("red</s> red")
    assert glued != spaced
    assert glued.count(tokenizer.eos) == spaced.count(tokenizer.eos) == 1


def test_prompt_keeps_one_start_and_marks_the_image(tokenizer):
    ids = tokenizer.encode_prompt("a <im_start><image><im_end> red")
    start, end = tokenizer.added["<im_start>"], tokenizer.added["<im_end>"]
    middle = ids.index(IMAGE)
    assert ids[0] == tokenizer.bos
    assert ids[middle - 1 : middle + 2] == [start, IMAGE, end]
    assert ids.count(tokenizer.bos) == 1
    assert ids[middle + 2 :] == tokenizer.encode("red")


def test_empty_text(tokenizer):
    assert tokenizer.encode("") == []
    assert tokenizer.decode([]) == ""
    assert tokenizer.decode_aligned([IMAGE]).text == ""


def test_decoding_joins_with_single_spaces(tokenizer):
    ids = tokenizer.encode("<p> a red circle </p> [SEG] is")
    assert tokenizer.decode(ids) == "<p> a red circle </p> [SEG] is"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="▁\x00"), max_size=40))
@settings(max_examples=60, deadline=None)
def test_every_character_has_an_origin_in_order(tokenizer, text):
    ids = [*tokenizer.encode(text), tokenizer.seg, *tokenizer.encode(text), tokenizer.eos]
    traced = tokenizer.decode_aligned(ids)
    known = [origin for origin in traced.origins if origin >= 0]
    assert len(traced.text) == len(traced.origins)
    assert known == sorted(known)
    assert all(origin < len(ids) for origin in known)
    assert traced.text == tokenizer.decode(ids)


def test_origins_point_at_the_token_that_wrote_the_character(tokenizer):
    ids = tokenizer.encode("a small yellow ring")
    traced = tokenizer.decode_aligned(ids)
    for index, number in enumerate(ids):
        written = "".join(c for c, o in zip(traced.text, traced.origins, strict=True) if o == index)
        assert written.strip() == tokenizer._pieces.id_to_piece(number).replace("▁", " ").strip()


def test_a_character_of_several_byte_tokens_is_whole(tokenizer):
    ids = tokenizer.encode("a 好 b")
    assert tokenizer.decode(ids) == "a 好 b"
    assert len(tokenizer.decode_aligned(ids).origins) == len("a 好 b")


def test_files_round_trip(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    back = Tokenizer.load(tmp_path)
    assert back.added == {token: 380 + k for k, token in enumerate(ADDED_TOKENS)}
    assert back.vocabulary == 387
    assert back.encode("a red circle [SEG]") == tokenizer.encode("a red circle [SEG]")


def test_added_tokens_of_newer_writers(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    (tmp_path / "added_tokens.json").unlink()
    table = {str(number): {"content": token} for token, number in tokenizer.added.items()}
    table["2"] = {"content": "</s>"}
    written = json.dumps({"added_tokens_decoder": table})
    (tmp_path / "tokenizer_config.json").write_text(written)
    assert Tokenizer.load(tmp_path).added == tokenizer.added


def test_what_is_no_tokeniser(tokenizer, tmp_path):
    with pytest.raises(MissingData, match=r"tokenizer\.model"):
        Tokenizer.load(tmp_path)
    with pytest.raises(BadData, match="not a sentencepiece model"):
        Tokenizer(b"nonsense", tokenizer.added)
    tokenizer.save(tmp_path)
    (tmp_path / "added_tokens.json").write_text('{"<p>": 380, "</p>": 381}')
    with pytest.raises(BadData, match=r"\[SEG\]"):
        Tokenizer.load(tmp_path)
    (tmp_path / "added_tokens.json").write_text("{")
    with pytest.raises(BadData, match="not JSON"):
        Tokenizer.load(tmp_path)
