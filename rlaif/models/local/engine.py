"""Compute completions with the transformers library. Importing this module imports torch."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import torch
from tokenizers.decoders import DecodeStream
from transformers import AutoModelForCausalLM, GenerationConfig, LogitsProcessorList

from rlaif.config import TransformersModel
from rlaif.models.base import Completion, Token
from rlaif.models.local.batching import Draw
from rlaif.models.local.decoding import decode, new_cache
from rlaif.models.local.loader import Loaded, read
from rlaif.models.local.sampler import Sampler

# The matrices of a model with fewer parameters are too small to share. With 1.5 million on two cores, two batches at
# once took 7 s, one after the other on one core 12 s; shared by spinning threads, ten times that on a busy machine.
SMALL: Final = 50_000_000
# With more, they wait for each other's turn in the interpreter.
MOST_LANES: Final = 4


def load(config: TransformersModel, *, stopped: Callable[[], bool], where: str = "") -> "Engine":
    """Load the checkpoint. Raises InputError if that is impossible."""
    model, tokenizer, _ = read(AutoModelForCausalLM, config, where)
    return Engine(model, tokenizer, stopped)


class Engine(Loaded):
    """A generative model, to be used from `lanes` threads at once.

    `context` is the maximum number of tokens of prompt and answer together.
    """

    answers = True

    def __init__(self, model: Any, tokenizer: Any, stopped: Callable[[], bool]) -> None:
        super().__init__(model, tokenizer)
        self._stopped = stopped
        ends = model.generation_config.eos_token_id
        named = ends if isinstance(ends, list) else [ends]
        self._ends = sorted({end for end in (*named, tokenizer.eos_token_id) if end is not None})
        unused = self._ends[0] if self._ends else 0
        self._pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else unused
        # The checkpoint's sampling defaults must not mix with the requested settings.
        model.generation_config = GenerationConfig(eos_token_id=self._ends or None, pad_token_id=self._pad)
        small = model.device.type == "cpu" and model.num_parameters() < SMALL
        self.lanes = min(self._threads, MOST_LANES) if small else 1
        self._word = cache(lambda token: str(tokenizer.decode([token])))

    @torch.inference_mode()
    def _complete(self, draws: Sequence[Draw]) -> list[Completion]:
        settings = draws[0].settings
        sampler = Sampler(settings, [draw.seed for draw in draws], device=self._model.device, stopped=self._stopped)
        cache = new_cache(self._model)
        if cache is None:
            self._generate(draws, sampler)
        else:
            decode(self._model, cache, [draw.ids for draw in draws], sampler, settings.limit, self._ends)
        completions = []
        for row, drawn in enumerate(sampler.chosen):
            output = self._output(drawn[: settings.limit])
            tokens = self._tokens(output, sampler.logprobs[row], sampler.top[row]) if sampler.logprobs[row] else ()
            completions.append(self._completion(output, tokens))
        return completions

    def _generate(self, draws: Sequence[Draw], sampler: Sampler) -> None:
        """Sample with the library's `generate`, which knows every model."""
        device = self._model.device
        width = max(len(draw.ids) for draw in draws)
        ids = torch.full((len(draws), width), self._pad)
        mask = torch.zeros_like(ids)
        for row, draw in enumerate(draws):
            ids[row, width - len(draw.ids) :] = torch.tensor(draw.ids)
            mask[row, width - len(draw.ids) :] = 1
        self._model.generate(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            do_sample=False,
            max_new_tokens=draws[0].settings.limit,
            logits_processor=LogitsProcessorList([sampler]),
        )

    def continuation(self, text: str, *, ended: bool) -> tuple[int, ...]:
        """Return the token ids of an answer, with the end token if it `ended`."""
        ids = tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])
        return (*ids, self._tokenizer.eos_token_id) if ended and self._tokenizer.eos_token_id is not None else ids

    @torch.inference_mode()
    def score(self, prompt: Sequence[int], answer: Sequence[int]) -> tuple[float, ...]:
        """Return the log-probability of each token of an answer to a prompt."""
        device, kept = self._model.device, len(answer) + 1
        # The logits at all positions of a long prompt would not fit in memory.
        options = {"logits_to_keep": kept} if self._model._supports_logits_to_keep() else {}
        ids = torch.tensor([[*prompt, *answer]], device=device)
        logits = self._model(input_ids=ids, **options).logits[0, -kept:-1].float()
        given = torch.tensor(answer, device=device, dtype=torch.long)
        return tuple(torch.log_softmax(logits, -1).gather(1, given[:, None])[:, 0].tolist())

    def _output(self, drawn: list[int]) -> list[int]:
        """Return the drawn tokens up to and including the end token; a row continues while others are unfinished."""
        end = next((place for place, token in enumerate(drawn) if token in self._ends), len(drawn))
        return drawn[: end + 1]

    def _completion(self, output: list[int], tokens: tuple[Token, ...]) -> Completion:
        return Completion(
            text=self._text(output),
            finish="stop" if output[-1] in self._ends else "length",
            prompt_tokens=0,
            output_tokens=len(output),
            tokens=tokens,
        )

    def _text(self, output: list[int]) -> str:
        return str(self._tokenizer.decode(output, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _tokens(self, output: list[int], logprobs: list[float], top: list[list[tuple[int, float]]]) -> tuple[Token, ...]:
        """Return the output's tokens, whose texts join to the whole text; the end token comes last, with an empty text."""
        tokens = []
        for place, (token, text) in enumerate(zip(output, self._pieces(output), strict=True)):
            logprob = logprobs[place]
            best = top[place] if top else []
            if best and all(other != token for other, _ in best):
                best = [*best, (token, logprob)]
            tokens.append(Token(text, logprob, tuple((self._word(other), value) for other, value in best)))
        return tuple(tokens)

    def _pieces(self, output: list[int]) -> list[str]:
        """Return each token's part of the text; a character of several tokens belongs to the last of them."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if backend is None:
            return [self._word(token) for token in output]
        stream = DecodeStream(skip_special_tokens=True)
        pieces = [stream.step(backend, token) or "" for token in output]
        pieces[-1] += self._text(output)[len("".join(pieces)) :]
        return pieces
