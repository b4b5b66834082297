"""Degenerate text, as models at a loss write it: no check, statistic or filter takes more than linear time over it, and what
could is stopped in time."""

import asyncio
import inspect
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rlaif.config import JudgeSpec
from rlaif.config.resources import root
from rlaif.config.templates import Template
from rlaif.core.types import Prompt, Verdict
from rlaif.core.words import count_words, find_words
from rlaif.evaluation.text_stats import describe
from rlaif.judging import Candidate, JudgeContext
from rlaif.judging.checks.ifeval_types import TYPES
from rlaif.judging.criteria import check, scale
from rlaif.judging.retrieval import chunks
from rlaif.judging.rubric import Check
from rlaif.judging.sanitize import sanitize
from rlaif.pairs.filters import _runs, _words
from rlaif.store.store import Store
from tests.support.processes import PROMPT_END

# At this length a quadratic scan takes some ten seconds, and a linear one some hundredths of a second.
LENGTH = 40_000
# Seconds of processor time, so that a busy machine fails no test.
LIMIT = 3.0
TEXTS = {
    "dots": ".",
    "exclamation marks": "?!",
    "newlines": "\n",
    "number signs": "#",
    "a heading of number signs": "# #",
    "digits": "7",
    "digits and commas": "1,111",
    "digits and points": "1.1",
    "digits and spaces": "1 ",
    "exponents": "1e",
    "fractions": "1/",
    "opening parentheses": "(",
    "closing quotes": ".\"'",
    "one line": "word",
    "spaces": " ",
    "tabs": "\t ",
    "backticks": "`",
    "fences": "```\n",
    "fence and blanks": "```\n" + " " * 99,
    "list marks": "- ",
    "empty list items": "-\n",
    "minus signs": "-",
    "angles": "<",
    "open tags": "<a",
    "brackets": "[",
    "marks": "<|im_start|>",
    "capitals in brackets": "[A",
    "colons": ":",
    "roles": "USER:",
    "stars": "*",
    "CJK punctuation": "，",
    "ideographs": "你",
    "Thai": "สวั",
    "emoji": "👩\u200d",
    "joiners": "\u200d",
    "combining marks": "e\u0301",
    "carriage returns": "\r",
    "nulls": "\x00",
    "full-width digits": "１",
    "apologies": "I'm very sorry, ",
    "not words": "\u2014\u2026",
    "sentences": "。 ",
    "vulgar fractions": "½ ",
    "Arabic digits": "١٬",
}
# The types of IFEval's instructions without arguments.
PLAIN_TYPES = [name for name, function in TYPES.items() if len(inspect.signature(function).parameters) == 1]
OPTIONS: dict[str, dict[str, Any]] = {
    "contains": {"texts": ["a", "."]},
    "chunks": {"separator": "\n"},
    "length": {"unit": "sentences"},
    "within": {"unit": "sentences"},
    "ifeval": {"types": PLAIN_TYPES, "arguments": [{}] * len(PLAIN_TYPES), "loose": True},
}
BENCH = JudgeContext(JudgeSpec(rubric="x"), Template(root() / "prompts/judge/scale.jinja", scale.VARIABLES), allow_code=True)


def judged(
    function: str, response: str, document: str | None = None, timeout: float | None = None, **options: Any
) -> Verdict:
    criterion = Check(name="c", kind="check", function=function, options=options, high=10**9, timeout=timeout)
    prompt = Prompt(({"role": "user", "content": "Tell."},), document or response, document or response)
    return asyncio.run(check.judge(Candidate(prompt, response), [criterion], 0, BENCH))


@pytest.mark.parametrize("name", TEXTS)
def test_checks_statistics_and_filters_read_degenerate_text_in_linear_time(name: str) -> None:
    unit = TEXTS[name]
    for text in (unit * (LENGTH // len(unit)), unit * (LENGTH // len(unit)) + "x"):
        works = {
            function: lambda function=function, text=text: judged(function, text, **OPTIONS.get(function, {}))
            for function in check.BUILT_IN
            if function != "matches"
        }
        works |= {
            "sanitize": lambda text=text: sanitize(text),
            "count words": lambda text=text: count_words(text),
            "find words": lambda text=text: find_words(text),
            "passages": lambda text=text: chunks(text, 100),
            "statistics": lambda text=text: describe("m", {"p": [text, text]}),
            "near-duplicates and contamination": lambda text=text: _runs(_words(text), 13),
        }
        for work, run in works.items():
            start = time.process_time()
            run()
            assert time.process_time() - start < LIMIT, (work, text[:20])


CATASTROPHIC = "a" * 60 + "!"
EVIL = {
    "a pattern": ("matches", {"pattern": r"(a+)+$"}),
    "a pattern in a schema": ("json_valid", {"schema": {"properties": {"a": {"pattern": r"^(a|a)*$"}}}}),
    "a function that never returns": ("endless:loop", {}),
    "a function that sleeps": ("endless:sleep", {}),
    "a function that ignores exceptions": ("endless:stubborn", {}),
}
ENDLESS = """
import time
def loop(prompt, response):
    while True:
        pass
def sleep(prompt, response):
    time.sleep(600)
def stubborn(prompt, response):
    while True:
        try:
            time.sleep(1)
        except BaseException:
            pass
def leaves(prompt, response):
    import os
    os._exit(7)
def noisy(prompt, response):
    print("{}", flush=True)
    import sys
    sys.stdin.read()
    return 1
"""


@pytest.fixture
def endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize("name", EVIL)
def test_a_check_that_times_out_has_crashed_and_the_next_one_runs(name: str) -> None:
    function, options = EVIL[name]
    response = json.dumps({"a": CATASTROPHIC}) if function == "json_valid" else CATASTROPHIC
    start = time.monotonic()
    verdict = judged(function, response, timeout=0.5, **options)
    assert (verdict.failure, verdict.detail) == ("crashed", "took longer than 0.5 s")
    assert (verdict.scores[0].value, verdict.scores[0].failure) == (None, "crashed")
    assert time.monotonic() - start < PROMPT_END
    assert judged("matches", "ab", pattern="b").scores[0].value == 1


@pytest.mark.usefixtures("endless")
def test_a_function_may_end_its_process_print_and_read_without_harm() -> None:
    verdict = judged("endless:leaves", "x")
    assert (verdict.failure, verdict.detail) == ("crashed", "its process ended with exit code 7")
    assert judged("endless:noisy", "x").scores[0].value == 1


def test_several_checks_wait_for_a_slow_one_no_longer_than_its_limit() -> None:
    async def together() -> list[Verdict]:
        prompt = Prompt(({"role": "user", "content": "Tell."},))
        slow = Check(name="c", kind="check", function="matches", options={"pattern": "(a+)+$"}, timeout=3)
        texts = [CATASTROPHIC, "a", CATASTROPHIC, "b", *"aaaa"]
        return await asyncio.gather(*(check.judge(Candidate(prompt, text), [slow], 0, BENCH) for text in texts))

    found = [verdict.failure or verdict.scores[0].value for verdict in asyncio.run(together())]
    assert found == ["crashed", 1, "crashed", 0, 1, 1, 1, 1]


def running(folder: Path) -> subprocess.Popen[bytes]:
    """A run that judges degenerate responses by a pattern that never ends."""
    rubric = {
        "name": "r",
        "criteria": [
            {"name": "evil", "kind": "check", "function": "matches", "options": {"pattern": "(a+)+$"}, "timeout": 600},
            {"name": "sentences", "kind": "check", "function": "within", "options": {"unit": "sentences"}},
        ],
    }
    (folder / "r.yaml").write_text(json.dumps(rubric))
    lines = [{"prompt": f"Report {n}?", "answer": [CATASTROPHIC + "x" * n, "." * 100_000 + str(n)]} for n in range(20)]
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, lines)))
    pipeline = {
        "name": "p",
        "out": str(folder / "out"),
        "judges": {"j": {"rubric": "r.yaml"}},
        "judge": {"by": ["j"]},
        "collect": {"sources": [{"path": "answers.jsonl", "columns": {"prompt": "prompt", "responses": "answer"}}]},
        "pair": {"strategy": "best_vs_worst"},
    }
    (folder / "p.yaml").write_text(json.dumps(pipeline))
    return subprocess.Popen(
        [sys.executable, "-m", "rlaif", "run", "p.yaml"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONPATH": str(root())},
    )


@pytest.mark.slow
def test_a_signal_ends_a_run_whose_checks_never_end_and_what_was_judged_is_kept(tmp_path: Path) -> None:
    process = running(tmp_path)
    try:
        deadline = time.monotonic() + 120
        while b"judge" not in (line := process.stdout.readline()):  # type: ignore[union-attr]
            assert line, "it ended before it judged"
            assert time.monotonic() < deadline
        time.sleep(3)
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=25)[0]
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM, said
    assert time.monotonic() - start < 25
    with Store(tmp_path / "out/store.duckdb", read_only=True) as store:
        failures = store.rows("SELECT count(*) AS n FROM scores WHERE failure IS NOT NULL")
        kept = store.rows("SELECT count(*) AS n FROM scores WHERE value IS NOT NULL")
    assert failures[0]["n"] == 0, "a check that was stopped is pending, not failed"
    assert kept[0]["n"] > 0
