"""The metadata of prompts: in templates, checks and conditions of pairs, and what a change of it does to a store."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.config import JudgeSpec, load
from rlaif.config.resources import root
from rlaif.config.templates import Template, fence
from rlaif.core.errors import InputError
from rlaif.core.types import Prompt
from rlaif.judging import Candidate, JudgeContext
from rlaif.judging.criteria import check, scale
from rlaif.judging.rubric import Check, load_rubric
from rlaif.pipeline.resolve import resolve
from rlaif.report import render
from rlaif.store.store import Store
from tests.support.checks import BENCH
from tests.support.page import Page
from tests.support.scripted_pipeline import go, rows

PIPELINE = """
name: tagged
out: OUT
models: {writer: {kind: scripted, salt: w}}
judges: {rules: {rubric: rules.yaml}}
collect:
  sources: [{path: prompts.jsonl, columns: {prompt: prompt, metadata: [topic, most]}}]
  held_out: 0
generate: {model: writer, samples: 4, template: TEMPLATE}
pair: {judge: rules, seed: 3}
"""
RULES = """
name: rules
criteria:
  - {name: length, kind: check, function: length, options: {unit: characters}, high: 100000}
  - {name: brief, kind: check, function: within, options: {unit: characters, most: {column: most}}, if_none: 1}
"""


def project(folder: Path, template: str = "{{ request }}", rules: str = RULES) -> Path:
    (folder / "tagged.yaml").write_text(PIPELINE.replace("OUT", str(folder / "out")).replace("TEMPLATE", "own.jinja"))
    (folder / "own.jinja").write_text(template)
    (folder / "rules.yaml").write_text(rules)
    write(folder, [{"topic": ["math", "art"][n % 2], "most": 40 if n else None} for n in range(6)])
    return folder / "tagged.yaml"


def write(folder: Path, metadata: list[dict[str, Any]]) -> None:
    lines = [json.dumps({"prompt": f"Say {n}."} | each) for n, each in enumerate(metadata)]
    (folder / "prompts.jsonl").write_text("\n".join(lines))


def counts(file: Path, query: str) -> dict[str, int]:
    return {row["name"]: row["n"] for row in rows(file, query)}


OUTCOMES = "SELECT outcome AS name, count(*) AS n FROM outcomes_readable WHERE newest AND response IS NULL GROUP BY outcome"
BRIEF = "SELECT text, score, metadata FROM responses_scored JOIN prompts_readable USING (prompt) WHERE criterion = 'brief'"


def test_a_template_shows_metadata_and_another_use_of_it_is_an_error(tmp_path: Path) -> None:
    file = project(tmp_path, "{{ request }} About {{ metadata.topic }}.")
    go(file)
    shown = {json.loads(row["messages"])[0]["content"] for row in rows(file, "FROM rendered_prompts")}
    assert shown == {f"Say {n}. About {['math', 'art'][n % 2]}." for n in range(6)}
    write(tmp_path, [{"topic": "law", "most": 40}] * 6)
    with pytest.raises(InputError, match="metadata 'topic' of 6 prompts has changed"):
        go(file)
    for template, message in [
        ("{{ request }}{{ metadata.topik }}", "Did you mean 'topic'"),
        ("{{ request }}{{ metadata }}", "uses `metadata` as a whole"),
        ("{{ metadata.topic }}", "neither `request` nor `document`"),
    ]:
        (tmp_path / "own.jinja").write_text(template)
        with pytest.raises(InputError, match=message):
            _ = resolve(load(file)).generators


def test_a_judge_sees_metadata_sanitized_and_without_the_nonces_of_its_fences(tmp_path: Path) -> None:
    (tmp_path / "t.jinja").write_text("{{ prompt_fence }} {{ metadata.tags | join(' ') }} {{ response }} {{ criteria }}")
    template = Template(tmp_path / "t.jinja", scale.VARIABLES)
    prompt = Prompt(({"role": "user", "content": "Tell."},))
    nonce = fence(prompt.key)
    tagged = Prompt(prompt.messages, metadata={"tags": ["<|im_end|>", nonce], "secret": "hidden"})
    criteria = load_rubric(root() / "rubrics/grounded.yaml").criteria[1:2]
    text = scale.render(Candidate(tagged, "Yes."), criteria, JudgeContext(JudgeSpec(rubric="x"), template))  # type: ignore[arg-type]
    assert text.startswith(f"{nonce} < |im_end|> {nonce[0]} {nonce[1:]} Yes.")
    assert "hidden" not in text


def test_an_argument_of_a_check_comes_with_each_prompt_and_a_change_of_it_is_scored_again(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    for most in (40, 20):
        scored = rows(file, BRIEF)
        assert len(scored) == 24
        for row in scored:
            limit = json.loads(row["metadata"])["most"]
            assert row["score"] == (limit is None or len(row["text"]) <= limit), limit
        assert {json.loads(row["metadata"])["most"] for row in scored} == {None, most}
        write(tmp_path, [{"topic": "math", "most": 20 if n else None} for n in range(6)])
        assert go(file) == {}, "no model is called again"


USER = """
def mentions(prompt, response, word="-", where=""):
    return (word + where) in response and prompt.metadata["word"] == word
"""


@pytest.mark.parametrize(
    ("function", "options", "metadata", "expected"),
    [
        ("contains", {"texts": {"column": "words"}}, {"words": ["ice", "tea"]}, 0.5),
        ("matches", {"pattern": {"column": "pattern"}}, {"pattern": "^i.e"}, 1.0),
        ("json_valid", {"schema": {"column": "schema"}}, {"schema": {"type": "object"}}, 0.0),
        ("within", {"most": {"column": "most"}, "least": 1}, {"most": 2}, 0.0),
        ("within", {"most": {"column": "most"}}, {"most": None}, "inapplicable"),
        ("within", {"most": {"column": "most"}}, {"most": "two"}, "crashed"),
        ("mentioning:mentions", {"word": {"column": "word"}, "where": " is"}, {"word": "ice"}, 1.0),
    ],
)
def test_checks_in_this_and_in_another_process_take_arguments_from_metadata(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    options: dict[str, Any],
    metadata: dict[str, Any],
    expected: float | str,
) -> None:
    (tmp_path / "mentioning.py").write_text(USER)
    monkeypatch.syspath_prepend(str(tmp_path))
    criterion = Check(name="c", kind="check", function=function, options=options)
    check.verify([criterion])
    subject = Candidate(Prompt(({"role": "user", "content": "Tell."},), metadata=metadata), "ice is cold")
    judge_context = JudgeContext(BENCH.spec, BENCH.template, allow_code=True)
    verdict = asyncio.run(check.judge(subject, [criterion], 0, judge_context))
    assert (verdict.failure or verdict.scores[0].value) == expected


def test_a_condition_on_metadata_and_generators_keeps_responses_out_of_pairs(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    assert counts(file, OUTCOMES) == {"paired": 6}
    condition = (
        "pair.filters.where=metadata.topic = 'math' AND source = 'prompts.jsonl' AND generator = 'writer' AND sample < 3"
    )
    go(file, condition)
    assert counts(file, OUTCOMES) == {"paired": 3, "filtered: does not meet `where`": 3}
    texts = rows(file, "SELECT outcome FROM outcomes_readable WHERE newest AND response IS NOT NULL")
    assert sum(row["outcome"] == "filtered: does not meet `where`" for row in texts) == 3
    write(tmp_path, [{"topic": "math", "most": 40}] * 6)
    go(file, condition)
    assert counts(file, OUTCOMES) == {"paired": 6}, "a change of metadata makes the pairs again"
    for wrong, message in [
        ("metadata.topik = 1", "topik"),
        ("text = read_text('/etc/passwd')", "rejects"),
        ("1; DROP", "rejects"),
    ]:
        with pytest.raises(InputError, match=message):
            go(file, f"pair.filters.where={wrong}")


def test_quotas_bound_the_pairs_of_each_part(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file, "pair.quotas.by=topic", "pair.quotas.pairs.math=1")
    assert counts(file, OUTCOMES) == {"paired": 4, "over the quota": 2}
    parts = "SELECT metadata ->> 'topic' AS name, count(*) AS n FROM pairs_readable WHERE newest GROUP BY name"
    assert counts(file, parts) == {"math": 1, "art": 3}
    go(file, "pair.quotas.by=topic", "pair.quotas.pairs.math=1", "pair.target=2")
    assert counts(file, OUTCOMES) == {"paired": 2, "over the quota": 2, "over the target": 2}
    with pytest.raises(InputError, match="Did you mean 'topic'"):
        go(file, "pair.quotas.by=topc", "pair.quotas.pairs.math=1")


def test_the_report_shows_each_part_of_the_prompts(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file, "pair.quotas.by=topic", "pair.quotas.pairs.math=1")
    config = load(file)
    with Store(config.store_path, read_only=True) as store:
        page = render(store, config.pipeline)
    assert "Prompts by topic" in page
    assert "Prompts by source" not in page, "there is one source"
    assert "math 3 33 % 1 " in Page(page).words
