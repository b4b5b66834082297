"""Import TRL, always through this module: telemetry is off, and duplicate messages and progress bars are suppressed."""

import gc
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rlaif.core.errors import InputError

# Messages that the libraries log at every step: about sampled answers without a reward, with the whole prompt, and about
# tied weights, which a checkpoint stores once. rlaif counts the former and ties the latter.
_EXPECTED = (
    "All reward functions returned None",
    "There were missing keys in the checkpoint model loaded: ['lm_head.weight'].",
)
_LOGGERS = ("trl.trainer.grpo_trainer", "trl.trainer.rloo_trainer", "transformers.trainer")


def trl_class(name: str) -> Any:
    """Return a class of TRL by name (`experimental.MODULE.NAME` for an experimental one), with telemetry turned off."""
    from importlib import import_module
    from importlib.util import find_spec

    if find_spec("trl") is None:
        raise InputError("training needs TRL, which is not installed", fix="Install it: pip install 'rlaif[train]'")
    # huggingface_hub reads the variable on import, and may have been imported already.
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import huggingface_hub.constants

    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    module, _, plain = name.rpartition(".")
    if module:
        # The notice that the module may change is for users who import it themselves.
        os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
    with _uncollected():
        return getattr(import_module(f"trl.{module}".rstrip(".")), plain)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Turn the garbage collector off; during the import it would scan all of PyTorch again and again, for a second."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _is_news(record: logging.LogRecord) -> bool:
    return not any(message in record.getMessage() for message in _EXPECTED)


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the libraries' progress bars and messages for which rlaif has better ones."""
    import datasets
    from transformers.utils import logging as bars

    shown = datasets.is_progress_bar_enabled(), bars.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    bars.disable_progress_bar()
    before = os.environ.get("TQDM_DISABLE")
    os.environ["TQDM_DISABLE"] = "1"
    # At every checkpoint, it warns that file times are equal; checkpoints are then ordered by their numbers anyway.
    clock = logging.getLogger("transformers.trainer_utils")
    level = clock.level
    clock.setLevel(logging.ERROR)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_news)
    try:
        yield
    finally:
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(_is_news)
        clock.setLevel(level)
        os.environ.pop("TQDM_DISABLE")
        os.environ.update({} if before is None else {"TQDM_DISABLE": before})
        if shown[0]:
            datasets.enable_progress_bars()
        if shown[1]:
            bars.enable_progress_bar()
