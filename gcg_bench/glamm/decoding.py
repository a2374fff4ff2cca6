"""Greedy decoding with a key/value cache: the published tokens without encoding all again."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer

from gcg_bench.glamm.modeling import Glamm


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """A layer's keys and values in buffers allocated once, so that a new token copies itself only.

    Args:
        room: the most rows it will ever hold.
    """

    def __init__(self, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.room = room

    def update(
        self, key_states: Tensor, value_states: Tensor, *_: object, **__: object
    ) -> tuple[Tensor, Tensor]:
        """Keys and values so far, views [B, heads, rows, width] into the buffers."""
        used = self.get_seq_length()
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            batch, heads, _rows, width = key_states.shape
            self._keys = key_states.new_empty(batch, heads, self.room, width)
            self._values = value_states.new_empty(batch, heads, self.room, width)
        end = used + key_states.shape[2]
        self._keys[:, :, used:end] = key_states
        self._values[:, :, used:end] = value_states
        self.keys, self.values = self._keys[:, :, :end], self._values[:, :, :end]
        return self.keys, self.values

    def keep(self, rows: Tensor) -> None:
        """Forgets all batch rows but these."""
        used = self.get_seq_length()
        self._keys, self._values = self._keys[rows], self._values[rows]
        self.keys, self.values = self._keys[:, :, :used], self._values[:, :, :used]


@dataclass(frozen=True, eq=False)
class Decoded:
    """A greedy continuation of one row.

    Attributes:
        ids: the new tokens, the end token included where it was reached.
        probabilities: the model's probability of every new token.
        seg_states: states [m, D] that predicted the new [SEG] tokens, in order.
    """

    ids: tuple[int, ...]
    probabilities: tuple[float, ...]
    seg_states: tuple[Tensor, ...]


class _Rows:
    """What has been said so far in every row of a batch."""

    def __init__(self, count: int, *, eos: int, seg: int) -> None:
        self.ids: list[list[int]] = [[] for _ in range(count)]
        self.chances: list[list[float]] = [[] for _ in range(count)]
        self.states: list[list[Tensor]] = [[] for _ in range(count)]
        self.alive = list(range(count))
        self.eos, self.seg = eos, seg

    def say(self, tokens: list[int], chances: list[float], states: Tensor) -> list[int]:
        """Takes one token for every row alive; returns the places that go on."""
        going = []
        for place, (row, token) in enumerate(zip(self.alive, tokens, strict=True)):
            if self.ids[row] and self.ids[row][-1] == self.eos:
                continue
            self.ids[row].append(token)
            self.chances[row].append(chances[place])
            if token == self.seg:
                self.states[row].append(states[place])
            if token != self.eos:
                going.append(place)
        return going

    def results(self) -> list[Decoded]:
        return [
            Decoded(tuple(ids), tuple(chances), tuple(states))
            for ids, chances, states in zip(self.ids, self.chances, self.states, strict=True)
        ]


def greedy(
    model: Glamm, embedded: Tensor, mask: Tensor | None, *, eos: int, seg: int, limit: int
) -> tuple[list[Decoded], Tensor]:
    """Continues every row by its most likely tokens.

    Finished rows leave the batch when half of it has finished, so a long answer does not drag
    short ones along.

    Args:
        embedded: prompts [B, L, D], left-padded.
        mask: [B, L], True on real rows; None when nothing is padded.
        eos: the token that ends an answer.
        seg: the token whose predicting states are kept.
        limit: the most new tokens, at least 1.

    Returns:
        One continuation a row, and the prompts' own states [B, L, D].
    """
    rows = _Rows(len(embedded), eos=eos, seg=seg)
    layers = [RoomyLayer(embedded.shape[1] + limit) for _ in model.language_model.model.layers]
    cache = Cache(layers=list(layers))
    places = None if mask is None else (mask.cumsum(1) - 1).clamp(min=0)
    first = states = _states(model, embedded, mask, places, cache)
    for step in range(limit):
        tokens, chances = _most_likely(model.language_model.lm_head(states[:, -1]))
        going = rows.say(tokens.tolist(), chances.tolist(), states[:, -1])
        if not going or step == limit - 1:
            break
        if 2 * len(going) <= len(rows.alive):
            kept = torch.tensor(going, device=tokens.device)
            for layer in layers:
                layer.keep(kept)
            rows.alive = [rows.alive[place] for place in going]
            tokens = tokens[kept]
            mask = None if mask is None else mask[kept]
            places = None if places is None else places[kept]
        if mask is not None and places is not None:
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
            places = places[:, -1:] + 1
        states = _states(model, model.embedding(tokens[:, None]), mask, places, cache)
    return rows.results(), first


def _states(
    model: Glamm, embedded: Tensor, mask: Tensor | None, places: Tensor | None, cache: Cache
) -> Tensor:
    """Last-layer states after the final norm of new rows, which join the cache."""
    states: Tensor = model.language_model.model(
        inputs_embeds=embedded,
        attention_mask=mask,
        position_ids=places,
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    return states


def _most_likely(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The first of the most likely tokens [B] and its probability [B], from logits [B, V]."""
    tokens = logits.argmax(-1)
    chances = logits.float().softmax(-1).gather(1, tokens[:, None])[:, 0]
    return tokens, chances
