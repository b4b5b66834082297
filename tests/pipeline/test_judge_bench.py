"""The scorecard of judges on a benchmark file: planted accuracy and position bias, costs, and sample sizes."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from rlaif.config import load
from rlaif.core.errors import InputError
from rlaif.core.progress import Quiet
from rlaif.evaluation.power import detectable, paired_size, single_size
from rlaif.pipeline.judge_bench import judge_bench, open_suite
from tests.support.command_line import rlaif

COUNT = 300
PIPELINE = """
name: mine
out: {out}
models: {{scripted: {{kind: scripted}}}}
judges: {{versus: {{model: scripted, rubric: rubric.yaml}}}}
collect: {{sources: [{{path: none.jsonl}}]}}
"""
RUBRIC = "name: versus\ncriteria: [{name: overall, kind: compare, question: Which one helps more}]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    (folder / "pipeline.yaml").write_text(PIPELINE.format(out=folder / "out"))
    (folder / "rubric.yaml").write_text(RUBRIC)
    rows = [
        {
            "question": f"Q{n}",
            "response_A": f"a{n}",
            "response_B": f"b{n}",
            "label": "A>B",
            "source": "math" if n % 3 else "code",
        }
        for n in range(COUNT)
    ]
    (folder / "bench.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "few.jsonl").write_text("\n".join(map(json.dumps, rows[:6])))
    return folder


def test_a_planted_accuracy_and_position_bias_are_found(folder: Path) -> None:
    """Right in both orders on 60 %, wrong on 10 %; on 30 % the first shown wins in two of three cases."""
    draw, right = random.Random(5), 0
    with open_suite(load(folder / "pipeline.yaml"), "judgebench", folder / "bench.jsonl", [], Quiet()) as (plan, context):
        store, judge = context.store, plan.judge("versus")
        rows = []
        for each in store.rows("SELECT prompt, first, second FROM comparisons"):
            kind = draw.random()
            right += kind < 0.6
            first_wins = draw.random() < 2 / 3
            for swapped in (False, True):
                better = kind < 0.6 if kind < 0.7 else first_wins != swapped
                sides = (each["second"], each["first"]) if swapped else (each["first"], each["second"])
                preferred = "first" if better != swapped else "second"
                vote = {"prompt": each["prompt"], "first": sides[0], "second": sides[1], "judge": judge.key}
                rows.append(
                    vote | {"criterion": judge.rubric.criteria[0].key, "preferred": preferred, "verdict": "v", "repeat": 0}
                )
        kept = {"key": judge.rubric.criteria[0].key, "name": "overall", "kind": "compare", "low": 0, "high": 1}
        store.append("criteria", [kept])
        store.append("judges", [{"key": judge.key, "name": "versus", "spec": "{}"}])
        store.append("comparisons", [row | {"attempt": 0} for row in rows])
        found = judge_bench(plan, context, stored=True).judges[0]
    every, *subsets = found.accuracies
    assert [each.subset for each in subsets] == ["code", "math"]
    assert sum(each.pairs for each in subsets) == every.pairs == COUNT
    assert every.accuracy == pytest.approx(0.75, abs=0.06)
    assert every.whole == pytest.approx(right / COUNT)
    assert found.consistent
    assert found.consistent.value == pytest.approx(0.7, abs=0.08)
    assert found.first_shown
    assert found.first_shown.interval
    assert found.first_shown.interval[0] > 0.5
    assert found.shows_bias == pytest.approx(0.3 * 0.148, abs=0.01)


def test_the_stated_bias_is_found_in_four_of_five_cases() -> None:
    draw, count = random.Random(1), 200
    size = detectable(count)
    assert size
    found = [
        abs(sum(draw.random() < 0.5 + size for _ in range(count)) - count / 2) > 1.96 * (count / 4) ** 0.5
        for _ in range(1500)
    ]
    assert sum(found) / len(found) == pytest.approx(0.8, abs=0.06)


def test_sample_sizes_are_those_of_the_textbook() -> None:
    # Connor 1987, and the one-sample formula, worked out by hand.
    assert paired_size(0.02, 0.2) == 3923
    assert single_size(0.02, 0.8) == 3208
    assert paired_size(0.02, 0.01) is None


def test_the_command_judges_once_and_prints_a_card(folder: Path) -> None:
    command = ["judge-bench", str(folder / "pipeline.yaml"), "--set", f"out={folder / 'other'}", "--quiet"]
    command += ["--suite", f"judgebench={folder / 'few.jsonl'}"]

    def run(*more: str) -> str:
        done = rlaif(*command, *more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    planned: Any = json.loads(run("--plan", "--json"))
    assert sum(line["requests"] for line in planned["lines"]) == 12
    assert "pairs that show 2 points" in run()
    assert json.loads(run("--plan", "--json"))["lines"] == []
    card = json.loads(run("--stored", "--json"))
    assert (card["suite"], card["gold"]) == ("judgebench", "judgebench")
    assert card["judges"][0]["accuracies"][0]["pairs"] == 6


@pytest.mark.parametrize(
    ("suite", "path", "names", "told"),
    [
        ("judgebnch", "bench.jsonl", [], "judgebench"),
        ("judgebench", "none.jsonl", [], "no such file"),
        ("judgebench", "bench.jsonl", ["versu"], "versu"),
    ],
)
def test_a_mistake_is_reported_before_the_first_request(
    folder: Path, suite: str, path: str, names: list[str], told: str
) -> None:
    with (
        pytest.raises(InputError, match=told),
        open_suite(load(folder / "pipeline.yaml"), suite, folder / path, names, Quiet()),
    ):
        pass


def recorded(orders: str, label: str = "A>B") -> list[dict[str, Any]]:
    """Rows as JudgeBench stores them: `orders` holds one word per pair with the decisions in both orders."""
    return [
        {
            "question": f"Q{n}",
            "response_A": f"a{n}",
            "response_B": f"b{n}",
            "label": label,
            "source": "mmlu-pro-law" if n % 2 else "livebench-math",
            "judgments": [None if code == "." else {"decision": f"A{code}B" if code != "<" else "B>A"} for code in word],
        }
        for n, word in enumerate(orders.split())
    ]


def test_recorded_verdicts_give_the_accuracies_of_the_published_definitions(folder: Path) -> None:
    """Worked out by hand: right in both orders, right twice in one place, right and tied, tied, wrong, right and missing, missing."""
    (folder / "recorded.jsonl").write_text("\n".join(map(json.dumps, recorded(">< >> >= == <> >. .."))))
    (folder / "none.yaml").write_text(f"name: none\nout: {folder / 'none'}\ncollect: {{sources: [{{path: none.jsonl}}]}}")
    done = rlaif(
        *("judge-bench", str(folder / "none.yaml"), "--judge", "recorded", "--json", "--quiet"),
        *("--suite", f"judgebench_outputs={folder / 'recorded.jsonl'}"),
    )
    assert done.returncode == 0, done.stderr
    (card,) = json.loads(done.stdout)["judges"]
    every, knowledge, maths = sorted(card["accuracies"], key=lambda each: each["subset"] or "")
    assert (every["pairs"], every["unjudged"]) == (7, 1)
    assert every["right"] == pytest.approx(3 / 7)
    assert every["accuracy"] == pytest.approx((3 + 2 / 2) / 6)
    assert (knowledge["subset"], knowledge["right"]) == ("knowledge", pytest.approx(1 / 3))
    assert (maths["subset"], maths["right"]) == ("math", pytest.approx(2 / 4))
    # Both orders have a verdict on five pairs; three name the same winner, or tie, in both.
    assert card["consistent"]["value"] == pytest.approx(3 / 5)
    assert card["usd_per_thousand"] is None
