"""The losses of the stages `tasks`, `refuse` and `settle`, and their figures on held-out scenes."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from gcg_bench.glamm.modeling import Glamm
from gcg_bench.glamm.splicing import IGNORE, image_positions, seg_rows, splice, spread
from gcg_bench.glamm.tokens import Tokenizer
from tiny_training.oracle import Oracle
from tiny_training.recipe import Stage
from tiny_training.stages import MIMIC, SPREAD, iou
from tiny_training.task_batches import TASKS, TaskBatch

STAGES = ("tasks", "refuse", "settle")

PARTS = ("projector", "region_encoder", "language_model", "seg_projection")
"""The parts of the model that these stages train.

CLIP and SAM's half are trained already; a step without them takes half of the time.
"""

WEIGHTS = {"gcg": 1.0, "caption": 0.3, "region": 0.5, "expression": 1.0}
"""Weights of the mean losses of the words of each kind of conversation."""

DECISION = {"refuse": 0.5, "settle": 1.0}
"""Stage -> the weight of the mean loss of the first words of replies to expressions.

They decide between one, several and none, and are a fifth of the words of these replies.
"""


class TaskModel(nn.Module):
    """The model of all tasks with the oracle, which only training uses.

    Args:
        model: a model of the recipe's sizes with a region encoder.
        tokenizer: the vocabulary of all tasks.
    """

    def __init__(self, model: Glamm, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.model = model
        self.oracle = Oracle(model.config.grounding.prompt_size)
        self.seg, self.bbox = tokenizer.seg, tokenizer.bbox

    def parts(self, stage: str) -> list[nn.Module]:
        """The modules that all three stages train."""
        del stage
        return [self.model.get_submodule(name) for name in PARTS]

    def losses(self, stage: Stage, batch: TaskBatch) -> dict[str, Tensor]:
        """The weighted losses of words and prompts; their sum is minimised."""
        logits, prompts = self.outputs(batch)
        losses = {
            name: WEIGHTS[name] * loss for name, loss in self._word_losses(logits, batch).items()
        }
        if stage.name in DECISION:
            targets, tasks = self._targets(logits, batch)
            first = _first_words(tasks)
            decision = F.cross_entropy(logits[:, :-1][first].float(), targets[first])
            losses["decision"] = DECISION[stage.name] * decision
        far = (prompts.float() - self.oracle(batch.facts)).square().mean() / SPREAD
        return {**losses, "mimic": MIMIC * far}

    def outputs(self, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        """Logits [B, L, V], and the prompts [N, E] of every [SEG]."""
        model = self.model
        features = model.encode_images(batch.pixels)
        patches = features.patches.shape[1]
        positions = image_positions(batch.ids)
        tokens = model.embedding(batch.ids.clamp(min=0))
        assert model.region_encoder is not None
        assert self.bbox is not None
        vectors = torch.cat(list(model.region_encoder(features.levels, batch.boxes)))
        marked = batch.ids.eq(self.bbox)[..., None]
        tokens = tokens.masked_scatter(marked, vectors.to(tokens.dtype))
        segments = spread(batch.segments, positions, patches, 0)
        states = model.language_model.model(
            inputs_embeds=splice(tokens, features.patches, positions),
            attention_mask=_visible(segments),
            position_ids=_positions(segments),
            use_cache=False,
        ).last_hidden_state
        owner, rows = seg_rows(batch.ids, self.seg, patches)
        prompts = model.seg_projection(states[owner, rows])
        return model.language_model.lm_head(states), prompts

    def mask_logits(self, batch: TaskBatch, prompts: Tensor) -> Tensor:
        """Low-resolution mask logits of prompts [N, E]."""
        grounding = self.model.grounding
        return grounding.decode(grounding.encode(batch.grounding_pixels), prompts, batch.owner)[0]

    def _targets(self, logits: Tensor, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        """The next token of every row [B, L - 1], and its kind of conversation."""
        patches = logits.shape[1] - batch.ids.shape[1] + 1
        positions = image_positions(batch.ids)
        tasks = spread(batch.tasks, positions, patches, IGNORE)[:, 1:]
        return spread(batch.ids, positions, patches, IGNORE)[:, 1:], tasks

    def _word_losses(self, logits: Tensor, batch: TaskBatch) -> dict[str, Tensor]:
        targets, tasks = self._targets(logits, batch)
        losses = {}
        for index, name in enumerate(TASKS):
            selected = tasks == index
            if bool(selected.any()):
                losses[name] = F.cross_entropy(logits[:, :-1][selected].float(), targets[selected])
        return losses

    @torch.no_grad()
    def heldout_figures(self, stage: str, batches: Iterable[TaskBatch]) -> dict[str, float]:
        """Teacher-forced figures, each a mean over the batches.

        The share of correct tokens of each kind of conversation (for expressions, of first
        tokens, which decide between one, several and none); for captions with masks and for
        expressions the IoU at low resolution, and the share of masks whose IoU is at least .5.
        """
        del stage
        figures: dict[str, list[float]] = {}
        for batch in batches:
            for name, value in self._batch_figures(batch).items():
                figures.setdefault(name, []).append(float(value))
        return {name: sum(values) / len(values) for name, values in figures.items()}

    def _batch_figures(self, batch: TaskBatch) -> dict[str, Tensor]:
        logits, prompts = self.outputs(batch)
        targets, tasks = self._targets(logits, batch)
        correct = (logits[:, :-1].argmax(-1) == targets).float()
        figures = {
            name: correct[tasks == index].mean()
            for index, name in enumerate(TASKS)
            if bool((tasks == index).any())
        }
        figures["first"] = correct[_first_words(tasks)].mean()
        overlap = iou(self.mask_logits(batch, prompts) > 0, batch.masks > 0.5)
        for name, selected in (("gcg", ~batch.is_expression), ("res", batch.is_expression)):
            figures[f"{name}_iou"] = overlap[selected].mean()
            figures[f"{name}_iou50"] = (overlap[selected] >= 0.5).float().mean()
        return figures


def _first_words(tasks: Tensor) -> Tensor:
    """Which rows predict the first word of a reply to an expression [B, L]."""
    before = F.pad(tasks, (1, -1), value=IGNORE)
    return (tasks == TASKS.index("expression")) & (before != tasks)


def _visible(segments: Tensor) -> Tensor:
    """Which row each row sees [B, 1, L, L]: earlier rows of the beginning or of its own segment."""
    same = segments[:, :, None] == segments[:, None, :]
    causal = torch.ones(segments.shape[1], segments.shape[1], dtype=torch.bool).tril()
    return ((same | (segments == 0)[:, None, :]) & causal)[:, None]


def _positions(segments: Tensor) -> Tensor:
    """The position of each row [B, L], counted as if its segment followed the beginning."""
    index = torch.arange(segments.shape[1]).expand_as(segments)
    start = (segments == 0).sum(1, keepdim=True)
    changed = F.pad(segments, (1, -1), value=0) != segments
    first = torch.where(changed, index, 0).cummax(1).values
    return torch.where(segments == 0, index, start + index - first)
