"""A cascade: what a judge leaves to the next one, that nothing else is asked of it, and who counts for which prompt."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.core.errors import InputError
from rlaif.core.types import key
from rlaif.doctor import examine
from rlaif.estimate import plan
from rlaif.pairs.weights import factors
from rlaif.report.explain import explain
from rlaif.store.store import Store
from tests.support.command_line import rlaif
from tests.support.plans import asks, planned
from tests.support.scripted_pipeline import add, go, project, rows
from tests.support.stores import GENERATOR, JUDGE, fill, prompt

RANGES = {"help": (1.0, 5.0), "faith": (1.0, 5.0)}


def left(
    folder: Path,
    table: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    margin: float = 20,
    second: bool = False,
    floor: float | None = None,
    before_that: str | None = None,
    given: Sequence[str] = (),
    times: int = 1,
) -> dict[str, float | None]:
    """The prompts that a judge leaves to the next one, with its leads; `given` are those that were left to itself."""
    shares, denominator = factors({"help": 3, "faith": 1}, RANGES)
    with Store(folder / "store.duckdb") as store:
        fill(store, {name: [dict(response) for response in responses] for name, responses in table.items()})
        store.append(
            "cascade_escalations", [{"prompt": prompt(name).key, "before": "first", "judge": JUDGE} for name in given]
        )
        for _ in range(times):
            store.execute(
                "pipeline/sql/judge/escalate",
                judge="next",
                earlier=JUDGE,
                before_that=before_that,
                generators=[GENERATOR],
                margin=margin,
                second=second,
                denominator=denominator,
                criteria=[
                    {"criterion": key("criterion", name), "factor": shares[name], "low": 1, "floor": floor}
                    for name in RANGES
                ],
            )
        names = {prompt(name).key: name for name in table}
        found = store.rows(
            "SELECT prompt, lead::DOUBLE AS lead FROM cascade_escalations WHERE before = $j AND judge = 'next'", j=JUDGE
        )
    assert len(found) == len({row["prompt"] for row in found})
    return {names[row["prompt"]]: row["lead"] for row in found}


def answer(text: str, help: Any, faith: Any = 1, **more: Any) -> dict[str, Any]:
    return {"text": text, "help": help, "faith": faith, **more}


# 3 of 4 parts are help, so that a step of it is 18.75 hundredths, and one of faith 6.25.
CASES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], dict[str, float | None]]] = {
    "a wide lead is decided": ({}, [answer("a", 5), answer("b", 1), answer("c", 5)], {}),
    "a small one is not": ({}, [answer("a", 5), answer("b", 4)], {"p": 18.75}),
    "one at the margin is": ({"margin": 18.75}, [answer("a", 5), answer("b", 4)], {}),
    "a tie is not": ({}, [answer("a", 5), answer("b", 5)], {"p": 0}),
    "the lead over the second": ({"second": True}, [answer("a", 5), answer("b", 1), answer("c", 4)], {"p": 18.75}),
    "the second is the best of those with less": ({"second": True}, [answer("a", 5), answer("b", 1), answer("c", 5)], {}),
    "without a second there is no lead": ({"second": True}, [answer("a", 5), answer("b", 5)], {"p": None}),
    "a failure decides nothing": ({}, [answer("a", 5), answer("b", "malformed")], {"p": 0}),
    "nor does it hinder the others": ({}, [answer("a", 5), answer("b", "malformed"), answer("c", 1)], {}),
    "only failures": ({}, [answer("a", "refused"), answer("b", "malformed")], {"p": None}),
    "what was not asked yet may still decide": ({}, [answer("a", 5), answer("b", 4), {"text": "c"}], {}),
    "half a judgement is none": ({}, [answer("a", 5), answer("b", 4), answer("c", 1, None)], {}),
    "one that is cut off leads nobody": (
        {},
        [answer("a", 5, finish="length"), answer("b", 2), answer("c", 1)],
        {"p": 18.75},
    ),
    "nor one below a floor": ({"floor": 2, "margin": 30}, [answer("a", 5), answer("b", 2, 2), answer("c", 1)], {"p": 25}),
    "what was left before stays so, once": ({"times": 2}, [answer("a", 5), answer("b", 5)], {"p": 0}),
    "what the judge itself was not left": ({"before_that": "first"}, [answer("a", 5), answer("b", 5)], {}),
    "what it was": ({"before_that": "first", "given": ["p"]}, [answer("a", 5), answer("b", 5)], {"p": 0}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_judge_passes_undecided_prompts_to_the_next(name: str, tmp_path: Path) -> None:
    options, responses, expected = CASES[name]
    assert left(tmp_path, {"p": responses}, **options) == expected


CASCADE = ("judge.by=[a, b]", "judge.cascade={margin: 12}", "pair={}", "judges.a.calls=together")
SCORED = "SELECT DISTINCT prompt FROM scores JOIN responses USING (answer) JOIN judges ON judges.key = judge WHERE judges.name = '{}'"
LEADS = """
    SELECT prompt, max(points) FILTER (finish = 'stop') - min(points) AS lead FROM (
        SELECT prompt, finish, answer, avg(100 * (score - low) / (high - low)) AS points
        FROM latest_scores JOIN (SELECT DISTINCT prompt, answer, finish FROM responses) USING (answer)
        JOIN criteria ON criteria.key = criterion JOIN judges ON judges.key = judge WHERE judges.name = 'a'
        GROUP BY ALL HAVING count(score) = count(*)
    ) GROUP BY prompt
"""


def prompts(file: Path, query: str) -> set[str]:
    return {row["prompt"] for row in rows(file, query)}


def equal_weights(file: Path) -> None:
    """The rubric of the loop weighs its criteria equally but for one, which would hide what the queries above compute."""
    rubric = file.parent / "rubric.yaml"
    rubric.write_text(
        "\n".join(line for line in rubric.read_text().splitlines() if "weight:" not in line and "floor:" not in line)
    )


def test_a_later_judge_of_a_cascade_scores_only_undecided_prompts_and_decides_them(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=12)
    equal_weights(file)
    calls = go(file, *CASCADE)
    open_, asked = (
        prompts(file, f"SELECT prompt FROM ({LEADS}) WHERE coalesce(lead < 12, true)"),
        prompts(file, SCORED.format("b")),
    )
    assert prompts(file, "SELECT prompt FROM cascade_escalations") == asked
    assert 0 < len(asked) < 12
    # A prompt whose every response failed with the first judge has no lead in that query.
    assert open_ <= asked
    assert prompts(file, SCORED.format("a")) == prompts(file, "SELECT key AS prompt FROM prompts")
    assert (
        calls["judge b"]
        == rows(file, "SELECT count(*) AS n FROM verdicts JOIN judges ON judges.key = judge WHERE name = 'b'")[0]["n"]
    )
    whose = rows(
        file,
        "SELECT prompt, answer, name FROM mixed JOIN responses USING (answer) JOIN latest_scores USING (answer, criterion) "
        "JOIN judges ON judges.key = judge WHERE mixed.score = latest_scores.score",
    )
    for each in asked:
        answers = {row["answer"] for row in whose if row["prompt"] == each}
        assert answers <= {row["answer"] for row in whose if row["name"] == "b"}
    named = rows(file, "SELECT judge FROM pairings_readable")[0]["judge"]
    assert named == "a, b (cascade)"
    text = (tmp_path / "out/pairs/preference/README.md").read_text()
    assert "\njudge 1 of a cascade, a, with" in text
    assert "\njudge 2 of a cascade, b, with" in text
    assert go(file, *CASCADE) == {}
    with Store(load(file).store_path, read_only=True) as store:
        (found,) = explain(store, min(asked)).passed_on
    assert (found.before, found.judge) == ("a", "b")


def test_a_stop_between_two_judges_changes_nothing(tmp_path: Path) -> None:
    whole = project(tmp_path / "whole", prompts=6)
    go(whole, *CASCADE)
    file = project(tmp_path / "parts", prompts=6)
    for names in (["b"], ["a"], ["b"], ["a", "b"]):
        with pipeline.open_run(load(file, list(CASCADE))) as (resolved, context):
            pipeline.collect(context)
            pipeline.generate(resolved, context)
            pipeline.judge(resolved, context, names)
        if names == ["b"]:
            assert prompts(file, SCORED.format("b")) == prompts(file, "SELECT prompt FROM cascade_escalations")
    assert not set(go(file, *CASCADE)) & {"generate", "judge a", "judge b"}
    pairs = "pairs/preference/train.jsonl"
    assert (tmp_path / "parts/out" / pairs).read_bytes() == (tmp_path / "whole/out" / pairs).read_bytes()


def test_more_samples_of_a_prompt_go_to_the_judge_that_it_was_left_to(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=6)
    go(file, *CASCADE)
    before = prompts(file, "SELECT prompt FROM cascade_escalations")
    add(tmp_path, range(6, 8))
    go(file, *CASCADE, "generate.samples=5")
    assert before <= prompts(file, "SELECT prompt FROM cascade_escalations")
    unjudged = rows(
        file,
        "SELECT * FROM responses SEMI JOIN cascade_escalations ON cascade_escalations.prompt = responses.prompt "
        "ANTI JOIN (FROM scores JOIN judges ON judges.key = judge WHERE name = 'b') AS said ON said.answer = responses.answer",
    )
    assert unjudged == []


def test_a_plan_of_a_cascade_is_an_upper_bound_until_the_first_judge_is_done(tmp_path: Path) -> None:
    file, wide = project(tmp_path, prompts=4), [*CASCADE, "judge.cascade={margin: 40}"]
    before = planned(file, *wide)
    assert asks(before) == {"generate": 4, "judge a": 12, "judge b, at most": 12}
    assert [line.prompt_tokens.low > 0 for line in before.lines] == [True, True, False]
    with pipeline.open_run(load(file, list(wide))) as (resolved, context):
        pipeline.collect(context)
        pipeline.generate(resolved, context)
        pipeline.judge(resolved, context, ["a"])
    after = planned(file, *wide)
    calls = go(file, *wide)
    assert asks(after) == {"judge b": calls["judge b"]}
    assert planned(file, *wide).lines == []


def test_the_judge_that_a_pair_rule_names_counts_alone(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    go(file, *CASCADE, "pair.judge=a")
    assert [row["judge"] for row in rows(file, "SELECT judge FROM pairings_readable")] == ["a"]


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        ("{model: second, rubric: other.yaml}", "judges 'a' and 'b' have different criteria"),
        ("{model: second, rubric: rubric.yaml}", "compares responses"),
    ],
)
def test_judges_that_cannot_stand_in_for_each_other_make_no_cascade(judge: str, said: str, tmp_path: Path) -> None:
    file = project(tmp_path, prompts=1)
    (tmp_path / "other.yaml").write_text("name: o\ncriteria: [{name: other, kind: compare, question: Which}]\n")
    order = "[b, a]" if "compares" in said else "[a, b]"
    overrides = [f"judges.b={judge.replace('rubric.yaml', 'other.yaml')}", f"judge.by={order}", "judge.cascade={margin: 5}"]
    with pytest.raises(InputError, match=said):
        pipeline.check(pipeline.resolve(load(file, overrides)))


# Combinations that would make pairs of a part of the responses, or of nothing: what is said, and what to write instead.
CONTRADICTIONS = {
    "the second judge alone": (
        ["pair={judge: b}"],
        r"pair.judge: b cannot make the pairs in a cascade of a, b",
        "Remove `pair.judge`",
    ),
    "a list with the second": (["pair={judge: [a, b]}"], "a and b cannot make the pairs in a cascade", "`pair: {judge: a}`"),
    "a mix": (["pair={mix: median}"], "pair.mix: judges in a cascade are not mixed", "Remove `pair.mix`"),
    "the second asked to agree": (
        ["pair={judge: a, agree: [b]}"],
        "pair.agree.0: judge 'b' is part of the cascade",
        "Remove it",
    ),
    "one asked to agree with itself": (["pair={agree: [a]}"], "pair.agree.0: judge 'a' is part of the cascade", "Remove it"),
    "one judge": (["judge.by=[a]"], "judge.cascade: a cascade needs two judges or more, and this one has 1", "judge.by"),
    "a judge twice": (["judge.by=[a, a]"], "judge.by.1: judge 'a' is named twice", "Leave one out"),
    "votes of several": (
        ["judge.cascade=null", "pair={judge: [a, b], strategy: votes}"],
        "one judge or of people, and 2 judges are named",
        "pair.judge",
    ),
    "votes of a judge that scores": (
        ["judge.cascade=null", "pair={judge: a, strategy: votes}"],
        "judge a has no criterion of kind `compare`",
        "best_vs_worst",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_every_command_finds_a_contradiction_before_the_first_request(name: str, tmp_path: Path) -> None:
    overrides, said, fix = CONTRADICTIONS[name]
    file = project(tmp_path, prompts=3)
    both = [*CASCADE, *overrides]
    for command in (plan, pipeline.pair, lambda resolved, _: pipeline.check(resolved)):
        with pipeline.open_run(load(file, both)) as (resolved, context), pytest.raises(InputError, match=said) as caught:
            command(resolved, context)
        assert fix in caught.value.fix
    found = {check.name: check for check in examine(load(file, both))}
    assert found["pairs"].outcome == "fail"
    assert fix in found["pairs"].fix


def test_the_first_judge_of_a_cascade_can_make_pairs_alone(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file, *CASCADE)
    with pipeline.open_run(load(file, CASCADE)) as (resolved, context):
        whole = pipeline.pair(resolved, context)
    with pipeline.open_run(load(file, [*CASCADE, "pair={judge: a}"])) as (resolved, context):
        alone = pipeline.pair(resolved, context)
    assert (whole.by, alone.by) == ("a, b (cascade)", "a")


def test_a_cascade_whose_second_judge_has_not_run_makes_no_pairs(tmp_path: Path) -> None:
    file = project(tmp_path)
    with pipeline.open_run(load(file, CASCADE)) as (resolved, context):
        pipeline.collect(context)
        pipeline.generate(resolved, context)
        pipeline.judge(resolved, context, ["a"])
        said = r"judge b has scored 0 of \d+ responses that the judge before it left open"
        with pytest.raises(InputError, match=said):
            pipeline.pair(resolved, context)
        assert context.store.rows("FROM pairings") == []
        pipeline.judge(resolved, context, ["b"])
        assert pipeline.pair(resolved, context).pairs > 0


def test_one_judge_of_a_cascade_can_be_run_alone(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=4)
    file.write_text(
        file.read_text()
        .replace("judge: {by: [a]}", "judge: {by: [a, b], cascade: {margin: 12}}")
        .replace("pair: {judge: a, ", "pair: {")
    )
    assert rlaif("run", str(file), "--judge", "b").returncode == 0
    assert {
        row["name"] for row in rows(file, "SELECT DISTINCT name FROM judges SEMI JOIN verdicts ON judge = judges.key")
    } == {"b"}
