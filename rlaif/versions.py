"""Which version of a generator or judge is in use: several have one name once a rubric, a template or a model has changed."""

from collections.abc import Sequence

from rlaif.store import Store

_KNOWN = "SELECT key, criterion FROM in_use WHERE what = $what AND name = $name"
_FORGET = "DELETE FROM in_use WHERE what = $what AND name = $name"


def use(store: Store, what: str, name: str, key: str, criteria: Sequence[str] = ()) -> None:
    """Write down that this is the current version of the `what` ("generator" or "judge") with that name.

    `criteria` are the keys of a judge's criteria. Views show current versions unless asked for all.
    """
    wanted = {(key, criterion) for criterion in criteria} or {(key, None)}
    if {(row["key"], row["criterion"]) for row in store.rows(_KNOWN, what=what, name=name)} == wanted:
        return
    with store.transaction():
        store.run(_FORGET, what=what, name=name)
        store.append("in_use", [{"what": what, "name": name, "key": key, "criterion": each} for _, each in sorted(wanted, key=str)])
