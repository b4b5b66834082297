"""Stores, disks and files in every bad state: an error with a sentence and the documented exit code, never a traceback."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rlaif.core.errors import StoreError
from rlaif.store.connection import unreadable
from rlaif.store.store import Store
from tests.support.command_line import rlaif

RLAIF = Path(sys.executable).parent / "rlaif"
PIPELINE = "name: x\nout: out\nmodels: {w: {kind: scripted}}\ncollect: {sources: [{path: p.jsonl}]}\ngenerate: {model: w, samples: 1}\n"
# Opens the store given as its argument, appends three times, and dies without closing it.
DIES = (
    "import os, sys; from pathlib import Path; from rlaif.store.store import Store; store = Store(Path(sys.argv[1]));\n"
    "for number in range(3): store.append('extra_samples', [{'prompt': str(number)}])\n"
    "os.kill(os.getpid(), 9)"
)


def project(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "p.jsonl").write_text('{"prompt": "hello"}\n')
    (folder / "x.yaml").write_text(PIPELINE)
    return folder / "out" / "store.duckdb"


def limited(folder: Path, shell: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command in a process that a shell has limited."""
    command = ["bash", "-c", f"{shell}; exec {RLAIF} {' '.join(words)}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def killed(path: Path) -> Path:
    """A store whose process was killed: its last rows are in the log."""
    done = subprocess.run([sys.executable, "-c", DIES, str(path)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert path.with_name("store.duckdb.wal").exists()
    return path


def count(path: Path, *, read_only: bool = False) -> int:
    with Store(path, read_only=read_only) as store:
        return int(store.rows("SELECT count(*) AS n FROM extra_samples")[0]["n"])


def overwrite(place: int, content: bytes) -> Callable[[Path], object]:
    def change(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[:place] + content + data[place + len(content) :])

    return change


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "zero bytes": (lambda path: path.write_bytes(b""), "empty"),
    "garbage": (lambda path: path.write_bytes(bytes(range(256)) * 100), "not a DuckDB"),
    "text": (lambda path: path.write_text("hello" * 1000), "not a DuckDB"),
    "SQLite": (lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(5000)), "SQLite"),
    "half": (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "damaged|cannot"),
    "the first block": (lambda path: path.write_bytes(path.read_bytes()[:5000]), "damaged"),
    "the first bytes": (lambda path: path.write_bytes(path.read_bytes()[:20]), "damaged|cannot"),
    "another header": (overwrite(4096, b"\xff" * 8192), "damaged"),
    "another version": (overwrite(12, (999).to_bytes(8, "little")), "damaged|newer"),
    "zeros in the middle": (overwrite(12288, bytes(262144)), "damaged|cannot"),
    "ones in the middle": (overwrite(12288, b"\xff" * 262144), "damaged|cannot"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "not a file"),
    "a pipe": (lambda path: (path.unlink(), os.mkfifo(path)), "not a file"),
    "a link to nothing": (lambda path: (path.unlink(), path.symlink_to("/dev/null")), "not a file"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_store_is_refused_with_its_reason_and_exit_code_7(case: str, tmp_path: Path) -> None:
    path = project(tmp_path)
    Store(path).close()
    change, message = DAMAGE[case]
    change(path)
    for read_only in (True, False):
        with pytest.raises(StoreError, match=message) as error:
            Store(path, read_only=read_only)
        assert error.value.exit_code == 7
        assert "in use" not in str(error.value)
    done = rlaif("status", "x.yaml", folder=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (7, False)
    assert len(done.stderr.splitlines()) <= 3


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        ('IO Error: Could not set lock on file "x": Conflicting lock is held in python (PID 12)', 5, "process 12"),
        ('IO Error: Could not set lock on file "x": Conflicting lock is held', 5, "another process"),
        (
            "IO Error: Corrupt database file: computed checksum 1 does not match stored checksum 2 in block at location 0",
            7,
            "damaged",
        ),
        (
            "IO Error: Trying to read a database file with version number 999, but we can only read versions between 64 and 67",
            7,
            "Update DuckDB",
        ),
        ('IO Error: Failure while replaying WAL file "x": WAL does not match database file.', 7, "write-ahead log"),
        ("INTERNAL Error: Failed to load metadata pointer (id 3, idx 1)", 7, "damaged"),
        ("Serialization Error: Failed to deserialize: expected end of object", 7, "damaged"),
        ('IO Error: Cannot open file "x": Permission denied', 7, "Permission denied"),
    ],
)
def test_block_is_not_lock_and_every_message_has_its_exit_code(message: str, code: int, words: str) -> None:
    error = unreadable(
        Path("/block/lock/WAL/store.duckdb"), RuntimeError(message.replace('"x"', '"/block/lock/WAL/store.duckdb"'))
    )
    assert error.exit_code == code
    assert words in str(error)


def test_a_store_in_use_is_exit_code_5_and_its_log_stays(tmp_path: Path) -> None:
    # Words of messages in the names of folders change nothing.
    path = project(tmp_path / "WAL checksum corrupt")
    Store(path).close()
    opened = "import sys; from pathlib import Path; from rlaif.store.store import Store; s = Store(Path(sys.argv[1])); s.append('extra_samples', [{'prompt': 'x'}]); print('x', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", opened, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "x\n"
        with pytest.raises(StoreError, match=f"in use by process {holder.pid}") as error:
            Store(path)
        assert error.value.exit_code == 5
        assert path.with_name("store.duckdb.wal").exists()
    finally:
        holder.communicate("\n")
    assert count(path) == 1


def test_a_closed_store_is_whole_without_its_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.duckdb"
    with Store(path) as store:
        store.append("extra_samples", [{"prompt": "a"}])
    assert [file.name for file in tmp_path.iterdir()] == ["store.duckdb"]
    shutil.copy(path, tmp_path / "copy.duckdb")
    assert count(tmp_path / "copy.duckdb") == 1
    assert capsys.readouterr().err == ""


def test_a_killed_process_loses_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert count(killed(tmp_path / "store.duckdb")) == 3
    assert capsys.readouterr().err == ""


def test_a_log_that_is_missing_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = killed(tmp_path / "store.duckdb")
    path.with_name("store.duckdb.wal").unlink()
    # To a reader, the log of a process that writes is missing, too, after each checkpoint.
    assert count(path, read_only=True) == 0
    assert capsys.readouterr().err == ""
    assert count(path) == 0
    said = capsys.readouterr().err
    assert "store.duckdb.wal is missing" in said
    assert "may be missing" in said
    assert count(path) == 0
    capsys.readouterr()
    assert count(path) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", ["of another store", "garbage", "ones", "stale"])
def test_a_foreign_write_ahead_log_is_set_aside(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.duckdb"
    log = path.with_name("store.duckdb.wal")
    if kind == "of another store":
        Store(path).close()
        shutil.copy(killed(tmp_path / "other" / "store.duckdb").with_name("store.duckdb.wal"), log)
    elif kind == "stale":
        killed(path)
        kept = log.read_bytes()
        assert count(path) == 3
        log.write_bytes(kept)
    else:
        Store(path).close()
        log.write_bytes(b"\xff" * 5000 if kind == "ones" else bytes(range(256)) * 20)
    capsys.readouterr()
    kept = log.read_bytes()
    try:
        count(path, read_only=True)
    except StoreError as error:
        assert error.exit_code == 7
        assert "log" in str(error)
        assert log.read_bytes() == kept
    assert count(path) == (3 if kind == "stale" else 0)
    aside = list(tmp_path.glob("store.duckdb.wal.corrupt-*"))
    # A log of an earlier state may also be seen to be done already, and is then dropped without a word.
    assert kind == "stale" or [file.read_bytes() for file in aside] == [kept]
    assert not aside or "kept as" in capsys.readouterr().err


@pytest.mark.parametrize("read_only", [True, False])
def test_a_log_without_its_store_starts_no_new_store(read_only: bool, tmp_path: Path) -> None:
    path = killed(tmp_path / "store.duckdb")
    log = path.with_name("store.duckdb.wal")
    kept = log.read_bytes()
    path.unlink()
    with pytest.raises(StoreError, match=r"no store here yet|still there") as error:
        Store(path, read_only=read_only)
    assert error.value.exit_code == 7
    assert log.read_bytes() == kept
    assert not path.exists()


@pytest.mark.parametrize("command", ["run", "collect", "export", "explain", "plan", "config", "doctor"])
@pytest.mark.parametrize("kind", ["a folder", "no permission", "not UTF-8"])
def test_a_bad_pipeline_file_is_exit_code_2(command: str, kind: str, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    if kind == "a folder":
        file.mkdir()
    elif kind == "not UTF-8":
        file.write_bytes(b"name: \xff\xfe")
    else:
        file.write_text(PIPELINE)
        file.chmod(0)
        if os.access(file, os.R_OK):
            pytest.skip("root reads everything")
    rest = {"export": ["out"], "explain": ["p"]}.get(command, [])
    done = rlaif(command, "x.yaml", *rest, folder=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("out is a file", 7),
        ("the source is a folder", 2),
        ("the source is missing", 2),
        ("the source is not UTF-8", 2),
        ("the source is deep", 2),
        ("a full disk", 7),
        ("the export is a file", 2),
        ("the template is a folder", 2),
        ("the template divides by zero", 2),
        ("the name is too long", 2),
    ],
)
def test_files_and_disks_in_a_bad_state_are_reported_in_a_sentence(what: str, code: int, tmp_path: Path) -> None:
    project(tmp_path)
    source, words, shell = tmp_path / "p.jsonl", ["run", "x.yaml"], ""
    match what:
        case "out is a file":
            (tmp_path / "out").touch()
        case "the source is a folder":
            source.unlink()
            source.mkdir()
        case "the source is missing":
            source.unlink()
        case "the source is not UTF-8":
            source.write_bytes(b'{"prompt": "\xff"}\n')
        case "the source is deep":
            source.write_text('{"prompt": ' + "[" * 900 + "]" * 900 + "}\n")
        case "a full disk":
            source.write_text("".join(f'{{"prompt": "{number} {"x" * 2000}"}}\n' for number in range(2000)))
            shell = "ulimit -f 1000; trap '' XFSZ"
        case "the export is a file":
            (tmp_path / "e").touch()
            assert rlaif("run", "x.yaml", folder=tmp_path).returncode == 0
            words = ["export", "x.yaml", "e"]
        case "the template is a folder":
            (tmp_path / "t.jinja").mkdir()
            words += ["--set", "generate.template=t.jinja"]
        case "the template divides by zero":
            (tmp_path / "t.jinja").write_text("{{ request }} {{ 1 / 0 }}")
            words += ["--set", "generate.template=t.jinja"]
        case "the name is too long":
            words += ["--set", f"generate.template={'x' * 5000}"]
    done = limited(tmp_path, shell, *words) if shell else rlaif(*words, folder=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert "internal error" not in done.stderr
    assert done.stderr.strip()
