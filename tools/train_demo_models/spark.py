"""Initialize a Llama with the circuit for copying (an induction head), which a small model is otherwise slow to learn.

To continue "driver Ramel ... driver" with "Ramel", one layer must record at each word which word came before it, and the
next layer must find the position whose record is the current word and output the word there ("induction"). Each half is
useless without the other, so training takes long to find both by chance. Here both are set up roughly in the first two
layers; training does the rest.
"""

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

EMBEDDING = 0.06
BRANCH = 0.005  # initial scale of the other heads and feed-forward layers: small, so that the circuit dominates
OFFSETS = (1, 2, 3)  # how many words back the first layer's heads look: verdicts look further back than copies
SHARPNESS = 5.5  # of the attention to one offset
NOTE = 0.1  # weight of a record
MATCH = 1.6  # weight of a matching record
COPY = 0.12  # weight of the copied word
FAST = 6  # rotary pairs that rotate too fast to compare distant words


@torch.no_grad()
def spark(model: LlamaForCausalLM) -> None:
    """Overwrite the initial weights of embeddings and of the first two layers' attention."""
    width, size = model.config.hidden_size, model.config.head_dim
    embedding = model.model.embed_tokens.weight
    embedding.normal_(0, EMBEDDING)
    embedding[:, 0] = EMBEDDING * width**0.5  # the same in every word: lets a head attend by position alone
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.normal_(0, BRANCH)
        layer.mlp.down_proj.weight.normal_(0, BRANCH)
    first, second = (layer.self_attn for layer in model.model.layers[:2])
    read, write = _orthogonal(width)[:size], _orthogonal(width)
    for head, offset in enumerate(OFFSETS):
        rows = slice(head * size, (head + 1) * size)
        first.q_proj.weight[rows], first.k_proj.weight[rows] = _attend(offset, width, size)
        first.v_proj.weight[rows] = read
        first.o_proj.weight[:, rows] = NOTE * write[rows].T
    copied = _orthogonal(width)
    slow = torch.arange(size) % (size // 2) >= FAST
    for head in range(model.config.num_attention_heads):
        rows = slice(head * size, (head + 1) * size)
        second.q_proj.weight[rows] = MATCH * read * slow[:, None]
        second.k_proj.weight[rows] = MATCH * write[:size] * slow[:, None]
        second.v_proj.weight[rows] = copied[rows]
        second.o_proj.weight[:, rows] = COPY * copied[rows].T


def _orthogonal(width: int) -> Tensor:
    turned: Tensor = torch.linalg.qr(torch.randn(width, width)).Q
    return turned


def _attend(offset: int, width: int, size: int) -> tuple[Tensor, Tensor]:
    """Return query and key weights of a head that attends `offset` words back, by means of the rotary positions."""
    turns = offset / 10_000 ** (torch.arange(size // 2) * 2 / size)
    loud = SHARPNESS / (width / 2) ** 0.5
    query, key = torch.zeros(size, width), torch.zeros(size, width)
    query[: size // 2, 0] = loud
    key[:, 0] = loud * torch.cat([turns.cos(), turns.sin()])
    return query, key
