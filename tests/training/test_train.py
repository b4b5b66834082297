import json
import logging
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rlaif.config import Train
from rlaif.config.yaml import YamlFile
from rlaif.core.errors import InputError
from rlaif.core.types import Message
from rlaif.pipeline.stages import train
from rlaif.store.store import Store
from rlaif.training.formats import demonstrations
from rlaif.training.kept_checkpoints import find, spaced
from rlaif.training.lora import adapter
from rlaif.training.preflight import check
from tests.support.checkpoints import save_random
from tests.support.displays import RecordedNotes
from tests.support.paths import ROOT
from tests.support.training import TEMPLATE, append_pair, opened, prepare

ONE_STEP = "{max_steps: 1, per_device_train_batch_size: 4}"
STEEP = "{learning_rate: 1e-3, num_train_epochs: 4, per_device_train_batch_size: 4}"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("small"), context=128, template=TEMPLATE)


def trained(pipeline: Path) -> tuple[train.Training, dict[str, list[float]]]:
    """The training, and its log by metric."""
    with opened(pipeline) as context:
        training = train.run(context)
        assert training is not None
        rows = context.store.rows("SELECT metric, list(value ORDER BY step) AS v FROM training_log GROUP BY metric")
    return training, {row["metric"]: row["v"] for row in rows}


def weights(training: train.Training) -> bytes:
    return (training.path / "model.safetensors").read_bytes()


def test_dpo_starts_at_ln_2_and_learns_to_prefer_the_chosen_side(checkpoint: Path, tmp_path: Path) -> None:
    training, log = trained(prepare(tmp_path, checkpoint, options=STEEP))
    assert log["loss"][0] == pytest.approx(math.log(2), abs=1e-5)
    assert log["rewards/margins"][0] == pytest.approx(0, abs=1e-4)
    assert log["loss"][-1] < 0.6
    assert log["rewards/margins"][-1] > 0.1
    assert (training.rows, training.refused) == (9, {})


def test_sft_learns_the_chosen_side(checkpoint: Path, tmp_path: Path) -> None:
    training, log = trained(prepare(tmp_path, checkpoint, method="sft", options=STEEP))
    assert training.method == "sft"
    assert log["loss"][-1] < log["loss"][0] - 0.2


def test_the_trained_folder_is_a_plain_checkpoint_like_its_base(checkpoint: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = tmp_path / "base"
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(base)
    AutoModelForCausalLM.from_pretrained(checkpoint, dtype="bfloat16").save_pretrained(base)
    training, _ = trained(prepare(tmp_path, base, options=STEEP))
    model = AutoModelForCausalLM.from_pretrained(training.path)
    assert AutoTokenizer.from_pretrained(training.path).chat_template
    assert (str(model.dtype), model.config.use_cache) == ("torch.bfloat16", True)
    assert weights(training) != (base / "model.safetensors").read_bytes()
    assert not list(training.path.glob("*.bin"))
    assert [path.name for path in training.path.parent.iterdir()] == [training.key]


def test_a_finished_training_is_found_again_without_torch(checkpoint: Path, tmp_path: Path) -> None:
    first, _ = trained(prepare(tmp_path, checkpoint))
    program = (
        "import sys; from pathlib import Path; from tests.support.training import opened; from rlaif.pipeline.stages import train\n"
        f"with opened(Path({str(tmp_path / 'trial.yaml')!r})) as context: print(train.run(context).key)\n"
        "assert not {'torch', 'trl', 'transformers'} & set(sys.modules)"
    )
    again = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert again.stdout.strip() == first.key
    with Store(tmp_path / "out" / "store.duckdb", read_only=True) as store:
        assert [row["path"] for row in store.rows("FROM trainings")] == [f"models/{first.key}"]


def test_pairs_that_a_trainer_refuses_are_reported_before_training(checkpoint: Path, tmp_path: Path) -> None:
    pipeline = prepare(tmp_path, checkpoint)
    notes = RecordedNotes()

    with Store(tmp_path / "out" / "store.duckdb") as store:
        append_pair(store, 13, "say much", "yes" * 99, "no")
    with opened(pipeline, notes) as context:
        training = train.run(context)
    assert training is not None
    assert (training.rows, training.refused) == (9, {"over_length": 1})
    assert notes.lines[0].startswith("1 rows refused as over_length")


def test_a_training_is_found_once_it_is_finished(checkpoint: Path, tmp_path: Path) -> None:
    pipeline = prepare(tmp_path, checkpoint)
    with opened(pipeline) as context:
        assert train.find(context) is None
        made = train.run(context)
        assert train.find(context) == train.find(context, "P") == made
        assert train.find(context, "another pairing") is None


def test_a_finished_training_that_was_not_recorded_is_recorded_later(checkpoint: Path, tmp_path: Path) -> None:
    first, log = trained(prepare(tmp_path / "first", checkpoint))
    pipeline = prepare(tmp_path / "second", checkpoint)
    shutil.copytree(first.path, tmp_path / "second" / "out" / "models" / first.key)
    second, log_again = trained(pipeline)
    assert (second.key, log_again) == (first.key, log)
    with Store(tmp_path / "second" / "out" / "store.duckdb", read_only=True) as store:
        assert store.rows("FROM stage_runs") == []


@pytest.mark.fault("P15")
def test_a_new_option_or_pair_gives_another_training_key(checkpoint: Path, tmp_path: Path) -> None:
    pipeline = prepare(tmp_path, checkpoint, options=ONE_STEP)
    first, _ = trained(pipeline)
    plain = pipeline.read_text()
    pipeline.write_text(plain.replace("options: {", "options: {beta: 0.2, "))
    with opened(pipeline) as context:
        assert train.find(context) is None
    pipeline.write_text(plain)
    with opened(pipeline) as context:
        assert train.find(context) == first
        append_pair(context.store, 13, "say more", "yes", "no")
        assert train.find(context) is None


def test_a_held_out_prompt_is_kept_out_of_the_answers_to_imitate_too(checkpoint: Path, tmp_path: Path) -> None:
    pipeline = prepare(tmp_path, checkpoint, method="sft", options=ONE_STEP, pairs=1)
    asked = ("say 0", "please say 0", "say 9")
    rows = [json.dumps({"prompt": prompt, "completion": "yes"}) for prompt in asked]
    (tmp_path / "data.jsonl").write_text("\n".join(rows))
    pipeline.write_text(pipeline.read_text().replace("method: sft", "method: sft\n  data: data.jsonl"))
    training, _ = trained(pipeline)
    assert (training.rows, training.refused) == (1, {"held_out": 2})


def test_training_reads_what_the_generator_was_shown_and_no_held_out_prompt(checkpoint: Path, tmp_path: Path) -> None:
    with opened(prepare(tmp_path, checkpoint)) as context:
        rows = context.store.query("pipeline/sql/train/pairs", pairing="P", held_out=2500)
    assert [row["chosen"] for row in rows] == [f"yes {index}" for index in range(12) if index % 4]
    assert json.loads(rows[0]["messages"]) == [{"role": "user", "content": "please say 1"}]


@pytest.mark.parametrize("peft", ["", "\n  peft: {r: 2, target_modules: all-linear}"], ids=["all weights", "lora"])
def test_a_kept_checkpoint_is_the_model_of_a_training_that_stopped_there(
    peft: str, checkpoint: Path, tmp_path: Path
) -> None:
    options = "{learning_rate: 1e-3, lr_scheduler_type: constant, per_device_train_batch_size: 4, max_steps: %d}" + peft
    kept, _ = trained(prepare(tmp_path / "kept", checkpoint, options=options % 3 + "\n  checkpoints: 3"))
    whole, _ = trained(prepare(tmp_path / "whole", checkpoint, options=options % 3))
    short, _ = trained(prepare(tmp_path / "short", checkpoint, options=options % 2))
    assert weights(kept) == weights(whole)
    assert kept.key != whole.key
    found = dict(find(kept.path))
    assert list(found) == [1, 2]
    for name in ("model.safetensors", "config.json", "tokenizer_config.json"):
        assert (found[2] / name).read_bytes() == (short.path / name).read_bytes()
    assert {path.name for path in found[2].iterdir()} == {path.name for path in short.path.iterdir()} - {"training.json"}


@pytest.mark.parametrize(
    ("total", "count", "steps"), [(20, 4, [5, 10, 15, 20]), (10, 3, [4, 7, 10]), (2, 5, [1, 2]), (1, 2, [1])]
)
def test_checkpoints_are_evenly_spaced_and_end_with_the_last_step(total: int, count: int, steps: list[int]) -> None:
    assert spaced(total, count) == steps


@pytest.fixture
def called_home() -> Iterator[tuple[str, list[str]]]:
    """A stand-in for the hub: its address, and the paths that were asked of it."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_GET = do_POST = do_HEAD  # noqa: N815 (names that http.server calls)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.slow
@pytest.mark.fault("P1", "P15")
def test_a_killed_training_ends_in_the_same_weights_and_sends_no_telemetry(
    tmp_path: Path, called_home: tuple[str, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    address, asked = called_home
    checkpoint = save_random(tmp_path / "tied", context=128, template=TEMPLATE, tied=True)
    # Otherwise there is none in the first minute.
    options = STEEP.replace("{", "{save_steps: 1, ") + "\n  checkpoints: 4"
    whole, log = trained(prepare(tmp_path / "whole", checkpoint, options=options))
    pipeline = prepare(tmp_path / "killed", checkpoint, options=options)
    environment = {**os.environ, "HF_ENDPOINT": address, "CI": ""}
    command = [sys.executable, "-m", "tests.support.training", str(pipeline.parent), "8"]
    child = subprocess.run(command, env=environment, cwd=ROOT, check=False)
    assert child.returncode == -signal.SIGKILL
    models = tmp_path / "killed" / "out" / "models"
    assert [path.name for path in models.iterdir()] == [f"{whole.key}.partial"]
    steps_before = max(int(path.parent.name.rpartition("-")[2]) for path in models.glob("*/*/*/complete"))
    library = logging.getLogger("transformers.trainer")
    library.addHandler(caplog.handler)
    resumed, log_resumed = trained(pipeline)
    library.removeHandler(caplog.handler)
    assert "missing keys" not in caplog.text
    with Store(tmp_path / "killed" / "out" / "store.duckdb", read_only=True) as store:
        done = store.rows("SELECT done FROM stage_runs WHERE stage = 'train'")
    assert done == [{"done": len(log["loss"]) - steps_before}]
    assert weights(resumed) == weights(whole)
    assert log_resumed["loss"] == log["loss"]
    kept = [{step: (path / "model.safetensors").read_bytes() for step, path in find(each.path)} for each in (resumed, whole)]
    assert len(kept[0]) == 3
    assert kept[0] == kept[1]
    assert asked == []


@pytest.mark.fault("P15")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "{lerning_rate: 1e-6}",
            r"trial.yaml:10 train.options.lerning_rate: DPOConfig has no option 'lerning_rate'\n"
            "Did you mean 'learning_rate'",
        ),
        ("{seed: 4}", "train.seed"),
        ("{sync_ref_model: true}", "checkpoints lack the moving reference"),
        ("{learning_rate: fast}", "must be like 1e-06, not 'fast'"),
        ("{loss_type: [sigmoid, sft], loss_weights: [1]}", "DPOConfig refuses this"),
        ("{loss_type: [sigmod]}", "Unknown loss type: sigmod"),
        ("{max_length: 8}", "9 rows refused as over_length"),
        ("{learning_rate: 1e30}", "became nan at step"),
    ],
)
def test_an_option_that_cannot_work_is_refused_with_its_line(
    checkpoint: Path, tmp_path: Path, options: str, message: str
) -> None:
    with opened(prepare(tmp_path, checkpoint, options=options)) as context, pytest.raises(InputError, match=message):
        train.run(context)


def test_an_adapter_that_peft_refuses_is_reported_with_its_line() -> None:
    file = YamlFile(Path("x.yaml"), {}, {("train", "peft"): 7})
    with pytest.raises(
        InputError, match=r"x\.yaml:7 train\.peft: LoraConfig refuses this: .*loftq_config.*\n.*options of PEFT"
    ):
        adapter(Train(peft={"init_lora_weights": "loftq"}), file, reward=False)


def test_a_model_without_a_checkpoint_cannot_be_trained(checkpoint: Path, tmp_path: Path) -> None:
    pipeline = prepare(tmp_path, checkpoint)
    pipeline.write_text(pipeline.read_text().replace("generate: {model: small}", "generate: {model: fake}"))
    with opened(pipeline) as context, pytest.raises(InputError, match="kind 'scripted' cannot be trained"):
        train.run(context)


def test_no_pairs_is_an_error_that_says_where_to_look(checkpoint: Path, tmp_path: Path) -> None:
    with opened(prepare(tmp_path, checkpoint, pairs=0)) as context, pytest.raises(InputError, match="no pairs"):
        train.run(context)


def test_a_pipeline_without_training_trains_nothing(checkpoint: Path, tmp_path: Path) -> None:
    pipeline = prepare(tmp_path, checkpoint)
    text = pipeline.read_text()
    pipeline.write_text(text[: text.index("\ntrain:") + 1] + text[text.index("\nout:") + 1 :])
    with opened(pipeline) as context, pytest.raises(InputError, match="nothing to train"):
        train.run(context)


class Letters:
    """A tokenizer of letters, whose template can be told to misbehave."""

    def __init__(self, mark: str = ">", strip: bool = False) -> None:
        self.mark, self.strip = mark, strip

    def apply_chat_template(
        self, messages: list[Message], *, return_dict: bool, add_generation_prompt: bool = False
    ) -> dict[str, list[int]]:
        texts = [m["content"].strip() if self.strip else m["content"] for m in messages]
        text = texts[0] + (self.mark if add_generation_prompt else ">") + "".join(texts[1:])
        return {"input_ids": [ord(letter) for letter in text]}


def row(prompt: str, **sides: str) -> dict[str, list[Message]]:
    user: Message = {"role": "user", "content": prompt}
    return {"prompt": [user]} | {name: [{"role": "assistant", "content": text}] for name, text in sides.items()}


@pytest.mark.fault("P15")
@pytest.mark.parametrize(
    ("tokenizer", "length", "sides", "refused"),
    [
        (Letters(), 8, {"chosen": "yes", "rejected": "no"}, {}),
        (Letters(), 6, {"chosen": "yes", "rejected": "no"}, {"over_length": 1}),
        (Letters(), None, {"chosen": "yes" * 99, "rejected": "no"}, {}),
        (Letters(strip=True), 8, {"chosen": "yes", "rejected": "yes "}, {"equal_sides": 1}),
        (Letters(mark="?"), 8, {"chosen": "yes", "rejected": "no"}, {"prefix_mismatch": 1}),
        (Letters(), 8, {"completion": "yes"}, {}),
        (Letters(), 6, {"completion": "yes"}, {"over_length": 1}),
        (Letters(), 8, {"completion": "yés"}, {"unknown_token": 1}),
    ],
)
def test_the_preflight_refuses_by_kind(
    tokenizer: Letters, length: int | None, sides: dict[str, str], refused: dict[str, int]
) -> None:
    checked = check([row("say", **sides)], tokenizer, length, embeddings=128)
    assert checked.refused == refused
    assert len(checked.rows) == 1 - sum(refused.values())


def test_sft_shows_an_answer_once_however_many_pairs_it_won() -> None:
    rows = [row("a", chosen="x", rejected="y"), row("a", chosen="x", rejected="z"), row("b", chosen="x", rejected="y")]
    assert demonstrations(rows) == [row("a", completion="x"), row("b", completion="x")]
