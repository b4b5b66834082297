"""DPO on rows whose tokens are known: the pre-flight has read them all, and reading them again would give the same."""

from typing import Any

from rlaif.training.trl_loader import trl_class


def trainer() -> Any:
    """TRL's DPOTrainer, which takes rows with `prompt_ids`, `chosen_ids` and `rejected_ids` as they are.

    What TRL would do besides, leave out prompts that fill `max_length` and tell of prompts that are no prefix, the
    pre-flight has done: it refuses both.
    """

    class TokenisedDPOTrainer(trl_class("DPOTrainer")):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *rest: Any, **options: Any) -> Any:
            return dataset if "prompt_ids" in dataset.column_names else super()._prepare_dataset(dataset, *rest, **options)

    return TokenisedDPOTrainer
