"""Online DPO (Guo et al. 2024, arXiv 2402.04792): two responses are sampled per prompt, and live rewards order them.

TRL's trainer counts a missing reward as 0 and orders ties by position. Here such pairs have no label, so they get no
gradient; the metric `rewards/unlabelled` is their share.
"""

from typing import Any

from rlaif.training.trl_loader import trl_class


def trainer() -> Any:
    """Return a subclass of TRL's OnlineDPOTrainer that learns only from pairs whose rewards are known and differ."""
    import torch

    class LabelledOnlineDPOTrainer(trl_class("experimental.online_dpo.OnlineDPOTrainer")):  # type: ignore[misc]
        _labelled: Any = None

        def _calculate_rewards_from_functions(
            self, prompts: Any, completions: Any, completion_ids_list: Any, **columns: Any
        ) -> Any:
            columns["log_metric"] = lambda name, value: self.stats.setdefault(name, []).append(value)
            found = self.reward_funcs[0](prompts, completions, **columns)
            rewards = torch.tensor([torch.nan if each is None else each for each in found], device=self.accelerator.device)
            first, second = rewards.chunk(2)
            # A comparison with a missing reward (NaN) is false.
            self._labelled = ((first > second) | (first < second)).float().repeat(2)
            self.stats.setdefault("rewards/unlabelled", []).append(1 - self._labelled.mean().item())
            return rewards.nan_to_num()

        def _forward(self, *arguments: Any, **options: Any) -> Any:
            logprobs = super()._forward(*arguments, **options)
            if logprobs.requires_grad:
                logprobs.register_hook(self._of_labelled)
            return logprobs

        def _of_labelled(self, gradient: Any) -> Any:
            """Return the gradient of the mean over labelled pairs, from that of the mean over all pairs."""
            return gradient * (self._labelled / self._labelled.mean().clamp(min=1e-9)).unsqueeze(1)

    return LabelledOnlineDPOTrainer
