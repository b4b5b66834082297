from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.config import JudgeSpec
from rlaif.config.resources import root
from rlaif.config.templates import Template, fence
from rlaif.core.errors import InputError
from rlaif.core.types import Prompt
from rlaif.judging import Candidate, JudgeContext
from rlaif.judging.criteria import scale
from rlaif.judging.rubric import load_rubric
from tests.support.paths import TESTS

GOLDEN = TESTS / "golden"
RUBRIC = load_rubric(root() / "rubrics/grounded.yaml")
PROMPT = Prompt(({"role": "user", "content": "Sum up the report."},), "The bridge opened in 1932.", "It opened in 1932.")


@cache
def judge_context(template: str, calls: str) -> JudgeContext:
    spec = JudgeSpec.model_validate({"rubric": "x", "calls": calls})
    return JudgeContext(spec, Template(root() / template, scale.VARIABLES))


CASES = [
    ("scale_together", "prompts/judge/scale.jinja", "together", RUBRIC.criteria),
    ("scale_apart", "prompts/judge/scale.jinja", "apart", RUBRIC.criteria[1:2]),
    ("compact", "prompts/judge/compact.jinja", "apart", RUBRIC.criteria[1:2]),
]


@pytest.mark.parametrize(("name", "template", "calls", "criteria"), CASES, ids=[case[0] for case in CASES])
def test_a_judges_template_renders_as_it_did(name: str, template: str, calls: str, criteria: list) -> None:
    text = scale.render(Candidate(PROMPT, "It opened in 1931."), criteria, judge_context(template, calls))
    assert text + "\n" == (GOLDEN / f"judge_{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", [None, "The bridge opened in 1932."], ids=["plain", "grounded"])
@pytest.mark.parametrize("name", ["grounded", "compact"])
def test_a_generators_template_renders_as_it_did(name: str, document: str | None) -> None:
    if name == "compact" and document is None:
        pytest.skip("the tiny writer always has a document")
    template = Template(root() / f"prompts/generate/{name}.jinja", frozenset({"document", "request"}))
    text = template.render(document=document, request="Sum up the report.")
    suffix = "" if document else "_plain"
    assert text + "\n" == (GOLDEN / f"generate_{name}{suffix}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "{{ request }}",
        "\n{{ request }}\n{{ document }}\n",
        "{% if document is not none %}# {{ document }}{% endif %}{{ request }}{{ request }}",
        "{% if document %}# {{ document }}{% endif %}{{ request | upper }}",
        "{% for x in criteria %}{{ x.items }}{{ request }}{% for k, v in x.levels.items() %}{{ k }}{{ v }}{% endfor %}{% endfor %}",
        "{% set request = document %}{{ request }}",
    ],
)
@given(request=st.text(), document=st.none() | st.text())
def test_a_prompt_joined_from_cached_parts_equals_the_one_rendered_whole(
    tmp_path_factory: pytest.TempPathFactory, text: str, request: str, document: str | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "t.jinja"
    path.write_text(text, encoding="utf-8")
    template = Template(path, frozenset({"request", "document", "criteria"}))
    values = {"request": request, "document": document, "criteria": [{"items": "data", "levels": {1: "low"}}]}
    for _ in range(2):
        assert template.render(**values) == template._render(values).strip("\n")


def test_prompts_of_separate_criteria_share_everything_before_the_last_part() -> None:
    one, two = (
        scale.render(Candidate(PROMPT, "A long answer. " * 20), [c], judge_context("prompts/judge/scale.jinja", "apart"))
        for c in RUBRIC.criteria[:2]
    )
    common = next(i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
    assert "# Your verdict" in one[:common]


def test_responses_to_one_prompt_share_rules_document_and_request() -> None:
    one, two = (
        scale.render(Candidate(PROMPT, text), RUBRIC.criteria, judge_context("prompts/judge/scale.jinja", "together"))
        for text in ("yes", "no")
    )
    common = next(i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
    assert "# Response" in one[:common]


def test_a_fence_is_the_same_on_every_run_and_another_for_every_answer() -> None:
    assert fence("answer") == fence("answer")
    assert fence("answer") != fence("other")


def test_values_are_never_rendered_as_templates(tmp_path: Path) -> None:
    path = tmp_path / "t.jinja"
    path.write_text("{{ response }}")
    assert Template(path, frozenset({"response"})).render(response="{{ 7 * 7 }}") == "{{ 7 * 7 }}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ respons }}", "Did you mean 'response'?"),
        ("{% if %}", "invalid template"),
        ("{{ response.__class__ }}", "cannot be rendered"),
        ("line\n{{ response", ":2"),
        ("How good is it?", "never shows 'response'"),
    ],
)
def test_an_invalid_template_is_reported_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.jinja"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        Template(path, frozenset({"response"}), frozenset({"response"})).render(response="x")
    assert message in str(caught.value)
