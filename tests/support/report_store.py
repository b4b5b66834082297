"""A store with a plausible run in it, deterministic, for the report's tests and for looking at the page."""

import json
import math
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from rlaif.config import Pipeline
from rlaif.core.types import Prompt, answer_key, fraction, key
from rlaif.evaluation import (
    Agreement,
    BestCheckpoint,
    Checkpoint,
    CheckpointCurve,
    CriterionAgreement,
    CriterionResult,
    Divergence,
    Diversity,
    Evaluation,
    Gain,
    Gap,
    LengthControlled,
    Match,
    Side,
    TaskResult,
    Texts,
)
from rlaif.store.store import Store

START = datetime(2026, 11, 21, 9, 0)
HELD_OUT = 0.2
HOSTILE = (
    "</title><script>alert('x')</script> \"quoted\" & <b onmouseover=x> \u202eevil\u202c \x00\x1b[31m {{ 7*7 }} \U000e0041"
)
PAIRING = json.dumps({"judge": "j-tiny", "generators": ["g"]})
REASONS = ["duplicate"] * 7 + ["near duplicate"] * 3 + ["empty prompt"]
CRITERIA = ("helpfulness", "faithfulness", "completeness")
FACTS = (
    "The driver is Ramel",
    "the truck carried 102 crates",
    "it left the depot at 06:40",
    "the seals were intact",
    "two crates were returned",
    "the next load is on Friday",
)
FAILURES = {"malformed": 0.02, "truncated": 0.03}

PIPELINE = {
    "name": "courier-notes",
    "models": {
        "writer": {"kind": "transformers", "path": "tiny:writer"},
        "remote": {"kind": "openai", "model": "some-judge", "base_url": "https://ann:hunter2@llm.example/v1?code=tiger3"},
    },
    "judges": {
        "tiny": {"rubric": "rubrics/grounded.yaml", "model": "remote"},
        "oracle": {"rubric": "rubrics/tiny_oracle.yaml"},
    },
    "collect": {"sources": [{"path": "requests.jsonl"}], "held_out": HELD_OUT},
    "generate": {"model": "writer"},
    "pair": {"judge": "tiny", "min_margin": 10},
    "train": {"method": "dpo", "options": {"learning_rate": 5e-6, "hub_token": "hf_planted"}},
    "evaluate": {"judges": ["tiny", "oracle"]},
}


def _result(name: str, base: float | None, trained: float | None) -> CriterionResult:
    percent = [None if value is None else 100 * (value - 1) / 9 for value in (base, trained)]
    return CriterionResult(name, 1, 10, base, trained, *percent, win_rate=None if base is None else 0.71)


# As rlaif.evaluation gives them: one judge with a clear win, and one that failed on a criterion and sees no difference.
MATCHES = [
    Match(
        "oracle",
        Side("writer", 23, {}, 61.2, 20.4, 118.0, 26.0),
        Side("writer, trained", 23, {}, 88.9, 24.1, 139.0, 31.0),
        23,
        {},
        0.826,
        (0.674, 0.957),
        0.087,
        0.61,
        18,
        [_result("helpfulness", 7.9, 8.1), _result("faithfulness", 6.2, 9.3), _result("completeness", 5.4, 9.6)],
        (21.0, 34.1),
        LengthControlled(0.712, (0.52, 0.85), 1.3),
    ),
    Match(
        "tiny",
        Side("writer", 23, {"malformed": 2}, 70.3, 20.4, 118.0, None),
        Side("writer, trained", 23, {"timeout": 1}, 69.0, 24.1, 139.0, None),
        20,
        {"no score for base": 2, "no score for base and trained": 1},
        0.475,
        (0.275, 0.7),
        0.05,
        None,
        0,
        [_result("helpfulness", 7.5, 6.9), _result("faithfulness", None, None)],
    ),
]


def _checkpoint(step: int, tiny: float, oracle: float, words: float, flattery: float, k1: float) -> Checkpoint:
    gains = [Gain(name, 23, gain, (gain - 4.5, gain + 5)) for name, gain in (("tiny", tiny), ("oracle", oracle))]
    return Checkpoint(step, f"models/t/steps/{step}", gains, words, flattery, k1)


# The training judge sees ever more gain, the oracle less after half of the steps.
CURVE = CheckpointCurve(
    ["tiny"],
    [
        Checkpoint(0, "", [Gain("tiny", 0, 0.0, None), Gain("oracle", 0, 0.0, None)], 20.4, 0.0, 0.0),
        _checkpoint(15, 9.1, 7.4, 21.0, 0.0, 1.9),
        _checkpoint(30, 18.6, 13.8, 22.8, 0.04, 4.6),
        _checkpoint(45, 26.0, 9.9, 23.9, 0.09, 6.8),
        _checkpoint(60, 30.1, 4.2, 24.1, 0.13, 8.3),
    ],
    BestCheckpoint("oracle", 30, "models/t/steps/30", 11, 13.1, (8.0, 18.3), 9.0, (2.1, 16.4)),
)
EVALUATION = Evaluation(
    curve=CURVE,
    matches=MATCHES,
    gaps=[Gap("writer, trained", "tiny", "oracle", 20, 30.1, 4.2, 25.9, (11.0, 39.5), True)],
    texts=[
        Texts("writer", 46, 20.4, 0.0, 0.0, 0.01, Diversity(23, 0.61, 0.622, 0.3), Diversity(46, 0.8, 0.802, 0.2)),
        Texts("writer, trained", 23, 24.1, 0.043, 2.5, 0.02, Diversity(23, 0.41, 0.418, 0.62), None),
    ],
    divergences=[Divergence("writer, trained", 23, 713, 8.31, 9.02, 0.0117, 0.0127, (6.9, 9.8), {"context_overflow": 1})],
    tasks=[TaskResult("spelling", [replace(MATCHES[0], judge="spelling")])],
)
AGREEMENTS = [
    Agreement(
        "oracle",
        "tiny",
        [
            CriterionAgreement("faithfulness", 191, 0.914, 0.62, 75.1, 77.0),
            CriterionAgreement("completeness", 191, None, 0.58, 74.0, 80.0),
        ],
        302,
        250,
        21,
        31,
        48,
        9,
    )
]


def pipeline() -> Pipeline:
    return Pipeline.model_validate(PIPELINE)


def fill(store: Store, *, prompts: int = 120, samples: int = 4, hostile: bool = False, padding: str = "") -> None:
    """Rows of every table, as a whole run would leave them."""
    asked = [_prompt(number, hostile, padding) for number in range(prompts)]
    store.append("prompts", [_prompt_row(prompt, number) for number, prompt in enumerate(asked)])
    store.append("active_prompts", [{"prompt": prompt.key} for prompt in asked])
    store.append(
        "dropped",
        [
            {"source": f"requests.jsonl:{n}", "what": "prompt", "reason": reason, "detail": None}
            for n, reason in enumerate(REASONS)
        ],
    )
    store.append("dropped", [{"source": "requests.jsonl:9", "what": "score", "reason": "missing", "detail": None}] * 4)
    name = "writer" + HOSTILE * hostile
    store.append("generators", [{"key": "g-old", "name": name, "spec": "{}"}, {"key": "g", "name": name, "spec": "{}"}])
    responses = [row for prompt in asked for sample in range(samples) for row in _response(prompt, sample, hostile, padding)]
    store.append("responses", responses)
    made = [row for row in responses if row["failure"] is None]
    store.append("judges", [{"key": f"j-{name}", "name": name, "spec": "{}"} for name in ("tiny", "oracle", "human")])
    store.append(
        "criteria",
        [{"key": f"c-{name}", "name": name, "kind": "scale", "low": 1.0, "high": 10.0, "spec": "{}"} for name in CRITERIA],
    )
    store.append("scores", [row for response in made for row in _scores(response, "tiny", hostile)])
    store.append("scores", [row for response in made[:200] for row in _scores(response, "oracle", hostile)])
    store.append(
        "comparisons",
        [
            {
                "prompt": left["prompt"],
                "first": left["answer"],
                "second": right["answer"],
                "judge": "j-human",
                "criterion": "overall",
                "preferred": ("first", "second", "tie", "first")[n % 4],
            }
            for n, (left, right) in enumerate(pairwise(made[:41]))
        ],
    )
    _pair(store, asked, responses)
    _train(store)
    _work(store)


def _prompt(number: int, hostile: bool, padding: str) -> Prompt:
    document = ". ".join(FACTS) + "." + f" Report {number}. " * (1 + number % 40) + padding
    request = f"Write a note for the depot about report {number}. Mention the driver, the load and the returns."
    return Prompt(
        ({"role": "user", "content": HOSTILE + request if hostile else request},),
        document + HOSTILE if hostile else document,
    )


def _prompt_row(prompt: Prompt, number: int) -> dict[str, Any]:
    return {
        "key": prompt.key,
        "normal_key": prompt.normal_key,
        "messages": json.dumps(prompt.messages),
        "document": prompt.document,
        "reference": None,
        "metadata": "{}",
        "source": f"requests.jsonl:{number + 1}",
        "bucket": int(fraction("split", prompt.normal_key) * 10000),
        "position": number,
    }


def _response(prompt: Prompt, sample: int, hostile: bool, padding: str) -> list[dict[str, Any]]:
    """The attempts at one response; some fail at first, some for good."""
    chance = fraction("fails", prompt.key, sample)
    told = [fact for fact in FACTS if fraction("tells", prompt.key, sample, fact) < 0.75] or ["Nothing was reported"]
    text = ", ".join(told) + "." + HOSTILE * hostile + "\nSigned, the night shift." * (sample % 2) + padding
    row: dict[str, Any] = {
        "key": key("response", prompt.key, sample),
        "prompt": prompt.key,
        "generator": "g",
        "sample": sample,
        "answer": answer_key(prompt.key, text),
        "text": text,
        "finish": "stop",
        "prompt_tokens": 90,
        "output_tokens": len(text.split()),
        "logprob": -12.5,
        "failure": None,
        "detail": None,
        "attempt": 1,
        "created": START,
    }
    failed = row | {"answer": None, "text": None, "failure": "timeout", "attempt": 0}
    return [failed] if chance < 0.02 else [failed, row] if chance < 0.05 else [row]


def _scores(response: dict[str, Any], judge: str, hostile: bool) -> list[dict[str, Any]]:
    answer = response["answer"]
    chance, share = fraction("judged", judge, answer), response["text"].count(",") / 5
    failure = "malformed" if chance < 0.02 else "truncated" if chance < 0.03 else None
    rows = []
    for criterion in CRITERIA:
        noise = fraction(judge, answer, criterion) - 0.5
        value = None if failure else clip(round(1 + 9 * share + 3 * noise))
        rationale = f"The answer tells {round(1 + 5 * share)} of 6 facts; none is wrong." + HOSTILE * hostile
        rows.append(
            {
                "verdict": key(judge, answer),
                "answer": answer,
                "judge": f"j-{judge}",
                "criterion": f"c-{criterion}",
                "repeat": 0,
                "attempt": 0,
                "value": value,
                "expected": None if value is None else clip(value - 0.2 * noise),
                "spread": None if value is None else 0.4,
                "rationale": None if failure else rationale,
                "failure": failure,
            }
        )
    return rows


def clip(value: float) -> float:
    return min(10.0, max(1.0, value))


def _pair(store: Store, prompts: list[Prompt], responses: list[dict[str, Any]]) -> None:
    store.append(
        "pairings",
        [
            {"key": key, "spec": PAIRING, "created": START + timedelta(minutes=minute)}
            for minute, key in enumerate(("p-old", "p"))
        ],
    )
    points = {
        row["answer"]: row["points"]
        for row in store.rows(
            "SELECT answer, avg(score)::DOUBLE AS points FROM latest_scores WHERE judge = 'j-tiny' GROUP BY answer"
        )
    }
    pairs, reasons = [], []
    for prompt in prompts:
        mine = {row["key"]: row for row in responses if row["prompt"] == prompt.key}
        scored = sorted((points[row["answer"]], name) for name, row in mine.items() if points.get(row["answer"]))
        margin = 100 * (scored[-1][0] - scored[0][0]) / 9 if len(scored) > 1 else 0.0
        ends = {scored[-1][1]: "chosen", scored[0][1]: "rejected"} if margin >= 10 else {}
        outcome = "paired" if ends else "below the margin" if margin else "fewer than two scored answers"
        if ends:
            pairs.append(
                {
                    "pairing": "p",
                    "prompt": prompt.key,
                    "chosen": scored[-1][1],
                    "rejected": scored[0][1],
                    "margin": margin,
                    "confidence": 1 / (1 + math.exp(-margin / 8)),
                }
            )
        reasons.append(
            {
                "pairing": "p",
                "prompt": prompt.key,
                "response": None,
                "reason": outcome,
                "others": sum(not row["failure"] and name not in ends for name, row in mine.items()),
            }
        )
        reasons += [
            {"pairing": "p", "prompt": prompt.key, "response": name, "reason": "not generated: timeout"}
            for name, row in mine.items()
            if row["failure"]
        ]
    store.append("pairs", pairs)
    store.append("pairs", [{**pairs[0], "pairing": "p-old"}])
    store.append("reasons", reasons)


def _train(store: Store) -> None:
    spec = json.dumps({"rows": 95, "refused": {"over_length": 2}})
    store.append(
        "trainings",
        [
            {
                "key": "t",
                "pairing": "p",
                "method": "dpo",
                "base": "writer",
                "path": "models/t",
                "spec": spec,
                "created": START + timedelta(minutes=5),
            }
        ],
    )
    log = []
    for step in range(1, 61):
        rise, noise = 1 - math.exp(-step / 18), fraction("noise", step) - 0.5
        log += [
            {"training": "t", "step": step, "metric": metric, "value": value}
            for metric, value in (
                ("loss", 0.693 - 0.45 * rise + 0.06 * noise),
                ("rewards/accuracies", min(1.0, 0.5 + 0.45 * rise + 0.1 * noise)),
                ("rewards/margins", 2.4 * rise + 0.2 * noise),
                ("logps/chosen", -22 - 2 * rise + noise),
                ("logps/rejected", -24 - 16 * rise + noise),
                ("grad_norm", float("nan")),
            )
        ]
    store.append("training_log", log)


def _work(store: Store) -> None:
    spent = (("collect", 0.4, 0), ("generate", 41.5, 120), ("judge", 96.2, 474), ("pair", 0.1, 0), ("train", 48.8, 0))
    store.append(
        "stage_runs",
        [
            {
                "run": run,
                "stage": stage,
                "started": START + timedelta(minutes=minute),
                "seconds": seconds,
                "done": calls * 4 or 120,
                "failed": calls // 40,
                "calls": calls,
                "prompt_tokens": calls * 210,
                "output_tokens": calls * 58,
            }
            for run in ("r1", "r2")
            for minute, (stage, seconds, calls) in enumerate(spent)
        ],
    )
