"""IFEval of a real model before and after training on rlaif's pairs: strict and loose, by prompt and by instruction.

python -m benchmarks.real_model OUT --row base              the untrained model
python -m benchmarks.real_model OUT --row dpo --seed 1      trained by pipelines/instructions.yaml, then measured
python -m benchmarks.real_model OUT --table                 all results of OUT, with 95 % intervals over prompts
python -m benchmarks.real_model OUT --small                 four rows of a tiny model, whose results mean nothing

Responses are greedy, as in published results, and kept in OUT, so that a stopped run goes on and `--prompts` can grow. The
prompts come in a fixed random order. A row's difference is that of the same prompts' results to the base's. A second table
shows what else the training changes (see benchmarks/real_model_drift.py).
"""

import argparse
import asyncio
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy
import yaml

import rlaif
from benchmarks import real_model_drift
from benchmarks.job import table
from rlaif.config import TransformersModel
from rlaif.core.statistics import percentile_interval, resampled_sums
from rlaif.judging.checks.ifeval import followed
from rlaif.models.base import ChatRequest, Sampling
from rlaif.models.registry import open_model

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
IFEVAL, SOLUTIONS = SHARED / "ifeval_prompts.jsonl", SHARED / "gsm8k_solutions.jsonl"
PIPELINE = ROOT / "pipelines" / "instructions.yaml"
COMMON = {"num_train_epochs": 1, "per_device_train_batch_size": 4, "max_length": 256}
# What each row changes in the pipeline's section `train`.
ROWS: dict[str, dict[str, Any]] = {
    "base": {},
    "dpo": {},
    "sft": {"method": "sft", "options": {"learning_rate": 2e-5, **COMMON}},
    "kto": {"method": "kto", "options": {"learning_rate": 2e-5, **COMMON}},
    "grpo": {
        "method": "grpo",
        "rewards": [{"judge": "checks"}],
        "options": {"learning_rate": 2e-5, "max_steps": 20, "per_device_train_batch_size": 8, "num_generations": 4},
    },
}
MEASURES = ("prompt strict", "instruction strict", "prompt loose", "instruction loose", "average", "words")
Row = dict[str, Any]


def trained(out: Path, row: str, seed: int, small: bool) -> str:
    """Return the path of the row's model, which is trained first unless it exists."""
    sections: dict[str, Any] = yaml.safe_load(PIPELINE.read_text(encoding="utf-8"))
    sections |= {"out": str(out / "run"), "evaluate": None}
    if small:
        sections["models"]["smollm"] = {"kind": "transformers", "path": "tiny:writer"}
        sections["generate"]["max_tokens"] = 8
        # The tiny model follows no instruction, so any difference makes a pair.
        sections["pair"] = {"strategy": "best_vs_worst"}
    if row == "base":
        return str(sections["models"]["smollm"]["path"])
    # Not as overrides, which would keep the options of the file's method.
    sections["train"] |= {**ROWS[row], "seed": seed}
    pipeline = rlaif.Pipeline(sections, folder=PIPELINE.parent)
    pipeline.collect()
    pipeline.generate()
    pipeline.judge()
    pipeline.pair()
    return str(pipeline.train().path)


async def answer(path: str, prompts: Sequence[Row], file: Path, limit: int, dtype: Any = "auto") -> dict[int, str]:
    """Return the model's responses by key; those that the file lacks are sampled and appended to it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    known = [json.loads(line) for line in file.open(encoding="utf-8")] if file.exists() else []
    found = {each["key"]: each["response"] for each in known}
    missing = [each for each in prompts if each["key"] not in found]
    if not missing:
        return found
    async with open_model(TransformersModel(kind="transformers", path=path, batch=32, dtype=dtype)) as model:
        sampling = Sampling(temperature=0.0, max_tokens=limit)
        with file.open("a", encoding="utf-8") as stream:
            for start in range(0, len(missing), 64):
                part = missing[start : start + 64]
                requests = [ChatRequest([{"role": "user", "content": each["prompt"]}], sampling) for each in part]
                for each, (done,) in zip(part, await asyncio.gather(*map(model.complete, requests)), strict=True):
                    found[each["key"]] = done.text
                    kept = {"key": each["key"], "response": done.text, "finish": done.finish}
                    stream.write(json.dumps(kept, ensure_ascii=False) + "\n")
                stream.flush()
    return found


def measured(prompts: Sequence[Row], answers: dict[int, str]) -> dict[str, list[Any]]:
    """Return for each prompt which instructions its response follows, and the response's number of words."""
    found: dict[str, list[Any]] = {"key": [], "strict": [], "loose": [], "words": []}
    for each in prompts:
        text, types, arguments = answers[each["key"]], each["instruction_id_list"], each["kwargs"]
        found["key"].append(each["key"])
        found["strict"].append(followed(text, types, arguments))
        found["loose"].append(followed(text, types, arguments, loose=True))
        found["words"].append(len(text.split()))
    return found


def sums(result: dict[str, list[Any]]) -> Any:
    """Return a row per prompt: each measure's sum, and the number of prompts and of instructions that it is divided by."""
    rows = zip(result["strict"], result["loose"], result["words"], strict=True)
    return numpy.array([[all(s), sum(s), all(x), sum(x), words, 1, len(s)] for s, x, words in rows], dtype=float)


def shares(totals: Any) -> Any:
    """Return the measures of summed rows: four shares and their average, in percent, and the words."""
    four = 100 * totals[..., :4] / totals[..., [5, 6, 5, 6]]
    words = totals[..., 4] / totals[..., 5]
    return numpy.concatenate([four, four.mean(-1)[..., None], words[..., None]], axis=-1)


def print_table(out: Path) -> None:
    """Print each result, and its difference from the base on the prompts that both have."""
    results = {file.stem: json.loads(file.read_text()) for file in sorted((out / "results").glob("*.json"))}
    rows = [["model", "prompts", *MEASURES]]
    for name, result in results.items():
        rows.append([name, str(len(result["key"])), *_cells(result, shares)])
        base = results.get("base-0")
        if base and name != "base-0":
            rows.append(["  to base", *_difference(result, base)])
    table("IFEval, percent [95 % interval], and words a response", rows)
    drift = {file.stem: json.loads(file.read_text()) for file in sorted((out / "drift").glob("*.json"))}
    if drift:
        real_model_drift.print_table(drift)


def _difference(result: dict[str, list[Any]], base: dict[str, list[Any]]) -> list[str]:
    keys = [key for key in result["key"] if key in set(base["key"])]
    one, other = (_of(each, keys) for each in (result, base))
    both = numpy.concatenate([sums(one), sums(other)], axis=1)
    return [str(len(keys)), *_interval_cells(both, lambda totals: shares(totals[..., :7]) - shares(totals[..., 7:]), "+")]


def _of(result: dict[str, list[Any]], keys: Sequence[int]) -> dict[str, list[Any]]:
    places = [result["key"].index(key) for key in keys]
    return {name: [values[place] for place in places] for name, values in result.items()}


def _cells(result: dict[str, list[Any]], measure: Callable[[Any], Any]) -> list[str]:
    return _interval_cells(sums(result), measure, "")


def _interval_cells(rows: Any, measure: Callable[[Any], Any], sign: str) -> list[str]:
    values, resampled = measure(rows.sum(0)), measure(resampled_sums(rows))
    cells = []
    for place, value in enumerate(values):
        low, high = percentile_interval(resampled[:, place]) or (float("nan"), float("nan"))
        cells.append(f"{value:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]")
    return cells


def run_row(out: Path, row: str, seed: int, given: argparse.Namespace) -> None:
    """Train and measure one row, and keep its result."""
    prompts = [json.loads(line) for line in given.ifeval.open(encoding="utf-8")]
    prompts = [{"key": place, **each} for place, each in enumerate(prompts)]
    random.Random(0).shuffle(prompts)
    prompts = prompts[: given.prompts]
    path, name = trained(out, row, seed, given.small), f"{row}-{seed}"
    drift_file = out / "drift" / f"{name}.json"
    if given.solutions.exists() and not drift_file.exists():
        solutions = real_model_drift.read_solutions(given.solutions, given.drift)
        base = trained(out, "base", 0, given.small)
        drift = real_model_drift.measure(path, base, prompts[: given.drift], solutions, given.max_tokens // 4, given.dtype)
        keep(drift_file, asyncio.run(drift))
    answers = asyncio.run(answer(path, prompts, out / "responses" / f"{name}.jsonl", given.max_tokens, given.dtype))
    keep(out / "results" / f"{name}.json", measured(prompts, answers))


def keep(file: Path, result: Any) -> None:
    """Write a result."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--row", choices=ROWS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prompts", type=int, default=541)
    parser.add_argument("--max-tokens", type=int, default=512)
    parser.add_argument("--dtype", default="auto", help="bfloat16 is twice as fast on CPUs that compute with it")
    parser.add_argument("--drift", type=int, default=48, help="prompts, and solutions, of the second table")
    parser.add_argument("--ifeval", type=Path, default=IFEVAL)
    parser.add_argument("--solutions", type=Path, default=SOLUTIONS)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    if given.small:
        given.prompts, given.max_tokens = min(given.prompts, 20), 8
        given.ifeval = ROOT / "pipelines" / "data" / "instruction_prompts.jsonl"
    for row in ["base", "dpo", "kto", "sft"] if given.small and not given.row else [given.row] if given.row else []:
        run_row(given.out, row, given.seed, given)
    print_table(given.out)


if __name__ == "__main__":
    main()
