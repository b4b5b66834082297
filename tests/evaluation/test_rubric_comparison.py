"""Two rubrics measured on the same pairs: figures that were worked out by hand."""

from hashlib import md5
from pathlib import Path

import pytest

from rlaif.core.types import answer_key, key
from rlaif.evaluation.audit import Audited
from rlaif.evaluation.rubric_comparison import compare_rubrics
from rlaif.store.store import Store
from tests.support.stores import GENERATOR, JUDGE, append_criteria, fill, prompt

OLD, NEW = ({name: (key("criterion", name), 1.0) for name in names} for names in (("help",), ("help", "faith")))
NAMES = [f"p{n}" for n in range(60)]
SECOND = [name for name in NAMES if md5(prompt(name).normal_key.encode()).hexdigest() >= "8"]


def test_both_rubrics_are_measured_on_the_pairs_of_the_second_part(tmp_path: Path) -> None:
    # By `help` alone, a and b tie everywhere; with `faith`, b wins on every second prompt, and one pair is not scored.
    table = {
        name: [
            {"text": "a", "help": 3, "faith": 3},
            {"text": "b", "help": 3, "faith": "malformed" if name == SECOND[0] else 3 + place % 2},
        ]
        for place, name in enumerate([*SECOND, *(name for name in NAMES if name not in SECOND)])
    }
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, table)
        append_criteria(store, {"help": (1, 5), "faith": (1, 5)})
        votes = [
            {"prompt": prompt(name).key, "judge": "gold", "criterion": "overall", "preferred": "second"} for name in NAMES
        ]
        sides = {"first": "a", "second": "b"}
        store.append(
            "comparisons",
            [vote | {side: answer_key(vote["prompt"], text) for side, text in sides.items()} for vote in votes],
        )
        found = compare_rubrics(
            store,
            Audited("critic", JUDGE, OLD),
            Audited("critic", JUDGE, NEW),
            Audited("gold", "gold", {}),
            [GENERATOR],
            ("old.yaml", "new.yaml"),
        )
    scored = len(SECOND) - 1
    wins = len(SECOND) // 2
    whole, helps, faith = found.agreements
    assert (found.pairs, found.unjudged, found.verdict) == (len(SECOND), 1, "better")
    assert whole.old and whole.new and whole.difference  # noqa: PT018
    assert (whole.old.value, whole.new.value) == (0.5, pytest.approx((scored + wins) / 2 / scored))
    assert whole.difference.value == pytest.approx(wins / 2 / scored)
    assert (found.old_ties.value, found.new_ties.value) == (1, pytest.approx(1 - wins / scored))
    assert helps.difference and helps.difference.value == 0  # noqa: PT018
    assert (faith.old, faith.difference) == (None, None)
    assert faith.new and faith.new.n == scored  # noqa: PT018
