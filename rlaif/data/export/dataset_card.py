"""Renders the card of a dataset for the Hugging Face Hub: YAML for machines, Markdown for people.

Names, criteria and settings come from untrusted files, models and datasets, so every value is escaped for Markdown, and
multiline text is put in a fence that it cannot close.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif import __version__
from rlaif.config import Pipeline
from rlaif.config.redaction import config_text, hidden_in_urls, without_servers
from rlaif.core.text import FILTERS, visible
from rlaif.store.store import Row, Store

if TYPE_CHECKING:
    from rlaif.data.export import Exported

PAGE = Path(__file__).parent / "card.md.jinja"
# Characters with a meaning in Markdown or embedded HTML.
_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$-])")
# Description of each form's columns.
COLUMNS = {
    "preference": "`prompt`, `chosen` and `rejected` are lists of messages (TRL's explicit conversational form, for DPO)",
    "unpaired": "`prompt` and `completion` are lists of messages, `label` says whether the response is good (KTO)",
    "reward": "`chosen` and `rejected` are whole conversations; `margin` is a share of the scale (reward models)",
    "soft": "the preference form, with the `probability` that the chosen response is better",
    "sft": "`prompt` and `completion` are lists of messages: chosen responses only (supervised fine-tuning)",
    "ranked": "`responses` are all scored responses to `prompt`, best first; `scores` are in hundredths of the scale",
}
# The Hub's size categories, each with its exclusive upper limit of rows.
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"))


@dataclass(frozen=True)
class Maker:
    """The run that made something: its command line and its pipeline; empty if unknown."""

    command: str
    pipeline: Pipeline | Mapping[str, Any] | None


class _Markdown(str):
    """Text that is already Markdown and is not escaped."""


def card(
    store: Store,
    pairing: str,
    done: "Exported",
    *,
    form: str,
    formats: Sequence[str],
    held_out: int,
    pipeline: Pipeline | None,
    command: str,
) -> str:
    """Return the card of one export as text, with the pipeline (secrets hidden) if given.

    Pipeline and command line are those of the run that made the pairing, if known, which may be an earlier run.
    """
    made = made_by(store, pairing, pipeline)
    spec = json.loads(store.query("SELECT spec FROM pairings WHERE key = $pairing", pairing=pairing)[0]["spec"])
    who = store.query("data/export/sql/models_used", pairing=pairing)
    head = front_matter(done.rows, form, formats, pipeline.name if pipeline else "")
    body = (
        environment()
        .from_string(PAGE.read_text(encoding="utf-8"))
        .render(
            form=form,
            columns=_Markdown(COLUMNS[form]),
            done=done,
            spec=spec,
            pairing=pairing,
            command=hidden_in_urls("\n".join(filter(None, [made.command, command]))),
            name=pipeline.name if pipeline else f"{form} data",
            version=__version__,
            held_out=held_out,
            shape=store.query("data/export/sql/shape")[0],
            funnel=store.query("data/export/sql/funnel", pairing=pairing),
            who=[row | {"spec": as_yaml(row["spec"])} for row in who],
            answers=_origins(who, "generator", "sampled responses", "responses that came with the data"),
            labels=_origins(who, "judge", "a judge's scores or votes", "labels that came with the data"),
            rubric=[row | {"spec": as_yaml(row["spec"])} for row in store.query("data/export/sql/rubric", pairing=pairing)],
            settings=as_yaml(json.dumps(spec["settings"])),
            config=config_text(made.pipeline) if made.pipeline else "",
        )
    )
    specs = [json.loads(row["spec"] or "{}") for row in who]
    return f"---\n{head}---\n\n{without_servers(body, pipeline, made.pipeline, *specs)}"


def _origins(who: Sequence[Row], role: str, made: str, imported: str) -> str:
    """Return whether models of a role made the data of the pairs, or it was imported, or both."""
    came = {json.loads(row["spec"] or "{}").get("kind") == "imported" for row in who if row["role"].startswith(role)}
    return " and ".join(([made] if came != {True} else []) + ([imported] if True in came else []))


def made_by(store: Store, pairing: str, pipeline: Pipeline | None = None) -> Maker:
    """Return the run that made a pairing; if unknown, only the `pipeline`."""
    rows = store.query(
        "SELECT command, config FROM runs JOIN pairings ON runs.key = pairings.run "
        "WHERE pairings.key = $pairing AND command IS NOT NULL",
        pairing=pairing,
    )
    return Maker(rows[0]["command"], json.loads(rows[0]["config"])) if rows else Maker("", pipeline)


def front_matter(rows: Mapping[str, int], form: str, formats: Sequence[str], name: str) -> str:
    """Return the YAML header for the Hub: files of the splits, size, and an unknown licence."""
    import yaml

    total = sum(rows.values())
    files = {"parquet": ("parquet", "parquet"), "jsonl": ("jsonl", "json")}
    ending = next((files[format][0] for format in ("parquet", "jsonl") if format in formats), None)
    config = [
        {
            "config_name": "default",
            "data_files": [{"split": split, "path": f"{split}*.{ending}"} for split, count in rows.items() if count],
        }
    ]
    return yaml.safe_dump(
        {
            "license": "unknown",
            "pretty_name": f"{name} ({form})" if name else form,
            "tags": ["rlaif", "synthetic", "preference" if form != "sft" else "sft"],
            "size_categories": [next((word for bound, word in SIZES if total < bound), "n>10M")],
            **({"configs": config} if ending and total else {}),
        },
        sort_keys=False,
        allow_unicode=True,
    )


def as_yaml(text: str) -> str:
    """A specification, JSON in the store, as people read it."""
    import yaml

    return yaml.safe_dump(json.loads(text or "{}"), sort_keys=False, allow_unicode=True, width=100)


def environment() -> Any:
    """Return a Jinja environment that escapes values for Markdown."""
    from jinja2 import Environment, StrictUndefined

    templates = Environment(
        undefined=StrictUndefined,
        autoescape=False,
        finalize=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters.update({name: FILTERS[name] for name in ("count", "number", "percent")})
    templates.filters["block"] = block
    return templates


def escape(value: Any) -> str:
    """Escape a value so that Markdown shows it literally, on one line."""
    if isinstance(value, _Markdown):
        return value
    return _MARKS.sub(r"\\\1", " ".join(str(visible(value)).split()))


def block(value: str) -> _Markdown:
    """Put multiline text in a fence that is longer than any run of backticks in it."""
    text = str(visible(value)).rstrip("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return _Markdown(f"{fence}\n{text}\n{fence}")
