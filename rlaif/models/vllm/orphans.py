"""Servers that were left behind: each is written down while it runs, and ended by the next start if its owner is gone.

A process is known by number and time of birth, so that another with the same number is never taken for it. Read from
/proc: on other systems than Linux nothing is known, nothing is left to do here, and the watcher alone ends servers.
"""

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

# A log is looked at soon after a run or not at all.
LOG_SECONDS: Final = 7 * 86400


def folder() -> Path:
    """Where servers are written down and their logs kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "rlaif" / "vllm"


def write_down(file: Path, group: int) -> None:
    """Notes all processes of a group, and this process as their owner."""
    processes = [[pid, born(pid)] for pid in members(group)]
    note = {"owner": [os.getpid(), born(os.getpid())], "group": group, "processes": processes}
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(note), "utf-8")
    partial.replace(file)


def clean(place: Path) -> int:
    """Ends what owners that are gone have left running, forgets it, and removes old logs. Returns how many servers."""
    ended = 0
    for file in place.glob("*.json"):
        try:
            note: dict[str, Any] = json.loads(file.read_text("utf-8"))
            if _lives(*note["owner"]):
                continue
            ended += _end(note["group"], note["processes"])
        except (ValueError, KeyError, TypeError, FileNotFoundError):
            pass  # half a note, or another start was quicker
        file.unlink(missing_ok=True)
    for log in place.glob("*.log"):
        with suppress(FileNotFoundError):
            if log.stat().st_mtime < time.time() - LOG_SECONDS:
                log.unlink()
    return ended


def _end(group: int, processes: list[list[Any]]) -> bool:
    """Ends the group if one of its processes still lives, which proves that it is still the same group."""
    same = any(_lives(pid, birth) and os.getpgid(pid) == group for pid, birth in processes)
    if same:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    return same


def _lives(pid: int, birth: str | None) -> bool:
    return birth is not None and born(pid) == birth


def members(group: int) -> list[int]:
    """The processes of a group; itself alone where that cannot be known."""
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if (stat := _stat(pid)) and int(stat[2]) == group] or [group]


def born(pid: int) -> str | None:
    """When a process began, exact enough that no two with the same number share it; None if it is not there."""
    stat = _stat(pid)
    if not stat or stat[0] == "Z":
        return None
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text('ascii').strip()}:{stat[19]}"


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: the second, a name, may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
