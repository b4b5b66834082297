"""Pushes a finished dataset to the Hugging Face Hub in one commit, so that the repository is never half updated."""

import os
from importlib.util import find_spec
from pathlib import Path

from rlaif.core.errors import InputError, RlaifError

# The files of a dataset, as fnmatch patterns. Other files in the folder or repository are left alone.
FILES = ("README.md", "train*.parquet", "test*.parquet")
# The files that a push replaces. Earlier versions called the held-out split `held_out`.
DATA = (*FILES[1:], "held_out*.parquet")


def push(folder: Path, repo: str, *, token: str = "env:HF_TOKEN", public: bool = False, message: str = "rlaif push") -> str:
    """Upload the dataset in `folder` to the dataset repository `repo` (`owner/name`) and return its address.

    Unchanged files are not sent again. `token` is a reference to the secret, which is never stored. The endpoint is
    HF_ENDPOINT if set. Raises InputError for errors that the user can fix, and RlaifError for failures of the Hub.
    """
    secret = _secret(token)
    if find_spec("huggingface_hub") is None:
        raise InputError(
            "pushing needs huggingface_hub, which is not installed", fix="Install it: pip install 'rlaif[train]'"
        )
    # Must be set before huggingface_hub is imported.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi

    # huggingface_hub has changed its HTTP library between versions; this module has the base of its errors in all of them.
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError  # type: ignore[attr-defined]

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=secret)
    try:
        address = api.create_repo(repo, repo_type="dataset", private=not public, exist_ok=True)
        api.upload_folder(
            repo_id=address.repo_id,
            repo_type="dataset",
            folder_path=folder,
            commit_message=message,
            allow_patterns=list(FILES),
            delete_patterns=list(DATA),
        )
    except HFValidationError as error:
        raise InputError(str(error).splitlines()[0], where=f"push {repo!r}", fix="Use the form owner/name.") from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else None
        raise _refusal(status, str(error).replace(secret, "(hidden)"), repo, token) from None
    except (HTTPError, OSError) as error:
        raise RlaifError(
            f"push {repo}: the Hub cannot be reached: {str(error).replace(secret, '(hidden)')}\n"
            f"Nothing was changed there, and the dataset is in {folder}. Run the same command to try again."
        ) from None
    return str(address)


def _secret(reference: str) -> str:
    if not reference.startswith("env:"):
        raise InputError("the token is written out", where="push --token", fix="Store it in a variable and pass env:NAME.")
    name = reference.removeprefix("env:")
    secret = os.environ.get(name)
    if not secret:
        raise InputError(
            f"{name} is not set",
            where="push --token",
            fix="Create a token with write access in the Hub's settings, and export it under that name.",
        )
    return secret


def _refusal(status: int | None, message: str, repo: str, token: str) -> RlaifError:
    where = f"push {repo!r}"
    first = message.strip().splitlines()[0] if message.strip() else "no reason given"
    if status == 401:
        return InputError("the Hub does not know the token", where=where, fix=f"Check the value of {token}.")
    if status == 403:
        fix = "The token needs write access to that owner's repositories."
        return InputError("the token may not write there", where=where, fix=fix)
    if status == 404:
        return InputError("the Hub has no such owner or repository", where=where, fix="Use the form owner/name.")
    if status in (409, 412):
        return RlaifError(f"{where}: the repository was changed at the same time. Run the same command to try again.")
    if status == 429:
        return RlaifError(f"{where}: the Hub received too many requests. Run the same command again later.")
    return RlaifError(
        f"{where}: the Hub answered {status}: {first}\nNothing was changed there. Run the same command to try again."
    )
