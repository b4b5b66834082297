"""Build the tiny models' tokenizer: byte-level BPE, so that it covers any text, with one token per word of the world."""

import json
import random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tools.train_demo_models import corpus

PAD, START, END, ANSWER = "<|pad|>", "<|start|>", "<|end|>", "<|answer|>"
CONTEXT = 512

# An assistant turn starts with the answer token, and a generation prompt adds only this token. So a rendered prompt is
# always an exact token prefix of the same prompt with its answer.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    f"{{% if message['role'] == 'assistant' %}}{ANSWER}{{{{ message['content'] }}}}{{{{ eos_token }}}}"
    "{% else %}{{ message['content'] }}{% if message['role'] == 'system' %}{{ '\\n' }}{% endif %}{% endif %}"
    f"{{% endfor %}}{{% if add_generation_prompt %}}{ANSWER}{{% endif %}}"
)


def words() -> list[str]:
    """Return every field and value of the world, with the preceding space."""
    return [f" {word}" for word in corpus.WORDS]


def build(seed: int) -> PreTrainedTokenizerFast:
    """Train the tokenizer until every word in its data is one token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1_000_000,  # out of reach: training stops when no two tokens are left to merge
        special_tokens=[PAD, START, END, ANSWER],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(words() + _phrases(seed), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=START,
        eos_token=END,
        additional_special_tokens=[ANSWER],
        model_max_length=CONTEXT,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    split = [word for word in words() if len(tokenizer.encode(word).ids) != 1]
    assert not split, f"not single tokens: {split}"
    return fast


def _phrases(seed: int) -> list[str]:
    """Return clean prompts and answers for the remaining words; fences are left out, or each would become a token."""
    rng = random.Random(f"tokenizer {seed}")
    texts = []
    for _ in range(2000):
        example = corpus.demonstration(rng)
        document, request = example.prompt.split("\n")
        for criterion in corpus.CRITERIA:
            texts.append(corpus.judging(document, request, example.answer, criterion, "", ""))
            texts.append(corpus.verdict(document, request, example.answer, criterion))
        texts.append(json.loads(corpus.verdict(document, request, "", criterion))["rationale"])
    return texts
