"""DPO on rows that the pre-flight check has already tokenized, so that TRL does not tokenize them again."""

from typing import Any

from rlaif.training.trl_loader import trl_class


def trainer() -> Any:
    """Return a subclass of TRL's DPOTrainer that accepts rows with `prompt_ids`, `chosen_ids` and `rejected_ids`.

    TRL would also drop prompts that fill `max_length` and warn about prompts that are not a prefix; the pre-flight check
    has already refused both.
    """

    class TokenisedDPOTrainer(trl_class("DPOTrainer")):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *rest: Any, **options: Any) -> Any:
            return dataset if "prompt_ids" in dataset.column_names else super()._prepare_dataset(dataset, *rest, **options)

    return TokenisedDPOTrainer
