import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from benchmarks.prefix_cache import largest
from rlaif import pipeline
from rlaif.config import VllmModel, load
from rlaif.config.resources import root
from rlaif.core.errors import InputError, ModelError
from rlaif.models.base import ChatRequest
from rlaif.models.registry import identity, is_local
from rlaif.models.vllm.args import arguments, flags
from rlaif.models.vllm.client import Vllm
from rlaif.models.vllm.diagnosis import cause
from rlaif.models.vllm.orphans import born, clean, members, write_down
from tests.support.checkpoints import save_chain
from tests.support.paths import ROOT

STAND_IN = "tests.support.vllm_stand_in"
ASK = ChatRequest([{"role": "user", "content": "hello"}])


def config(**settings: Any) -> VllmModel:
    return VllmModel(kind="vllm", **{"path": "tiny:writer", "timeout": 5.0, "start_timeout": 20.0, **settings})


@pytest.fixture(autouse=True)
def stand_in_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@asynccontextmanager
async def stand_in(place: Path, behave: str = "", **settings: Any) -> AsyncIterator[Vllm]:
    once = place / "once"
    options = {"behave": behave, "once": str(once)} | settings.pop("options", {})
    async with Vllm(config(options=options, **settings), module=STAND_IN, place=place, pause=0.01) as model:
        yield model


def said(model: Vllm) -> "asyncio.Future[str]":
    async def one() -> str:
        return (await model.complete(ASK))[0].text

    return asyncio.ensure_future(one())


def group(place: Path) -> int:
    (note,) = place.glob("*.json")
    leader: int = json.loads(note.read_text())["group"]
    return leader


def living(leader: int) -> list[int]:
    return [pid for pid in members(leader) if born(pid)]


def soon(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    late = time.monotonic() + seconds
    while not holds() and time.monotonic() < late:
        time.sleep(0.05)
    return holds()


# -- settings and command line


def test_settings_become_flags() -> None:
    table = {"max_num_seqs": 64, "enforce_eager": True, "async-scheduling": False, "seed": None, "hf_overrides": {"a": [1]}}
    assert flags(table) == [
        "--max-num-seqs",
        "64",
        "--enforce-eager",
        "--no-async-scheduling",
        "--hf-overrides",
        '{"a": [1]}',
    ]
    assert flags({"allowed_origins": ["a", "b"]}) == ["--allowed-origins", "a", "b"]


def test_the_command_line_has_all_settings_and_an_option_has_the_last_word() -> None:
    given = config(
        tensor_parallel=2, data_parallel=3, max_model_len=99, gpu_memory=0.5, options={"generation_config": "auto"}
    )
    line = " ".join(arguments(given, "org/name", 1234))
    assert line.startswith("--model org/name --host 127.0.0.1 --port 1234 --served-model-name tiny:writer")
    for part in (
        "--tensor-parallel-size 2",
        "--data-parallel-size 3",
        "--max-model-len 99",
        "--generation-config auto",
        "--gpu-memory-utilization 0.5",
        '"disable_any_whitespace": true',
    ):
        assert part in line


@pytest.mark.parametrize(("option", "hint"), [("tensor-parallel-size", "'tensor_parallel'"), ("api_key", "rlaif itself")])
def test_options_that_have_a_separate_setting_are_refused(option: str, hint: str) -> None:
    with pytest.raises(ValidationError, match=hint):
        config(options={option: 2})


@pytest.mark.fault("P7")
def test_a_model_is_known_by_what_changes_its_answers() -> None:
    assert is_local(config())
    assert identity(config()) == identity(config(options={"enforce_eager": True}, max_model_len=64, data_parallel=4))
    assert identity(config()) != identity(config(options={"quantization": "fp8"}))
    assert identity(config()) != identity(config(path="tiny:judge"))


# -- what a log says

LOGS = [
    (
        "python: Error while finding module specification for 'vllm.x' (ModuleNotFoundError: No module named 'vllm')",
        "not installed",
        "rlaif[vllm]",
    ),
    ("ModuleNotFoundError: No module named 'torchvision'", "torchvision", "Install it"),
    ("api_server.py: error: unrecognized arguments: --max-num-sqs 4", "--max-num-sqs", "options"),
    ("vllm: error: argument --dtype: invalid choice: 'x'", "--dtype", "options"),
    (
        "OSError: org/none is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'",
        "no checkpoint",
        "path",
    ),
    ("huggingface_hub.errors.LocalEntryNotFoundError: outgoing traffic has been disabled", "cannot be reached", "Download"),
    ("401 Client Error: Cannot access gated repo for url", "denies access", "HF_TOKEN"),
    ("RuntimeError: Failed to infer device type, please set VLLM_LOGGING_LEVEL=DEBUG", "no device", "CPU build"),
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "out of memory", "max_model_len"),
    (
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`",
        "out of memory",
        "smaller",
    ),
    (
        "ValueError: Free memory on device (3.1/79.1 GiB) on startup is less than desired GPU memory utilization",
        "in use",
        "gpu_memory",
    ),
    (
        "ValueError: To serve at least one request with the models's max seq len (131072), 16.0 GiB KV cache is needed",
        "context",
        "max_model_len",
    ),
    (
        "ValueError: World size (4) is larger than the number of available GPUs (1) in this node.",
        "more GPUs",
        "tensor_parallel",
    ),
    ("ValueError: Total number of attention heads (14) must be divisible by tensor parallel size (4).", "spread", "divides"),
    ("ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0.", "data type", "float16"),
    ("Model architectures ['X'] are not supported for now.", "cannot serve", "another"),
    ("Please set the option `trust_remote_code=True` to remove this error.", "contains code", "trust_remote_code: true"),
    ("OSError: [Errno 98] Address already in use", "port", "again"),
    (
        "1 validation error for ModelConfig\n  Value error, Unknown quantization: nope [type=value_error, input_value=X]\n    For further information",
        "settings: Unknown quantization: nope",
        "allowed values",
    ),
    ("loading\nrlaif: the server ended with status -9", "memory ran out", "smaller"),
    (
        "ModuleX\n(EngineCore pid=7) ERROR 11-21 07:03:41 [core.py:1] ValueError: odd\nRuntimeError: Engine failed\n\nrlaif: the server ended with status 1",
        "ValueError: odd",
        "log",
    ),
    ("just words\nrlaif: the server ended with status 3\n", "just words", "log"),
    ("", "nothing", "log"),
]


@pytest.mark.fault("H22")
@pytest.mark.parametrize(("log", "what", "fix"), LOGS, ids=range(len(LOGS)))
def test_a_server_log_is_diagnosed_with_a_fix(log: str, what: str, fix: str) -> None:
    found = cause(log)
    assert what in found[0]
    assert fix in found[1]


# -- a server's life


def test_a_started_server_answers_uses_a_key_outside_its_command_line_and_is_ended_completely(tmp_path: Path) -> None:
    async def main() -> int:
        async with stand_in(tmp_path) as model:
            assert (await said(model)).isdecimal()
            leader = group(tmp_path)
            lines = [Path(f"/proc/{pid}/cmdline").read_text() for pid in living(leader)]
            assert len(lines) == 3
            secret = next(
                entry for entry in Path(f"/proc/{leader}/environ").read_text().split("\0") if "VLLM_API_KEY" in entry
            )
            assert not any(secret.partition("=")[2] in line for line in lines)
            return leader

    leader = asyncio.run(main())
    assert living(leader) == []
    assert not list(tmp_path.glob("*.json"))
    assert list(tmp_path.glob("*.log"))


@pytest.mark.fault("H22")
@pytest.mark.parametrize(
    ("module", "behave", "expected"),
    [
        ("vllm_of_nowhere", "", ["not installed", "rlaif\\[vllm\\]"]),
        (
            STAND_IN,
            "say torch.OutOfMemoryError: CUDA out of memory.",
            ["out of memory", "max_model_len", "Its log: .*\\.log"],
        ),
        (STAND_IN, "sleep", ["not ready within 1 s", "start_timeout", "Its log: "]),
    ],
    ids=["no vllm", "dies", "is not ready"],
)
def test_a_server_that_does_not_start_says_why_and_what_to_do(
    tmp_path: Path, module: str, behave: str, expected: list[str]
) -> None:
    async def main() -> None:
        settings = config(options={"behave": behave}, start_timeout=1.0 if behave == "sleep" else 20.0)
        async with Vllm(settings, where="p.yaml:3 models.w", module=module, place=tmp_path):
            raise AssertionError("it must not open")

    with pytest.raises(InputError, match=r"p\.yaml:3") as caught:
        asyncio.run(main())
    for part in expected:
        assert caught.match(part)
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.fault("H21")
@pytest.mark.parametrize(("behave", "timeout"), [("die", 30.0), ("hang", 1.0)])
def test_requests_in_flight_at_a_dead_or_stalled_server_move_to_the_next(
    tmp_path: Path, behave: str, timeout: float
) -> None:
    async def main() -> None:
        async with stand_in(tmp_path, behave, timeout=timeout, attempts=2) as model:
            first = group(tmp_path)
            answers = await asyncio.gather(*(said(model) for _ in range(4)))
            assert len(set(answers)) == 1
            assert living(first) == []
            assert int(answers[0]) in members(group(tmp_path))

    asyncio.run(main())
    assert len(list(tmp_path.glob("*.log"))) == 2


@pytest.mark.fault("H22")
def test_a_server_that_may_not_be_started_again_ends_the_run(tmp_path: Path) -> None:
    async def main() -> None:
        async with stand_in(tmp_path, "die", restarts=0) as model:
            with pytest.raises(ModelError, match="CUDA out of memory") as caught:
                await asyncio.gather(*(said(model) for _ in range(4)))
            assert caught.value.kind == "unreachable"
            assert caught.value.fatal

    asyncio.run(main())


OWNER = """
import asyncio, sys
from pathlib import Path
from benchmarks.prefix_cache import largest
from rlaif import pipeline as run
from rlaif.config import VllmModel, load
from rlaif.models.vllm.client import Vllm

async def main():
    config = VllmModel(kind="vllm", path="tiny:writer")
    async with Vllm(config, module="tests.support.vllm_stand_in", place=Path(sys.argv[1])):
        print("ready", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def owner(place: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(place)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.fault("H22")
def test_a_server_ends_with_its_owner_even_if_the_owner_is_killed(tmp_path: Path) -> None:
    process = owner(tmp_path)
    leader = group(tmp_path)
    assert len(living(leader)) == 3
    with process:
        process.kill()
    assert soon(lambda: living(leader) == [])
    assert clean(tmp_path) == 0
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.fault("H22")
def test_a_server_that_outlives_its_owner_is_ended_by_the_next_start(tmp_path: Path) -> None:
    process = owner(tmp_path)
    leader = group(tmp_path)
    assert clean(tmp_path) == 0  # its owner lives
    with process:
        os.kill(leader, signal.SIGSTOP)
        process.kill()
        process.wait()
        os.kill(leader, signal.SIGKILL)
    assert soon(lambda: leader not in living(leader))
    assert len(living(leader)) == 2
    assert clean(tmp_path) == 1
    assert soon(lambda: living(leader) == [])


def test_a_process_that_only_has_the_number_of_an_old_one_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as other:
        file = tmp_path / "x.json"
        write_down(file, other.pid)
        note = json.loads(file.read_text())
        note |= {"owner": [note["owner"][0], "another boot:1"], "processes": [[other.pid, "another boot:1"]]}
        file.write_text(json.dumps(note))
        assert clean(tmp_path) == 0
        assert other.poll() is None
        other.kill()


def test_half_a_note_is_forgotten_and_old_logs_are_removed(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"owner": [1')
    for name, age in (("old.log", 8), ("new.log", 6)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age * 86400,) * 2)
    assert clean(tmp_path) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["new.log"]


# -- the benchmark's own arithmetic


def test_the_largest_share_counts_whole_blocks_that_an_earlier_prompt_began_with() -> None:
    first = list(range(100))  # three blocks of 32 and a rest
    other = [*range(64), *range(900, 936)]
    assert largest([first]) == 0
    assert largest([first, other]) == 64
    assert largest([first, [7, *first]]) == 0
    assert largest([first, first[:96]]) == 64  # its last token is computed, and with it the whole last block
    assert largest([first, other, first, other]) == 64 + 96 + 96


# -- vLLM itself


@pytest.mark.vllm
@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed; `make vllm` does that")
def test_vllm_itself_serves_the_tiny_writer_and_then_the_tiny_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    requests = (root() / "pipelines/data/tiny_requests.jsonl").read_text("utf-8").splitlines()[:8]
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("\n".join([*requests, json.dumps({"prompt": "too long " * 500, "document": "none"})]), "utf-8")
    served = "{{kind: vllm, path: tiny:{0}, dtype: float32, options: {{enforce_eager: true}}}}"
    overrides = [
        f"out={tmp_path / 'out'}",
        f"collect.sources.0.path={prompts}",
        "train=null",
        "evaluate=null",
        *(f"models.{name}={served.format(name)}" for name in ("writer", "judge")),
        "judges.tiny.logprobs=true",
    ]
    with pipeline.open_run(load(root() / "pipelines/quickstart.yaml", overrides)) as (plan, context):
        pipeline.collect(context)
        pipeline.generate_and_judge(plan, context)
        responses = context.store.rows("SELECT prompt, text, failure, logprob FROM responses")
        scores = context.store.rows("SELECT value, expected, failure FROM scores")
    assert [row["failure"] for row in responses if row["failure"]] == ["context_overflow"] * 4
    written = [row for row in responses if not row["failure"]]
    assert len(written) == 32
    assert len({row["text"] for row in written}) > 8
    assert all(row["logprob"] < 0 for row in written)
    assert len(scores) == 3 * len({(row["prompt"], row["text"]) for row in written})
    assert not [row["failure"] for row in scores if row["failure"]]
    assert all(row["expected"] is not None for row in scores)
    logs = [path.read_text("utf-8") for path in (tmp_path / "rlaif" / "vllm").iterdir()]
    assert [log.rstrip().rpartition("\n")[2] for log in logs] == ["rlaif: the server ended with status 0"] * 2


@pytest.mark.vllm
@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed; `make vllm` does that")
@pytest.mark.parametrize(("parser", "thinking"), [(None, True), ("qwen3", True), ("qwen3", False)])
def test_vllm_itself_serves_a_model_whose_template_has_a_thinking_switch(
    parser: str | None, thinking: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    options = {"enforce_eager": True} | ({"reasoning_parser": parser} if parser else {})
    model = {"kind": "vllm", "path": str(save_chain(tmp_path / "chain")), "dtype": "float32", "options": options}
    if not thinking:
        model["extra"] = {"chat_template_kwargs": {"enable_thinking": False}}
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "the first"}\n', "utf-8")
    settings = {
        "name": "thinking",
        "collect": {"sources": [{"path": "prompts.jsonl"}]},
        "models": {"chain": model},
        "generate": {"model": "chain", "samples": 2, "temperature": 0.0, "max_tokens": 20},
    }
    (tmp_path / "thinking.yaml").write_text(json.dumps(settings), "utf-8")
    with pipeline.open_run(load(tmp_path / "thinking.yaml")) as (plan, context):
        pipeline.collect(context)
        pipeline.generate(plan, context)
        # vLLM's decoder leaves a space before the first word.
        found = context.store.rows("SELECT DISTINCT trim(text) AS text, reasoning, failure, finish FROM responses")
    reasoning = "first therefore" if thinking else None
    assert found == [{"text": "the answer", "reasoning": reasoning, "failure": None, "finish": "stop"}]
