"""A training that is followed by its checkpoints: where it turns into over-optimisation, and what the report shows of it."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.config.resources import root
from rlaif.estimate import plan
from rlaif.evaluation import CheckpointCurve, Gain
from rlaif.evaluation.checkpoint_curve import Checkpoint, best_checkpoint
from rlaif.evaluation.scores import Means, Scored
from rlaif.evaluation.table import checkpoint_note, checkpoint_table
from rlaif.report.checkpoint_charts import checkpoint_charts

STEPS = [(10, "models/k/steps/10"), (20, "models/k/steps/20"), (30, "models/k")]


def scored(gains: Mapping[str, float]) -> Scored:
    """The scores of a model whose base has 50 points on every prompt."""
    sides = {
        prompt: {name: Means(score, {}, 1, 1, None) for name, score in (("base", 50.0), ("trained", 50.0 + gain))}
        for prompt, gain in gains.items()
    }
    return Scored([], sides, {}, {"base": Counter(), "trained": Counter()})


def course(means: Sequence[float], *, seed: int = 0, prompts: int = 80) -> list[Scored]:
    """Checkpoints with these mean gains, and noise of 10 points on each prompt."""
    draw = random.Random(seed)
    return [scored({f"p{number:03}": draw.gauss(mean, 10) for number in range(prompts)}) for mean in means]


@pytest.mark.parametrize(
    ("means", "step", "clear", "says"),
    [
        ((5, 20, -10), 20, True, "training went on for too long: use the model in models/k/steps/20"),
        ((20, 5, 5), 10, True, "use the model in models/k/steps/10"),
        ((5, 10, 30), 30, False, "the last checkpoint (step 30) is the best"),
    ],
)
def test_the_best_checkpoint_is_where_the_held_out_judge_sees_it(
    means: Sequence[float], step: int, clear: bool, says: str
) -> None:
    best = best_checkpoint("oracle", course(means), STEPS)
    assert best is not None
    assert (best.step, best.clear, best.prompts) == (step, clear, 40)
    checkpoints = [Checkpoint(step, folder, [], None, None, None) for step, folder in STEPS]
    assert says in checkpoint_note(CheckpointCurve(["tiny"], checkpoints, best))


def test_a_checkpoint_is_measured_on_prompts_that_did_not_choose_it() -> None:
    # Noise chooses among these equal checkpoints, and the other half of the prompts does not repeat it.
    leads = [
        best.lead for seed in range(60) if (best := best_checkpoint("o", course([0] * 3, seed=seed), STEPS)) and best.lead
    ]
    assert abs(fmean(leads)) < 0.8
    clear = [best.clear for seed in range(60) if (best := best_checkpoint("o", course([0] * 3, seed=seed), STEPS))]
    assert sum(clear) <= 6


def test_too_few_prompts_choose_no_checkpoint() -> None:
    assert best_checkpoint("oracle", course((1, 2, 3), prompts=3), STEPS) is None
    note = checkpoint_note(CheckpointCurve(["tiny"], [Checkpoint(0, "", [], None, None, None)], None))
    assert "No checkpoint is preferred" in note


def test_the_charts_show_every_judge_with_scores_and_only_what_changes() -> None:
    def at(step: int, gain: float, words: float) -> Checkpoint:
        gains = [Gain("tiny", 9, gain, (gain - 2, gain + 2)), Gain("versus", 0, 0.0 if step == 0 else None, None)]
        return Checkpoint(step, "", gains, words, 0.0, None)

    curve = CheckpointCurve(["tiny"], [at(0, 0, 20), at(10, 5, 25), at(20, 8, 30)], None)
    gains, length = checkpoint_charts(curve)
    assert [(line.name, len(line.dots)) for line in gains.chart.lines] == [("tiny, the training judge", 3)]
    assert len(gains.chart.lines[0].band.split()) == 6
    assert (length.title, length.chart.lines[0].last) == ("Mean length, in words", 30)
    steps, lines = checkpoint_table(curve)
    assert steps == ["base", "step 10", "step 20"]
    assert [line.label for line in lines][:2] == ["gain by tiny", "gain by versus"]
    assert lines[1].cells == ["+0.0", "–", "–"]


@pytest.mark.slow
@pytest.mark.tiny
def test_the_checkpoints_of_a_training_are_evaluated_once_by_every_judge_and_drawn(tmp_path: Path) -> None:
    sets = ["collect.sources.0.limit=60", "generate.samples=2", "pair.min_margin=1", "train.checkpoints=3"]
    config = load(root() / "pipelines/quickstart.yaml", [f"out={tmp_path}", *sets])
    with pipeline.open_run(config) as (resolved, context):
        planned = [line.stage for line in plan(resolved, context).lines]
        _, found, report = pipeline.everything(resolved, context)
        assert not plan(resolved, context).lines
        assert pipeline.evaluate(resolved, context, stored=True) == found
    assert {"checkpoint 1: generate", "checkpoint 2: judge tiny"} <= set(planned)
    assert found.curve is not None
    base, *kept = found.curve.checkpoints
    assert (base.step, len(kept)) == (0, 3)
    assert kept[-1].step == max(each.step for each in kept)
    for judge, match in zip(("oracle", "tiny"), found.matches, strict=True):
        last = next(each for each in kept[-1].gains if each.judge == judge)
        assert last.gain == pytest.approx(match.gain)
        assert last.prompts == match.prompts
    assert all((tmp_path / each.folder / "model.safetensors").exists() for each in kept)
    assert found.divergences[0].k1 == kept[-1].k1
    assert found.curve.best is not None
    assert found.curve.best.judge == "oracle"
    page = report.read_text(encoding="utf-8")
    assert "Did training go on for too long?" in page
    assert "<polygon" in page
