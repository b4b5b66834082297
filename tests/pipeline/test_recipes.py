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
SMALL = [
    "budget=null",
    "collect.held_out=0.25",
    "generate.template=prompts/generate/compact.jinja",
    "generate.max_tokens=48",
]
TRAINED = [
    "train.options={max_steps: 1, per_device_train_batch_size: 2}",
    "evaluate.limit=2",
    "evaluate.samples=1",
]
WRITES = "models.writer=" + WRITER
POOL = {
    "ultrafeedback": ["llama", "llama_large", "qwen", "qwen_large", "mistral", "gemma"],
    "tulu3": ["policy", "llama", "qwen", "qwen_large", "mistral", "gemma"],
    "olmo3": ["weak", "llama", "qwen", "qwen_large", "mistral", "gemma"],
    "delta": ["strong", "weak"],
}
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


def go(name: str, folder: Path, *overrides: str, count: int = 8, train: bool = True) -> Store:
    """Run a recipe on a few prompts of the demo's world; return its store."""
    sets = [f"out={folder / 'out'}", prompts(folder, count), *SMALL, *(TRAINED if train else []), *overrides]
    with pipeline.open_run(load(root() / f"pipelines/{name}.yaml", sets)) as (plan, context):
        made, evaluation, report = pipeline.everything(plan, context)
    assert made
    assert made.pairs
    assert report.exists()
    assert bool(evaluation.matches) == train, "the trained model is compared with its base"
    return Store(folder / "out/store.duckdb", read_only=True)


def number(store: Store, query: str) -> Any:
    return next(iter(store.rows(f"SELECT {query}")[0].values()))


TRAINING = "FROM responses JOIN generators ON generators.key = generator WHERE prompt IN (SELECT key FROM prompts WHERE bucket >= 2500)"


def test_verifiable_chooses_responses_that_keep_every_limit_of_their_prompt(tmp_path: Path) -> None:
    with go("verifiable", tmp_path, WRITES, "generate.temperature=0.8") as store:
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
    with go("long_document", tmp_path, WRITES, *SCRIPTED_JUDGE, count=6) as store:
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
    overrides = [WRITES, *SCRIPTED_JUDGE, second, "rounds.most=2", "generate.samples=3"]
    with go("on_policy_dpo", tmp_path, *overrides, count=16) as store:
        rounds = store.rows("SELECT number, judge, pairs FROM rounds ORDER BY number")
        assert rounds
        assert {row["judge"] for row in rounds} == {"second"}
        assert all(row["pairs"] for row in rounds)
        shared = "SELECT prompt FROM pairs GROUP BY prompt HAVING count(DISTINCT pairing) > 1"
        assert store.rows(shared) == []


def pool(name: str) -> list[str]:
    """Overrides that put the tiny writer, at several temperatures, in place of a recipe's pool, and a scripted judge."""
    models = dict.fromkeys([*POOL[name], *([] if name == "ultrafeedback" else ["policy"])])
    heats = [f"generate.generators.{place}.temperature={0.8 + place / 5}" for place in range(len(POOL[name]))]
    return [*SCRIPTED_JUDGE, *(f"models.{model}={WRITER}" for model in models), *heats]


def answered(store: Store) -> dict[str, set[str]]:
    """The generators that answered each training prompt."""
    found = store.rows("SELECT prompt, list(DISTINCT generators.name) AS names " + TRAINING + " GROUP BY prompt")
    return {row["prompt"]: set(row["names"]) for row in found}


ASPECTS = {"instruction_following", "truthfulness", "honesty", "helpfulness"}


def test_ultrafeedback_rates_four_models_of_the_pool_on_four_aspects(tmp_path: Path) -> None:
    with go("ultrafeedback", tmp_path, *pool("ultrafeedback"), train=False) as store:
        assert {len(names) for names in answered(store).values()} == {4}
        assert set().union(*answered(store).values()) == set(POOL["ultrafeedback"])
        assert {row["criterion"] for row in store.rows("SELECT DISTINCT criterion FROM responses_scored")} == ASPECTS
        assert number(store, "count(*) FROM verdicts") == 4 * number(store, "count(DISTINCT answer) FROM responses")


def test_tulu3_has_an_on_policy_response_to_every_prompt(tmp_path: Path) -> None:
    with go("tulu3", tmp_path, *pool("tulu3"), "models.second={kind: scripted, salt: s}") as store:
        assert {len(names) for names in answered(store).values()} == {4}
        assert all("policy" in names for names in answered(store).values())
        lower = "SELECT count(*) AS n FROM pairs_readable WHERE margin <= 0"
        assert store.rows(lower)[0]["n"] == 0


def test_delta_chooses_the_stronger_model_and_calls_no_judge_for_its_pairs(tmp_path: Path) -> None:
    with go("delta", tmp_path, *pool("delta")) as store:
        sides = store.rows("SELECT DISTINCT chosen_generator, rejected_generator FROM pairs_readable WHERE newest")
        assert sides == [{"chosen_generator": "strong", "rejected_generator": "weak"}]
        assert set(map(frozenset, answered(store).values())) == {frozenset({"strong", "weak"})}
        assert number(store, f"count(*) FILTER (answer IN (SELECT answer FROM scores)) {TRAINING}") == 0


def test_olmo3_pairs_the_weak_models_responses_within_100_tokens_and_quotas(tmp_path: Path) -> None:
    quota = "pair.quotas={by: max_words, pairs: {'40': 3}}"
    with go("olmo3", tmp_path, *pool("olmo3"), "models.second={kind: scripted, salt: s}", quota) as store:
        assert all("weak" in names and len(names) == 5 for names in answered(store).values())
        tokens = store.rows("""
            SELECT abs(one.output_tokens::INT - other.output_tokens::INT) AS apart
            FROM pairs JOIN responses AS one ON one.key = chosen JOIN responses AS other ON other.key = rejected
        """)
        assert len(tokens) == 3
        assert all(row["apart"] <= 100 for row in tokens)
