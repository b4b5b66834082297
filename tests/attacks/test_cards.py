"""Published cards name vendors, and no server inside somebody's network."""

import pytest

from rlaif.config.redaction import without_servers

PIPELINE = {
    "models": {
        "own": {"kind": "openai", "base_url": ["https://llm.acme-corp.com:8443/v1", "http://10.1.2.3:8000/v1"]},
        "vendor": {"kind": "openai", "base_url": "https://api.mistral.ai/v1"},
    }
}
SPEC = {"model": {"kind": "openai", "server": "https://judge.acme.com/v1, http://gpu-7:8000/v1", "model": "m"}}
HIDDEN = [
    "https://llm.acme-corp.com:8443/v1",
    "https://LLM.acme-corp.com/other",
    "https://judge.acme.com/v1",
    "http://gpu-7:8000/v1",
    "http://localhost:8000/v1",
    "http://127.0.0.1:8000/v1",
    "http://[::1]:8000/v1",
    "http://192.168.0.9/v1",
    "http://169.254.169.254/latest",
    "http://100.64.0.7:8000",
    "https://llm.prod.internal/v1",
    "http://llm.default.svc/v1",
    "http://nas.local/prompts.jsonl",
    "https://user:password@judge.acme.com/v1",
]
SHOWN = [
    "https://api.mistral.ai/v1",
    "https://api.openai.com/v1",
    "https://huggingface.co/datasets/x/y",
    "https://arxiv.org/abs/2305.18290",
    "hf://datasets/x/y.parquet",
]


@pytest.mark.parametrize("url", HIDDEN)
def test_the_address_of_an_own_server_is_not_in_a_card(url: str) -> None:
    text = f"the judge (at {url}, say) and `{url}` and '{url}'\nbase_url: {url}\n- {url}"
    found = without_servers(text, PIPELINE, SPEC, None)
    server = "(a server of our own)"
    assert found == f"the judge (at {server}, say) and `{server}` and '{server}'\nbase_url: {server}\n- {server}"


@pytest.mark.parametrize("url", SHOWN)
def test_the_address_of_a_public_server_is_in_a_card(url: str) -> None:
    assert without_servers(f"from {url}, as ever", PIPELINE, SPEC) == f"from {url}, as ever"


def test_an_address_that_was_set_on_the_command_line_is_not_in_a_card() -> None:
    command = "rlaif run p.yaml --set models.writer.base_url=https://llm.elsewhere.com/v1 --set name=x"
    assert without_servers(command) == "rlaif run p.yaml --set models.writer.base_url=(a server of our own) --set name=x"
