"""Renders the card of a dataset for the Hugging Face Hub: YAML for machines, Markdown for people.

Names, criteria and settings come from untrusted files, models and datasets, so every value is escaped for Markdown, and
multiline text is put in a fence that it cannot close.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif import __version__
from rlaif.config import Pipeline
from rlaif.config.redaction import config_text, hidden_in_urls, without_servers
from rlaif.core.text import FILTERS, visible
from rlaif.data.export.meanings import COLUMNS, TAGS, snippet
from rlaif.store.store import Row, Store

if TYPE_CHECKING:
    from rlaif.data.export.writers import Exported

PAGE = Path(__file__).parent / "card.md.jinja"
# Number of pairs by the generators of both sides, if they differ, the most frequent first.
_WINS = """
    SELECT chosen_generator AS chosen, rejected_generator AS rejected, count(*) AS pairs
    FROM pair_texts WHERE chosen_generator <> rejected_generator
    GROUP BY ALL ORDER BY pairs DESC, chosen, rejected LIMIT 6
"""
# Chosen responses among the first $limit pairs of each split with at least $least letters, at most 2,000 characters of each,
# to identify their language.
_SAMPLED_TEXTS = r"""
    SELECT left(chosen, 2000) AS text FROM pair_texts
    WHERE place < $limit AND length(regexp_replace(left(chosen, 2000), '\P{L}', '', 'g')) >= $least
    ORDER BY split DESC, place
"""
# Characters with a meaning in Markdown or embedded HTML.
_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$-])")
# What a row of each form is.
WHAT = {
    "preference": "preference pairs (for DPO)",
    "unpaired": "responses labelled good or bad (for KTO)",
    "reward": "pairs of conversations (for reward models)",
    "soft": "preference pairs with soft labels",
    "sft": "chosen responses (for supervised fine-tuning)",
    "ranked": "ranked lists of responses",
}
# Characters of a text in the example row.
SHOWN = 200
# Responses whose language is identified, the least length of one, and the least share of a language to be named.
SAMPLED, LEAST_CHARACTERS, LEAST_SHARE = 200, 60, 0.05
# The data files of a split for datasets.load_dataset, by format; the first format that an export has is named.
FILES = {"parquet": "{split}*.parquet", "jsonl": "{split}*.jsonl", "datasets": "{split}/*.arrow"}
# The Hub's size categories, each with its exclusive upper limit of rows.
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"))


@dataclass(frozen=True)
class Maker:
    """The run that made something: its command line and its pipeline; empty if unknown."""

    command: str
    pipeline: Pipeline | Mapping[str, Any] | None


class _Markdown(str):
    """Text that is already Markdown and is not escaped."""


@dataclass(frozen=True)
class Origin:
    """Where an export comes from, as far as the store does not know: the pipeline, the command, and the judges' figures.

    `audit` holds rows of `judge`, `measure` and `value`. Prompts whose bucket is below `held_out` are the test split.
    `address` is the folder or Hub dataset that users load.
    """

    pipeline: Pipeline | None
    command: str
    held_out: int
    audit: Sequence[Mapping[str, str]] = ()
    address: str = "FOLDER"
    language: bool = True
    """Whether the card names the languages of the texts."""


def card(
    store: Store, pairing: str, done: "Exported", *, form: str, formats: Sequence[str], origin: Origin, target: str = ""
) -> str:
    """Return the card of one export as text, with the pipeline (secrets hidden) if given.

    Pipeline and command line are those of the run that made the pairing, if known, which may be an earlier run. An export
    for another project (`target`) has no program for TRL.
    """
    made = made_by(store, pairing, origin.pipeline)
    spec = json.loads(store.query("SELECT spec FROM pairings WHERE key = $pairing", pairing=pairing)[0]["spec"])
    who = store.query("data/export/sql/models_used", pairing=pairing)
    name = origin.pipeline.name if origin.pipeline else ""
    title = f"{name} ({target or form})" if name else target or form
    head = front_matter(done.rows, form, formats, title, languages(store) if origin.language else ())
    body = (
        environment()
        .from_string(PAGE.read_text(encoding="utf-8"))
        .render(
            _labels(store, pairing, spec, who),
            done=done,
            origin=origin,
            spec=spec,
            pairing=pairing,
            what=WHAT[form],
            usage=snippet(form, origin.address) if done.rows["train"] and not target else "",
            example=json.dumps(_cut(done.example), indent=2, ensure_ascii=False) if done.example else "",
            columns=[(_Markdown(name), _Markdown(COLUMNS[name])) for name in done.example],
            command=hidden_in_urls("\n".join(filter(None, [made.command, origin.command]))),
            name=name or f"{form} data",
            version=__version__,
            funnel=store.query("data/export/sql/funnel", pairing=pairing),
            settings=as_yaml(json.dumps(spec["settings"])),
            config=config_text(made.pipeline) if made.pipeline else "",
        )
    )
    specs = [json.loads(row["spec"] or "{}") for row in who]
    return f"---\n{head}---\n\n{without_servers(body, origin.pipeline, made.pipeline, *specs)}"


def _labels(store: Store, pairing: str, spec: Mapping[str, Any], who: Sequence[Row]) -> dict[str, Any]:
    """Return what the card says about the responses and their labels."""
    return {
        "shape": store.query("data/export/sql/shape", pairing=pairing)[0],
        "wins": store.query(_WINS, pairing=pairing),
        "who": [row | {"spec": as_yaml(row["spec"])} for row in who],
        "answers": _origins(who, "generator", "sampled responses", "responses that came with the data"),
        "labels": _origins(who, "judge", "a judge's scores or votes", "labels that came with the data")
        if spec["judge"]
        else "two generators, without a judge",
        "rubric": [row | {"spec": as_yaml(row["spec"])} for row in store.query("data/export/sql/rubric", pairing=pairing)],
    }


def _cut(value: Any) -> Any:
    """Return a value with its long texts cut, for the example row."""
    if isinstance(value, str):
        return value if len(value) <= SHOWN else value[:SHOWN] + "…"
    if isinstance(value, Mapping):
        return {name: _cut(item) for name, item in value.items()}
    return [_cut(item) for item in value] if isinstance(value, list) else value


def languages(store: Store) -> list[str]:
    """Return the languages of a sample of the chosen or best responses, the most frequent first; empty without py3langid."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        return []
    texts = store.query(_SAMPLED_TEXTS, limit=SAMPLED, least=LEAST_CHARACTERS)
    if not texts:
        return []
    found = LanguageIdentifier.from_model_file(MODEL_FILE)
    counts = Counter(str(found.classify(row["text"])[0]) for row in texts)
    return [name for name, count in counts.most_common() if count >= LEAST_SHARE * len(texts)]


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


def front_matter(
    rows: Mapping[str, int], form: str, formats: Sequence[str], name: str, languages: Sequence[str] = ()
) -> str:
    """Return the YAML header for the Hub: what the data is for, files of the splits, size, and an unknown licence."""
    import yaml

    total = sum(rows.values())
    files = next((FILES[format] for format in FILES if format in formats), None)
    config = [
        {
            "config_name": "default",
            "data_files": [{"split": split, "path": files.format(split=split)} for split, count in rows.items() if count],
        }
        for files in [files]
        if files and total
    ]
    head: dict[str, Any] = {
        "license": "unknown",
        **({"language": list(languages)} if languages else {}),
        "pretty_name": name,
        "task_categories": ["text-generation"],
        "size_categories": [next((word for bound, word in SIZES if total < bound), "n>10M")],
        "tags": ["rlaif", "synthetic", "trl", *TAGS[form]],
    }
    return yaml.safe_dump(head | ({"configs": config} if config else {}), sort_keys=False, allow_unicode=True)


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
    templates.filters |= {"block": block, "code": code}
    return templates


def escape(value: Any) -> str:
    """Escape a value so that Markdown shows it literally, on one line."""
    if isinstance(value, _Markdown):
        return value
    return _MARKS.sub(r"\\\1", " ".join(str(visible(value)).split()))


def code(value: str, language: str) -> _Markdown:
    """Put code in a fence with its language."""
    return block(value, language)


def block(value: str, language: str = "") -> _Markdown:
    """Put multiline text in a fence that is longer than any run of backticks in it."""
    text = str(visible(value)).rstrip("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return _Markdown(f"{fence}{language}\n{text}\n{fence}")
