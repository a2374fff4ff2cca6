"""Greedy decoding with a key/value cache: the published tokens without repeated encoding."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer

from gcg_bench.glamm.modeling import Glamm


class PreallocatedLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """A layer's keys and values in preallocated buffers, so that a new token copies only itself.

    Args:
        capacity: the maximum number of rows.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.capacity = capacity

    def update(
        self, key_states: Tensor, value_states: Tensor, *_: object, **__: object
    ) -> tuple[Tensor, Tensor]:
        """The keys and values so far, as views [B, heads, rows, width] of the buffers."""
        used = self.get_seq_length()
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            batch, heads, _rows, width = key_states.shape
            self._keys = key_states.new_empty(batch, heads, self.capacity, width)
            self._values = value_states.new_empty(batch, heads, self.capacity, width)
        end = used + key_states.shape[2]
        self._keys[:, :, used:end] = key_states
        self._values[:, :, used:end] = value_states
        self.keys, self.values = self._keys[:, :, :end], self._values[:, :, :end]
        return self.keys, self.values

    def keep(self, rows: Tensor) -> None:
        """Drops all batch rows except the given ones."""
        used = self.get_seq_length()
        self._keys, self._values = self._keys[rows], self._values[rows]
        self.keys, self.values = self._keys[:, :, :used], self._values[:, :, :used]


@dataclass(frozen=True, eq=False)
class Decoded:
    """The greedy continuation of one row.

    Attributes:
        ids: the new tokens, including the end token if it was reached.
        probabilities: the model's probability of every new token.
        seg_states: states [m, D] that predicted the new [SEG] tokens, in order.
    """

    ids: tuple[int, ...]
    probabilities: tuple[float, ...]
    seg_states: tuple[Tensor, ...]


class _Rows:
    """The tokens so far of every row of a batch."""

    def __init__(self, count: int, *, eos: int, seg: int) -> None:
        self.ids: list[list[int]] = [[] for _ in range(count)]
        self.probabilities: list[list[float]] = [[] for _ in range(count)]
        self.states: list[list[Tensor]] = [[] for _ in range(count)]
        self.active = list(range(count))
        self.eos, self.seg = eos, seg

    def append_tokens(
        self, tokens: list[int], probabilities: list[float], states: Tensor
    ) -> list[int]:
        """Appends one token to every active row; returns the positions that are not finished."""
        unfinished = []
        for position, (row, token) in enumerate(zip(self.active, tokens, strict=True)):
            if self.ids[row] and self.ids[row][-1] == self.eos:
                continue
            self.ids[row].append(token)
            self.probabilities[row].append(probabilities[position])
            if token == self.seg:
                self.states[row].append(states[position])
            if token != self.eos:
                unfinished.append(position)
        return unfinished

    def results(self) -> list[Decoded]:
        return [
            Decoded(tuple(ids), tuple(probabilities), tuple(states))
            for ids, probabilities, states in zip(
                self.ids, self.probabilities, self.states, strict=True
            )
        ]


def greedy(
    model: Glamm, embedded: Tensor, mask: Tensor | None, *, eos: int, seg: int, limit: int
) -> tuple[list[Decoded], Tensor]:
    """Continues every row with its most likely tokens.

    When half of the batch has finished, the finished rows leave it, so a long answer does not slow
    down short ones.

    Args:
        model: the model.
        embedded: prompts [B, L, D], left-padded.
        mask: [B, L], True on real rows; None when nothing is padded.
        eos: the token that ends an answer.
        seg: the token whose predicting states are kept.
        limit: the maximum number of new tokens, at least 1.

    Returns:
        One continuation for each row, and the prompts' own states [B, L, D].
    """
    rows = _Rows(len(embedded), eos=eos, seg=seg)
    layers = [
        PreallocatedLayer(embedded.shape[1] + limit) for _ in model.language_model.model.layers
    ]
    cache = Cache(layers=list(layers))
    positions = None if mask is None else (mask.cumsum(1) - 1).clamp(min=0)
    first = states = _states(model, embedded, mask, positions, cache)
    for step in range(limit):
        tokens, probabilities = _most_likely(model.language_model.lm_head(states[:, -1]))
        unfinished = rows.append_tokens(tokens.tolist(), probabilities.tolist(), states[:, -1])
        if not unfinished or step == limit - 1:
            break
        if 2 * len(unfinished) <= len(rows.active):
            remaining = torch.tensor(unfinished, device=tokens.device)
            for layer in layers:
                layer.keep(remaining)
            rows.active = [rows.active[position] for position in unfinished]
            tokens = tokens[remaining]
            mask = None if mask is None else mask[remaining]
            positions = None if positions is None else positions[remaining]
        if mask is not None and positions is not None:
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
            positions = positions[:, -1:] + 1
        states = _states(model, model.embedding(tokens[:, None]), mask, positions, cache)
    return rows.results(), first


def _states(
    model: Glamm, embedded: Tensor, mask: Tensor | None, positions: Tensor | None, cache: Cache
) -> Tensor:
    """The states of new rows after the last layer and the final norm; the cache gets these rows."""
    states: Tensor = model.language_model.model(
        inputs_embeds=embedded,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    return states


def _most_likely(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The first of the most likely tokens [B] and its probability [B], from logits [B, V]."""
    tokens = logits.argmax(-1)
    probabilities = logits.float().softmax(-1).gather(1, tokens[:, None])[:, 0]
    return tokens, probabilities
