"""Checks of local models: does the checkpoint exist, and what is its context length?"""

import json
from pathlib import Path
from typing import Any

from rlaif.config import ModelConfig
from rlaif.core.errors import InputError
from rlaif.doctor.check import Check, fail, ok, warn
from rlaif.models.local.checkpoint import locate
from rlaif.models.registry import identity


def examine(name: str, model: ModelConfig, where: str) -> tuple[list[Check], int | None]:
    """Return the findings, and the context length in tokens if it is known."""
    path = getattr(model, "path", None)
    if path is None:
        return [ok(f"model {name}", f"{model.kind}: always available")], None
    try:
        folder = locate(path, where=where)
        _ = identity(model, where=where)
    except InputError as error:
        return [fail(f"model {name}", f"{where}: {error.what}", error.fix, of_model=True)], None
    limit = getattr(model, "max_model_len", None)
    if isinstance(folder, str):
        return [warn(f"model {name}", f"{path} is a Hub name; it is downloaded on first use")], limit
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = config["model_type"]
    except (ValueError, KeyError) as error:
        fix = "Use a folder that `save_pretrained` wrote."
        return [fail(f"model {name}", f"{folder / 'config.json'} cannot be used: {error}", fix, of_model=True)], None
    return [*_template(name, folder), ok(f"model {name}", f"{kind} at {path}")], limit or _context(config)


def _context(config: dict[str, Any]) -> int | None:
    text: dict[str, Any] = config.get("text_config") or config
    limit = text.get("max_position_embeddings")
    return limit if isinstance(limit, int) else None


def _template(name: str, folder: Path) -> list[Check]:
    settings = folder / "tokenizer_config.json"
    has = (folder / "chat_template.jinja").exists() or (settings.exists() and "chat_template" in settings.read_text("utf-8"))
    fix = "Use the instruct variant of the model, or add chat_template.jinja to its folder."
    return [] if has else [fail(f"model {name}", "the checkpoint has no chat template", fix, of_model=True)]
