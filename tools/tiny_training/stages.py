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


_SPEECH = ("projector", "language_model", "seg_projection")

PARTS = {
    "see": ("vision_tower", "projector"),
    "eyes": ("grounding",),
    # CLIP has learnt to see and rests, which makes a step a third shorter.
    "words": _SPEECH,
    # SAM's image encoder rests, as it does in the paper.
    "whole": ("vision_tower", *_SPEECH, "grounding.mask_decoder"),
}
"""Stage -> the parts of the model that it trains, in the order of training."""

PROBED = ("see",)
"""Stages in which the probe is trained as well."""

QUESTIONS = {"shape": 2.0, "outline": 2.0}
"""Weights of the probe's questions that have one; all others 1."""


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
        scaffold: list[nn.Module] = [self.probe] if stage in PROBED else []
        return [*scaffold, *(self.model.get_submodule(name) for name in PARTS[stage])]

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Tensor]:
        """The weighted losses of a stage; their sum is minimised."""
        if stage.name == "see":
            return self._asked(self.model.see(batch.pixels).patches, batch)
        if stage.name == "words":
            return self._words(batch)
        return self._eyes(batch) if stage.name == "eyes" else self._whole(batch)

    def _asked(self, patches: Tensor, batch: Batch) -> dict[str, Tensor]:
        found = self.probe(patches, batch)
        return {name: QUESTIONS.get(name, 1.0) * loss for name, loss in found.items()}

    def _eyes(self, batch: Batch) -> dict[str, Tensor]:
        low = self.prompted(batch, self.oracle(batch.facts, batch.noise))
        bce, dice = mask_losses([low.float()], [batch.masks])
        return {"bce": BCE * bce, "dice": DICE * dice}

    def prompted(self, batch: Batch, prompts: Tensor) -> Tensor:
        """Low-resolution mask logits of prompts [N, E]."""
        eye = self.model.grounding
        return eye.decode(eye.encode(batch.grounding_pixels), prompts, batch.owner)[0]

    def _words(self, batch: Batch) -> dict[str, Tensor]:
        logits, prompts = self.spoken(batch)
        ce = word_loss(logits, self._spliced(batch, logits))
        wanted = self.oracle(batch.facts)
        mimic = F.mse_loss(prompts.float(), wanted) / SPREAD
        return {"ce": CE * ce, "mimic": MIMIC * mimic}

    def spoken(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits [B, L, V] and [SEG] prompts [N, E], without masks."""
        model = self.model
        sight = model.see(batch.pixels)
        states = model.language_model.model(
            inputs_embeds=model.embed(batch.ids, sight), use_cache=False
        ).last_hidden_state
        owner, rows = seg_rows(batch.ids, self.seg, sight.patches.shape[1])
        prompts = model.seg_projection(states[owner, rows])
        return model.language_model.lm_head(states), prompts

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
        """Teacher-forced figures, each a mean over the batches.

        `see`: the probe's unweighted losses. `words` and `whole`: share of tokens that are right,
        squared distance to the oracle's prompts. All but `see`: low-resolution IoU and the share of
        masks whose IoU is at least .5.
        """
        found: dict[str, list[float]] = {}
        for batch in batches:
            for name, value in self._reached(stage, batch).items():
                found.setdefault(name, []).append(float(value))
        return {name: sum(values) / len(values) for name, values in found.items()}

    def _reached(self, stage: str, batch: Batch) -> dict[str, Tensor]:
        if stage == "see":
            return self.probe(self.model.see(batch.pixels).patches, batch)
        found: dict[str, Tensor] = {}
        prompts = self.oracle(batch.facts)
        if stage != "eyes":
            logits, said = self.spoken(batch)
            wanted = self._spliced(batch, logits)[:, 1:]
            right = logits[:, :-1].argmax(-1) == wanted
            found["tokens"] = right[wanted != IGNORE].float().mean()
            found["far"] = (said.float() - prompts).square().mean() / SPREAD
            prompts = said
        overlap = _iou(self.prompted(batch, prompts) > 0, batch.masks > 0.5)
        return found | {"iou": overlap.mean(), "iou50": (overlap >= 0.5).float().mean()}


def _iou(said: Tensor, wanted: Tensor) -> Tensor:
    both = (said & wanted).flatten(1).sum(1)
    either = (said | wanted).flatten(1).sum(1)
    return both / either.clamp(min=1)
