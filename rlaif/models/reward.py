"""A reward model with the transformers library: load a checkpoint, score a batch of chats. Importing this imports torch."""

import gc
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from rlaif.config import TransformersModel
from rlaif.errors import InputError, ModelError
from rlaif.models.ask import Completion
from rlaif.models.batch import Draw
from rlaif.models.generation import read
from rlaif.records import Message


def load(config: TransformersModel, *, where: str = "") -> "Rewards":
    """The checkpoint, ready to score. Raises InputError if it cannot be loaded, or is no reward model."""
    model, tokenizer, random = read(AutoModelForSequenceClassification, config, where)
    if random:
        # The library has filled them in, and the judge would be a die.
        raise InputError(
            f"{config.path} is no reward model: it lacks {', '.join(random)}", where=where,
            fix="Give a sequence-classification checkpoint.",
        )  # fmt: skip
    if model.config.num_labels != 1:
        raise InputError(f"{config.path} has {model.config.num_labels} labels, and a reward model has one", where=where)
    return Rewards(model, tokenizer)


class Rewards:
    """A loaded reward model and its tokenizer. `context` is how many tokens a chat may have."""

    lanes = 1

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer
        text_config = model.config.get_text_config()
        longest = getattr(text_config, "max_position_embeddings", None) or tokenizer.model_max_length
        self.context: int = min(longest, tokenizer.model_max_length)
        self._pad: int | None = text_config.pad_token_id

    def enter_lane(self) -> None:
        """There is but one, which may use all cores."""

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The token ids of a whole chat as its template renders it."""
        try:
            text = self._tokenizer.apply_chat_template(list(messages), tokenize=False)
        except Exception as error:  # templates raise whatever they like
            raise ModelError("rejected", f"the chat template refuses the messages: {error}") from error
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def complete(self, draws: Sequence[Draw]) -> list[Completion]:
        """The reward of each chat, as text. Batches that do not fit in memory are halved."""
        try:
            return self._complete(draws)
        except torch.OutOfMemoryError:
            if len(draws) == 1:
                raise ModelError("crashed", f"out of memory with one chat of {len(draws[0].ids):,} tokens") from None
        self._tidy()
        half = len(draws) // 2
        return self.complete(draws[:half]) + self.complete(draws[half:])

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
        """The token to pad with: a causal model's reward is that of the last token that is another.

        Where the checkpoint names none, one that no chat of the batch has: each is then scored at its very end, as it would
        be alone.
        """
        if self._pad is not None:
            return self._pad
        used = {token for draw in draws for token in draw.ids}
        spare = next(token for token in range(len(used) + 1) if token not in used)
        self._model.config.get_text_config().pad_token_id = spare
        return spare

    def free(self) -> None:
        """Gives the memory back."""
        self._model = None
        self._tidy()

    def _tidy(self) -> None:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
