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
from tests.support.dialects import DIALECTS, SECRET, Dialect, address, serving
from tests.support.servers import Request, Server

NUMBERS = range(len(DIALECTS))
# Each prompt gets two samples of every writer, and each response a verdict of every critic.
PROMPTS, SAMPLES = 2, 2
RESPONSES = PROMPTS * SAMPLES * len(DIALECTS)


@dataclass(frozen=True)
class Outcome:
    """What the commands printed, asked and stored, for all dialects together."""

    doctor: Finished
    planned: Finished
    asked: list[Request]
    """The requests of the run."""
    asked_by_plan: int
    asked_again: int
    responses: list[Row]
    verdicts: list[Row]
    observed: list[Row]
    spent: list[Spent]
    exported: list[Row]


def describe(folder: Path, server: Server) -> None:
    (folder / "prompts.jsonl").write_text("\n".join(json.dumps({"prompt": f"Question {n}?"}) for n in range(PROMPTS)))
    criterion = {"name": "help", "question": "Does it help?", "levels": {1: "no", 5: "yes"}}
    (folder / "rubric.yaml").write_text(json.dumps({"name": "mine", "criteria": [criterion]}))
    price = {"input": 10, "output": 100, "cached_input": 1}
    models = {
        f"{role}{number}": {
            "model": f"{role}{number}",
            "base_url": address(server, number),
            "price": price,
            **dialect.config,
        }
        for number, dialect in enumerate(DIALECTS.values())
        for role in ("writer", "critic")
    }
    data = {
        "name": "dialects",
        "out": "out",
        "collect": {"sources": [{"path": "prompts.jsonl"}]},
        "models": models,
        "generate": {"generators": [{"model": f"writer{n}"} for n in NUMBERS], "samples": SAMPLES, "system": "Be kind."},
        "judges": {f"critic{n}": {"rubric": "rubric.yaml", "model": f"critic{n}"} for n in NUMBERS},
        "pair": {"strategy": "all_above_margin", "per_prompt": 1000, "judge": "critic0"},
    }
    (folder / "p.yaml").write_text(json.dumps(data))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("dialects")
    with pytest.MonkeyPatch.context() as patch, serving() as server:
        for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
            patch.setenv(name, "sk-0123456789abcdef")
        describe(folder, server)
        doctor = rlaif("doctor", "p.yaml", folder=folder)
        before = len(server.requests)
        planned = rlaif("plan", "p.yaml", folder=folder)
        start = len(server.requests)
        run = rlaif("run", "p.yaml", folder=folder)
        assert run.returncode == 0, run.stderr
        end = len(server.requests)
        rlaif("run", "p.yaml", folder=folder)
        again = [each for each in server.requests[end:] if each.method == "POST"]
        asked = [each for each in server.requests[start:end] if each.method == "POST"]
        lines = (folder / "out/pairs/preference/train.jsonl").read_text().splitlines()
    with Store(folder / "out/store.duckdb", read_only=True) as store:
        yield Outcome(
            doctor,
            planned,
            asked,
            start - before,
            len(again),
            store.rows("SELECT generators.name, responses.* FROM responses JOIN generators ON generators.key = generator"),
            store.rows(
                "SELECT judges.name, value, reasoning, scores.failure FROM scores JOIN verdicts ON verdicts.key = verdict "
                "JOIN judges ON judges.key = verdicts.judge"
            ),
            store.rows("FROM server_observations"),
            spent(store, load(folder / "p.yaml").pipeline),
            [json.loads(line) for line in lines],
        )


@pytest.fixture(params=NUMBERS, ids=list(DIALECTS))
def number(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


def spoken(number: int) -> Dialect:
    return list(DIALECTS.values())[number]


def test_generation_keeps_text_and_reasoning_apart(outcome: Outcome, number: int) -> None:
    rows = [row for row in outcome.responses if row["name"] == f"writer{number}"]
    assert sorted(row["text"] for row in rows) == sorted(
        f"A {how} answer of writer{number}." for how in ("good", "poor") for _ in range(PROMPTS)
    )
    assert {row["reasoning"] for row in rows} == ({f"{SECRET} first."} if spoken(number).reasons else {None})
    assert {row["failure"] for row in rows} == {None}


def test_judging_scores_every_response_and_never_sees_reasoning(outcome: Outcome, number: int) -> None:
    rows = [row for row in outcome.verdicts if row["name"] == f"critic{number}"]
    assert sorted(row["value"] for row in rows) == [1] * (RESPONSES // 2) + [5] * (RESPONSES // 2)
    assert {row["failure"] for row in rows} == {None}
    assert not [each for each in outcome.asked if SECRET in json.dumps(each.body)]


def test_plan_prices_the_work_without_a_request(outcome: Outcome) -> None:
    assert outcome.planned.returncode == 0, outcome.planned.stderr
    assert (outcome.asked_by_plan, "price from the pipeline file" in outcome.planned.stdout) == (0, True)


def test_doctor_finds_the_server_ready_and_says_what_it_refuses(outcome: Outcome, number: int) -> None:
    assert outcome.doctor.returncode == 0, outcome.doctor.stdout
    names = (f"model writer{number}: ", f"model critic{number}: ")
    lines = [line for line in outcome.doctor.stdout.splitlines() if any(name in line for name in names)]
    assert sum("answers" in line for line in lines) == 2
    assert all(any(what in line for line in lines) for _, what in spoken(number).left_out)


def test_resume_sends_no_request(outcome: Outcome) -> None:
    assert outcome.asked_again == 0


def test_parameters_that_a_server_refuses_are_left_out_and_recorded(outcome: Outcome, number: int) -> None:
    dialect = spoken(number)
    observed = {(row["remark"], row["value"]) for row in outcome.observed if f"/{number}" in row["server"]}
    assert dialect.left_out <= observed
    refused = [each for each in outcome.asked if each.path.startswith(f"/{number}/") and dialect.refuses(each.body)]
    # Requests that are in flight when the first refusal arrives may be refused too.
    assert len(refused) <= len(dialect.left_out) * (PROMPTS * SAMPLES + RESPONSES)
    assert bool(refused) == bool(dialect.left_out)


def test_exports_hold_the_texts_and_no_reasoning(outcome: Outcome, number: int) -> None:
    texts = {row[side][0]["content"] for row in outcome.exported for side in ("chosen", "rejected")}
    assert {f"A {how} answer of writer{number}." for how in ("good", "poor")} <= texts
    assert SECRET not in json.dumps(outcome.exported)


def test_cached_prompt_tokens_are_priced(outcome: Outcome, number: int) -> None:
    dialect, names = spoken(number), (f"writer{number}", f"critic{number}")
    read, written = (
        sum(row.usd or 0 for row in outcome.spent if row.model in names and row.stage == f"prompt cache: tokens {what}")
        for what in ("read", "written")
    )
    native = dialect.config["kind"] == "anthropic"
    # Where a server returns several completions, the samples of a prompt come from one request.
    requests = PROMPTS * (SAMPLES if native else 1) + RESPONSES
    assert read == pytest.approx(-requests * dialect.cached * (10 - 1) / 1e6)
    assert written == pytest.approx(requests * 100 * (12.5 - 10) / 1e6 if native else 0)
