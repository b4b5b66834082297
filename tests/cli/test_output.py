import io
import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from rlaif.cli.output import print_json, render_pairing, table, terminal
from rlaif.config import Gate
from rlaif.core.console import SafeConsole
from rlaif.core.progress import Tally
from rlaif.core.statistics import Estimate
from rlaif.evaluation.audit import MEASURES, Audit, Finding, Findings
from rlaif.evaluation.audit.render import render
from rlaif.pairs.pairing import Pairing


def test_brackets_in_names_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    terminal().print(table("by [/b]", [{"[/i]": "[bold]a", "n": 1_000}]))
    shown = capsys.readouterr().out
    for part in ("by [/b]", "[/i]", "[bold]a", "1,000"):
        assert part in shown, part


def test_the_last_lines_name_the_judge_that_makes_the_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    render_pairing(Pairing("key", "j", 1_200, {"paired": 1_200}, "[a], b (median)", "best_vs_worst"), terminal())
    assert capsys.readouterr().out.startswith("1,200 pairs by [a], b (median), best_vs_worst\n")


@dataclass(frozen=True)
class Found:
    where: Path
    parts: list["Found"]


def test_findings_are_json_at_any_depth(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"found": Found(Path("a"), [Found(Path("b"), [])])})
    assert json.loads(capsys.readouterr().out) == {"found": {"where": "a", "parts": [{"where": "b", "parts": []}]}}


def test_the_line_of_progress_has_the_loss_and_the_time_left() -> None:
    tally = Tally("train", 100, done=40)
    tally.latest["loss"] = 0.65432
    # Loading the model took 1,000 s, and 40 steps took 400 s.
    tally.started, tally.begun = time.monotonic() - 1_400, time.monotonic() - 400
    assert tally.line() == "train: 40 of 100, loss 0.6543, 10.0 s each, 10 min 00 s left"


def test_an_audit_fits_80_columns_with_the_gates_names_and_a_verdict() -> None:
    figures = [Finding(measure, Estimate(0.25, 12_345, (0.125, 0.375))) for measure in MEASURES]
    audit = Audit("oracle", [Findings(name, figures) for name in ("first", "second")])
    page = io.StringIO()
    gate = Gate.model_validate({"least": {"accuracy": 0.75}})
    render(audit, SafeConsole(file=page, width=80), gate)
    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    for measure in MEASURES:
        assert sum(line.startswith(f"│{measure} ") for line in lines) == 2, measure
    text = " ".join(page.getvalue().split())
    assert "Verdict: better than always preferring the longer response (25.0 % [12.5, 37.5] n 12,345)" in text
    assert "it misses the gate: accuracy is 25.0 % [12.5, 37.5] n 12,345, and the least is 0.75." in text
