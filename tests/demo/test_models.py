"""The shipped tiny models load as plain checkpoints, and do what they are for."""

import json
import random
from functools import cache
from itertools import islice
from pathlib import Path
from statistics import mean

import pytest

from rlaif.demo import JUDGE, WRITER, ground_truth
from rlaif.demo.world import case, requests
from tools.train_demo_models import corpus

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.tiny

FOLDERS = [WRITER, JUDGE]


@cache
def loaded(folder: Path):  # type: ignore[no-untyped-def]
    torch.set_num_threads(1)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return transformers.AutoTokenizer.from_pretrained(folder), model


def answers(folder: Path, prompts: list[str]) -> list[str]:
    tokenizer, model = loaded(folder)
    chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
    texts = tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True)
    batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    with torch.inference_mode():
        out = model.generate(**batch, max_new_tokens=96, do_sample=False)
    return tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)  # type: ignore[no-any-return]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_checkpoint_is_small(folder: Path) -> None:
    assert sum(file.stat().st_size for file in folder.iterdir()) < 12_000_000


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_word_of_the_world_is_one_token(folder: Path) -> None:
    tokenizer, _ = loaded(folder)
    assert all(len(tokenizer.encode(f" {word}", add_special_tokens=False)) == 1 for word in corpus.WORDS)
    scores = [str(score) for score in range(corpus.LOW, corpus.HIGH + 1)]
    assert all(len(tokenizer.encode(score, add_special_tokens=False)) == 1 for score in scores)


@pytest.mark.parametrize("folder", FOLDERS)
def test_any_text_survives_the_tokenizer(folder: Path) -> None:
    tokenizer, _ = loaded(folder)
    for text in ("plain", "Grüße, 世界 🎉\n\t  {}", " leading", "'s ."):
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_prompt_is_an_exact_token_prefix_of_its_conversation(folder: Path) -> None:
    tokenizer, _ = loaded(folder)
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "A report.\nA request."},
        {"role": "assistant", "content": "- an answer"},
        {"role": "user", "content": "Once more."},
        {"role": "assistant", "content": "another; answer"},
    ]
    for chat in (turns, turns[1:], turns[1:3], turns[:3]):
        prompt = tokenizer.apply_chat_template(chat[:-1], add_generation_prompt=True, return_dict=False)
        whole = tokenizer.apply_chat_template(chat, return_dict=False)
        assert whole[: len(prompt)] == prompt
        assert whole[-1] == tokenizer.eos_token_id


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_model_knows_how_to_stop(folder: Path) -> None:
    tokenizer, model = loaded(folder)
    assert model.config.eos_token_id == model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.config.pad_token_id == model.generation_config.pad_token_id == tokenizer.pad_token_id
    assert model.config.max_position_embeddings >= 512


def test_the_writer_at_its_surest_is_faithful() -> None:
    rows = list(requests(40, seed=11))
    notes = answers(WRITER, [corpus.writing(row["document"], row["prompt"]) for row in rows])
    marks = [ground_truth.marks(row["document"], row["prompt"], note) for row, note in zip(rows, notes, strict=True)]
    assert mean(mark.faithfulness for mark in marks) >= 95


@pytest.mark.parametrize("criterion", corpus.CRITERIA)
def test_the_judge_agrees_with_the_oracle(criterion: str) -> None:
    examples = list(islice(verdicts(criterion), 40))
    given = [json.loads(text)["score"] for text in answers(JUDGE, [example.prompt for example in examples])]
    due = [json.loads(example.answer)["score"] for example in examples]
    assert mean(abs(a - b) for a, b in zip(given, due, strict=True)) <= 0.3


def verdicts(criterion: str):  # type: ignore[no-untyped-def]
    """Held-out verdicts: the stream's name is not one that training uses."""
    rng = random.Random(f"held out {criterion}")
    while True:
        one = case(rng)
        answer = corpus.layout(*corpus.flawed(one, corpus.CARELESS, rng))
        fence, prompt_fence = (f"{rng.getrandbits(64):016x}" for _ in range(2))
        shown = corpus.judging(one.document, one.request, answer, criterion, fence, prompt_fence)
        yield corpus.Example(shown, corpus.verdict(one.document, one.request, answer, criterion))
