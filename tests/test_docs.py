"""The documentation: commands exist and run, examples load, SQL returns rows, the generated page is up to date."""

import asyncio
import json
import re
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from rlaif.cli import app
from rlaif.config import Pipeline, load
from rlaif.core.errors import InputError
from rlaif.judging.rubric import Rubric
from rlaif.pairs.strategy import STRATEGIES
from rlaif.pipeline import open_reading
from tests.support.paths import ROOT
from tests.support.scripted_pipeline import project
from tests.support.servers import Reply, Request, chat, serve
from tools import configuration_reference

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BASE = {"name": "base", "collect": {"sources": [{"path": "prompts.jsonl"}]}}


def test_llms_txt_lists_every_page_of_the_site_once() -> None:
    links = re.findall(r"(?m)^- \[[^]]+\]\(([^)]+)\): \w", (ROOT / "docs/llms.txt").read_text(encoding="utf-8"))
    pages = ["./" if page.stem == "index" else f"{page.stem}/" for page in (ROOT / "docs").glob("*.md")]
    assert sorted(links) == sorted(pages)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `title` is the file that it shows, if any."""

    page: str
    language: str
    title: str | None
    text: str


def blocks(language: str) -> list[Block]:
    fence = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    found = [
        Block(page.name, *match.groups()) for page in PAGES for match in fence.finditer(page.read_text(encoding="utf-8"))
    ]
    return [block for block in found if block.language == language]


def commands() -> list[tuple[str, str]]:
    """(page, command line) of every command that a page shows, in a bash block or an indented one."""
    fenced = [(block.page, line) for block in blocks("bash") for line in block.text.split("\n")]
    indented = [
        (page.name, line[4:])
        for page in PAGES
        for line in re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8")).split("\n")
        if line.startswith("    ")
    ]
    shown = [(page, line.partition("  #")[0].strip()) for page, line in fenced + indented]
    return [(page, line) for page, line in shown if line.startswith(("rlaif ", "make "))]


def parse(words: list[str]) -> None:
    """Raises a usage error for a command or an option that does not exist."""
    command: Any = get_command(app)
    context = command.make_context("rlaif", list(words), resilient_parsing=True)
    while hasattr(command, "commands"):
        name, command, words = command.resolve_command(context, words)
        assert command, words
        context = command.make_context(name, list(words), parent=context, resilient_parsing=hasattr(command, "commands"))


def test_every_command_that_a_page_shows_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = commands()
    assert len(shown) > 30
    for page, line in shown:
        for part in line.split("&&"):
            words = shlex.split(part)
            if words[0] == "make":
                assert words[1] in targets, f"{page}: {line}"
            elif words[0] == "rlaif":
                parse(words[1:])


def test_every_pipeline_example_loads(tmp_path: Path) -> None:
    for block in blocks("yaml"):
        data = yaml.safe_load(block.text)
        if "criteria" in data:
            for criterion in data["criteria"]:
                criterion.setdefault("kind", "scale")
            Rubric.model_validate(data)
        elif "collect" in data and "models" in data:
            (tmp_path / "example.yaml").write_text(block.text, encoding="utf-8")
            assert load(tmp_path / "example.yaml").judges
        else:
            Pipeline.model_validate(BASE | data)


def test_every_json_example_is_json() -> None:
    for block in blocks("json"):
        lines = block.text.strip().split("\n")
        for text in lines if lines[0].endswith("}") else [block.text]:
            json.loads(text)


def test_every_python_example_compiles() -> None:
    for block in blocks("python"):
        compile(block.text, block.page, "exec")


def test_the_configuration_page_is_generated_from_the_schema() -> None:
    from rlaif.config.json_schema import schema

    assert (ROOT / "docs/configuration.md").read_text(encoding="utf-8") == configuration_reference.page(schema())


def test_every_strategy_is_documented() -> None:
    page = (ROOT / "docs/pairs.md").read_text(encoding="utf-8")
    listed = page.partition("## Strategies")[2].partition("### Your own")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", listed, re.MULTILINE)) == set(STRATEGIES)


def test_every_measure_of_an_audit_is_documented() -> None:
    from rlaif.evaluation.audit import MEASURES

    page = (ROOT / "docs/judges.md").read_text(encoding="utf-8").partition("## Audit")[2].partition("## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(MEASURES)


def test_every_form_and_column_of_an_export_is_documented_with_a_row_and_its_program() -> None:
    from rlaif.data.export import FORMS, TARGETS
    from rlaif.data.export.meanings import COLUMNS, snippet

    page = (ROOT / "docs/exports.md").read_text(encoding="utf-8")
    for form in FORMS:
        part = page.partition(f"\n## {form}\n")[2].partition("\n## ")[0]
        row = re.findall(r"```json\n(.*?)```", part, re.DOTALL)
        assert row, form
        assert json.loads(row[0]).keys() <= COLUMNS.keys()
        assert f"```python\n{snippet(form, f'data/{form}')}```" in part, form
    columns = re.findall(r"(?m)^\| `(\w+)` \| (.*) \|$", page.partition("## Columns")[2].partition("\n## ")[0])
    assert {name: COLUMNS[name] for name, _ in columns} == dict(columns)
    assert {name for name in COLUMNS if name.endswith(("_id", "_ids", "chosen", "rejected"))} <= dict(columns).keys()
    assert set(re.findall(r"(?m)^\| `([a-z-]+)` \|", page.partition("## Other projects")[2])) == set(TARGETS)


def test_every_failure_kind_is_documented() -> None:
    from rlaif.core.errors import FATAL, TERMINAL, TRANSIENT

    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8").partition("## Failure kinds")[2]
    assert set(re.findall(r"`([a-z_]+)`", page)) >= TRANSIENT | TERMINAL | FATAL


def test_every_path_that_contributing_names_has_its_folder() -> None:
    page = (ROOT / "docs/contributing.md").read_text(encoding="utf-8")
    for name in set(re.findall(r"`((?:rlaif|tests|prompts)/[a-zA-Z_/]+(?:\.\w+)?)`", page)):
        fixed = re.split(r"NAME|FORM|STAGE|anthropic", name)[0]
        assert (ROOT / fixed).exists(), name


def test_links_between_pages_resolve() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_files_of_fleets_parse() -> None:
    files = sorted((ROOT / "docs/fleets").iterdir())
    assert {file.suffix for file in files} == {".sbatch", ".sh", ".yaml"}
    for file in files:
        documents = [] if file.suffix != ".yaml" else list(yaml.safe_load_all(file.read_text()))
        scripts = [text for document in documents for text in _scripts(document)] or [file.read_text()]
        for script in scripts:
            subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    (job,) = [each for each in documents_of("kubernetes.yaml") if each["kind"] == "Job"]
    assert job["spec"]["template"]["spec"]["containers"][0]["command"][:2] == ["rlaif", "run"]


def documents_of(name: str) -> list[Any]:
    return list(yaml.safe_load_all((ROOT / "docs/fleets" / name).read_text()))


def _scripts(value: Any) -> Iterator[str]:
    """The shell scripts inside a document: texts of several lines."""
    if isinstance(value, str) and "\n" in value:
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _scripts(each)


def test_the_front_page_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split("\n")) <= 200


def answer(request: Request) -> Reply:
    """A writer's text, or a judge's verdict in the form that the request asks for; both depend on the messages alone."""
    digest = int(sha256(json.dumps(request.body["messages"]).encode()).hexdigest(), 16)
    form = request.body.get("response_format")
    if form is None:
        return chat(*(f"Answer {(digest + number) % 97}." for number in range(request.body.get("n", 1))))
    names = form["json_schema"]["schema"]["properties"]
    return chat(
        json.dumps(
            {name: {"rationale": "Because.", "score": 1 + (digest >> (8 * place)) % 5} for place, name in enumerate(names)}
        )
    )


@contextmanager
def served() -> Iterator[str]:
    """The address of a server that answers in a thread of its own."""
    address: list[str] = []
    ready, stop = threading.Event(), threading.Event()

    async def run() -> None:
        async with serve([answer], models=["my-writer", "my-judge"]) as server:
            address.append(server.base_url)
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield address[0]
    finally:
        stop.set()
        thread.join(10)


def test_the_tutorial_runs_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WRITER_KEY", "k1")
    monkeypatch.setenv("CRITIC_KEY", "k2")
    runner = CliRunner()
    with served() as address:
        for block in [each for language in ("json", "yaml") for each in blocks(language)]:
            if block.page == "tutorial.md" and block.title:
                (tmp_path / block.title).write_text(
                    block.text.replace("http://127.0.0.1:8000/v1", address), encoding="utf-8"
                )
        lines = [
            line for page, line in commands() if page == "tutorial.md" and line.startswith("rlaif") and " ID" not in line
        ]
        assert len(lines) >= 7
        for line in lines:
            result = runner.invoke(app, shlex.split(line)[1:])
            assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception}"
        strategy = next(
            block for block in blocks("sql") if block.title and block.title.startswith("rlaif/pairs/strategies/")
        )
        (tmp_path / "own.sql").write_text(strategy.text, encoding="utf-8")
        words = ["pair", "notes.yaml", "--set", "pair.strategy=own.sql", "--set", "pair.min_margin=0"]
        result = runner.invoke(app, words)
        assert result.exit_code == 0, result.output
    assert list((tmp_path / "data/preference").glob("train*"))


@pytest.mark.slow
def test_the_page_on_python_runs_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = project(tmp_path, prompts=6)
    text = file.read_text().replace(" a: {", " critic: {").replace(" b: {", " strict: {").replace("[a]", "[critic, strict]")
    (tmp_path / "notes.yaml").write_text(text.replace("judge: a", "judge: critic").replace("malformed: 0.1, ", ""))
    names: dict[str, Any] = {}
    shown = [block for block in blocks("python") if block.page == "python.md"]
    assert len(shown) >= 8
    for number, block in enumerate(shown):
        # A file, so that the source of functions is known, as in a script or a notebook.
        cell = tmp_path / f"cell_{number}.py"
        cell.write_text(block.text)
        exec(compile(block.text, str(cell), "exec"), names)
    assert names["splits"]["train"].num_rows > 0
    assert {row[0] for row in names["strict"].select("judge").fetchall()} == {"strict"}
    assert len(names["own"].pairs()) > 0


def test_an_unknown_strategy_is_explained_as_the_page_on_errors_shows(tmp_path: Path) -> None:
    (tmp_path / "notes.yaml").write_text(
        next(block.text for block in blocks("yaml") if block.title == "notes.yaml").replace("best_vs_worst", "best_vs_wrost")
    )
    from rlaif.pairs.rule import load_rule

    with pytest.raises(InputError, match="best_vs_worst"):
        load_rule(load(tmp_path / "notes.yaml"))


SERVED = """
name: notes
models:
  writer: {kind: openai, model: my-writer, base_url: URL, api_key: env:WRITER_KEY}
  judge: {kind: openai, model: my-judge, base_url: URL, api_key: env:WRITER_KEY}
judges: {critic: {model: judge, rubric: rubrics/grounded.yaml}}
collect: {sources: [{path: prompts.jsonl}]}
generate: {model: writer, samples: 2}
pair: {min_margin: 0}
"""


def test_the_loop_of_the_page_on_scaling_makes_the_same_pairs_as_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = next(block for block in blocks("python") if block.title == "loop.py")
    assert len([line for line in loop.text.splitlines() if line and not line.startswith(("import", "from"))]) <= 15
    lines = [line for page, line in commands() if page == "scaling.md" and line.startswith("rlaif")][:3]
    monkeypatch.setenv("WRITER_KEY", "k1")
    found = []
    with served() as address:
        monkeypatch.setenv("SERVER", address)
        for name in ("alone", "apart"):
            (tmp_path / name).mkdir()
            monkeypatch.chdir(tmp_path / name)
            Path("prompts.jsonl").write_text("".join(json.dumps({"prompt": f"Question {n}?"}) + "\n" for n in range(5)))
            Path("notes.yaml").write_text(SERVED.replace("URL", address))
            invoke("rlaif collect notes.yaml")
            for stage in ("generate", "judge") if name == "apart" else ():
                invoke(lines[0].replace("generate", stage))
                # A program that was killed in the middle of a line, and starts again.
                Path("work/replies").mkdir()
                Path("work/replies/00000.jsonl").write_text('{"reply": {"choi')
                for _ in range(2):
                    exec(compile(loop.text, "loop.py", "exec"), {})
                invoke(lines[2])
                Path("work").rename(stage)
            for command in ("generate", "judge", "pair"):
                invoke(f"rlaif {command} notes.yaml")
            with open_reading(load(Path("notes.yaml"))) as context:
                found.append(context.store.rows("FROM pairs ORDER BY ALL"))
                calls = context.store.rows("SELECT sum(calls) AS calls FROM stage_runs")[0]["calls"]
            assert calls == 5 + 10
    assert found[0] == found[1]
    assert len(found[0]) > 1


def invoke(line: str) -> None:
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception}"
