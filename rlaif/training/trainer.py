"""One training: rows in, a checkpoint folder out, all at once; a killed one continues from its last checkpoint."""

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
from rlaif.core.progress import Tally
from rlaif.training.checkpoints import first, newest, save, share_tied, sync, together
from rlaif.training.formats import Row, as_they_are
from rlaif.training.lora import adapter
from rlaif.training.methods import METHODS, configure
from rlaif.training.monitoring import displaced, unrewarded, watch
from rlaif.training.preflight import Checked, check, doubts, explain
from rlaif.training.trl_loader import quiet

# The file in a trained folder that says what was trained how, with the log.
RECORD = "training.json"
# Sums over the whole run that the trainer appends to its log; not metrics of a step.
TOTALS = ("step", "epoch", "total_flos", "num_tokens")


# What TRL asks for rewards: lists of prompts and completions and the rows' other columns; None for what has none.
Score = Callable[..., list[float | None]]


@dataclass(frozen=True)
class TrainingData:
    """What is trained on: pairs (or prompts, for methods that sample), and what some methods need besides.

    `imitated` are rows of `prompt` and `completion`, `score` gives rewards, `sampling` says how answers are sampled, and
    `reference` is the model (its path loadable) that the loss compares with, the base where None. `refused` are rows that
    were left out already, by kind, and `notes` say where the first of them stand.
    """

    rows: Sequence[Row]
    imitated: Sequence[Row] = ()
    score: Score | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    reference: TransformersModel | None = None
    refused: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def read(self, method: str) -> list[Row]:
        """The rows as the method reads them."""
        imitates = method == "sft" and self.imitated
        return as_they_are(self.imitated) if imitates else METHODS[method].rows(self.rows)

    def beside(self, method: str) -> list[Row]:
        """The answers that the method imitates beside its rows."""
        return as_they_are(self.imitated) if method == "dpo_sft" else []


def fit(
    section: Train, base: TransformersModel, lesson: TrainingData, folder: Path, file: YamlFile, tally: Tally,
    note: Callable[[str], None],
) -> None:  # fmt: skip
    """Trains `base` (whose path is loadable); `folder` appears when it is whole.

    Until then everything is in `folder.partial`. `note` is told what the pre-flight refuses and what looks wrong. Several
    processes may call this together (accelerate). Raises InputError for options that TRL refuses, where no row is left to
    train on, and for a loss that is no longer a number.
    """
    partial = folder.with_name(folder.name + ".partial")
    arguments = configure(section, base, partial / "checkpoints", file, lesson.sampling)
    warnings: list[str] = []

    def warn(line: str) -> None:
        warnings.append(line)
        note(line)

    with quiet():
        shape, tokenizer = _load(base)
        inspect = _inspection(section, lesson, arguments, shape, tokenizer)
        checked, beside = (
            inspect(lesson.read(section.method), keep=METHODS[section.method].tokenised),
            inspect(lesson.beside(section.method)),
        )
        refused = dict(sum(map(Counter, (lesson.refused, checked.refused, beside.refused)), Counter[str]()))
        if not checked.rows or (section.method == "dpo_sft" and not beside.rows):
            raise InputError("none of the rows can be trained on", fix=explain(refused), where=file.where(("train",)))
        if refused:
            note(explain(refused))
        for line in doubts(checked, arguments):
            warn(line)
        callback = watch(section, arguments, tally, file, warn)
        rows = [row | ids for row, ids in zip(checked.rows, checked.read, strict=True)] if checked.read else checked.rows
        data, fitting = _data(rows, partial, arguments), replace(lesson, imitated=beside.rows)
        trainer = _trainer(section, base, fitting, data, arguments, tokenizer, callback, file)
        # All that is loaded by now stays until the end: the collector need not look at it again and again.
        gc.freeze()
        try:
            trainer.train(resume_from_checkpoint=newest(partial / "checkpoints"))
        except ValueError as error:
            # TRL reads some options only when the first loss is computed.
            raise InputError(f"TRL refuses this: {error}", where=file.where(("train", "options"))) from error
        finally:
            gc.unfreeze()
        save(trainer, shape, partial / "final")
    log = _log(trainer.state.log_history)
    for line in displaced(log, getattr(arguments, "beta", 0.0)) if section.method in REFERRING else ():
        warn(line)
    for line in unrewarded(log):
        warn(line)
    if first():
        record = {"rows": len(checked.rows), "refused": refused, "warnings": warnings, "log": log}
        (partial / "final" / RECORD).write_text(json.dumps(record), encoding="utf-8")
        sync(partial / "final")
        (partial / "final").rename(folder)
        shutil.rmtree(partial)
    together()


def _load(base: TransformersModel) -> tuple[Any, Any]:
    """The checkpoint's own configuration, and its tokenizer."""
    from transformers import AutoConfig, AutoTokenizer

    options = {"revision": base.revision, "trust_remote_code": base.trust_remote_code}
    try:
        tokenizer = AutoTokenizer.from_pretrained(base.path, **options)
        shape = AutoConfig.from_pretrained(base.path, **options)
    except Exception as error:  # a checkpoint can be wrong in as many ways as there are libraries that read it
        raise InputError(f"the model to train cannot be loaded: {error}", where=base.path) from error
    if tokenizer.chat_template is None:
        raise InputError("the model to train has no chat template", where=base.path, fix="Train a chat model.")
    if tokenizer.eos_token_id is None:
        raise InputError("the model's tokenizer has no end token, so no answer would ever end", where=base.path,
                         fix="Set eos_token in its tokenizer_config.json.")  # fmt: skip
    # The pre-flight counts what is too long; a warning about the first of them says less.
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    return shape, tokenizer


def _inspection(section: Train, lesson: TrainingData, arguments: Any, shape: Any, tokenizer: Any) -> Callable[..., Checked]:
    """The pre-flight for this model and method; TRL's `max_length` is set to what rows are held against."""
    text = shape.get_text_config()
    # Unless told otherwise, what fits the model's context is trained on.
    bound = section.options.get("max_length") or getattr(text, "max_position_embeddings", None)
    if hasattr(arguments, "max_length"):
        arguments.max_length = bound
    room = arguments.max_completion_length if lesson.score else 0
    stop = text.eos_token_id
    ends = {tokenizer.eos_token_id, *(stop if isinstance(stop, list) else [stop])}
    length = bound and bound - room
    return applied(check, tokenizer=tokenizer, length=length, embeddings=text.vocab_size, ends=ends)


def _data(rows: Sequence[Row], partial: Path, arguments: Any) -> Any:
    """The rows as a data set; one on the disk where several processes train, for what one computes of it is read by all."""
    from datasets import Dataset, load_from_disk

    data = Dataset.from_list(list(rows))
    if arguments.world_size == 1:
        return data
    shared = partial / "rows"
    with arguments.main_process_first():
        if first():
            shutil.rmtree(shared, ignore_errors=True)
            data.save_to_disk(str(shared))
        return load_from_disk(str(shared))


def _trainer(
    section: Train, base: TransformersModel, lesson: TrainingData, data: Any, arguments: Any, tokenizer: Any, callback: Any,
    file: YamlFile,
) -> Any:  # fmt: skip
    from transformers import PrinterCallback

    try:
        trainer = METHODS[section.method].trainer()(
            model=base.path, args=arguments, train_dataset=data, processing_class=tokenizer, callbacks=[callback],
            **_special(section, lesson, file),
        )  # fmt: skip
    except ValueError as error:
        raise InputError(f"TRL refuses this: {error}", where=file.where(("train", "options"))) from error
    trainer.remove_callback(PrinterCallback)
    share_tied(trainer.model)
    return trainer


def _special(section: Train, lesson: TrainingData, file: YamlFile) -> dict[str, Any]:
    """What a trainer is given because of its method and settings."""
    from transformers import AutoModelForCausalLM

    found: dict[str, Any] = {}
    if lesson.score:
        found["reward_funcs"] = [lesson.score]
    if section.method == "dpo_sft":
        found |= {"imitated": lesson.imitated, "joint": section.joint, "share": section.share}
    if lesson.reference:
        found["ref_model"] = AutoModelForCausalLM.from_pretrained(
            lesson.reference.path, revision=lesson.reference.revision, use_safetensors=True,
            trust_remote_code=lesson.reference.trust_remote_code,
        )  # fmt: skip
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
