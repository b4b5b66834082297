"""The card of a trained model: what it was made from, by whom it was judged, and how training went."""

import json
from pathlib import Path
from typing import Any

import yaml

from rlaif import __version__
from rlaif.export.card import as_yaml, environment
from rlaif.report.text import visible
from rlaif.store import Store
from rlaif.training.job import Training

PAGE = Path(__file__).parent / "model.md.jinja"
CARD = "README.md"
# What the log ends with, for those of the trainers' metrics that say most.
LAST = ("loss", "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected", "accuracy", "reward", "kl")


def write(store: Store, training: Training, command: str) -> Path:
    """The card `README.md` in the model's folder; one that is there is left as it is. `command` is what made the model."""
    path = training.path / CARD
    if not path.exists():
        path.write_text(model_card(store, training, command), encoding="utf-8")
    return path


def model_card(store: Store, training: Training, command: str) -> str:
    """The card as text."""
    row = store.query("export/training", key=training.key)[0]
    spec, pairing = json.loads(row["spec"]), row["pairing"]
    known = store.query("export/pairing", pairing=pairing)
    body = environment().from_string(PAGE.read_text(encoding="utf-8")).render(
        training=training, base=row["base"], spec=spec, version=__version__, command=command,
        pairing=pairing if known else "", made=json.loads(known[0]["spec"]) if known else {},
        section=as_yaml(json.dumps(spec.get("train", {}))), identity=as_yaml(json.dumps(spec["base"])),
        who=[each | {"spec": as_yaml(each["spec"])} for each in store.query("export/who", pairing=pairing)],
        funnel=store.query("export/funnel", pairing=pairing), last=_last(store, training.key),
    )  # fmt: skip
    head: dict[str, Any] = {"license": "unknown", "library_name": "transformers", "tags": ["rlaif", "trl", training.method]}
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n\n{visible(body)}"


def _last(store: Store, key: str) -> list[dict[str, Any]]:
    logged = {row["metric"]: row for row in store.query("export/training_ends", key=key)}
    return [logged[name] for name in LAST if name in logged]
