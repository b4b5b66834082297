"""A random small Llama with a byte-level tokenizer, saved as any checkpoint is: for tests that need a real model."""

from pathlib import Path

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}"
    "{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}: {% endif %}"
)


def save_random(
    folder: Path,
    *,
    seed: int = 0,
    context: int = 96,
    template: str | None = TEMPLATE,
    labels: int | None = None,
    tied: bool = False,
) -> Path:
    """A checkpoint of 20,000 random parameters; it writes noise, and ends after a few dozen tokens.

    One with `labels` classifies instead: with one label it is a reward model.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = Tokenizer(
        models.BPE(vocab={token: place for place, token in enumerate(["<pad>", "<s>", "</s>", *letters])}, merges=[])
    )
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = template
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=context,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.3,
        tie_word_embeddings=tied,
    )
    if labels is not None:
        config.num_labels = labels
    (LlamaForCausalLM if labels is None else LlamaForSequenceClassification)(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
