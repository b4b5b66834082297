"""The Batch API as a mode of a served model: every way in which a batch ends, and that nothing is paid for twice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.config import OpenAIModel, Price
from rlaif.context.pricing import rate
from rlaif.core.errors import InputError, ModelError
from rlaif.models.base import Completion
from rlaif.models.openai.batch.jsonl import answer, cut
from rlaif.models.openai.errors import RequestError
from rlaif.models.registry import identity, open_model
from tests.support.batch_client import ask, complete
from tests.support.batch_server import Batches, Body, batches, fine, line, lost, said
from tests.support.scripted_pipeline import project, rows

SECRET = "sk-canary-2b9e51c07d"


def texts(outcome: list[Completion] | BaseException) -> list[str]:
    assert isinstance(outcome, list), outcome
    return [completion.text for completion in outcome]


def kind(outcome: list[Completion] | BaseException) -> str:
    assert isinstance(outcome, ModelError), outcome
    return outcome.kind


def test_waiting_requests_form_one_batch_and_replies_come_in_any_order(tmp_path: Path) -> None:
    with batches() as server:
        found = complete(server, tmp_path, *(ask(f"q{number}") for number in range(20)))
        assert [texts(each) for each in found] == [[f"q{number} 0"] for number in range(20)]
        assert len(server.made) == 1
        assert server.made[0] | {"id": "", "created_at": 0} == {
            "id": "",
            "created_at": 0,
            "object": "batch",
            "status": "completed",
            "input_file_id": "file-0",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"made_by": "rlaif"},
            "output_file_id": "file-1",
            "error_file_id": None,
        }
    first = found[0]
    assert isinstance(first, list)
    assert (first[0].prompt_tokens, first[0].output_tokens, first[0].served) == (5, 3, "m")


def test_several_completions_are_one_request_and_missing_ones_are_requested_again(tmp_path: Path) -> None:
    with batches() as server:
        assert texts(complete(server, tmp_path / "all", ask("q", 3))[0]) == ["q 0", "q 1", "q 2"]
        assert server.billed == {"q": 1}
    with batches(answer=lambda name, body: line(name, said(body | {"n": 1}))) as server:
        assert texts(complete(server, tmp_path / "one", ask("q", 3))[0]) == ["q 0", "q 0", "q 0"]
        assert [len(server.requests(batch)) for batch in server.made] == [1, 2]


def test_the_same_request_twice_is_sent_once(tmp_path: Path) -> None:
    with batches() as server:
        assert [texts(each) for each in complete(server, tmp_path, ask("q"), ask("q"))] == [["q 0"], ["q 0"]]
        assert server.billed == {"q": 1}


def test_errors_are_each_requests_own(tmp_path: Path) -> None:
    def some(name: str, body: Body) -> Body:
        asked = body["messages"][-1]["content"]
        if asked == "filtered":
            return line(name, {"error": {"message": "content_filter"}}, 400)
        if asked == "long":
            return line(name, {"error": {"message": "maximum context length is 8"}}, 400)
        return line(name, {"error": {"message": "odd"}}, 400) if asked == "odd" else line(name, said(body))

    with batches(answer=some) as server:
        good, filtered, long, odd = complete(server, tmp_path, *map(ask, ("good", "filtered", "long", "odd")))
        assert len(server.made) == 1
    assert texts(good) == ["good 0"]
    assert isinstance(filtered, list)
    assert filtered[0].finish == "refused"
    assert (kind(long), kind(odd)) == ("context_overflow", "rejected")


def test_faults_of_the_moment_go_into_the_next_batch_for_as_many_attempts_as_are_set(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()

    def some(name: str, body: Body) -> Body:
        asked = body["messages"][-1]["content"]
        seen[asked] += 1
        if asked == "never" or (asked == "once" and seen[asked] == 1):
            return line(name, {"error": {"message": "try again"}}, 500)
        if asked == "mute" and seen[asked] < 3:
            return line(name, {"choices": []})
        return line(name, said(body))

    with batches(answer=some) as server:
        good, once, mute, never = complete(server, tmp_path, *map(ask, ("good", "once", "mute", "never")))
        assert len(server.made) == 3
    assert [texts(each) for each in (good, once, mute)] == [["good 0"], ["once 0"], ["mute 0"]]
    assert kind(never) == "server"
    assert seen == {"good": 1, "once": 2, "mute": 3, "never": 3}


@pytest.mark.parametrize("status", ["expired", "cancelled"])
@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
def test_only_requests_that_a_batch_did_not_finish_are_resubmitted(tmp_path: Path, status: str, told: bool) -> None:
    late = {"q1", "q3"}

    def some(name: str, body: Body) -> Body | None:
        asked = body["messages"][-1]["content"]
        if asked in late:
            late.remove(asked)
            return lost(name, f"batch_{status}") if told else None
        return fine(name, body)

    with batches(answer=some, statuses=["in_progress", status]) as server:
        found = complete(server, tmp_path, *(ask(f"q{number}") for number in range(5)))
        assert [texts(each) for each in found] == [[f"q{number} 0"] for number in range(5)]
        assert set(server.billed.values()) == {1}
        assert [len(server.requests(batch)) for batch in server.made] == [5, 2]


def test_requests_that_no_batch_finishes_stay_pending(tmp_path: Path) -> None:
    with batches(answer=lambda name, body: None, statuses=["expired"]) as server:
        assert kind(complete(server, tmp_path, ask("q"))[0]) == "timeout"
        assert len(server.made) == 3


def test_a_batch_that_is_refused_stops_the_run_with_the_vendors_words_and_is_forgotten(tmp_path: Path) -> None:
    error = {"code": "invalid_json_line", "line": 3, "message": "no such parameter: seed", "param": None}
    with batches(statuses=["validating", "failed"], errors=[error]) as server:
        found = complete(server, tmp_path, ask("q"))[0]
        assert isinstance(found, InputError)
        assert "line 3: no such parameter: seed" in str(found)
        server.statuses = ["completed"]
        assert texts(complete(server, tmp_path, ask("q"))[0]) == ["q 0"]


def test_a_full_queue_makes_smaller_batches(tmp_path: Path) -> None:
    with batches(
        statuses=["failed"], errors=[{"code": "token_limit_exceeded", "message": "enqueued token limit"}]
    ) as server:

        def heard(call: str) -> None:
            if call == "POST /batches" and len(server.made) > 1:
                server.statuses = ["completed"]

        server.heard = heard
        found = complete(server, tmp_path, *(ask(f"q{number}") for number in range(8)))
        assert [texts(each) for each in found] == [[f"q{number} 0"] for number in range(8)]
        assert [len(server.requests(batch)) for batch in server.made] == [8, 4, 4]


def test_a_server_without_batches_is_reported_with_a_fix(tmp_path: Path) -> None:
    with batches(faults={"POST /files": [(404, "not found")]}) as server:
        found = complete(server, tmp_path, ask("q"))[0]
    assert isinstance(found, InputError)
    assert found.fix == "Set mode: live."


@pytest.mark.parametrize(("status", "said", "kind_"), [(401, "bad key", "auth"), (429, "insufficient_quota", "quota")])
def test_an_invalid_key_or_an_unpaid_bill_ends_the_run(tmp_path: Path, status: int, said: str, kind_: str) -> None:
    with batches(faults={"POST /batches": [(status, said)]}) as server:
        assert [kind(each) for each in complete(server, tmp_path, ask("a"), ask("b"))] == [kind_, kind_]
        assert [texts(each) for each in complete(server, tmp_path, ask("a"), ask("b"))] == [["a 0"], ["b 0"]]
        assert server.calls.count("POST /files") == 1


@pytest.mark.parametrize("call", ["POST /files", "POST /batches", "GET /batches/ID", "GET /files/ID/content"])
@pytest.mark.parametrize("fault", [(500, "trouble"), (429, "slow down"), (200, "<html>"), (0, "")], ids=str)
def test_a_temporary_api_fault_is_waited_out_without_a_second_batch(
    tmp_path: Path, call: str, fault: tuple[int, str]
) -> None:
    others = [{"id": f"other-{n}", "input_file_id": "x", "created_at": 500, "status": "completed"} for n in range(5)]
    with batches(faults={call: [fault, fault]}) as server:
        server.made += others
        assert texts(complete(server, tmp_path, ask("q"))[0]) == ["q 0"]
        # A reply that was lost may have made one: it is found among the others.
        assert len(server.made) == 6
        assert server.billed == {"q": 1}


def test_requests_adapt_to_another_name_of_max_tokens_or_a_refused_seed(tmp_path: Path) -> None:
    def picky(name: str, body: Body) -> Body:
        for word in ("max_tokens", "seed"):
            if word in body:
                return line(
                    name,
                    {
                        "error": {
                            "message": f"{word} is not supported, use max_completion_tokens"[
                                : 60 if word == "max_tokens" else 21
                            ]
                        }
                    },
                    400,
                )
        return line(name, said(body))

    with batches(answer=picky) as server:
        found = complete(server, tmp_path, ask("a"), ask("b", 2))
        assert [texts(each) for each in found] == [["a 0"], ["b 0", "b 1"]]


def test_another_model_under_the_same_name_ends_the_run(tmp_path: Path) -> None:
    def other(name: str, body: Body) -> Body:
        return line(name, said(body) | {"model": body["messages"][-1]["content"]})

    with batches(answer=other) as server:
        kinds = [each.kind for each in complete(server, tmp_path, ask("m1"), ask("m2")) if isinstance(each, ModelError)]
    assert kinds == ["other_model"]


def test_odd_characters_come_through(tmp_path: Path) -> None:
    odd = "a\u2028b\u0085c\x1dd 😀"
    with batches() as server:
        assert texts(complete(server, tmp_path, ask(odd))[0]) == [f"{odd} 0"]


CHILD = """
import asyncio, sys
from pathlib import Path
from rlaif.config import OpenAIModel
from rlaif.models.base import ChatRequest
from rlaif.models.openai.batch.client import OpenAIBatch

async def main(url, folder):
    config = OpenAIModel(kind="openai", model="m", base_url=url, mode="batch")
    async with OpenAIBatch(config, folder=Path(folder), quiet=0.03, poll=(0.01, 0.05)) as model:
        asks = [ChatRequest([{"role": "user", "content": f"q{number}"}]) for number in range(6)]
        await asyncio.gather(*map(model.complete, asks))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("call", "place"),
    [("POST /files", 1), ("POST /batches", 1), ("GET /batches/ID", 1), ("GET /batches/ID", 3), ("GET /files/ID/content", 1)],
)
def test_a_killed_run_resumes_its_batch_and_pays_for_nothing_twice(tmp_path: Path, call: str, place: int) -> None:
    """Killed when the vendor has done what was asked, and before its reply is heard."""
    with batches() as server:
        started: list[int] = []

        def heard(said: str) -> None:
            if started and said == call and server.calls.count(call) == place:
                os.kill(started.pop(), signal.SIGKILL)
                time.sleep(0.05)

        server.heard = heard
        child = subprocess.Popen([sys.executable, "-c", CHILD, server.base_url, str(tmp_path)])
        started.append(child.pid)
        assert child.wait(60) == -signal.SIGKILL
        found = complete(server, tmp_path, *(ask(f"q{number}") for number in range(6)))
        assert [texts(each) for each in found] == [[f"q{number} 0"] for number in range(6)]
        assert set(server.billed.values()) == {1}
        assert len(server.made) == 1


def test_requests_after_a_stop_form_a_separate_batch(tmp_path: Path) -> None:
    with batches() as server:
        complete(server, tmp_path, ask("a"), ask("b"))
        found = complete(server, tmp_path, ask("b"), ask("c"))
        assert [texts(each) for each in found] == [["b 0"], ["c 0"]]
        assert server.billed == {"a": 1, "b": 1, "c": 1}
        assert [len(server.requests(batch)) for batch in server.made] == [2, 1]


def test_requests_of_an_expired_batch_are_resubmitted(tmp_path: Path) -> None:
    with batches() as server:
        complete(server, tmp_path, ask("q"))
        server.faults["GET /batches/ID"] = [(404, "no such batch")]
        assert texts(complete(server, tmp_path, ask("q"))[0]) == ["q 0"]
        assert len(server.made) == 2


def test_the_folder_holds_no_secret_and_answers_show_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_KEY", SECRET)

    def careless(name: str, body: Body) -> Body:
        asked = body["messages"][-1]["content"]
        return line(name, said(body, f"Bearer {SECRET}"), 200 if asked == "good" else 400)

    with batches(answer=careless) as server:
        good, bad = complete(server, tmp_path, ask("good"), ask("bad"), api_key="env:BATCH_KEY")
        server.statuses = ["failed"]
        server.errors = [{"code": "x", "message": f"with {SECRET}"}]
        failed = complete(server, tmp_path, ask("more"), api_key="env:BATCH_KEY")[0]
        sent = json.loads(server.files["file-0"].splitlines()[0])
    assert isinstance(bad, ModelError)
    assert texts(good) == ["Bearer ***"]
    assert SECRET not in f"{bad} {bad.raw} {failed} {sent}"
    kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert not any(SECRET in text for text in kept)


def test_a_placeholder_for_a_key_changes_no_answer_of_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_KEY", "test")
    with batches() as server:
        assert texts(complete(server, tmp_path, ask("a test"), api_key="env:BATCH_KEY")[0]) == ["a test 0"]


def test_a_broken_record_is_reported_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"file": 1}')
    with batches() as server, pytest.raises(InputError, match=r"x\.json is not the record of a batch"):
        complete(server, tmp_path, ask("q"))


def test_both_modes_are_the_same_model_and_a_batch_costs_half() -> None:
    live = OpenAIModel(kind="openai", model="gpt-4o-mini")
    batch = live.model_copy(update={"mode": "batch"})
    assert identity(live) == identity(batch)
    whole, half = rate(live), rate(batch)
    assert whole
    assert half
    assert (half.input, half.output) == (whole.input / 2, whole.output / 2)
    priced = rate(batch.model_copy(update={"price": Price(input=3.0, output=4.0)}))
    assert priced
    assert (priced.input, priced.output) == (3.0, 4.0)


def test_a_batch_needs_one_server_and_a_folder(tmp_path: Path) -> None:
    several = OpenAIModel(
        kind="openai", model="m", mode="batch", base_url=["http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"]
    )
    with pytest.raises(InputError, match="one server"):
        open_model(several, folder=tmp_path)
    with pytest.raises(ValueError, match="folder"):
        open_model(several)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=40), st.integers(1, 9), st.integers(1, 100))
def test_files_hold_every_line_once_in_order_and_within_bounds(lines: list[bytes], most: int, size: int) -> None:
    named = [(str(place), each) for place, each in enumerate(lines)]
    files = list(cut(named, most, size))
    assert [each for file in files for each in file.items()] == named
    for file in files:
        assert 1 <= len(file) <= most
        assert len(file) == 1 or sum(map(len, file.values())) <= size


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["custom_id", "response", "error", "status_code", "body", "code"]), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_a_line_is_an_answer_a_fault_or_nothing(data: bytes) -> None:
    found = answer(data)
    assert found is None or isinstance(found[1], bytes | RequestError)


def scored(name: str, body: Body) -> Body:
    """Verdicts for judges, and words for all others."""
    form = body.get("response_format")
    if not form:
        return line(name, said(body))
    asked = form["json_schema"]["schema"]["properties"]
    verdict = {each: {"rationale": "so", "score": 1 + int(name[0], 16) % 5} for each in asked}
    return line(name, said(body, json.dumps(verdict)))


def go(file: Path, server: Batches) -> subprocess.Popen[str]:
    model = f"{{kind: openai, model: m, base_url: '{server.base_url}', mode: batch}}"
    sets = [f"models.writer={model}", f"models.first={model}", "judges.a.calls=together", "judges.a.logprobs=false"]
    command = [
        sys.executable,
        "-m",
        "rlaif",
        "run",
        str(file),
        "--quiet",
        *(part for each in sets for part in ("--set", each)),
    ]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def test_a_whole_run_by_batches_that_is_interrupted_while_it_waits(tmp_path: Path) -> None:
    with batches(answer=scored, statuses=["in_progress"]) as server:
        file = project(tmp_path, prompts=12)
        first = go(file, server)
        deadline = time.monotonic() + 60
        while not server.looks and time.monotonic() < deadline:
            time.sleep(0.02)
        first.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, told = first.communicate(timeout=30)
        assert first.returncode == 130
        assert time.monotonic() - began < 10
        assert "keep running at the vendor" in told
        assert f"run {file}" in told
        server.statuses = ["completed"]
        second = go(file, server)
        _, told = second.communicate(timeout=120)
        assert second.returncode == 0, told
        # One for the generator and one for the judge, over both runs.
        assert len(server.requests(server.made[0])) == 12
        answered = sum(len(server.requests(batch)) for batch in server.made)
        assert sum(server.billed.values()) == answered
    held = rows(file, "SELECT (SELECT count(*) FROM responses) AS texts, (SELECT count(*) FROM verdicts) AS verdicts")[0]
    assert held["texts"] == 36
    assert answered == 12 + held["verdicts"]
    assert (tmp_path / "out/pairs/preference/train.jsonl").stat().st_size > 0
