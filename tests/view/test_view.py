import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from rlaif.context.run import now
from rlaif.core.errors import InputError
from rlaif.evaluation.labeling import Voter, labeling_tasks
from rlaif.report.explain.types import Found
from rlaif.store.store import Store
from rlaif.view.filters import Filter
from rlaif.view.listing import Counts, read_counts, read_page
from rlaif.view.marked_items import mark_items
from rlaif.view.progress import time_left
from rlaif.view.runs_page import rank
from rlaif.view.tables import Tables
from tests.support import report_store
from tests.support.page import Page
from tests.support.report_store import EVALUATION
from tests.support.view import PORT, TOKEN, client, subject

PROMPTS = 40
ORIGIN = {"origin": f"http://127.0.0.1:{PORT}"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a filled store, for tests that only read it."""
    folder = tmp_path_factory.mktemp("view")
    with Store(folder / "store.duckdb") as store:
        report_store.fill(store, prompts=PROMPTS)
        store.run('UPDATE prompts SET metadata = \'{"topic": "odd", "a\\"b": 1}\' WHERE position % 2 = 1')
    return folder


@pytest.fixture(scope="module")
def browser(out: Path) -> Iterator[TestClient]:
    with client(subject(out)) as made:
        yield made


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    with Store(tmp_path / "store.duckdb") as store:
        report_store.fill(store, prompts=4, samples=2)
    return tmp_path


def rows(browser: TestClient, **query: object) -> list[dict[str, Any]]:
    reply = browser.get(f"/pairs.jsonl?{urlencode(query)}")
    assert reply.status_code == 200, reply.text
    return [json.loads(line) for line in reply.text.splitlines()]


def test_every_view_opens_and_shows_its_content(browser: TestClient, out: Path) -> None:
    with Store(out / "store.duckdb", read_only=True) as store:
        prompt = store.rows("SELECT prompt FROM pairs WHERE pairing = 'p' LIMIT 1")[0]["prompt"]
    for path, words in {
        "/pairs": "pairs and",
        f"/prompt/{prompt}": "Weighted total",
        f"/prompt/{prompt}?show=raw": "As written",
        f"/prompt/{prompt}?show=diff": "Differences",
        "/label": "Your name",
        "/label?by=ann": "Response 2",
        "/judges": "makes the pairs",
        "/judges/criteria": "helpfulness faithfulness",
        "/judges/audit": "pairs ordered as by the gold judge",
        "/runs": "Trainings, side by side",
        "/runs/evaluation": "Models compared with their base",
    }.items():
        reply = browser.get(path)
        assert reply.status_code == 200, f"{path}: {reply.text}"
        assert words in Page(reply.text).words, path


def test_the_list_holds_every_pair_and_every_prompt_without_one_with_its_reason(browser: TestClient, out: Path) -> None:
    found = rows(browser)
    with Store(out / "store.duckdb", read_only=True) as store:
        outcomes = {
            row["prompt"]: row["reason"]
            for row in store.rows("SELECT prompt, reason FROM reasons WHERE pairing = 'p' AND response IS NULL")
        }
    assert {row["prompt"]: row["outcome"] for row in found} == outcomes
    assert len(found) == PROMPTS
    assert all((row["chosen"] is not None) == (row["outcome"] == "paired") for row in found)


FILTERS: dict[str, tuple[dict[str, object], Callable[[dict[str, Any]], object]]] = {
    "margin": ({"margin_from": 30, "margin_to": 60}, lambda row: row["margin"] is not None and 30 <= row["margin"] <= 60),
    "confidence": ({"confidence_from": 90}, lambda row: (row["confidence"] or 0) >= 0.9),
    "outcome": ({"outcome": "paired"}, lambda row: row["outcome"] == "paired"),
    "longer chosen": ({"longer": "chosen"}, lambda row: row["chosen"] and len(row["chosen"]) > len(row["rejected"])),
    "longer rejected": ({"longer": "rejected"}, lambda row: row["chosen"] and len(row["chosen"]) < len(row["rejected"])),
    "source": ({"source": "requests.jsonl:1"}, lambda row: row["source"].startswith("requests.jsonl:1")),
    "text in any case": ({"text": "REPORT 7."}, lambda row: "about report 7." in row["messages"][0]["content"]),
    "text with a wildcard": ({"text": "100%"}, lambda row: False),
    "metadata": ({"meta": "topic", "value": "odd"}, lambda row: row["metadata"].get("topic") == "odd"),
    "a column with a quote": ({"meta": 'a"b', "value": "1"}, lambda row: 'a"b' in row["metadata"]),
    "generator": ({"generator": "writer"}, lambda row: row["chosen_generator"] == "writer"),
    "no such generator": ({"generator": "x' OR 'a' = 'a"}, lambda row: False),
    "SQL": (
        {"where": "margin > 20 AND chosen_text LIKE '%Ramel%'"},
        lambda row: "Ramel" in (row["chosen"] or "") and row["margin"] > 20,
    ),
    "SQL on lengths": (
        {"where": "rejected_characters > chosen_characters AND source LIKE '%7'"},
        lambda row: row["chosen"] and len(row["rejected"]) > len(row["chosen"]) and row["source"].endswith("7"),
    ),
    "SQL and other filters": (
        {"where": "chosen_generator = 'writer'", "text": "report 1", "longer": "chosen", "margin_from": 10},
        lambda row: (
            row["chosen_generator"] == "writer"
            and "about report 1" in row["messages"][0]["content"]
            and len(row["chosen"]) > len(row["rejected"])
            and row["margin"] >= 10
        ),
    ),
    "SQL with a comment": ({"where": "margin > 20 -- and so on"}, lambda row: (row["margin"] or 0) > 20),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_keeps_exactly_the_rows_that_it_describes(browser: TestClient, name: str) -> None:
    query, keeps = FILTERS[name]
    assert rows(browser, **query) == [row for row in rows(browser) if keeps(row)]


def test_a_slow_condition_in_sql_is_interrupted_with_advice(out: Path) -> None:
    slow = Filter(
        pairing="p", where="(SELECT sum(a.range * b.range) FROM range(1000000) AS a, range(1000000) AS b) > margin"
    )
    with Store(out / "store.duckdb", read_only=True) as store:
        with pytest.raises(InputError, match=r"took longer than 0\.1 seconds\nSet other filters too"):
            read_page(Tables(store, patience=0.1), slow)
        assert read_page(Tables(store), Filter(pairing="p")).counts == Counts(
            PROMPTS, store.measure("FROM pairs WHERE pairing = 'p'", "count(*)")
        )


def test_a_search_shows_a_page_before_all_texts_are_read(out: Path) -> None:
    search = Filter(pairing="p", text="report")
    with Store(out / "store.duckdb", read_only=True) as store:
        tables = Tables(store, first=30)
        pages = [read_page(tables, replace(search, page=str(number))) for number in (1, 2)]
        assert [(page.counts, page.more) for page in pages] == [
            (None, True),
            (read_counts(tables, search), False),
        ]
        in_order = read_page(tables, Filter(pairing="p")).rows
        assert [row["prompt"] for row in pages[0].rows] == [row["prompt"] for row in in_order]
        assert read_counts(tables, search).total == PROMPTS


def test_the_tables_of_the_list_follow_the_store(labelled: Path) -> None:
    longer = Filter(pairing="p", where="chosen_characters > 0")
    with Store(labelled / "store.duckdb", read_only=True) as store:
        tables = Tables(store)
        assert read_page(tables, longer).rows
        with Store(labelled / "store.duckdb") as writer:
            writer.run("DELETE FROM pairs")
        store.renew()
        assert not read_page(tables, longer).rows


def test_a_criterion_filter_compares_both_scores(browser: TestClient, out: Path) -> None:
    with Store(out / "store.duckdb", read_only=True) as store:
        worse = store.rows(
            "WITH scored AS (SELECT key, score FROM latest_scores JOIN responses USING (answer) "
            "WHERE judge = 'j-tiny' AND criterion = 'c-faithfulness' AND score IS NOT NULL) "
            "SELECT pairs.prompt FROM pairs JOIN scored AS a ON a.key = chosen JOIN scored AS b ON b.key = rejected "
            "WHERE pairing = 'p' AND a.score - b.score <= 2.7"
        )
    # 30 hundredths of a scale from 1 to 10 are 2.7 points. The pairing of this store names its judge in its spec.
    found = rows(browser, criterion="faithfulness", lead_to=30)
    assert 0 < len(found) < PROMPTS
    assert {row["prompt"] for row in found} == {row["prompt"] for row in worse}


def test_disagreement_finds_pairs_whose_rejected_response_another_judge_prefers(browser: TestClient, out: Path) -> None:
    with Store(out / "store.duckdb", read_only=True) as store:
        opposite = store.rows(
            "WITH points AS (SELECT key, avg(score) AS points FROM latest_scores JOIN responses USING (answer) "
            "WHERE judge = 'j-oracle' AND score IS NOT NULL GROUP BY key) "
            "SELECT pairs.prompt FROM pairs JOIN points AS a ON a.key = chosen JOIN points AS b ON b.key = rejected "
            "WHERE pairing = 'p' AND a.points < b.points - 1e-9"
        )
        voted = store.rows(
            "SELECT pairs.prompt FROM pairs JOIN responses AS a ON a.key = chosen JOIN responses AS b ON b.key = rejected "
            "JOIN comparisons AS c ON (c.first = a.answer AND c.second = b.answer AND preferred = 'second') "
            "OR (c.first = b.answer AND c.second = a.answer AND preferred = 'first') WHERE pairing = 'p'"
        )
    assert {row["prompt"] for row in rows(browser, disagreement=1)} == {row["prompt"] for row in [*opposite, *voted]}


def test_orders_and_pages_are_in_the_url_and_every_row_is_on_one_page(browser: TestClient) -> None:
    pages = [Page(browser.get(f"/pairs?sort=margin&page={page}").text) for page in (1, 2)]
    keys = [link.split("?")[0].removeprefix("/prompt/") for page in pages for link in page.links("/prompt/")]
    assert keys == [row["prompt"] for row in rows(browser, sort="margin")]
    margins = [row["margin"] for row in rows(browser, sort="margin") if row["margin"] is not None]
    assert margins == sorted(margins, reverse=True)
    assert "/pairs?sort=margin&page=2" in pages[0].links("/pairs?")
    assert "/pairs?sort=margin&page=1" in pages[1].links("/pairs?")
    assert "Page 9 of 2" in Page(browser.get("/pairs?page=9").text).words


def test_a_prompt_leads_to_its_neighbours_in_the_same_list(browser: TestClient) -> None:
    first, second, third = Page(browser.get("/pairs?sort=margin-up").text).links("/prompt/")[:3]
    page = Page(browser.get(second).text)
    assert page.links(first.split("?")[0])
    assert page.links(third.split("?")[0])
    assert "/pairs?sort=margin-up" in page.links("/pairs?")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("margin_from=low", "'low' is not a number"),
        ("confidence_to=nan", "'nan' is not a number"),
        ("sort=random", "unknown order"),
        ("page=0", "is not a page"),
        ("longer=both", "unknown value"),
        ("where=margin+>", "not an SQL condition"),
        ("where=true)+OR+(true", "not an SQL condition"),
        ("where=1;DROP+TABLE+pairs", "not an SQL condition"),
        ("where=no_such_column", "DuckDB rejects this"),
        ("where=(SELECT+count(*)+FROM+read_text('/etc/passwd'))>0", "DuckDB rejects this"),
        ("pairing=other", "does not exist"),
    ],
)
def test_a_wrong_filter_is_explained(browser: TestClient, query: str, message: str) -> None:
    for path in ("/pairs", "/pairs.jsonl"):
        reply = browser.get(f"{path}?{query}")
        assert reply.status_code == 400
        assert message in Page(reply.text).words


def test_the_matrix_shows_scores_weights_and_totals(browser: TestClient, out: Path) -> None:
    with Store(out / "store.duckdb", read_only=True) as store:
        pair = store.rows("SELECT prompt, chosen FROM pairs WHERE pairing = 'p' ORDER BY margin DESC LIMIT 1")[0]
        points = store.rows(
            "SELECT avg(100 * (score - 1) / 9)::DOUBLE AS points FROM latest_scores JOIN responses USING (answer) "
            "WHERE judge = 'j-tiny' AND key = $key",
            key=pair["chosen"],
        )[0]["points"]
    words = Page(browser.get(f"/prompt/{pair['prompt']}").text).words
    assert words.partition("Weighted total")[2].split()[0] == f"{points:.1f}"


def test_a_vote_lands_in_the_store_and_in_the_agreement_and_can_be_undone(labelled: Path) -> None:
    with client(subject(labelled)) as browser:
        seen = []
        for vote in ("first", "second", "tie"):
            page = Page(browser.get("/label?by=ann").text)
            form = {"by": "ann", "first": page.values("first")[0], "second": page.values("second")[0], "vote": vote}
            reply = browser.post("/label/vote", content=urlencode(form), headers=ORIGIN)
            assert reply.headers["location"] == "/label?by=ann"
            # A form that is sent again changes nothing.
            browser.post("/label/vote", content=urlencode(form), headers=ORIGIN)
            seen.append((form["first"], form["second"], vote))
        assert votes(labelled) == seen
        words = Page(browser.get("/label?by=ann").text).words
        assert "3 votes on 4 prompts" in words
        assert "Same winner" in words
        browser.post("/label/undo", content="by=ann", headers=ORIGIN)
        assert votes(labelled) == seen[:2]
        assert Page(browser.get("/label?by=ann").text).values("first")[0] == seen[2][0]


def votes(out: Path) -> list[tuple[str, str, str]]:
    with Store(out / "store.duckdb", read_only=True) as store:
        found = store.rows(
            "SELECT first, second, preferred FROM comparisons WHERE judge = $key ORDER BY rowid", key=Voter("ann").key
        )
    return [(row["first"], row["second"], row["preferred"]) for row in found]


def test_labeling_is_blind_and_a_skipped_task_does_not_come_back(labelled: Path) -> None:
    with client(subject(labelled)) as browser:
        first = []
        for _ in range(4):
            html = browser.get("/label?by=ann").text
            assert "writer" not in html
            assert "tiny" not in html
            first.append(Page(html).values("first")[0])
            form = {"by": "ann", "first": first[-1], "second": Page(html).values("second")[0]}
            browser.post("/label/skip", content=urlencode(form), headers=ORIGIN)
        assert len(set(first)) == 4
        assert "Nothing to vote on" in Page(browser.get("/label?by=ann").text).words
    assert votes(labelled) == []


def test_pairs_on_which_judges_disagree_come_first_then_those_with_low_confidence(out: Path) -> None:
    with Store(out / "store.duckdb", private=True) as store:
        store.run("DELETE FROM comparisons")
        scores = store.rows(
            "SELECT answer, judge_key AS judge, avg(percent) AS score FROM responses_scored JOIN responses ON key = response "
            "WHERE score IS NOT NULL GROUP BY ALL"
        )
        points = {(row["answer"], row["judge"]): row["score"] for row in scores}
        labelled = store.rows(
            "SELECT one.answer AS a, two.answer AS b, confidence FROM pairs JOIN responses AS one ON one.key = chosen "
            "JOIN responses AS two ON two.key = rejected WHERE pairing = 'p'"
        )
        confidence = {frozenset((row["a"], row["b"])): row["confidence"] for row in labelled}
        tasks = labeling_tasks(store, Voter("new"), ["g"], informative=True)
        assert len(tasks) == len(labeling_tasks(store, Voter("new"), ["g"]))
    found = []
    for task in tasks:
        tiny, oracle = (
            (points.get((task.first, judge)) or 0) - (points.get((task.second, judge)) or 0)
            for judge in ("j-tiny", "j-oracle")
        )
        scored = all((side, judge) in points for side in (task.first, task.second) for judge in ("j-tiny", "j-oracle"))
        disputed = min(abs(tiny), abs(oracle)) if scored and tiny * oracle < 0 else 0
        found.append((disputed, -(confidence.get(frozenset((task.first, task.second))) or 1)))
    first = [disputed for disputed, _ in found if disputed]
    assert len(first) > 3
    assert [disputed for disputed, _ in found][: len(first)] == pytest.approx(sorted(first, reverse=True), abs=0.01)
    assert found[len(first) :] == sorted(found[len(first) :], reverse=True)


def test_the_order_of_the_questions_can_be_random(labelled: Path) -> None:
    with client(subject(labelled)) as browser:
        page = Page(browser.get("/label?by=ann&order=random").text)
        assert "A random sample" in page.words
        assert "Responses on which judges disagree" in Page(browser.get("/label?by=ann&order=telling").text).words
        assert browser.get("/label?by=ann&order=x").status_code == 400


def test_a_live_run_shows_its_rate_the_time_that_is_left_and_its_errors(labelled: Path) -> None:
    with Store(labelled / "store.duckdb") as store:
        store.run("UPDATE responses SET created = $now - INTERVAL 30 SECOND", now=now())
        store.run("UPDATE responses SET failure = 'timeout', detail = 'no reply in 60 s' WHERE rowid = 0")
        n = store.measure("FROM responses", "count(*)")
    live = replace(subject(labelled), remaining=lambda store: {"responses": 10 * n, "judgements": 0})
    with client(live) as browser:
        words = Page(browser.get("/runs").text).words
    assert f"Still to come: {10 * n} responses, about" in words
    assert "1 response failed (timeout): no reply in 60 s" in words


def test_the_time_that_is_left_is_that_of_the_slower_kind() -> None:
    rates = [{"kind": "responses", "per_minute": 60.0}, {"kind": "judgements", "per_minute": 30.0}]
    assert time_left(rates, {"responses": 100, "judgements": 100}) == 200
    assert time_left(rates[:1], {"responses": 100, "judgements": 100}) is None
    assert time_left(rates, {"responses": 0, "judgements": 0}) is None


def test_several_models_are_ranked_by_their_win_rate(out: Path) -> None:
    first = EVALUATION.matches[0]
    better = replace(first, trained=replace(first.trained, name="writer-dpo"), win_rate=0.97)
    unknown = replace(first, trained=replace(first.trained, name="writer-new"), win_rate=None, interval=None)
    found = replace(EVALUATION, matches=[unknown, *EVALUATION.matches, better])
    assert [name for name, _ in rank(found)] == ["writer-dpo", first.trained.name, "writer-new"]
    with client(replace(subject(out), evaluate=lambda store: found)) as browser:
        words = Page(browser.get("/runs/evaluation").text).words
    assert "1. writer-dpo 97 %" in words
    assert f"{first.base.name}, the base" in words


def test_the_criteria_of_a_judge_are_correlated(browser: TestClient, out: Path) -> None:
    with Store(out / "store.duckdb", read_only=True) as store:
        expected = store.rows(
            "SELECT corr(a.score, b.score) AS found FROM responses_scored AS a JOIN responses_scored AS b USING (response, judge) "
            "WHERE judge = 'tiny' AND a.criterion = 'helpfulness' AND b.criterion = 'faithfulness'"
        )[0]["found"]
    words = Page(browser.get("/judges/criteria").text).words
    assert f"tiny helpfulness faithfulness {expected:+.2f}" in words


def test_checked_items_are_marked_in_the_sentences_that_they_are_about() -> None:
    items = [
        Found("c", "The driver was Ramel.", "supported", None),
        Found("c", "102 crates were carried by the truck", "not", None),
        Found("c", "The weather was fine", "missing", None),
        Found("c", "Ramel was the driver", "partly", None),
    ]
    text = "Ramel was the driver.\n\nThe truck carried 102 crates! It left at 06:40."
    found = mark_items(text, items)
    assert "".join(part.text for part in found) == text
    assert [(part.text.strip(), part.numbers, part.tone) for part in found if part.numbers] == [
        ("Ramel was the driver.", [1, 4], "bad"),
        ("The truck carried 102 crates!", [2], "bad"),
    ]
    assert [part.tone for part in mark_items(text, items[:1]) if part.numbers] == ["good"]
    assert mark_items("", items) == []


def test_while_another_process_writes_a_vote_is_refused_and_the_page_says_so(labelled: Path) -> None:
    import subprocess
    import sys

    code = "import sys, pathlib; from rlaif.store.store import Store\nwith Store(pathlib.Path(sys.argv[1])): print(1, flush=True); input()"
    with client(subject(labelled)) as browser:
        page = Page(browser.get("/label?by=ann").text)
        form = {"by": "ann", "first": page.values("first")[0], "second": page.values("second")[0], "vote": "tie"}
        command = [sys.executable, "-c", code, str(labelled / "store.duckdb")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
            assert writer.stdin
            assert writer.stdout
            writer.stdout.readline()
            location = browser.post("/label/vote", content=urlencode(form), headers=ORIGIN).headers["location"]
            assert location == "/label?by=ann&busy=1"
            writer.stdin.close()
        assert "not stored" in Page(browser.get(location).text).words
    assert votes(labelled) == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\x07b"])
def test_a_name_must_be_printable(labelled: Path, name: str) -> None:
    with client(subject(labelled)) as browser:
        assert browser.post("/label/undo", content=urlencode({"by": name}), headers=ORIGIN).status_code == 400


def test_nothing_is_shown_without_the_token(out: Path) -> None:
    with client(subject(out), token=None) as stranger:
        for path in ("/pairs", "/static/view.css", "/pairs?token=wrong", "/label/vote"):
            reply = stranger.get(path)
            assert (reply.status_code, "courier" in reply.text) == (403, False)
        stranger.cookies.set(f"rlaif_view_{PORT}", "wrong")
        assert stranger.get("/pairs").status_code == 403


def test_the_token_moves_from_the_address_into_a_strict_cookie(out: Path) -> None:
    with client(subject(out), token=None) as browser:
        reply = browser.get(f"/pairs?sort=margin&token={TOKEN}")
        assert reply.headers["location"] == "/pairs?sort=margin"
        cookie = reply.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert browser.get(reply.headers["location"]).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", f"127.0.0.1:{PORT + 1}", f"evil.example:{PORT}", ""])
def test_another_host_name_is_refused(browser: TestClient, host: str) -> None:
    assert browser.get("/pairs", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", f"http://127.0.0.1:{PORT + 1}"])
def test_a_vote_from_another_page_is_refused(browser: TestClient, origin: str | None) -> None:
    reply = browser.post("/label/undo", content="by=ann", headers={"origin": origin} if origin else {})
    assert reply.status_code == 403


def test_every_response_forbids_inline_scripts_and_other_hosts(browser: TestClient) -> None:
    for path in ("/pairs", "/nowhere", "/static/view.js", "/pairs.jsonl", "/pairs?page=x"):
        headers = browser.get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert set(policy.values()) <= {"'none'", "'self'"}
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_an_empty_store_and_one_without_pairs_have_pages(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        pass
    with client(subject(tmp_path)) as browser:
        for path in ("/pairs", "/label?by=ann", "/judges", "/runs"):
            assert browser.get(path).status_code == 200, path
        assert browser.get("/prompt/abc").status_code == 400
    with Store(tmp_path / "store.duckdb") as store:
        report_store.fill(store, prompts=3)
        store.run("DELETE FROM pairs; DELETE FROM pairings; DELETE FROM reasons")
    with client(subject(tmp_path)) as browser:
        assert len(rows(browser)) == 3
        assert "no pairs have been made yet" in Page(browser.get("/pairs").text).words
