"""Training in processes that `accelerate` starts, and what a trained model's folder says of itself."""

import json
from pathlib import Path

import pytest
import yaml

from rlaif import pipeline as running
from rlaif.core.errors import InputError
from rlaif.training import accelerate, model_card
from tests.support.checkpoints import save_random
from tests.support.training import TEMPLATE, opened, prepare

STEPS = "{max_steps: 2, learning_rate: 1e-2, per_device_train_batch_size: 4}"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("small"), context=128, template=TEMPLATE)


def test_a_prepared_training_gives_the_same_weights_and_is_imported(checkpoint: Path, tmp_path: Path) -> None:
    with opened(prepare(tmp_path / "here", checkpoint, options=STEPS)) as context:
        here = running.train(running.resolve(context.config), context)
    away = tmp_path / "away"
    with opened(prepare(tmp_path / "there", checkpoint, options=STEPS)) as context:
        command = running.prepare_training(running.resolve(context.config), context, away)
        assert command == f"accelerate launch --config_file {away}/accelerate.yaml -m rlaif.training.accelerate {away}"
        assert yaml.safe_load((away / "accelerate.yaml").read_text())["num_processes"] >= 1
        with pytest.raises(InputError, match="not finished"):
            running.take_training(running.resolve(context.config), context, away)
        made = accelerate.run(away)
        assert accelerate.run(away) == made
        other = prepare(tmp_path / "other", checkpoint, options=STEPS.replace("2", "3", 1))
        with opened(other) as changed, pytest.raises(InputError, match="not the one that the pipeline file describes"):
            running.take_training(running.resolve(changed.config), changed, away)
        taken = running.take_training(running.resolve(context.config), context, away)
        assert running.prepare_training(running.resolve(context.config), context, away) is None
        assert context.store.rows("SELECT key, method FROM trainings") == [{"key": taken.key, "method": "dpo"}]
        there = running.train(running.resolve(context.config), context)
    assert here is not None
    assert there is not None
    assert there.key == here.key == made.name
    assert (there.path / "model.safetensors").read_bytes() == (here.path / "model.safetensors").read_bytes()


def test_a_training_with_judges_as_rewards_is_not_prepared(checkpoint: Path, tmp_path: Path) -> None:
    pipeline = prepare(tmp_path, checkpoint, method="grpo", options=STEPS)
    judges = "judges:\n  critic: {rubric: rubrics/grounded.yaml, model: fake}\n"
    text = pipeline.read_text().replace("method: grpo", "method: grpo\n  rewards: [{judge: critic}]")
    pipeline.write_text(text + judges)
    with opened(pipeline) as context, pytest.raises(InputError, match="one process"):
        running.prepare_training(running.resolve(context.config), context, tmp_path / "away")


def test_a_trained_model_has_a_card_and_edits_to_it_are_kept(checkpoint: Path, tmp_path: Path) -> None:
    pipeline = prepare(tmp_path, checkpoint, options=STEPS)
    import transformers
    from huggingface_hub import ModelCard

    with opened(pipeline) as context:
        context.store.append("dropped", [{"what": "prompt", "reason": "duplicate"}])
        training = running.train(running.resolve(context.config), context)
        assert training
        card = training.path / "README.md"
        text = card.read_text()
        card.write_text("mine")
        running.train(running.resolve(context.config), context)
        sources = {"collect": {"sources": [{"path": "x"}, {"dataset": "org/data"}]}}
        origin = model_card.Origin("", "org/small", sources, pairs=False, held_out=0)
        of_the_hub = model_card.model_card(context.store, training, origin)
    (tmp_path / "hub.md").write_text(of_the_hub)
    read = ModelCard.load(tmp_path / "hub.md").data
    assert (read.base_model, read.pipeline_tag, read.library_name) == ("org/small", "text-generation", "transformers")
    assert read.datasets == ["org/data"]
    assert card.read_text() == "mine"
    assert yaml.safe_load(text.split("---")[1])["tags"] == ["rlaif", "trl", "dpo"]
    for part in (
        "# small, trained by dpo",
        "from 9 rows",
        f"rlaif train {pipeline}",
        "max_steps: 2",
        "| loss | 0.6931 |",
        "12 pairs, of which\n3 are of prompts that are held out",
        "The base is ",
        'pipeline("text-generation", model="FOLDER")',
        f"| transformers | {transformers.__version__} |",
        "\nname: trial\n",
    ):
        assert part in text, part
    assert "base_model" not in text, "it lies in a folder of this machine"
    assert json.loads((training.path / "training.json").read_text())["warnings"] == []


def test_a_model_card_includes_the_newest_evaluation_unless_it_was_edited(tmp_path: Path) -> None:
    card, row = tmp_path / "README.md", {"prompts": "8", "base": "50.0", "trained": "60.0 (+10.0)", "wins": "75 %"}
    model_card.compare(tmp_path, [row | {"judge": "nobody"}])
    assert not card.exists()
    card.write_text("Made by rlaif\n\n## What to know\n\nMuch.\n")
    for judge in ("first", "se|cond"):
        model_card.compare(tmp_path, [row | {"judge": judge}])
    text = card.read_text()
    assert text.startswith("Made by rlaif\n\n## What to know\n\nMuch.\n\n## How it compares\n")
    assert text.endswith("| se\\|cond | 8 | 50.0 | 60.0 \\(\\+10.0\\) | 75 % |\n")
    assert text.count("| 8 |") == 1
    card.write_text("mine")
    model_card.compare(tmp_path, [row | {"judge": "first"}])
    assert card.read_text() == "mine"


def test_the_hub_reads_the_evaluation_of_a_model(tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    card, row = tmp_path / "README.md", {"prompts": "8", "base": "50.0", "trained": "60.0 (+10.0)", "wins": "75 %"}
    card.write_text("---\nmodel_name: small-dpo\n---\nMade by rlaif\n\n## How it was trained\n\nWell.\n")
    for rate in (0.5, 0.75):
        model_card.compare(tmp_path, [row | {"judge": "critic"}], {"critic": rate})
    (result,) = ModelCard.load(card).data.eval_results
    assert (result.metric_type, result.metric_value) == ("win_rate", 0.75)
    assert result.metric_name == "win rate against the base, judged by critic"
    text = card.read_text()
    assert text.index("## How it compares") < text.index("## How it was trained")
    assert text.endswith("## How it was trained\n\nWell.\n")
