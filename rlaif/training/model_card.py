"""Write the card of a trained model: its origin, its judges, and the course of its training."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from rlaif import __version__
from rlaif.config import Pipeline
from rlaif.config.redaction import config_text, hidden_in_urls, without_servers
from rlaif.core.text import visible
from rlaif.data.export.dataset_card import as_yaml, environment
from rlaif.models.local.checkpoint import locate
from rlaif.store.store import Row, Store
from rlaif.training.job import Training

# Values that a training logged at its first and last step, by metric.
_FIRST_AND_LAST_VALUES: Final = """
    SELECT metric, max(step) AS step, arg_min(value, step) AS first, arg_max(value, step) AS last
    FROM training_log WHERE training = $key AND isfinite(value)
    GROUP BY metric ORDER BY metric
"""
# Number of a pairing's pairs, and of those whose prompt's bucket is below $held_out.
_TRAINED_PAIRS: Final = """
    SELECT count(*) AS made, count(*) FILTER (bucket < $held_out) AS held_out
    FROM pairs JOIN current_prompts AS prompts ON prompts.key = pairs.prompt
    WHERE pairing = $pairing
"""
PAGE = Path(__file__).parent / "model.md.jinja"
COMPARED = PAGE.with_name("compared.md.jinja")
CARD = "README.md"
# A text that is in every card that rlaif wrote.
OURS = "Made by rlaif"
# The trainer metrics that are most informative, of which the card shows the first and last value.
LAST = ("loss", "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected", "accuracy", "reward", "kl")


# The libraries whose versions the card states, if they are installed.
LIBRARIES = ("trl", "transformers", "torch", "peft", "datasets")
# The heading before which the results of an evaluation are written.
TRAINED = "\n## How it was trained\n"
# A card's YAML header.
_HEAD = re.compile(r"---\n(.*?)^---\n", re.DOTALL | re.MULTILINE)
# The part of a card with an evaluation, up to the next heading of its level or the end.
_PART = re.compile(r"\n## How it compares\n.*?(?=\n## |\Z)", re.DOTALL)


@dataclass(frozen=True)
class Origin:
    """The origin of a model, as far as the training's record does not contain it.

    `base` is the path or hub name of the model that was trained. `pairs` says whether training needed pairs; prompts whose
    bucket is below `held_out` were not trained on. `rewards` are judges as rows of `name` and `spec` (JSON).
    """

    command: str
    base: str
    pipeline: Pipeline | Mapping[str, Any]
    pairs: bool
    held_out: int
    rewards: Sequence[Row] = ()


def write(store: Store, training: Training, origin: Origin) -> Path:
    """Write the card `README.md` into the model's folder, unless there is one, and return its path."""
    path = training.path / CARD
    if not path.exists():
        path.write_text(model_card(store, training, origin), encoding="utf-8")
    return path


def compare(folder: Path, rows: Sequence[Mapping[str, str]], win_rates: Mapping[str, float] = MappingProxyType({})) -> None:
    """Write the results of an evaluation into the model's card, replacing earlier ones, with one row per judge.

    `win_rates`, from 0 to 1 by judge, become the `model-index` that the Hub reads. A card that someone has rewritten is left
    unchanged.
    """
    path = folder / CARD
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if rows and OURS in text:
        part = environment().from_string(COMPARED.read_text(encoding="utf-8")).render(rows=rows)
        rest = _PART.sub("", _indexed(text, win_rates)).rstrip("\n") + "\n"
        before, heading, after = rest.partition(TRAINED)
        path.write_text(f"{before}\n{visible(part)}{heading}{after}", encoding="utf-8")


def _indexed(text: str, win_rates: Mapping[str, float]) -> str:
    """Return the card with the win rates in the `model-index` of its YAML header."""
    found = _HEAD.match(text)
    if not found or not win_rates:
        return text
    head = yaml.safe_load(found[1])
    metrics = [
        {"type": "win_rate", "name": f"win rate against the base, judged by {visible(judge)}", "value": round(rate, 4)}
        for judge, rate in win_rates.items()
    ]
    result = {
        "task": {"type": "text-generation"},
        "dataset": {"name": "held-out prompts of the pipeline", "type": "rlaif"},
        "metrics": metrics,
    }
    head["model-index"] = [{"name": head.get("model_name", "model"), "results": [result]}]
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n{text[found.end() :]}"


def _front_matter(training: Training, origin: Origin, name: str) -> str:
    """Return the YAML header for the Hub. A base in a folder of this machine is not named."""
    classifies = training.method == "reward"
    head: dict[str, Any] = {
        "license": "unknown",
        "library_name": "transformers",
        "pipeline_tag": "text-classification" if classifies else "text-generation",
        "model_name": f"{name}-{training.method}",
        "tags": ["rlaif", "trl", training.method],
    }
    if isinstance(locate(origin.base), str):
        head |= {"base_model": origin.base, "base_model_relation": "finetune"}
    if datasets := _datasets(origin.pipeline):
        head["datasets"] = datasets
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True)


def _datasets(pipeline: Pipeline | Mapping[str, Any]) -> list[str]:
    """Return the datasets of the Hub from which the pipeline's prompts come."""
    plain = pipeline.model_dump(mode="json") if isinstance(pipeline, Pipeline) else pipeline
    return list(dict.fromkeys(each["dataset"] for each in plain["collect"]["sources"] if each.get("dataset")))


def _versions() -> list[tuple[str, str]]:
    """Return the versions of the installed libraries that a training uses."""
    installed = {each: find_spec(each) for each in LIBRARIES}
    return [("rlaif", __version__), *((name, version(name)) for name, spec in installed.items() if spec)]


def model_card(store: Store, training: Training, origin: Origin) -> str:
    """Return the card as text."""
    row = store.query("SELECT base, pairing, spec FROM trainings WHERE key = $key LIMIT 1", key=training.key)[0]
    spec, pairing = json.loads(row["spec"]), row["pairing"] if origin.pairs else ""
    known = store.query("SELECT spec FROM pairings WHERE key = $pairing", pairing=pairing)
    who = store.query("data/export/sql/models_used", pairing=pairing) + [
        {"role": "reward: judge"} | each for each in origin.rewards
    ]
    body = (
        environment()
        .from_string(PAGE.read_text(encoding="utf-8"))
        .render(
            training=training,
            base=row["base"],
            spec=spec,
            version=__version__,
            command=hidden_in_urls(origin.command),
            pairing=pairing if known else "",
            made=json.loads(known[0]["spec"]) if known else {},
            path=origin.base,
            pairs=store.query(_TRAINED_PAIRS, pairing=pairing, held_out=origin.held_out)[0],
            section=as_yaml(json.dumps(spec.get("train", {}))),
            identity=as_yaml(json.dumps(spec["base"])),
            who=[each | {"spec": as_yaml(each["spec"])} for each in who],
            funnel=store.query("data/export/sql/funnel", pairing=pairing),
            last=_last(store, training.key),
            config=config_text(origin.pipeline),
            versions=_versions(),
            chats=training.method != "reward",
        )
    )
    head = _front_matter(training, origin, row["base"])
    specs = [json.loads(each["spec"] or "{}") for each in who]
    body = without_servers(body, origin.pipeline, spec, *specs)
    return f"---\n{head}---\n\n{visible(body)}"


def _last(store: Store, key: str) -> list[dict[str, Any]]:
    logged = {row["metric"]: row for row in store.query(_FIRST_AND_LAST_VALUES, key=key)}
    return [logged[name] for name in LAST if name in logged]
