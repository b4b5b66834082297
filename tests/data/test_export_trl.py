"""The forms load in the trainers that they are for, and train a step, without a word of warning."""

import logging
from pathlib import Path
from typing import Any

import pytest

from rlaif.config.resources import root
from rlaif.data.export import export
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
TRAINERS = {"preference": "DPO", "unpaired": "KTO", "reward": "Reward", "sft": "SFT"}


@pytest.mark.tiny
@pytest.mark.parametrize("form", TRAINERS)
def test_a_form_trains_without_a_warning(form: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import trl
    from datasets import load_dataset
    from transformers import AutoTokenizer
    from transformers.utils import logging as transformers_logging

    with Store(tmp_path / "store.duckdb") as store:
        done = export(store, made(store, tmp_path, TABLE), tmp_path, held_out=0, form=form, formats=["parquet"])
    rows = load_dataset(str(done.folder), split="train", cache_dir=str(tmp_path / "cache"))
    name = TRAINERS[form]
    options: dict[str, Any] = {
        "max_length": 128,
        "max_steps": 1,
        "per_device_train_batch_size": 2,
        "report_to": "none",
        "use_cpu": True,
        "save_strategy": "no",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "bf16": False,
        "gradient_checkpointing": False,
    }
    config = getattr(trl, f"{name}Config")(output_dir=str(tmp_path / "out"), **options)
    transformers_logging.enable_propagation()
    with caplog.at_level(logging.WARNING):
        trainer = getattr(trl, f"{name}Trainer")(
            model=str(WRITER), args=config, train_dataset=rows, processing_class=AutoTokenizer.from_pretrained(WRITER)
        )
        result = trainer.train()
    transformers_logging.disable_propagation()
    assert result.global_step == 1
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
