"""The tiny world is repeatable, and its oracle marks any text whatsoever."""

import json
import math
import random
from itertools import islice
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from rlaif.core.types import Prompt
from rlaif.demo import ground_truth
from rlaif.demo.world import DOMAINS, WORDINGS, Case, case, layout, requests
from tests.support.paths import ROOT
from tools.train_demo_models import corpus

SHIPPED = ROOT / "pipelines" / "data" / "tiny_requests.jsonl"

DOCUMENT = (
    "Shipment report: driver Ramel; weight 73; price 151; days 12; origin Tuven; crates 102; destination Kajus; goods Mika."
)
REQUEST = "Note for the planner as a list."
PERFECT = "- origin Tuven\n- destination Kajus\n- days 12"


def drawn(seed: int) -> Case:
    return case(random.Random(seed))


def mark(response: str, document: str = DOCUMENT, request: str = REQUEST) -> tuple[float, float, float]:
    marks = ground_truth.marks(document, request, response)
    return marks.faithfulness, marks.completeness, marks.helpfulness


def test_the_shipped_requests_come_from_the_world() -> None:
    rows = [json.loads(line) for line in SHIPPED.read_text().splitlines()]
    assert rows == list(requests(len(rows), seed=0))


def test_requests_are_unique_and_repeatable() -> None:
    rows = list(requests(300, seed=3))
    assert len({(row["prompt"], row["document"]) for row in rows}) == 300
    assert rows == list(requests(300, seed=3))
    assert rows != list(requests(300, seed=4))


def test_training_never_samples_a_shipped_document() -> None:
    shipped = {row["document"] for row in requests(400, seed=0)}
    rng = random.Random("train writer 0")
    assert shipped.isdisjoint(corpus.demonstration(rng).prompt.split("\n")[0] for _ in range(2000))


def test_every_asker_needs_three_to_five_of_eight_fields() -> None:
    for domain in DOMAINS.values():
        assert len(set(domain.fields)) == 8
        for needed in domain.needs.values():
            assert 3 <= len(needed) <= 5
            assert set(needed) <= set(domain.fields)


def test_every_wording_names_its_form_and_no_other() -> None:
    for form, wordings in WORDINGS.items():
        assert all(ground_truth.brief("", wording.format(role="auditor")).form == form for wording in wordings)


@given(st.integers())
def test_the_oracle_reads_back_what_the_world_wrote(seed: int) -> None:
    one = drawn(seed)
    assert ground_truth.brief(one.document, one.request) == ground_truth.Brief(one.facts, one.needed, one.form)


@given(st.integers())
def test_a_perfect_answer_gets_the_highest_scores(seed: int) -> None:
    one = drawn(seed)
    answer = layout([(field, one.facts[field]) for field in one.needed], one.form)
    assert mark(answer, one.document, one.request) == (100, 100, 100)


@given(st.text(), st.text(), st.text())
def test_any_text_gets_marks_in_range(document: str, request: str, response: str) -> None:
    for given_document, given_request in ((document, request), (DOCUMENT, REQUEST)):
        marks = mark(response, given_document, given_request)
        assert all(0 <= one <= 100 and math.isfinite(one) for one in marks)


@given(st.lists(st.tuples(st.sampled_from(DOMAINS["Shipment"].fields), st.sampled_from(["Ramel", "12", "Kajus", "x"]))))
def test_more_true_facts_never_lower_faithfulness_nor_completeness(facts: list[tuple[str, str]]) -> None:
    before = mark(layout(facts, "list"))
    after = mark(layout([*facts, ("days", "12")], "list"))
    assert after[0] >= before[0]
    assert after[1] >= before[1]


@given(st.integers(), st.sampled_from(corpus.CRITERIA))
def test_a_verdict_is_compact_json_with_a_score_from_one_to_five(seed: int, criterion: str) -> None:
    rng = random.Random(seed)
    one = case(rng)
    answer = layout(*corpus.flawed(one, corpus.HARSH, rng))
    text = corpus.verdict(one.document, one.request, answer, criterion)
    verdict = json.loads(text)
    assert list(verdict) == ["rationale", "score"]
    assert verdict["score"] in range(1, 6)
    assert json.dumps(verdict, separators=(",", ":")) == text


def test_an_answer_that_states_nothing_gets_nothing() -> None:
    assert mark("") == mark(" \n ;; - .") == (0, 0, 0)


def test_a_wrong_value_lowers_only_faithfulness() -> None:
    assert mark(PERFECT.replace("12", "13")) == (100 * 2 / 3, 100, 100)


def test_a_dropped_fact_lowers_only_completeness() -> None:
    assert mark(PERFECT.removesuffix("\n- days 12")) == (100, 100 * 2 / 3, 100)


def test_an_unrequested_fact_lowers_only_helpfulness() -> None:
    assert mark(PERFECT + "\n- goods Mika") == (100, 100, 75)


def test_a_repeated_fact_counts_as_surplus() -> None:
    assert mark(PERFECT + "\n- days 12") == (100, 100, 75)


def test_the_wrong_form_halves_helpfulness() -> None:
    assert mark("origin Tuven; destination Kajus; days 12") == (100, 100, 50)


def test_text_that_is_not_a_fact_is_not_supported() -> None:
    assert mark("Here is the note:\n" + PERFECT) == (75, 100, 37.5)
    assert mark("I would rather not say.") == (0, 0, 0)


def test_the_oracle_serves_as_a_check_on_prompts() -> None:
    prompt = Prompt(messages=({"role": "user", "content": REQUEST},), document=DOCUMENT)
    assert ground_truth.faithfulness(prompt, PERFECT) == 100
    assert ground_truth.completeness(prompt, "- days 12") == 100 / 3
    assert ground_truth.helpfulness(prompt, "- goods Mika") == 0


def test_templates_show_the_models_what_they_were_trained_on() -> None:
    from jinja2 import Environment, FileSystemLoader

    templates = Environment(loader=FileSystemLoader(SHIPPED.parents[2] / "prompts"), autoescape=False)
    fence, prompt_fence = "0123456789abcdef", "fedcba9876543210"
    writing = templates.get_template("generate/compact.jinja").render(document=DOCUMENT, request=REQUEST)
    judging = templates.get_template("judge/compact.jinja").render(
        document=DOCUMENT,
        request=REQUEST,
        response=PERFECT,
        fence=fence,
        prompt_fence=prompt_fence,
        criterion=SimpleNamespace(name="faithfulness"),
        low=corpus.LOW,
        high=corpus.HIGH,
    )
    assert writing == corpus.writing(DOCUMENT, REQUEST)
    assert judging == corpus.judging(DOCUMENT, REQUEST, PERFECT, "faithfulness", fence, prompt_fence)


def test_demonstrations_are_imperfect_but_mostly_right() -> None:
    rng = random.Random(0)
    marks = []
    for example in (corpus.demonstration(rng) for _ in range(500)):
        document, request = example.prompt.split("\n")
        marks.append(mark(example.answer, document, request))
    assert all(65 < sum(column) / len(marks) < 85 for column in zip(*marks, strict=True))
    assert all(max(column) == 100 for column in islice(zip(*marks, strict=True), 3))
