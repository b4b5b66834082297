"""A store with pairs to train on, and a process that trains on them and kills itself at a step.

As a program: `python -m tests.support.training FOLDER STEP` trains the pipeline that `prepare` left in FOLDER.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlaif.config import load
from rlaif.context.run import Context, now
from rlaif.core.progress import Progress, Quiet, Tally
from rlaif.pipeline.stages import train
from rlaif.store.store import Store

# A prompt ends as an answer begins, and an answer ends: the two things that training needs of a template.
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'assistant' %}: {{ m['content'] }}{{ eos_token }}"
    "{% else %}{{ m['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}: {% endif %}"
)
PIPELINE = """\
name: trial
models:
  small: {{kind: transformers, path: {checkpoint}, device: cpu}}
  fake: {{kind: scripted}}
collect: {{sources: [{{path: none.jsonl}}], held_out: 0.25}}
generate: {{model: small}}
train:
  method: {method}
  seed: 3
  options: {options}
"""


def prepare(folder: Path, checkpoint: Path, *, method: str = "dpo", options: str = "{}", pairs: int = 12) -> Path:
    """A pipeline file in `folder`, and its store: one pairing of short answers; every fourth prompt is held out."""
    folder.mkdir(parents=True, exist_ok=True)
    text = PIPELINE.format(checkpoint=checkpoint, method=method, options=options)
    (folder / "trial.yaml").write_text(text + f"out: {folder / 'out'}\n")
    with Store(folder / "out" / "store.duckdb") as store:
        store.append("pairings", [{"key": "P", "spec": "{}", "created": now()}])
        for index in range(pairs):
            append_pair(store, index, f"say {index}", f"yes {index}", f"no, not {index}, never")
    return folder / "trial.yaml"


def append_pair(store: Store, index: int, request: str, chosen: str, rejected: str) -> None:
    """One pair of pairing P, of a prompt whose bucket puts every fourth into the held-out part."""
    name = f"p{index:02}"
    messages = json.dumps([{"role": "user", "content": request}])
    bucket = 0 if index % 4 == 0 else 9000
    store.append("prompts", [{"key": name, "messages": messages, "bucket": bucket, "position": index}])
    store.append("active_prompts", [{"prompt": name}])
    store.append("rendered_prompts", [{"prompt": name, "generator": "G", "messages": messages.replace("say", "please say")}])
    for side, text in (("a", chosen), ("b", rejected)):
        response = {"key": name + side, "prompt": name, "generator": "G", "sample": 0, "attempt": 0, "text": text}
        store.append("responses", [response])
    store.append("pairs", [{"pairing": "P", "prompt": name, "chosen": name + "a", "rejected": name + "b"}])


@contextmanager
def opened(pipeline: Path, progress: Progress | None = None) -> Iterator[Context]:
    """A context of the pipeline, with its store open."""
    config = load(pipeline)
    with Store(config.store_path) as store:
        yield Context(config, store, run="trial", progress=progress or Quiet())


class Killer(Quiet):
    """A display that ends the process, with no chance to clean up, once so many steps were shown."""

    def __init__(self, step: int) -> None:
        self.step = step

    @contextmanager
    def show(self, tally: Tally) -> Iterator[None]:
        def watch() -> None:
            while tally.done < self.step:
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=watch, daemon=True).start()
        yield


if __name__ == "__main__":
    with opened(Path(sys.argv[1]) / "trial.yaml", Killer(int(sys.argv[2]))) as context:
        train.run(context)
