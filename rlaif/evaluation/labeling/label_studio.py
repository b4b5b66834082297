"""Writes tasks for Label Studio with their labeling configuration, and reads the annotations back from its JSON exports."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rlaif.core.errors import InputError
from rlaif.core.text import visible
from rlaif.evaluation.labeling.ballots import Line
from rlaif.evaluation.labeling.task import LabelingTask

TASKS, CONFIG = "tasks.json", "config.xml"
_CONFIG: Final = """<View>
  <Header value="Which response is better?"/>
  <Text name="request" value="$request"/>{document}
  <View style="display: flex; gap: 1em">
    <View style="flex: 1"><Header value="1" size="5"/><Text name="first" value="$first"/></View>
    <View style="flex: 1"><Header value="2" size="5"/><Text name="second" value="$second"/></View>
  </View>
  <Choices name="preferred" toName="first" choice="single-radio" showInline="true" required="true">
    <Choice value="first" hotkey="1"/>
    <Choice value="second" hotkey="2"/>
    <Choice value="tie" hotkey="t"/>
  </Choices>
</View>
"""
_DOCUMENT: Final = """
  <Header value="Document" size="5"/>
  <Text name="document" value="$document"/>"""


def write(tasks: Sequence[LabelingTask], folder: Path) -> None:
    """Write the tasks, and the configuration of a project for them, to a folder. Hidden characters become visible."""
    rows = [{"data": _data(task)} for task in tasks]
    documents = any(task.document for task in tasks)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TASKS).write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / CONFIG).write_text(_CONFIG.replace("{document}", _DOCUMENT if documents else ""), encoding="utf-8")


def _data(task: LabelingTask) -> dict[str, str]:
    texts = {"request": task.request, "document": task.document, "first": task.first_text, "second": task.second_text}
    return {"ballot": f"{task.first}-{task.second}"} | {name: str(visible(text or "")) for name, text in texts.items()}


def read(path: Path) -> dict[str, list[Line]]:
    """Return the annotations of an export, as JSON or JSON-MIN, by annotator. Raises InputError for other files."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path), fix="Export JSON from Label Studio.") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError("not a list of tasks", where=str(path), fix="Export JSON or JSON-MIN from Label Studio.")
    found: dict[str, list[Line]] = {}
    for number, row in enumerate(rows, 1):
        where = f"{path} task {row.get('id', number)}"
        for annotator, ballot, vote in _annotations(row, where):
            first, _, second = ballot.partition("-")
            found.setdefault(annotator, []).append(Line(where, first, second, vote))
    return found


def _annotations(row: Mapping[str, Any], where: str) -> Iterator[tuple[str, str, str]]:
    """Yield the annotator, the ballot and the vote of each annotation of a task."""
    if "annotations" not in row:
        yield _person(row.get("annotator")), str(row.get("ballot", "")), _choice(row.get("preferred"), where)
        return
    try:
        ballot = str(row["data"]["ballot"])
        for each in row["annotations"]:
            results = [result["value"]["choices"] for result in each["result"] if result.get("from_name") == "preferred"]
            if not each.get("was_cancelled"):
                yield _person(each.get("completed_by")), ballot, _choice(results[-1] if results else None, where)
    except (KeyError, TypeError, AttributeError):
        fix = "Export a project whose tasks and configuration rlaif wrote."
        raise InputError("not a task with a `ballot` and choices named `preferred`", where=where, fix=fix) from None


def _choice(value: Any, where: str) -> str:
    values = value if isinstance(value, list) else [] if value is None else [value]
    if len(values) > 1:
        raise InputError("several choices in one annotation", where=where, fix="Choose one.")
    return str(values[0]).strip().lower() if values else ""


def _person(value: Any) -> str:
    """Return the id of an annotator, who may be given as an object."""
    return str(value.get("id")) if isinstance(value, dict) else str(value)
