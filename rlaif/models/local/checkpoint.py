"""Locate, identify and inspect checkpoints as files, without loading a model."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

from rlaif.config.resources import note
from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError
from rlaif.core.types import key
from rlaif.models.local import gguf

TINY: Final = Path(__file__).parents[2] / "demo"
HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

# The files that define a checkpoint. A training run writes others too (its state, a card), which change no answer.
TEXT_FILES: Final = frozenset(
    {
        "config.json",
        "generation_config.json",
        "chat_template.jinja",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "merges.txt",
        "vocab.txt",
        "tokenizer.model",
        "model.safetensors.index.json",
        "adapter_config.json",
    }
)
# Weights in these formats are pickles or programs, which run code when they are loaded, so rlaif refuses them.
UNSAFE: Final = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".h5", ".msgpack", ".keras"})
INDEX: Final = "model.safetensors.index.json"
# Weights up to this size are digested whole, in tens of milliseconds; for larger files, both ends and the size are. Training
# changes every tensor, so the ends distinguish checkpoints.
WHOLE_BYTES: Final = 64 * 2**20
END_BYTES: Final = 2**20


def locate(path: str, *, where: str = "") -> Path | str:
    """Return the folder of a checkpoint, or `path` if it is a hub name. Raises InputError if it can be neither.

    A GGUF file is converted on its first use.
    """
    if path.startswith("tiny:"):
        return _tiny(path.removeprefix("tiny:"), where)
    if gguf.is_gguf(path):
        return gguf.as_checkpoint(path, where=where)
    folder = Path(path).expanduser()
    note(folder)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise InputError(f"{path} holds no checkpoint: config.json is missing", where=where, fix=_checkpoints_in(folder))
        return folder.absolute() if path.startswith("-") else folder
    # "models/writr" looks like a hub name too; if there is a folder "models", it is meant as a path.
    if HUB_NAME.fullmatch(path) and not folder.parent.is_dir():
        return path
    raise InputError(f"no checkpoint at {path}", where=where, fix=_hint(folder))


def inspect(folder: Path, *, where: str = "") -> None:
    """Raise InputError for a folder from which weights cannot be loaded without running code or reading other files."""
    try:
        _json(folder / "config.json", where)
        if not any(folder.glob("*.safetensors")):
            other = next((file.name for file in sorted(folder.iterdir()) if file.suffix in UNSAFE), None)
            found = f"{other} is a pickle, which can run code" if other else "there are no *.safetensors"
            raise InputError(
                f"{folder} holds no weights that rlaif reads: {found}",
                where=where,
                fix="Save the model with `save_pretrained`, which writes *.safetensors.",
            )
        if (folder / "adapter_config.json").exists():
            raise InputError(
                f"{folder} holds an adapter, whose base model is somewhere else",
                where=where,
                fix="Merge it into its base model (PEFT's merge_and_unload), and name the merged checkpoint.",
            )
        index = _json(folder / INDEX, where) if (folder / INDEX).exists() else {}
        for name in (index.get("weight_map") or {}).values():
            if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
                raise InputError(f"{INDEX} names {name!r}, which is not a weights file in this folder", where=where)
        for file in folder.iterdir():
            _stays_inside(file, folder, where)
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror or error}", where=where) from None


def _stays_inside(file: Path, folder: Path, where: str) -> None:
    """Raise InputError for a link to a file outside the checkpoint, other than the `blobs` folder of the hub's cache.

    Weights may be linked from anywhere, because they are only numbers.
    """
    if not file.is_symlink() or file.suffix == ".safetensors":
        return
    target = file.resolve()
    if not target.is_relative_to(folder.resolve()) and target.parent.name != "blobs":
        raise InputError(f"{file} is a link to a file outside the checkpoint", where=where, fix="Put a copy in its place.")


def _json(file: Path, where: str) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not JSON: {error}", where=where, fix="Restore the checkpoint's files.") from None
    if not isinstance(found, dict):
        raise InputError(f"{file} is not a JSON object", where=where, fix="Restore the checkpoint's files.")
    return found


def fingerprint(path: str, revision: str | None = None, *, where: str = "") -> dict[str, str | None]:
    """Return what identifies the checkpoint: a digest of its files, wherever they are; for a hub name, name and revision."""
    if gguf.is_gguf(path):
        # Known by the file alone: the conversion differs between versions of transformers, and is not needed here.
        return {"checkpoint": key([("gguf", gguf.digest(gguf.find_file(path, where=where)))])}
    place = locate(path, where=where)
    if isinstance(place, str):
        return {"model": place, "revision": revision}
    weights = sorted(place.glob("*.safetensors"))
    if not weights:
        raise InputError(
            f"{path} holds no weights", where=where, fix="rlaif reads *.safetensors only: other formats can run code."
        )
    inspect(place, where=where)
    whole = sum(file.stat().st_size for file in weights) <= WHOLE_BYTES
    texts = sorted(file for file in place.iterdir() if file.name in TEXT_FILES or file.suffix == ".py")
    files = [(file.name, _digest(file, whole=True)) for file in texts]
    files += [(file.name, _digest(file, whole=whole)) for file in weights]
    return {"checkpoint": key(files)}


def _digest(file: Path, *, whole: bool) -> str:
    size = file.stat().st_size
    with file.open("rb") as stream:
        if whole or size <= 2 * END_BYTES:
            return hashlib.file_digest(stream, hashlib.blake2b).hexdigest()
        digest = hashlib.blake2b(str(size).encode())
        digest.update(stream.read(END_BYTES))
        stream.seek(-END_BYTES, 2)
        digest.update(stream.read(END_BYTES))
    return digest.hexdigest()


def _tiny(name: str, where: str) -> Path:
    known = sorted(folder.name for folder in TINY.iterdir() if (folder / "config.json").is_file())
    if name not in known:
        fix = did_you_mean(f"tiny:{name}", [f"tiny:{each}" for each in known])
        raise InputError(f"no tiny model is called {name!r}", where=where, fix=fix)
    return TINY / name


def _hint(folder: Path) -> str:
    siblings = [item.name for item in folder.parent.iterdir() if item.is_dir()] if folder.parent.is_dir() else []
    hint = did_you_mean(folder.name, siblings)
    return f"{hint} Give a checkpoint folder, a hub name such as org/name, tiny:writer or tiny:judge.".strip()


def _checkpoints_in(folder: Path) -> str:
    inside = sorted(item.name for item in folder.iterdir() if (item / "config.json").is_file())
    return f"Inside it are: {', '.join(inside)}." if inside else "Give the folder that `save_pretrained` wrote."
