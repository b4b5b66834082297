"""Make the tiny writer and the tiny judge from a seed: two plain Llama checkpoints, on two CPU cores.

Both trades rest on copying a value from where it stands, which a small model finds hard to discover. So each model
first repeats random words, then practises its trade; the judge quotes the answer's value and the document's value side
by side before it says "ok" or "wrong", and those words weigh more in its loss than the rest.
"""

import logging
import multiprocessing
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rlaif.demo import corpus, tokenizer
from rlaif.demo.spark import spark

log = logging.getLogger(__name__)

Maker = Callable[[random.Random], corpus.Example]

BATCH = 32
POOL = 8  # batches are cut from this many, sorted by length: little padding, still random
RATE = 2e-3
WARM_UP = 50
REPORT = 100
VERDICT_WEIGHT = 6.0  # verdicts, counts and the document's words they rest on are few tokens, and need most thought


@dataclass(frozen=True)
class Phase:
    """For how many steps a model meets which kinds of example, in which shares."""

    steps: int
    shares: dict[Maker, float]


@dataclass(frozen=True)
class Trade:
    """What one model learns: its name, and its phases in order."""

    name: str
    phases: tuple[Phase, ...]

    @property
    def steps(self) -> int:
        """All phases together."""
        return sum(phase.steps for phase in self.phases)

    def shares(self, step: int) -> dict[Maker, float]:
        """What is met at a step."""
        ends = accumulate(phase.steps for phase in self.phases)
        return next(phase.shares for phase, end in zip(self.phases, ends, strict=True) if step < end)


# Copying and finding have to be mastered before anything that needs them, or values are guessed.
_BASICS = Phase(120, {corpus.lookup: 0.6, corpus.long_echo: 0.2, corpus.echo: 0.2})
# The writer first learns to answer well, then what carelessness looks like: so it knows the right words best.
WRITER = Trade(
    "writer",
    (
        _BASICS,
        Phase(400, {corpus.note: 0.8, corpus.lookup: 0.2}),
        Phase(800, {corpus.demonstration: 1.0}),
    ),
)
# The judge first meets only false answers, which alone make it look values up in the document, and values to weigh.
JUDGE = Trade(
    "judge",
    (
        _BASICS,
        Phase(400, {corpus.weighing: 0.4, corpus.refutation: 0.25, corpus.lookup: 0.2, corpus.note: 0.15}),
        Phase(1400, {corpus.judgement: 0.75, corpus.weighing: 0.1, corpus.note: 0.1, corpus.lookup: 0.05}),
    ),
)


@dataclass(frozen=True)
class Batch:
    """Token ids (rows × width), which of them are answers, and per answer token its id and its weight in the loss."""

    ids: Tensor
    answers: Tensor
    labels: Tensor
    weights: Tensor


def train(out: Path, seed: int = 0) -> None:
    """Train both models at the same time, each on one core, into ``out/writer`` and ``out/judge``."""
    context = multiprocessing.get_context("spawn")
    trades = (WRITER, JUDGE)
    workers = [context.Process(target=learn, args=(trade, out / trade.name, seed)) for trade in trades]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    failed = [trade.name for trade, worker in zip(trades, workers, strict=True) if worker.exitcode]
    if failed:
        raise RuntimeError(f"training failed: {', '.join(failed)}")


def learn(trade: Trade, out: Path, seed: int = 0) -> None:
    """Train one model on one core and save it, with its tokenizer, as a Hugging Face checkpoint."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    words = tokenizer.build(seed)
    model = LlamaForCausalLM(config(words))
    spark(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    batches = _Batches(trade, words, random.Random(f"train {trade.name} {seed}"))
    started = time.monotonic()
    for step in range(trade.steps):
        optimizer.param_groups[0]["lr"] = RATE * min(1, step / WARM_UP) * (1.02 - step / trade.steps)
        batch = batches.next(step)
        logits = _answered(model, batch)
        loss = (cross_entropy(logits, batch.labels, reduction="none") * batch.weights).sum() / batch.weights.sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % REPORT == REPORT - 1:
            _report(trade, step + 1, loss, logits, batch, started)
            save(model, words, out)
    save(model, words, out)


def config(words: PreTrainedTokenizerFast) -> LlamaConfig:
    """The shape of both models: about 1.4 million parameters, in heads of a size that servers support."""
    return LlamaConfig(
        vocab_size=len(words),
        hidden_size=160,
        intermediate_size=480,
        num_hidden_layers=4,
        num_attention_heads=5,
        num_key_value_heads=5,
        head_dim=32,
        max_position_embeddings=tokenizer.CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )


def save(model: LlamaForCausalLM, words: PreTrainedTokenizerFast, out: Path) -> None:
    """Write model, tokenizer, chat template and generation settings."""
    model.generation_config = GenerationConfig(
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id
    )
    model.save_pretrained(out)
    words.save_pretrained(out)


class _Batches:
    """An endless stream of batches of similar length."""

    def __init__(self, trade: Trade, words: PreTrainedTokenizerFast, rng: random.Random) -> None:
        self._trade, self._words, self._rng = trade, words, rng
        self._verdicts = _verdicts(words)
        self._versus = words.convert_tokens_to_ids("Ġvs")  # two tokens on stands what the document says
        self._of = words.convert_tokens_to_ids("Ġof")  # one token before stands how many were right
        self._shares: dict[Maker, float] = {}
        self._ready: list[Batch] = []

    def next(self, step: int) -> Batch:
        """The next batch, from what the trade meets at this step."""
        shares = self._trade.shares(step)
        if shares != self._shares or not self._ready:
            self._shares = shares
            makers = self._rng.choices(list(shares), list(shares.values()), k=BATCH * POOL)
            examples = sorted((make(self._rng) for make in makers), key=lambda e: len(e.prompt) + len(e.answer))
            self._ready = [self._batch(examples[i : i + BATCH]) for i in range(0, len(examples), BATCH)]
            self._rng.shuffle(self._ready)
        return self._ready.pop()

    def _batch(self, examples: list[corpus.Example]) -> Batch:
        rows = [self._row(example) for example in examples]
        width = max(len(ids) for ids, _ in rows)
        pad = self._words.pad_token_id
        ids = torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in rows])
        spans = [(start, len(row) - start, width - len(row)) for row, start in rows]
        answers = torch.tensor([[0] * prompt + [1] * answer + [0] * rest for prompt, answer, rest in spans]).bool()
        compared, counted = ids.roll(2, dims=1) == self._versus, ids.roll(-1, dims=1) == self._of
        weighty = torch.isin(ids, self._verdicts) | compared | counted
        return Batch(ids, answers, ids[answers], 1 + (VERDICT_WEIGHT - 1) * weighty[answers])

    def _row(self, example: corpus.Example) -> tuple[list[int], int]:
        """The ids of one example, rendered as the chat template renders it, and where its answer starts."""
        words = self._words
        prompt = f"{tokenizer.START}{example.prompt}{tokenizer.ANSWER}"
        start = len(words.encode(prompt, add_special_tokens=False))
        return words.encode(f"{prompt}{example.answer}{tokenizer.END}", add_special_tokens=False), start


def _verdicts(words: PreTrainedTokenizerFast) -> Tensor:
    """The tokens that carry a verdict: its words, and the scores."""
    scores = [str(score) for score in range(corpus.LOW, corpus.HIGH + 1)]
    return torch.tensor(words.convert_tokens_to_ids([*(f"Ġ{word}" for word in corpus.VERDICTS), *scores]))


def _answered(model: LlamaForCausalLM, batch: Batch) -> Tensor:
    """Logits for the answers' tokens alone, row after row; padding is on the right, so no mask is needed."""
    hidden = model.model(input_ids=batch.ids).last_hidden_state
    logits: Tensor = model.lm_head(hidden[:, :-1][batch.answers[:, 1:]])
    return logits


def _report(trade: Trade, step: int, loss: Tensor, logits: Tensor, batch: Batch, started: float) -> None:
    """Log how many answer tokens, and how many verdicts, the model would have got right."""
    right = (logits.argmax(-1) == batch.labels).float()
    verdicts = right[batch.weights > 1]
    log.info(
        "%s %d/%d loss %.3f right: tokens %.3f verdicts %.3f, %.0f s",
        trade.name,
        step,
        trade.steps,
        loss.item(),
        right.mean().item(),
        verdicts.mean().item(),
        time.monotonic() - started,
    )
