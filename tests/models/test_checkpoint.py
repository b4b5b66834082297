import shutil
from pathlib import Path

import pytest

from rlaif.config import OpenAIModel, TransformersModel
from rlaif.core.errors import InputError
from rlaif.models.local.checkpoint import WHOLE_BYTES, fingerprint, locate
from rlaif.models.registry import identity, is_local


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "writer"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_a_checkpoint_is_known_by_content_wherever_it_lies(checkpoint: Path, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(checkpoint, tmp_path / "other")
    assert fingerprint(str(checkpoint)) == fingerprint(str(elsewhere))
    (elsewhere / "trainer_state.json").write_text("{}")
    (elsewhere / "README.md").write_text("a card")
    assert fingerprint(str(checkpoint)) == fingerprint(str(elsewhere))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "chat_template.jinja"])
def test_each_file_that_changes_answers_changes_the_fingerprint(checkpoint: Path, name: str) -> None:
    before = fingerprint(str(checkpoint))
    (checkpoint / name).write_bytes(b"{ }")
    assert fingerprint(str(checkpoint)) != before


def test_large_weights_are_known_by_size_and_both_ends(checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    found = set()
    for size, place in ((WHOLE_BYTES + 1, 0), (WHOLE_BYTES + 2, 0), (WHOLE_BYTES + 1, 5), (WHOLE_BYTES + 1, WHOLE_BYTES)):
        with weights.open("wb") as stream:
            stream.truncate(size)
            stream.seek(place)
            stream.write(b"x")
        found.add(fingerprint(str(checkpoint))["checkpoint"])
    assert len(found) == 4


def test_a_hub_name_is_known_by_name_and_revision() -> None:
    config = TransformersModel(kind="transformers", path="org/name", revision="abc")
    assert identity(config) == {"kind": "transformers", "dtype": "auto", "model": "org/name", "revision": "abc"}
    assert is_local(config)


def test_a_missing_path_is_reported_with_its_place_and_a_suggestion(checkpoint: Path) -> None:
    with pytest.raises(InputError, match=r"p\.yaml:3") as caught:
        identity(TransformersModel(kind="transformers", path=f"{checkpoint.parent}/wrter"), where="p.yaml:3 models.w.path")
    assert "Did you mean 'writer'?" in caught.value.fix


@pytest.mark.parametrize("path", ["no_such_folder", "/no/such/folder", "./x", "a/b/c", ""])
def test_a_path_that_is_neither_folder_nor_hub_name_is_refused(path: str) -> None:
    with pytest.raises(InputError):
        locate(path)


def test_a_misspelt_folder_is_not_taken_for_a_hub_name(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkpoint.parent.parent)
    with pytest.raises(InputError):
        locate(f"{checkpoint.parent.name}/wrter")


def test_a_folder_without_a_checkpoint_names_those_inside(checkpoint: Path) -> None:
    with pytest.raises(InputError) as caught:
        locate(str(checkpoint.parent))
    assert "writer" in caught.value.fix


def test_weights_in_other_formats_are_refused(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    with pytest.raises(InputError, match="no weights"):
        fingerprint(str(checkpoint))


def test_an_unknown_tiny_model_is_refused() -> None:
    with pytest.raises(InputError, match="no tiny model"):
        locate("tiny:poet")


def test_a_served_model_is_known_by_server_and_name_without_any_secret() -> None:
    one = OpenAIModel(kind="openai", model="m", base_url="https://user:secret@host/v1/?key=secret", concurrency=3)
    two = OpenAIModel(kind="openai", model="m", base_url="https://host/v1", api_key="env:OTHER", timeout=5)
    assert identity(one) == identity(two) == {"kind": "openai", "server": "https://host/v1", "model": "m"}
