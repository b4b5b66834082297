"""Conversations with tools and of several turns: kept whole by every form, and trained on as they were judged."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.config.resources import root
from rlaif.data.export import FORMS, TARGETS, export
from rlaif.pipeline.stages import train
from rlaif.store.store import Store

WRITER = root() / "rlaif/demo/writer"
# The demo's template with tools, calls and results written out.
TEMPLATE = (
    "{{ bos_token }}{% if tools %}tools: {{ tools | tojson }}\n{% endif %}{% for m in messages %}"
    "{% if m['role'] == 'assistant' %}<|answer|>{{ m['content'] }}"
    "{% for call in m['tool_calls'] or [] %} calls {{ call['function'] | tojson }}{% endfor %}{{ eos_token }}"
    "{% else %}{{ m['role'] }}: {{ m['content'] }}\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|answer|>{% endif %}"
)
TOOLS = [
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {}}}}},
    {"type": "function", "function": {"name": "time", "parameters": {"type": "object", "properties": {"zone": {}}}}},
]


def turn(role: str, content: str | None, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def as_api(call: dict[str, Any]) -> dict[str, Any]:
    """The call as OpenAI's API returns it, with its arguments as text."""
    return {**call, "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}}


ROME, NOON = call("weather", city="Rome"), call("time", zone="CET")
# A null survives in arguments that are text; in a table, it only says that another row has the key.
NULL = call("weather", city="Rome", unit=None)
ASKED = turn("user", "Weather in Rome?")
RESULT = turn("tool", "12 degrees", name="weather", tool_call_id="c1")
CHAT = [turn("system", "Be brief."), turn("user", "Hello"), turn("assistant", "Hi."), turn("user", "What is a crate?")]
# Source rows, and the prompt, chosen and rejected side that must come out.
CALLED = {
    "prompt": [ASKED],
    "tools": TOOLS,
    "chosen": [turn("assistant", None, tool_calls=[as_api(NULL)])],
    "rejected": [turn("assistant", "It is sunny.")],
}
ANSWERED = {
    "prompt": [ASKED, turn("assistant", "", tool_calls=[as_api(NOON)]), RESULT],
    "tools": TOOLS,
    "chosen": [turn("assistant", "12 degrees.")],
    "rejected": [turn("assistant", "", tool_calls=[ROME, NOON])],
}
TURNS = {"prompt": CHAT, "chosen": [turn("assistant", "A box.")], "rejected": [turn("assistant", "I do not know.")]}
EXPECTED = [
    ([ASKED], [turn("assistant", "", tool_calls=[NULL])], CALLED["rejected"]),
    (
        [ASKED, turn("assistant", "", tool_calls=[NOON]), RESULT],
        ANSWERED["chosen"],
        [turn("assistant", "", tool_calls=[ROME, NOON])],
    ),
    (CHAT, TURNS["chosen"], TURNS["rejected"]),
]


def imported(folder: Path, rows: list[dict[str, Any]], train: str = "") -> Path:
    """A pipeline whose pairs came with the data, run up to its pairs."""
    folder.mkdir(exist_ok=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = folder / "model"
    if not model.exists():
        shutil.copytree(WRITER, model)
        (model / "chat_template.jinja").write_text(TEMPLATE)
    (folder / "chats.yaml").write_text(
        f"name: chats\nout: {folder / 'out'}\nmodels: {{m: {{kind: transformers, path: {model}, device: cpu}}}}\n"
        "collect: {sources: [{path: rows.jsonl, layout: trl_preference}], held_out: 0}\npair: {judge: preference}\n" + train
    )
    return folder / "chats.yaml"


def paired(file: Path) -> Store:
    with pipeline.open_run(load(file)) as (plan, context):
        pipeline.collect(context)
        pipeline.pair(plan, context)
    return Store(load(file).store_path)


def newest(store: Store) -> str:
    return str(store.rows("SELECT key FROM newest_pairing")[0]["key"])


def test_every_form_keeps_tools_calls_and_results_and_earlier_turns(tmp_path: Path) -> None:
    with paired(imported(tmp_path, [CALLED, ANSWERED, TURNS])) as store:
        for form in FORMS.keys() - {"soft"}:
            done = export(store, newest(store), tmp_path, held_out=0, form=form)
            rows = [json.loads(line) for line in (done.folder / "train.jsonl").read_text().splitlines()]
            assert [json.loads(row["tools"]) if row["tools"] else None for row in rows[-1:] + rows[:1]] == [None, TOOLS], (
                form
            )
            if form == "preference":
                assert [(row["prompt"], row["chosen"], row["rejected"]) for row in rows] == EXPECTED
            if form == "reward":
                whole = [(prompt + chosen, prompt + rejected) for prompt, chosen, rejected in EXPECTED]
                assert [(row["chosen"], row["rejected"]) for row in rows] == whole
            if form == "sft":
                assert [(row["prompt"], row["completion"]) for row in rows] == [each[:2] for each in EXPECTED]


def test_parquet_and_saved_datasets_give_arguments_without_the_nulls_of_other_calls(tmp_path: Path) -> None:
    from datasets import load_dataset, load_from_disk

    with paired(imported(tmp_path, [CALLED, ANSWERED, TURNS])) as store:
        for format in ("parquet", "datasets"):
            done = export(store, newest(store), tmp_path / format, held_out=0, formats=[format])
            found = load_dataset(str(done.folder), split="train", cache_dir=str(tmp_path / "cache"))
            assert [(row["prompt"], row["chosen"], row["rejected"]) for row in found] == EXPECTED
    assert load_from_disk(str(done.folder))["train"].to_list() == found.to_list()


def test_another_project_gets_calls_if_it_reads_them_and_otherwise_the_rows_are_counted(tmp_path: Path) -> None:
    with paired(imported(tmp_path, [CALLED, ANSWERED, TURNS])) as store:
        for target in TARGETS:
            done = export(store, newest(store), tmp_path, held_out=0, target=target)
            assert done.rows["train"] == (3 if target == "llama-factory" else 1), target
            assert sum(done.left_out.values()) == 3 - done.rows["train"]
    rows = [json.loads(line) for line in (tmp_path / "llama-factory/train.jsonl").read_text().splitlines()]
    assert [[each["from"] for each in row["conversations"]] for row in rows] == [
        ["human"],
        ["human", "function_call", "observation"],
        ["human", "gpt", "human"],
    ]
    assert json.loads(rows[0]["chosen"]["value"]) == NULL["function"]
    assert json.loads(rows[1]["rejected"]["value"]) == [ROME["function"], NOON["function"]]
    assert [row["system"] for row in rows] == ["", "", "Be brief."]


OPTIONS = "train: {model: m, method: METHOD, options: {max_steps: 1, per_device_train_batch_size: 2, max_length: 512}}\n"


@pytest.mark.tiny
@pytest.mark.parametrize(("method", "rows"), [("dpo", 3), pytest.param("kto", 6, marks=pytest.mark.slow)])
def test_rlaif_trains_on_tool_calls_and_on_several_turns(method: str, rows: int, tmp_path: Path) -> None:
    file = imported(tmp_path, [CALLED, ANSWERED, TURNS], OPTIONS.replace("METHOD", method))
    paired(file).close()
    with pipeline.open_run(load(file)) as (_, context):
        training = train.run(context)
    assert (training.rows, training.refused) == (rows, {})


@pytest.mark.tiny
@pytest.mark.parametrize(("method", "kind"), [("orpo", "tools_not_read"), ("dpo", "tools_not_rendered")])
def test_pairs_with_tools_are_refused_if_the_model_would_not_see_them(method: str, kind: str, tmp_path: Path) -> None:
    file = imported(tmp_path, [CALLED, ANSWERED, TURNS], OPTIONS.replace("METHOD", method))
    if method == "dpo":
        shutil.copy(WRITER / "chat_template.jinja", tmp_path / "model")
    paired(file).close()
    with pipeline.open_run(load(file)) as (_, context):
        training = train.run(context)
    assert (training.rows, training.refused) == (1, {kind: 2})


@pytest.mark.tiny
def test_trl_reads_the_export_as_rlaif_trains_on_it(tmp_path: Path) -> None:
    import trl
    from datasets import load_dataset
    from transformers import AutoTokenizer

    with paired(imported(tmp_path, [CALLED, ANSWERED, TURNS])) as store:
        done = export(store, newest(store), tmp_path, held_out=0, formats=["parquet"])
    rows = load_dataset(str(done.folder), split="train", cache_dir=str(tmp_path / "cache"))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    config = trl.DPOConfig(output_dir=str(tmp_path / "trl"), max_steps=1, use_cpu=True, bf16=False, report_to="none")
    trainer = trl.DPOTrainer(str(tmp_path / "model"), args=config, train_dataset=rows, processing_class=tokenizer)
    assert trainer.train().global_step == 1
    read = [tokenizer.decode(row["prompt_ids"] + row["chosen_ids"]) for row in trainer.train_dataset]
    wanted = [
        tokenizer.apply_chat_template(prompt + chosen, tools=tools, tokenize=False)
        for (prompt, chosen, _), tools in zip(EXPECTED, [TOOLS, TOOLS, None], strict=True)
    ]
    assert ["".join(text.split()) for text in read] == ["".join(text.split()) for text in wanted]
