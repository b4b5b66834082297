"""What stands in for vLLM's server in tests of its life: `python -m tests.support.vllm_stand_in --model PATH --port N …`.

Every chat is answered with the pid. `--behave` says how it goes wrong, once if `--once FILE` is given: the file is made
by the first life, and later lives do well.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behave = ""
    name = ""
    chats = 0

    def do_GET(self) -> None:
        self._reply(200, {})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.headers["authorization"] != f"Bearer {os.environ['VLLM_API_KEY']}":
            self._reply(401, {"error": {"message": "wrong key"}})
            return
        Handler.chats += 1
        if self.behave == "die" and Handler.chats == 3:
            print("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB.", flush=True)
            os._exit(1)
        if self.behave in ("hang", "die"):
            time.sleep(60)
        message = {"role": "assistant", "content": str(os.getpid())}
        self._reply(200, {"model": self.name, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]})

    def _reply(self, status: int, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--served-model-name")
    parser.add_argument("--behave", default="")
    parser.add_argument("--once", type=Path)
    given, _ = parser.parse_known_args()
    Handler.name = given.served_model_name
    if given.once is None or not given.once.exists():
        Handler.behave = given.behave
    if given.once:
        given.once.touch()
    if Handler.behave.startswith("say "):
        sys.exit(Handler.behave.removeprefix("say "))
    if Handler.behave == "sleep":
        time.sleep(60)
    # As vLLM has its engine: a process of the same group that does not end by itself.
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    ThreadingHTTPServer(("127.0.0.1", given.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
