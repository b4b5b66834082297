"""A stage in which nearly everything fails lately ends, with what was finished kept, and goes on once the cause is gone."""

import asyncio
import json
from pathlib import Path

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.core.errors import ModelError
from rlaif.core.progress import Tally
from rlaif.pipeline.circuit_breaker import MOST, CircuitBreaker
from tests.support.command_line import rlaif
from tests.support.scripted_pipeline import project, rows
from tests.support.servers import Reply, Request, chat, error, serve


def broken(failures: list[str | None]) -> int | None:
    """After how many units a stage with these failures ends."""
    breaker = CircuitBreaker("judge a")
    for place, failure in enumerate(failures, 1):
        try:
            breaker.record(failure)
        except ModelError:
            return place
    return None


CASES: dict[str, tuple[list[str | None], int | None]] = {
    "all fail": (["server"] * 200, MOST),
    "too few to tell": (["server"] * (MOST - 1), None),
    "nine in ten fail": ((["malformed"] * 9 + [None]) * 100, None),
    "fails after a good start": ([None] * 1000 + ["timeout"] * 200, 1000 + MOST),
    "fails for a while": (([None] * 50 + ["timeout"] * (MOST - 1)) * 5, None),
    "each has its own fault": (["context_overflow", "refused", "inapplicable"] * 100, None),
    "all but a few fail": ((["server"] * 24 + [None]) * 20, MOST + 3),
}


@pytest.mark.fault("P10")
@pytest.mark.parametrize("name", CASES)
def test_a_stage_ends_when_nearly_all_of_its_last_units_failed(name: str) -> None:
    failures, after = CASES[name]
    assert broken(failures) == after


@pytest.mark.fault("P10")
def test_the_error_names_the_failure_kinds_of_the_window_and_the_last_message() -> None:
    breaker = CircuitBreaker("judge a")
    for place in range(MOST - 1):
        breaker.record("server" if place < 60 else "timeout")
    with pytest.raises(ModelError) as raised:
        breaker.record("timeout", "no whole reply within 3 s")
    assert raised.value.fatal
    assert "95 of the last 95 failed (60 server, 35 timeout): no whole reply within 3 s" in str(raised.value)


@pytest.mark.fault("P10")
def test_a_run_that_was_ended_goes_on_when_the_cause_is_gone(tmp_path: Path) -> None:
    healthy = True

    def answer(request: Request) -> Reply:
        return chat("well", "fine") if healthy else error(400, "the card has fallen off the bus")

    async def runs() -> None:
        nonlocal healthy
        async with serve([answer]) as server:
            file = project(tmp_path, prompts=300)
            served = f"models.writer={{kind: openai, model: m, base_url: {server.base_url}, attempts: 1, concurrency: 8}}"
            sets = [served, "generate={model: writer, samples: 2, logprobs: false}"]

            def generate() -> None:
                with pipeline.open_run(load(file, sets)) as (plan, context):
                    pipeline.collect(context)
                    pipeline.generate(plan, context)

            healthy = False
            with pytest.raises(ModelError, match=r"failed \(\d+ rejected\): .* fallen off"):
                await asyncio.to_thread(generate)
            # Beyond the window: what was in hand, which is twice what may be in flight.
            assert MOST <= len(server.chats) <= MOST + 2 * 8
            found = rows(file, "SELECT count(DISTINCT prompt) AS n FROM responses")[0]["n"]
            assert MOST <= found <= len(server.chats)
            healthy = True
            await asyncio.to_thread(generate)
            assert json.dumps(rows(file, "SELECT count(DISTINCT prompt) AS n FROM responses")) == '[{"n": 300}]'

    asyncio.run(runs())


@pytest.mark.parametrize(
    ("failures", "before", "ends"),
    [
        (["timeout"], [], "judge a: the only one failed (1 timeout): no reply"),
        (["refused", "timeout", "refused"], [], "judge a: all 3 failed (2 refused, 1 timeout): no reply"),
        (["timeout", None], [], None),
        (["timeout"], ["done in another run"], None),
        (["inapplicable", "timeout"], [], None),
        ([], [], None),
    ],
)
def test_a_stage_without_any_success_fails(failures: list[str | None], before: list[str], ends: str | None) -> None:
    breaker = CircuitBreaker("judge a")
    for failure in failures:
        breaker.record(failure, "no reply")
    if ends is None:
        breaker.finish(lambda: before)
        return
    with pytest.raises(ModelError) as raised:
        breaker.finish(lambda: before)
    assert str(raised.value).startswith(ends)


def test_a_run_in_which_everything_fails_exits_with_6_and_one_without_pending_work_with_0(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    mute = ["--set", "models.first={kind: scripted, malformed: 1}", "--set", "judges.a.attempts=1"]

    failed = rlaif("run", str(file), *mute)
    assert failed.returncode == 6
    assert "rlaif: judge a: all" in failed.stderr
    assert "malformed" in failed.stderr
    assert rows(file, "SELECT count(*) AS n FROM pairings") == [{"n": 0}]
    assert rlaif("judge", str(file), *mute).returncode == 0


def test_a_stage_says_of_what_kinds_its_failures_were() -> None:
    tally = Tally("generate", 4)
    for failure in ("malformed", None, "timeout", "malformed"):
        tally.finish({"failure": failure, "prompt_tokens": 2, "output_tokens": None})
    assert tally.line().startswith("generate: 4 of 4, 3 failed (2 malformed, 1 timeout)")
    assert (tally.done, tally.failed, tally.prompt_tokens) == (1, 3, 8)
