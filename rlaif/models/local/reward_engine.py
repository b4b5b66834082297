"""Compute rewards with the transformers library. Importing this module imports torch."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from rlaif.config import TransformersModel
from rlaif.core.errors import InputError
from rlaif.models.base import Completion
from rlaif.models.local.batching import Draw
from rlaif.models.local.loader import Loaded, read


def load(config: TransformersModel, *, where: str = "") -> "Rewards":
    """Load the checkpoint. Raises InputError if that is impossible, or if it is not a reward model."""
    model, tokenizer, random = read(AutoModelForSequenceClassification, config, where)
    if random:
        # The library initialized the missing weights at random, so the rewards would be random.
        raise InputError(
            f"{config.path} is not a reward model: it lacks {', '.join(random)}",
            where=where,
            fix="Give a sequence-classification checkpoint.",
        )
    if model.config.num_labels != 1:
        raise InputError(f"{config.path} has {model.config.num_labels} labels, and a reward model has one", where=where)
    return Rewards(model, tokenizer)


class Rewards(Loaded):
    """A model whose completion of a chat is its reward, as text. `context` is the maximum number of tokens of a chat."""

    answers = False

    def __init__(self, model: Any, tokenizer: Any) -> None:
        super().__init__(model, tokenizer)
        self.context = min(self.context, tokenizer.model_max_length)
        self._pad: int | None = model.config.get_text_config().pad_token_id

    @torch.inference_mode()
    def _complete(self, draws: Sequence[Draw]) -> list[Completion]:
        width = max(len(draw.ids) for draw in draws)
        ids = torch.full((len(draws), width), self._padding(draws))
        mask = torch.zeros_like(ids)
        for row, draw in enumerate(draws):
            ids[row, : len(draw.ids)] = torch.tensor(draw.ids)
            mask[row, : len(draw.ids)] = 1
        device = self._model.device
        logits = self._model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
        return [Completion(repr(reward), output_tokens=0) for reward in logits[:, 0].double().tolist()]

    def _padding(self, draws: Sequence[Draw]) -> int:
        """Return the padding token: a causal model's reward is read at the last token that is not padding.

        If the checkpoint names none, this is a token that no chat of the batch contains; each chat is then scored at its
        end, as it would be alone.
        """
        if self._pad is not None:
            return self._pad
        used = {token for draw in draws for token in draw.ids}
        unused = next(token for token in range(len(used) + 1) if token not in used)
        self._model.config.get_text_config().pad_token_id = unused
        return unused
