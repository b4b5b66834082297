"""The whole pipeline on a server of each dialect: generation, judging, plan, doctor and resume."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rlaif.config import load
from rlaif.context.spending import Spent, spent
from rlaif.store.store import Row, Store
from tests.support.command_line import Finished, rlaif
from tests.support.dialects import DIALECTS, SECRET, Dialect, serving
from tests.support.servers import Request

PROMPTS = 2


@dataclass(frozen=True)
class Outcome:
    dialect: Dialect
    doctor: Finished
    planned: Finished
    run: Finished
    asked: list[Request]
    """The requests of the run."""
    asked_by_plan: int
    asked_again: int
    responses: list[Row]
    verdicts: list[Row]
    observed: set[tuple[str, str]]
    spent: list[Spent]
    exported: str


def describe(folder: Path, dialect: Dialect, base_url: str) -> None:
    prompts = [json.dumps({"prompt": f"Question {number}?"}) for number in range(PROMPTS)]
    (folder / "prompts.jsonl").write_text("\n".join(prompts))
    criterion = {"name": "help", "question": "Does it help?", "levels": {1: "no", 5: "yes"}}
    (folder / "rubric.yaml").write_text(json.dumps({"name": "mine", "criteria": [criterion]}))
    price = {"input": 10, "output": 100, "cached_input": 1}
    model = {"base_url": base_url, "price": price, **dialect.config}
    data = {
        "name": "dialect",
        "out": "out",
        "collect": {"sources": [{"path": "prompts.jsonl"}]},
        "models": {name: model | {"model": name} for name in ("writer", "critic")},
        "generate": {"model": "writer", "samples": 2, "system": "Be kind."},
        "judges": {"j": {"rubric": "rubric.yaml", "model": "critic"}},
        "pair": {},
    }
    (folder / "p.yaml").write_text(json.dumps(data))


def carry_out(folder: Path, dialect: Dialect) -> Outcome:
    with serving(dialect) as server:
        describe(folder, dialect, server.base_url)
        doctor = rlaif("doctor", "p.yaml", folder=folder)
        before = len(server.requests)
        planned = rlaif("plan", "p.yaml", folder=folder)
        start = len(server.requests)
        run = rlaif("run", "p.yaml", folder=folder)
        end = len(server.requests)
        rlaif("run", "p.yaml", folder=folder)
        again = [each for each in server.requests[end:] if each.method == "POST"]
        asked = [each for each in server.requests[start:end] if each.method == "POST"]
    exported = (folder / "out/pairs/preference/train.jsonl").read_text()
    with Store(folder / "out/store.duckdb", read_only=True) as store:
        responses = store.rows("SELECT text, reasoning, failure FROM responses ORDER BY key")
        verdicts = store.rows("SELECT value, reasoning, scores.failure FROM scores JOIN verdicts ON verdicts.key = verdict")
        costs = spent(store, load(folder / "p.yaml").pipeline)
        observed = {(row["remark"], row["value"]) for row in store.rows("FROM server_observations")}
    return Outcome(
        dialect, doctor, planned, run, asked, start - before, len(again), responses, verdicts, observed, costs, exported
    )


@pytest.fixture(scope="module")
def keys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
            patch.setenv(name, "sk-0123456789abcdef")
        yield


@pytest.fixture(scope="module", params=DIALECTS)
def outcome(request: pytest.FixtureRequest, keys: None, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return carry_out(tmp_path_factory.mktemp("dialect"), DIALECTS[request.param])


def test_generation_keeps_text_and_reasoning_apart(outcome: Outcome) -> None:
    assert outcome.run.returncode == 0, outcome.run.stderr
    assert len(outcome.responses) == 2 * PROMPTS
    assert all(row["text"].startswith("A ") and row["text"].endswith(".") for row in outcome.responses)
    expected = {f"{SECRET} first."} if outcome.dialect.reasons else {None}
    assert {row["reasoning"] for row in outcome.responses} == expected
    assert {row["failure"] for row in outcome.responses} == {None}


def test_judging_scores_every_response_and_never_sees_reasoning(outcome: Outcome) -> None:
    assert sorted(row["value"] for row in outcome.verdicts) == [1] * PROMPTS + [5] * PROMPTS
    assert {row["failure"] for row in outcome.verdicts} == {None}
    if outcome.dialect.reasons:
        assert all(SECRET in row["reasoning"] for row in outcome.verdicts if row["reasoning"])
    assert not [each for each in outcome.asked if SECRET in json.dumps(each.body)]


def test_plan_prices_the_work_without_a_request(outcome: Outcome) -> None:
    assert outcome.planned.returncode == 0, outcome.planned.stderr
    assert (outcome.asked_by_plan, "price from the pipeline file" in outcome.planned.stdout) == (0, True)


def test_doctor_finds_the_servers_ready(outcome: Outcome) -> None:
    assert outcome.doctor.returncode == 0, outcome.doctor.stdout
    for what in {name for _, name in outcome.dialect.left_out}:
        assert what in outcome.doctor.stdout


def test_resume_sends_no_request(outcome: Outcome) -> None:
    assert outcome.asked_again == 0


def test_what_a_server_refuses_is_left_out_and_recorded(outcome: Outcome) -> None:
    assert outcome.dialect.left_out <= outcome.observed
    refused = [each for each in outcome.asked if outcome.dialect.refuses(each.body)]
    # The requests in flight until the first refusal arrives may be refused too.
    assert len(refused) <= len(outcome.dialect.left_out) * (2 * PROMPTS + 1)


def test_exports_hold_no_reasoning(outcome: Outcome) -> None:
    assert outcome.exported.count('"chosen"') == PROMPTS
    assert SECRET not in outcome.exported


def test_cached_prompt_tokens_are_priced(outcome: Outcome) -> None:
    saved = sum(row.usd or 0 for row in outcome.spent if row.stage == "prompt cache: tokens read")
    requests = len(outcome.responses) + len(outcome.verdicts)
    if not outcome.dialect.cached:
        assert saved == 0
    elif outcome.dialect.config["kind"] == "anthropic":
        assert saved == pytest.approx(-requests * outcome.dialect.cached * (10 - 1) / 1e6)
        added = [row.usd or 0 for row in outcome.spent if row.stage == "prompt cache: tokens written"]
        assert sum(added) == pytest.approx(requests * 100 * (12.5 - 10) / 1e6)
    else:
        # The two samples of a prompt come from one request.
        assert saved == pytest.approx(-(PROMPTS + len(outcome.verdicts)) * outcome.dialect.cached * (10 - 1) / 1e6)
