"""Stop orphaned servers: each server is recorded while it runs, and the next start stops it if its owner is gone.

A process is identified by its id and start time, so that another one with the same id is never mistaken for it. Both are
read from /proc; on systems other than Linux, this module does nothing, and only the watchdog ends servers.
"""

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

# Logs are read soon after a run or not at all, so older ones are removed.
LOG_SECONDS: Final = 7 * 86400


def folder() -> Path:
    """Return the folder of server records and logs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "rlaif" / "vllm"


def write_down(file: Path, group: int) -> None:
    """Record all processes of a group, and this process as their owner."""
    processes = [[pid, born(pid)] for pid in members(group)]
    note = {"owner": [os.getpid(), born(os.getpid())], "group": group, "processes": processes}
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(note), "utf-8")
    partial.replace(file)


def clean(place: Path) -> int:
    """Stop servers whose owners are gone, remove their records and old logs, and return the number of servers."""
    ended = 0
    for file in place.glob("*.json"):
        try:
            note: dict[str, Any] = json.loads(file.read_text("utf-8"))
            if _lives(*note["owner"]):
                continue
            ended += _end(note["group"], note["processes"])
        except (ValueError, KeyError, TypeError, FileNotFoundError):
            pass  # an incomplete record, or another process was faster
        file.unlink(missing_ok=True)
    for log in place.glob("*.log"):
        with suppress(FileNotFoundError):
            if log.stat().st_mtime < time.time() - LOG_SECONDS:
                log.unlink()
    return ended


def _end(group: int, processes: list[list[Any]]) -> bool:
    """End the group if one of its recorded processes is still alive, which proves that it is still the same group."""
    same = any(_lives(pid, birth) and os.getpgid(pid) == group for pid, birth in processes)
    if same:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    return same


def _lives(pid: int, birth: str | None) -> bool:
    return birth is not None and born(pid) == birth


def members(group: int) -> list[int]:
    """Return the processes of a group; only its leader if the others cannot be determined."""
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if (stat := _stat(pid)) and int(stat[2]) == group] or [group]


def born(pid: int) -> str | None:
    """Return when a process started, precise enough to distinguish processes with the same id; None if it is gone."""
    stat = _stat(pid)
    if not stat or stat[0] == "Z":
        return None
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text('ascii').strip()}:{stat[19]}"


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on: the second, a name, may contain any character."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
