"""open-instruct: DPO on `chosen` and `rejected`, two whole conversations that differ in the last message."""

from collections.abc import Mapping
from pathlib import Path

from rlaif.data.export.targets.target import Row, Target, without_tools

SCRIPT = """\
# Arguments for open-instruct's DPO; add the model and the training settings.
python open_instruct/dpo.py \\
    --mixer_list {train} 1.0 \\
    --mixer_list_splits train \\
    --transform_fn preference_tulu_tokenize_and_truncate_v1 preference_tulu_filter_v1
"""


def _row(row: Row) -> Row:
    return without_tools(row, "open-instruct's DPO")


def _config(files: Mapping[str, Path]) -> Mapping[str, str]:
    import shlex

    return {"open_instruct.sh": SCRIPT.format(train=shlex.quote(str(files["train"])))}


TARGET = Target("reward", "jsonl", _row, _config)
