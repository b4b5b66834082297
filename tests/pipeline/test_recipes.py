"""Every recipe of `pipelines/` runs to its end on the demo models, and costs what its header says."""

import json
import random
from pathlib import Path
from typing import Any

from rlaif import pipeline
from rlaif.config import load
from rlaif.config.resources import root
from rlaif.demo.world import case
from rlaif.store.store import Store

WRITER = "{kind: transformers, path: 'tiny:writer', batch: 64}"
JUDGE = (
    "{model: critic, rubric: rubrics/grounded.yaml, template: prompts/judge/compact.jinja, calls: apart, max_tokens: 160}"
)
SMALL = [
    "budget=null",
    "models.writer=" + WRITER,
    "collect.held_out=0.25",
    "generate.template=prompts/generate/compact.jinja",
    "generate.max_tokens=64",
    "train.options={max_steps: 1, per_device_train_batch_size: 2}",
    "evaluate.limit=2",
    "evaluate.samples=1",
]
TINY_JUDGE = ["models.critic={kind: transformers, path: 'tiny:judge', batch: 64}", "judges.critic=" + JUDGE]
SCRIPTED_JUDGE = ["models.critic={kind: scripted}"]


def prompts(folder: Path, count: int) -> str:
    """Write prompts of the demo's world, each with the facts that its asker needs as keywords; return an override."""
    rng, path = random.Random("recipes"), folder / "prompts.jsonl"
    with path.open("w") as file:
        for each in (case(rng) for _ in range(count)):
            row: dict[str, Any] = {"prompt": each.request, "document": each.document, "max_words": 40}
            row |= dict.fromkeys(("min_words", "forbidden", "pattern"))
            row["keywords"] = [f"{field} {each.facts[field]}" for field in each.needed]
            file.write(json.dumps(row) + "\n")
    columns = "{prompt: prompt, document: document, metadata: [keywords, max_words, min_words, forbidden, pattern]}"
    return f"collect.sources=[{{path: {path}, columns: {columns}}}]"


def go(name: str, folder: Path, *overrides: str, count: int = 12) -> Store:
    """Run a recipe on a few prompts of the demo's world; return its store."""
    sets = [f"out={folder / 'out'}", prompts(folder, count), *SMALL, *overrides]
    with pipeline.open_run(load(root() / f"pipelines/{name}.yaml", sets)) as (plan, context):
        made, evaluation, report = pipeline.everything(plan, context)
    assert made, "a model is trained"
    assert evaluation.matches
    assert report.exists()
    return Store(folder / "out/store.duckdb", read_only=True)


def number(store: Store, query: str) -> Any:
    return next(iter(store.rows(f"SELECT {query}")[0].values()))


TRAINING = "FROM responses JOIN generators ON generators.key = generator WHERE prompt IN (SELECT key FROM prompts WHERE bucket >= 2500)"


def test_verifiable_chooses_responses_that_keep_every_limit_of_their_prompt(tmp_path: Path) -> None:
    with go("verifiable", tmp_path, "generate.temperature=0.8") as store:
        pairs = store.rows("FROM pairs_readable WHERE newest")
        assert pairs
        for pair in pairs:
            limits = json.loads(pair["metadata"])
            kept = [all(word in pair[side] for word in limits["keywords"]) for side in ("chosen", "rejected")]
            kept = [each and len(pair[side].split()) <= 40 for each, side in zip(kept, ("chosen", "rejected"), strict=True)]
            assert kept == [True, False]
        assert number(store, f"max(sample) + 1 {TRAINING}") == 8
        assert number(store, "coalesce(sum(calls), 0)::INT FROM verdicts") == 0, "no judge is called"


def test_long_document_scores_four_dimensions_at_the_stated_cost(tmp_path: Path) -> None:
    with go("long_document", tmp_path, *SCRIPTED_JUDGE, count=6) as store:
        assert {row["criterion"] for row in store.rows("SELECT DISTINCT criterion FROM responses_scored")} == {
            "helpfulness",
            "logicality",
            "faithfulness",
            "completeness",
        }
        assert number(store, f"max(sample) + 1 {TRAINING}") == 10
        claims = number(store, "count(*) FROM findings JOIN criteria ON criteria.key = criterion AND kind = 'claims'")
        answers, calls = (
            number(store, query) for query in ("count(DISTINCT answer) FROM scores", "sum(calls)::INT FROM verdicts")
        )
        assert calls == 4 * answers + claims
        assert number(store, "sum(calls)::INT FROM notes") == 6, "one call per prompt: each document is one piece"


def test_on_policy_dpo_trains_each_round_on_other_prompts(tmp_path: Path) -> None:
    second = "judges.second={rubric: rubrics/oracle.yaml}"
    with go("on_policy_dpo", tmp_path, *TINY_JUDGE, second, "rounds.most=2", "generate.samples=4", count=24) as store:
        rounds = store.rows("SELECT number, judge, pairs FROM rounds ORDER BY number")
        assert rounds
        assert {row["judge"] for row in rounds} == {"second"}
        assert all(row["pairs"] for row in rounds)
        shared = "SELECT prompt FROM pairs GROUP BY prompt HAVING count(DISTINCT pairing) > 1"
        assert store.rows(shared) == []
