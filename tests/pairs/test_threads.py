"""The same scores give the same pairs to the byte, whatever the number of threads and of parts."""

from pathlib import Path

import pytest

from rlaif.data.export import export
from rlaif.pairs.rule import load_rule
from rlaif.pairs.strategy import BY_PROMPT
from rlaif.store.store import Store
from tests.support.stores import GENERATOR, JUDGE, context, criteria, fill, make_pairs

RANGES = {"help": (1.0, 5.0), "faith": (1.0, 5.0)}
# Few values, so that ties abound.
TABLE = {
    f"p{i}": [
        {"text": f"answer {i}.{j} " + "x" * (i * j % 7), "help": 1 + (i + j) % 3, "faith": 1 + i * j % 2} for j in range(5)
    ]
    for i in range(300)
}


@pytest.mark.parametrize("strategy", ["best_vs_worst", "best_vs_two_sigma", "length_penalised", "pareto"])
def test_pairs_are_the_same_to_the_byte_with_one_thread_and_two(strategy: str, tmp_path: Path) -> None:
    files = []
    for run, threads in enumerate([1, 2, 2]):
        folder = tmp_path / str(run)
        with Store(folder / "store.duckdb") as store:
            store.run(f"SET threads = {threads}")
            fill(store, TABLE)
            store.run("UPDATE scores SET spread = value / 3")
            section = {"strategy": strategy}
            made = make_pairs(context(store, folder, pair=section), JUDGE, [GENERATOR], criteria(RANGES, {"help": 0.7}))
            done = export(store, made.key, folder, held_out=0.1, formats=["parquet"])
        files.append([(path.name, path.read_bytes()) for path in sorted(done.folder.glob("*.parquet"))])
    assert made.pairs > 100
    assert files[0] == files[1] == files[2]


def test_strategies_by_prompt_make_the_same_pairs_in_parts(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, TABLE)
        for strategy in sorted(BY_PROMPT):
            options = {"criterion": "help"} if strategy == "one_criterion" else {}
            run = context(store, tmp_path, pair={"strategy": strategy, "options": options})
            make_pairs(run, JUDGE, [GENERATOR], criteria(RANGES))
            found = store.rows("FROM made ORDER BY ALL")
            load_rule(run.config).strategy.make(store, {"threshold": 0, "per_prompt": 1}, at_once=100)
            assert store.rows("FROM made ORDER BY ALL") == found, strategy
            assert store.rows("SELECT count(*) AS n FROM candidates") == store.rows(
                "SELECT count(*) AS n FROM all_candidates"
            )
            assert len(found) > 50, strategy
