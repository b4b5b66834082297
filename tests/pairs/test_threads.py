"""The same scores give the same pairs to the byte, whatever the number of threads and of parts."""

from pathlib import Path

import pytest

from rlaif.data.export import export
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


PAIRS = "SELECT prompt, chosen, rejected, margin, confidence FROM pairs WHERE pairing = $pairing ORDER BY rowid"


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


def test_strategies_make_the_same_pairs_in_parts(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, TABLE)
        for strategy in sorted({*BY_PROMPT, "length_penalised"}):
            options = {"criterion": "help"} if strategy == "one_criterion" else {}
            run = context(store, tmp_path, pair={"strategy": strategy, "options": options})
            found, parts = (
                store.rows(PAIRS, pairing=make_pairs(run, JUDGE, [GENERATOR], criteria(RANGES), at_once=size).key)
                for size in (10_000, 200)
            )
            assert parts == found, strategy
            assert len(found) > 50, strategy
