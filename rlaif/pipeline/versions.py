"""Record which version of a generator or judge is in use: a changed rubric, template or model is a new version."""

from collections.abc import Sequence

from rlaif.store.store import Store

_KNOWN = "SELECT key, criterion FROM in_use WHERE what = $what AND name = $name"
_FORGET = "DELETE FROM in_use WHERE what = $what AND name = $name"


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
