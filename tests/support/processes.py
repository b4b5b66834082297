"""Runs of rlaif in processes: how far they are, and how long they may take to end."""

from pathlib import Path

# Far below what an answer takes that hangs, far above what a process needs to end.
PROMPT_END = 15.0


def written(store: Path) -> int:
    """Bytes in the log of a store that has its tables; making them goes through the log first, and then into the file."""
    try:
        log, file = store.with_name(f"{store.name}.wal").stat(), store.stat()
        return log.st_size if file.st_size > 100_000 and log.st_mtime_ns > file.st_mtime_ns else 0
    except FileNotFoundError:
        return 0
