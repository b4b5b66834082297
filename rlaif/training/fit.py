"""One training: rows in, a checkpoint folder out, all at once; a killed one continues from its last checkpoint."""

import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif.config import Train, TransformersModel
from rlaif.errors import InputError
from rlaif.progress import Tally
from rlaif.training.adapter import adapter
from rlaif.training.methods import METHODS, configure
from rlaif.training.preflight import check, explain
from rlaif.training.rows import Row, as_they_are
from rlaif.yaml_file import YamlFile

# The file in a trained folder that says what was trained how, with the log.
RECORD = "training.json"
# The last thing written to a checkpoint: without it, the checkpoint was cut off in the writing.
COMPLETE = "complete"
# Sums over the whole run that the trainer appends to its log; not metrics of a step.
TOTALS = ("step", "epoch", "total_flos", "num_tokens")


# What TRL asks for rewards: lists of prompts and completions and the rows' other columns; None for what has none.
Score = Callable[..., list[float | None]]


@dataclass(frozen=True)
class Lesson:
    """What is trained on: pairs (or prompts, for methods that sample), and what some methods need besides.

    `imitated` are rows of `prompt` and `completion`, `score` gives rewards, `sampling` says how answers are sampled, and
    `reference` is the model (its path loadable) that the loss compares with, the base where None.
    """

    rows: Sequence[Row]
    imitated: Sequence[Row] = ()
    score: Score | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    reference: TransformersModel | None = None

    def read(self, method: str) -> list[Row]:
        """The rows as the method reads them."""
        imitates = method == "sft" and self.imitated
        return as_they_are(self.imitated) if imitates else METHODS[method].rows(self.rows)


def fit(
    section: Train, base: TransformersModel, lesson: Lesson, folder: Path, file: YamlFile, tally: Tally,
    note: Callable[[str], None],
) -> None:  # fmt: skip
    """Trains `base` (whose path is loadable); `folder` appears when it is whole.

    Until then everything is in `folder.partial`. `note` is told what the pre-flight refuses. Raises InputError for
    options that TRL refuses, where no row is left to train on, and for a loss that is no longer a number.
    """
    partial = folder.with_name(folder.name + ".partial")
    arguments = configure(section, base, partial / "checkpoints", file, lesson.sampling)
    with _quiet():
        shape, tokenizer = _load(base)
        # Unless told otherwise, what fits the model's context is trained on.
        bound = section.options.get("max_length") or getattr(shape.get_text_config(), "max_position_embeddings", None)
        room = getattr(arguments, "max_completion_length", None) or 0 if lesson.score else 0
        kept, refused = check(lesson.read(section.method), tokenizer, bound and bound - room)
        if not kept:
            raise InputError("none of the rows can be trained on", fix=explain(refused), where=file.where(("train",)))
        if refused:
            note(explain(refused))
        if hasattr(arguments, "max_length"):
            arguments.max_length = bound
        special = _special(section, lesson)
        trainer = _trainer(section, base, kept, arguments, tokenizer, special, tally, file)
        try:
            trainer.train(resume_from_checkpoint=_last_checkpoint(partial / "checkpoints"))
        except ValueError as error:
            # TRL reads some options only when the first loss is computed.
            raise InputError(f"TRL refuses this: {error}", where=file.where(("train", "options"))) from error
        _save(trainer, shape, partial / "final")
    record = {"rows": len(kept), "refused": refused, "log": _log(trainer.state.log_history)}
    (partial / "final" / RECORD).write_text(json.dumps(record), encoding="utf-8")
    _sync(partial / "final")
    (partial / "final").rename(folder)
    shutil.rmtree(partial)


def _load(base: TransformersModel) -> tuple[Any, Any]:
    """The checkpoint's own configuration, and its tokenizer."""
    from transformers import AutoConfig, AutoTokenizer

    options = {"revision": base.revision, "trust_remote_code": base.trust_remote_code}
    tokenizer = AutoTokenizer.from_pretrained(base.path, **options)
    if tokenizer.chat_template is None:
        raise InputError("the model to train has no chat template", where=base.path, fix="Train a chat model.")
    # The pre-flight counts what is too long; a warning about the first of them says less.
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    return AutoConfig.from_pretrained(base.path, **options), tokenizer


def _trainer(
    section: Train, base: TransformersModel, rows: Sequence[Row], arguments: Any, tokenizer: Any,
    special: Mapping[str, Any], tally: Tally, file: YamlFile,
) -> Any:  # fmt: skip
    from datasets import Dataset
    from transformers import PrinterCallback

    try:
        trainer = METHODS[section.method].trainer()(
            model=base.path, args=arguments, train_dataset=Dataset.from_list(list(rows)),
            processing_class=tokenizer, callbacks=[_watch(tally, file)], **special,
        )  # fmt: skip
    except ValueError as error:
        raise InputError(f"TRL refuses this: {error}", where=file.where(("train", "options"))) from error
    trainer.remove_callback(PrinterCallback)
    return trainer


def _special(section: Train, lesson: Lesson) -> dict[str, Any]:
    """What a trainer is given because of its method and settings."""
    from transformers import AutoModelForCausalLM

    found: dict[str, Any] = {}
    if lesson.score:
        found["reward_funcs"] = [lesson.score]
    if section.method == "dpo_sft":
        found |= {"imitated": lesson.imitated, "joint": section.joint, "share": section.share}
    if lesson.reference:
        found["ref_model"] = AutoModelForCausalLM.from_pretrained(lesson.reference.path, revision=lesson.reference.revision)
    if section.peft:
        found["peft_config"] = adapter(section, reward=section.method == "reward")
    return found


def _watch(tally: Tally, file: YamlFile) -> Any:
    """Counts the steps, stops at a loss that is not a number, and marks checkpoints that are whole."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            tally.owed = state.max_steps - state.global_step

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            tally.add(done=1)

        def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **rest: Any) -> None:
            for name in ("loss", "grad_norm"):
                if not math.isfinite(logs.get(name, 0.0)):
                    raise InputError(
                        f"{name} became {logs[name]} at step {state.global_step} of {state.max_steps}",
                        where=file.where(("train", "options", "learning_rate")),
                        fix="Lower options.learning_rate; with fp16, use bf16 or neither.",
                    )

        def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            _sync(checkpoint)
            (checkpoint / COMPLETE).touch()

    return Watch()


def _last_checkpoint(folder: Path) -> str | None:
    whole = [marker.parent for marker in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return str(max(whole, key=lambda path: int(path.name.rpartition("-")[2]))) if whole else None


def _log(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"step": entry["step"], "metric": name, "value": float(value)}
        for entry in history
        if "loss" in entry
        for name, value in entry.items()
        if name not in TOTALS and isinstance(value, int | float)
    ]


def _save(trainer: Any, shape: Any, folder: Path) -> None:
    """The trained model as its base came: in that precision and with a cache, which training goes without."""
    shutil.rmtree(folder, ignore_errors=True)
    if hasattr(trainer.model, "merge_and_unload"):
        trainer.model = trainer.model.merge_and_unload()
    trainer.model.to(shape.dtype or trainer.model.dtype)
    trainer.model.config.use_cache = getattr(shape, "use_cache", True)
    trainer.save_model(str(folder))
    # A pickle, which nobody should have to load.
    (folder / "training_args.bin").unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Returns when the folder's files are on the disk, so that what is named after this is never half there."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the libraries' progress bars off the screen, where our own progress is."""
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
    try:
        yield
    finally:
        clock.setLevel(level)
        os.environ.pop("TQDM_DISABLE")
        os.environ.update({} if before is None else {"TQDM_DISABLE": before})
        if shown[0]:
            datasets.enable_progress_bars()
        if shown[1]:
            bars.enable_progress_bar()
