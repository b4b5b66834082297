"""Compare the training methods on the same base, prompts and pairs in the tiny world, scored by the oracle.

python -m benchmarks.methods OUT                      every row of methods/rows.yaml, seeds 0 to 2; skips finished rows
python -m benchmarks.methods OUT --only dpo kto       only these rows
python -m benchmarks.methods OUT --small              a small size for tests, whose results mean nothing

The base is the tiny writer after an SFT on careless notes, like those of its original training, and on a second task: to
recall two fields of a document. No pair is about the second task, so a loss there is forgetting. Sampling, judging and
pairing are done once; each row trains the base with a separate seed and samples four notes for each held-out prompt.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.job import table
from rlaif import pipeline as run
from rlaif.config import Config, load
from rlaif.demo.world import case, layout
from rlaif.evaluation import Evaluation
from tools.train_demo_models import corpus

HERE = Path(__file__).parent / "methods"
CRITERIA = ("faithfulness", "completeness", "helpfulness")
# The measures of a row, with their number of decimals.
MEASURES = dict.fromkeys(CRITERIA, 1) | {"recall": 1, "words": 1, "diversity": 2, "kl": 1, "cpu minutes": 1}
Result = dict[str, float]


@dataclass(frozen=True)
class Size:
    """The size of the benchmark, the same for every row."""

    taught: int = 3200
    recalled: int = 200
    overrides: tuple[str, ...] = ()
    steps: int | None = None


FULL = Size()
SMALL = Size(64, 8, ("collect.sources.0.limit=24", "generate.samples=2", "evaluate.samples=2"), 1)


def prepare(out: Path, size: Size) -> None:
    """Make the base, its answers, the judge's scores and the pairs, unless they exist."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "base").exists():
        teach(out, size)
    with run.open_run(pipeline(out, out / "shared", size)) as (plan, context):
        run.collect(context)
        run.generate_and_judge(plan, context)
        run.pair(plan, context)


def teach(out: Path, size: Size) -> None:
    """Train the tiny writer by SFT on both tasks, half and half, into `out/base`."""
    taught = list(recalls("taught", size.taught))
    rng = random.Random("methods notes")
    notes = [corpus.demonstration(rng) for _ in taught]
    recalled = [turns(f"{row['document']}\n{row['prompt']}", row["reference"]) for row in taught]
    both = zip(recalled, (turns(note.prompt, note.answer) for note in notes), strict=True)
    write(out / "recall.jsonl", recalls("held out", size.recalled))
    write(out / "taught_recall.jsonl", recalled)
    write(out / "taught.jsonl", (row for pair in both for row in pair))
    config = load(HERE / "teach.yaml", [f"out={out / 'teach'}", f"train.data={out / 'taught.jsonl'}"])
    with run.open_run(config) as (plan, context):
        made = run.train(plan, context)
    assert made
    shutil.copytree(made.path, out / "base")


def pipeline(out: Path, folder: Path, size: Size, train: dict[str, Any] | None = None) -> Config:
    """Return the shared pipeline with all output in `folder` and with this `train` section."""
    section = [f"train={json.dumps(train)}"] if train else []
    paths = [f"out={folder}", f"models.writer.path={out / 'base'}", f"evaluate.tasks.0.path={out / 'recall.jsonl'}"]
    return load(HERE / "pipeline.yaml", [*paths, *size.overrides, *section])


def row(out: Path, size: Size, name: str, section: dict[str, Any], seed: int) -> dict[str, Result]:
    """Return the measures of the base and of the model trained by one row, from the row's file if it exists."""
    folder = out / "rows" / f"{name}, {seed}"
    if (folder / "result.json").exists():
        return dict(json.loads((folder / "result.json").read_text()))
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(out / "shared/store.duckdb", folder)
    with run.open_run(pipeline(out, folder, size, scaled(out, size, section) | {"seed": seed})) as (plan, context):
        wall, cpu = time.monotonic(), cpu_seconds()
        run.train(plan, context)
        cost = {"minutes": (time.monotonic() - wall) / 60, "cpu minutes": (cpu_seconds() - cpu) / 60}
        found = run.evaluate(plan, context)
    result = {"base": told(found, "base"), "trained": told(found, "trained") | cost}
    (folder / "result.json").write_text(json.dumps(result))
    return result


def scaled(out: Path, size: Size, section: dict[str, Any]) -> dict[str, Any]:
    """Return a row's `train` section with the path of its data in `out`, shortened for the small size."""
    data = {"data": str(out / section["data"])} if "data" in section else {}
    steps = {"max_steps": size.steps} if size.steps else {}
    return section | data | {"options": section["options"] | steps}


def told(found: Evaluation, side: str) -> Result:
    """Return the measures of one side of an evaluation. KL is the k1 estimator, in nats per response."""
    match, task = found.matches[0], found.tasks[0].matches[0]
    texts = found.texts[0 if side == "base" else 1]
    result = {each.name: getattr(each, f"{side}_percent") for each in match.criteria}
    result |= {"words": getattr(match, side).words, "recall": getattr(task, side).score}
    result |= {"diversity": texts.within.ead} if texts.within else {}
    return result | ({"kl": found.divergences[0].k1} if side == "trained" else {})


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and its finished children, which other load hardly changes."""
    return sum(os.times()[:4])


def recalls(name: str, count: int) -> Iterator[dict[str, str]]:
    """Yield rows of the second task, which asks for two fields of a new document by name."""
    rng = random.Random(f"methods recall {name}")
    for _ in range(count):
        drawn = case(rng)
        fields = rng.sample(list(drawn.facts), 2)
        answer = layout([(field, drawn.facts[field]) for field in fields], "line")
        yield {"prompt": f"Say {', '.join(fields)}.", "document": drawn.document, "reference": answer}


def turns(prompt: str, answer: str) -> dict[str, Any]:
    """Return one exchange in the format of SFT data."""
    return {"prompt": [{"role": "user", "content": prompt}], "completion": [{"role": "assistant", "content": answer}]}


def write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def show(results: dict[str, list[dict[str, Result]]], notes: dict[str, str]) -> None:
    """Print the table: means over seeds, with the minimum and maximum of the oracle's mean."""
    sides = {"base": [next(iter(results.values()))[0]["base"]]} if results else {}
    sides |= {name: [each["trained"] for each in found] for name, found in results.items()}
    rows = [["", "seeds", "oracle", *MEASURES]]
    rows += [
        [name, str(len(found)), spread([oracle(each) for each in found]), *means(found)] for name, found in sides.items()
    ]
    table("0 to 100 by the oracle, on held-out prompts; recall is the second task", rows)
    for name, note in notes.items():
        print(f"{name}: {note}")


def means(found: Sequence[Result]) -> list[str]:
    return [
        f"{statistics.mean(each[what] for each in found):.{decimals}f}" if what in found[0] else ""
        for what, decimals in MEASURES.items()
    ]


def oracle(result: Result) -> float:
    """Return the mean of the oracle's three scores."""
    return statistics.mean(result[name] for name in CRITERIA)


def spread(values: Sequence[float]) -> str:
    around = f" [{min(values):.1f}, {max(values):.1f}]" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{around}"


def main(out: Path, only: Sequence[str], seeds: Sequence[int], size: Size) -> bool:
    wanted = yaml.safe_load((HERE / "rows.yaml").read_text())
    notes = {name: wanted[name]["why"] for name in only or wanted if "why" in wanted[name]}
    prepare(out, size)
    results: dict[str, list[dict[str, Result]]] = {}
    failed: dict[str, str] = {}
    for seed in seeds:
        for name in only or wanted:
            try:
                found = row(out, size, name, wanted[name]["train"], seed)
            except Exception as error:
                traceback.print_exc()
                failed[f"{name}, seed {seed}"] = f"failed: {error}"
                continue
            results.setdefault(name, []).append(found)
            print(name, seed, found["trained"], flush=True)
    (out / "results.json").write_text(json.dumps({"rows": results, "notes": notes | failed}, indent=1))
    show(results, notes | failed)
    return not failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    raise SystemExit(not main(arguments.out.resolve(), arguments.only, arguments.seeds, SMALL if arguments.small else FULL))
