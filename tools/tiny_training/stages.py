"""What each stage learns, and what it reaches on scenes that nothing is learnt from."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from gcg_bench.glamm.losses import BCE, CE, DICE, mask_losses, training_losses, word_loss
from gcg_bench.glamm.modeling import Forced, Glamm
from gcg_bench.glamm.splicing import IGNORE, image_places, seg_rows, spread
from tiny_training.batches import Batch
from tiny_training.oracle import Oracle
from tiny_training.probe import Probe
from tiny_training.recipe import Stage

MIMIC = 1.0
"""Weight in stage `words` of the squared distance to the oracle's prompts, in units of SPREAD."""

SPREAD = 0.25
"""Rounded variance of a component of the oracle's prompts over the data set."""


_TALKING = ("vision_tower", "projector", "language_model", "seg_projection")

PARTS = {
    "eyes": ("grounding",),
    "words": _TALKING,
    "more": _TALKING,
    # SAM's image encoder rests, as it does in the paper.
    "whole": (*_TALKING, "grounding.mask_decoder"),
}
"""Stage -> the parts of the model that it trains."""

SPEAKING = ("words", "more")
"""Stages without masks, in which the probe is trained as well."""


class Pupil(nn.Module):
    """The model and its scaffolding.

    Args:
        model: of the recipe's sizes.
        seg: the id of [SEG].
    """

    def __init__(self, model: Glamm, seg: int) -> None:
        super().__init__()
        self.model = model
        self.oracle = Oracle(model.config.grounding.prompt_size)
        self.probe = Probe(model.config.language.hidden_size, model.config.vision.grid)
        self.seg = seg

    def parts(self, stage: str) -> list[nn.Module]:
        """What a stage trains."""
        scaffold: list[nn.Module] = [self.probe] if stage in SPEAKING else []
        return [*scaffold, *(self.model.get_submodule(name) for name in PARTS[stage])]

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Tensor]:
        """The weighted losses of a stage; their sum is minimised."""
        if stage.name in SPEAKING:
            return self._words(batch, stage.probe)
        return self._eyes(batch) if stage.name == "eyes" else self._whole(batch)

    def _eyes(self, batch: Batch) -> dict[str, Tensor]:
        low = self.prompted(batch, self.oracle(batch.facts, batch.noise))
        bce, dice = mask_losses([low.float()], [batch.masks])
        return {"bce": BCE * bce, "dice": DICE * dice}

    def prompted(self, batch: Batch, prompts: Tensor) -> Tensor:
        """Low-resolution mask logits of prompts [N, E]."""
        eye = self.model.grounding
        return eye.decode(eye.encode(batch.grounding_pixels), prompts, batch.owner)[0]

    def _words(self, batch: Batch, probe: float) -> dict[str, Tensor]:
        logits, prompts, patches = self.spoken(batch)
        ce = word_loss(logits, self._spliced(batch, logits))
        wanted = self.oracle(batch.facts)
        mimic = F.mse_loss(prompts.float(), wanted) / SPREAD
        return {"ce": CE * ce, "mimic": MIMIC * mimic, "probe": probe * self.probe(patches, batch)}

    def spoken(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [B, L, V], [SEG] prompts [N, E] and patches [B, P, D], without masks."""
        model = self.model
        sight = model.see(batch.pixels)
        states = model.language_model.model(
            inputs_embeds=model.embed(batch.ids, sight), use_cache=False
        ).last_hidden_state
        owner, rows = seg_rows(batch.ids, self.seg, sight.patches.shape[1])
        prompts = model.seg_projection(states[owner, rows])
        return model.language_model.lm_head(states), prompts, sight.patches

    def _spliced(self, batch: Batch, logits: Tensor) -> Tensor:
        patches = logits.shape[1] - batch.ids.shape[1] + 1
        return spread(batch.labels, image_places(batch.ids), patches, IGNORE)

    def forced(self, batch: Batch) -> Forced:
        """The teacher-forced pass of everything; padding is behind the words and needs no mask."""
        return self.model.teacher_forced(
            pixels=batch.pixels,
            grounding_pixels=batch.grounding_pixels,
            ids=batch.ids,
            seg=self.seg,
        )

    def _whole(self, batch: Batch) -> dict[str, Tensor]:
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
    def reached(self, stage: str, batches: Iterable[Batch]) -> dict[str, float]:
        """Teacher-forced: mean low-resolution IoU, share of IoU from .5, token accuracy."""
        overlaps: list[Tensor] = []
        hits: list[Tensor] = []
        far: list[Tensor] = []
        for batch in batches:
            if stage == "eyes":
                prompts = self.oracle(batch.facts)
            else:
                logits, prompts, _ = self.spoken(batch)
                wanted = self._spliced(batch, logits)[:, 1:]
                said = logits[:, :-1].argmax(-1)
                hits.append((said == wanted)[wanted != IGNORE].float())
                target = self.oracle(batch.facts)
                far.append((prompts.float() - target).square().mean() / SPREAD)
            if stage not in SPEAKING:
                overlaps.append(_iou(self.prompted(batch, prompts) > 0, batch.masks > 0.5))
        found: dict[str, float] = {}
        if overlaps:
            overlap = torch.cat(overlaps)
            found["iou"] = float(overlap.mean())
            found["iou50"] = float((overlap >= 0.5).float().mean())
        if hits:
            found |= {
                "tokens": float(torch.cat(hits).mean()),
                "far": float(torch.stack(far).mean()),
            }
        return found


def _iou(said: Tensor, wanted: Tensor) -> Tensor:
    both = (said & wanted).flatten(1).sum(1)
    either = (said | wanted).flatten(1).sum(1)
    return both / either.clamp(min=1)
