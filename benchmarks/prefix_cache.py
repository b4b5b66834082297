"""Measure how many prompt tokens a server's prefix cache saves, in rlaif's order of prompts and in random order.

    make vllm && .venv-vllm/bin/python benchmarks/prefix_cache.py           some minutes on two cores
    … benchmarks/prefix_cache.py --prompts 6 --concurrency 64               a quick look

A real vLLM server runs a small random Llama; rlaif's store and judge stage send three criteria separately, for eight
responses per prompt, with long documents. The cache holds less than half of the documents, as a GPU's cache also holds only
some. Hits are vLLM's count; the maximum is that of a cache that never evicts, computed from the prompts' token ids.
"""

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rlaif import pipeline
from rlaif.config import VllmModel, load
from rlaif.models.base import ChatRequest, Completion
from rlaif.models.registry import open_model
from rlaif.pipeline.stages import judge as judging

RESPONSES = 8
# Lengths in characters, which are tokens here.
DOCUMENT, RESPONSE = 3000, 300
# Enough for the longest prompt; a cache must have at least this size.
CONTEXT = 8000
# The smallest block size of vLLM on CPUs, in tokens; on GPUs it is 16.
BLOCK = 32
VERDICT = '{"rationale": "so", "score": 3}'
WORDS = ("the", "harvest", "report", "names", "farm", "and", "its", "buyer", "acres", "crop", "paid", "sacks", "rain")
PIPELINE = """
name: prefix
out: {out}
models:
  critic:
    kind: vllm
    path: {model}
    dtype: float32
    max_model_len: {context}
    concurrency: {concurrency}
    options: {{enforce_eager: true, block_size: {block}, num_gpu_blocks_override: {blocks}, max_num_batched_tokens: 2048}}
judges:
  critic: {{model: critic, rubric: rubrics/grounded.yaml, calls: apart, max_tokens: 8, attempts: 1}}
collect:
  held_out: 0
  sources: [{{path: {prompts}, columns: {{document: document, responses: responses}}}}]
"""


class Watched:
    """A model that notes what it is asked. With `shuffle`, it waits for so many asks and sends them in random order."""

    def __init__(self, model: Any, concurrency: int, shuffle: int) -> None:
        self.prompts: list[str] = []
        self.concurrency = shuffle or model.concurrency
        self._model, self._shuffle = model, shuffle
        self._room = asyncio.Semaphore(concurrency)
        self._waiting: list[tuple[ChatRequest, asyncio.Future[None]]] = []

    async def complete(self, request: ChatRequest) -> list[Completion]:
        if self._shuffle:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((request, turn))
            if len(self._waiting) == self._shuffle:
                asyncio.get_running_loop().create_task(self._start_all())
            await turn
        else:
            await self._room.acquire()
            self.prompts.append(request.messages[0]["content"])
        try:
            await self._model.complete(request)
            # A random model writes no verdict, and a stage in which all fail ends; what counts here is what it was shown.
            return [Completion(VERDICT)]
        finally:
            self._room.release()

    async def _start_all(self) -> None:
        random.Random(0).shuffle(self._waiting)
        for request, turn in self._waiting:
            await self._room.acquire()
            self.prompts.append(request.messages[0]["content"])
            turn.set_result(None)


class Given:
    """Models that are one open model."""

    def __init__(self, model: Watched) -> None:
        self._model = model

    async def get(self, *_: Any, **__: Any) -> Watched:
        return self._model


def largest(prompts: Sequence[Sequence[int]]) -> int:
    """Return the maximum tokens from a cache of whole blocks, if prompts come one after the other and nothing is evicted.

    The last token of a prompt is always computed, so a prompt's last block is only reused if more tokens follow it.
    """
    known: set[tuple[int, ...]] = set()
    given = 0
    for ids in prompts:
        starts = [tuple(ids[:end]) for end in range(BLOCK, len(ids) + 1, BLOCK)]
        looked = starts[: (len(ids) - 1) // BLOCK]
        given += BLOCK * next((place for place, start in enumerate(looked) if start not in known), len(looked))
        known.update(starts)
    return given


def counters(address: str) -> tuple[int, int]:
    """Return the tokens looked up and found in the prefix cache so far, by vLLM's count."""
    with urllib.request.urlopen(f"{address}/metrics") as response:
        lines = response.read().decode().splitlines()
    found = [
        sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(f"vllm:prefix_cache_{name}_total{{"))
        for name in ("queries", "hits")
    ]
    return found[0], found[1]


def text(chance: random.Random, length: int) -> str:
    words: Iterator[str] = iter(lambda: chance.choice(WORDS), "")
    text = ""
    while len(text) < length:
        text += next(words) + " "
    return text[:length].strip()


def write_prompts(path: Path, number: int) -> None:
    chance = random.Random(0)
    rows = [
        {
            "prompt": f"Sum up report {place}.",
            "document": text(chance, DOCUMENT),
            "responses": [text(chance, RESPONSE) for _ in range(RESPONSES)],
        }
        for place in range(number)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")


def write_model(folder: Path) -> Any:
    """Write a random Llama with one token per byte, and return its tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokens = ["<pad>", "<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    words = Tokenizer(models.BPE(vocab={token: place for place, token in enumerate(tokens)}, merges=[]))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = "{{ bos_token }}{% for message in messages %}{{ message['content'] }}\n{% endfor %}: "
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokens),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=CONTEXT,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return tokenizer


async def judge_all(file: Path, out: Path, model: Any, concurrency: int, shuffle: int) -> tuple[list[str], float]:
    """Judge all responses; return the prompts in the order in which they were sent, and the seconds taken."""
    config = load(file, [f"out={out}"])
    with pipeline.open_run(config) as (plan, context):
        await asyncio.to_thread(pipeline.collect, context)
        watched = Watched(model, concurrency, shuffle)
        started = time.monotonic()
        await judging.run(context, Given(watched), plan.judge("critic"), plan.generator_keys(context.store))  # type: ignore[arg-type]
        return watched.prompts, time.monotonic() - started


def encode(tokenizer: Any, prompts: Sequence[str]) -> list[list[int]]:
    chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
    shown = [tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) for chat in chats]
    return [tokenizer(each, add_special_tokens=False)["input_ids"] for each in shown]


async def measure(folder: Path, prompts: int, concurrencies: Sequence[int]) -> None:
    tokenizer = write_model(folder / "model")
    write_prompts(folder / "prompts.jsonl", prompts)
    blocks = max(prompts * DOCUMENT // 3, 2 * CONTEXT) // BLOCK
    file = folder / "prefix.yaml"
    file.write_text(
        PIPELINE.format(
            out=folder / "out",
            model=folder / "model",
            prompts=folder / "prompts.jsonl",
            context=CONTEXT,
            block=BLOCK,
            blocks=blocks,
            concurrency=max(concurrencies),
        )
    )
    units = prompts * RESPONSES * 3
    critic = load(file).pipeline.models["critic"]
    assert isinstance(critic, VllmModel)
    print(
        f"{prompts} prompts x {RESPONSES} responses x 3 criteria = {units} requests; "
        f"the cache holds {blocks * BLOCK:,} tokens"
    )
    print(f"{'order':10} {'in flight':>9} {'tokens':>10} {'hits':>7} {'largest':>8} {'of it':>7} {'seconds':>8}")
    async with open_model(critic) as model:
        for concurrency in concurrencies:
            for order, shuffle in (("rlaif's", 0), ("shuffled", units)):
                forget = urllib.request.Request(f"{model.address}/reset_prefix_cache", method="POST")
                urllib.request.urlopen(forget).close()
                before = counters(model.address)
                out = folder / f"{order[:5]}{concurrency}"
                sent, seconds = await judge_all(file, out, model, concurrency, shuffle)
                looked, hits = (now - then for now, then in zip(counters(model.address), before, strict=True))
                ids = encode(tokenizer, sent)
                total, best = sum(map(len, ids)), largest(ids)
                assert (len(sent), looked) == (units, total), f"{len(sent)} requests, {looked} of {total} tokens looked up"
                print(
                    f"{order:10} {concurrency:9} {total:10,} {hits / total:7.1%} {best / total:8.1%} {hits / best:7.3f} "
                    f"{seconds:8.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[16, 256])
    given = parser.parse_args()
    # This allows emptying the cache between measurements.
    os.environ.setdefault("VLLM_SERVER_DEV_MODE", "1")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(measure(Path(place), given.prompts, given.concurrency))
