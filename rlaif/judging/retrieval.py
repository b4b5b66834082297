"""Splits documents into passages and retrieves those that may support a claim: by BM25 or by embeddings."""

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol

from rlaif.core.errors import InputError
from rlaif.core.single_flight import Shared
from rlaif.core.words import word_pattern, word_starts

# Documents whose index is cached. Responses to a prompt are judged together, so few documents are in use at once.
INDEXES = 64

Pieces = tuple[str, ...]
Embed = Callable[[Sequence[str]], Awaitable[list[list[float]]]]


@lru_cache(INDEXES)
def chunks(document: str, words: int) -> Pieces:
    """Split the document into consecutive pieces of at most `words` words, without overlap or loss."""
    starts = word_starts(document)[::words]
    return tuple(document[start:end].rstrip() for start, end in pairwise([*starts, len(document)]))


class Retrieval(Protocol):
    """Finds the pieces of a document that are relevant to a text."""

    async def best(self, pieces: Pieces, texts: Sequence[str], most: int) -> list[list[str]]:
        """Return at most `most` pieces per text, in document order; of equally relevant pieces, the earlier ones."""


class Words:
    """Finds the pieces that share the rarest words with a text: BM25 (Robertson et al. 1994), with bm25s."""

    async def best(self, pieces: Pieces, texts: Sequence[str], most: int) -> list[list[str]]:
        if len(pieces) <= most:
            return [list(pieces) for _ in texts]
        index = _index(pieces)
        return [_first(pieces, _bm25(index, text, len(pieces)), most) for text in texts]


class Meanings:
    """Finds the pieces whose embeddings are most similar to a text's (cosine); each document is embedded once."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._known: Shared[Pieces, Any] = Shared(INDEXES)

    async def best(self, pieces: Pieces, texts: Sequence[str], most: int) -> list[list[str]]:
        if len(pieces) <= most or not texts:
            return [list(pieces) for _ in texts]
        known = await self._known.get(pieces, lambda: self._directions(pieces))
        return [_first(pieces, scores, most) for scores in (await self._directions(texts) @ known.T).tolist()]

    async def _directions(self, texts: Sequence[str]) -> Any:
        """Return a matrix with one row of norm 1 per text."""
        import numpy

        rows = numpy.asarray(await self._embed(texts), dtype=numpy.float64)
        lengths = numpy.linalg.norm(rows, axis=1, keepdims=True)
        return rows / numpy.where(lengths == 0, 1, lengths)


def _first(pieces: Pieces, scores: Sequence[float], most: int) -> list[str]:
    order = sorted(range(len(pieces)), key=lambda place: (-scores[place], place))
    return [pieces[place] for place in sorted(order[:most])]


@lru_cache(INDEXES)
def _index(pieces: Pieces) -> Any:
    """Return the index of the pieces; None if they have no words."""
    bm25s = _bm25s()
    words = bm25s.tokenize(list(pieces), token_pattern=word_pattern(), stopwords=None, show_progress=False)
    if not words.vocab:
        return None
    index = bm25s.BM25()
    index.index(words, show_progress=False)
    return index


def _bm25(index: Any, text: str, pieces: int) -> Sequence[float]:
    options = {"token_pattern": word_pattern(), "stopwords": None, "show_progress": False, "return_ids": False}
    words = _bm25s().tokenize([text], **options)[0] if index else []
    return index.get_scores(words).tolist() if words else [0.0] * pieces


def _bm25s() -> Any:
    try:
        import bm25s
    except ImportError:
        raise InputError(
            "criteria of kind claims need the bm25s package",
            where="judges",
            fix="pip install rlaif[claims], or name a model that embeds texts as the judge's `retrieval`.",
        ) from None
    return bm25s
