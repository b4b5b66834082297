"""Run a server for as long as its owner lives, then end it and all its children.

    python -I vllm_watch.py COMMAND…       as the leader of a process group; standard input says who must live

The process at the other end of standard input may die in any way, even by SIGKILL: the pipe then closes. This file is run by
its path and imports only the standard library, so that it starts before the server and outlives all other processes.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final

# Seconds for the server to release its devices by itself.
GRACE: Final = 15.0


def main(command: Sequence[str]) -> None:
    """Wait until the server or its owner ends, then end the whole group, this process included."""
    # A handler instead of SIG_IGN, which the server would inherit.
    signal.signal(signal.SIGTERM, lambda *_: None)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_when_alone, args=(server,), daemon=True).start()
    status = server.wait()
    print(f"\nrlaif: the server ended with status {status}", flush=True)
    # Remaining processes, such as engine processes, would keep the devices occupied.
    os.killpg(0, signal.SIGKILL)


def _end_when_alone(server: "subprocess.Popen[bytes]") -> None:
    sys.stdin.buffer.read()
    server.terminate()
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
