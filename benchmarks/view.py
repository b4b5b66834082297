"""Open the pages of `rlaif view` on a store with a million pairs: median time per page, and memory.

python -m benchmarks.view               1,000,000 pairs with texts (some minutes to make the store, 800 MB)
python -m benchmarks.view --folder DIR  keep the store in DIR, or use the one that is there
Limits: the first page within 0.3 s, each filter and the text search within 1 s; at most 500 MB of resident memory.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from starlette.testclient import TestClient

from rlaif.config import load
from rlaif.pipeline.view_subject import view_subject
from rlaif.store.store import Store
from rlaif.view import application

FILL = Path(__file__).with_suffix(".sql")
FIRST, FILTER, MEMORY = 0.3, 1.0, 500.0
PIPELINE = "name: view\nout: .\ncollect:\n  sources: [{path: synthetic.jsonl}]\n"
# Addresses with the limit in seconds, None for what has none.
PAGES = {
    "first page": ("/pairs", FIRST),
    "largest margins": ("/pairs?sort=margin", FILTER),
    "page 40,000": ("/pairs?page=40000", FILTER),
    "margin": ("/pairs?margin_from=20&margin_to=22", FILTER),
    "outcome": ("/pairs?outcome=tie", FILTER),
    "generator": ("/pairs?generator=writer-a", FILTER),
    "source": ("/pairs?source=synthetic.jsonl:12", FILTER),
    "metadata": ("/pairs?meta=topic&value=law", FILTER),
    "longer wins": ("/pairs?longer=chosen", FILTER),
    "text, many hits": ("/pairs?text=report+77", FILTER),
    "text, no hit": ("/pairs?text=no+such+words", FILTER),
    "SQL condition": ("/pairs?where=margin+%3C+5", FILTER),
    "criterion": ("/pairs?criterion=faithfulness&lead_to=-50", None),
    "judges disagree": ("/pairs?disagreement=1", None),
    "one prompt": ("/prompt/{prompt}", FILTER),
    "one prompt in a list": ("/prompt/{prompt}?at=500", FILTER),
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


def measure(client: TestClient, address: str, repeats: int) -> tuple[float, float]:
    """Return the median wall and processor seconds of a page."""
    wall, cpu = [], []
    for _ in range(repeats):
        began, used = time.perf_counter(), time.process_time()
        reply = client.get(address)
        assert reply.status_code == 200, reply.text
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    return statistics.median(wall), statistics.median(cpu)


def peak_memory() -> float:
    """The peak memory of this process in MB; unlike `ru_maxrss`, it does not begin with that of the parent process."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(folder: Path, pairs: int, repeats: int) -> bool:
    path = folder / "store.duckdb"
    if not path.exists():
        fill(path, pairs)
    with Store(path, read_only=True) as store:
        prompt = store.rows("SELECT prompt FROM pairs LIMIT 1 OFFSET 499")[0]["prompt"] if pairs > 500 else ""
        prompt = prompt or store.rows("SELECT prompt FROM pairs LIMIT 1")[0]["prompt"]
    missed = []
    with opened(folder) as client:
        print(f"{'page':24}{'wall':>9}{'processor':>11}   limit")
        for name, (address, limit) in PAGES.items():
            wall, cpu = measure(client, address.format(prompt=prompt), repeats)
            missed += [name] if limit is not None and wall > limit else []
            print(f"{name:24}{wall:7.2f} s{cpu:9.2f} s   {'' if limit is None else f'{limit} s'}", flush=True)
    memory = peak_memory()
    print(f"peak memory {memory:,.0f} MB, limit {MEMORY:,.0f} MB")
    if missed:
        print(f"over the limit: {', '.join(missed)}")
    return not missed and memory <= MEMORY


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with nullcontext(given.folder) if given.folder else tempfile.TemporaryDirectory() as place:
        sys.exit(0 if main(Path(place), given.pairs, given.repeats) else 1)
