"""Options of requests: additional fields and headers, the system prompt, and a temperature that is not sent."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from rlaif import pipeline
from rlaif.config import OpenAIModel, load
from rlaif.core.errors import InputError, ModelError
from rlaif.models.registry import identity
from rlaif.pipeline.resolve import resolve
from tests.support.servers import Reply, Request, Server, chat, error, serve

SECRET = "sk-header-0123456789abcdef"


def described(folder: Path, base_url: str, model: dict[str, Any], **sections: dict[str, Any]) -> Path:
    (folder / "prompts.jsonl").write_text(json.dumps({"prompt": "Question?"}))
    criterion = {"name": "help", "question": "Does it help?", "levels": {1: "no", 5: "yes"}}
    (folder / "rubric.yaml").write_text(json.dumps({"name": "mine", "criteria": [criterion]}))
    data = {
        "name": "options",
        "out": str(folder / "out"),
        "collect": {"sources": [{"path": "prompts.jsonl"}]},
        "models": {"m": {"kind": "openai", "model": "m", "base_url": base_url} | model},
        "generate": {"model": "m", "samples": 1} | sections.get("generate", {}),
        "judges": {"j": {"rubric": "rubric.yaml", "model": "m"} | sections.get("judge", {})},
    }
    (folder / "pipeline.yaml").write_text(json.dumps(data))
    return folder / "pipeline.yaml"


def served(folder: Path, script: Any, model: dict[str, Any], **sections: dict[str, Any]) -> Server:
    def work(path: Path) -> None:
        with pipeline.open_run(load(path)) as (plan, context):
            pipeline.collect(context)
            pipeline.generate_and_judge(plan, context)

    async def run() -> Server:
        async with serve([script]) as server:
            await asyncio.to_thread(work, described(folder, server.base_url, model, **sections))
            return server

    return asyncio.run(run())


def fine(request: Request) -> Reply:
    return chat(json.dumps({"help": {"rationale": "so", "score": 5}}))


def fixed_temperature(request: Request) -> Reply:
    if "temperature" in request.body:
        return error(400, "Unsupported value: 'temperature' does not support this value. Only the default (1) is supported.")
    return fine(request)


def test_extra_fields_headers_and_the_system_prompt_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY", SECRET)
    extra = {"top_k": 20, "chat_template_kwargs": {"enable_thinking": False}, "provider": {"order": ["a"]}}
    headers = {"X-Title": "rlaif", "X-Gateway-Key": "env:GATEWAY"}
    server = served(tmp_path, fine, {"extra": extra, "headers": headers}, generate={"system": "Be brief."})
    first, *_, last = server.chats
    assert all(request.body[name] == value for request in (first, last) for name, value in extra.items())
    assert first.body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert last.body["messages"][0]["role"] == "user"
    for request in (first, last):
        assert (request.headers["x-title"], request.headers["x-gateway-key"]) == ("rlaif", SECRET)
    assert SECRET not in (tmp_path / "out/store.duckdb").read_bytes().decode("latin-1")


def test_a_null_temperature_is_not_sent(tmp_path: Path) -> None:
    server = served(tmp_path, fixed_temperature, {}, generate={"temperature": None}, judge={"temperature": None})
    assert [("temperature" in request.body) for request in server.chats] == [False, False]


def test_a_default_temperature_is_left_out_for_a_server_that_refuses_it(tmp_path: Path) -> None:
    server = served(tmp_path, fixed_temperature, {})
    assert [("temperature" in request.body) for request in server.chats] == [True, False, False]
    with pipeline.open_run(load(tmp_path / "pipeline.yaml")) as (_, context):
        left_out = context.store.rows("SELECT DISTINCT value FROM server_observations WHERE remark = 'left out'")
        assert left_out == [{"value": "temperature"}]


@pytest.mark.parametrize("section", ["generate", "judge"])
def test_a_temperature_that_the_user_chose_is_never_left_out(section: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="temperature"):
        served(tmp_path, fixed_temperature, {}, **{section: {"temperature": 0.5}})


def test_settings_that_change_responses_are_part_of_the_identity_and_routing_is_not() -> None:
    def known(**options: Any) -> dict[str, Any]:
        return identity(OpenAIModel(kind="openai", model="m", base_url="http://127.0.0.1:1/v1", **options))

    assert known(extra={"provider": "a", "user": "u"}, headers={"X-Title": "t"}) == known()
    assert known(extra={"top_k": 20}) != known()
    assert "extra" not in known()


def test_a_system_prompt_gives_another_generator(tmp_path: Path) -> None:
    keys = {
        resolve(load(described(tmp_path, "http://127.0.0.1:1/v1", {}, generate=options))).generators[0].key
        for options in ({}, {"system": "Be brief."}, {"temperature": None})
    }
    assert len(keys) == 3


REFUSED = {
    "a field that is set elsewhere": ({"extra": {"temperature": 1}}, "'temperature' is set by"),
    "a stream": ({"extra": {"stream": True}}, "whole replies"),
    "a secret in a header": ({"headers": {"X-Api-Key": "abc"}}, "give it as env:NAME"),
    "a header of the transport": ({"headers": {"Content-Length": "1"}}, "cannot be set here"),
    "a header with a line break": ({"headers": {"X-A\r\nB": "1"}}, "cannot be set here"),
}


@pytest.mark.parametrize(("model", "message"), REFUSED.values(), ids=REFUSED)
def test_an_option_that_cannot_be_sent_is_refused_in_the_file(model: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        load(described(tmp_path, "http://127.0.0.1:1/v1", model))


def test_a_header_whose_variable_is_not_set_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY", raising=False)
    with pytest.raises(InputError, match="GATEWAY is not set; header X-Token needs it"):
        served(tmp_path, fine, {"headers": {"X-Token": "env:GATEWAY"}})
