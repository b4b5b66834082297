"""A real local Batch API for tests: files, batches and a ledger of what was answered, and so billed.

with batches() as server:
    ...                                  # statuses pass by, one a look: validating, in_progress, completed
assert server.billed == Counter({...})   # by the last user message
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
# The line that answers a request, by its custom_id and body: without one, the batch did not come to it.
Answer = Callable[[str, Body], Body | None]


def said(body: Body, text: str | None = None) -> Body:
    """A chat completion that answers each of `n` with `text`, or with what was asked and the place."""
    asked = body["messages"][-1]["content"]
    texts = [text if text is not None else f"{asked} {place}" for place in range(body.get("n", 1))]
    choices = [
        {"index": place, "finish_reason": "stop", "message": {"role": "assistant", "content": each}}
        for place, each in enumerate(texts)
    ]
    return {"model": "m", "choices": choices, "usage": {"prompt_tokens": 5, "completion_tokens": 3}}


def fine(name: str, body: Body) -> Body | None:
    return line(name, said(body))


def line(name: str, body: Body, status: int = 200) -> Body:
    return {
        "id": "r",
        "custom_id": name,
        "response": {"status_code": status, "request_id": "q", "body": body},
        "error": None,
    }


def lost(name: str, code: str) -> Body:
    return {"id": "r", "custom_id": name, "response": None, "error": {"code": code, "message": "not answered"}}


@dataclass
class Batches:
    """The vendor. `statuses` are what a batch says at each look, the last one for ever; `answer` makes its lines.

    `faults` are replies to calls, status and text; 200 does what was asked and garbles the reply, 0 does what was asked, and nobody hears of it. `heard` is called when
    a call is done, before its reply.
    """

    answer: Answer = fine
    statuses: list[str] = field(default_factory=lambda: ["validating", "in_progress", "completed"])
    errors: list[Body] = field(default_factory=list)
    faults: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    heard: Callable[[str], None] = lambda call: None
    base_url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    made: list[Body] = field(default_factory=list)
    billed: Counter[str] = field(default_factory=Counter)
    calls: list[str] = field(default_factory=list)
    looks: Counter[str] = field(default_factory=Counter)

    def requests(self, batch: Body) -> list[Body]:
        return [json.loads(each) for each in self.files[batch["input_file_id"]].splitlines()]

    def store(self, content: bytes) -> str:
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return name

    def create(self, body: Body) -> Body:
        batch = body | {
            "id": f"batch-{len(self.made)}",
            "object": "batch",
            "created_at": 100 + len(self.files),
            "status": "validating",
        }
        self.made.append(batch)
        return batch

    def look(self, name: str) -> Body:
        batch = next(each for each in self.made if each["id"] == name)
        batch["status"] = self.statuses[min(self.looks[name], len(self.statuses) - 1)]
        self.looks[name] += 1
        if batch["status"] in ("completed", "expired", "cancelled") and "output_file_id" not in batch:
            self.finish(batch)
        if batch["status"] == "failed":
            batch["errors"] = {"object": "list", "data": self.errors}
        return batch

    def finish(self, batch: Body) -> None:
        """Answers in the opposite order of the requests, as if the last were the quickest; each answer is billed."""
        lines = []
        for request in reversed(self.requests(batch)):
            found = self.answer(request["custom_id"], request["body"])
            if found:
                lines.append(found)
                if found["response"] and found["response"]["status_code"] == 200:
                    self.billed[request["body"]["messages"][-1]["content"]] += 1
        good = [each for each in lines if each["response"] and each["response"]["status_code"] == 200]
        bad = [each for each in lines if each not in good]
        for field_name, part in (("output_file_id", good), ("error_file_id", bad)):
            text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in part)
            batch[field_name] = self.store(text.encode("utf-8", "surrogatepass")) if part else None


def _handler(server: Batches) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._answer("GET", b"")

        def do_POST(self) -> None:
            self._answer("POST", self.rfile.read(int(self.headers["content-length"])))

        def _answer(self, method: str, sent: bytes) -> None:
            path, _, query = self.path.removeprefix("/v1").partition("?")
            call = f"{method} {re.sub('(file|batch)-[0-9]+', 'ID', path)}"
            with lock:
                server.calls.append(call)
                faults = server.faults.get(call)
                status, text = faults.pop(0) if faults else (None, "")
                # What is answered with an error was not done; what is lost or garbled was.
                done = status in (None, 0, 200)
                content = self._content(method, path, query, sent) if done else b""
                content = text.encode() if status else content
            server.heard(call)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status or 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _content(self, method: str, path: str, query: str, sent: bytes) -> bytes:
            if method == "POST" and path == "/files":
                boundary = self.headers["content-type"].split("boundary=")[1].encode()
                part = next(each for each in sent.split(b"--" + boundary) if b'name="file"' in each)
                name = server.store(part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n"))
                value: Any = {
                    "id": name,
                    "object": "file",
                    "created_at": 100,
                    "bytes": 1,
                    "filename": "f",
                    "purpose": "batch",
                }
            elif method == "POST":
                value = server.create(json.loads(sent))
            elif path == "/batches":
                after = re.search("after=([^&]*)", query)
                listed = server.made[::-1]
                place = [each["id"] for each in listed].index(after[1]) + 1 if after else 0
                # Two a page, so that pages matter.
                value = {"object": "list", "data": listed[place : place + 2], "has_more": len(listed) > place + 2}
            elif path.endswith("/content"):
                return server.files[path.split("/")[2]]
            else:
                value = server.look(path.split("/")[2])
            return json.dumps(value).encode()

    return Handler


@contextmanager
def batches(**options: Any) -> Iterator[Batches]:
    """The vendor in threads of this process."""
    server = Batches(**options)
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    listener.daemon_threads = True
    server.base_url = f"http://127.0.0.1:{listener.server_port}/v1"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
