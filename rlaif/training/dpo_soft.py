"""Train DPO with soft labels: weight each pair by the probability that its label is right.

For the probability p that the chosen side is better and the margin z = beta * (log-ratio of chosen - log-ratio of rejected),
the loss is -p log sigmoid(z) - (1 - p) log sigmoid(-z) (Mitchell 2023, conservative DPO, with a separate p for each pair).
That equals TRL's loss, -log sigmoid(z), plus (1 - p) z.
"""

from typing import Any

from rlaif.core.errors import InputError
from rlaif.training import pretokenized


def trainer() -> Any:
    """Return a DPOTrainer that reads a `confidence` with each pair."""

    class SoftDPOTrainer(pretokenized.trainer()):  # type: ignore[misc]
        def __init__(self, *, args: Any, **options: Any) -> None:
            if "sigmoid" not in args.loss_type:
                raise InputError("soft labels are for the loss `sigmoid`", where="train.options.loss_type")
            if not args.precompute_ref_log_probs or args.ld_alpha is not None or args.f_divergence_type != "reverse_kl":
                raise InputError(
                    "soft labels need precompute_ref_log_probs, and neither ld_alpha nor f_divergence_type",
                    where="train.options",
                )
            super().__init__(args=args, **options)
            self.data_collator: Any = _with_confidence(self.data_collator)
            weights = args.loss_weights or [1.0] * len(args.loss_type)
            self._weight = sum(weight for name, weight in zip(args.loss_type, weights, strict=True) if name == "sigmoid")

        def _set_signature_columns_if_needed(self) -> None:
            super()._set_signature_columns_if_needed()
            if "confidence" not in self._signature_columns:
                self._signature_columns.append("confidence")

        def _compute_loss(self, model: Any, inputs: Any, return_outputs: bool) -> Any:
            confidence = inputs["confidence"]
            rest = {name: inputs[name] for name in inputs if name != "confidence"}
            seen: list[Any] = []

            def watched(**given: Any) -> Any:
                seen.append(model(**given))
                return seen[-1]

            found = super()._compute_loss(watched, rest, return_outputs)
            width = rest["completion_mask"].size(1) - 1
            chosen, rejected = seen[0].log_probs[:, -width:].sum(dim=1).chunk(2, dim=0)
            margin = self.beta * (chosen - rest["ref_chosen_logps"] - rejected + rest["ref_rejected_logps"])
            doubt = self._weight * ((1 - confidence.to(margin)) * margin).mean()
            return (found[0] + doubt, found[1]) if return_outputs else found + doubt

    return SoftDPOTrainer


def _with_confidence(collator: Any) -> Any:
    """Wrap TRL's collator, which drops unknown columns, so that it keeps `confidence`."""

    def collate(examples: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        batch: dict[str, Any] = collator(examples)
        return batch | {"confidence": torch.tensor([example["confidence"] for example in examples])}

    return collate
