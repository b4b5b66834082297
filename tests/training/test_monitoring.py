"""What a training tells of itself: its first loss, what it unlearns, and what is odd about its rows."""

import math
import re
from types import SimpleNamespace
from typing import Any

import pytest

from rlaif.config import Train
from rlaif.training.monitoring import displaced, first_loss, unlike_its_start, unrewarded
from rlaif.training.preflight import Checked, doubts

LN_2 = math.log(2)


@pytest.mark.parametrize(
    ("section", "options", "expected"),
    [
        ({}, {}, LN_2),
        ({}, {"loss_type": ["sigmoid", "robust"], "loss_weights": [1.0, 0.5]}, 1.5 * LN_2),
        ({"method": "dpo_soft"}, {}, LN_2),
        ({"method": "orpo"}, {}, None),
        ({"reference": "old"}, {}, None),
        ({}, {"use_weighting": True}, None),
        ({}, {"loss_type": ["sigmoid", "sft"]}, None),
    ],
)
def test_the_first_loss_is_known_if_a_model_is_its_own_reference(
    section: dict[str, Any], options: dict[str, Any], expected: float | None
) -> None:
    arguments = SimpleNamespace(**{"use_weighting": False, "loss_type": ["sigmoid"], "loss_weights": None} | options)
    assert first_loss(Train(**section), arguments) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(("loss", "expected", "told"), [(0.6931, LN_2, 0), (0.9, LN_2, 1), (0.9, None, 0)])
def test_a_first_loss_other_than_ln_2_is_reported(loss: float, expected: float | None, told: int) -> None:
    assert len(unlike_its_start(loss, expected)) == told


def log(**ends: float) -> list[dict[str, Any]]:
    """Ten steps, at the last of which the metrics have these values; slashes are written as underscores."""
    return [
        {"step": step, "metric": name.replace("_", "/"), "value": value if step == 10 else 0.0}
        for step in range(1, 11)
        for name, value in ends.items()
    ]


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        # By 20 of the 80 nats that the reference needs for them.
        ({"rewards_chosen": -2.0, "rewards_margins": 3.0, "logps_chosen": -100.0}, "20.0 nats .*25% .* grew to 3.00"),
        ({"rewards_chosen": -0.5, "rewards_margins": 3.0, "logps_chosen": -100.0}, None),
        ({"rewards_chosen": 2.0, "rewards_margins": 3.0, "logps_chosen": -100.0}, None),
        ({"rewards_chosen": -2.0, "rewards_margins": -1.0, "logps_chosen": -100.0}, None),
        ({"reward": 1.0}, None),
    ],
)
def test_falling_chosen_likelihood_with_a_growing_margin_is_reported(ends: dict[str, float], told: str | None) -> None:
    lines = displaced(log(**ends), beta=0.1)
    assert len(lines) == (told is not None)
    assert told is None or re.search(told, lines[0])


def answers(*labels: bool, text: str = "") -> list[dict[str, Any]]:
    return [
        {
            "prompt": [{"role": "user", "content": "a"}],
            "label": label,
            "completion": [{"role": "assistant", "content": text or str(place)}],
        }
        for place, label in enumerate(labels)
    ]


@pytest.mark.parametrize(
    ("rows", "ends", "told"),
    [
        (answers(True, False), True, []),
        (answers(True, True, False), True, ["weigh 2.00 times"]),
        (answers(True, True, True, True, False, False, False), True, []),
        (answers(True, False, text="same"), True, ["1 answers are desired in one pair"]),
        (answers(True, False), False, ["The chat template never ends an answer"]),
    ],
)
def test_odd_rows_are_trained_on_and_reported(rows: list[dict[str, Any]], ends: bool, told: list[str]) -> None:
    arguments = SimpleNamespace(desirable_weight=1.0, undesirable_weight=1.0)
    lines = doubts(Checked(rows, {}, ends), arguments)
    assert len(lines) == len(told)
    assert all(part in line for part, line in zip(told, lines, strict=True))


def test_the_share_of_answers_without_a_reward_is_reported_once_per_reward() -> None:
    shares = {"rewards/live/failed": [0.25, 0.0], "rewards/checks/failed": [0.0, 0.0], "rewards/live": [50.0, 60.0]}
    log = [
        {"step": step, "metric": name, "value": value}
        for name, values in shares.items()
        for step, value in enumerate(values)
    ]
    assert unrewarded(log) == ["rewards/live: no reward for 12.5% of the sampled answers, which are left out"]
