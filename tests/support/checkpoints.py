"""Small Llamas, saved as any checkpoint is, for tests that need a real model: a random one, and one that reasons."""

from collections.abc import Sequence
from itertools import pairwise
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


# A template with a thinking switch, as hybrid reasoning models have it: the prompt ends inside or behind the reasoning.
SWITCH = (
    "{% for message in messages %}{{ message['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}<think>{% if enable_thinking is defined and not enable_thinking %} </think>{% endif %}{% endif %}"
)
CHAIN = ("<think>", "first", "therefore", "</think>", "the", "answer", "</s>")


def save_chain(folder: Path, words: Sequence[str] = CHAIN) -> Path:
    """A checkpoint that, after each of the words, writes the next one: what its residual stream holds is the last word.

    It reasons in two words and answers in two others, so that a server has something to separate.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {token: place for place, token in enumerate(["<pad>", "<unk>", "<s>", *words])}
    tokens = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokens.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokens.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = SWITCH
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=256,
        bos_token_id=vocabulary["<s>"],
        eos_token_id=vocabulary["</s>"],
        pad_token_id=0,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        layer = model.model.layers[0]
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(len(vocabulary), config.hidden_size))
        model.lm_head.weight.zero_()
        for word, following in pairwise(words):
            model.lm_head.weight[vocabulary[following], vocabulary[word]] = 10.0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
