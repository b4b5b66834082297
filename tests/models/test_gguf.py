import subprocess
import sys
from pathlib import Path

import pytest

from rlaif.config import TransformersModel
from rlaif.core.errors import InputError
from rlaif.models.local import gguf
from rlaif.models.local.checkpoint import fingerprint, inspect, locate
from rlaif.models.registry import identity


def written(file: Path, name: str = "tiny") -> Path:
    """Write a Llama of one layer as GGUF."""
    pytest.importorskip("gguf")
    import numpy
    from gguf import GGUFWriter

    tokens = ["<|im_end|>", *"abcdefghijklmnopqrstuvwxyz", "Ġ", "Ċ", "ab"]
    writer = GGUFWriter(str(file), "llama")
    writer.add_name(name)
    writer.add_context_length(64)
    writer.add_embedding_length(8)
    writer.add_feed_forward_length(16)
    writer.add_block_count(1)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3, *[1] * (len(tokens) - 1)])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_chat_template("{% for message in messages %}{{ message.content }}{% endfor %}")
    shapes = {"token_embd": (len(tokens), 8), "output_norm": (8,), "blk.0.attn_norm": (8,), "blk.0.ffn_norm": (8,)}
    shapes |= {"blk.0.attn_q": (8, 8), "blk.0.attn_k": (4, 8), "blk.0.attn_v": (4, 8), "blk.0.attn_output": (8, 8)}
    shapes |= {"blk.0.ffn_gate": (16, 8), "blk.0.ffn_up": (16, 8), "blk.0.ffn_down": (8, 16)}
    random = numpy.random.default_rng(0)
    for place, shape in shapes.items():
        writer.add_tensor(f"{place}.weight", random.normal(size=shape).astype(numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def test_a_gguf_file_becomes_an_ordinary_checkpoint_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path / "tiny.gguf")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = locate(str(file))
    assert isinstance(folder, Path)
    inspect(folder)
    assert "quantization" not in (folder / "config.json").read_text()
    changed = (folder / "model.safetensors").stat().st_mtime_ns
    assert locate(str(file)) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == changed
    assert [each.name for each in folder.parent.iterdir()] == [folder.name]


def test_a_gguf_file_is_known_by_its_content_alone(tmp_path: Path) -> None:
    one, same, other = (tmp_path / f"{name}.gguf" for name in ("one", "same", "other"))
    one.write_bytes(b"GGUF1")
    same.write_bytes(b"GGUF1")
    other.write_bytes(b"GGUF2")
    assert fingerprint(str(one)) == fingerprint(str(same)) != fingerprint(str(other))
    found = identity(TransformersModel(kind="transformers", path=str(one)))
    assert found == {"kind": "transformers", "dtype": "auto", **fingerprint(str(one))}


def test_a_package_with_a_model_is_found_and_never_run(tmp_path: Path) -> None:
    package = tmp_path / "shipped_model"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('the package ran')")
    (package / "model.gguf").write_bytes(b"GGUF")
    program = "from rlaif.models.local.gguf import find_file; print(find_file('package:shipped_model/model.gguf'))"
    command = [sys.executable, "-c", f"import sys; sys.path.append({str(tmp_path)!r}); {program}"]
    assert subprocess.check_output(command, text=True).strip() == str(package / "model.gguf")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.gguf", "cannot be read: No such file"),
        (__file__ + "/x.gguf", "cannot be read: Not a directory"),
        ("package:no_such_package/model.gguf", "no_such_package is not installed"),
        ("package:rlaif.models/model.gguf", "names no file of a package"),
        ("package:rlaif", "names no file of a package"),
        ("package:rlaif/../model.gguf", "is outside the package"),
        ("package:rlaif/__init__.py", "is not a GGUF file"),
    ],
)
def test_a_path_that_names_no_gguf_file_is_an_error(path: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        gguf.find_file(path, where="p.yaml:3")


def test_a_broken_gguf_file_leaves_nothing_behind(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(InputError, match="cannot be converted"):
        gguf.convert(file, tmp_path / "out" / "model")
    assert list((tmp_path / "out").iterdir()) == []
