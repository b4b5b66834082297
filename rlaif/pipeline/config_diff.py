"""What differs from the last run of a store, in words: settings that changed, and who has to begin anew for it.

Nothing has to be chosen: what decides an answer is in its key, so that nothing of before is ever mixed with it or lost.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

from rlaif.config import Config
from rlaif.core.errors import InputError
from rlaif.pipeline.generator import generator
from rlaif.pipeline.resolve import named_judge
from rlaif.store.store import Row, Store

# Characters of a value that are shown.
SHOWN: Final = 60


def changes(config: Config, store: Store) -> list[str]:
    """Lines to show before this run is written down; none for a first run, or the same again."""
    last = store.query("pipeline/sql/config_diff/last")
    if not last:
        return []
    before, after = (_with_pair_judge(json.loads(each)) for each in (last[0]["config"], config.pipeline.model_dump_json()))
    try:
        owed = list(_owed(config, store.query("pipeline/sql/config_diff/worked")))
    except InputError:
        # Whoever needs the file that is not there will say so.
        owed = []
    # A wording that changed stands in a file of its own, and in no setting.
    return _under("Changed since the last run:", [*_differences(before, after)]) + _under("So these are owed anew:", owed)


def _with_pair_judge(pipeline: dict[str, Any]) -> dict[str, Any]:
    """The settings, with the judge that makes the pairs where none is named: the first there is, whoever that is."""
    judges = pipeline["judge"]["by"] or list(pipeline["judges"])
    if pipeline["pair"] and not pipeline["pair"]["judge"] and judges:
        first = judges if pipeline["judge"]["cascade"] else judges[0]
        return pipeline | {"pair": pipeline["pair"] | {"judge": first}}
    return pipeline


def _under(head: str, lines: Sequence[str]) -> list[str]:
    return [head, *(f"  {line}" for line in lines)] if lines else []


def _differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """One line a setting that differs, by its path; settings that are new and empty are none."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = dict.fromkeys(chain(before, after))
        for name in names:
            yield from _differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif _sections(before) and _sections(after) and len(before) == len(after):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{path}.{place}")
    elif before != after and (before or after):
        yield f"{path}: {_shown(before)} → {_shown(after)}"


def _sections(value: Any) -> bool:
    """Whether it is a list of settings with names."""
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _owed(config: Config, worked: Sequence[Row]) -> Iterator[str]:
    """Who of the pipeline worked here before, but not as they now are."""
    known, names = {row["key"] for row in worked}, {(row["what"], row["name"]) for row in worked}
    generated = any(what == "generator" for what, _ in names)
    if config.pipeline.generate and generated and generator(config).key not in known:
        yield f"all responses by {generator(config).name}"
    for name in config.judges:
        judge = named_judge(config, name)
        new = [criterion.name for criterion in judge.rubric.criteria if criterion.key not in known]
        if judge.key not in known and ("judge", name) in names:
            yield f"all scores by {name}"
        elif judge.key in known and new:
            yield f"scores by {name} on {', '.join(new)}"
