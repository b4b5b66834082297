"""Pushing a data set, up to the requests that a real server on loopback receives."""

from pathlib import Path

import pytest

from rlaif.core.errors import InputError, RlaifError
from rlaif.data.export import export
from rlaif.data.export.hub import push
from rlaif.store.store import Store
from tests.support.command_line import rlaif
from tests.support.hub import Hub, serve
from tests.support.pairings import many
from tests.support.scripted_pipeline import go, project

TOKEN = "hf_canary_7c1"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    with serve() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield running


def exported(folder: Path, pairs: int = 25, shard: int = 10) -> Path:
    with Store(folder / f"{pairs}-{shard}.duckdb") as store:
        return export(store, many(store, pairs), folder, held_out=0.001, shard=shard, formats=["jsonl", "parquet"]).folder


@pytest.mark.fault("P13")
def test_the_repository_holds_the_data_set_and_its_card_in_one_commit(hub: Hub, tmp_path: Path) -> None:
    folder = exported(tmp_path)
    address = push(folder, "ann/notes")
    assert address == f"{hub.url}/datasets/ann/notes"
    local = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".jsonl"}
    assert hub.repos["ann/notes"] == local
    assert hub.commits == [sorted(local)]
    assert hub.private["ann/notes"]
    assert {authorization for _, _, authorization in hub.requests} == {f"Bearer {TOKEN}"}


@pytest.mark.fault("P13")
def test_a_second_push_of_the_same_data_sends_nothing(hub: Hub, tmp_path: Path) -> None:
    folder = exported(tmp_path)
    push(folder, "ann/notes")
    push(folder, "ann/notes")
    assert len(hub.commits) == 1


def test_shards_of_an_earlier_push_go_in_the_same_commit_and_what_is_not_ours_stays(hub: Hub, tmp_path: Path) -> None:
    push(exported(tmp_path), "ann/notes")
    hub.repos["ann/notes"]["notes.txt"] = b"mine"
    push(exported(tmp_path, shard=100), "ann/notes")
    assert {"README.md", "notes.txt", "train.parquet"} <= set(hub.repos["ann/notes"])
    assert not any("-of-" in name for name in hub.repos["ann/notes"])
    assert len(hub.commits) == 2
    assert [name for name in hub.commits[1] if name.startswith("-")] == [f"-train-{n:05}-of-00002.parquet" for n in range(2)]


REFUSALS = {
    401: "does not know the token",
    403: "may not write",
    404: "no such owner",
    409: "repository was changed",
    429: "too many requests",
    418: "answered 418",
}


@pytest.mark.fault("P13")
@pytest.mark.parametrize("status", REFUSALS)
def test_a_refused_push_names_a_fix_and_never_the_token(hub: Hub, tmp_path: Path, status: int) -> None:
    # What may pass is tried again by the library itself, but at the first request.
    hub.refuse["/repos/create" if status == 429 else "/commit/"] = status
    with pytest.raises(RlaifError, match=REFUSALS[status]) as caught:
        push(exported(tmp_path), "ann/notes")
    assert TOKEN not in str(caught.value)
    assert hub.commits == []
    assert isinstance(caught.value, InputError) == (status in (401, 403, 404))


@pytest.mark.fault("P13")
def test_an_unreachable_hub_is_reported_with_the_place_of_the_local_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    folder = exported(tmp_path)
    with pytest.raises(RlaifError, match=r"cannot be reached[\s\S]*preference"):
        push(folder, "ann/notes")


@pytest.mark.parametrize(
    ("token", "said"), [("hf_literal", "written out"), ("env:NO_SUCH_TOKEN", "NO_SUCH_TOKEN is not set")]
)
def test_a_token_is_a_reference_to_a_variable_that_is_set(hub: Hub, tmp_path: Path, token: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        push(tmp_path, "ann/notes", token=token)
    assert hub.requests == []


def test_an_invalid_repository_name_is_reported(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"owner/name"):
        push(exported(tmp_path), "not/a/name")


def test_the_command_writes_the_data_set_first_and_keeps_no_token(hub: Hub, tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    done = rlaif("push", str(file), "ann/notes", "--form", "unpaired")
    assert done.returncode == 0, done.stderr
    assert f"{hub.url}/datasets/ann/notes" in done.stdout
    assert set(hub.repos["ann/notes"]) == {path.name for path in (tmp_path / "out/pushed/unpaired").iterdir()}
    assert b'load_dataset("ann/notes")' in hub.repos["ann/notes"]["README.md"]
    assert TOKEN not in done.stdout + done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
