"""Fix the variables of a checkpoint's chat template, such as `enable_thinking`, in the template itself.

Generation, judging, token counts and training all render chats with the tokenizer, so with a template that assigns the
variables first, every one of them renders the same.
"""

import json
from collections.abc import Mapping
from typing import Any

from rlaif.config import ModelConfig


def template_variables(model: ModelConfig) -> dict[str, Any]:
    """Return the model's `extra.chat_template_kwargs`; empty if there are none."""
    found: dict[str, Any] = dict(getattr(model, "extra", {}).get("chat_template_kwargs") or {})
    return found


def with_variables(template: Any, variables: Mapping[str, Any]) -> Any:
    """Return a chat template (or several by name) that assigns these variables before anything else."""
    if not variables or not template:
        return template
    if isinstance(template, dict):
        return {name: with_variables(each, variables) for name, each in template.items()}
    # The library drops the line break after a statement.
    return "".join(f"{{% set {name} = {_literal(value)} %}}\n" for name, value in variables.items()) + template


def _literal(value: Any) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)
