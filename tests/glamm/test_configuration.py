"""Sizes: stated in config.json, missing from it, and impossible ones."""

import json
from dataclasses import replace

import pytest

from gcg_bench.errors import BadData
from gcg_bench.glamm.configuration import GlammConfig, RegionConfig, VisionConfig, clip_config


def test_published_config_json(shared):
    settings = json.loads((shared / "tiny_checkpoint/glamm/config.json").read_text())
    config = GlammConfig.parse(settings)
    language = config.language
    assert (language.hidden_size, language.num_hidden_layers) == (128, 4)
    assert (language.vocab_size, language.intermediate_size) == (1007, 256)
    assert language.rms_norm_eps == 1e-5
    assert config.vision.select_layer == -2
    assert config.grounding.prompt_size == 64
    assert config.region == RegionConfig()


def test_clip_folder(shared):
    folder = shared / "tiny_checkpoint/clip-vit-tiny-patch14-336"
    sizes = clip_config(json.loads((folder / "config.json").read_text()))
    assert (sizes.hidden_size, sizes.num_hidden_layers, sizes.num_attention_heads) == (64, 12, 4)
    assert sizes.tokens == 576


def test_whole_clip_configs_hold_the_vision_part_inside():
    assert clip_config({"vision_config": {"hidden_size": 768}, "hidden_size": 1}).hidden_size == 768


def test_round_trip_through_json(small_config):
    for config in (small_config, GlammConfig(), replace(small_config, region=None)):
        assert GlammConfig.parse(json.loads(json.dumps(config.to_json()))) == config


def test_region_levels_of_the_published_tower():
    """ViT-L has 25 hidden states; the specification lists 14, 17, 20 and 23."""
    assert RegionConfig().layers(25) == (14, 17, 20, 23)
    assert RegionConfig().layers(13) == (2, 5, 8, 11)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"hidden_size": True}, "hidden_size"),
        ({"hidden_size": 130}, "language"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling"),
        ({"mm_vision_select_feature": "cls_patch"}, "mm_vision_select_feature"),
        ({"vision": {"image_size": 100}}, "vision"),
        ({"vision": {"image_sise": 112}}, "image_sise"),
        ({"vision": {"num_hidden_layers": 9}}, "region"),
        ({"grounding": {"global_layers": [1, "3"]}}, "global_layers"),
        ({"region": {"groups": 48}}, "region.groups"),
    ],
)
def test_impossible_sizes_name_their_field(settings, field):
    with pytest.raises(BadData) as caught:
        GlammConfig.parse(settings)
    assert caught.value.field == field


def test_a_short_tower_needs_no_region_encoder():
    settings = {"vision": {"num_hidden_layers": 4, "image_size": 112}, "region": None}
    config = GlammConfig.parse(settings)
    assert config.region is None
    assert config.vision == VisionConfig(num_hidden_layers=4, image_size=112)
    assert config.vision.tokens == 64
    assert GlammConfig.parse({"with_region": False}).region is None
