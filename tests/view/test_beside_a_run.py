"""`rlaif run --view`: the page can be opened during the run, shows its results, and stays open after it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2

from tests.support.page import Page
from tests.support.scripted_pipeline import project


def test_the_page_shows_a_run_and_stays_open_after_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rlaif", "run", str(project(tmp_path, prompts=3, delay=0.3)), "--quiet", "--view"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        address = process.stderr.readline().strip()
        with httpx2.Client(base_url=address.partition("/?")[0], timeout=30) as browser:
            browser.get(address)
            until(browser, "/runs", "Responses 9")
            assert process.poll() is None
            pairs = process.stdout.readline().split()[0]
            until(browser, "/pairs", f"{pairs} pairs")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


def until(browser: httpx2.Client, path: str, words: str) -> None:
    for _ in range(300):
        if words in Page(browser.get(path).text).words:
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} never shows {words}")
