"""Record which version of a generator or judge is in use: a changed rubric, template or model is a new version."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.store.store import Store

_KNOWN = "SELECT key, criterion FROM in_use WHERE what = $what AND name = $name"
_NAMES = "SELECT name FROM generators WHERE key = $key"
_FORGET = "DELETE FROM in_use WHERE what = $what AND name = $name"


def use_generator(store: Store, key: str, name: str, spec: Mapping[str, Any], *, rename: bool) -> None:
    """Record that this is the current version of the generator with that name.

    With `rename`, a generator that is known under another name is shown under this one from now on.
    """
    names = [row["name"] for row in store.rows(_NAMES, key=key)]
    if not names or (rename and name not in names):
        store.append("generators", [{"key": key, "name": name, "spec": json.dumps(spec)}])
    use(store, "generator", name, key)


def use(store: Store, what: str, name: str, key: str, criteria: Sequence[str] = ()) -> None:
    """Record that this is the current version of the `what` ("generator" or "judge") with that name.

    `criteria` are the keys of a judge's criteria. Views show current versions unless asked for all.
    """
    wanted: set[str | None] = {*criteria} or {None}
    known = store.rows(_KNOWN, what=what, name=name)
    if known and {row["key"] for row in known} == {key} and {row["criterion"] for row in known} == wanted:
        return
    row = {"what": what, "name": name, "key": key}
    with store.transaction():
        store.run(_FORGET, what=what, name=name)
        store.append("in_use", [row | {"criterion": criterion} for criterion in sorted(wanted, key=str)])
