"""Start a Llama off with the circuit that copying needs, which a small model is otherwise slow to discover.

To continue "driver Ramel ... driver" with "Ramel", one layer must note at each word which word came before it, and the
next must look for the place whose note is the current word and say what stands there ("induction"). Left to chance,
both halves are useless without the other, and training waits long for them to meet. Here both are set up roughly in
the first two layers; training does the rest.
"""

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

EMBEDDING = 0.06
BRANCH = 0.005  # what the other heads and the feed-forward layers add at first: little, so that the circuit is heard
OFFSETS = (1, 2, 3)  # words back that the first layer's heads note: a verdict looks further back than a copy
SHARPNESS = 5.5  # of the attention to one offset
NOTE = 0.1  # how loud a note is
MATCH = 1.6  # how much a matching note counts
COPY = 0.12  # how loud the copied word is
FAST = 6  # rotary pairs that turn too fast to compare words at a distance


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
    """Query and key weights of a head that attends `offset` words back, through what rotary positions do."""
    turns = offset / 10_000 ** (torch.arange(size // 2) * 2 / size)
    loud = SHARPNESS / (width / 2) ** 0.5
    query, key = torch.zeros(size, width), torch.zeros(size, width)
    query[: size // 2, 0] = loud
    key[:, 0] = loud * torch.cat([turns.cos(), turns.sin()])
    return query, key
