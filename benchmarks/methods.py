"""What each training method makes of the same base, prompts and pairs in the tiny world, by the oracle.

python -m benchmarks.methods OUT                      every row of methods/rows.yaml, seeds 0 to 2; rows done are skipped
python -m benchmarks.methods OUT --only dpo kto       these rows alone
python -m benchmarks.methods OUT --small              a size that proves nothing

The base is the tiny writer after an SFT on its own careless notes and on a second task, to recall two fields of a
document, which no pair is about: what training on the notes costs there is forgetting. Sampling, judging and pairing are
done once; each row trains the base with its own seed and samples four answers to each held-out prompt.
"""

import argparse
import json
import random
import shutil
import statistics
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.job import table
from rlaif import run
from rlaif.config import Config, TransformersModel, load
from rlaif.context import Context, HeldOut
from rlaif.progress import Tally
from rlaif.roles import base_generator, trained_generator
from rlaif.tiny import corpus
from rlaif.tiny.world import case, layout
from rlaif.training.fit import fit

HERE = Path(__file__).parent / "methods"
MEASURES = ("faithfulness", "completeness", "helpfulness", "recall", "words", "different", "minutes")
Result = dict[str, float]


@dataclass(frozen=True)
class Size:
    """How much of everything; the same for every row."""

    taught: int = 3200
    recalled: int = 200
    overrides: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()


FULL = Size()
SMALL = Size(64, 8, ("collect.sources.0.limit=24", "generate.samples=2", "evaluate.samples=2"), (("max_steps", 1),))


def prepare(out: Path, size: Size) -> Result:
    """The base, its answers, the judge's scores and the pairs, as far as they are not there yet; the base's own row."""
    write(out / "recall.jsonl", recalls("held out", size.recalled))
    if not (out / "base").exists():
        teach(out, size)
    with run.opened(pipeline(out, out / "shared", size)) as context:
        run.collect(context)
        run.generate_and_judge(context)
        run.pair(context)
        run.judge(context, ["oracle"], only=HeldOut(context.config.pipeline.collect.held_out))
        return measured(context, base_generator(context.config).key, out / "base", out)


def teach(out: Path, size: Size) -> None:
    """SFT of the tiny writer on careless notes and on recall, half and half."""
    rng = random.Random("methods notes")
    rows = []
    for row in recalls("taught", size.taught):
        note = corpus.demonstration(rng)
        rows += [turns(f"{row['document']}\n{row['prompt']}", row["reference"]), turns(note.prompt, note.answer)]
    config = load(HERE / "teach.yaml")
    section = config.pipeline.train
    assert section
    fit(
        section,
        TransformersModel(kind="transformers", path="rlaif/tiny/writer"),
        rows,
        out / "base",
        config.file,
        Tally("train"),
        print,
    )


def pipeline(out: Path, folder: Path, size: Size, train: dict[str, Any] | None = None) -> Config:
    """The shared pipeline with everything in `folder`, and what is to be trained."""
    section = [f"train={json.dumps(train)}"] if train else []
    return load(HERE / "pipeline.yaml", [f"out={folder}", f"models.writer.path={out / 'base'}", *size.overrides, *section])


def row(out: Path, size: Size, name: str, sections: list[dict[str, Any]], seed: int) -> Result:
    """What the trainings of one row come to, one after the other; from its file where that was found before."""
    folder = out / "rows" / f"{name}-{seed}"
    if (folder / "result.json").exists():
        return dict(json.loads((folder / "result.json").read_text()))
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(out / "shared/store.duckdb", folder)
    started = time.monotonic()
    for section in sections:
        options = {**section.get("options", {}), **dict(size.options)}
        config = pipeline(out, folder, size, {**section, "seed": seed, "options": options})
        with run.opened(config) as context:
            run.train(context)
    minutes = (time.monotonic() - started) / 60
    with run.opened(config) as context:
        run.evaluate(context)
        trained = trained_generator(context)
        assert trained and isinstance(trained.model, TransformersModel)
        result = measured(context, trained.key, Path(trained.model.path), out) | {"minutes": minutes}
    (folder / "result.json").write_text(json.dumps(result))
    return result


def measured(context: Context, generator: str, model: Path, out: Path) -> Result:
    """The oracle's means over a generator's answers to held-out prompts, and its model's marks in the second task."""
    found = context.store.rows((HERE / "marks.sql").read_text(), generator=generator)[0]
    return found | {"recall": recall(out, model)}


def recall(out: Path, model: Path) -> float:
    """The share in hundredths of the second task's prompts that a model answers rightly, greedily; one store for all."""
    overrides = [f"out={out / 'recall'}", f"models.writer.path={model}", f"collect.sources.0.path={out / 'recall.jsonl'}"]
    with run.opened(load(HERE / "recall.yaml", overrides)) as context:
        run.collect(context)
        run.generate_and_judge(context)
        generator = base_generator(context.config).key
        return float(context.store.rows((HERE / "recalled.sql").read_text(), generator=generator)[0]["recall"])


def recalls(name: str, count: int) -> Iterator[dict[str, str]]:
    """Rows of the second task: two fields of a fresh document are asked for, by name."""
    rng = random.Random(f"methods recall {name}")
    for _ in range(count):
        drawn = case(rng)
        fields = rng.sample(list(drawn.facts), 2)
        answer = layout([(field, drawn.facts[field]) for field in fields], "line")
        yield {"prompt": f"Say {', '.join(fields)}.", "document": drawn.document, "reference": answer}


def turns(prompt: str, answer: str) -> dict[str, Any]:
    return {"prompt": [{"role": "user", "content": prompt}], "chosen": [{"role": "assistant", "content": answer}]}


def write(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def shown(base: Result, results: dict[str, list[Result]], failed: dict[str, str]) -> None:
    """The table: means over seeds, with the least and the most of what was found."""
    rows = [["", "seeds", *MEASURES], ["base", "", *(f"{base[name]:.1f}" if name in base else "" for name in MEASURES)]]
    rows += [
        [name, str(len(found)), *(spread([each[name2] for each in found]) for name2 in MEASURES)]
        for name, found in results.items()
        if found
    ]
    table("0 to 100 by the oracle, on held-out prompts; recall is the second task", rows)
    for name, why in failed.items():
        print(f"{name}: {why}")


def spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.1f} [{min(values):.1f}, {max(values):.1f}]"


def main(out: Path, only: list[str], seeds: list[int], size: Size) -> bool:
    wanted = yaml.safe_load((HERE / "rows.yaml").read_text())
    base = prepare(out, size)
    results: dict[str, list[Result]] = {}
    failed: dict[str, str] = {}
    for seed in seeds:
        for name in only or wanted:
            try:
                results.setdefault(name, []).append(row(out, size, name, wanted[name], seed))
            except Exception as error:
                traceback.print_exc()
                failed[f"{name}, seed {seed}"] = str(error)
            print(name, seed, results.get(name, [None])[-1], flush=True)
    (out / "results.json").write_text(json.dumps({"base": base, "rows": results, "failed": failed}, indent=1))
    shown(base, results, failed)
    return not failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    raise SystemExit(not main(arguments.out.resolve(), arguments.only, arguments.seeds, SMALL if arguments.small else FULL))
