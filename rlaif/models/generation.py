"""Completions with the transformers library: load a checkpoint, compute a batch. Importing this imports torch."""

import gc
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

# Before the library is imported, which reads it then.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import torch
from tokenizers.decoders import DecodeStream
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LogitsProcessorList
from transformers.utils import logging

from rlaif.config import TransformersModel
from rlaif.errors import InputError, ModelError
from rlaif.models.ask import Completion, Token
from rlaif.models.batch import Draw
from rlaif.models.checkpoint import locate
from rlaif.models.sampler import Sampler
from rlaif.records import Message

# The matrices of a model with fewer parameters are too small to share. With 1.5 million on two cores, two batches at
# once took 7 s, one after the other on one core 12 s; shared by spinning threads, ten times that on a busy machine.
SMALL: Final = 50_000_000
# With more, they wait for each other's turn in the interpreter.
MOST_LANES: Final = 4


def load(config: TransformersModel, *, stopped: Callable[[], bool], where: str = "") -> "Engine":
    """The checkpoint, ready to compute. Raises InputError if it cannot be loaded."""
    model, tokenizer, _ = read(AutoModelForCausalLM, config, where)
    return Engine(model, tokenizer, stopped)


def read(family: Any, config: TransformersModel, where: str) -> tuple[Any, Any, list[str]]:
    """A checkpoint as a model of this family and its tokenizer; and the names of weights that it lacks and that are random.

    Raises InputError if it cannot be loaded, or has no chat template.
    """
    place = locate(config.path, where=where)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    options: dict[str, Any] = {
        "revision": config.revision,
        "trust_remote_code": config.trust_remote_code,
        "local_files_only": isinstance(place, Path),
    }
    try:
        device = torch.device(_device(config.device))
        tokenizer = AutoTokenizer.from_pretrained(place, **options)
        model, told = family.from_pretrained(
            place, dtype=config.dtype, low_cpu_mem_usage=True, use_safetensors=True, output_loading_info=True, **options
        )
        model = model.eval().to(device)
    except torch.OutOfMemoryError:
        raise InputError(
            f"{config.path} does not fit in the memory of {config.device}", where=where,
            fix="Give dtype: bfloat16, a smaller checkpoint, or serve it and use kind: openai.",
        ) from None  # fmt: skip
    except Exception as error:  # a checkpoint can be wrong in as many ways as there are libraries that read it
        raise InputError(f"{config.path} cannot be loaded: {error}", where=where) from error
    if not tokenizer.chat_template:
        raise InputError(
            f"{config.path} has no chat template", where=where,
            fix="Use an instruction-tuned checkpoint, or add chat_template.jinja to its folder.",
        )  # fmt: skip
    return model, tokenizer, sorted(told["missing_keys"])


def _device(name: str) -> str:
    if name != "auto":
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


class Engine:
    """A loaded model and its tokenizer, to be used from `lanes` threads at once.

    `context` is how many tokens prompt and answer may have together.
    """

    def __init__(self, model: Any, tokenizer: Any, stopped: Callable[[], bool]) -> None:
        self._model, self._tokenizer, self._stopped = model, tokenizer, stopped
        text_config = model.config.get_text_config()
        self.context: int = getattr(text_config, "max_position_embeddings", None) or tokenizer.model_max_length
        ends = model.generation_config.eos_token_id
        named = ends if isinstance(ends, list) else [ends]
        self._ends = sorted({end for end in (*named, tokenizer.eos_token_id) if end is not None})
        spare = self._ends[0] if self._ends else 0
        self._pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else spare
        # A checkpoint's own sampling defaults must not mix with what is asked for.
        model.generation_config = GenerationConfig(eos_token_id=self._ends or None, pad_token_id=self._pad)
        self._threads = torch.get_num_threads()
        small = model.device.type == "cpu" and model.num_parameters() < SMALL
        self.lanes = min(self._threads, MOST_LANES) if small else 1
        self._word = cache(lambda token: str(tokenizer.decode([token])))

    def enter_lane(self) -> None:
        """To be called in each thread that computes: lanes of a small model have one core each."""
        if self.lanes > 1:
            torch.set_num_threads(1)

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The token ids of a chat as its template renders it, up to where the answer begins."""
        try:
            text = self._tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=False)
        except Exception as error:  # templates raise whatever they like
            raise ModelError("rejected", f"the chat template refuses the messages: {error}") from error
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def complete(self, draws: Sequence[Draw]) -> list[Completion]:
        """One completion per draw. All draws share their settings. Batches that do not fit in memory are halved."""
        try:
            return self._complete(draws)
        except torch.OutOfMemoryError:
            if len(draws) == 1:
                raise ModelError(
                    "crashed", f"out of memory with one prompt of {len(draws[0].ids):,} tokens; lower max_tokens, or "
                    "serve the model and use kind: openai",
                ) from None  # fmt: skip
        self._tidy()
        half = len(draws) // 2
        return self.complete(draws[:half]) + self.complete(draws[half:])

    @torch.inference_mode()
    def _complete(self, draws: Sequence[Draw]) -> list[Completion]:
        settings, device = draws[0].settings, self._model.device
        width = max(len(draw.ids) for draw in draws)
        ids = torch.full((len(draws), width), self._pad)
        mask = torch.zeros_like(ids)
        for row, draw in enumerate(draws):
            ids[row, width - len(draw.ids) :] = torch.tensor(draw.ids)
            mask[row, width - len(draw.ids) :] = 1
        sampler = Sampler(settings, [draw.seed for draw in draws], device=device, stopped=self._stopped)
        self._model.generate(
            input_ids=ids.to(device), attention_mask=mask.to(device), do_sample=False,
            max_new_tokens=settings.limit, logits_processor=LogitsProcessorList([sampler]),
        )  # fmt: skip
        chosen, logprobs = _table(sampler.chosen), _table(sampler.logprobs)
        top_ids, top_logprobs = _table([step[0] for step in sampler.top]), _table([step[1] for step in sampler.top])
        completions = []
        for row, drawn in enumerate(chosen):
            output = self._output(drawn[: settings.limit])
            steps = (
                [list(zip(*both, strict=True)) for both in zip(top_ids[row], top_logprobs[row], strict=True)]
                if top_ids
                else []
            )
            tokens = self._tokens(output, logprobs[row], steps) if logprobs else ()
            completions.append(self._completion(output, tokens))
        return completions

    def continuation(self, text: str, *, ended: bool) -> tuple[int, ...]:
        """The token ids of an answer, with the end token if it `ended`."""
        ids = tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])
        return (*ids, self._tokenizer.eos_token_id) if ended and self._tokenizer.eos_token_id is not None else ids

    @torch.inference_mode()
    def score(self, prompt: Sequence[int], answer: Sequence[int]) -> tuple[float, ...]:
        """The log-probability of each token of an answer to a prompt."""
        device, kept = self._model.device, len(answer) + 1
        # All places' scores of a long prompt would not fit in memory.
        options = {"logits_to_keep": kept} if self._model._supports_logits_to_keep() else {}
        ids = torch.tensor([[*prompt, *answer]], device=device)
        logits = self._model(input_ids=ids, **options).logits[0, -kept:-1].float()
        given = torch.tensor(answer, device=device, dtype=torch.long)
        return tuple(torch.log_softmax(logits, -1).gather(1, given[:, None])[:, 0].tolist())

    def _output(self, drawn: list[int]) -> list[int]:
        """What was drawn up to the end token, that included: a row goes on being drawn while others are unfinished."""
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
        """The output's tokens, whose texts join to the whole text; the end token is the last, with no text."""
        tokens = []
        for place, (token, text) in enumerate(zip(output, self._pieces(output), strict=True)):
            logprob = logprobs[place]
            best = top[place] if top else []
            if best and all(other != token for other, _ in best):
                best = [*best, (token, logprob)]
            tokens.append(Token(text, logprob, tuple((self._word(other), value) for other, value in best)))
        return tuple(tokens)

    def _pieces(self, output: list[int]) -> list[str]:
        """Each token's part of the text. Bytes of a character that needs several tokens stand with the last of them."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if backend is None:
            return [self._word(token) for token in output]
        stream = DecodeStream(skip_special_tokens=True)
        pieces = [stream.step(backend, token) or "" for token in output]
        pieces[-1] += self._text(output)[len("".join(pieces)) :]
        return pieces

    def free(self) -> None:
        """Gives the memory and the cores back."""
        self._model = None
        torch.set_num_threads(self._threads)
        self._tidy()

    def _tidy(self) -> None:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _table(steps: list[Tensor]) -> list[Any]:
    """Per-step tensors (rows, …) as nested lists by row, then step."""
    return torch.stack(steps, 1).tolist() if steps else []
