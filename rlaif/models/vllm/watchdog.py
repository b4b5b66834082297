"""Runs a server for as long as whoever started it lives, then ends it and all that it started.

    python -I vllm_watch.py COMMAND…       as the leader of a process group; standard input says who must live

Whoever holds the other end of standard input may die in any way, also by SIGKILL: the pipe then closes. Run by its
path and of the standard library alone, so that it is there before the server and outlives everything but itself.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final

# Seconds in which a server may let go of its devices by itself.
GRACE: Final = 15.0


def main(command: Sequence[str]) -> None:
    """Waits for the server's end, or for that of whoever is to live; ends the whole group, itself included."""
    # A handler and not SIG_IGN, which the server would inherit.
    signal.signal(signal.SIGTERM, lambda *_: None)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_when_alone, args=(server,), daemon=True).start()
    status = server.wait()
    print(f"\nrlaif: the server ended with status {status}", flush=True)
    # What it leaves behind, such as engine processes, would keep the devices.
    os.killpg(0, signal.SIGKILL)


def _end_when_alone(server: "subprocess.Popen[bytes]") -> None:
    sys.stdin.buffer.read()
    server.terminate()
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
