"""People vote: blind, in an order that the seed decides, each pair once; on a sheet that no spreadsheet runs."""

import csv
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from rlaif.audit.whole import audit
from rlaif.config import load
from rlaif.errors import InputError
from rlaif.label import Ballot, Voter, ask, ballots, read, write
from rlaif.records import answer_key
from rlaif.run import opened, pair
from rlaif.store import Store
from tests.stores import GENERATOR, fill, prompt

ANN = Voter("ann")
TABLE = {name: [{"text": f"{name} {text}"} for text in ("one", "two", "three")] for name in "pqrs"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, TABLE)
        yield store


def left(store: Store, voter: Voter = ANN, **options: int) -> list[Ballot]:
    return ballots(store, voter, [GENERATOR], **options)


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


def test_of_each_prompt_there_are_as_many_pairs_as_asked_for(store: Store) -> None:
    assert sorted(each.request for each in left(store)) == list("pqrs")
    every = left(store, per_prompt=9)
    assert len({frozenset((each.first, each.second)) for each in every}) == len(every) == 12


def test_either_answer_of_a_pair_may_be_shown_first(store: Store) -> None:
    first = [each.first < each.second for seed in range(10) for each in left(store, per_prompt=9, seed=seed)]
    assert 0.3 < sum(first) / len(first) < 0.7


def test_each_vote_is_kept_and_its_pair_does_not_come_again(store: Store) -> None:
    asked = left(store)
    console, _ = shown()
    assert ask(store, ANN, asked, console, saying("1", "what?", "T", "s", "q")) == 2
    assert votes(store) == [(asked[0].first, asked[0].second, "first"), (asked[1].first, asked[1].second, "tie")]
    assert left(store) == asked[2:]
    assert len(left(store, Voter("bob"))) == 4


def test_the_end_of_input_is_a_quit(store: Store) -> None:
    console, _ = shown()
    assert ask(store, ANN, left(store), console, saying("2")) == 1


def test_a_ballot_tells_the_texts_and_not_who_wrote_them(store: Store) -> None:
    console, page = shown()
    ask(store, ANN, left(store), console, saying("q"))
    text = page.getvalue()
    assert left(store)[0].first_text in text
    assert left(store)[0].second_text in text
    assert GENERATOR not in text


def test_answers_cannot_move_the_cursor_and_long_documents_are_shown_on_demand(store: Store) -> None:
    ballot = Ballot("p", "a", "b", "Sum up.", "x" * 3000 + "the end", "\x1b[2Jone\u202e", "[bold]two[/bold]")
    console, page = shown()
    ask(store, ANN, [ballot], console, saying("q"))
    assert "the end" not in page.getvalue()
    assert "7 more characters" in page.getvalue()
    assert "⟨U+001B⟩[2Jone⟨U+202E⟩" in page.getvalue()
    assert "[bold]two[/bold]" in page.getvalue()
    ask(store, ANN, [ballot], console, saying("d", "q"))
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
    assert read(store, ANN, sheet) == (3, 1)
    expected = zip([0, 1, 3], ["first", "second", "tie"], strict=True)
    assert votes(store) == [(asked[place].first, asked[place].second, vote) for place, vote in expected]
    assert read(store, ANN, sheet) == (0, 4)
    assert left(store) == asked[2:3]


def test_a_sheet_with_semicolons_is_read_too(store: Store, tmp_path: Path) -> None:
    asked = left(store)[0]
    (tmp_path / "votes.csv").write_text(f"ballot;request;preferred\n{asked.first}-{asked.second};p;first\n")
    assert read(store, ANN, tmp_path / "votes.csv") == (1, 0)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "\n=1"])
def test_no_text_of_a_sheet_is_a_formula(tmp_path: Path, text: str) -> None:
    write([Ballot("p", "a", "b", text, text, text, text)], tmp_path / "votes.csv")
    with (tmp_path / "votes.csv").open(encoding="utf-8-sig", newline="") as file:
        line = next(csv.DictReader(file))
    assert [line[name] for name in ("request", "document", "first", "second")] == [f"'{text}"] * 4


def test_a_sheet_is_never_written_over_another(tmp_path: Path) -> None:
    (tmp_path / "votes.csv").write_text("votes")
    with pytest.raises(InputError, match="may hold votes"):
        write([], tmp_path / "votes.csv")
    assert (tmp_path / "votes.csv").read_text() == "votes"


WRONG = [
    ("ballot,preferred\n{a}-{b},frist\n", ":2", "preferred is 'frist'"),
    ("ballot,preferred\n{a}-{b},first\n{a}-zzz,first\n", ":3", "no two answers in the store"),
    ("ballot,preferred\n{a}-{a},first\n", ":2", "no two answers in the store"),
    ("ballot,preferred\n{a}-{c},first\n", ":2", "no two answers in the store"),
    ("ballot,preferd\n{a}-{b},first\n", "", "no column 'preferred'"),
    ("", "", "no column 'ballot'"),
]


@pytest.mark.parametrize(("text", "where", "what"), WRONG, ids=[case[2] for case in WRONG])
def test_a_wrong_line_is_told_with_its_place_and_nothing_is_kept(
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
    rlaif = [sys.executable, "-m", "rlaif"]
    early = subprocess.run([*rlaif, "label", str(file)], capture_output=True, text=True, check=True, input="")
    assert "Nothing to vote on" in early.stdout
    subprocess.run([*rlaif, "generate", str(file), "-q"], check=True)
    said = "1\n2\nt\n1\nq\n"
    done = subprocess.run(
        [*rlaif, "label", str(file), "--by", "ann"], capture_output=True, text=True, check=True, input=said
    )
    assert "4 votes by human:ann are kept" in done.stdout
    with opened(load(file)) as context:
        found = audit(context)
        assert pair(context).pairs == 3
    assert found.gold == "human:ann"
    accuracy = found.judges[0].get("accuracy")
    assert accuracy is not None
    assert accuracy.n == 3
