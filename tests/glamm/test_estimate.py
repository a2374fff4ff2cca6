"""Estimates: counted weights are those of the model, and costs change in the expected direction."""

from dataclasses import replace

import pytest
import torch

from gcg_bench.glamm.assembly import build, parameters
from gcg_bench.glamm.configuration import GlammConfig
from gcg_bench.glamm.estimate import H100, Workload, estimate, parameter_counts
from gcg_bench.glamm.speed import measure_machine


def parts(model):
    grounding = model.grounding
    return {
        "vision": model.vision_tower,
        "projector": model.projector,
        "region": model.region_encoder,
        "language": model.language_model,
        "seg projection": model.seg_projection,
        "grounding encoder": grounding.image_encoder,
    }


@pytest.mark.parametrize("which", ["published", "small"])
def test_counted_weights_are_the_models(which, small_config):
    config = GlammConfig() if which == "published" else small_config
    with torch.device("meta"):
        model = build(config)
    counted = parameter_counts(config)
    for name, part in parts(model).items():
        assert counted[name] == parameters(part), name
    rest = parameters(model.grounding.prompt_encoder) + parameters(model.grounding.mask_decoder)
    assert counted["mask decoder"] == rest
    assert sum(counted.values()) == parameters(model)


def test_published_parts_as_listed(shared):
    """Parameters and buffers of each part, from the header of the published key list."""
    counted = parameter_counts(GlammConfig())
    rotary = 32 * 64  # frequencies that the published checkpoints store
    assert counted["language"] + rotary == 6738475008
    assert counted["vision"] == 303507456
    assert counted["region"] == 299142912
    assert counted["grounding encoder"] + counted["mask decoder"] == 641090864


def test_floor_on_one_h100():
    """Decoding reads 13.5 GB of weights 80 times and 27 GB of cache: 331 ms at 3.35 TB/s."""
    cost = estimate(GlammConfig(), H100, Workload(images=2500))
    stages = {stage.name: stage for stage in cost.stages}
    assert stages["decoding"].seconds == pytest.approx(0.331, rel=0.01)
    # SAM ViT-H: 2.98e12 multiplications and additions are the known figure.
    assert stages["SAM encoder"].flops == pytest.approx(2 * 2.98e12, rel=0.02)
    # 2 operations for each weight and row, and the causal half of attention.
    rows = 665 * 2 * 6.607e9 + 665 * 665 * 2 * 32 * 4096
    assert stages["prefill"].flops == pytest.approx(rows, rel=0.02)
    assert cost.floor == pytest.approx(2500 * sum(s.seconds for s in cost.stages))
    assert cost.floor < cost.likely
    assert cost.memory > 16e9


def test_costs_move_as_they_must(small_config):
    work = Workload(images=10)
    alone = estimate(GlammConfig(), H100, work)
    batch = estimate(GlammConfig(), H100, replace(work, batch=8))
    assert batch.floor < alone.floor / 3
    assert batch.memory > alone.memory
    longer = estimate(GlammConfig(), H100, replace(work, new_tokens=160))
    assert longer.floor > 1.8 * alone.floor
    boxes = estimate(GlammConfig(), H100, replace(work, boxes=1))
    assert [stage.name for stage in boxes.stages if stage not in alone.stages] == ["region encoder"]
    assert estimate(small_config, H100, work).floor < alone.floor / 1000
    wide = estimate(GlammConfig(), H100, work, bytes_per_number=4)
    assert wide.memory > 1.9 * alone.memory


def test_a_machine_measures_itself():
    machine = measure_machine("cpu")
    assert machine.flops > 1e8
    assert machine.bandwidth > 1e8
