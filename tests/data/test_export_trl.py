"""The forms load in the trainers that they are for, and train a step, without a word of warning."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from rlaif.config.resources import root
from rlaif.data.export import FORMS, export
from rlaif.store.store import Store
from tests.support.pairings import made

WRITER = root() / "rlaif/demo/writer"
TABLE: dict[str, Any] = {
    f"Write a note for the depot about report {n}.": [
        {"text": f"The driver is Ramel, {n} crates.", "help": 5},
        {"text": f"There were {n} crates.", "help": 1},
    ]
    for n in range(4)
}
# What a test adds to the configuration of a trainer.
QUICK = (
    "max_steps=1, per_device_train_batch_size=2, report_to='none', use_cpu=True, save_strategy='no', disable_tqdm=True, "
    "dataloader_pin_memory=False, bf16=False, gradient_checkpointing=False, max_length=128"
)


@pytest.mark.tiny
@pytest.mark.parametrize(
    "form", [form if form == "preference" else pytest.param(form, marks=pytest.mark.slow) for form in FORMS]
)
def test_the_program_on_the_card_trains_without_a_warning(
    form: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from transformers.utils import logging as transformers_logging

    with Store(tmp_path / "store.duckdb") as store:
        key = made(store, tmp_path, TABLE)
        store.run("UPDATE pairs SET confidence = 0.9")
        done = export(store, key, tmp_path, held_out=0, form=form, formats=["parquet"], address=str(tmp_path / form))
    (program,) = re.findall(r"```python\n(.*?)```", (done.folder / "README.md").read_text(), re.DOTALL)
    program = program.replace('output_dir="out"', f'output_dir="{tmp_path / "out"}", {QUICK}').replace("MODEL", str(WRITER))
    found: dict[str, Any] = {}
    transformers_logging.enable_propagation()
    with caplog.at_level(logging.WARNING):
        exec(compile(program, "README.md", "exec"), found)
    transformers_logging.disable_propagation()
    assert found["trainer"].state.global_step == 1
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
