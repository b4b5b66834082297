"""Rounds: each from the model of the last, until one gains nothing; a stop changes nothing and nothing is paid twice."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from rlaif import pipeline
from rlaif.config import Rounds, load
from rlaif.config.resources import root
from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.core.progress import Quiet, Tally
from rlaif.evaluation import Match
from rlaif.evaluation.comparison import Side
from rlaif.pairs.pairing import Pairing
from rlaif.pipeline import resolve, rounds
from rlaif.pipeline.rounds import RoundResult
from rlaif.pipeline.stages import generate as generating
from rlaif.store.store import Store
from rlaif.training.job import Training
from tests.support.displays import RecordedNotes

QUICKSTART = root() / "pipelines/quickstart.yaml"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "out/store.duckdb") as store:
        yield store


def opened(store: Store, *sets: str) -> Context:
    return Context(load(QUICKSTART, [f"out={store.path.parent}", *sets]), store, progress=RecordedNotes())


def side(name: str, score: float) -> Side:
    return Side(name, 1, {}, score, None, None, None)


def taking(store: Store, scores: list[float], seen: list[Context]) -> Callable[[Context], RoundResult]:
    """A turn that trains nothing: the held-out judge finds the next of these scores after each."""

    def turn(context: Context) -> RoundResult:
        number = len(seen)
        seen.append(context)
        training = Training(f"t{number + 1}", store.path.parent / f"models/t{number + 1}", "dpo", 1, {})
        store.append("trainings", [{"key": training.key, "path": f"models/{training.key}"}])
        match = Match(
            "oracle", side("a", scores[number]), side("b", scores[number + 1]), 1, {}, None, None, None, None, 0, []
        )
        return RoundResult(f"writer {number}", Pairing(f"p{number}", "j", 5, {}), training, match)

    return turn


def taken(store: Store, scores: list[float], *sets: str) -> tuple[list[Context], Context]:
    """The contexts of the turns that were taken, and the pipeline's own."""
    seen: list[Context] = []
    outer = opened(store, *sets)
    settings = outer.config.pipeline.rounds
    assert settings
    rounds.run(outer, settings, taking(store, scores, seen))
    return seen, outer


def test_each_round_writes_and_trains_with_the_model_of_the_one_before(store: Store) -> None:
    seen, outer = taken(store, [1, 2, 3, 4], "rounds=3")
    pipelines = [context.config.pipeline for context in seen]
    models = [each.models[each.generate.model].path for each in pipelines if each.generate]  # type: ignore[union-attr]
    folder = store.path.parent / "models"
    assert models == ["tiny:writer", str(folder / "t1"), str(folder / "t2")]
    assert [each.train and each.train.model for each in pipelines] == [None, "writer, round 2", "writer, round 3"]
    assert all(each.rounds is None for each in pipelines)
    assert rounds.last_path(outer) == folder / "t3"


@pytest.mark.parametrize(("how", "references"), [("fixed", [None, "writer", "writer"]), ("moving", [None, None, None])])
def test_the_loss_compares_with_the_first_model_or_with_the_one_that_the_round_starts_from(
    store: Store, how: str, references: list[str | None]
) -> None:
    seen, _ = taken(store, [1, 2, 3, 4], f"rounds={{most: 3, reference: {how}}}")
    sections = [context.config.pipeline.train for context in seen]
    assert [section.reference for section in sections if section] == references


def test_a_round_without_a_gain_is_the_last_and_its_model_is_not_kept(store: Store) -> None:
    seen, outer = taken(store, [50, 60, 60, 90], "rounds=3")
    assert len(seen) == 2
    assert rounds.last_path(outer) == store.path.parent / "models/t1"
    assert isinstance(outer.progress, RecordedNotes)
    assert "It is the last: oracle finds a gain of +0.0" in outer.progress.lines[-1]


@pytest.mark.parametrize(("least", "count"), [(0, 3), (1, 3), (9, 2), (10, 1), (-100, 3)])
def test_a_round_must_gain_more_than_min_gain(store: Store, least: float, count: int) -> None:
    seen, _ = taken(store, [50, 60, 69, 78], f"rounds={{most: 3, min_gain: {least}}}")
    assert len(seen) == count


def test_repeating_a_chain_replaces_its_rows_and_deletes_obsolete_rounds(store: Store) -> None:
    taken(store, [1, 2, 3, 4], "rounds=3")
    taken(store, [1, 2, 2], "rounds=3")
    rows = store.rows("SELECT number, after, stopped IS NULL AS kept FROM rounds ORDER BY number")
    assert rows == [{"number": 1, "after": 2.0, "kept": True}, {"number": 2, "after": 2.0, "kept": False}]


def test_another_pipeline_in_the_same_store_is_another_chain(store: Store) -> None:
    _, outer = taken(store, [1, 2, 3], "rounds=2")
    other = opened(store, "rounds=2", "pair.min_margin=7")
    assert rounds.last_path(outer)
    assert rounds.last_path(other) is None


def test_partitioned_prompts_are_divided_among_the_rounds_except_held_out_ones(store: Store) -> None:
    buckets = range(0, 10000, 50)
    store.append("prompts", [{"key": str(b), "messages": "[]", "bucket": b, "position": b} for b in buckets])
    store.append("active_prompts", [{"prompt": str(bucket)} for bucket in buckets])
    seen, outer = taken(store, [1, 2, 3, 4], "rounds={most: 3, prompts: partitioned}")
    writer = resolve(outer.config).policy
    asked = [
        {
            row["prompt"]
            for row in store.query("pipeline/sql/generate/pending", **generating.pending_parameters(context.config, writer))
        }
        for context in seen
    ]
    held_out = {str(bucket) for bucket in buckets if bucket < 2500}
    assert all(held_out < each for each in asked)
    assert set.union(*asked) == {str(bucket) for bucket in buckets}
    assert all(asked[a] & asked[b] == held_out for a in range(3) for b in range(a))


DRIFT: Mapping[str, tuple[list[str], dict[str, float]]] = {
    "the first round": ([], {"fresh": 60.0, "margin": 15.0, "shared": 0.0}),
    "a later one": (["before"], {"fresh": 60.0, "margin": 15.0, "shared": 0.5}),
}


@pytest.mark.parametrize("name", DRIFT)
def test_drift_covers_new_answers_to_training_prompts(store: Store, name: str) -> None:
    earlier, expected = DRIFT[name]
    buckets = {"a": 9000, "b": 9000, "held out": 0}
    store.append("prompts", [{"key": name, "messages": "[]", "bucket": bucket} for name, bucket in buckets.items()])
    store.append("active_prompts", [{"prompt": name} for name in buckets])
    store.append(
        "responses",
        [
            {"key": f"{writer} {prompt}", "prompt": prompt, "generator": writer, "answer": f"{writer} {prompt}", "text": "x"}
            for writer, prompt in [("now", "a"), ("now", "b"), ("now", "held out"), ("before", "b"), ("other", "a")]
        ],
    )
    store.append("criteria", [{"key": each, "name": each, "low": 1, "high": 5} for each in ("c", "d", "e")])
    weights = {"c": 3.0, "d": 1.0, "e": 0.0}
    store.append("pairing_criteria", [{"pairing": "p", "criterion": c, "weight": weight} for c, weight in weights.items()])
    values = {"now a": (5, 1), "now b": (3, 2), "now held out": (1, 1), "before b": (1, 1)}
    store.append(
        "scores",
        [
            {"answer": answer, "judge": "j", "criterion": criterion, "repeat": 0, "attempt": 0, "value": value}
            for answer, given in values.items()
            for criterion, value in zip("cd", given, strict=True)
        ],
    )
    store.append("pairs", [{"pairing": "p", "prompt": "a", "margin": margin} for margin in (10, 20)])
    found = store.query("pipeline/sql/rounds/drift", writer="now", pairing="p", judge="j", earlier=earlier, held_out=2500)
    # a: (3 * 100 + 0) / 4 = 75; b: (3 * 50 + 25) / 4 = 43.75
    assert found == [expected | {"fresh": (75 + 43.75) / 2}]


def test_a_number_sets_the_maximum_of_rounds() -> None:
    assert Rounds.model_validate(3) == Rounds(most=3)


MISTAKES = [
    (["rounds=0"], "greater than or equal to 1"),
    (["rounds=2", "train=null"], "rounds need the sections"),
    (["rounds={most: 2, reference: old}"], "moving"),
    (["rounds={most: 2, reference: fixed}", "train={method: orpo}"], "orpo has no reference"),
    (["rounds=2", "train.checkpoints=3"], "leave out `train.checkpoints`"),
    (["train={method: reward, checkpoints: 3}"], "leave out `checkpoints`"),
]


@pytest.mark.parametrize(("sets", "said"), MISTAKES)
def test_a_mistake_in_the_section_is_reported(sets: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        load(QUICKSTART, sets)


class StoppedError(Exception):
    """What ends a run in a test."""


class Stopping(Quiet):
    """A display that ends the run when a stage has been begun so many times."""

    def __init__(self, stages: int) -> None:
        self.left = stages

    def show(self, tally: Tally) -> Any:
        self.left -= 1
        if self.left < 0:
            raise StoppedError
        return super().show(tally)


SMALL = [
    "collect.sources.0.limit=8",
    "generate.samples=2",
    "generate.max_tokens=12",
    "judge.by=[oracle]",
    "pair.min_margin=1",
    "evaluate.judges=[oracle]",
    "evaluate.limit=2",
    "rounds={most: 2, min_gain: -100}",
    "models.writer.dtype=float64",
    "train.options={max_steps: 1, learning_rate: 1.0e-3, per_device_train_batch_size: 4}",
]
COUNTS = "SELECT count(*) AS made, count(DISTINCT (prompt, generator, sample)) AS owed FROM responses"


@pytest.mark.slow
def test_rounds_that_are_stopped_repeatedly_pay_for_nothing_twice(tmp_path: Path) -> None:
    for stages in (3, 5, 99):
        with pipeline.open_run(load(QUICKSTART, [f"out={tmp_path}", *SMALL]), Stopping(stages)) as (plan, context):
            try:
                made, evaluation, report = pipeline.everything(plan, context)
            except StoppedError:
                continue
            counts = context.store.rows(COUNTS)[0]
            work = context.store.rows("SELECT count(*) AS n FROM stage_runs")
            assert [row["number"] for row in context.store.query("report/sql/rounds")] == [1, 2]
    assert counts["made"] == counts["owed"]
    assert evaluation.matches[0].trained.name == "writer, round 2, trained"
    assert "Round by round" in report.read_text(encoding="utf-8")
    noted = RecordedNotes()
    with pipeline.open_run(load(QUICKSTART, [f"out={tmp_path}", *SMALL]), noted) as (plan, context):
        assert pipeline.everything(plan, context)[0] == made
        assert pipeline.ensure_pairing(plan, context) == pipeline.newest(context) == made.key
        kept = rounds.last_path(context)
        assert kept
        card = (kept / "README.md").read_text()
        assert "\nrounds:\n" in card, "the pipeline as it stands in the file"
        assert "| judged by |" in card
        assert not any("Others were made last" in line for line in noted.lines), "the last round's are the pipeline's own"
        assert context.store.rows(COUNTS)[0] == counts
        assert context.store.rows("SELECT count(*) AS n FROM stage_runs") == work
