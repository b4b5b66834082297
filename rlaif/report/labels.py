"""Labels the cells of a page's tables with their columns, for phones, on which the style sheet shows each row as a list."""

import re
from typing import Final

_TABLE: Final = re.compile(r"<table.*?</table>", re.DOTALL)
_HEAD: Final = re.compile(r"<thead>(.*?)</thead>", re.DOTALL)
_HEADER: Final = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
_TAG: Final = re.compile(r"<[^>]*>")
_PART: Final = re.compile(r"<tr\b|<t[hd]\b[^>]*>")
_SPAN: Final = re.compile(r'colspan="(\d+)"')


def label_cells(page: str) -> str:
    """Return a page whose table cells have the texts of their column's header as `data-label`.

    The page must be one of ours: values in it are escaped, so that each `<` and `>` belongs to a tag.
    """
    return _TABLE.sub(lambda table: _labelled(table[0]), page)


def _labelled(table: str) -> str:
    head = _HEAD.search(table)
    if head is None:
        return table
    names = [" ".join(_TAG.sub(" ", text).split()) for text in _HEADER.findall(head[1])]
    place = 0

    def label(part: re.Match[str]) -> str:
        nonlocal place
        tag = part[0]
        if tag.startswith("<tr"):
            place = 0
            return tag
        name = names[place] if place < len(names) else ""
        span = _SPAN.search(tag)
        place += int(span[1]) if span else 1
        return tag if tag.startswith("<th") or span or not name else f'{tag[:-1]} data-label="{name}">'

    return table[: head.end()] + _PART.sub(label, table[head.end() :])
