"""What a training changes besides the accuracy: distance from the base, diversity, and the likelihood of an unrelated task.

The unrelated task is the likelihood of reference solutions to GSM8K's problems (Cobbe et al. 2021, arXiv 2110.14168), not
the accuracy: SmolLM2-135M-Instruct solves about one problem in a hundred (its model card: 1.4 % with five examples), so that
no loss of accuracy could be seen. The likelihood changes with every step of training, and costs one pass per solution.
"""

import asyncio
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy

from benchmarks.job import table
from rlaif.config import TransformersModel
from rlaif.core.statistics import percentile_interval, resampled_sums
from rlaif.evaluation.divergence import Likelihoods, compared, likelihoods
from rlaif.evaluation.text_stats import describe
from rlaif.models.base import ChatRequest, Likelihood, Sampling
from rlaif.models.registry import Models

# Samples per prompt: two are the fewest that show diversity within a prompt.
SAMPLES = 2
KL = ("KL, nats a token", "KL, nats a response")
TEXTS = ("distinct within (EAD)", "overlap across", "words")
# Calculations such as <<2*3=6>>, which GSM8K adds to its solutions for a calculator.
_CALCULATION = re.compile(r"<<[^>]*>>")
Row = dict[str, Any]


def read_solutions(path: Path, count: int) -> list[Row]:
    """Return problems of GSM8K with their reference solutions, as rows for `likelihoods`."""
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(count), strict=False)]
    return [
        {
            "response": str(place),
            "messages": json.dumps([{"role": "user", "content": row["question"]}]),
            "text": _CALCULATION.sub("", row["ground_truth"]),
            "finish": "stop",
        }
        for place, row in enumerate(rows)
    ]


async def sample(models: Models, config: TransformersModel, prompts: Sequence[Row], limit: int) -> list[Row]:
    """Return samples at temperature 1, as rows for `likelihoods` with the prompt's key."""
    model = await models.get(config)
    sampling, seeds = Sampling(temperature=1.0, max_tokens=limit), tuple(range(SAMPLES))
    messages = [[{"role": "user", "content": each["prompt"]}] for each in prompts]
    found = await asyncio.gather(*(model.complete(ChatRequest(each, sampling, seeds=seeds)) for each in messages))  # type: ignore[arg-type]
    return [
        {"response": f"{each['key']}/{number}", "key": each["key"], "text": done.text, "finish": done.finish}
        | {"messages": json.dumps(asked)}
        for each, asked, group in zip(prompts, messages, found, strict=True)
        for number, done in enumerate(group)
    ]


async def measure(
    path: str, base: str, prompts: Sequence[Row], solutions: Sequence[Row], limit: int, dtype: Any = "auto"
) -> Row:
    """Return the measures of a model: of each sample and solution, and the diversity of the samples."""
    own, reference = (TransformersModel(kind="transformers", path=each, batch=32, dtype=dtype) for each in (path, base))
    async with Models() as models:
        samples = await sample(models, own, prompts, limit)
        likely, solved = await likelihoods(models, own, samples), await likelihoods(models, own, solutions)
    async with Models() as models:
        unmoved = likely if path == base else await likelihoods(models, reference, samples)
    texts: dict[str, list[str]] = {}
    for each in samples:
        texts.setdefault(str(each["key"]), []).append(each["text"])
    stats = describe("", texts)
    return {
        "samples": [row for row in compared(likely, unmoved, "base") if "failure" not in row],
        "within": stats.within and stats.within.ead,
        "across": stats.across and stats.across.overlap,
        "words": stats.words,
        "solutions": _solutions(solved),
    }


def _solutions(found: Likelihoods) -> list[Row]:
    known = {name: each for name, each in found.items() if isinstance(each, Likelihood)}
    return [{"key": name, "tokens": len(each.ids), "nats": -math.fsum(each.logprobs)} for name, each in known.items()]


def print_table(results: dict[str, Row]) -> None:
    """Print the measures of each model; intervals are 95 %, over prompts or solutions."""
    base = results.get("base-0")
    rows = [["model", "samples", *KL, *TEXTS, "solutions", "nats a token", "difference to base"]]
    for name, each in results.items():
        rows.append([name, str(len(each["samples"])), *_divergence(each["samples"])])
        rows[-1] += ["–" if each[measure] is None else f"{each[measure]:.3f}" for measure in ("within", "across")]
        rows[-1] += [f"{each['words']:.0f}", str(len(each["solutions"])), *_forgetting(each["solutions"], base)]
    table("Drift from the base on temperature-1 samples, and likelihood of GSM8K's solutions [95 % interval]", rows)


def _divergence(samples: Sequence[Row]) -> list[str]:
    prompts: dict[str, list[Row]] = {}
    for each in samples:
        prompts.setdefault(each["response"].partition("/")[0], []).append(each)
    rows = [
        [sum(each["k1"] for each in group), sum(each["tokens"] for each in group), len(group)] for group in prompts.values()
    ]
    sums = numpy.array(rows, dtype=float).reshape(-1, 3)
    return [_interval(sums, 0, 1, 4), _interval(sums, 0, 2, 2)]


def _forgetting(solutions: Sequence[Row], base: Row | None) -> list[str]:
    sums = numpy.array([[each["nats"], each["tokens"]] for each in solutions], dtype=float).reshape(-1, 2)
    unmoved = {each["key"]: each["nats"] for each in base["solutions"]} if base else {}
    shared = [each for each in solutions if each["key"] in unmoved]
    moved = numpy.array([[each["nats"] - unmoved[each["key"]], each["tokens"]] for each in shared], dtype=float)
    return [_interval(sums, 0, 1, 3), _interval(moved, 0, 1, 3, "+") if shared else "–"]


def _interval(sums: Any, part: int, whole: int, digits: int, sign: str = "") -> str:
    """Return the ratio of two columns' sums with its interval, as text; a dash if there is nothing to measure."""
    if not len(sums):
        return "–"
    value = sums[:, part].sum() / sums[:, whole].sum()
    drawn = resampled_sums(sums)
    low, high = percentile_interval(drawn[:, part] / drawn[:, whole]) or (math.nan, math.nan)
    return f"{value:{sign}.{digits}f} [{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]"
