"""Faults of the machine and of the data: a full disk, a second process, odd text, changed rows, units that always fail."""

import ast
import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rlaif import pipeline as run
from rlaif.config import load
from rlaif.context.run import ATTEMPTS
from rlaif.core.errors import InputError
from tests.support.displays import RecordedNotes
from tests.support.paths import ROOT
from tests.support.scripted_pipeline import add, go, project, rows
from tests.support.servers import Reply, Request, chat, error, serve

PACKAGE = ROOT / "rlaif"
ROOM = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)\n"
RUN = "from rlaif.cli import main; main()"


def exported(file: Path) -> list[str]:
    # Not `splitlines`: text may hold what that takes for the end of a line, and JSONL does not.
    return sorted((file.parent / "out/pairs/preference/train.jsonl").read_text(encoding="utf-8").split("\n")[:-1])


def requests(file: Path) -> list[str]:
    found = rows(file, "SELECT messages FROM current_prompts ORDER BY position")
    return [json.loads(row["messages"])[-1]["content"] for row in found]


@pytest.mark.slow
@pytest.mark.fault("P3")
@pytest.mark.parametrize("room", [600_000, 900_000])
def test_a_full_disk_ends_the_run_with_advice_and_loses_no_stored_result(tmp_path: Path, room: int) -> None:
    (tmp_path / "whole").mkdir()
    whole = project(tmp_path / "whole", prompts=200)
    go(whole)
    file = project(tmp_path / "full", prompts=200)
    command = [sys.executable, "-c", ROOM + RUN, str(room), "run", str(file), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 7, done.stderr
    assert "Traceback" not in done.stderr
    assert "Free some space" in done.stderr
    go(file)
    assert exported(file) == exported(whole)


@pytest.mark.fault("P4")
def test_a_lock_does_not_outlive_its_process(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    holding = f"""
import sys
from pathlib import Path
from rlaif.store.store import Store
with Store(Path({str(tmp_path / "out/store.duckdb")!r})):
    print("held", flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        process.kill()
    assert go(file) == {}


# Nobody decides anything by these: the name of a file set aside, the age of old logs, and a date that a server gave.
WALL_CLOCK = {
    "context/run.py",
    "store/connection.py",
    "models/vllm/orphans.py",
    "models/openai/errors.py",
    "models/openai/probe.py",
}


@pytest.mark.fault("P5")
def test_the_wall_clock_is_read_for_records_alone() -> None:
    readers = set()
    for path in PACKAGE.rglob("*.py"):
        names = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        if names & {"time.time", "time.gmtime", "time.localtime", "datetime.now", "datetime.utcnow", "datetime.today"}:
            readers.add(str(path.relative_to(PACKAGE)))
    assert readers == WALL_CLOCK


@pytest.mark.fault("P5")
def test_runs_of_the_same_second_have_names_of_their_own(tmp_path: Path) -> None:
    file = project(tmp_path)
    for _ in range(3):
        go(file)
    assert rows(file, "SELECT count(*) AS n, count(DISTINCT key) AS keys FROM runs") == [{"n": 3, "keys": 3}]


@pytest.mark.fault("P8")
def test_reordered_rows_make_nothing_pending_and_an_edited_row_only_itself(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    before = exported(file)
    data = tmp_path / "prompts.jsonl"
    lines = data.read_text().splitlines()
    data.write_text("\n".join(reversed(lines)) + "\n")
    assert go(file) == {}
    assert exported(file) == before
    data.write_text("\n".join([*lines[1:], lines[0].replace("report 0", "report null")]) + "\n")
    assert go(file)["generate"] == 1


@pytest.mark.fault("P9")
@pytest.mark.parametrize(
    ("fault", "tries"), [(error(500, "never"), ATTEMPTS), (error(400, "not this"), 1)], ids=["transient", "terminal"]
)
def test_a_failing_unit_is_tried_a_bounded_number_of_times_over_all_runs_and_counted(
    tmp_path: Path, fault: Reply, tries: int
) -> None:
    def answer(request: Request) -> Reply:
        poisoned = "report 3." in json.dumps(request.body["messages"])
        return fault if poisoned else chat("fine", "well", "good")

    async def run() -> int:
        async with serve([answer]) as server:
            writer = f"models.writer={{kind: openai, model: m, base_url: {server.base_url}, attempts: 1}}"
            for _ in range(5):
                await asyncio.to_thread(go, file, writer)
            return sum("report 3." in json.dumps(request.body["messages"]) for request in server.chats)

    file = project(tmp_path, prompts=5)
    assert asyncio.run(run()) == tries
    failed = rows(file, "SELECT count(*) AS n FROM outcomes WHERE response IS NULL AND outcome = 'no response'")
    assert failed[0]["n"] >= 1


# Each must be in the pairs as it was given, but for what no file can hold.
ODD = {
    "NUL": "a\x00b",
    "byte order mark": "\ufeffabc",
    "line separator": "a\u2028b\u2029c",
    "right to left": "a\u202eb\u202c",
    "joiner": "\U0001f469\u200d\U0001f4bb",
    "four bytes": "\U00010348",
    "composed": "caf\u00e9 1",
    "decomposed": "cafe\u0301 2",
    "markup": "</script><b>",
    "escape": "\x1b[31mred",
    "next line": "a\x85b",
}


@pytest.mark.fault("P11")
def test_odd_text_comes_through_unchanged_and_half_a_character_becomes_a_mark(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=0)
    given = [f"Sum up {text} number {place}." for place, text in enumerate(ODD.values())]
    broken = "Sum up \ud800 now."
    lines = [json.dumps({"prompt": text, "document": text}) for text in [*given, broken]]
    (tmp_path / "prompts.jsonl").write_text("\n".join(lines) + "\n")
    go(file)
    *whole, mended = requests(file)
    assert whole == given
    assert "\ufffd" in mended
    assert go(file) == {}
    written = [json.loads(line) for line in exported(file)]
    assert written
    assert all(any(text in row["prompt"][-1]["content"] for text in [*given, mended]) for row in written)


@pytest.mark.fault("P12")
def test_an_empty_source_is_reported_and_a_single_row_or_duplicate_is_fine(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=0)
    (tmp_path / "prompts.jsonl").touch()
    with pytest.raises(InputError, match="the sources hold no prompts"):
        go(file)
    add(tmp_path, range(1))
    assert go(file)["generate"] == 1
    add(tmp_path, range(1))
    assert go(file) == {}
    shutil.rmtree(tmp_path / "out")
    assert go(file, "generate.samples=1")["generate"] == 1
    outcomes = rows(file, "SELECT outcome FROM outcomes WHERE response IS NULL")
    assert outcomes == [{"outcome": "fewer than two scored answers"}]


@pytest.mark.fault("P12")
def test_a_prompt_of_a_megabyte_goes_through(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=1)
    row = {"prompt": "Sum it up.", "document": "Crates came. " * 80_000}
    (tmp_path / "prompts.jsonl").write_text(json.dumps(row) + "\n")
    go(file)
    assert len(rows(file, "SELECT document FROM prompts")[0]["document"]) > 1_000_000
    assert rows(file, "SELECT count(*) AS n FROM responses WHERE failure IS NULL") == [{"n": 3}]


def generated(file: Path, said: RecordedNotes, *overrides: str) -> None:
    with run.open_run(load(file, overrides), said) as (plan, context):
        run.collect(context)
        run.generate(plan, context)


@pytest.mark.fault("H14")
def test_samples_that_are_all_the_same_make_no_pair_and_are_judged_once(tmp_path: Path) -> None:
    async def run() -> int:
        async with serve([chat("same", "same", "same")]) as server:
            writer = f"models.writer={{kind: openai, model: m, base_url: {server.base_url}}}"
            await asyncio.to_thread(generated, file, said, writer)
            return (await asyncio.to_thread(go, file, writer))["judge a"]

    file, said = project(tmp_path, prompts=4), RecordedNotes()
    # One call for each of three criteria, and not for each of the three samples.
    assert asyncio.run(run()) == 4 * 3
    found = rows(file, "SELECT outcome, count(*) AS n FROM outcomes WHERE response IS NULL GROUP BY outcome")
    assert found == [{"outcome": "fewer than two scored answers", "n": 4}]
    assert rows(file, "SELECT count(*) AS n FROM outcomes WHERE outcome = 'same text as another'")[0]["n"] >= 8
    assert "all samples of 4 of 4 prompts are identical, so these prompts make no pair. Does the server" in " ".join(
        said.lines
    )


@pytest.mark.fault("P16")
def test_no_process_is_forked() -> None:
    for path in PACKAGE.rglob("*.py"):
        calls = [ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        started = [call for call in calls if call.startswith(("os.fork", "multiprocessing.", "ProcessPoolExecutor"))]
        assert all("spawn" in call for call in started), path
