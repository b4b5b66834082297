"""Commands that only read call no model; `report` names what is left, its cost, and the command for it."""

import asyncio
import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import typer

from rlaif.cli import app
from rlaif.config.resources import root
from tests.support.hub import serve as serve_hub
from tests.support.servers import Reply, Request, Server, chat, serve

PIPELINE = """
name: free
models:
  writer: {{kind: openai, model: w, base_url: "{url}", price: {{input: 1.0, output: 10.0}}}}
  other: {{kind: openai, model: o, base_url: "{url}", price: {{input: 1.0, output: 10.0}}}}
  critic: {{kind: openai, model: c, base_url: "{url}", price: {{input: 1.0, output: 10.0}}}}
judges:
  a: {{model: critic, rubric: rubric.yaml}}
  b: {{model: critic, rubric: rubric.yaml, temperature: 0.5}}
collect: {{sources: [{{path: prompts.jsonl}}], held_out: 0.5}}
generate: {{model: writer, samples: 2, logprobs: false}}
judge: {{by: [a]}}
pair: {{judge: a}}
evaluate: {{models: [other], judges: [a]}}
"""


def answers(request: Request) -> Reply:
    """Different texts, and a score that depends on the text that is judged."""
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    if request.body["model"] != "c":
        number = request.body.get("n", 1)
        return chat(*[f"Answer {'so ' * place}by {request.body['model']}." for place in range(number)], usage=usage)
    score = 1 + len(json.dumps(request.body["messages"])) % 5
    named = ("faithfulness", "helpfulness", "completeness")
    return chat(json.dumps({name: {"rationale": "so", "score": score} for name in named}), usage=usage)


def rlaif(*arguments: str) -> tuple[int, str]:
    """The command in this process: its exit code and all that it prints."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        try:
            code = app(list(arguments), standalone_mode=False)
        except typer.Exit as ended:
            code = ended.exit_code
    return int(code or 0), said.getvalue()


async def command(server: Server, *arguments: str) -> tuple[int, str]:
    """What it prints, and how many requests it sent."""
    before = len(server.requests)
    code, said = await asyncio.to_thread(rlaif, *arguments)
    assert code == 0, said
    return len(server.requests) - before, said


# Every command that is not for making something. `doctor` sends a few probes and says so in its help.
FREE = [
    ["plan"],
    ["status"],
    ["config"],
    ["report"],
    ["plot"],
    ["pair"],
    ["export", "OUT"],
    ["export", "OUT", "--newest"],
    ["push", "ann/x"],
    ["agree", "a", "b"],
    ["pairs diff", "--b", "pair.judge=b"],
    ["pairs diff", "--b", "pair.strategy=best_vs_random"],
    ["audit", "--stored"],
    ["audit", "--plan"],
    ["audit", "--stored", "--judge", "a", "--gold", "b"],
    ["label", "--by", "ann", "--export", "SHEET"],
    ["sql", "FROM pairs_readable"],
    ["explain", "PROMPT"],
    ["retry"],
    ["collect"],
    ["generate"],
    ["judge"],
]


@pytest.mark.slow
def test_a_command_that_reads_calls_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "free.yaml"
    shutil.copy(root() / "rubrics/grounded.yaml", tmp_path / "rubric.yaml")
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps({"prompt": f"Question {n}?"}) + "\n" for n in range(8)))
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("HF_TOKEN", "hf_x")

    async def all_of_them() -> None:
        async with serve([answers], ["w", "o", "c"]) as server:
            file.write_text(PIPELINE.format(url=server.base_url))
            for verb in ("collect", "generate", "judge"):
                await command(server, verb, str(file))
            await command(server, "judge", str(file), "--judge", "b")
            before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs/free").glob("report*")}
            assert not before
            prompt = json.loads((await command(server, "sql", str(file), "FROM current_prompts", "--json"))[1])[0]["key"]
            names = {"OUT": str(tmp_path / "x"), "SHEET": str(tmp_path / "sheet.csv"), "PROMPT": prompt}
            for verb, *rest in FREE:
                line = [*verb.split(), str(file), *(names.get(word, word) for word in rest)]
                sent, said = await command(server, *line)
                assert sent == 0, f"{line} sent {sent} requests: {said}"
            await the_report_names_what_is_left(server, file)
            sent, said = await command(server, "doctor", str(file))
            assert sent > 0
            assert "test requests" in (await command(server, "doctor", "--help"))[1]

    with serve_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        asyncio.run(all_of_them())
        assert hub.commits


async def the_report_names_what_is_left(server: Server, file: Path) -> None:
    sent, said = await command(server, "report", str(file))
    page = (file.parent / "runs/free/report.html").read_text()
    assert sent == 0
    assert "Not done yet, so not in the report: " in said
    assert "requests, cost $" in said
    assert f"`rlaif evaluate {file}` does it." in said
    left = int(said.partition("report: ")[2].partition(" requests")[0])
    sent, _ = await command(server, "evaluate", str(file), "--quiet")
    # The servers are also asked for their models.
    assert sum(request.path.endswith("/chat/completions") for request in server.requests[-sent:]) == left
    sent, said = await command(server, "report", str(file))
    assert (sent, "Not done yet" in said) == (0, False)
    after = (file.parent / "runs/free/report.html").read_text()
    assert "Win rate" not in page
    assert len(after) > len(page), "the evaluation that is stored is in it"
