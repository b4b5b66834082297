"""DuckDB runs the queries of the tests in one thread: with some hundred rows, a second one takes more time than it saves.

RLAIF_TEST_THREADS sets another number; `make slow` and `make oldest` use two. Processes that tests start use all cores.
"""

import os

from rlaif.store import confined

confined.OFF["threads"] = os.environ.get("RLAIF_TEST_THREADS", "1")
