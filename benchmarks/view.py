"""Open the pages of `rlaif view` on a store with a million pairs: time to the shown page, and memory.

python -m benchmarks.view               1,000,000 pairs with texts (a minute to make the store, 800 MB)
python -m benchmarks.view --folder DIR  keep the store in DIR, or use the one that is there
Each kind of page is opened five times, every time with other values, so that no result of an earlier query is shown again.
Limits are for the median: the first page within 0.3 s, each filter and the text search within 1 s; at most 500 MB of memory.
`slowest` is the slowest of the five: the first filter of a kind prepares what the next ones use. A text search shows its
page before all hits are counted; the line `count of hits` is the time of the count that the page loads later.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from multiprocessing import get_context
from pathlib import Path

from starlette.testclient import TestClient

from rlaif.config import load
from rlaif.pipeline.view_subject import view_subject
from rlaif.store.store import Store
from rlaif.view import application

FILL = Path(__file__).with_suffix(".sql")
FIRST, FILTER, MEMORY = 0.3, 1.0, 500.0
PIPELINE = "name: view\nout: .\ncollect:\n  sources: [{path: synthetic.jsonl}]\n"
TOPICS = ("farming", "law", "medicine", "code", "letters")
# Addresses with the limit in seconds, None for what has none; `n` counts the times, from 0.
PAGES = {
    "first page": ("/pairs", FIRST),
    "largest margins": ("/pairs?sort=margin&page={n}1", FILTER),
    "page 40,000": ("/pairs?page=4000{n}", FILTER),
    "margin": ("/pairs?margin_from=2{n}&margin_to=4{n}", FILTER),
    "outcome": ("/pairs?outcome=tie&page=1{n}", FILTER),
    "generator": ("/pairs?generator=writer-a&margin_from={n}", FILTER),
    "source": ("/pairs?source=synthetic.jsonl:1{n}", FILTER),
    "metadata": ("/pairs?meta=topic&value={topic}", FILTER),
    "longer wins": ("/pairs?longer=chosen&margin_from={n}", FILTER),
    "chosen longer by": ("/pairs?sort=length&confidence_from=5{n}", FILTER),
    "text, many hits": ("/pairs?text=report+7{n}", FILTER),
    "text, few hits": ("/pairs?text=REPORT+12345{n}", FILTER),
    "text, no hit": ("/pairs?text=no+such+words+{n}", FILTER),
    "count of hits": ("/pairs/counts?text=report+7{n}", None),
    "next page of hits": ("/pairs?text=report+7{n}&page=9", FILTER),
    "SQL on columns": ("/pairs?where=margin+%3C+5{n}+AND+rejected_characters+%3E+chosen_characters", FILTER),
    "SQL on texts": ("/pairs?where=chosen_text+LIKE+'%25seals%25{n}1%25'", FILTER),
    "criterion": ("/pairs?criterion=faithfulness&lead_to=-5{n}", FILTER),
    "judges disagree": ("/pairs?disagreement=1&margin_from={n}", FILTER),
    "one prompt": ("/prompt/{prompt}?show=raw", FILTER),
    "one prompt in a list": ("/prompt/{prompt}?at=50{n}", FILTER),
    "one prompt in a search": ("/prompt/{prompt}?text=report+7{n}&at=5", FILTER),
}


def fill(path: Path, pairs: int) -> None:
    """Make the store by SQL."""
    with Store(path) as store:
        for statement in FILL.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                store.run(statement.replace("$pairs", str(pairs)))


@contextmanager
def opened(folder: Path) -> Iterator[TestClient]:
    (folder / "view.yaml").write_text(PIPELINE, encoding="utf-8")
    app = application(view_subject(load(folder / "view.yaml")), "token", 80)
    with TestClient(app, base_url="http://127.0.0.1:80", headers={"host": "127.0.0.1:80"}) as client:
        client.get("/label?token=token")
        yield client


def measure(client: TestClient, address: str, prompt: str) -> tuple[list[float], list[float]]:
    """Return the wall and processor seconds of a page, each time with other values."""
    wall, cpu = [], []
    for n, topic in enumerate(TOPICS):
        began, used = time.perf_counter(), time.process_time()
        reply = client.get(address.format(n=n, topic=topic, prompt=prompt))
        assert reply.status_code == 200, reply.text
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    return wall, cpu


def peak_memory() -> float:
    """The peak memory of this process in MB; unlike `ru_maxrss`, it does not begin with that of the parent process."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(folder: Path, pairs: int) -> bool:
    path = folder / "store.duckdb"
    if not path.exists():
        # In another process, whose memory does not count.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            pool.submit(fill, path, pairs).result()
    with Store(path, read_only=True) as store:
        prompt = store.rows("SELECT prompt FROM pairs LIMIT 1 OFFSET 499")[0]["prompt"]
    missed = []
    with opened(folder) as client:
        print(f"{'page':24}{'median':>9}{'processor':>11}{'slowest':>11}   limit")
        for name, (address, limit) in PAGES.items():
            wall, cpu = measure(client, address, prompt)
            shown = statistics.median(wall)
            missed += [name] if limit is not None and shown > limit else []
            times = f"{shown:7.2f} s{statistics.median(cpu):9.2f} s{max(wall):9.2f} s"
            print(f"{name:24}{times}   {'' if limit is None else f'{limit} s'}", flush=True)
    memory = peak_memory()
    print(f"peak memory {memory:,.0f} MB, limit {MEMORY:,.0f} MB")
    if missed:
        print(f"over the limit: {', '.join(missed)}")
    return not missed and memory <= MEMORY


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with nullcontext(given.folder) if given.folder else tempfile.TemporaryDirectory() as place:
        sys.exit(0 if main(Path(place), given.pairs) else 1)
