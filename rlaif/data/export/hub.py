"""Pushes a finished data set to the Hugging Face Hub, in one commit: what is there is the old data set or the new one."""

import os
from importlib.util import find_spec
from pathlib import Path

from rlaif.core.errors import InputError, RlaifError

# The files of a data set, as fnmatch patterns: all else in the folder or in the repository is left alone.
FILES = ("README.md", "train*.parquet", "held_out*.parquet")
DATA = FILES[1:]


def push(folder: Path, repo: str, *, token: str = "env:HF_TOKEN", public: bool = False, message: str = "rlaif push") -> str:
    """Makes the data set repository `repo` (`owner/name`) hold the data set in `folder`; returns its address.

    Nothing is sent where it does already. `token` is a reference to the secret, which is read now and kept nowhere. The hub
    is HF_ENDPOINT's. Raises InputError for what the user can mend, RlaifError where the hub does not answer as it should.
    """
    secret = _secret(token)
    if find_spec("huggingface_hub") is None:
        raise InputError(
            "pushing needs huggingface_hub, which is not installed", fix="Install it: pip install 'rlaif[train]'"
        )
    # Read when huggingface_hub is imported.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi

    # The HTTP library under it has changed with its versions; the base of that library's errors stands here in all of them.
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError  # type: ignore[attr-defined]

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=secret)
    try:
        address = api.create_repo(repo, repo_type="dataset", private=not public, exist_ok=True)
        api.upload_folder(
            repo_id=address.repo_id, repo_type="dataset", folder_path=folder, commit_message=message,
            allow_patterns=list(FILES), delete_patterns=list(DATA),
        )  # fmt: skip
    except HFValidationError as error:
        raise InputError(str(error).splitlines()[0], where=f"push {repo!r}", fix="Write owner/name.") from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else None
        raise _refusal(status, str(error).replace(secret, "(hidden)"), repo, token) from None
    except (HTTPError, OSError) as error:
        raise RlaifError(
            f"push {repo}: the hub cannot be reached: {str(error).replace(secret, '(hidden)')}\n"
            f"Nothing of it is half there, and the data set is in {folder}; the same command tries again."
        ) from None
    return str(address)


def _secret(reference: str) -> str:
    if not reference.startswith("env:"):
        raise InputError("the token is written out", where="push --token", fix="Put it into a variable and write env:NAME.")
    name = reference.removeprefix("env:")
    secret = os.environ.get(name)
    if not secret:
        raise InputError(
            f"{name} is not set", where="push --token",
            fix="Make a token with write access in the hub's settings, and export it under that name.",
        )  # fmt: skip
    return secret


def _refusal(status: int | None, said: str, repo: str, token: str) -> RlaifError:
    where = f"push {repo!r}"
    first = said.strip().splitlines()[0] if said.strip() else "no reason given"
    if status == 401:
        return InputError("the hub does not know the token", where=where, fix=f"Look at what {token} holds.")
    if status == 403:
        fix = "The token needs write access to that owner's repositories."
        return InputError("the token may not write there", where=where, fix=fix)
    if status == 404:
        return InputError("the hub has no such owner or repository", where=where, fix="Write owner/name.")
    if status in (409, 412):
        return RlaifError(f"{where}: somebody else has changed the repository meanwhile; the same command tries again.")
    if status == 429:
        return RlaifError(f"{where}: the hub asks to wait (too many requests); the same command tries again, later.")
    return RlaifError(
        f"{where}: the hub answers {status}: {first}\nNothing of it is half there; the same command tries again."
    )
