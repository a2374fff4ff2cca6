"""Loading and saving of weights: every layout, every entry matched, every kind of damage named."""

import json
import re
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from gcg_bench.errors import BadData, MissingData
from gcg_bench.glamm.assembly import build
from gcg_bench.glamm.configuration import GlammConfig
from gcg_bench.glamm.convert import load, map_weights, read_config, save
from gcg_bench.glamm.names import TOWER, tower_names
from gcg_bench.glamm.shapes import grounding_sizes, region_sizes, vision_sizes


def state(model):
    return {name: tuple(weight.shape) for name, weight in model.state_dict().items()}


@pytest.fixture(scope="module")
def real():
    with torch.device("meta"):
        return build(GlammConfig())


def test_every_key_of_the_real_configuration(real, published_shapes):
    assert len(published_shapes) == 1359
    found = map_weights(state(real), published_shapes)
    assert len(found.used) == 1327
    assert len(found.ignored) == 32
    assert set(found.used) | set(found.ignored) == set(published_shapes)
    assert not set(found.used) & set(found.ignored)
    assert all("inv_freq" in name for name in found.ignored)
    assert len(set(found.used.values())) == len(found.used)


def test_real_sizes_from_shapes_alone(published_shapes):
    config = GlammConfig()
    assert vision_sizes(published_shapes) == config.vision
    assert grounding_sizes(published_shapes) == config.grounding
    assert region_sizes(published_shapes) == config.region


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("lm_head.weight"), "1 missing: lm_head.weight"),
        (lambda s: s.update({"model.extra": (1,)}), "1 unknown: model.extra"),
        (lambda s: s.update({"lm_head.weight": (32000, 4096)}), "1 of another shape: lm_head"),
        (lambda s: s.pop("model.text_hidden_fcs.0.0.bias"), "1 missing: model.text_hidden"),
    ],
)
def test_an_account_that_does_not_add_up(real, published_shapes, change, words):
    shapes = dict(published_shapes)
    change(shapes)
    with pytest.raises(BadData, match=words.replace(".", r"\.")):
        map_weights(state(real), shapes)


def weights_of(folder):
    tower = load_file(folder.parent / "clip-vit-tiny-patch14-336" / "model.safetensors")
    kept, ignored = tower_names(tower)
    assert ignored == {}
    return load_file(folder / "model.safetensors"), {kept[name]: tower[name] for name in tower}


def single(folder, tensors):
    save_file(tensors, folder / "model.safetensors")


def sharded_safetensors(folder, tensors):
    shards(folder, tensors, "model", "safetensors", save_file)


def single_bin(folder, tensors):
    torch.save(tensors, folder / "pytorch_model.bin")


def sharded_bin(folder, tensors):
    shards(folder, tensors, "pytorch_model", "bin", torch.save)


def shards(folder, tensors, stem, suffix, write):
    table, names = {}, sorted(tensors)
    for index in range(3):
        file = f"{stem}-{index + 1:05d}-of-00003.{suffix}"
        own = {name: tensors[name] for name in names[index::3]}
        write(own, folder / file)
        table |= dict.fromkeys(own, file)
    (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps({"weight_map": table}))


@pytest.fixture(scope="module")
def golden_weights(shared):
    folder = shared / "tiny_checkpoint" / "glamm"
    own, tower = weights_of(folder)
    return folder, own, tower, load(folder).state_dict()


@pytest.mark.parametrize("layout", [single, sharded_safetensors, single_bin, sharded_bin])
@pytest.mark.parametrize("with_tower", [True, False])
@pytest.mark.parametrize("mixed", [True, False])
def test_golden_checkpoint_in_every_layout(golden_weights, tmp_path, layout, with_tower, mixed):
    source, own, tower, expected = golden_weights
    tensors = dict(own) | (tower if with_tower else {})
    if mixed:  # as after the published merge: SAM and the [SEG] projection in float32
        tensors = {
            name: weight.float() if "grounding" in name or "text_hidden" in name else weight
            for name, weight in tensors.items()
        }
    folder = tmp_path / "glamm"
    folder.mkdir()
    shutil.copy(source / "config.json", folder)
    layout(folder, tensors)
    # The tower's config.json is beside it; its weights only when they are needed.
    aside = folder.parent / "clip-vit-tiny-patch14-336"
    shutil.copytree(source.parent / aside.name, aside)
    if with_tower:
        (aside / "model.safetensors").unlink()
    loaded = load(folder)
    assert not loaded.training
    assert loaded.dtype == torch.float32
    weights = loaded.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_a_missing_tower_says_what_to_put_where(golden_weights, tmp_path):
    source, *_ = golden_weights
    shutil.copytree(source, tmp_path / "glamm")
    with pytest.raises(MissingData, match=re.escape(f"of the same name in {tmp_path}")):
        load(tmp_path / "glamm")


def test_saved_models_come_back(small, small_config, tmp_path):
    save(small, tmp_path)
    back = load(tmp_path)
    assert back.config == small_config == read_config(tmp_path)
    assert state(back) == state(small)
    assert all(
        torch.equal(a, b) for a, b in zip(back.parameters(), small.parameters(), strict=True)
    )
    save(small, tmp_path / "half", dtype=torch.bfloat16)
    sizes = [
        (folder / "model.safetensors").stat().st_size for folder in (tmp_path, tmp_path / "half")
    ]
    assert sizes[1] < 0.6 * sizes[0]
    half = load(tmp_path / "half", dtype=torch.bfloat16)
    assert half.dtype == torch.bfloat16
    assert half.language_model.model.rotary_emb.inv_freq.dtype == torch.float32


@pytest.fixture
def saved(small, tmp_path):
    save(small, tmp_path)
    return tmp_path


def taken(folder):
    """The tensors of a folder, after their file is deleted."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    return tensors


def test_damage_is_named(saved):
    whole = (saved / "model.safetensors").read_bytes()
    (saved / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadData, match="Download it again"):
        load(saved)
    (saved / "model.safetensors").unlink()
    with pytest.raises(MissingData, match=r"expected one of model\.safetensors"):
        load(saved)
    (saved / "config.json").write_text("[1, 2]")
    with pytest.raises(BadData, match="one JSON object"):
        load(saved)
    (saved / "config.json").unlink()
    with pytest.raises(MissingData, match=r"config\.json"):
        load(saved)


def test_a_bin_file_runs_no_code(saved, tmp_path):
    """A pickle that names a function is refused, and the function is not called."""
    taken(saved)
    torch.save({"a": print}, saved / "pytorch_model.bin")
    with pytest.raises(BadData, match="without running code"):
        load(saved)
    torch.save([torch.zeros(1)], saved / "pytorch_model.bin")
    with pytest.raises(BadData, match="table of tensors"):
        load(saved)


def test_an_index_that_lies(saved):
    tensors = taken(saved)
    sharded_safetensors(saved, tensors)
    index = saved / "model.safetensors.index.json"
    table = json.loads(index.read_text())["weight_map"]
    first = min(table)
    index.write_text(json.dumps({"weight_map": table | {"ghost": table[first]}}))
    with pytest.raises(BadData, match="ghost: in the index only"):
        load(saved)
    index.write_text(json.dumps({"weight_map": {k: v for k, v in table.items() if k != first}}))
    with pytest.raises(BadData, match="in the shard only"):
        load(saved)
    (saved / table[first]).unlink()
    index.write_text(json.dumps({"weight_map": table}))
    with pytest.raises(MissingData, match=table[first]):
        load(saved)
    index.write_text(json.dumps({"weight_map": 3}))
    with pytest.raises(BadData, match="weight_map"):
        load(saved)


def test_the_text_half_of_a_clip_is_left_aside():
    own = "vision_model.embeddings.class_embedding"
    aside = {"text_model.final_layer_norm.bias", "logit_scale"}
    stale = "vision_model.embeddings.position_ids"
    kept, ignored = tower_names([own, stale, *aside])
    assert kept == {own: TOWER + "embeddings.class_embedding"}
    assert set(ignored) == aside | {stale}
    assert tower_names(["embeddings.class_embedding"])[0] == {
        "embeddings.class_embedding": TOWER + "embeddings.class_embedding"
    }


def test_damaged_shards_and_indices_are_named(saved):
    tensors = taken(saved)
    torch.save(tensors, saved / "pytorch_model.bin")
    whole = (saved / "pytorch_model.bin").read_bytes()
    (saved / "pytorch_model.bin").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadData, match=r"pytorch_model\.bin"):
        load(saved)
    (saved / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(BadData, match=r"pytorch_model\.bin"):
        load(saved)
    (saved / "pytorch_model.bin").unlink()
    (saved / "pytorch_model.bin.index.json").write_text("{")
    with pytest.raises(BadData, match=r"index\.json: not JSON"):
        load(saved)


def test_a_name_in_two_shards(saved):
    tensors = taken(saved)
    sharded_safetensors(saved, tensors)
    index = saved / "model.safetensors.index.json"
    table = json.loads(index.read_text())["weight_map"]
    first, other = min(table), max(table)
    assert table[first] != table[other]
    shard = load_file(saved / table[other])
    save_file(shard | {first: tensors[first]}, saved / table[other])
    with pytest.raises(BadData, match="also in another shard"):
        load(saved)


def test_a_checkpoint_of_something_else(saved):
    taken(saved)
    save_file({"bert.embeddings": torch.zeros(2)}, saved / "model.safetensors")
    with pytest.raises(BadData, match=r"image_encoder\.patch_embed.*: not in the checkpoint"):
        read_config(saved)


def test_a_checkpoint_without_region_encoder(small_config, tmp_path):
    bare = build(replace(small_config, region=None))
    save(bare, tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    del settings["region"]  # as in a published config.json, which never has it
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert load(tmp_path).region_encoder is None
