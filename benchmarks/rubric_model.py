"""A local server with a judge and a proposer of rubrics that are programs, to measure `rlaif rubric` without a real model.

Both know the same criteria, each a function of request, document and response. The judge rates by the criterion that it is
asked about. The proposer reads the pairs in its prompt and proposes the criterion, not in the rubric yet, that most often
ranks the preferred response above the other one.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Document, request and response to a value from 0 to 1.
Quality = Callable[[str, str, str], float]

_FENCED = r"(?P<{0}_fence>[0-9a-f]{{16}})\n(?P<{0}>.*?)\n(?P={0}_fence)\n"
_JUDGED = re.compile(
    "(?:# Document\n"
    + _FENCED.format("document")
    + ")?\n# Request\n"
    + _FENCED.format("request")
    + ".*?# Response\n[^\n]*\n"
    + _FENCED.format("response")
    + ".*Rate one criterion, (?P<criterion>[a-z_]+), from 1 to 5",
    re.DOTALL,
)
_NONCE = re.compile(r"^[0-9a-f]{16}$", re.MULTILINE)
_LABELS = {
    "Request:": "request",
    "Document:": "document",
    "The response that the trusted verdict prefers:": "preferred",
    "The other response:": "other",
}


@dataclass(frozen=True)
class Criterion:
    """A criterion that the program can rate: its wording, for rubric files, and its value."""

    question: str
    low: str
    high: str
    value: Quality

    @property
    def wording(self) -> dict[str, Any]:
        levels = {1: self.low, 3: f"Between the two: neither of the ends describes it. Low: {self.low}", 5: self.high}
        return {"question": self.question, "levels": levels}


def shown_pairs(content: str) -> list[dict[str, str]]:
    """Return the pairs in a proposer's prompt: request, document, preferred and other response."""
    found = []
    for part in content.split("\n## Pair ")[1:]:
        nonce = _NONCE.search(part)
        assert nonce
        # Labels and fenced texts alternate.
        pieces = part.split(f"\n{nonce[0]}\n")
        labels = [piece.strip().rpartition("\n")[2] for piece in pieces[:-1:2]]
        found.append({_LABELS[label]: text for label, text in zip(labels, pieces[1::2], strict=False) if label in _LABELS})
    return found


@dataclass
class RubricModel:
    """The program behind both models. `asked` are the prompts of the proposer; `spoiled` are replies that it gives first."""

    criteria: Mapping[str, Criterion]
    asked: list[list[dict[str, str]]] = field(default_factory=list)
    judged: int = 0
    spoiled: list[str] = field(default_factory=list)

    def reply(self, messages: Sequence[dict[str, str]]) -> str:
        """Return the reply to a judge's or a proposer's prompt."""
        if judged := _JUDGED.search(messages[0]["content"]):
            self.judged += 1
            known = self.criteria.get(judged["criterion"])
            value = known.value(judged["document"] or "", judged["request"], judged["response"]) if known else 0.5
            return json.dumps({"rationale": "computed", "score": 1 + int(4 * value + 0.5)})
        self.asked.append(list(messages))
        return self.spoiled.pop(0) if self.spoiled else self._propose(messages[0]["content"])

    def _propose(self, content: str) -> str:
        pairs, rubric = shown_pairs(content), set(re.findall(r"(?m)^## ([a-z_]+) \(", content))
        gains = {name: self._gain(each, pairs) for name, each in self.criteria.items() if name not in rubric}
        best = max(gains, key=lambda name: gains[name])
        wording = self.criteria[best].wording
        levels = [{"level": level, "meaning": meaning} for level, meaning in wording["levels"].items()]
        analysis = ", ".join(f"{name} {gain:+.2f}" for name, gain in sorted(gains.items(), key=lambda each: -each[1]))
        criterion = {"name": best, "question": wording["question"], "levels": levels}
        return json.dumps({"analysis": f"Preferred more often minus less often: {analysis}.", "criteria": [criterion]})

    def _gain(self, criterion: Criterion, pairs: Sequence[dict[str, str]]) -> float:
        leads = []
        for pair in pairs:
            about = pair.get("document", ""), pair["request"]
            better, worse = (criterion.value(*about, pair[each]) for each in ("preferred", "other"))
            leads.append((better > worse) - (better < worse))
        return sum(leads) / len(leads)


@contextmanager
def served(model: RubricModel) -> Iterator[str]:
    """Serve the program as the model `program`, and yield the base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are sent at once; with small packets, Nagle's algorithm would wait for acknowledgements.
        wbufsize = -1

        def do_GET(self) -> None:
            self._send({"object": "list", "data": [{"id": "program"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            text = model.reply(body["messages"])
            usage = {"prompt_tokens": sum(len(turn["content"]) for turn in body["messages"]) // 4}
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            self._send({"model": "program", "choices": [choice], "usage": usage | {"completion_tokens": len(text) // 4}})

        def _send(self, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
