"""Monitor a training: check its log for problems, and describe them, while it runs and at its end."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rlaif.config import Train
from rlaif.config.yaml import YamlFile
from rlaif.core.errors import InputError
from rlaif.core.progress import Tally
from rlaif.training.checkpoints import seal

# The DPO losses that are ln 2 for every pair if the model equals its reference.
STARTS_AT_LN_2 = frozenset({"sigmoid", "sigmoid_norm", "robust"})
# Half-precision sums over a long answer differ by about a nat, which moves the loss by less than this at usual betas.
NEAR = 0.05
# DPO nearly always lowers the likelihood of both sides a little (Razin et al. 2024, arXiv 2410.08847). A loss of a tenth of
# the log-probability of chosen answers is no longer a little.
DISPLACED = 0.1
# How a method adds an SFT term, which keeps chosen answers likely. Other methods have none.
SFT_TERM = {"dpo": ", or add `loss_type: [sigmoid, sft]`."} | dict.fromkeys(
    ("dpo_norm", "ipo", "apo"), ", or use `method: dpo` with `loss_type: [sigmoid, sft]`."
)
# The minimum seconds between checkpoints, unless the file sets when to save: repeating less work is cheaper than saving it.
APART = 60.0
# The share of steps at the end over which metrics are averaged, because single batches vary too much.
END = 0.1
# The metrics in the line of progress.
SHOWN = ("loss", "reward")
# The suffix, after the reward's name, of the metric that is the share of sampled answers without a reward.
FAILED = "/failed"


def watch(section: Train, arguments: Any, tally: Tally, file: YamlFile, warn: Callable[[str], None]) -> Any:
    """Return a callback that counts steps, stops if a loss is not a number, checks the first loss, and seals checkpoints."""
    from transformers import TrainerCallback

    # The clocks of several processes differ, but either all of them must save or none.
    spaced = not section.options.keys() & {"save_steps", "save_strategy"} and arguments.world_size == 1

    class Watch(TrainerCallback):  # type: ignore[misc]
        saved = time.monotonic()

        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            tally.pending, tally.begun = state.max_steps - state.global_step, time.monotonic()

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            tally.add(done=1)
            if spaced and time.monotonic() - self.saved < APART:
                control.should_save = False

        def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **rest: Any) -> None:
            for name in ("loss", "grad_norm"):
                if not math.isfinite(logs.get(name, 0.0)):
                    raise InputError(
                        f"{name} became {logs[name]} at step {state.global_step} of {state.max_steps}",
                        where=file.where(("train", "options", "learning_rate")),
                        fix="Lower options.learning_rate; with fp16, use bf16 or neither.",
                    )
            tally.latest.update({name: logs[name] for name in SHOWN if name in logs})
            if state.global_step == 1 and "loss" in logs:
                for line in unlike_its_start(logs["loss"], first_loss(section, arguments)):
                    warn(line)

        def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")
            self.saved = time.monotonic()

    return Watch()


def first_loss(section: Train, arguments: Any) -> float | None:
    """Return the loss of the first step if it is known in advance: a model compared with itself prefers neither side."""
    if section.method not in ("dpo", "dpo_soft", "dpo_norm") or section.reference or arguments.use_weighting:
        return None
    if not STARTS_AT_LN_2.issuperset(arguments.loss_type):
        return None
    weights: list[float] = arguments.loss_weights or [1.0] * len(arguments.loss_type)
    return math.log(2) * sum(weights)


def unlike_its_start(loss: float, expected: float | None) -> list[str]:
    """Return a warning if the first loss differs from the expected one."""
    if expected is None or abs(loss - expected) <= NEAR:
        return []
    return [
        f"The first loss is {loss:.4f} and should be {expected:.4f}: the model is not its own reference. Likely reasons: "
        "dropout is on, half precision is too coarse for this beta, or the checkpoint changed since the reference was read."
    ]


def displaced(log: Sequence[Mapping[str, Any]], beta: float, method: str = "dpo") -> list[str]:
    """Return a warning if chosen answers became much less likely while the margin grew (likelihood displacement).

    `log` has the trainer's metrics as rows of `step`, `metric` and `value`. Its rewards are beta times the nats by which an
    answer's log-probability exceeds the reference's.
    """
    metrics: dict[str, list[float]] = {}
    for row in log:
        metrics.setdefault(row["metric"], []).append(row["value"])
    names = ("rewards/chosen", "rewards/margins", "logps/chosen")
    if not beta or not all(metrics.get(name) for name in names):
        return []
    reward, margin, likely = (fmean(metrics[name][-math.ceil(END * len(metrics[name])) :]) for name in names)
    fall = -reward / beta
    share = fall / abs(likely + fall) if likely + fall else 0.0
    if margin <= 0 or share <= DISPLACED:
        return []
    return [
        f"Chosen answers lost {fall:.1f} nats of log-probability ({share:.0%} of what the reference gives them) while the "
        f"margin grew to {margin:.2f}: the model unlearns both sides. Lower options.learning_rate, train for fewer steps"
        + SFT_TERM.get(method, ".")
    ]


def unrewarded(log: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a warning for each reward that is missing for some sampled answers, which are left out of training."""
    shares: dict[str, list[float]] = {}
    for row in log:
        if row["metric"].endswith(FAILED):
            shares.setdefault(row["metric"].removesuffix(FAILED), []).append(row["value"])
    return [
        f"{name}: no reward for {fmean(share):.1%} of the sampled answers, which are left out"
        for name, share in shares.items()
        if any(share)
    ]
