"""Run one training: rows in, a checkpoint folder out, atomically; a killed training resumes from its last checkpoint."""

import gc
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial as applied
from pathlib import Path
from typing import Any

from rlaif.config import REFERRING, Train, TransformersModel
from rlaif.config.yaml import YamlFile
from rlaif.core.errors import InputError
from rlaif.core.files import flush_all
from rlaif.core.progress import Tally
from rlaif.models.local.chat_template import template_variables, with_variables
from rlaif.training.checkpoints import first, newest, save, share_tied, together
from rlaif.training.formats import Row, as_they_are
from rlaif.training.kept_checkpoints import KEPT, complete, keep
from rlaif.training.lora import adapter
from rlaif.training.methods import METHODS, configure
from rlaif.training.monitoring import displaced, unrewarded, watch
from rlaif.training.preflight import SIDES, Checked, check, doubts, explain
from rlaif.training.trl_loader import quiet

# The file in a trained folder that records how it was trained, with the log.
RECORD = "training.json"
# Totals of the whole run that the trainer appends to its log; they are not metrics of a step.
TOTALS = ("step", "epoch", "total_flos", "num_tokens")


# A reward function of TRL: takes lists of prompts and completions and the rows' other columns; None means no reward.
Score = Callable[..., list[float | None]]


@dataclass(frozen=True)
class TrainingData:
    """The data of a training: pairs (or prompts, for methods that sample), and additional input of some methods.

    `imitated` are rows of `prompt` and `completion`, `score` gives rewards, `sampling` holds the sampling settings, and
    `reference` is the reference model of the loss (with a loadable path), the base if None. `refused` counts rows that were
    already left out, by kind, and `notes` say where the first of them are.
    """

    rows: Sequence[Row]
    imitated: Sequence[Row] = ()
    score: Score | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    reference: TransformersModel | None = None
    refused: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def read(self, method: str) -> list[Row]:
        """Return the rows in the format of the method."""
        imitates = method == "sft" and self.imitated
        return as_they_are(self.imitated) if imitates else METHODS[method].rows(self.rows)

    def beside(self, method: str) -> list[Row]:
        """Return the answers that the method imitates in addition to its rows."""
        return as_they_are(self.imitated) if method == "dpo_sft" else []


def fit(
    section: Train,
    base: TransformersModel,
    lesson: TrainingData,
    folder: Path,
    file: YamlFile,
    tally: Tally,
    note: Callable[[str], None],
) -> None:
    """Train `base`, whose path must be loadable; `folder` appears once it is complete.

    Until then everything is in `folder.partial`. `note` is called with the rows that the pre-flight check refuses and with
    warnings. Several processes may call this together (accelerate). Raises InputError for options that TRL refuses, if no
    rows remain to train on, and if the loss becomes NaN or infinite.
    """
    partial = folder.with_name(folder.name + ".partial")
    arguments = configure(section, base, partial / "checkpoints", file, lesson.sampling)
    warnings: list[str] = []

    def warn(line: str) -> None:
        warnings.append(line)
        note(line)

    with quiet():
        shape, tokenizer = _load(base)
        template = tokenizer.chat_template
        tokenizer.chat_template = with_variables(template, template_variables(base))
        inspect = _inspection(section, lesson, arguments, shape, tokenizer)
        checked, beside, refused = _inspect_rows(section, lesson, inspect, file)
        if refused:
            note(explain(refused))
        for line in doubts(checked, arguments):
            warn(line)
        callback = watch(section, arguments, tally, file, warn)
        rows = [row | ids for row, ids in zip(checked.rows, checked.read, strict=True)] if checked.read else checked.rows
        data, fitting = _data(rows, partial, arguments), replace(lesson, imitated=beside.rows)
        trainer = _trainer(section, base, fitting, data, arguments, tokenizer, callback, file)
        if section.checkpoints:
            keep(trainer, section.checkpoints, partial / KEPT)
        _run(trainer, partial, file)
        trainer.processing_class.chat_template = template
        save(trainer, shape, partial / "final")
        complete(partial / KEPT, partial / "final", base, shape.dtype or trainer.model.dtype)
    log = _log(trainer.state.log_history)
    displacement = displaced(log, getattr(arguments, "beta", 0.0), section.method) if section.method in REFERRING else []
    for line in displacement + unrewarded(log):
        warn(line)
    record = {"rows": len(checked.rows), "refused": refused, "warnings": warnings, "steps": trainer.state.global_step}
    _publish(partial, folder, record | {"log": log})


def _inspect_rows(
    section: Train, lesson: TrainingData, inspect: Callable[..., Checked], file: YamlFile
) -> tuple[Checked, Checked, dict[str, int]]:
    """Return the rows to train on, those to imitate beside them, and the number of refused rows by reason.

    Raises InputError if none remain.
    """
    checked = inspect(lesson.read(section.method), keep=METHODS[section.method].tokenised)
    beside = inspect(lesson.beside(section.method))
    refused = dict(sum(map(Counter, (lesson.refused, checked.refused, beside.refused)), Counter[str]()))
    if not checked.rows or (section.method == "dpo_sft" and not beside.rows):
        raise InputError("none of the rows can be trained on", fix=explain(refused), where=file.where(("train",)))
    return checked, beside, refused


def _run(trainer: Any, partial: Path, file: YamlFile) -> None:
    """Train from the newest checkpoint, or from the start."""
    # Everything loaded so far stays until the end, so the garbage collector need not scan it again and again.
    gc.freeze()
    try:
        trainer.train(resume_from_checkpoint=newest(partial / "checkpoints"))
    except ValueError as error:
        # TRL validates some options only when it computes the first loss.
        raise InputError(f"TRL refuses this: {error}", where=file.where(("train", "options"))) from error
    finally:
        gc.unfreeze()


def _publish(partial: Path, folder: Path, record: Mapping[str, Any]) -> None:
    """Write the record beside the trained weights and move them to their final place, in one of the processes."""
    if first():
        (partial / "final" / RECORD).write_text(json.dumps(record), encoding="utf-8")
        flush_all(partial / "final")
        (partial / "final").rename(folder)
        shutil.rmtree(partial)
    together()


def _load(base: TransformersModel) -> tuple[Any, Any]:
    """Load the checkpoint's configuration and its tokenizer."""
    from transformers import AutoConfig, AutoTokenizer

    options = {"revision": base.revision, "trust_remote_code": base.trust_remote_code}
    try:
        tokenizer = AutoTokenizer.from_pretrained(base.path, **options)
        shape = AutoConfig.from_pretrained(base.path, **options)
    except Exception as error:  # the libraries that read a checkpoint raise many kinds of errors
        raise InputError(f"the model to train cannot be loaded: {error}", where=base.path) from error
    if tokenizer.chat_template is None:
        raise InputError("the model to train has no chat template", where=base.path, fix="Train a chat model.")
    if tokenizer.eos_token_id is None:
        raise InputError(
            "the model's tokenizer has no end token, so no answer would ever end",
            where=base.path,
            fix="Set eos_token in its tokenizer_config.json.",
        )
    # The pre-flight check counts rows that are too long, which says more than a warning about the first of them.
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    return shape, tokenizer


def _inspection(section: Train, lesson: TrainingData, arguments: Any, shape: Any, tokenizer: Any) -> Callable[..., Checked]:
    """Return the pre-flight check for this model and method, and set TRL's `max_length` to the same bound."""
    text = shape.get_text_config()
    # By default, everything that fits the model's context is trained on.
    bound = section.options.get("max_length") or getattr(text, "max_position_embeddings", None)
    if hasattr(arguments, "max_length"):
        arguments.max_length = bound
    room = getattr(arguments, METHODS[section.method].length) if lesson.score else 0
    stop = text.eos_token_id
    ends = {tokenizer.eos_token_id, *(stop if isinstance(stop, list) else [stop])}
    length = bound and bound - room
    reads_tools = METHODS[section.method].reads_tools and not lesson.score
    return applied(check, tokenizer=tokenizer, length=length, embeddings=text.vocab_size, ends=ends, reads_tools=reads_tools)


def _data(rows: Sequence[Row], partial: Path, arguments: Any) -> Any:
    """Return the rows as a dataset, which is on disk if several processes train, so that they share its cached results."""
    from datasets import Dataset, load_from_disk

    # Every row needs the column, because the first row's columns are those of the dataset.
    rows = [{"tools": None, **row} for row in rows] if any("tools" in row for row in rows) else list(rows)
    data = Dataset.from_list(rows, features=_features(rows))
    if arguments.world_size == 1:
        return data
    shared = partial / "rows"
    with arguments.main_process_first():
        if first():
            shutil.rmtree(shared, ignore_errors=True)
            data.save_to_disk(str(shared))
        return load_from_disk(str(shared))


def _features(rows: Sequence[Row]) -> Any:
    """Return the types of rows with tool calls, whose arguments differ from row to row; None if rows have none.

    Otherwise Arrow would give each call the arguments of all other calls, as nulls.
    """
    from datasets import Dataset, Features, Json, List

    names = [name for name in ("prompt", *SIDES) if name in rows[0]]
    if not any(turn.keys() - {"role", "content"} for row in rows for name in names for turn in row[name]):
        return None
    others = Dataset.from_list([{name: row[name] for name in row if name not in names} for row in rows])
    return Features({**others.features, **{name: List(Json()) for name in names}})


def _trainer(
    section: Train,
    base: TransformersModel,
    lesson: TrainingData,
    data: Any,
    arguments: Any,
    tokenizer: Any,
    callback: Any,
    file: YamlFile,
) -> Any:
    from transformers import PrinterCallback

    try:
        trainer = METHODS[section.method].trainer()(
            model=base.path,
            args=arguments,
            train_dataset=data,
            processing_class=tokenizer,
            callbacks=[callback],
            **_special(section, lesson, file),
        )
    except ValueError as error:
        raise InputError(f"TRL refuses this: {error}", where=file.where(("train", "options"))) from error
    trainer.remove_callback(PrinterCallback)
    share_tied(trainer.model)
    return trainer


def _special(section: Train, lesson: TrainingData, file: YamlFile) -> dict[str, Any]:
    """Return the trainer's arguments that depend on the method and settings."""
    from transformers import AutoModelForCausalLM

    found: dict[str, Any] = {}
    if lesson.score:
        found["reward_funcs"] = [lesson.score]
    if section.method == "dpo_sft":
        found |= {"imitated": lesson.imitated, "joint": section.joint, "share": section.share}
    if lesson.reference:
        found["ref_model"] = AutoModelForCausalLM.from_pretrained(
            lesson.reference.path,
            revision=lesson.reference.revision,
            use_safetensors=True,
            trust_remote_code=lesson.reference.trust_remote_code,
        )
    if section.peft:
        found["peft_config"] = adapter(section, file, reward=section.method == "reward")
    return found


def _log(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"step": entry["step"], "metric": name, "value": float(value)}
        for entry in history
        if "loss" in entry
        for name, value in entry.items()
        if name not in TOTALS and isinstance(value, int | float)
    ]
