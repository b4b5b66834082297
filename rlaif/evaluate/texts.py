"""What a model's texts are like, whoever judges them: how varied, how repetitive, how often a refusal or a list."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rlaif.context import HeldOut
from rlaif.statistics import mean
from rlaif.store import Store

# Of the tokenizer that the published numbers were made with (GPT-2's), so that ours are on the same scale.
VOCABULARY = 50257
# Diversity is the mean over runs of one to five words (Kirk et al. 2024).
RUNS = range(1, 6)
# Runs that two unrelated texts seldom share: Self-BLEU's longest.
SHARED = 4
_WORD = re.compile(r"\w+|[^\w\s]")
_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE)
# How refusals of the common English chat models open; other languages' are not found.
_REFUSAL = re.compile(
    r"\W*(?:(?:i['’]?m|i am) (?:very |so |really )?sorry|sorry,|i apologi[sz]e|i (?:can ?not|can['’]t|won['’]t|am unable|"
    r"am not able)|i['’]m (?:unable|not able)|unfortunately, i (?:can|am|do)|as an ai\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Diversity:
    """How varied a set of texts is, each from 0 to 1.

    `distinct` is the share of runs of words that differ; `ead` the same as a share of how many would differ if words
    were drawn at random, so that longer texts do not look poorer (expectation-adjusted distinct n-grams, Liu et al.
    2022): runs / (V·(1 - ((V - 1) / V)^all runs)), the mean over runs of one to five words. `overlap` is the share of a
    text's runs of four words that another text of the set has too.
    """

    texts: int
    distinct: float
    ead: float
    overlap: float


@dataclass(frozen=True)
class Texts:
    """One model's responses to the held-out prompts.

    `refusals` is a share of all responses: those that the server withheld, and those that open as refusals do. `lists`
    is how many list items there are in a hundred words, `repetition` the share of a text's runs of four words that it
    has had before. `across` prompts is over the first sample of each; `within` them over the samples of each prompt,
    and then the mean, where prompts have several.
    """

    model: str
    texts: int
    words: float | None
    refusals: float | None
    lists: float | None
    repetition: float | None
    across: Diversity | None
    within: Diversity | None


def read_texts(store: Store, generators: Sequence[str], *, only: HeldOut) -> list[Texts]:
    """The texts of each of these generators (keys) that `only` speaks of."""
    rows = store.query("evaluate/texts", generators=generators, **only.parameters)
    names = {row["key"]: row["name"] for row in store.query("evaluate/names", keys=generators)}
    found = []
    for generator in generators:
        prompts: dict[str, list[str]] = {}
        mine = [row for row in rows if row["generator"] == generator]
        for row in mine:
            if row["failure"] is None:
                prompts.setdefault(row["prompt"], []).append(row["text"])
        withheld = sum(row["failure"] == "refused" for row in mine)
        found.append(describe(names.get(generator, generator), prompts, withheld))
    return found


def describe(model: str, prompts: Mapping[str, Sequence[str]], withheld: int = 0) -> Texts:
    """The texts by prompt, in the order of samples, and how many more were `withheld` as refusals."""
    texts = [text for each in prompts.values() for text in each]
    split = [words(text) for text in texts]
    refused = sum(map(is_refusal, texts)) + withheld
    count, asked = sum(map(len, split)), len(texts) + withheld
    return Texts(
        model=model, texts=len(texts), words=mean([float(len(text.split())) for text in texts]),
        refusals=refused / asked if asked else None,
        lists=100 * sum(len(_ITEM.findall(text)) for text in texts) / count if count else None,
        repetition=mean([repetition(each) for each in split]),
        across=diversity([words(each[0]) for each in prompts.values()]),
        within=_together([found for each in prompts.values() if (found := diversity([words(text) for text in each]))]),
    )  # fmt: skip


def words(text: str) -> list[str]:
    """Words and marks, in lower case."""
    return _WORD.findall(text.lower())


def is_refusal(text: str) -> bool:
    """Whether the text opens as refusals do."""
    return _REFUSAL.match(text) is not None


def repetition(text: Sequence[str]) -> float:
    """The share of the text's runs of four words that stand in it before."""
    runs = _runs(text, SHARED)
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def diversity(texts: Sequence[Sequence[str]]) -> Diversity | None:
    """Of texts as words; None below two of them."""
    if len(texts) < 2:
        return None
    counts = [Counter(run for text in texts for run in _runs(text, length)) for length in RUNS]
    counts = [each for each in counts if each]
    return Diversity(
        texts=len(texts),
        distinct=mean([len(each) / each.total() for each in counts]) or 0.0,
        ead=mean([len(each) / expected(each.total()) for each in counts]) or 0.0,
        overlap=_overlap(texts),
    )


def expected(runs: int) -> float:
    """How many of so many words would differ if each were drawn from the vocabulary at random."""
    return VOCABULARY * (1 - ((VOCABULARY - 1) / VOCABULARY) ** runs)


def _overlap(texts: Sequence[Sequence[str]]) -> float:
    # A text too short for a run stands for itself, so that equal short texts overlap too.
    runs = [set(_runs(text, SHARED) or [tuple(text)]) for text in texts]
    holders = Counter(run for each in runs for run in each)
    return mean([sum(holders[run] > 1 for run in each) / len(each) for each in runs]) or 0.0


def _runs(text: Sequence[str], length: int) -> list[tuple[str, ...]]:
    return list(zip(*(text[start:] for start in range(length)), strict=False))


def _together(found: Iterable[Diversity]) -> Diversity | None:
    """The mean over prompts."""
    each = list(found)
    if not each:
        return None
    return Diversity(
        texts=sum(one.texts for one in each),
        distinct=mean([one.distinct for one in each]) or 0.0,
        ead=mean([one.ead for one in each]) or 0.0,
        overlap=mean([one.overlap for one in each]) or 0.0,
    )
