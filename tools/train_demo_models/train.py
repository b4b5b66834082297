"""Train the tiny writer and the tiny judge from a seed: two plain Llama checkpoints, on two CPU cores.

Both tasks depend on copying a value from its position, which a small model finds hard to learn. So each model first repeats
random words, then trains on its task. The judge quotes the answer's value and the document's value side by side before it
says "ok" or "wrong", and those words weigh more in its loss than the rest.
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

from tools.train_demo_models import corpus, tokenizer
from tools.train_demo_models.spark import spark

log = logging.getLogger(__name__)

Maker = Callable[[random.Random], corpus.Example]

BATCH = 32
POOL = 8  # batches are made from this many examples, sorted by length: little padding, but still random
RATE = 2e-3
WARM_UP = 50
REPORT = 100
VERDICT_WEIGHT = 6.0  # verdicts, counts and the quoted words of the document are few but difficult tokens


@dataclass(frozen=True)
class Phase:
    """A phase of training: a number of steps, and the share of each kind of example."""

    steps: int
    shares: dict[Maker, float]


@dataclass(frozen=True)
class Trade:
    """The curriculum of one model: its name, and its phases in order."""

    name: str
    phases: tuple[Phase, ...]

    @property
    def steps(self) -> int:
        """Return the number of steps of all phases together."""
        return sum(phase.steps for phase in self.phases)

    def shares(self, step: int) -> dict[Maker, float]:
        """Return the share of each kind of example at a step."""
        ends = accumulate(phase.steps for phase in self.phases)
        return next(phase.shares for phase, end in zip(self.phases, ends, strict=True) if step < end)


# The model must master copying and lookup before anything that needs them, or it guesses values.
_BASICS = Phase(120, {corpus.lookup: 0.6, corpus.long_echo: 0.2, corpus.echo: 0.2})
# The writer first learns to answer well, and only then carelessness, so that right words stay the likeliest.
WRITER = Trade(
    "writer", (_BASICS, Phase(400, {corpus.note: 0.8, corpus.lookup: 0.2}), Phase(800, {corpus.demonstration: 1.0}))
)
# The judge first sees only false answers, because only these make it look values up in the document, and values to compare.
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
    """Token ids (rows × width), a mask of the answers, and each answer token's id and weight in the loss."""

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
    """Return the shape of both models: about 1.4 million parameters, with a head size that servers support."""
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
        """Return the next batch, from the kinds of example at this step."""
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
        """Return the ids of one example, as the chat template renders it, and the start of its answer."""
        words = self._words
        prompt = f"{tokenizer.START}{example.prompt}{tokenizer.ANSWER}"
        start = len(words.encode(prompt, add_special_tokens=False))
        return words.encode(f"{prompt}{example.answer}{tokenizer.END}", add_special_tokens=False), start


def _verdicts(words: PreTrainedTokenizerFast) -> Tensor:
    """Return the tokens that carry a verdict: its words, and the scores."""
    scores = [str(score) for score in range(corpus.LOW, corpus.HIGH + 1)]
    return torch.tensor(words.convert_tokens_to_ids([*(f"Ġ{word}" for word in corpus.VERDICTS), *scores]))


def _answered(model: LlamaForCausalLM, batch: Batch) -> Tensor:
    """Return the logits of the answers' tokens, row after row; padding is on the right, so no mask is needed."""
    hidden = model.model(input_ids=batch.ids).last_hidden_state
    logits: Tensor = model.lm_head(hidden[:, :-1][batch.answers[:, 1:]])
    return logits


def _report(trade: Trade, step: int, loss: Tensor, logits: Tensor, batch: Batch, started: float) -> None:
    """Log the share of answer tokens, and of verdicts, that the model predicts correctly."""
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
