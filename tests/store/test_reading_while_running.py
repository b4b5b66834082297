"""Readers and a process that writes do not disturb each other: both are real processes."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rlaif.store.latest import LatestStore
from rlaif.store.snapshot import copy_files
from rlaif.store.store import Store
from tests.support.command_line import rlaif
from tests.support.scripted_pipeline import go, project, rows

# Commits pairs of rows that belong together until it is stopped, with a checkpoint now and then.
WRITER = """
import sys, threading
from pathlib import Path
from rlaif.store.store import Store
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
with Store(Path(sys.argv[1])) as store:
    number = 0
    while not stop.wait(0.002):
        keys = [str(number + more) for more in range(64)]
        with store.transaction():
            store.append("scores", [{"verdict": key, "value": 1, "rationale": key * 99} for key in keys])
            store.append("verdicts", [{"key": key, "raw": key * 99} for key in keys])
        number += 64
        if number % 1280 == 0:
            store.run("CHECKPOINT store")
        if number == 64 * 5:
            print("writing", flush=True)
"""
WHOLE = """SELECT (SELECT count(*) FROM scores) AS scores, (SELECT count(*) FROM verdicts) AS verdicts,
    (SELECT count(*) FROM scores JOIN verdicts ON key = verdict AND raw = scores.rationale) AS both"""


@contextmanager
def writing(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes to the store until the end of this context."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "writing\n"
        yield process
        if process.poll() is None:
            process.communicate("stop\n")


def left(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if ".work-" in file.name)


def test_readers_see_whole_transactions_in_order_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    seen = 0
    with writing(path) as process:
        for private in [False, True] * 4:
            with Store(path, read_only=not private, private=private) as store:
                counts = store.rows(WHOLE)[0]
            assert counts["scores"] == counts["verdicts"] == counts["both"] >= max(seen, 1)
            seen = counts["scores"]
        assert process.poll() is None
    assert process.returncode == 0
    with Store(path) as store:
        assert store.rows(WHOLE)[0]["both"] > seen, "the process wrote on, undisturbed"
    assert left(tmp_path) == []


def test_an_open_reader_does_not_block_writers(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with Store(path) as store:
        store.append("extra_samples", [{"prompt": "a"}])
    with Store(path, read_only=True) as reader, Store(path, private=True) as private:
        private.append("extra_samples", [{"prompt": "mine"}])
        with writing(path):
            for open_store, count in ((reader, 1), (private, 2)):
                assert open_store.rows("SELECT count(*) AS n FROM extra_samples")[0]["n"] == count
                assert open_store.rows("SELECT count(*) AS n FROM scores")[0]["n"] == 0
            with private.folder() as folder:
                assert folder.exists(), "the run that started has not removed the reader's folder"
    with Store(path) as store:
        assert store.rows("FROM extra_samples")[0]["prompt"] == "a"
    assert left(tmp_path) == []


def test_the_latest_store_is_renewed_after_a_commit_and_at_most_as_often_as_its_share_allows(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with Store(path) as writer, LatestStore(path) as latest, LatestStore(path, share=1e-6) as seldom:
        for number in range(1, 4):
            # The same process reads and writes, and keeps its lock on the store.
            writer.append("extra_samples", [{"prompt": str(number)}])
            with latest.open() as store, latest.open() as again, seldom.open() as old:
                assert store is again
                assert len(store.rows("FROM extra_samples")) == number
                assert len(old.rows("FROM extra_samples")) == 1
                writer.append("extra_samples", [{"prompt": "later"}])
                assert len(store.rows("FROM extra_samples")) == number
            writer.run("DELETE FROM extra_samples WHERE prompt = 'later'")
        code = f"from pathlib import Path; from rlaif.store.store import Store; Store(Path({str(path)!r}))"
        second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "in use by process" in second.stderr
    assert left(tmp_path) == []


def test_a_store_is_read_after_its_writer_or_a_reader_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with writing(path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    reading = """
import os, signal, sys
from pathlib import Path
from rlaif.store.store import Store
store = Store(Path(sys.argv[1]), private=True)
with store.folder():
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", reading, str(path)], check=False).returncode == -signal.SIGKILL
    assert left(tmp_path)
    with Store(path, read_only=True) as store:
        counts = store.rows(WHOLE)[0]
        assert counts["scores"] == counts["verdicts"] == counts["both"] >= 64
    with Store(path) as store:
        assert store.rows(WHOLE)[0] == counts
    assert left(tmp_path) == [], "the next run has cleaned up"


def test_a_log_is_read_wherever_a_copy_has_cut_it(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with Store(path) as writer:
        for number in range(4):
            writer.append("extra_samples", [{"prompt": f"{number}"}])
        kept = tmp_path / "kept"
        kept.mkdir()
        copy_files(path, kept)
    log = kept / "store.duckdb.wal"
    whole, seen = log.read_bytes(), 0
    for size in range(0, len(whole), len(whole) // 10):
        log.write_bytes(whole[:size])
        with Store(kept / "store.duckdb", read_only=True) as store:
            found = [row["prompt"] for row in store.rows("FROM extra_samples")]
        assert found == [str(number) for number in range(len(found))]
        assert len(found) >= seen
        seen = len(found)
    log.write_bytes(whole)
    with Store(kept / "store.duckdb", read_only=True) as store:
        assert len(store.rows("FROM extra_samples")) == 4


# `plan` and `audit` use the store itself if no other process does.
READING = [
    ["status"],
    ["sql", "FROM responses_readable"],
    ["explain", "PROMPT"],
    ["report", "--quiet"],
    ["export", "OUT", "--set", "pair.min_margin=0"],
    ["pairs diff", "--b", "pair.min_margin=20"],
    ["plan"],
    ["agree", "a", "b"],
    ["audit", "--stored"],
]


@pytest.mark.slow
def test_commands_that_read_work_during_a_run_and_change_nothing(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    go(file, "judge.by=[b]", "pair=null")
    path = tmp_path / "out/store.duckdb"
    prompt = json.loads(rlaif("sql", str(file), "SELECT key FROM current_prompts LIMIT 1", "--json").stdout)[0]["key"]
    names = {"OUT": str(tmp_path / "exported"), "PROMPT": prompt}
    pairings = rows(file, "FROM pairings")
    with writing(path):
        for verb, *rest in READING:
            done = rlaif(*verb.split(), str(file), *(names.get(word, word) for word in rest))
            assert done.returncode == 0, f"{verb}: {done.stderr}"
        done = rlaif("run", str(file))
        assert done.returncode == 5
        assert "in use by process" in done.stderr
    assert list((tmp_path / "exported").rglob("*.parquet"))
    assert rows(file, "FROM pairings") == pairings, "pairs that an export needed were not stored"
    assert left(tmp_path / "out") == []
