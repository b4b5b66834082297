"""The checks: given texts, expected values; and what becomes of those that will not do."""

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.core.errors import InputError
from rlaif.judging import JudgeContext
from rlaif.judging.checks.ifeval_types import TYPES
from rlaif.judging.criteria import check
from rlaif.judging.rubric import Check
from tests.support.checks import BENCH, DOCUMENT, judged, value
from tests.support.paths import SHARED

TEXTS: list[tuple[str, dict[str, Any], str, float]] = [
    ("length", {"high": 100}, "Two words", 2),
    ("length", {"unit": "characters", "high": 100}, "né", 2),
    ("length", {"unit": "sentences", "high": 100}, 'It left at 6.40 a.m. sharp. Was it late? "No." He said so', 5),
    ("length", {"unit": "sentences", "high": 100}, "一句。两句！", 2),
    ("length", {"unit": "sentences", "high": 100}, "No mark at all\n\nanother part", 2),
    ("length", {"high": 100}, "", 0),
    ("within", {"least": 2, "most": 3}, "one two three", 1),
    ("within", {"least": 2, "most": 3}, "one", 0),
    ("within", {"most": 2}, "one two three", 0),
    ("matches", {"pattern": r"^\d+$"}, "102", 1),
    ("matches", {"pattern": r"^\d+$"}, "102 crates", 0),
    ("matches", {"pattern": "sorry", "wanted": False}, "102 crates", 1),
    ("contains", {"texts": ["Crates", "truck"]}, "102 crates", 0.5),
    ("contains", {"texts": ["Crates", "truck"], "ignore_case": False}, "102 crates", 0),
    ("contains", {"texts": ["as an AI"], "wanted": False}, "102 crates", 1),
    ("json_valid", {}, '{"a": 1}', 1),
    ("json_valid", {}, 'Here: {"a": 1}', 0),
    ("json_valid", {}, "NaN", 0),
    ("json_valid", {}, "[" * 100_000, 0),
    ("json_valid", {}, '```json\n{"a": 1}\n```', 1),
    ("json_valid", {"schema": {"type": "object", "required": ["b"]}}, '{"a": 1}', 0),
    ("json_valid", {"schema": {"properties": {"a": {"type": "integer"}}}}, '{"a": 1}', 1),
    ("language", {"wanted": "de"}, "Der Lastwagen trug 102 Kisten nach Hamburg.", 1),
    ("language", {"wanted": "en"}, "Der Lastwagen trug 102 Kisten nach Hamburg.", 0),
    ("language", {"wanted": "zh"}, "卡车从仓库运走了一百零二个箱子。", 1),
    ("overlap", {}, "The truck left with cheese", 0.6),
    ("overlap", {}, "", 0),
    ("overlap", {"words": 2}, "the truck carried nothing", 2 / 3),
    ("overlap", {"of": "source", "source": "reference", "reference": "102 crates"}, "There were 102.", 0.5),
    ("exact", {"reference": "Paris"}, " paris. ", 1),
    ("exact", {"reference": "Paris", "ignore_case": False}, "paris", 0),
    ("exact", {"reference": "so\nA: 5,600", "after": "A:"}, "A: 1\nA: 5,600", 1),
    ("exact", {"reference": "A: 5", "after": "A:"}, "5", 0),
    ("number", {"reference": "A: 5,600", "after": "A:"}, "so A: $5600.00", 1),
    ("number", {"reference": "It is 3."}, "2 + 1 = 3", 1),
    ("number", {"reference": "-3"}, "5 - 8 = −3", 1),
    ("number", {"reference": "3"}, "-3", 0),
    ("number", {"reference": "2"}, "5-2", 1),
    ("number", {"reference": "0.5"}, "1/2", 1),
    ("number", {"reference": "10"}, "no number", 0),
    ("number", {"reference": "10"}, "10.04", 0),
    ("number", {"reference": "10", "tolerance": 0.05}, "10.04", 1),
    ("number", {"reference": "1,234,567"}, "1234567", 1),
    ("headings", {}, "# Load\nx\n## Route #\n# load", 1),
    ("headings", {}, "# Route\n# Load", 2 / 3),
    ("headings", {}, "Load\nRoute", 0),
    ("kept", {}, DOCUMENT.replace("\n", "---"), 1),
    ("kept", {}, "load load route", 3 / 13),
    ("chunks", {"separator": "\n---\n", "most": 2}, "one two\n---\nthree\n---\nfour five six", 2 / 3),
    ("chunks", {"separator": "\n---\n", "most": 2}, "one two\n---\nthree\n---\n", 1),
    ("chunks", {"separator": "\n---\n", "most": 2}, "one\n---\n\n---\ntwo", 2 / 3),
    ("chunks", {"separator": "\n---\n", "most": 2}, " ", 0),
]


@pytest.mark.parametrize(("name", "given", "response", "expected"), TEXTS)
def test_checks_return_the_expected_values(name: str, given: dict[str, Any], response: str, expected: float) -> None:
    assert value(name, response, **given) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("overlap", {"document": None}),
        ("kept", {"document": None}),
        ("kept", {"document": "…"}),
        ("headings", {"document": "no headings"}),
        ("exact", {}),
        ("language", {"wanted": "en"}),
        ("language", {}),
        ("exact", {"reference": "5", "after": "A:"}),
        ("number", {"reference": "none"}),
        ("overlap", {"source": "reference", "reference": "word", "words": 2}),
    ],
)
def test_a_check_without_a_text_to_compare_with_is_inapplicable_not_zero(name: str, given: dict[str, Any]) -> None:
    verdict = judged(name, "text", **given)
    assert (verdict.failure, verdict.scores[0].value, verdict.scores[0].failure) == ("inapplicable", None, "inapplicable")


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("wthin", {}, "Did you mean 'within'?"),
        ("within", {"leest": 1}, "least: int = 0"),
        ("matches", {}, "missing a required argument: 'pattern'"),
        ("matches", {"pattern": "("}, "cannot run with these options"),
        ("within", {"unit": "pages"}, "characters, words, sentences, tokens"),
        ("within", {"unit": "tokens"}, "Tokens need `tokenizer`"),
        ("contains", {"texts": "one"}, "a list of texts"),
        ("json_valid", {"schema": {"type": "nothing"}}, "not a JSON Schema"),
        ("overlap", {"source": "web"}, "document or reference"),
        ("language", {"wanted": "klingon"}, "such as en or zh"),
        ("overlap", {"of": "web"}, "response or source"),
        ("chunks", {"separator": ""}, "cannot run with these options"),
    ],
)
def test_an_invalid_check_is_reported_before_any_work(function: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        check.verify([Check(name="c", kind="check", function=function, options=options)])
    assert message in str(caught.value)


# The types of IFEval's instructions without arguments.
PLAIN_TYPES = [name for name, function in TYPES.items() if len(inspect.signature(function).parameters) == 1]


@pytest.mark.parametrize("function", sorted(check.BUILT_IN))
@settings(deadline=None)
@given(response=st.text(), document=st.text(min_size=1))
def test_any_text_whatsoever_gives_a_value_in_range_or_a_failure_kind(function: str, response: str, document: str) -> None:
    needed: dict[str, dict[str, Any]] = {
        "matches": {"pattern": "a+"},
        "contains": {"texts": ["a"]},
        "chunks": {"separator": "\n"},
    }
    needed["ifeval"] = {"types": PLAIN_TYPES, "arguments": [{}] * len(PLAIN_TYPES), "loose": True}
    verdict = judged(
        function, response, document, "7", high=10**6 if function == "length" else 1, **needed.get(function, {})
    )
    score = verdict.scores[0]
    assert (score.value is None) == (score.failure is not None)
    assert verdict.failure in (None, "inapplicable")


@given(st.fractions(-(10**6), 10**6).map(lambda n: round(n, 3)), st.text("ab .,\n", max_size=20))
def test_a_number_is_found_in_any_spelling(amount: Any, before: str) -> None:
    number = float(amount)
    for spelling in (f"{number:.3f}", f"{number:,.3f}", f"{number:,.3f}0 kg."):
        assert value("number", f"{before} {spelling}", reference=f"A: {number:.3f}") == 1


USER = """
def shout(prompt, response, times=1):
    return response.isupper() * times
def broken(prompt, response):
    return 1 / 0
def ends(prompt, response):
    raise SystemExit(3)
def silent(prompt, response):
    return None
"""


@pytest.mark.parametrize(
    ("function", "failure", "detail"),
    [
        ("mine:shout", None, None),
        ("mine:broken", "crashed", "ZeroDivisionError"),
        ("mine:ends", "crashed", "SystemExit: 3"),
        ("mine:silent", "crashed", "TypeError"),
    ],
)
def test_a_custom_function_runs_if_allowed_and_a_crash_is_not_a_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, failure: str | None, detail: str | None
) -> None:
    (tmp_path / "mine.py").write_text(USER)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="--allow-code"):
        judged(function, "LOUD")
    allowed = JudgeContext(BENCH.spec, BENCH.template, allow_code=True)
    verdict = judged(function, "LOUD", judge_context=allowed)
    assert verdict.failure == failure
    assert (verdict.scores[0].value is None) == (failure is not None)
    assert (detail or "") in (verdict.detail or "")


def test_an_edited_function_is_another_criterion_without_being_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "package").mkdir()
    module = tmp_path / "package/edited.py"
    keys = []
    for text in ("raise SystemExit", "raise SystemExit(1)", "raise SystemExit"):
        module.write_text(text)
        keys.append(Check(name="own", kind="check", function="package.edited:count").key)
    assert keys[0] == keys[2] != keys[1]
    assert "code" not in Check(name="own", kind="check", function="nowhere:count").spec


def test_a_value_out_of_range_is_a_failure_and_is_never_clamped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "others.py").write_text(USER)
    monkeypatch.syspath_prepend(str(tmp_path))
    allowed = JudgeContext(BENCH.spec, BENCH.template, allow_code=True)
    verdict = judged("others:shout", "LOUD", judge_context=allowed, times=2)
    assert (verdict.failure, verdict.scores[0].value) == ("crashed", None)
    assert "outside 0 to 1" in str(verdict.detail)


def test_a_schema_that_refers_elsewhere_is_not_fetched() -> None:
    schema = {"$ref": "http://127.0.0.1:9/schema.json"}
    verdict = judged("json_valid", '{"a": 1}', schema=schema)
    assert verdict.failure == "crashed"
    assert "Unresolvable" in str(verdict.detail)


def test_other_options_are_another_criterion() -> None:
    one, two = (Check(name="c", kind="check", function="within", options={"most": most}) for most in (1, 2))
    assert one.key != two.key


def test_tokens_are_counted_by_a_checkpoints_own_tokenizer() -> None:
    assert value("within", "Driver: Ramel", unit="tokens", least=1, most=10, tokenizer="tiny:writer") == 1


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not here")
def test_the_number_check_gives_no_wrong_label_on_real_solutions() -> None:
    wrong = solutions = 0
    with (SHARED / "gsm8k_solutions.jsonl").open("rb") as file:
        for line in file:
            row = json.loads(line)
            for system in row.values():
                if isinstance(system, dict):
                    solutions += 1
                    found = value("number", system["solution"], reference=row["ground_truth"], after="A:")
                    wrong += (found == 1) != system["is_correct"]
    assert (solutions, wrong) == (2640, 0)
