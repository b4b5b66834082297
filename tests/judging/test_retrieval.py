"""Which pieces of a document a claim is checked against: by words, and by embeddings from a real local server."""

import asyncio
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif import pipeline
from rlaif.config import OpenAIModel, load
from rlaif.context.spending import spent
from rlaif.core.errors import InputError, ModelError
from rlaif.judging.retrieval import Meanings, Words, chunks
from rlaif.models.embeddings import AT_ONCE, embed
from rlaif.models.openai.embeddings import OpenAIEmbed
from rlaif.store.store import Store
from tests.support.attack_texts import joined
from tests.support.servers import Reply, Request, Server, error, reply, serve

TEXT = "the harbour closed early the bridge opened late the mayor went home the bridge cost much"
PIECES = chunks(TEXT, 4)


@given(joined(["word", "a", " ", "\n\n", "| 1 |", "港", "は", "ไทย", "é", "\u3000", "."], 40), st.integers(1, 5))
def test_chunks_lose_no_word_and_hold_no_more_than_they_may(document: str, words: int) -> None:
    pieces = chunks(document, words)
    assert "".join("".join(pieces).split()) == "".join(document.split())
    for piece in pieces:
        assert chunks(piece, words) == (piece,)
        assert piece in document


def test_chunks_keep_the_documents_lines_and_count_a_character_of_han_as_a_word() -> None:
    assert chunks("| a | 1 |\n| b | 2 |", 5) == ("| a | 1 |", "| b | 2 |")
    assert chunks("港は早く閉じた。", 4) == ("港は早く", "閉じた。")
    assert chunks(" \n ", 4) == ()


def by_words(pieces: tuple[str, ...], text: str, most: int) -> list[str]:
    return asyncio.run(Words().best(pieces, [text], most))[0]


def test_the_best_pieces_come_in_the_documents_order() -> None:
    assert by_words(PIECES, "What did the bridge cost?", 2) == ["the bridge opened late", "the bridge cost much"]
    assert by_words(("港は早く", "橋は高い", "道は長い"), "橋の値段", 1) == ["橋は高い"]


TIES = {"no word shared": "zebra", "no word at all": "?!", "a word in all": "the"}


@pytest.mark.parametrize("text", TIES.values(), ids=TIES)
def test_equally_relevant_pieces_keep_their_order(text: str) -> None:
    same = ("the red one", "the red two", "the red three", "the red four")
    assert by_words(same, text, 2) == ["the red one", "the red two"]
    assert by_words(("...", "---", "!!!"), text, 2) == ["...", "---"]


def embedding(request: Request) -> Reply:
    """A text's share of three letters; in reversed order, because the index says which is which."""
    listed = request.body["input"]
    data = [
        {"index": place, "embedding": [text.count(letter) + 0.0 for letter in "xyz"]} for place, text in enumerate(listed)
    ]
    return reply({"object": "list", "model": "m", "data": data[::-1], "usage": {"prompt_tokens": 7}})


def served(use: Callable[[OpenAIEmbed, Server], Any], *script: Any) -> Any:
    async def work() -> Any:
        async with serve(script or [embedding]) as server:
            config = OpenAIModel(kind="openai", model="m", base_url=server.base_url, attempts=2)
            async with OpenAIEmbed(config, pause=0.01) as model:
                return await use(model, server)

    return asyncio.run(work())


def test_embeddings_find_what_is_meant_and_a_document_is_embedded_once() -> None:
    pieces = ("xx", "yyy", "zz", "xy", "q")

    async def use(model: OpenAIEmbed, server: Server) -> None:
        meanings = Meanings(partial(embed, model))
        both = await asyncio.gather(*(meanings.best(pieces, texts, 2) for texts in (["x", "z"], ["yy"])))
        assert both == [[["xx", "xy"], ["xx", "zz"]], [["yyy", "xy"]]]
        assert await meanings.best(pieces[:2], ["x"], 2) == [["xx", "yyy"]], "nothing to choose from"
        asked = sorted((request.body["input"] for request in server.requests), key=len)
        assert asked == [["yy"], ["x", "z"], list(pieces)]
        assert {request.path for request in server.requests} == {"/v1/embeddings"}

    served(use)


def test_many_texts_are_sent_in_parts_and_come_back_in_order() -> None:
    async def use(model: OpenAIEmbed, server: Server) -> None:
        texts = ["x" * number for number in range(2 * AT_ONCE + 1)]
        assert [vector[0] for vector in await embed(model, texts)] == [float(number) for number in range(len(texts))]
        assert len(server.requests) == 3

    served(use)


VECTOR = [1.0, 2.0]
NO_EMBEDDINGS: dict[str, tuple[Reply, str]] = {
    "HTML": (Reply(b"<html>"), "malformed"),
    "no data": (reply({"data": []}), "malformed"),
    "one for two": (reply({"data": [{"index": 0, "embedding": VECTOR}]}), "malformed"),
    "an index twice": (reply({"data": [{"index": 0, "embedding": VECTOR}] * 2}), "malformed"),
    "words": (reply({"data": [{"index": place, "embedding": ["a"]} for place in (0, 1)]}), "malformed"),
    "true": (reply({"data": [{"index": place, "embedding": [True]} for place in (0, 1)]}), "malformed"),
    "infinite": (
        Reply(json.dumps({"data": [{"index": place, "embedding": [math.inf]} for place in (0, 1)]}).encode()),
        "malformed",
    ),
    "of two lengths": (
        reply({"data": [{"index": place, "embedding": VECTOR * (place + 1)} for place in (0, 1)]}),
        "malformed",
    ),
    "filtered": (error(400, "content_filter"), "refused"),
    "busy": (error(503, "try later"), "server"),
    "no such model": (error(404, "no such model"), "unknown_model"),
}


@pytest.mark.parametrize(("answer", "kind"), NO_EMBEDDINGS.values(), ids=NO_EMBEDDINGS)
def test_an_invalid_embedding_is_a_failure_with_its_kind(answer: Reply, kind: str) -> None:
    async def use(model: OpenAIEmbed, server: Server) -> None:
        with pytest.raises(ModelError) as caught:
            await embed(model, ["x", "y"])
        assert caught.value.kind == kind

    served(use, answer)


PIPELINE = """
name: retrieval
out: {out}
models:
  writer: {{kind: scripted}}
  embedder: {{kind: openai, model: m, base_url: "{url}", price: {{input: 2, output: 0}}}}
judges:
  a: {{model: writer, rubric: rubric.yaml, retrieval: {retrieval}}}
collect: {{sources: [{{path: prompts.jsonl, columns: {{prompt: prompt, document: document}}}}]}}
generate: {{model: writer, samples: 2}}
judge: {{by: [a]}}
"""
RUBRIC = "name: r\ncriteria: [{name: faithfulness, kind: claims, chunk_words: 2, chunks: 2}]\n"


def test_a_judge_with_a_retrieval_model_retrieves_by_embeddings(tmp_path: Path) -> None:
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    document = " ".join(f"word{number}" for number in range(9))
    (tmp_path / "prompts.jsonl").write_text(json.dumps({"prompt": "Sum up.", "document": document}) + "\n")

    async def work() -> list[Request]:
        async with serve([embedding]) as server:
            (tmp_path / "p.yaml").write_text(PIPELINE.format(out=tmp_path, url=server.base_url, retrieval="embedder"))
            await asyncio.to_thread(judge, tmp_path / "p.yaml")
            return server.requests

    asked = asyncio.run(work())
    assert [request.body["input"] for request in asked if len(request.body["input"]) == 5] == [list(chunks(document, 2))]
    assert len(asked) == 1 + 2, "the document once, and the claims of each response"
    with Store(tmp_path / "store.duckdb", read_only=True) as store:
        assert store.rows("SELECT count(value) AS n FROM scores") == [{"n": 2}]
        (paid,) = [row for row in spent(store, load(tmp_path / "p.yaml").pipeline) if row.model == "embedder"]
    assert (paid.stage, paid.replies, paid.units, paid.guessed) == ("judge a: retrieval", 3, 0, 0)
    assert (paid.prompt_tokens, paid.output_tokens, paid.usd) == (21, 0, pytest.approx(21 * 2 / 1e6))


def judge(file: Path) -> None:
    with pipeline.open_run(load(file)) as (plan, context):
        pipeline.collect(context)
        pipeline.generate_and_judge(plan, context)


def test_a_model_that_cannot_embed_is_refused_with_its_place_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    for name, what in (("writer", "kind scripted cannot embed texts"), ("embeder", "Did you mean 'embedder'")):
        (tmp_path / "p.yaml").write_text(PIPELINE.format(out=tmp_path, url="http://127.0.0.1:1/v1", retrieval=name))
        with pytest.raises(InputError, match=what):
            pipeline.check(pipeline.resolve(load(tmp_path / "p.yaml")))
