"""What failed for good is owed again on demand, as often as at first, and nothing else is."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from rlaif import pipeline as run
from rlaif.config import load
from rlaif.context.run import ATTEMPTS
from rlaif.core.errors import InputError
from rlaif.pipeline.requeue import retry
from tests.support.scripted_pipeline import project, rows
from tests.support.servers import Reply, Request, chat, error, serve

SICK = "report 3."
SCORE = json.dumps({"rationale": "so it says", "score": 3})


def owed_again(file: Path, *kinds: str) -> list[dict[str, Any]]:
    with run.open_run(load(file)) as (plan, context):
        return retry(plan, context, kinds)


def work(file: Path) -> None:
    with run.open_run(load(file)) as (plan, context):
        run.collect(context)
        run.generate_and_judge(plan, context)


def pipeline(folder: Path, base_url: str) -> Path:
    file = project(folder, prompts=5)
    text = file.read_text().replace(
        "{kind: scripted, salt: w, delay: 0.0}", f"{{kind: openai, model: w, base_url: {base_url}, attempts: 1}}"
    )
    text = text.replace(
        "{kind: scripted, salt: a, malformed: 0.1, delay: 0.0}",
        f"{{kind: openai, model: j, base_url: {base_url}, attempts: 1}}",
    )
    file.write_text(text.replace("logprobs: true", "logprobs: false").replace("samples: 3", "samples: 2, logprobs: false"))
    return file


@pytest.mark.fault("P9")
@pytest.mark.parametrize(
    ("who", "fault", "kind", "tries"),
    [
        ("w", error(500, "no"), "server", ATTEMPTS),
        ("w", error(400, "no"), "rejected", 1),
        ("j", error(500, "no"), "server", ATTEMPTS),
    ],
    ids=["a response, transient", "a response, terminal", "a score"],
)
def test_retry_gives_failed_units_as_many_attempts_again(
    tmp_path: Path, who: str, fault: Reply, kind: str, tries: int
) -> None:
    healthy = False

    def answer(request: Request) -> Reply:
        sick = SICK in json.dumps(request.body["messages"]) and request.body["model"] == who
        if sick and not healthy:
            return fault
        if request.body["model"] == "j":
            return chat(SCORE)
        return chat(*(f"answer {place}" for place in range(request.body.get("n", 1))))

    async def runs() -> None:
        nonlocal healthy
        async with serve([answer]) as server:
            file = pipeline(tmp_path, server.base_url)

            async def asked() -> int:
                """Requests about the sick prompt, of the one who fails, until a run sends none."""
                before, total = len(server.chats), -1
                while len(server.chats) > total:
                    total = len(server.chats)
                    await asyncio.to_thread(work, file)
                sick = [request.body for request in server.chats[before:] if SICK in json.dumps(request.body["messages"])]
                return sum(body["model"] == who for body in sick)

            # One request for both samples of the prompt, or one for each of their three scores.
            calls, units = (1, 2) if who == "w" else (6, 6)
            for _ in range(2):
                assert await asked() == calls * tries
                assert owed_again(file, "malformed") == []
                assert [(row["kind"], row["units"]) for row in owed_again(file)] == [(kind, units)]
                assert owed_again(file) == []
            healthy = True
            assert await asked() == calls

    asyncio.run(runs())
    assert rows(tmp_path / "loop.yaml", "SELECT count(*) AS n FROM failed_units") == [{"n": 0}]
    # Two samples of five prompts, and their scores by three criteria.
    made = rows(
        tmp_path / "loop.yaml", "SELECT count(DISTINCT (answer, criterion)) AS n FROM scores WHERE value IS NOT NULL"
    )
    assert made == [{"n": 5 * 2 * 3}]


def test_an_unknown_kind_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="malformed"):
        owed_again(project(tmp_path), "malformde")
