"""Train DPO and SFT jointly, on pairs and on answers to imitate, which preserve what an earlier SFT taught.

If the two are trained one after the other, the second objective makes the model forget the first. `alternate` draws one
objective per step, the pairs with probability `share` (ALRIGHT); `mix` adds both in every step: `share` * DPO +
(1 - share) * SFT (Fernando et al. 2024, arXiv 2410.15483). Random draws depend only on the seed and the step, so that a
stopped training resumes exactly.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from rlaif.training import pretokenized
from rlaif.training.preflight import tokens

# The label that PyTorch's loss ignores.
IGNORED = -100


def trainer() -> Any:
    """Return a DPOTrainer that also takes `imitated`, rows of `prompt` and `completion`, and how to combine the losses."""

    class JointTrainer(pretokenized.trainer()):  # type: ignore[misc]
        def __init__(
            self, *, imitated: Sequence[Any], joint: str, share: float, processing_class: Any, **options: Any
        ) -> None:
            super().__init__(processing_class=processing_class, **options)
            self._mixed, self._share = joint == "mix", share
            self._imitated = [_labelled(processing_class, row) for row in imitated]
            self._pad = processing_class.pad_token_id or 0
            self._turn: int | None = None

        def _compute_loss(self, model: Any, inputs: Any, return_outputs: bool) -> Any:
            turn = self._next()
            if self._mixed:
                pairs = super()._compute_loss(model, inputs, False)
                loss = self._share * pairs + (1 - self._share) * self._imitation(model, turn)
            elif self._drawn("step", self.state.global_step).random() < self._share:
                loss = super()._compute_loss(model, inputs, False)
            else:
                loss = self._imitation(model, turn)
            return (loss, None) if return_outputs else loss

        def _next(self) -> int:
            """Return the number of this batch, from 0, as in a training without interruption."""
            if self._turn is None:
                self._turn = self.state.global_step * self.args.gradient_accumulation_steps - 1
            self._turn += 1
            return self._turn

        def _drawn(self, *name: str | int) -> random.Random:
            return random.Random(f"{self.args.seed} {name}")

        def _imitation(self, model: Any, turn: int) -> Any:
            """Return the mean negative log-likelihood of the completion tokens of a batch."""
            import torch

            count = min(self.args.per_device_train_batch_size, len(self._imitated))
            rows = self._drawn("batch", turn, self.args.process_index).sample(self._imitated, count)
            ids, labels, mask = (torch.tensor(part, device=self.accelerator.device) for part in _padded(rows, self._pad))
            loss = model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
            self._metrics["train"]["imitation_loss"].append(loss.item())
            return loss

    return JointTrainer


def _padded(rows: Sequence[tuple[list[int], list[int]]], pad: int) -> Iterator[tuple[list[int], ...]]:
    """Return the ids, labels and attention masks of the rows, padded on the right to one length."""
    width = max(len(ids) for ids, _ in rows)
    filled = []
    for ids, labels in rows:
        rest = width - len(ids)
        filled.append((ids + [pad] * rest, labels + [IGNORED] * rest, [1] * len(ids) + [0] * rest))
    return zip(*filled, strict=True)


def _labelled(tokenizer: Any, row: Any) -> tuple[list[int], list[int]]:
    """Return the tokens of a prompt with its answer, and the labels, which cover the answer alone."""
    prompt = tokens(tokenizer, row["prompt"], add_generation_prompt=True)
    whole = tokens(tokenizer, row["prompt"] + row["completion"])
    return whole, [IGNORED] * len(prompt) + whole[len(prompt) :]
