"""Draw the next token of each row, and keep its log-probabilities."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from transformers import LogitsProcessor

from rlaif.models.local.batching import Settings


class Sampler(LogitsProcessor):  # type: ignore[misc]
    """Draws one token per row and step. In `generate`, it masks all others, so that greedy decoding must take it.

    Each row has separate uniform random numbers, made from its seed, and takes the token whose interval of the cumulative
    distribution contains the number (inverse transform sampling). This is exact, uses one number per token, and gives the
    same result in any batch.

    Kept per row, in lists with an entry per step: `chosen`, and if requested, `logprobs`, the chosen token's log-probability
    under the model's distribution before temperature and top-p; and `top`, pairs of id and log-probability.
    """

    def __init__(
        self, settings: Settings, seeds: Sequence[int], *, device: torch.device, stopped: Callable[[], bool]
    ) -> None:
        self._settings, self._stopped, self._step = settings, stopped, 0
        self.rows = list(range(len(seeds)))
        self.chosen: list[list[int]] = [[] for _ in seeds]
        self.logprobs: list[list[float]] = [[] for _ in seeds]
        self.top: list[list[list[tuple[int, float]]]] = [[] for _ in seeds]
        if settings.temperature > 0:
            self._numbers = torch.stack([_numbers(seed, settings.limit) for seed in seeds]).to(device)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return scores (rows, vocabulary) in which each row's drawn token is the only possible one."""
        return torch.full_like(scores, -torch.inf).scatter_(1, self.draw(scores)[:, None], 0.0)

    def draw(self, scores: Tensor) -> Tensor:
        """Return the next token of each row, of shape (rows,)."""
        if self._stopped():
            raise InterruptedError("the model was closed")
        chosen = self._draw(scores)
        for row, token in zip(self.rows, chosen.tolist(), strict=True):
            self.chosen[row].append(token)
        if self._settings.top is not None:
            self._remember(chosen, scores)
        self._step += 1
        return chosen

    def keep(self, places: Tensor) -> None:
        """Go on with these of the current rows only."""
        self.rows = [self.rows[place] for place in places.tolist()]
        if self._settings.temperature > 0:
            self._numbers = self._numbers[places]

    def _draw(self, scores: Tensor) -> Tensor:
        if self._settings.temperature == 0:
            return scores.argmax(-1)
        shares = torch.softmax(scores / self._settings.temperature, -1)
        if self._settings.top_p < 1:
            shares = nucleus(shares, self._settings.top_p)
        sums = shares.cumsum(-1)
        # Rounding could reach the total, for which searchsorted returns an index past the last token.
        below = torch.nextafter(sums[:, -1], torch.zeros_like(sums[:, -1]))
        # A delayed stop check (on GPUs) may step past the limit; the tokens drawn there are cut off.
        step = min(self._step, self._settings.limit - 1)
        numbers = torch.minimum(self._numbers[:, step] * sums[:, -1], below)
        return torch.searchsorted(sums, numbers[:, None], right=True)[:, 0]

    def _remember(self, chosen: Tensor, scores: Tensor) -> None:
        logprobs = torch.log_softmax(scores, -1)
        for row, logprob in zip(self.rows, logprobs.gather(1, chosen[:, None])[:, 0].tolist(), strict=True):
            self.logprobs[row].append(logprob)
        if self._settings.top:
            best = logprobs.topk(min(self._settings.top, logprobs.shape[1]))
            for row, ids, values in zip(self.rows, best.indices.tolist(), best.values.tolist(), strict=True):
                self.top[row].append(list(zip(ids, values, strict=True)))


def nucleus(shares: Tensor, top_p: float) -> Tensor:
    """Return the shares (rows, vocabulary) with all tokens set to zero except the fewest likeliest that reach `top_p`."""
    ordered, order = shares.sort(-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    return torch.zeros_like(shares).scatter_(1, order, ordered.masked_fill(before >= top_p, 0.0))


def _numbers(seed: int, count: int) -> Tensor:
    # torch takes seeds of 64 bits; digests are longer.
    return torch.rand(count, generator=torch.Generator().manual_seed(seed % 2**63))
