import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rlaif import report
from rlaif.config import Pipeline
from rlaif.evaluation import Evaluation, Match, Side
from rlaif.report.data import Step, read_examples, read_funnel
from rlaif.store.store import Store
from tests.support.page import Page
from tests.support.report_store import AGREEMENTS, EVALUATION, HELD_OUT, HOSTILE, MATCHES, fill, pipeline

MINIMAL = Pipeline.model_validate({"name": "empty", "collect": {"sources": [{"path": "none.jsonl"}]}})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.duckdb") as store:
        yield store


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A filled store, for tests that only read it."""
    with Store(tmp_path_factory.mktemp("report") / "store.duckdb") as store:
        fill(store)
        yield store


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a store where everything that others write is hostile."""
    with Store(tmp_path_factory.mktemp("report") / "store.duckdb") as store:
        fill(store, prompts=12, hostile=True)
        return report.render(store, pipeline(), evaluation=Evaluation([judged_by_hostile()]))


def judged_by_hostile() -> Match:
    side = replace(MATCHES[1].base, name=HOSTILE, failures={HOSTILE: 1})
    return replace(MATCHES[1], judge=HOSTILE, base=side, trained=side, excluded={HOSTILE: 2})


def count(store: Store, text: str) -> int:
    return int(store.rows(f"SELECT count(*) AS n FROM {text}")[0]["n"])


def funnel(store: Store) -> dict[tuple[int, str], Step]:
    store.execute("report/sql/views")
    return {(step.number, step.which): step for step in read_funnel(store, pipeline())}


def test_every_step_of_the_funnel_takes_what_the_one_before_gave(full: Store) -> None:
    steps = funnel(full)
    rows, prompts, responses = steps[1, "of the sources"], steps[2, "collected"], steps[3, "by writer"]
    assert rows.kept == prompts.total == steps[5, "to pair"].total == count(full, "prompts") == 120
    assert rows.total - rows.kept == count(full, "dropped WHERE what = 'prompt'") == 11
    assert responses.total == steps[6, "to pair"].total == count(full, "(SELECT DISTINCT key FROM responses)") == 480
    assert responses.kept == count(full, "responses WHERE failure IS NULL")
    for judge in ("tiny", "oracle"):
        judged = steps[4, f"by writer, judged by {judge}"]
        assert judged.total == responses.kept
        assert judged.kept == count(
            full, f"responses WHERE answer IN (SELECT answer FROM scores WHERE judge = 'j-{judge}' AND value IS NOT NULL)"
        )
    pairs = count(full, "pairs WHERE pairing = 'p'")
    assert steps[5, "to pair"].kept == pairs == steps[7, "made"].total
    assert steps[6, "to pair"].kept == 2 * pairs


@pytest.mark.fault("J7")
def test_every_part_of_the_funnel_has_a_reason_and_stands_in_the_page(full: Store) -> None:
    words = Page(report.render(full, pipeline())).words
    for step in funnel(full).values():
        assert f"{step.total:,} {step.name}" in words
        for part in step.parts:
            assert f"{part['n']:,} {part['part'].replace('_', ' ')}" in words


def test_held_out_prompts_are_those_below_the_share(full: Store) -> None:
    parts = {part["part"]: part["n"] for part in funnel(full)[2, "collected"].parts}
    assert parts["held out"] == count(full, f"prompts WHERE bucket < {round(HELD_OUT * 10000)}") > 0


def test_sections_without_content_are_left_out_and_the_next_step_is_named(store: Store) -> None:
    page = Page(report.render(store, MINIMAL))
    assert [section["id"] for section in page.all("section")] == ["again"]
    assert "No pairs yet." in page.words
    assert "Next rlaif" in page.words
    assert not page.all("svg")


@pytest.mark.parametrize(
    "table", ["scores", "pairs", "pairings", "reasons", "training_log", "trainings", "stage_runs", "dropped"]
)
def test_a_store_without_one_kind_of_rows_still_gives_a_page(store: Store, table: str) -> None:
    fill(store, prompts=12)
    store.rows(f"DELETE FROM {table}")
    assert "courier-notes" in Page(report.render(store, pipeline())).words


def test_the_judge_whose_scores_make_the_pairs_comes_first(full: Store) -> None:
    words = Page(report.render(full, pipeline())).words
    first, second = (words.index(f"Judge {name} , over all responses that it scored") for name in ("tiny", "oracle"))
    assert first < words.index("; its scores make the pairs") < second


def test_base_and_trained_stand_side_by_side_with_what_is_missing(full: Store) -> None:
    page = Page(report.render(full, pipeline(), evaluation=EVALUATION, agreements=AGREEMENTS))
    for line in (
        "Judged by oracle on 23 held-out prompts, writer, trained scores 88.9 of 100 against its base’s 61.2",
        "wins 83 % of the prompts (95 % interval 67 to 96 %).",
        "95 % interval 28 to 70 %, no clear difference).",
        "faithfulness 57.8 92.2 +34.4 71 %",
        "faithfulness – – – –",
        "Excluded prompts: 2 no score for base, 1 no score for base and trained.",
        "Excluded responses of writer: 2 malformed (of 23).",
        "trained by dpo on 95 pairs; rejected: 2 over length.",
        "completeness 191 – 58 % 74.0 80.0",
        "both judges order 83 % alike and 7 % in opposite order",
        "30 +18.6 +14.1 to +23.6 +13.8 +9.3 to +18.8 22.8 4.60 4 %",
    ):
        assert line in page.words
    assert page.words.count("so training went on for too long: use the model in models/t/steps/30.") == 2
    assert "None" not in page.words


def test_an_evaluation_without_any_scored_prompt_shows_dashes(full: Store) -> None:
    side = Side("writer", 2, {"malformed": 2}, None, None, None, None)
    nothing = Match("tiny", side, side, 0, {"no score for base and trained": 2}, None, None, None, None, 0, [])
    page = Page(report.render(full, pipeline(), evaluation=Evaluation([nothing])))
    assert "tiny writer 0 – – – –" in page.words
    assert "Mean length, in words: – for the base" in page.words


@pytest.mark.fault("P11")
def test_hostile_text_stays_text(hostile: str) -> None:
    page = Page(hostile)
    tags = Counter(name for name, _ in page.tags)
    assert not tags["script"]
    assert tags["style"] == 1
    assert not any(name.startswith("on") or name == "style" for _, attributes in page.tags for name in attributes)
    assert "<script>alert('x')</script>" in page.words
    assert "{{ 7*7 }}" in page.words
    hiding = {character for character in hostile if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")}
    assert hiding == {"\n"}
    assert "⟨U+202E⟩evil⟨U+202C⟩ ⟨U+0000⟩⟨U+001B⟩[31m" in page.words


def test_the_page_loads_nothing_and_forbids_itself_to(hostile: str) -> None:
    page = Page(hostile)
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert not any({"src", "srcset", "xlink:href", "action", "data"} & set(attributes) for _, attributes in page.tags)
    ids = {attributes.get("id") for _, attributes in page.tags}
    links = {attributes["href"] for _, attributes in page.tags if "href" in attributes}
    assert links
    assert all(link is not None and link.startswith("#") and link[1:] in ids for link in links)
    style = (report.PAGE / "style.css").read_text(encoding="utf-8")
    assert "url(" not in style
    assert "@import" not in style
    assert "<" not in style


def test_charts_have_names_and_tables_have_headers(full: Store) -> None:
    page = Page(report.render(full, pipeline(), evaluation=EVALUATION, agreements=AGREEMENTS))
    charts = [attributes for attributes in page.all("svg") if "class" in attributes]
    assert len(charts) > 20
    assert all(chart.get("aria-hidden") or (chart.get("role") == "img" and chart.get("aria-label")) for chart in charts)
    assert all(header.get("scope") in ("col", "row") for header in page.all("th"))
    assert len(page.all("table")) == len(page.all("caption")) == len(page.all("thead")) >= 2
    assert len(page.all("h1")) == 1


def test_cells_name_their_columns_for_phones_and_bars_show_their_counts(full: Store) -> None:
    html = report.render(full, pipeline(), evaluation=EVALUATION, agreements=AGREEMENTS)
    page = Page(html)
    cells = [cell for cell in page.all("td") if "colspan" not in cell and cell.get("class") != "chart"]
    assert len(cells) > 100
    assert all(cell["data-label"] for cell in cells)
    margins = html[html.index("<b>Margins</b>") : html.index("<b>Length differences</b>")]
    counts = [int(text) for text in re.findall('class="count"[^>]*>([0-9]+)<', margins)]
    assert sum(counts) == count(full, "pairs WHERE pairing = 'p'")


def test_an_example_names_its_responses_and_their_weighted_totals(store: Store) -> None:
    fill(store, prompts=12)
    weights = {"helpfulness": 1.0, "faithfulness": 3.0, "completeness": 0.0}
    store.append(
        "pairing_criteria",
        [{"pairing": "p", "criterion": f"c-{name}", "name": name, "weight": weight} for name, weight in weights.items()],
    )
    store.execute("report/sql/views")
    example = read_examples(store)[0]
    percents = [
        {
            row["criterion"]: 100 * (row["score"] - 1) / 9
            for row in (pair[side] for pair in example.marks)
            if row["judge"] == "tiny"
        }
        for side in (0, 1)
    ]
    expected = [(each["helpfulness"] + 3 * each["faithfulness"]) / 4 for each in percents]
    ((judge, *totals),) = example.totals
    assert judge == "tiny"
    assert totals == pytest.approx(expected)
    words = Page(report.render(store, pipeline(), file="notes.yaml")).words
    assert f"response {example.row['chosen_id'][:12]}" in words
    assert f"weighted total {totals[0]:.1f} of 100, by tiny" in words
    assert "rlaif view notes.yaml shows all pairs" in words


def test_no_secret_reaches_the_page(store: Store) -> None:
    html = report.render(store, pipeline())
    assert "hunter2" not in html
    assert "tiger3" not in html
    assert "hf_planted" not in html
    assert "llm.example" in html
    assert "env:OPENAI_API_KEY" in html
    assert "max_tokens: 1024" in html


def test_long_texts_in_any_script_stay_below_two_megabytes(store: Store) -> None:
    fill(store, prompts=40, padding="語<" * 20_000)
    html = report.render(store, pipeline())
    assert len(html.encode()) < 2_000_000
    assert "more characters" in Page(html).words


def test_examples_are_a_spread_and_the_same_every_time(full: Store) -> None:
    examples = store_examples(full)
    assert Counter(why for why, _ in examples) >= Counter({"largest margin": 2, "smallest margin": 2, "random": 4})
    margins = [margin for why, margin in examples if why != "random" and margin is not None]
    assert margins == sorted(margins, reverse=True)
    assert examples == store_examples(full)


def test_pairs_from_preferences_have_no_margin_and_are_all_drawn(store: Store) -> None:
    fill(store, prompts=60)
    pairs = store.rows("SELECT * FROM pairs WHERE pairing = 'p'")
    store.rows("DELETE FROM pairs")
    store.append("pairs", [{**pair, "margin": None, "confidence": None} for pair in pairs])
    assert store_examples(store) == [("random", None)] * 12
    words = Page(report.render(store, pipeline())).words
    assert "These pairs come from preferences" in words
    assert "Margins Chosen minus" not in words


def store_examples(store: Store) -> list[tuple[str, float | None]]:
    store.execute("report/sql/views")
    return [(example.row["why"], example.row["margin"]) for example in read_examples(store)]


def test_an_example_shows_what_its_response_lacks_and_no_more_of_it_than_fits(store: Store) -> None:
    fill(store, prompts=12)
    store.execute("report/sql/views")
    example = read_examples(store)[0]
    score = store.rows(
        "SELECT verdict, answer, judge, criterion FROM scores WHERE judge = 'j-tiny' AND answer = $answer "
        "ORDER BY criterion LIMIT 1",
        answer=example.row["rejected_answer"],
    )[0]
    found = [
        ("supported one", "supported", 1.0),
        *((f"claim {n} {HOSTILE}", "not", 0.0) for n in range(7)),
        ("half", "partly", 0.5),
    ]
    store.append(
        "findings",
        [
            score | {"position": place, "text": text, "outcome": outcome, "earned": earned, "verdict": verdict}
            for verdict in (score["verdict"], "~ repeated")
            for place, (text, outcome, earned) in enumerate(found)
        ],
    )
    (shown,) = [mark["findings"] for _, mark in read_examples(store)[0].marks if mark and mark["findings"]]
    assert [(row["outcome"], row["text"][:7], row["lacking"]) for row in shown] == [
        ("not", f"claim {n}", 8) for n in range(5)
    ]
    page = Page(report.render(store, pipeline()))
    assert "claim 4" in page.words
    assert "and 3 more" in page.words
    assert "claim 5" not in page.words
    assert "supported one" not in page.words
    assert "script" not in {tag for tag, _ in page.tags}


def worded(key: str) -> dict[str, object]:
    return {"key": key, "name": "helpfulness", "kind": "scale", "low": 1.0, "high": 10.0, "spec": "{}"}


def test_a_rubric_of_other_wording_is_left_out_whether_older_or_newer_than_the_pairing(store: Store) -> None:
    fill(store, prompts=30)
    weighed = [{"pairing": "p", "criterion": f"c-{name}"} for name in ("helpfulness", "faithfulness", "completeness")]
    store.append("pairing_criteria", weighed)
    before = [(step.which, step.total, step.kept) for step in funnel(store).values()]
    answer = store.rows("SELECT answer FROM scores LIMIT 1")[0]["answer"]
    score = {"verdict": "other", "answer": answer, "judge": "j-tiny", "repeat": 0, "attempt": 0, "value": 1.0}
    store.append("criteria", [worded("c-other")])
    store.append("scores", [{**score, "criterion": "c-other"}])
    assert [(step.which, step.total, step.kept) for step in funnel(store).values()] == before
    assert [row["criterion"] for row in store.query("report/sql/scores")] == [
        "helpfulness",
        "faithfulness",
        "completeness",
    ] * 2
    store.rows("DELETE FROM pairing_criteria")
    scored = {(row["judge"], row["criterion"]): row["scored"] for row in store.query("report/sql/scores")}
    assert scored["tiny", "helpfulness"] == 1


def test_the_pairings_own_judges_and_generators_are_shown_if_names_are_shared(store: Store) -> None:
    fill(store, prompts=30)
    before = [(step.which, step.total, step.kept) for step in funnel(store).values()]
    store.append("judges", [{"key": "j-newer", "name": "tiny", "spec": "{}"}])
    store.append("generators", [{"key": "g-newer", "name": "writer", "spec": "{}"}])
    assert [(step.which, step.total, step.kept) for step in funnel(store).values()] == before


def test_the_page_is_written_whole_from_a_store_opened_for_reading(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, prompts=12)
    with Store(tmp_path / "store.duckdb", read_only=True) as store:
        report.write(store, pipeline(), tmp_path / "out" / "report.html")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.html"]
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
