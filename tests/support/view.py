"""The page of `rlaif view` over a filled store: a client with the token, and what a browser would see of a page."""

from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

from starlette.testclient import TestClient

from rlaif.config import Config
from rlaif.config.yaml import YamlFile
from rlaif.evaluation.audit.metrics import Audited, measure
from rlaif.evaluation.audit.types import Audit
from rlaif.store.store import Store
from rlaif.view import Subject, application
from tests.support.report_store import CRITERIA, EVALUATION, pipeline

TOKEN, PORT = "t0ken", 8000
JUDGES = {"tiny": "j-tiny", "oracle": "j-oracle"}
VOID = {"meta", "link", "br", "hr", "input", "line", "rect", "circle", "polyline", "img"}


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def links(self, start: str) -> list[str]:
        found = [attributes.get("href") or "" for tag, attributes in self.tags if tag == "a"]
        return [link for link in found if link.startswith(start)]

    def values(self, name: str) -> list[str]:
        """The values of form fields of that name."""
        return [attributes.get("value") or "" for _, attributes in self.tags if attributes.get("name") == name]


def subject(out: Path, generators: Sequence[str] = ("g",)) -> Subject:
    """The pipeline of the report's tests, with its store in `out`."""
    data = pipeline().model_copy(update={"out": str(out)})
    config = Config(data, YamlFile(out / "courier.yaml", {}, {}))
    audited = [Audited(name, key, {each: (f"c-{each}", 1.0) for each in CRITERIA}) for name, key in JUDGES.items()]

    def audit(store: Store) -> Audit:
        return measure(store, audited[:1], audited[1], generators)

    return Subject(config, lambda store: generators, JUDGES, audit, lambda store: EVALUATION)


def client(subject: Subject, token: str | None = TOKEN) -> TestClient:
    """A browser that has opened the page; without a token, one that has not."""
    made = TestClient(application(subject, TOKEN, PORT), base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)
    if token:
        assert made.get(f"/?token={token}").status_code == 303
    return made
