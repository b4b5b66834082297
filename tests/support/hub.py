"""A small real hub on loopback for tests: it keeps commits in memory, can refuse by script, and has a ledger of requests."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Hub:
    """Its repositories as files by name, every commit's changed paths, and the requests that came."""

    url: str = ""
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    commits: list[list[str]] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)
    """Statuses by a part of the path; the answer then echoes the token, as careless servers do."""


@contextmanager
def serve() -> Iterator[Hub]:
    """The hub while it listens."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.answer("GET", b"")

        def do_POST(self) -> None:
            self.answer("POST", self.rfile.read(int(self.headers.get("content-length", "0"))))

        def answer(self, method: str, body: bytes) -> None:
            authorization = self.headers.get("authorization", "")
            hub.requests.append((method, self.path, authorization))
            status = next((status for part, status in hub.refuse.items() if part in self.path), None)
            value = {"error": f"refused {authorization}"} if status else _answer(hub, method, self.path, body)
            self.reply(status or (200 if value is not None else 404), {} if value is None else value)

        def reply(self, status: int, value: Any) -> None:
            text = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(hub: Hub, method: str, path: str, body: bytes) -> Any:
    if path == "/api/repos/create":
        asked = json.loads(body)
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        hub.repos.setdefault(name, {})
        hub.private.setdefault(name, asked.get("private") or asked.get("visibility") == "private")
        return {"url": f"{hub.url}/datasets/{name}"}
    if path == "/api/validate-yaml":
        return {"errors": [], "warnings": []}
    match = re.match(r"/api/datasets/([^/]+/[^/?]+)/?([^/?]*)", path)
    if not match or match[1] not in hub.repos:
        return None
    files = hub.repos[match[1]]
    if match[2] == "preupload":
        asked = json.loads(body)["files"]
        return {
            "files": [
                {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": _oid(files, each["path"])}
                for each in asked
            ]
        }
    if match[2] == "commit":
        _commit(hub, files, [json.loads(line) for line in body.splitlines()])
        return {"success": True, "commitUrl": f"{hub.url}/datasets/{match[1]}/commit/1", "commitOid": "1" * 40}
    entries = [
        {"type": "file", "path": name, "size": len(data), "oid": _oid(files, name)} for name, data in sorted(files.items())
    ]
    if match[2] == "tree":
        return entries
    return {"id": match[1], "sha": "0" * 40, "private": True, "siblings": [{"rfilename": name} for name in sorted(files)]}


def _commit(hub: Hub, files: dict[str, bytes], lines: list[dict[str, Any]]) -> None:
    changed = []
    for line in lines:
        value = line["value"]
        if line["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
            changed.append(value["path"])
        elif line["key"] == "deletedFile":
            del files[value["path"]]
            changed.append("-" + value["path"])
    hub.commits.append(sorted(changed))


def _oid(files: dict[str, bytes], name: str) -> str | None:
    """What git calls a file of these bytes."""
    data = files.get(name)
    return None if data is None else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
