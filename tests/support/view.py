"""The page of `rlaif view` over a filled store: a client with the token, and what a browser would see of a page."""

from collections.abc import Sequence
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


def subject(out: Path, generators: Sequence[str] = ("g",)) -> Subject:
    """The pipeline of the report's tests, with its store in `out`."""
    data = pipeline().model_copy(update={"out": str(out)})
    config = Config(data, YamlFile(out / "courier.yaml", {}, {}))
    audited = [Audited(name, key, {each: (f"c-{each}", 1.0) for each in CRITERIA}) for name, key in JUDGES.items()]

    def audit(store: Store) -> Audit:
        return measure(store, audited[:1], audited[1], generators)

    return Subject(
        config,
        lambda store: generators,
        JUDGES,
        audit,
        lambda store: EVALUATION,
        lambda store: {"responses": 0, "judgements": 0},
    )


def client(subject: Subject, token: str | None = TOKEN) -> TestClient:
    """A browser that has opened the page; without a token, one that has not."""
    made = TestClient(application(subject, TOKEN, PORT), base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)
    if token:
        assert made.get(f"/?token={token}").status_code == 303
    return made
