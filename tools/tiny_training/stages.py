"""The losses of each stage, and its figures on held-out scenes."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from gcg_bench.glamm.losses import BCE, CE, DICE, mask_losses, training_losses, word_loss
from gcg_bench.glamm.modeling import ForcedOutput, Glamm
from gcg_bench.glamm.splicing import IGNORE, image_positions, seg_rows, spread
from tiny_training.batches import Batch
from tiny_training.oracle import Oracle
from tiny_training.probe import Probe
from tiny_training.recipe import Stage

MIMIC = 1.0
"""Weight, in stage `words`, of the squared distance to the oracle's prompts in units of SPREAD."""

SPREAD = 0.25
"""Rounded variance of a component of the oracle's prompts over the data set."""


_LANGUAGE_PARTS = ("projector", "language_model", "seg_projection")

PARTS = {
    "see": ("vision_tower", "projector"),
    "eyes": ("grounding",),
    # CLIP is trained already and is frozen, which makes a step a third shorter.
    "words": _LANGUAGE_PARTS,
    # SAM's image encoder is frozen, as in the paper.
    "whole": ("vision_tower", *_LANGUAGE_PARTS, "grounding.mask_decoder"),
}
"""Stage -> the parts of the model that it trains, in the order of training."""

PROBED = ("see",)
"""Stages that train the probe as well."""

QUESTION_WEIGHTS = {"shape": 2.0, "outline": 2.0}
"""Weights of the probe's questions; the weight of other questions is 1."""


class TrainingModel(nn.Module):
    """The model with the parts that only training uses: oracle and probe.

    Args:
        model: a model of the recipe's sizes.
        seg: the id of [SEG].
    """

    def __init__(self, model: Glamm, seg: int) -> None:
        super().__init__()
        self.model = model
        self.oracle = Oracle(model.config.grounding.prompt_size)
        self.probe = Probe(model.config.language.hidden_size, model.config.vision.grid)
        self.seg = seg

    def parts(self, stage: str) -> list[nn.Module]:
        """The modules that a stage trains."""
        probes: list[nn.Module] = [self.probe] if stage in PROBED else []
        return [*probes, *(self.model.get_submodule(name) for name in PARTS[stage])]

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Tensor]:
        """The weighted losses of a stage; their sum is minimised."""
        if stage.name == "see":
            return self._probe_losses(self.model.encode_images(batch.pixels).patches, batch)
        if stage.name == "words":
            return self._caption_losses(batch)
        return self._mask_losses(batch) if stage.name == "eyes" else self._paper_losses(batch)

    def _probe_losses(self, patches: Tensor, batch: Batch) -> dict[str, Tensor]:
        losses = self.probe(patches, batch)
        return {name: QUESTION_WEIGHTS.get(name, 1.0) * loss for name, loss in losses.items()}

    def _mask_losses(self, batch: Batch) -> dict[str, Tensor]:
        low = self.mask_logits(batch, self.oracle(batch.facts, batch.noise))
        bce, dice = mask_losses([low.float()], [batch.masks])
        return {"bce": BCE * bce, "dice": DICE * dice}

    def mask_logits(self, batch: Batch, prompts: Tensor) -> Tensor:
        """Low-resolution mask logits of prompts [N, E]."""
        grounding = self.model.grounding
        return grounding.decode(grounding.encode(batch.grounding_pixels), prompts, batch.owner)[0]

    def _caption_losses(self, batch: Batch) -> dict[str, Tensor]:
        logits, prompts = self.caption_logits(batch)
        ce = word_loss(logits, self._spliced_labels(batch, logits))
        targets = self.oracle(batch.facts)
        mimic = F.mse_loss(prompts.float(), targets) / SPREAD
        return {"ce": CE * ce, "mimic": MIMIC * mimic}

    def caption_logits(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits [B, L, V] and [SEG] prompts [N, E], without masks."""
        model = self.model
        features = model.encode_images(batch.pixels)
        states = model.language_model.model(
            inputs_embeds=model.embed(batch.ids, features), use_cache=False
        ).last_hidden_state
        owner, rows = seg_rows(batch.ids, self.seg, features.patches.shape[1])
        prompts = model.seg_projection(states[owner, rows])
        return model.language_model.lm_head(states), prompts

    def _spliced_labels(self, batch: Batch, logits: Tensor) -> Tensor:
        patches = logits.shape[1] - batch.ids.shape[1] + 1
        return spread(batch.labels, image_positions(batch.ids), patches, IGNORE)

    def forced(self, batch: Batch) -> ForcedOutput:
        """The teacher-forced pass of all parts; padding comes after the words and needs no mask."""
        return self.model.teacher_forced(
            pixels=batch.pixels,
            grounding_pixels=batch.grounding_pixels,
            ids=batch.ids,
            seg=self.seg,
        )

    def _paper_losses(self, batch: Batch) -> dict[str, Tensor]:
        forced = self.forced(batch)
        losses = training_losses(
            forced,
            ids=batch.ids,
            labels=batch.labels,
            logits=[forced.masks.float()],
            truth=[batch.masks],
        )
        return {"ce": losses.ce, "bce": losses.bce, "dice": losses.dice}

    @torch.no_grad()
    def heldout_figures(self, stage: str, batches: Iterable[Batch]) -> dict[str, float]:
        """Teacher-forced figures, each a mean over the batches.

        `see`: the probe's unweighted losses. `words` and `whole`: the share of correct tokens and
        the squared distance to the oracle's prompts. All but `see`: the low-resolution IoU and the
        share of masks whose IoU is at least .5.
        """
        figures: dict[str, list[float]] = {}
        for batch in batches:
            for name, value in self._batch_figures(stage, batch).items():
                figures.setdefault(name, []).append(float(value))
        return {name: sum(values) / len(values) for name, values in figures.items()}

    def _batch_figures(self, stage: str, batch: Batch) -> dict[str, Tensor]:
        if stage == "see":
            return self.probe(self.model.encode_images(batch.pixels).patches, batch)
        figures: dict[str, Tensor] = {}
        prompts = self.oracle(batch.facts)
        if stage != "eyes":
            logits, predicted = self.caption_logits(batch)
            labels = self._spliced_labels(batch, logits)[:, 1:]
            correct = logits[:, :-1].argmax(-1) == labels
            figures["tokens"] = correct[labels != IGNORE].float().mean()
            figures["far"] = (predicted.float() - prompts).square().mean() / SPREAD
            prompts = predicted
        overlap = iou(self.mask_logits(batch, prompts) > 0, batch.masks > 0.5)
        return figures | {"iou": overlap.mean(), "iou50": (overlap >= 0.5).float().mean()}


def iou(predictions: Tensor, targets: Tensor) -> Tensor:
    """Intersection over union [N] of boolean masks [N, h, w]; 0 for two empty masks."""
    intersections = (predictions & targets).flatten(1).sum(1)
    unions = (predictions | targets).flatten(1).sum(1)
    return intersections / unions.clamp(min=1)
