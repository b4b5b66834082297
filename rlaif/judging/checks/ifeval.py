"""IFEval's instructions as a check (Zhou et al. 2023, arXiv 2311.07911): which of them does a response follow?

Each prompt brings a list of instruction types and a list of their arguments. The verdicts are those of the published
definitions, except where docs/real_model.md names a difference.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError, ModelError
from rlaif.core.types import Prompt
from rlaif.judging.checks.ifeval_types import TYPES

LEVELS = ("instruction", "prompt")


def ifeval(
    prompt: Prompt,
    response: str,
    *,
    types: Sequence[str],
    arguments: Sequence[Mapping[str, Any] | None],
    loose: bool = False,
    level: str = "instruction",
) -> float:
    """Return the share of the prompt's instructions that the response follows; with `level: prompt`, 1 if it follows all.

    `types` and `arguments` come with each prompt, as IFEval's columns `instruction_id_list` and `kwargs`. With `loose`, the
    response may also follow an instruction without its first line, its last line, or its asterisks.
    """
    if level not in LEVELS:
        raise InputError(f"`level` is {level!r}", where="check ifeval", fix=f"Use {' or '.join(LEVELS)}.")
    found = followed(response, types, arguments, loose=loose)
    return float(all(found)) if level == "prompt" else sum(found) / len(found)


def followed(
    response: str, types: Sequence[str], arguments: Sequence[Mapping[str, Any] | None], *, loose: bool = False
) -> list[bool]:
    """Return for each instruction whether the response follows it. Raises ModelError if they cannot be read."""
    if isinstance(types, str) or not types or len(types) != len(arguments):
        raise ModelError("inapplicable", "the prompt needs one set of arguments per instruction type")
    texts = [text for text in (variants(response) if loose else [response]) if text.strip()]
    return [_follows(texts, name, given or {}) for name, given in zip(types, arguments, strict=True)]


def variants(response: str) -> list[str]:
    """Return the response, and what is left without its first line, its last line, both, and without asterisks."""
    lines = response.split("\n")
    cut = ["\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])]
    whole = [response, *cut]
    return [*whole, *(text.replace("*", "") for text in whole)]


def _follows(texts: Sequence[str], name: str, given: Mapping[str, Any]) -> bool:
    if name not in TYPES:
        raise ModelError("inapplicable", f"unknown instruction type {name!r}. {did_you_mean(name, TYPES)}".strip())
    # A Parquet file has a column for each argument of any type, with null where a type has no such argument.
    known = {key: value for key, value in given.items() if value is not None}
    try:
        return any(TYPES[name](text, **known) for text in texts)
    except (TypeError, AttributeError) as error:
        raise ModelError("inapplicable", f"wrong arguments of {name}: {error}") from None
