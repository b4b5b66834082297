"""Names the judges in a history, and marks earlier versions of a judge."""

from collections.abc import Mapping, Sequence

from rlaif.store.store import Store


class Judges:
    """Names of judges by key. `present` holds those of the pipeline file, keys by name; for a name that is missing
    there, the newest judge in the store is the present one.
    """

    def __init__(self, store: Store, present: Mapping[str, str]) -> None:
        rows = store.query("SELECT name, key FROM judges ORDER BY rowid")
        newest: dict[str, str] = {row["name"]: row["key"] for row in rows}
        earlier: dict[str, str] = {row["key"]: f"{row['name']}, an earlier version ({row['key'][:12]})" for row in rows}
        self._names = earlier | {key: name for names in (newest | dict(present), present) for name, key in names.items()}

    def __getitem__(self, key: str) -> str:
        return self._names.get(key, key)

    def together(self, keys: Sequence[str], mix: str | None) -> str:
        """Return the names of the judges of a pairing, and how their scores are combined; empty without judges."""
        return ", ".join(self[key] for key in keys) + (f" ({mix})" if mix else "")
