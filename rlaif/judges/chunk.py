"""Pieces of a document, and those that a claim may rest on."""

from collections.abc import Sequence
from typing import Any

from rlaif.errors import InputError


def chunks(document: str, words: int) -> list[str]:
    """The document in pieces of at most `words` words; nothing overlaps and no word is lost."""
    found = document.split()
    return [" ".join(found[start : start + words]) for start in range(0, len(found), words)]


class Search:
    """Finds the pieces that share the rarest words with a text: BM25 (Robertson et al. 1994), by bm25s."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self._pieces = pieces
        self._bm25s = _bm25s()
        self._index = self._bm25s.BM25()
        words = self._bm25s.tokenize(list(pieces), stopwords=None, show_progress=False)
        self._searchable = bool(words.vocab)
        if self._searchable:
            self._index.index(words, show_progress=False)

    def best(self, text: str, most: int) -> list[str]:
        """At most `most` pieces, in the document's order."""
        if len(self._pieces) <= most or not self._searchable:
            return list(self._pieces[:most])
        words = self._bm25s.tokenize([text], stopwords=None, show_progress=False, return_ids=False)[0]
        scores = self._index.get_scores(words) if words else [0.0] * len(self._pieces)
        order = sorted(range(len(self._pieces)), key=lambda place: (-scores[place], place))
        return [self._pieces[place] for place in sorted(order[:most])]


def _bm25s() -> Any:
    try:
        import bm25s
    except ImportError:
        raise InputError(
            "criteria of kind claims need the bm25s package", where="judges", fix="pip install rlaif[claims]"
        ) from None  # fmt: skip
    return bm25s
