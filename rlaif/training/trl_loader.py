"""The one door to TRL: nothing calls home, and nothing is told twice."""

import gc
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rlaif.core.errors import InputError

# What they tell of a sampled answer without a reward, with the whole prompt, at every step, and of tied weights, which are
# not in a checkpoint twice. We count the one, and tie the other.
_TOLD = ("All reward functions returned None", "There were missing keys in the checkpoint model loaded: ['lm_head.weight'].")
_TELLERS = ("trl.trainer.grpo_trainer", "trl.trainer.rloo_trainer", "transformers.trainer")


def trl_class(name: str) -> Any:
    """A class of TRL by name (`experimental.MODULE.NAME` for one of those), its calls home turned off before they start."""
    from importlib import import_module
    from importlib.util import find_spec

    if find_spec("trl") is None:
        raise InputError("training needs TRL, which is not installed", fix="Install it: pip install 'rlaif[train]'")
    # Read when huggingface_hub is imported, which something else may have done already.
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import huggingface_hub.constants

    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    module, _, plain = name.rpartition(".")
    if module:
        # Its notice that the module may change is for those who chose it; which of them are used is in README.
        os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
    with _uncollected():
        return getattr(import_module(f"trl.{module}".rstrip(".")), plain)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which looks through all of PyTorch again and again while it is imported: a second."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _is_news(record: logging.LogRecord) -> bool:
    return not any(told in record.getMessage() for told in _TOLD)


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps off the screen the libraries' progress bars, for our own is there, and what they tell that we tell better."""
    import datasets
    from transformers.utils import logging as bars

    shown = datasets.is_progress_bar_enabled(), bars.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    bars.disable_progress_bar()
    before = os.environ.get("TQDM_DISABLE")
    os.environ["TQDM_DISABLE"] = "1"
    # It tells, at every checkpoint, that file times are equal; checkpoints are told apart by their numbers then.
    clock = logging.getLogger("transformers.trainer_utils")
    level = clock.level
    clock.setLevel(logging.ERROR)
    for name in _TELLERS:
        logging.getLogger(name).addFilter(_is_news)
    try:
        yield
    finally:
        for name in _TELLERS:
            logging.getLogger(name).removeFilter(_is_news)
        clock.setLevel(level)
        os.environ.pop("TQDM_DISABLE")
        os.environ.update({} if before is None else {"TQDM_DISABLE": before})
        if shown[0]:
            datasets.enable_progress_bars()
        if shown[1]:
            bars.enable_progress_bar()
