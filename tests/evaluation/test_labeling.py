"""People vote: blind, in an order that the seed decides, each pair once; on a sheet that no spreadsheet runs."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from rlaif.config import load
from rlaif.core.errors import InputError
from rlaif.core.types import answer_key
from rlaif.evaluation.labeling import LabelingTask, Voter, collect_votes, labeling_tasks, read, write
from rlaif.pipeline import open_run, pair
from rlaif.pipeline.stages.audit import audit
from rlaif.store.store import Store
from tests.support.command_line import rlaif
from tests.support.scripted_pipeline import go, project, rows
from tests.support.stores import GENERATOR, fill, prompt

ANN = Voter("ann")
TABLE = {name: [{"text": f"{name} {text}"} for text in ("one", "two", "three")] for name in "pqrs"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, TABLE)
        yield store


def left(store: Store, voter: Voter = ANN, **options: int) -> list[LabelingTask]:
    return labeling_tasks(store, voter, [GENERATOR], **options)


def saying(*lines: str) -> Callable[[str], str]:
    said = iter(lines)

    def read(question: str) -> str:
        try:
            return next(said)
        except StopIteration:
            raise EOFError from None

    return read


def votes(store: Store) -> list[tuple[str, str, str]]:
    return [(row["first"], row["second"], row["preferred"]) for row in store.rows("FROM comparisons ORDER BY rowid")]


def shown() -> tuple[Console, io.StringIO]:
    page = io.StringIO()
    return Console(file=page, width=100), page


def test_ballots_are_the_same_for_a_seed_and_other_ones_for_another(store: Store) -> None:
    assert left(store) == left(store)
    assert left(store) != left(store, seed=1)
    assert left(store, limit=2) == left(store)[:2]


def test_each_prompt_has_the_requested_number_of_pairs(store: Store) -> None:
    assert sorted(each.request for each in left(store)) == list("pqrs")
    every = left(store, per_prompt=9)
    assert len({frozenset((each.first, each.second)) for each in every}) == len(every) == 12


def test_either_answer_of_a_pair_may_be_shown_first(store: Store) -> None:
    first = [each.first < each.second for seed in range(10) for each in left(store, per_prompt=9, seed=seed)]
    assert 0.3 < sum(first) / len(first) < 0.7


def test_each_vote_is_kept_and_its_pair_does_not_come_again(store: Store) -> None:
    asked = left(store)
    console, _ = shown()
    assert collect_votes(store, ANN, asked, console, saying("1", "what?", "T", "s", "q")) == 2
    assert votes(store) == [(asked[0].first, asked[0].second, "first"), (asked[1].first, asked[1].second, "tie")]
    assert left(store) == asked[2:]
    assert len(left(store, Voter("bob"))) == 4


def test_the_end_of_input_is_a_quit(store: Store) -> None:
    console, _ = shown()
    assert collect_votes(store, ANN, left(store), console, saying("2")) == 1


def test_undo_takes_the_last_vote_back_and_asks_again_even_after_the_last_pair(store: Store) -> None:
    asked = left(store, limit=2)
    console, _ = shown()
    assert collect_votes(store, ANN, asked, console, saying("u", "1", "u", "2", "t", "u", "1")) == 2
    assert votes(store) == [(asked[0].first, asked[0].second, "second"), (asked[1].first, asked[1].second, "first")]


def test_a_ballot_shows_the_texts_but_not_their_generators(store: Store) -> None:
    console, page = shown()
    collect_votes(store, ANN, left(store), console, saying("q"))
    text = page.getvalue()
    assert left(store)[0].first_text in text
    assert left(store)[0].second_text in text
    assert GENERATOR not in text


def test_answers_cannot_move_the_cursor_and_long_documents_are_shown_on_demand(store: Store) -> None:
    ballot = LabelingTask("p", "a", "b", "Sum up.", "x" * 3000 + "the end", "\x1b[2Jone\u202e", "[bold]two[/bold]")
    console, page = shown()
    collect_votes(store, ANN, [ballot], console, saying("q"))
    assert "the end" not in page.getvalue()
    assert "7 more characters" in page.getvalue()
    assert "⟨U+001B⟩[2Jone⟨U+202E⟩" in page.getvalue()
    assert "[bold]two[/bold]" in page.getvalue()
    collect_votes(store, ANN, [ballot], console, saying("d", "q"))
    assert "the end" in page.getvalue().replace("\n", "")


def filled(path: Path, *said: str) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.DictWriter(file, list(lines[0]))
        sheet.writeheader()
        sheet.writerows(line | {"preferred": word} for line, word in zip(lines, said, strict=True))


def test_a_sheet_filled_in_and_read_back_gives_those_votes_and_once(store: Store, tmp_path: Path) -> None:
    asked, sheet = left(store), tmp_path / "votes.csv"
    write(asked, sheet)
    filled(sheet, "First", "2", "", "tie")
    assert read(store, ANN, sheet) == {ANN.name: (3, 1)}
    expected = zip([0, 1, 3], ["first", "second", "tie"], strict=True)
    assert votes(store) == [(asked[place].first, asked[place].second, vote) for place, vote in expected]
    assert read(store, ANN, sheet) == {ANN.name: (0, 4)}
    assert left(store) == asked[2:3]


def test_a_sheet_with_semicolons_is_read_too(store: Store, tmp_path: Path) -> None:
    asked = left(store)[0]
    (tmp_path / "votes.csv").write_text(f"ballot;request;preferred\n{asked.first}-{asked.second};p;first\n")
    assert read(store, ANN, tmp_path / "votes.csv") == {ANN.name: (1, 0)}


SIGNS = "=+-@＝＋－＠\u2212"
BEFORE = [
    "",
    " ",
    "\t",
    "\n",
    "\r\n",
    '"',
    "'",
    "' \"",
    "\u00a0",
    "\u200b",
    "\ufeff",
    "\u3000",
    "“",
    "text;",
    "text; ",
    "text\t",
    "text\n",
    "text\n\n",
    'text;"',
    "text\r",
    "text\u2028",
    "text;;\t",
    "a\n b;'",
    "\x00",
    "\x0b",
]


def cells(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.DictReader(file))


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("before", BEFORE)
def test_no_text_of_a_sheet_is_a_formula_in_any_spreadsheet(tmp_path: Path, before: str, sign: str) -> None:
    text = f"{before}{sign}cmd|' /C calc'!A0"
    write([LabelingTask("p", "a", "b", text, text, text, text)], tmp_path / "votes.csv")
    for name in ("request", "document", "first", "second"):
        # However a spreadsheet takes the file apart, what is before the sign of a formula is an apostrophe.
        for part in re.split("[;\t\r\n\u2028]", cells(tmp_path / "votes.csv")[name]):
            assert not re.match(f"[\\s\"'“\u200b\ufeff]*(?<!')[{re.escape(SIGNS)}]", part), part


@pytest.mark.parametrize("text", ["1 - 1 = 0", "a+b@c.d", "so: =1", "x\ny", "well-known", "e-mail; a-b"])
def test_a_text_that_is_not_a_formula_is_unchanged_in_a_sheet(tmp_path: Path, text: str) -> None:
    write([LabelingTask("p", "a", "b", text, text, text, text)], tmp_path / "votes.csv")
    assert cells(tmp_path / "votes.csv")["first"] == text


SHEETS: dict[str, Callable[[str], bytes]] = {
    "as it is written": lambda text: text.encode("utf-8-sig"),
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "a first line that names the separator": lambda text: ("sep=;\r\n" + text.replace(",", ";")).encode("utf-8-sig"),
    "the same, quoted": lambda text: ('"sep=|"\n' + text.replace(",", "|")).encode(),
    "lines of Windows": lambda text: text.replace("\n", "\r\n").encode(),
    "lines of old Macs": lambda text: text.replace("\n", "\r").encode(),
    "UTF-16 as Excel saves it": lambda text: text.replace(",", "\t").encode("utf-16"),
    "UTF-16, the other order": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "a code page": lambda text: text.replace("p?", "é?").encode("latin-1"),
    "blank rows": lambda text: ("\n\n" + text.replace("\n", "\n\n,,\n  ,,\n")).encode(),
    "quoted": lambda text: "\n".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines()
    ).encode(),
    "other columns, in another order": lambda text: "\n".join(
        "x," + ",".join(reversed(line.split(","))) for line in text.splitlines()
    ).encode(),
    "capital names with spaces": lambda text: text.replace("ballot", " Ballot ").replace("preferred", "PREFERRED").encode(),
}


@pytest.mark.parametrize("how", SHEETS)
def test_a_sheet_is_read_in_any_encoding_of_a_spreadsheet(store: Store, tmp_path: Path, how: str) -> None:
    asked = left(store)
    rows = [f"{each.first}-{each.second},p?,{vote}" for each, vote in zip(asked, ("first", "2", "", "T"), strict=True)]
    (tmp_path / "votes.csv").write_bytes(SHEETS[how]("\n".join(["ballot,request,preferred", *rows])))
    assert read(store, ANN, tmp_path / "votes.csv") == {ANN.name: (3, 1)}
    assert [vote for _, _, vote in votes(store)] == ["first", "second", "tie"]


def test_votes_that_contradict_each_other_are_refused_with_both_rows(store: Store, tmp_path: Path) -> None:
    one, two, *_ = left(store)
    sheet = tmp_path / "votes.csv"
    lines = [f"{one.first}-{one.second},first", "", f"{two.first}-{two.second},tie", f"{one.second}-{one.first},1"]
    sheet.write_text("\n".join(["ballot,preferred", *lines]))
    with pytest.raises(InputError) as caught:
        read(store, ANN, sheet)
    assert caught.value.where == f"{sheet}:5"
    assert f"{sheet}:2 is for the second answer" in str(caught.value)
    assert votes(store) == []
    # The other order and the other word are the same vote.
    sheet.write_text("\n".join(["ballot,preferred", *lines[:3], f"{one.second}-{one.first},2"]))
    assert read(store, ANN, sheet) == {ANN.name: (2, 1)}
    sheet.write_text(f"ballot,preferred\n{one.first}-{one.second},tie")
    with pytest.raises(InputError, match="the stored vote of human:ann is for the first answer"):
        read(store, ANN, sheet)


def test_a_sheet_is_never_written_over_another(tmp_path: Path) -> None:
    (tmp_path / "votes.csv").write_text("votes")
    with pytest.raises(InputError, match="may contain votes"):
        write([], tmp_path / "votes.csv")
    assert (tmp_path / "votes.csv").read_text() == "votes"


WRONG = [
    ("ballot,preferred\n{a}-{b},frist\n", ":2", "preferred is 'frist'"),
    ("ballot,preferred\n{a}-{b},first\n{a}-zzz,first\n", ":3", "does not name two responses"),
    ("ballot,preferred\n{a}-{a},first\n", ":2", "does not name two responses"),
    ("ballot,preferred\n{a}-{c},first\n", ":2", "does not name two responses"),
    ("ballot,preferd\n{a}-{b},first\n", "", "no column 'preferred'"),
    ("ballot,preferred,preferred\n{a}-{b},first,tie\n", "", "2 columns called 'preferred'"),
    ('sep=;\nballot;request;preferred\n{a}-{b};"two\nlines";first\n{a}-{b};x;better\n', ":5", "preferred is 'better'"),
    ("PK\x03\x04", "", "is a workbook"),
    ("", "", "no column 'ballot'"),
]


@pytest.mark.parametrize(("text", "where", "what"), WRONG, ids=[case[2] for case in WRONG])
def test_a_wrong_line_is_reported_with_its_place_and_nothing_is_stored(
    store: Store, tmp_path: Path, text: str, where: str, what: str
) -> None:
    a, b, c = (answer_key(prompt(name).key, words) for name, words in (("p", "p one"), ("p", "p two"), ("q", "q one")))
    (tmp_path / "votes.csv").write_text(text.format(a=a, b=b, c=c))
    with pytest.raises(InputError) as caught:
        read(store, ANN, tmp_path / "votes.csv")
    assert what in str(caught.value)
    assert caught.value.where.endswith(f"votes.csv{where}")
    assert votes(store) == []


PIPELINE = """
name: labelled
out: {out}
models: {{writer: {{kind: scripted}}}}
judges: {{words: {{rubric: words.yaml}}}}
collect: {{sources: [{{path: prompts.csv}}]}}
generate: {{model: writer, samples: 3}}
pair: {{judge: "human:ann", strategy: votes}}
"""


def test_votes_from_the_command_line_are_the_audits_gold_and_make_pairs(tmp_path: Path) -> None:
    (tmp_path / "words.yaml").write_text(
        "{name: words, criteria: [{name: words, kind: check, function: length, high: 1000}]}"
    )
    (tmp_path / "prompts.csv").write_text("prompt\n" + "\n".join(f"Report {n}?" for n in range(6)))
    file = tmp_path / "labelled.yaml"
    file.write_text(PIPELINE.format(out=tmp_path / "out"))
    early = rlaif("label", str(file))
    assert early.returncode == 2
    assert "rlaif generate" in early.stderr
    assert rlaif("generate", str(file), "-q").returncode == 0
    done = rlaif("label", str(file), "--by", "ann", said="1\n2\nt\n1\nq\n")
    assert "4 votes by human:ann are stored" in done.stdout
    with open_run(load(file)) as (plan, context):
        found = audit(plan, context)
        assert pair(plan, context).pairs == 3
    assert found.gold == "human:ann"
    accuracy = found.judges[0].get("accuracy")
    assert accuracy is not None
    assert accuracy.n == 3


def annotated(tasks: list[dict[str, Any]], *words: str | None) -> list[dict[str, Any]]:
    """What Label Studio exports for these tasks: two annotators, of whom the second agrees only on the first task."""
    return [
        task
        | {
            "id": number,
            "annotations": [
                {"completed_by": 1, "was_cancelled": word is None, "result": [choice(word)] if word else []},
                {"completed_by": {"id": 2, "email": "b@example"}, "result": [choice(word if number == 1 else "tie")]},
            ],
        }
        for number, (task, word) in enumerate(zip(tasks, words, strict=True), 1)
    ]


def choice(word: str | None) -> dict[str, Any]:
    return {"from_name": "preferred", "to_name": "first", "type": "choices", "value": {"choices": [word]}}


def test_pairs_go_to_label_studio_blind_and_come_back_as_votes_of_each_annotator(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=12)
    go(file)
    assert rlaif("export", str(file), str(tmp_path), "--form", "label-studio").stdout.startswith("tasks: ")
    folder = tmp_path / "label-studio"
    tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    fields = {each.get("value", "").removeprefix("$") for each in ElementTree.parse(folder / "config.xml").iter("Text")}
    assert all({"ballot"} | fields == set(task["data"]) for task in tasks)
    chosen = {row["answer"] for row in rows(file, "SELECT answer FROM pairs JOIN responses ON responses.key = chosen")}
    first = [task["data"]["ballot"].split("-")[0] in chosen for task in tasks]
    assert {True, False} == set(first)
    words = ["first", None, *["second"] * (len(tasks) - 2)]
    (tmp_path / "done.json").write_text(json.dumps(annotated(tasks, *words)))
    done = rlaif("label", str(file), "--by", "team", "--import", str(tmp_path / "done.json"))
    assert f"{len(tasks) - 1} votes by human:team-1; 0 others" in done.stdout
    assert f"{len(tasks)} votes by human:team-2; 0 others" in done.stdout
    # The same as JSON-MIN.
    least = [task["data"] | {"id": n, "annotator": 1, "preferred": "second"} for n, task in enumerate(tasks[2:])]
    (tmp_path / "least.json").write_text(json.dumps(least))
    done = rlaif("label", str(file), "--by", "team", "--import", str(tmp_path / "least.json"))
    assert f"0 votes by human:team-1; {len(least)} others were empty or already stored." in done.stdout
    (tmp_path / "wrong.json").write_text(json.dumps([{"id": 7, "data": {}, "annotations": []}]))
    assert "task 7: not a task" in rlaif("label", str(file), "--import", str(tmp_path / "wrong.json")).stderr
