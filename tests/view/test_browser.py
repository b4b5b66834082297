"""`rlaif view` in a real browser: keys, parts that load later, a vote, and no violation of the content security policy."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from rlaif.evaluation.labeling import Voter
from rlaif.store.store import Store
from tests.support import report_store
from tests.support.chromium import CHROMIUM, Tab, tab

PIPELINE = {
    "name": "courier-notes",
    "out": "out",
    "collect": {"sources": [{"path": "requests.jsonl", "columns": {"responses": "responses"}}]},
}


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    file = tmp_path / "view.yaml"
    file.write_text(yaml.safe_dump(PIPELINE))
    with Store(tmp_path / "out/store.duckdb") as store:
        report_store.fill(store, prompts=30)
        store.run("UPDATE generators SET spec = $spec", spec='{"kind": "imported"}')
    return file


@contextmanager
def served(pipeline: Path) -> Iterator[str]:
    """The address that `rlaif view` prints."""
    command = [sys.executable, "-m", "rlaif", "view", str(pipeline)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_page_works_in_a_browser(pipeline: Path, tmp_path: Path) -> None:
    with served(pipeline) as address:
        asyncio.run(use(address, tmp_path / "profile"))
    with Store(tmp_path / "out/store.duckdb", read_only=True) as store:
        votes = store.rows("SELECT preferred FROM comparisons WHERE judge = $key", key=Voter("ann").key)
    assert [row["preferred"] for row in votes] == ["second"]


async def use(address: str, profile: Path) -> None:
    assert address.startswith("http://127.0.0.1:")
    site = address.partition("/?")[0]
    async with tab(profile) as page:
        await page.open(address)
        assert await page.value("location.pathname + location.search") == "/pairs"
        await read_pairs(page)
        await page.open(f"{site}/judges")
        await page.until(
            "document.querySelector('[data-load]').innerText.length > 0 && !document.querySelector('[aria-busy]')"
        )
        await vote(page, site)
        assert page.errors == []
        assert page.requests
        assert all(each.startswith(f"{site}/") for each in page.requests)


async def read_pairs(page: Tab) -> None:
    """Walk through the list and open a prompt by keys alone."""
    await page.press("j")
    await page.press("j")
    second = await page.value("document.querySelectorAll('[data-row]')[1].pathname")
    assert await page.value("document.activeElement.pathname") == second
    await page.value("document.activeElement.click()")
    await page.until(f"location.pathname === '{second}'")
    await page.press("d")
    await page.until("location.search.includes('show=diff') && document.querySelector('mark') !== null")
    await page.press("j")
    await page.until(f"location.pathname !== '{second}' && location.pathname.startsWith('/prompt/')")
    width = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    await page.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    await page.until(width)
    await page.call("Emulation.clearDeviceMetricsOverride")


async def vote(page: Tab, site: str) -> None:
    """Vote by keys, take a vote back, and vote again."""
    await page.open(f"{site}/label?by=ann")
    await page.until("document.querySelector('[data-key=\"1\"]') !== null")
    await page.press("1")
    await page.until("document.body.innerText.includes('1 vote on')")
    await page.press("u")
    await page.until("document.body.innerText.includes('0 votes on')")
    await page.press("2")
    await page.until("document.body.innerText.includes('1 vote on')")
