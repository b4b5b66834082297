"""Signals to a real process: the first lets what is in flight come in, the second cancels it, the third leaves at once."""

import asyncio
import json
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rlaif.core.types import fraction, key
from rlaif.store.store import Store
from tests.support.checkpoints import save_random
from tests.support.processes import PROMPT_END, written
from tests.support.scripted_pipeline import go, project
from tests.support.servers import Reply, Request, Server, chat, serve

CRITERIA = ("helpfulness", "faithfulness", "completeness")
SIGNALS = pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
HANGS = 60.0


@dataclass
class Answers:
    """The same ask has the same answer, `hang` seconds later, but for the first ones that come `at_once`."""

    hang: float = 0.0
    at_once: int = 0

    def __call__(self, request: Request) -> Reply:
        self.at_once, early = max(self.at_once - 1, 0), self.at_once > 0
        return self.answer(request, 0.0 if early else self.hang)

    def answer(self, request: Request, hang: float) -> Reply:
        said = key("answer", json.dumps(request.body["messages"]))
        if "response_format" not in request.body:
            return chat(*(f"Answer {said[:6]} {place}." for place in range(request.body.get("n", 1))), hang=hang)
        score = {"rationale": "so it says", "score": 1 + int(fraction(said, "score") * 5)}
        asked = request.body["response_format"]["json_schema"]["schema"]["properties"]
        together = {name: score for name in CRITERIA if name in asked}
        return chat(json.dumps(together or score), hang=hang)


@dataclass(frozen=True)
class Ended:
    code: int
    said: str
    seconds: float


def pipeline(folder: Path, server: Server, out: str) -> list[str]:
    file = folder / "loop.yaml" if (folder / "loop.yaml").exists() else project(folder, prompts=12)
    served = f"{{kind: openai, model: m, base_url: {server.base_url}, concurrency: 4}}"
    sets = [f"out={folder / out}", f"models.writer={served}", f"models.first={served}", "judges.a.logprobs=false"]
    return ["run", str(file), "--quiet", *(part for each in sets for part in ("--set", each))]


@asynccontextmanager
async def started(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def stopped(process: asyncio.subprocess.Process, *signs: signal.Signals) -> Ended:
    began = time.monotonic()
    for sign in signs:
        process.send_signal(sign)
        await asyncio.sleep(0.5)
        if process.returncode is not None:
            break
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return Ended(process.returncode, said.decode(), time.monotonic() - began)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving_a_whole_run(folder: Path) -> AsyncIterator[tuple[Server, Answers, int]]:
    """A server that a run in `whole` has used, its answers, and how many requests that run sent."""
    answers = Answers()
    async with serve([answers]) as server:
        await finished(*pipeline(folder, server, "whole"))
        yield server, answers, len(server.chats)


async def finished(*arguments: str) -> None:
    async with started("-m", "rlaif", *arguments) as process:
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()


def again(said: str) -> list[str]:
    """The command that a stopped run tells."""
    return shlex.split(said[said.rindex("rlaif run") :])[1:]


def pairs(folder: Path, out: str) -> bytes:
    return (folder / out / "pairs/preference/train.jsonl").read_bytes()


@pytest.mark.fault("P2")
def test_the_first_signal_starts_nothing_keeps_open_replies_and_prints_how_to_continue(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving_a_whole_run(tmp_path) as (server, answers, whole):
            answers.hang = 0.7
            async with started("-m", "rlaif", *pipeline(tmp_path, server, "stopped")) as process:
                await until(lambda: len(server.chats) > whole + 4 and server.in_flight >= 4)
                begun = len(server.chats)
                ended = await stopped(process, signal.SIGTERM)
            assert ended.code == 143
            # What waits in the model for a place is not sent; one answer may have come in before the signal.
            assert len(server.chats) - begun <= 1
            assert len(server.chats) < 2 * whole
            assert server.in_flight == 0
            assert kept(tmp_path, "stopped") == counted(tmp_path, "stopped") == len(server.chats) - whole
            answers.hang = 0.0
            await finished(*again(ended.said))
            assert len(server.chats) == 2 * whole
        assert pairs(tmp_path, "stopped") == pairs(tmp_path, "whole")

    asyncio.run(run())


def kept(folder: Path, out: str) -> int:
    """Requests whose answer the store has: one for all samples of a prompt, one a verdict."""
    query = "SELECT (SELECT count(DISTINCT prompt) FROM responses) + (SELECT count(*) FROM verdicts) AS n"
    with Store(folder / out / "store.duckdb", read_only=True) as store:
        return int(store.rows(query)[0]["n"])


def counted(folder: Path, out: str) -> int:
    """Calls of all stages, by their own account."""
    with Store(folder / out / "store.duckdb", read_only=True) as store:
        return int(store.rows("SELECT sum(calls) AS n FROM stage_runs")[0]["n"])


@pytest.mark.fault("P2")
def test_the_second_signal_waits_for_nothing_and_keeps_what_is_finished(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving_a_whole_run(tmp_path) as (server, answers, whole):
            answers.hang, answers.at_once = HANGS, 6
            async with started("-m", "rlaif", *pipeline(tmp_path, server, "stopped")) as process:
                # Four at a time: with ten asked, the first six have come in.
                await until(lambda: len(server.chats) - whole >= 10 and server.in_flight >= 4)
                ended = await stopped(process, signal.SIGINT, signal.SIGINT)
            assert ended.code == 130
            assert ended.seconds < PROMPT_END
            assert kept(tmp_path, "stopped") == 6
            lost = len(server.chats) - whole - 6
            answers.hang = 0.0
            await finished(*again(ended.said))
            assert len(server.chats) == 2 * whole + lost
        assert pairs(tmp_path, "stopped") == pairs(tmp_path, "whole")

    asyncio.run(run())


STUBBORN = """
import asyncio
from rlaif.core import event_loop as loop
from rlaif.core.signals import STOP

async def never() -> None:
    with STOP.on_stop(lambda: None):
        print("begun", file=__import__("sys").stderr, flush=True)
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass

STOP.listen()
loop.run(never())
"""


@pytest.mark.fault("P2")
@SIGNALS
def test_the_third_signal_ends_the_process_at_once(sign: signal.Signals) -> None:
    async def run() -> Ended:
        async with started("-c", STUBBORN) as process:
            assert process.stderr
            await process.stderr.readline()
            return await stopped(process, sign, sign, sign)

    ended = asyncio.run(run())
    assert ended.code == 128 + sign
    assert ended.seconds < PROMPT_END


STOPPED = """
import os, signal
from rlaif.core.signals import STOP

STOP.listen()
try:
    os.kill(os.getpid(), signal.SIGTERM)
except KeyboardInterrupt:
    STOP.finish()
os.kill(os.getpid(), signal.SIGINT)
"""


def test_a_signal_after_the_stop_does_not_change_the_exit_code() -> None:
    async def run() -> int | None:
        async with started("-c", STOPPED) as process:
            return await process.wait()

    assert asyncio.run(run()) == 128 + signal.SIGTERM


TERMINAL = """
import os, signal, sys
terminal = os.open(sys.argv.pop(1), os.O_RDWR)  # of a process that leads its session, so it is hung up with it
for output in (0, 1, 2):
    os.dup2(terminal, output)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may themselves run under nohup
from rlaif.cli import main
main()
"""


@pytest.mark.fault("P2")
def test_a_closed_terminal_stops_a_run_like_any_first_signal(tmp_path: Path) -> None:
    async def run() -> None:
        async with serve([Answers(hang=0.7)]) as server:
            ours, theirs = os.openpty()
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                TERMINAL,
                os.ttyname(theirs),
                *pipeline(tmp_path, server, "stopped"),
                start_new_session=True,
            )
            await until(lambda: server.in_flight >= 4)
            os.close(theirs)
            os.close(ours)
            assert await asyncio.wait_for(process.wait(), PROMPT_END) == 128 + signal.SIGHUP
            assert kept(tmp_path, "stopped") == len(server.chats)

    asyncio.run(run())


IMPATIENT = "import sys; from rlaif.cli import app; from rlaif.core.signals import STOP; STOP.listen(0.5); app()"


@pytest.mark.fault("P2")
def test_requests_that_exceed_the_grace_period_are_cancelled(tmp_path: Path) -> None:
    async def run() -> None:
        async with serve([Answers(hang=HANGS)]) as server:
            async with started("-c", IMPATIENT, *pipeline(tmp_path, server, "stopped")) as process:
                await until(lambda: server.in_flight >= 4)
                ended = await stopped(process, signal.SIGTERM)
            assert ended.code == 143
            assert 0.5 <= ended.seconds < PROMPT_END
            assert kept(tmp_path, "stopped") == 0

    asyncio.run(run())


SYNCHRONOUS = """
import sys, time
from rlaif.core.signals import STOP

STOP.listen()
try:
    print("begun", file=sys.stderr, flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(STOP.exit_code)
"""


@pytest.mark.fault("P2")
@SIGNALS
def test_work_without_open_requests_ends_at_the_first_signal(sign: signal.Signals) -> None:
    async def run() -> Ended:
        async with started("-c", SYNCHRONOUS) as process:
            assert process.stderr
            await process.stderr.readline()
            return await stopped(process, sign)

    ended = asyncio.run(run())
    assert ended.code == 128 + sign
    assert ended.seconds < PROMPT_END


def in_this_process(folder: Path, out: str) -> list[str]:
    # In double precision a sample does not depend on which others share its batch.
    writer = f"models.writer={{kind: transformers, path: {folder / 'checkpoint'}, batch: 2, dtype: float64}}"
    return [writer, "generate.max_tokens=60", f"out={folder / out}"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a pipeline with a model in this process, and of a whole run of it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    save_random(folder / "checkpoint", context=400)
    go(project(folder, prompts=24), *in_this_process(folder, "whole"))
    return folder


@pytest.mark.slow
@pytest.mark.fault("P2")
def test_a_model_in_this_process_stops_as_well_and_the_pairs_stay_the_same(undisturbed: Path) -> None:
    folder, out = undisturbed, "stopped"
    sets = in_this_process(folder, out)
    command = ["run", str(folder / "loop.yaml"), "--quiet", *(part for each in sets for part in ("--set", each))]

    async def run() -> Ended:
        async with started("-m", "rlaif", *command) as process:
            await until(lambda: written(folder / out / "store.duckdb") > 20_000)
            return await stopped(process, signal.SIGINT, signal.SIGINT)

    ended = asyncio.run(run())
    assert ended.code == 130
    assert ended.seconds < PROMPT_END
    assert kept(folder, out) > 0
    assert go(folder / "loop.yaml", *sets)["generate"] > 0
    assert pairs(folder, out) == pairs(folder, "whole")


# Far longer than the test waits; DuckDB itself looks for signals only now and then.
ENDLESS = "SELECT count(*) FROM range(1000000) AS a, range(1000000) AS b WHERE md5(a.range::VARCHAR) < md5(b.range::VARCHAR)"

HELD_UP = """
import sys
from pathlib import Path
from rlaif.core import event_loop as loop
from rlaif.core.signals import STOP
from rlaif.store.store import Store

STOP.listen(float(sys.argv[3]))
store = Store(Path(sys.argv[1]) / "store.duckdb")
store.append("meta", [{"name": "kept", "value": "yes"}])

async def inline():
    with STOP.on_stop(lambda: None):
        print("begun", file=sys.stderr, flush=True)
        store.rows(QUERY)

def query():
    with store.transaction():
        store.append("meta", [{"name": "lost", "value": "yes"}])
        print("begun", file=sys.stderr, flush=True)
        store.rows(QUERY)

def cursor():
    print("begun", file=sys.stderr, flush=True)
    store.write(QUERY, Path(sys.argv[1]) / "x.parquet", "FORMAT parquet")

def numbers():
    import numpy
    print("begun", file=sys.stderr, flush=True)
    numpy.linalg.eigvals(numpy.random.default_rng(0).random((4000, 4000)))

WAYS = {"in a loop": lambda: loop.run(inline()), "in a transaction": query, "as a file": cursor, "in numpy": numbers}
try:
    WAYS[sys.argv[2]]()
except BaseException as error:
    if not STOP.caused(error):
        raise
    sys.exit(STOP.exit_code)
"""
# By where the main thread is: the seconds within which the process must end, with a grace period of one second.
BLOCKED = {"in a transaction": 6.0, "as a file": 6.0, "in a loop": 15.0, "in numpy": 15.0}


@pytest.mark.parametrize("way", BLOCKED)
def test_a_signal_ends_a_process_whose_main_thread_is_busy_and_leaves_a_clean_store(tmp_path: Path, way: str) -> None:
    script = HELD_UP.replace("QUERY", repr(ENDLESS))

    async def run() -> Ended:
        async with started("-c", script, str(tmp_path), way, "1" if way == "in numpy" else "20") as process:
            assert process.stderr
            while (line := await process.stderr.readline()) != b"begun\n":
                assert line, "the process ended before it began"
            await asyncio.sleep(1.0)
            return await stopped(process, signal.SIGTERM)

    ended = asyncio.run(run())
    assert ended.code == 143
    assert ended.seconds < BLOCKED[way]
    with Store(tmp_path / "store.duckdb") as store:
        assert (store.meta("kept"), store.meta("lost")) == ("yes", "")


def handles_signals(pid: int) -> bool:
    """Whether a process has installed its handlers: it may still be starting."""
    caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


@SIGNALS
def test_a_signal_ends_a_query_of_the_user(tmp_path: Path, sign: signal.Signals) -> None:
    file = project(tmp_path, prompts=3)
    go(file)

    async def run() -> Ended:
        async with started("-m", "rlaif", "sql", str(file), ENDLESS) as process:
            await until(lambda: handles_signals(process.pid))
            await asyncio.sleep(2.0)
            return await stopped(process, sign)

    ended = asyncio.run(run())
    assert (ended.code, ended.said) == (128 + sign, "")
    assert ended.seconds < PROMPT_END


def test_a_signal_while_a_command_still_starts_ends_it_with_the_same_code(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=1)
    go(file)

    async def run() -> Ended:
        async with started("-m", "rlaif", "sql", str(file), ENDLESS) as process:
            await until(lambda: handles_signals(process.pid))
            return await stopped(process, signal.SIGTERM)

    ended = asyncio.run(run())
    assert (ended.code, ended.said) == (143, "")


def test_a_signal_during_the_collection_of_a_big_file_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    go(file)
    row = json.dumps({"prompt": "Sum up report {}.", "document": "Crates and crates. " * 20})
    with (tmp_path / "prompts.jsonl").open("a") as prompts:
        prompts.writelines(row.replace("{}", f"x{number}") + "\n" for number in range(40_000))

    async def run(seconds: float) -> Ended:
        async with started("-m", "rlaif", "collect", str(file)) as process:
            await until(lambda: any((tmp_path / "out").glob(".store.duckdb.work-*")))
            await asyncio.sleep(seconds)
            return await stopped(process, signal.SIGTERM)

    for seconds in (0.1, 0.5):
        ended = asyncio.run(run(seconds))
        assert (ended.code, "Traceback" in ended.said) == (143, False)
        assert ended.seconds < PROMPT_END
        with Store(tmp_path / "out/store.duckdb", read_only=True) as store:
            assert store.rows("SELECT count(*) AS n FROM prompts") == [{"n": 3}]
        assert not any((tmp_path / "out").glob(".store.duckdb.work-*"))


FORKED = """
import os, signal, time
from rlaif.core.signals import STOP

STOP.listen(0.1)
child = os.fork()
if not child:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    time.sleep(60)
    os._exit(1)
time.sleep(0.5)
os.kill(child, signal.SIGTERM)
os.waitpid(child, 0)
child = os.fork()
if not child:
    try:
        time.sleep(60)
    finally:
        os._exit(0)
time.sleep(0.5)
os.kill(child, signal.SIGTERM)
os.waitpid(child, 0)
time.sleep(1.5)
"""


def test_a_signal_to_a_forked_worker_does_not_stop_this_process() -> None:
    async def run() -> int | None:
        async with started("-c", FORKED) as process:
            return await process.wait()

    assert asyncio.run(run()) == 0
