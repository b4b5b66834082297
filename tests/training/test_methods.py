"""Every method on a few rows and a tiny random checkpoint: what it reads, what its loss is, that it goes on exactly."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rlaif.context.run import Context
from rlaif.core import event_loop
from rlaif.core.errors import BudgetError, InputError
from rlaif.core.progress import Quiet, Tally
from rlaif.core.types import Prompt
from rlaif.judging import Candidate
from rlaif.models.registry import Models
from rlaif.pipeline import resolve
from rlaif.pipeline import runner as whole
from rlaif.pipeline.online_rewards import OnlineRewards, total
from rlaif.pipeline.stages import train
from rlaif.pipeline.stages.judge import LiveJudge
from rlaif.training.formats import imitated, preferences, soft, unpaired, with_margins
from rlaif.training.preflight import check
from rlaif.training.trl_loader import trl_class
from tests.support.checkpoints import save_random
from tests.support.displays import RecordedNotes
from tests.support.training import TEMPLATE, opened, prepare

STEPS = "{max_steps: 2, learning_rate: 1e-2, per_device_train_batch_size: 4}"
SAMPLED = "{max_steps: 2, learning_rate: 1e-2, per_device_train_batch_size: 4, num_generations: 2}"
MESSAGES = [{"role": "user", "content": "say 1"}]
ROW: dict[str, Any] = {
    "prompt": MESSAGES,
    "chosen": [{"role": "assistant", "content": "yes"}],
    "rejected": [{"role": "assistant", "content": "no"}],
    "margin": 25.0,
    "confidence": 0.75,
}


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("small"), context=128, template=TEMPLATE)


def pipeline(folder: Path, checkpoint: Path, method: str, options: str = STEPS, extra: str = "") -> Path:
    """A pipeline that trains by the method; `extra` are further lines of its section."""
    path = prepare(folder, checkpoint, method=method, options=options)
    data = "".join(json.dumps({"prompt": f"name {n}", "completion": f"it is {n}"}) + "\n" for n in range(6))
    (folder / "data.jsonl").write_text(data)
    (folder / "length.yaml").write_text(
        "name: length\ncriteria:\n- {name: short, kind: check, function: within, options: {unit: words, most: 1}}\n"
    )
    text = path.read_text().replace("train:\n", f"train:\n{extra}").replace("generate: {model: small}", "")
    judges = "judges:\n  length: {rubric: length.yaml}\n  critic: {rubric: rubrics/grounded.yaml, model: fake}\n"
    path.write_text(f"{text}{judges}generate: {{model: small, max_tokens: 8, template: prompts/generate/compact.jinja}}\n")
    return path


def run(path: Path, progress: Quiet | None = None) -> tuple[train.Training, dict[str, list[float]]]:
    """The training, and its log by metric."""
    with opened(path, progress) as context:
        training = train.run(context, online_rewards=online_rewards(context))
        assert training is not None
        rows = context.store.rows("SELECT metric, list(value ORDER BY step) AS v FROM training_log GROUP BY metric")
    return training, {row["metric"]: row["v"] for row in rows}


def online_rewards(context: Context) -> OnlineRewards | None:
    section = context.config.pipeline.train
    return OnlineRewards(resolve(context.config), context, section) if section and section.rewards else None


def weights(training: train.Training) -> bytes:
    return (training.path / "model.safetensors").read_bytes()


def extra(method: str) -> str:
    return {
        "dpo_sft": "  data: data.jsonl\n",
        "rloo": "  rewards: [{judge: length}]\n",
        "online_dpo": "  rewards: [{judge: length}]\n",
        "grpo": "  rewards: [{judge: length}, {judge: critic, weight: 2}]\n",
    }.get(method, "")


METHODS = ["dpo_soft", "dpo_sft", "dpo_norm", "ipo", "apo", "kto", "orpo", "cpo", "simpo", "reward", "rloo", "grpo"]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_trains_and_leaves_a_plain_checkpoint(method: str, checkpoint: Path, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    options = SAMPLED if method in ("rloo", "grpo") else STEPS
    path = pipeline(tmp_path, checkpoint, method, options, extra(method))
    if method == "dpo_soft":
        with pytest.raises(InputError, match="the probability that the label is right is unknown"):
            run(path)
        with opened(path) as context:
            context.store.run("UPDATE pairs SET confidence = 0.8")
    training, log = run(path)
    assert training.method == method
    assert len(log["loss"]) == 2
    assert weights(training) != (checkpoint / "model.safetensors").read_bytes()
    assert AutoTokenizer.from_pretrained(training.path).chat_template
    kind = AutoConfig.from_pretrained(training.path).architectures[0]
    assert kind.endswith("ForSequenceClassification" if method == "reward" else "ForCausalLM")


# Every response has fewer than 10,000 words, so that with this limit every pair is a tie.
@pytest.mark.parametrize(("most_words", "learns"), [(1, True), (10000, False)])
def test_online_dpo_learns_from_pairs_with_different_rewards_only(
    most_words: int, learns: bool, checkpoint: Path, tmp_path: Path
) -> None:
    path = pipeline(tmp_path, checkpoint, "online_dpo", STEPS, extra("online_dpo"))
    length = tmp_path / "length.yaml"
    length.write_text(length.read_text().replace("most: 1", f"most: {most_words}"))
    _, log = run(path)
    assert len(log["loss"]) == 2
    assert (min(log["rewards/unlabelled"]) < 1) == learns
    assert (max(log["grad_norm"]) > 0) == learns


def test_certain_soft_labels_are_dpo_and_an_even_chance_teaches_nothing(checkpoint: Path, tmp_path: Path) -> None:
    plain = pipeline(tmp_path, checkpoint, "dpo", "{max_steps: 2, learning_rate: 1e-2}")
    hard, found = run(plain)
    grown: dict[float, float] = {}
    for confidence in (1.0, 0.8, 0.5):
        with opened(plain) as context:
            context.store.run(f"UPDATE pairs SET confidence = {confidence}")
        plain.write_text(plain.read_text().replace("method: dpo\n", "method: dpo_soft\n"))
        trained, _ = run(plain)
        with opened(plain) as context:
            grown[confidence] = context.store.rows(
                f"SELECT value FROM training_log WHERE step = 1 AND metric = 'grad_norm' AND training = '{trained.key}'"
            )[0]["value"]
        if confidence == 1.0:
            assert weights(trained) == weights(hard)
    # At the first step z is 0, where the slope of the loss is p - 1/2.
    assert grown[1.0] == pytest.approx(found["grad_norm"][0], rel=1e-5)
    assert grown[0.8] == pytest.approx(0.6 * grown[1.0], rel=1e-3)
    assert grown[0.5] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("joint", ["alternate", "mix"])
def test_pairs_and_imitation_are_joined_step_by_step_or_in_each(joint: str, checkpoint: Path, tmp_path: Path) -> None:
    options = "{max_steps: 8, per_device_train_batch_size: 4}"
    path = pipeline(tmp_path, checkpoint, "dpo_sft", options, f"  data: data.jsonl\n  joint: {joint}\n")
    with (tmp_path / "data.jsonl").open("a") as data:
        data.write(json.dumps({"prompt": "a", "completion": "long " * 99}) + "\n")
    training, log = run(path)
    assert training.refused == {"over_length": 1}
    pairs, imitations = len(log["rewards/margins"]), len(log["imitation_loss"])
    assert (pairs, imitations) == (8, 8) if joint == "mix" else (pairs + imitations == 8 and 0 < pairs < 8)


class Stop(Quiet):
    """A display that fails once a step was shown."""

    @contextmanager
    def show(self, tally: Tally) -> Iterator[None]:
        add = tally.add

        def stop(**counts: Any) -> None:
            add(**counts)
            if tally.stage == "train" and tally.done == 2:
                raise KeyboardInterrupt

        tally.add = stop  # type: ignore[method-assign]
        yield


@pytest.mark.parametrize("method", [pytest.param("dpo_sft", marks=pytest.mark.slow), "grpo"])
def test_a_stopped_training_ends_in_the_same_weights(method: str, checkpoint: Path, tmp_path: Path) -> None:
    options = "{max_steps: 4, save_steps: 1, learning_rate: 1e-2, per_device_train_batch_size: 4%s}"
    options %= ", num_generations: 2" if method == "grpo" else ""
    whole, _ = run(pipeline(tmp_path / "whole", checkpoint, method, options, extra(method)))
    broken = pipeline(tmp_path / "broken", checkpoint, method, options, extra(method))
    with pytest.raises(KeyboardInterrupt):
        run(broken, Stop())
    again, _ = run(broken)
    assert weights(again) == weights(whole)


def test_scores_of_sampled_responses_are_stored_and_reused(checkpoint: Path, tmp_path: Path) -> None:
    path = pipeline(tmp_path, checkpoint, "grpo", SAMPLED, "  rewards: [{judge: critic}]\n")
    _, log = run(path)
    assert log["rewards/critic/failed"] == [0.0, 0.0]
    counts = "SELECT count(*) AS n, count(DISTINCT answer) AS answers FROM verdicts"
    with opened(path) as context:
        first = context.store.rows(counts)[0]
        assert first["n"] == first["answers"] > 0
        found = next(context.config.out.glob("models/*"))
        found.rename(found.with_suffix(".old"))
    run(path)
    with opened(path) as context:
        assert context.store.rows(counts)[0] == first


def test_a_reward_model_is_fitted_to_the_pairs_first(checkpoint: Path, tmp_path: Path) -> None:
    training, log = run(pipeline(tmp_path, checkpoint, "rloo", SAMPLED, "  rewards: [{fit: {max_steps: 1}}]\n"))
    assert len(log["rewards/fitted"]) == 2
    with opened(tmp_path / "trial.yaml") as context:
        assert [row["method"] for row in context.store.rows("SELECT method FROM trainings ORDER BY created")] == [
            "reward",
            "rloo",
        ]
        assert train.find(context, online_rewards=online_rewards(context)) == training


def test_an_adapter_is_merged_into_the_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    training, _ = run(pipeline(tmp_path, checkpoint, "dpo", STEPS, "  peft: {r: 2, target_modules: all-linear}\n"))
    assert not list(training.path.glob("adapter*"))
    assert weights(training) != (checkpoint / "model.safetensors").read_bytes()


def test_a_method_without_pairs_trains_without_a_pair_section(checkpoint: Path, tmp_path: Path) -> None:
    one_step = SAMPLED.replace("max_steps: 2", "max_steps: 1")
    path = pipeline(tmp_path, checkpoint, "grpo", one_step, "  rewards: [{judge: length}]\n")
    path.write_text(path.read_text() + "judge: {by: [length]}\n")
    (tmp_path / "none.jsonl").write_text("".join(json.dumps({"prompt": f"say {n}"}) + "\n" for n in range(8)))
    with opened(path) as context:
        made, _, _ = whole.everything(resolve(context.config), context)
        (trained,) = context.store.rows("SELECT method, path FROM trainings")
        card = (context.config.out / trained["path"] / "README.md").read_text()
    assert (made, trained["method"]) == (None, "grpo")
    assert f"rlaif run {path}\n" in card
    assert "reward: judge length:" in card
    assert "function: within" in card, "what the reward goes by"
    assert "## The pairs" not in card, "they are in the store, and nothing was learnt of them"


def test_another_reference_is_another_training_and_moves_the_first_loss(checkpoint: Path, tmp_path: Path) -> None:
    other = save_random(tmp_path / "other", context=128, template=TEMPLATE, seed=5)
    path = pipeline(tmp_path, checkpoint, "dpo", STEPS, "  reference: old\n")
    path.write_text(
        path.read_text().replace("  fake:", f"  old: {{kind: transformers, path: {other}, device: cpu}}\n  fake:")
    )
    _, log = run(path)
    assert log["loss"][0] != pytest.approx(0.693147, abs=1e-4)


def test_rows_take_the_form_that_their_trainer_reads() -> None:
    assert [row["confidence"] for row in soft([ROW, ROW | {"confidence": None}])] == [0.75]
    assert with_margins([ROW])[0]["margin"] == 0.25
    assert [row["label"] for row in unpaired([ROW, ROW])] == [True, False]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"prompt": "a", "completion": "b"}, None),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, None),
        ({"messages": [{"role": "user", "content": "a"}]}, "no assistant's message"),
        ({"text": "a"}, "neither"),
    ],
)
def test_answers_to_imitate_come_in_two_forms(row: dict[str, Any], told: str | None, tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text(json.dumps(row))
    if told:
        with pytest.raises(InputError, match=f"(?s)1 of 1 rows.*{told}.*data.jsonl:1"):
            imitated(tmp_path / "data.jsonl")
    else:
        (found,), _ = imitated(tmp_path / "data.jsonl")
        assert (found["prompt"][0]["content"], found["completion"][0]["content"]) == ("a", "b")


def test_several_rewards_are_standardised_among_a_prompts_answers_and_one_that_failed_leaves_none() -> None:
    assert total([[0.5, 0.25, None]], [3.0], [0, 0, 0]) == [1.5, 0.75, None]
    wide, narrow = [0.0, 100.0, 40.0, 40.0], [1.0, 0.0, 0.5, None]
    assert total([wide, narrow], [1.0, 2.0], [0, 0, 1, 1]) == pytest.approx([-1 + 2, 1 - 2, 0, None])


def test_the_tokens_that_the_preflight_keeps_are_those_that_trl_reads(checkpoint: Path, tmp_path: Path) -> None:
    from datasets import Dataset
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    options = trl_class("DPOConfig")(output_dir=str(tmp_path), report_to="none", use_cpu=True, bf16=False)
    data = Dataset.from_list(preferences([ROW]))
    theirs = trl_class("DPOTrainer")(str(checkpoint), args=options, train_dataset=data, processing_class=tokenizer)
    (ours,) = check([ROW], tokenizer, 128, keep=True).read
    assert list(ours) == ["prompt_ids", "chosen_ids", "rejected_ids"]
    assert {name: ids.tolist() for name, ids in ours.items()} == {name: theirs.train_dataset[0][name] for name in ours}


def test_a_judge_that_compares_is_refused_as_a_reward(checkpoint: Path, tmp_path: Path) -> None:
    path = pipeline(tmp_path, checkpoint, "grpo", SAMPLED, "  rewards: [{judge: pairs}]\n")
    path.write_text(
        path.read_text().replace("judges:\n", "judges:\n  pairs: {rubric: rubrics/pairwise.yaml, model: fake}\n")
    )
    with pytest.raises(InputError, match="judge 'pairs' compares responses") as refused:
        run(path)
    assert "trial.yaml" in str(refused.value)


def test_unjudged_answers_are_reported_in_one_line_and_not_by_trl(
    checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = pipeline(tmp_path, checkpoint, "grpo", SAMPLED, "  rewards: [{judge: critic}]\n")
    path.write_text(path.read_text().replace("{kind: scripted}", "{kind: scripted, malformed: 1.0}"))
    noted = RecordedNotes()
    run(path, noted)
    assert noted.lines == ["rewards/critic: no reward for 100.0% of the sampled answers, which are left out"]
    assert "None" not in capfd.readouterr().err


def test_a_live_judge_stays_within_the_budget(checkpoint: Path, tmp_path: Path) -> None:
    path = pipeline(tmp_path, checkpoint, "grpo", SAMPLED, "  rewards: [{judge: critic}]\n")
    path.write_text(f"{path.read_text()}budget: {{tokens: 1}}\n")
    with pytest.raises(BudgetError, match="of 1 tokens"):
        run(path)
    with opened(path) as context:
        assert context.store.rows("SELECT count(*) AS n FROM verdicts") == [{"n": 0}]


def test_a_live_judge_retries_transient_failures_only(checkpoint: Path, tmp_path: Path) -> None:
    with opened(pipeline(tmp_path, checkpoint, "grpo", SAMPLED, "  rewards: [{judge: critic}]\n")) as context:
        critic = resolve(context.config).judge("critic")
        subjects = [Candidate(Prompt(({"role": "user", "content": "say 1"},)), text) for text in ("passes", "stays")]
        for attempt, kind in enumerate(("timeout", "refused")):
            context.store.append(
                "scores",
                [
                    {
                        "verdict": "v",
                        "answer": subjects[attempt].answer,
                        "judge": critic.key,
                        "criterion": name,
                        "repeat": 0,
                        "attempt": 0,
                        "failure": kind,
                    }
                    for call in critic.calls
                    for name in call.keys
                ],
            )

        async def twice() -> list[dict[str, Any]]:
            async with Models(tmp_path / "batches") as models:
                live = await LiveJudge.open(context, models, critic)
                return [await live.score(subjects) for _ in range(2)]

        first, second = event_loop.run(twice())
        assert first == second
        assert [bool(first[subject.answer]) for subject in subjects] == [True, False]
        asked = context.store.rows("SELECT DISTINCT answer, attempt FROM verdicts")
        assert asked == [{"answer": subjects[0].answer, "attempt": 1}]
