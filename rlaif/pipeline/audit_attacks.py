"""Responses altered to mislead a judge, which the judge stage scores like any other.

An attack is a template of `prompts/attack`; adding one is adding a file.
"""

import json
from collections.abc import Sequence

from rlaif.config.templates import Template
from rlaif.context.run import Context
from rlaif.core.types import answer_key
from rlaif.judging.judge import Judge
from rlaif.models.registry import Models
from rlaif.pipeline.stages import judge as judging
from rlaif.store.store import Row

FOLDER = "prompts/attack"
VARIABLES = frozenset({"response", "other", "criteria"})


async def attack(
    context: Context, models: Models, judge: Judge, generators: Sequence[str], answers: int, *, allow_code: bool = False
) -> None:
    """Alter this many `answers` of these generators (keys), one per prompt, and score the altered ones with the judge.

    Answers are selected by their digests, so that a repeated audit selects the same ones and scores nothing twice.
    """
    store = context.store
    chosen = store.query("evaluation/audit/sql/attackable", judge=judge.key, generators=list(generators), answers=answers)
    rows = make(chosen, templates(context), judge)
    with store.transaction():
        store.run("DELETE FROM attacks WHERE judge = $judge", judge=judge.key)
        store.append("attacks", rows)
    await judging.run(context, models, judge, [f"attack:{judge.key}"], allow_code=allow_code)


def make(answers: Sequence[Row], templates: Sequence[tuple[str, Template]], judge: Judge) -> list[Row]:
    """Apply each attack to each answer (rows of prompt, answer and text); leave out attacks that change nothing."""
    criteria = [
        {"name": each.name, "kind": each.kind, "high": json.dumps(each.range[1]).removesuffix(".0")}
        for each in judge.rubric.criteria
    ]
    rows = []
    for place, row in enumerate(answers):
        other = answers[place - 1]["text"]
        for name, template in templates:
            text = template.render(response=row["text"], other=other, criteria=criteria)
            attacked = answer_key(row["prompt"], text)
            if attacked != row["answer"]:
                rows.append(
                    {
                        "judge": judge.key,
                        "attack": name,
                        "prompt": row["prompt"],
                        "original": row["answer"],
                        "answer": attacked,
                        "text": text,
                    }
                )
    return rows


def templates(context: Context) -> list[tuple[str, Template]]:
    """Return the attacks of `prompts/attack`, each with its name."""
    folder = context.config.find(FOLDER, ())
    return [(path.stem.replace("_", " "), Template(path, VARIABLES)) for path in sorted(folder.glob("*.jinja"))]
