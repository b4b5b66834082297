"""Decode a batch of completions: each prompt is computed once for all its samples, and finished rows leave the batch."""

import inspect
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from rlaif.models.local.sampler import Sampler

# The cache grows by this many tokens at once.
GROWTH: Final = 64
# Finished rows leave once they are this share of the batch, because each removal copies the cache.
FINISHED: Final = 0.25


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """A layer of the cache with room for further tokens, so that a step copies one token instead of the whole layer."""

    keys: Tensor
    values: Tensor

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Append the states of new tokens, and return those of all tokens."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._room = (self.keys, self.values)
        before = self.get_seq_length()
        after = before + key_states.shape[-2]
        if before == 0 or after > self._room[0].shape[-2]:
            self._room = (_larger(self.keys, key_states, before, after), _larger(self.values, value_states, before, after))
        for room, states in zip(self._room, (key_states, value_states), strict=True):
            room[:, :, before:after] = states
        self.keys, self.values = (room[:, :, :after] for room in self._room)
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep only these rows of the batch."""
        length = self.get_seq_length()
        self._room = (self._room[0][indices], self._room[1][indices])
        self.keys, self.values = (room[:, :, :length] for room in self._room)


def _larger(held: Tensor, states: Tensor, before: int, after: int) -> Tensor:
    rows, heads, _, width = states.shape
    room = states.new_empty((rows, heads, after + GROWTH, width))
    if before:
        room[:, :, :before] = held
    return room


def new_cache(model: Any) -> DynamicCache | None:
    """Return an empty cache for `decode`; None if the model needs more than keys and values of all tokens."""
    known = inspect.signature(model.forward).parameters.keys() >= {"position_ids", "past_key_values", "attention_mask"}
    if not known or not type(model).__module__.startswith("transformers.models."):
        return None
    cache = DynamicCache(config=model.config)
    if not cache.layers or any(type(layer) is not DynamicLayer for layer in cache.layers):
        return None
    cache.layers = [GrowingLayer() for _ in cache.layers]
    return cache


def decode(
    model: Any, cache: DynamicCache, prompts: Sequence[tuple[int, ...]], sampler: Sampler, limit: int, ends: Sequence[int]
) -> None:
    """Draw up to `limit` tokens after each prompt, until its first end token. The sampler keeps what was drawn."""
    step = _Step(model, cache)
    scores = step.read(prompts)
    stops = torch.tensor(ends, device=scores.device)
    running = torch.ones(len(prompts), dtype=torch.bool, device=scores.device)
    for _ in range(limit):
        chosen = sampler.draw(scores)
        running &= ~torch.isin(chosen, stops)
        left = int(running.sum())
        if not left or len(sampler.chosen[sampler.rows[int(running.nonzero()[0])]]) == limit:
            return
        if left <= (1 - FINISHED) * len(running):
            rows = running.nonzero()[:, 0]
            sampler.keep(rows)
            step.keep(rows)
            chosen, running = chosen[rows], running[rows]
        scores = step.append(chosen)


class _Step:
    """Computes the scores of the next token of each row."""

    def __init__(self, model: Any, cache: DynamicCache) -> None:
        self._model, self._cache = model, cache
        # The logits of a whole prompt are large, and only the last ones are used.
        self._options = {"logits_to_keep": 1} if model._supports_logits_to_keep() else {}

    def read(self, prompts: Sequence[tuple[int, ...]]) -> Tensor:
        """Compute each different prompt once, and return scores for all of them."""
        places = {ids: place for place, ids in enumerate(dict.fromkeys(prompts))}
        width, device = max(map(len, places)), self._model.device
        ids = torch.zeros((len(places), width), dtype=torch.long)
        self._mask = torch.zeros_like(ids)
        for place, prompt in enumerate(places):
            ids[place, width - len(prompt) :] = torch.tensor(prompt)
            self._mask[place, width - len(prompt) :] = 1
        self._mask = self._mask.to(device)
        self._positions = (self._mask.cumsum(-1) - 1).clamp(min=0)
        scores = self._compute(ids.to(device))
        self._positions = self._positions[:, -1:]
        if len(places) == len(prompts):
            return scores
        rows = torch.tensor([places[ids] for ids in prompts], device=device)
        self.keep(rows)
        return scores[rows]

    def append(self, tokens: Tensor) -> Tensor:
        """Append a token to each row, and return the scores of the next."""
        self._mask = torch.cat([self._mask, self._mask.new_ones((len(tokens), 1))], -1)
        self._positions = self._positions + 1
        return self._compute(tokens[:, None])

    def keep(self, rows: Tensor) -> None:
        """Keep only these rows, which may repeat."""
        self._mask, self._positions = self._mask[rows], self._positions[rows]
        self._cache.batch_select_indices(rows)

    def _compute(self, ids: Tensor) -> Tensor:
        found = self._model(
            input_ids=ids,
            attention_mask=self._mask,
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
            **self._options,
        )
        scores: Tensor = found.logits[:, -1].float()
        return scores
