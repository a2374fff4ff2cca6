"""What fuzzing found, made small: each was a crash, or an exception that is none of ours."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from fuzz import of_annotations, of_models, of_predictions, of_runs
from pyarrow import parquet
from support.scored import AP_STRICT, SMALL_STRICT, confident, result, run_folder
from support.scored import rows as counted

from gcg_bench.data import load_dataset
from gcg_bench.data.cards import load_card
from gcg_bench.errors import BadData, GcgBenchError, MissingData, UnknownName
from gcg_bench.files.images import read_pixels
from gcg_bench.reporting.report.header import protocols, settings
from gcg_bench.reporting.report.material import Material
from gcg_bench.runs import Run
from gcg_bench.runs.accepting import accept_edits
from gcg_bench.scoring.scored_run import Run as ScoredRun
from gcg_bench.scoring.storage import load_result

FOUND = Path(__file__).parent / "found"
HUGE = 10**400


def refused(reader, given, folder, match=None):
    with pytest.raises(GcgBenchError, match=match):
        reader(given, folder)


# Annotations -----------------------------------------------------------------------------------


def coco(**changes):
    """The files of the published layout with one annotation's fields changed."""
    masks = of_annotations._tree("grandf/GranDf/annotations/val_test/val_gcg_coco_mask_gt.json")
    captions = of_annotations._tree(
        "grandf/GranDf/annotations/val_test/val_gcg_coco_caption_gt.json"
    )
    for row in (masks["annotations"][0], captions["images"][0], masks["images"][0]):
        row.update({name: value for name, value in changes.items() if name in row})
    return {"masks": json.dumps(masks).encode(), "captions": json.dumps(captions).encode()}


@pytest.mark.parametrize(
    "changes", [{"area": HUGE}, {"area": -HUGE}, {"bbox": [HUGE, 0, 1, 1]}, {"bbox": [1e308] * 4}]
)
def test_areas_and_boxes_beyond_floats_are_only_odd(tmp_path, changes):
    of_annotations._COCO[1](coco(**changes), tmp_path)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "b" * 5000, "/etc/passwd", "..", "~/x"])
def test_file_names_that_no_system_has(tmp_path, name):
    refused(
        of_annotations._COCO[1],
        coco(file_name=name),
        tmp_path,
        "the file name .*(contains|leads|is)",
    )


def test_categories_and_owners_that_are_whole_trees(tmp_path):
    deep = json.loads("[" * 900 + "]" * 900)
    of_annotations._COCO[1](coco(category_id=deep), tmp_path)


def test_boxes_of_numbers_beyond_floats(tmp_path):
    row = {**of_annotations.ROWS[0], "regions": [[0, 0, 1, HUGE]]}
    refused(of_annotations._read_rows, json.dumps(row).encode(), tmp_path, r"regions\[0\]")
    tree = of_annotations.FLICKR
    rows = [{**tree["annotations"][0], "bbox": [1, 2.5, HUGE, 3]}, *tree["annotations"][1:]]
    data = json.dumps({**tree, "annotations": rows}).encode()
    refused(of_annotations._FLICKR[1], {"annotations": data}, tmp_path, "bbox: should be four")


def test_messages_are_short_whatever_a_file_says(tmp_path):
    (tmp_path / "p.jsonl").write_text(
        json.dumps({"id": "a", "caption": "a", "phrases": [{"x" * 10**5: 1}]})
    )
    with pytest.raises(BadData) as caught:
        of_predictions.read(tmp_path / "p.jsonl", tmp_path)
    assert len(str(caught.value)) < 2000
    with pytest.raises(UnknownName) as unknown:
        load_card("x" * 10**5)
    assert len(str(unknown.value)) < 2000


# Tables ----------------------------------------------------------------------------------------


def test_a_table_whose_statistics_end_pyarrow(tmp_path):
    code = (
        "from gcg_bench.data import load_dataset\n"
        "from gcg_bench.errors import GcgBenchError\n"
        "try:\n    load_dataset(r'{}', 'val')\n"
        "except GcgBenchError as error:\n    print('told:', error)\n"
    ).format(FOUND / "statistics.parquet")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "columns",
    [
        {"id": pa.array([b"\xff"]).cast(pa.binary()).view(pa.binary())},
        {"id": ["a"], "image": ["text"]},
        {"id": [None]},
        {"id": [["a"]]},
        {"x": [1]},
    ],
)
def test_tables_of_other_things(tmp_path, columns):
    parquet.write_table(pa.table(columns), tmp_path / "val.parquet")
    with pytest.raises(BadData):
        load_dataset(tmp_path / "val.parquet", "val")


def test_a_table_of_text_that_is_not_utf8(tmp_path):
    data = of_annotations._SOUND_TABLE.replace(b"A cat sleeps.", b"A cat \xff\xfeeeps.")
    refused(of_annotations._read_table, data, tmp_path, "not a parquet file that can be read")


ROWS = {"id": ["image_0", "image_1", "image_2"]}


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("miou.miou", ["a cat"] * 3),
        ("miou.miou", [[1.0], [2.0], [3.0]]),
        ("miou.miou", [1.0, None, 2.0]),
        ("miou.miou", [{"a": 1}] * 3),
        ("miou.miou", [1e308] * 3),
        ("miou.miou", [b"x"] * 3),
        ("id", [1, 2, 3]),
        ("id", ["image_0"] * 3),
        ("id", [None] * 3),
        ("id", [["a"]] * 3),
    ],
)
def test_rows_of_other_things(tmp_path, name, column):
    folder = run_folder(tmp_path / "run", "m", counted([1, 2, 3])).folder
    file = folder / "gcg.strict-2" / "rows.parquet"
    kept = parquet.read_table(file).to_pydict()
    parquet.write_table(pa.table({**kept, name: column}), file)
    of_runs.refit(folder)
    with pytest.raises(BadData):
        load_result(Run.open(folder), "gcg.strict-2")


def test_rows_with_a_name_twice(tmp_path):
    folder = run_folder(tmp_path / "run", "m", counted([1, 2, 3])).folder
    file = folder / "gcg.strict-2" / "rows.parquet"
    table = parquet.read_table(file)
    parquet.write_table(table.append_column("id", table.column("id")), file)
    with pytest.raises(BadData, match="two columns with the same name"):
        ScoredRun.open(folder).rows()


def test_lists_of_one_image_that_are_not_of_one_length(tmp_path):
    found = {"ap50_scored": confident([[(0.9, True)], [(0.8, False)]])}
    folder = run_folder(tmp_path / "run", "m", found, protocols=[AP_STRICT]).folder
    load_result(Run.open(folder), "gcg.strict-2")
    file = folder / "gcg.strict-2" / "rows.parquet"
    kept = parquet.read_table(file).to_pydict()
    parquet.write_table(pa.table({**kept, "ap50_scored.confidences": [[0.9, 0.1], [0.8]]}), file)
    of_runs.refit(folder)
    with pytest.raises(BadData, match="the lists of ap50_scored are not of one length"):
        load_result(Run.open(folder), "gcg.strict-2")


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\0" * 20 + b"PAR1", b"\xff" * 100])
def test_rows_that_are_no_table(tmp_path, data):
    folder = run_folder(tmp_path / "run", "m", counted([1, 2, 3])).folder
    (folder / "gcg.strict-2" / "rows.parquet").write_bytes(data)
    of_runs.refit(folder)
    with pytest.raises(BadData, match="Delete it and score the run again"):
        load_result(Run.open(folder), "gcg.strict-2")


# Runs ------------------------------------------------------------------------------------------


def test_a_report_of_one_image_does_not_know_the_gate():
    alone = replace(result(SMALL_STRICT, counted([3])), false_accept=None)
    material = Material("t", (), (alone,), None, {}, {})
    assert dict(protocols(material)[0].facts)["false-accept rate"] == "–"


@pytest.mark.parametrize("change", [{"protocol": "a" * 5000}, {"version": 7}, {"protocol": "x/y"}])
def test_scores_of_another_protocol_than_their_folder(tmp_path, change):
    folder = run_folder(tmp_path / "run", "m", counted([1, 2, 3])).folder
    file = folder / "gcg.strict-2" / "scores.json"
    text = file.read_text()
    if "version" in change:  # which the signature says as well
        text = text.replace("protocol:strict-2|", "protocol:strict-7|")
    file.write_text(json.dumps({**json.loads(text), **change}))
    with pytest.raises(BadData, match=r"lies in the folder|protocol: cannot be"):
        load_result(Run.open(folder), "gcg.strict-2")


def test_settings_are_no_deeper_than_a_page_shows(tmp_path):
    folder = run_folder(tmp_path / "run", "m", counted([1, 2, 3])).folder
    kept = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**kept, "x": json.loads("[" * 60 + "]" * 60)}))
    accept_edits(folder)
    assert "x" in dict(settings(Run.open(folder).settings))
    deep = json.loads('{"a":' * 500 + "1" + "}" * 500)
    (folder / "run.json").write_text(json.dumps({**kept, "x": deep}))
    with pytest.raises(BadData, match="nested more than 64 deep"):
        Run.open(folder)


@pytest.mark.parametrize("cell", ["9" * 4000, "-" + "9" * 400, "1e400", "nan"])
def test_a_board_of_absurd_numbers(tmp_path, cell):
    headings = "model,protocol,task,scores,measurement,answered,n,F1"
    board = f"{headings}\nm,strict-2,gcg,{{}},{{}},{{}},{cell},0.5\n".encode()
    refused(of_runs.read_board, board, tmp_path, "no whole number")


def test_a_scored_name_that_is_longer_than_a_path(tmp_path):
    folder = run_folder(tmp_path / "run", "m", counted([1, 2, 3]), dataset="x" * 5000)
    from gcg_bench.reporting.citations import bibliography

    assert "whose card is not here" in bibliography([folder]).bibtex()


def test_a_card_at_a_path_that_no_system_has():
    for name in ("x/" * 3000, "a\0b/c", "\ud800/x"):
        with pytest.raises((MissingData, UnknownName)):
            load_card(name)


# Models ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"num_attention_heads": 0},
        {"hidden_size": -32},
        {"rope_theta": HUGE},
        {"rms_norm_eps": float("nan")},
        {"num_hidden_layers": 10**12},
        {"vocab_size": True},
        {"vision": {"patch_size": 0}},
        {"vision": {"image_size": 0}},
        {"vision": {"hidden_act": "__import__"}},
        {"vision": {"select_layer": 10**6}},
        {"grounding": {"global_layers": [-1]}},
        {"grounding": {"global_layers": [10**9]}},
        {"region": {"groups": 0}},
        {"region": {"levels": -1}},
        {"x": "DIGITS"},
        {"x": "DEEP"},
    ],
)
def test_sizes_that_no_model_has(tmp_path, changes):
    data = json.dumps({**of_models._config(), **changes})
    data = data.replace('"DIGITS"', "9" * 5000).replace('"DEEP"', "[" * 5000 + "]" * 5000)
    refused(of_models.read_config, (data.encode(), False), tmp_path)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("model.grounding_encoder.image_encoder.patch_embed.proj.weight", (16,)),
        ("model.grounding_encoder.image_encoder.patch_embed.proj.weight", (0, 3, 16, 16)),
        ("model.grounding_encoder.image_encoder.pos_embed", (1, 0, 4, 16)),
        ("model.grounding_encoder.image_encoder.blocks.0.attn.rel_pos_h", (3,)),
        ("model.grounding_encoder.image_encoder.blocks.0.attn.rel_pos_h", None),
        (
            "model.grounding_encoder.mask_decoder.transformer.final_attn_token_to_image.q_proj.weight",
            (0, 1),
        ),
        ("model.vision_tower.vision_tower.vision_model.embeddings.patch_embedding.weight", (8,)),
    ],
)
def test_shapes_that_no_weight_has(tmp_path, name, shape):
    shapes = dict(of_models._shapes())
    assert name in shapes
    del shapes[name]
    refused(of_models.read_shapes, shapes if shape is None else {**shapes, name: shape}, tmp_path)


def test_layers_that_are_numbered_beyond_counting(tmp_path):
    shapes = dict(of_models._shapes())
    shapes[f"model.grounding_encoder.image_encoder.blocks.{'9' * 5000}.attn.rel_pos_h"] = (3, 4)
    of_models.read_shapes(shapes, tmp_path)


@pytest.mark.parametrize(
    "added",
    [
        [],
        {"[SEG]": "5", "<p>": 6, "</p>": 7},
        {"[SEG]": [5], "<p>": 6, "</p>": 7},
        {"[SEG]": -1, "<p>": 6, "</p>": 7},
        {"[SEG]": True, "<p>": 6, "</p>": 7},
        {"[SEG]": 10**12, "<p>": 6, "</p>": 7},
        {"": 4, "[SEG]": 5, "<p>": 6, "</p>": 7},
    ],
)
def test_added_tokens_that_are_none(tmp_path, added):
    files = {"tokenizer.model": of_models._vocabulary()[0]}
    refused(
        of_models.read_vocabulary,
        {**files, "added_tokens.json": json.dumps(added).encode()},
        tmp_path,
    )


@pytest.mark.parametrize("piece", [b"<unk>", b"chat"])
def test_a_piece_of_a_vocabulary_that_is_no_text(tmp_path, piece):
    """Found by atheris: one of the vocabulary's own tokens; any other would fail in an answer."""
    model, added = of_models._vocabulary()
    spoilt = model.replace(piece, b"\x80" + piece[1:], 1)
    files = {"tokenizer.model": spoilt, "added_tokens.json": json.dumps(added).encode()}
    refused(of_models.read_vocabulary, files, tmp_path, "not UTF-8")


@pytest.mark.parametrize(
    "decoder",
    [
        [],
        {"x": {"content": "[SEG]"}},
        {"5": "[SEG]"},
        {"5": {}},
        {"5": {"content": ["[SEG]"]}},
        {"9" * 5000: {"content": "[SEG]"}},
    ],
)
def test_newer_added_tokens_that_are_none(tmp_path, decoder):
    files = {"tokenizer.model": of_models._vocabulary()[0]}
    data = json.dumps({"added_tokens_decoder": decoder}).encode()
    refused(of_models.read_vocabulary, {**files, "tokenizer_config.json": data}, tmp_path)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80\x02.", b"\x80\x04K", b"\x80", b"(lp0\n.", b"PK\x03\x04", b"\x80\x02X\xff", b"0"],
)
def test_weights_that_are_torn(tmp_path, data):
    refused(of_models.read_weights, {"pytorch_model.bin": data}, tmp_path)


@pytest.mark.parametrize("name", ["b" * 5000, "a\0b", "x/" * 4000, ["a"], {"a": 1}, 5])
def test_towers_that_no_folder_is_named(tmp_path, name):
    from gcg_bench.adapters.glamm import find

    (tmp_path / "config.json").write_text(json.dumps({"mm_vision_tower": name}))
    (tmp_path / "model.safetensors").write_bytes(of_models._weights()[0])
    with pytest.raises(GcgBenchError):
        find(str(tmp_path))


@pytest.mark.parametrize("shard", ["", "..", "a\0b", "x" * 5000, 5, None])
def test_shards_that_no_folder_has(tmp_path, shard):
    index = json.dumps({"weight_map": {"a": shard}}).encode()
    refused(of_models.read_weights, {"model.safetensors.index.json": index}, tmp_path)


# Pictures --------------------------------------------------------------------------------------


def test_an_image_with_a_broken_directory_is_no_image(tmp_path):
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(stream, "TIFF")
    data = stream.getvalue()
    for cut in range(4, len(data), 7):
        (tmp_path / "a.tif").write_bytes(data[:cut] + b"\xff\x00" + data[cut + 2 :])
        try:
            assert read_pixels(tmp_path / "a.tif", 4, 4).shape == (4, 4, 3)
        except BadData:
            continue


def test_cards_that_name_no_plain_files_are_not_asked_where_they_are(tmp_path):
    card = replace(of_annotations.CARD, home=tmp_path)
    with pytest.raises(UnknownName):
        card.split("x" * 5000)
