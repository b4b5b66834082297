"""No text from a data set, a model, a server, a file name or the command line drives the terminal, whatever the command."""

import asyncio
import csv
import io
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from rlaif.config import load
from rlaif.core.text import visible
from rlaif.store.store import Store
from tests.support import command_line
from tests.support.servers import Reply, Request, chat, error, serve

# By what it is: the text, and what must never reach a terminal of it.
PAYLOADS: Mapping[str, tuple[str, str]] = {
    "color": ("\x1b[31mred", "\x1b"),
    "title by OSC": ("\x1b]0;pwned\x07", "\x1b]"),
    "link by OSC 8": ("\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "\x1b]8"),
    "clipboard by OSC 52": ("\x1b]52;c;cm0gLXJm\x07", "\x07"),
    "clear screen": ("\x1b[2J\x1b[H", "\x1b[2J"),
    "device control": ("\x1bP$q\x1b\\", "\x1bP"),
    "CSI of one character": ("\x9b31m", "\x9b"),
    "OSC of one character": ("\x9d0;x\x9c", "\x9d"),
    "next line": ("a\x85b", "\x85"),
    "backspaces": ("good\x08\x08\x08\x08evil", "\x08"),
    "carriage return": ("shown\rhidden", "\r"),
    "vertical tab and form feed": ("a\x0bb\x0cc", "\x0b"),
    "shift out": ("a\x0eb", "\x0e"),
    "delete": ("a\x7fb", "\x7f"),
    "bidi override": ("\u202egpj.exe", "\u202e"),
    "bidi isolate": ("\u2066x\u2069", "\u2066"),
    "bidi mark": ("\u200fx\u061c", "\u200f"),
    "zero width": ("pay\u200bpal\u2060\ufeff", "\u200b"),
    "joiner in Latin": ("pay\u200dpal", "y\u200d"),
    "line separators": ("a\u2028b\u2029c", "\u2028"),
    "tag characters": ("x\U000e0041\U000e0042", "\U000e0041"),
    "hidden selectors": ("x\U000e0100\ufe01", "\U000e0100"),
    "fillers": ("x\u3164\u115fy", "\u3164"),
}
MARKUP = "[bold]loud[/bold] [link=http://evil.example]x[/link] [/nothing] :smile:"
POISON = " ".join(text for text, _ in PAYLOADS.values()) + " " + MARKUP
DRIVES = "".join(chr(code) for code in [*range(9), *range(11, 32), 127, *range(128, 160)])
# Characters that a file name and a YAML key can have.
NAME = "ev\x1b[31mil\u202e[bold]"


@dataclass(frozen=True)
class Output:
    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return (self.out + self.err).decode()


def rlaif(*arguments: str, said: str = "", **environment: str) -> Output:
    done = subprocess.run(
        [sys.executable, "-m", "rlaif", *arguments],
        input=said.encode(),
        capture_output=True,
        check=False,
        env=os.environ | {"COLUMNS": "200"} | environment,
    )
    return Output(done.returncode, done.stdout, done.stderr)


def in_process(*arguments: str, said: str = "") -> Output:
    done = command_line.rlaif(*arguments, said=said)
    return Output(done.returncode, done.stdout.encode(), done.stderr.encode())


def answer(request: Request) -> Reply:
    if "response_format" not in request.body:
        return chat(*(f"{POISON} {place}" for place in range(request.body.get("n", 1))))
    names = request.body["response_format"]["json_schema"]["schema"]["properties"]
    score = {"rationale": POISON, "score": 1 + sum(map(ord, json.dumps(request.body))) % 5}
    said = chat(json.dumps(dict.fromkeys(names, score) if "score" not in names else score))
    body = json.loads(said.body) | {"model": f"served {NAME}", "system_fingerprint": POISON}
    return Reply(json.dumps(body).encode())


def write_project(folder: Path, base_url: str) -> Path:
    prompts = folder / f"{NAME}.jsonl"
    rows = [{"prompt": f"{POISON} {number}?", "document": POISON, "id": POISON} for number in range(6)]
    prompts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    levels = {1: "no", 5: "yes"}
    names = ("good", "clear")
    criteria = [{"name": name, "question": "Is it?", "low": 1, "high": 5, "levels": levels} for name in names]
    (folder / "rubric.yaml").write_text(yaml.safe_dump({"name": "hostile", "criteria": criteria}))
    served = {"kind": "openai", "model": f"m{NAME}", "base_url": base_url}
    pipeline = {
        "name": "hostile",
        "out": str(folder / "out"),
        "models": {f"w{NAME}": served, f"j{NAME}": served | {"model": f"k{NAME}"}},
        "judges": {
            name: {"model": f"j{NAME}", "rubric": "rubric.yaml", "temperature": place / 10, "logprobs": False}
            for place, name in enumerate((f"a{NAME}", "b"))
        },
        "collect": {"sources": [{"path": prompts.name, "columns": {"prompt": "prompt", "document": "document"}}]},
        "generate": {"model": f"w{NAME}", "samples": 3, "logprobs": False},
        "judge": {"by": [f"a{NAME}", "b"]},
        "pair": {"judge": f"a{NAME}"},
    }
    file = folder / f"{NAME}.yaml"
    file.write_text(yaml.safe_dump(pipeline, allow_unicode=False))
    return file


@dataclass(frozen=True)
class Hostile:
    file: Path
    run: Output
    failed: Output
    audit: Output
    doctor: Output
    bars: bytes


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    """A store in which everything that can be hostile is, and what the commands printed that talk to servers."""
    folder = tmp_path_factory.mktemp("hostile")

    async def fill() -> Hostile:
        async with serve([answer]) as server, serve([error(400, POISON, POISON)]) as refusing:
            file = write_project(folder, server.base_url)
            bars = await asyncio.to_thread(on_a_terminal, "run", str(file), "--set", f"out={folder / 'bars'}")
            ran = await asyncio.to_thread(in_process, "run", str(file))
            (folder / "broken").mkdir()
            broken = write_project(folder / "broken", refusing.base_url)
            failed = await asyncio.to_thread(in_process, "run", str(broken))
            audit = await asyncio.to_thread(in_process, "audit", str(file), "--attacks", "2", "--gold", "b")
            doctor = await asyncio.to_thread(in_process, "doctor", str(file))
            return Hostile(file, ran, failed, audit, doctor, bars)

    return asyncio.run(fill())


def on_a_terminal(*arguments: str) -> bytes:
    """What a command writes to a real pseudo-terminal, on which rich draws bars and styles."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rlaif", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "200"},
    )
    os.close(theirs)
    parts: list[bytes] = []

    def read() -> None:
        try:
            while part := os.read(ours, 65536):
                parts.append(part)
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    assert process.wait(60) == 0, b"".join(parts)
    reader.join(10)
    os.close(ours)
    return b"".join(parts)


def prompt_id(file: Path) -> str:
    with Store(load(file).store_path, read_only=True) as store:
        return str(store.rows("SELECT key FROM prompts ORDER BY position LIMIT 1")[0]["key"])


VERBS: Mapping[str, Sequence[str]] = {
    "plan": ["plan", "{file}", "--set", "generate.samples=4"],
    "status": ["status", "{file}"],
    "sql": ["sql", "{file}", "SELECT text, prompt FROM responses"],
    "sql, one column": ["sql", "{file}", f'SELECT text AS "{NAME}" FROM responses'],
    "sql --csv": ["sql", "{file}", f'SELECT text AS "{NAME}" FROM responses', "--csv"],
    "sql --json": ["sql", "{file}", "SELECT text FROM responses", "--json"],
    "sql that DuckDB refuses": ["sql", "{file}", f'SELECT "{NAME}" FROM nothing'],
    "explain": ["explain", "{file}", "{prompt}"],
    "explain --json": ["explain", "{file}", "{prompt}", "--json"],
    "explain without an id": ["explain", "{file}", POISON.replace("\x00", "")],
    "label": ["label", "{file}"],
    "diff": ["pairs", "diff", "{file}", "--a", "pair.strategy=best_vs_worst", "--b", "pair.judge=b"],
    "agree": ["agree", "{file}", f"a{NAME}", "b"],
    "report": ["report", "{file}"],
    "export": ["export", "{file}", "{folder}/ex\x1b[31mported"],
    "retry": ["retry", "{file}", "--kind", NAME],
    "config": ["config", "{file}"],
    "a file that is not there": ["run", f"/no/such/{NAME}"],
    "an unknown command": [NAME],
    "an unknown option": ["run", "{file}", f"--{NAME}"],
    "a wrong number": ["label", "{file}", "--limit", NAME],
    "an override": ["run", "{file}", "--set", f"pair.{NAME}=1"],
}


@pytest.fixture(scope="module")
def printed(hostile: Hostile) -> Mapping[str, Output]:
    """What each command prints, by its name."""
    filled = {"file": str(hostile.file), "folder": str(hostile.file.parent), "prompt": prompt_id(hostile.file)}
    found = {"run": hostile.run, "run that fails": hostile.failed, "audit": hostile.audit, "doctor": hostile.doctor}
    for name, command in VERBS.items():
        arguments = [part.format_map(filled) if part.startswith("{") else part for part in command]
        found[name] = in_process(*arguments, said="d\nq\n")
    return found


COMMANDS = ["run", "run that fails", "audit", "doctor", *VERBS]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_hostile_text_reaches_the_output_of_a_command(printed: Mapping[str, Output], command: str, payload: str) -> None:
    text = printed[command].text
    _, evil = PAYLOADS[payload]
    # CSV in a pipe is data: only what drives a terminal is changed.
    assert evil not in text or (command == "sql --csv" and not set(evil) & set(DRIVES))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_prints_no_control_character_and_no_traceback(printed: Mapping[str, Output], command: str) -> None:
    text = printed[command].text
    assert not set(text) & set(DRIVES)
    assert "Traceback" not in text
    assert text


@pytest.mark.parametrize(
    "command", ["sql", "explain", "label", "diff", "run that fails", "status", "plan", "audit", "agree"]
)
def test_the_text_is_still_shown_with_its_hidden_characters_spelt_out(printed: Mapping[str, Output], command: str) -> None:
    assert "⟨U+001B⟩" in printed[command].text


@pytest.mark.parametrize("command", ["sql", "explain", "label", "diff"])
def test_brackets_and_emoji_codes_are_text(printed: Mapping[str, Output], command: str) -> None:
    shown = " ".join(printed[command].text.split())
    assert "[bold]loud[/bold]" in shown
    assert ":smile:" in shown


def test_on_a_terminal_with_bars_and_styles_nothing_hostile_is_written(hostile: Hostile) -> None:
    text = hostile.bars.decode()
    assert "\x1b[" in text
    for _, evil in PAYLOADS.values():
        # Rich moves the cursor and styles by CSI itself; a terminal ends lines by a carriage return.
        assert evil in ("\x1b", "\r", "\x1b[2J") or evil not in text
    assert "\x1b[31mil" not in text
    assert "⟨U+001B⟩[31mil" in text


def stored_texts(file: Path) -> list[str]:
    with Store(load(file).store_path, read_only=True) as store:
        return [str(row["text"]) for row in store.rows("SELECT text FROM responses ORDER BY key")]


def test_json_gives_the_stored_text_back(hostile: Hostile) -> None:
    done = in_process("sql", str(hostile.file), "SELECT text FROM responses ORDER BY key", "--json")
    assert [row["text"] for row in json.loads(done.out)] == stored_texts(hostile.file)
    assert not set(done.out.decode()) & set(DRIVES)


def test_csv_gives_back_the_stored_text_but_for_characters_that_drive_a_terminal(hostile: Hostile) -> None:
    done = in_process("sql", str(hostile.file), "SELECT text FROM responses ORDER BY key", "--csv")
    found = [row["text"] for row in csv.DictReader(io.StringIO(done.out.decode(), newline=""))]
    driving = {ord(each): f"⟨U+{ord(each):04X}⟩" for each in DRIVES}
    assert found == [text.translate(driving) for text in stored_texts(hostile.file)]
    assert "\u202e" in found[0]


def test_csv_on_a_terminal_shows_every_hidden_character(hostile: Hostile) -> None:
    text = on_a_terminal("sql", str(hostile.file), "SELECT text FROM responses", "--csv").decode()
    for _, evil in PAYLOADS.values():
        assert evil == "\r" or evil not in text


@pytest.mark.parametrize(
    "value",
    [
        "'NaN'::DOUBLE",
        "'inf'::DOUBLE",
        "MAP {DATE '2026-01-01': 1}",
        "[1, NULL]",
        "{'a': 1}",
        "'\\x00'::BLOB",
        "DATE '2026-01-01'",
        "INTERVAL 1 DAY",
        "1e300",
        "170141183460469231731687303715884105727",
    ],
)
def test_any_value_of_a_query_is_strict_json(hostile: Hostile, value: str) -> None:
    from rlaif.cli.output import plain

    with Store(load(hostile.file).store_path, read_only=True) as store:
        rows = store.rows(f"SELECT {value} AS v")
    text = json.dumps(plain(rows), allow_nan=False)
    assert set(json.loads(text)[0]) == {"v"}


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1:strict"])
@pytest.mark.parametrize("command", ["sql", "an unknown command"])
def test_an_encoding_that_cannot_print_a_text_escapes_it(hostile: Hostile, command: str, encoding: str) -> None:
    filled = {"file": str(hostile.file), "prompt": prompt_id(hostile.file)}
    arguments = [part.format_map(filled) if part.startswith("{") else part for part in VERBS[command]]
    done = rlaif(*arguments, said="q\n", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    shown = (done.out + done.err).decode(encoding.partition(":")[0])
    assert not set(shown) & set(DRIVES)
    assert "Traceback" not in shown
    assert "<U+001B>" in shown or "\\x1b" in shown


def test_a_locale_without_unicode_prints_every_stored_text(hostile: Hostile) -> None:
    done = rlaif(
        "sql",
        str(hostile.file),
        "SELECT chr(26085) || chr(233) || chr(128512) AS t",
        LC_ALL="C",
        LANG="C",
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
    )
    assert (done.code, done.err) == (0, b"")
    assert "\\u65e5" in done.out.decode("ascii")


PIPES = {
    "results": "sql FILE 'SELECT range FROM range(200000)' --csv",
    "a table": "sql FILE 'SELECT range FROM range(3000)'",
    "a few lines": "status FILE",
    "help": "--help",
}


@pytest.mark.parametrize("name", PIPES)
def test_a_closed_pipe_ends_a_command_silently(hostile: Hostile, name: str) -> None:
    command = PIPES[name].replace("FILE", '"$1"')
    script = f'set -o pipefail; {sys.executable} -m rlaif {command} | true; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", script, "x", str(hostile.file)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    # A reader that goes away after everything was written is none.
    assert done.stdout.strip() in ("0", "141")


def test_a_run_continues_if_its_progress_pipe_is_closed(hostile: Hostile) -> None:
    out = f"out={hostile.file.parent / 'unread'}"
    script = f'{sys.executable} -m rlaif collect "$1" --set "$2" 2>&1 >/dev/null | true; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", script, "x", str(hostile.file), out], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_full_output_disk_is_reported_in_one_sentence(hostile: Hostile) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rlaif", "status", str(hostile.file)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, "rlaif: the output cannot be written: No space left on device\n")


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_a_closed_stream_is_not_an_error(hostile: Hostile, redirection: str) -> None:
    script = f'{sys.executable} -m rlaif status "$1" {redirection}'
    done = subprocess.run(["bash", "-c", script, "x", str(hostile.file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


LIBRARIES = """
import logging, sys, warnings
from rlaif.core import safe_output
safe_output.install()
POISON = sys.argv[1]
if sys.argv[2] == "logging":
    logging.warning(POISON)
    logging.getLogger("x").error("%s", POISON, exc_info=ValueError(POISON))
elif sys.argv[2] == "warnings":
    warnings.warn(POISON)
elif sys.argv[2] == "traceback":
    raise ValueError(POISON)
elif sys.argv[2] == "thread":
    import threading
    threading.Thread(target=lambda: 1 / len(POISON[:0])).start()
    threading.Thread(target=exec, args=("raise ValueError(POISON)", {"POISON": POISON})).start()
elif sys.argv[2] == "print":
    print(POISON, POISON, sep="\\n", file=sys.stderr)
    print(POISON, end="")
elif sys.argv[2] == "writelines":
    sys.stdout.writelines([POISON, POISON])
elif sys.argv[2] == "exit":
    sys.exit(POISON)
elif sys.argv[2] == "rich":
    from rlaif.core.console import SafeConsole
    from rich.table import Table
    from rich.text import Text
    table = Table(POISON, title=POISON)
    table.add_row(Text(POISON))
    SafeConsole().print(table, POISON, Text(POISON), Text("x", style="bold"))
    SafeConsole(stderr=True).rule(POISON)
"""


@pytest.mark.parametrize("way", ["logging", "warnings", "traceback", "thread", "print", "writelines", "exit", "rich"])
def test_nothing_that_a_library_prints_drives_the_terminal(way: str) -> None:
    done = subprocess.run([sys.executable, "-c", LIBRARIES, POISON, way], capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    assert "⟨U+001B⟩[31m" in text
    assert not set(text) & set(DRIVES)


def in_words(found: Any) -> str:
    return str(visible(found))


SHOWN = {
    "Persian": ("می‌خواهم", "می‌خواهم"),
    "Bengali": ("ক্‍ষ", "ক্‍ষ"),
    "a family": ("👨‍👩‍👧", "👨‍👩‍👧"),
    "a heart on fire": ("❤️‍🔥", "❤️‍🔥"),
    "a keycap": ("1️⃣", "1️⃣"),
    "a name with an old character": ("葛\U000e0100", "葛\U000e0100"),
    "a joiner that hides": ("pay\u200dpal", "pay⟨U+200D⟩pal"),
    "two joiners": ("ت\u200d\u200d", "ت\u200d⟨U+200D⟩"),
    "data in selectors": ("😀\ufe01\ufe02", "😀\ufe01⟨U+FE02⟩"),
    "a surrogate": ("a\ud800", "a⟨U+D800⟩"),
    "lines of Windows": ("a\r\nb\tc", "a\nb\tc"),
    "accents": ("e\u0301 ñ", "e\u0301 ñ"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_characters_of_scripts_and_emoji_are_shown_and_hidden_ones_spelt_out(name: str) -> None:
    text, shown = SHOWN[name]
    assert in_words(text) == shown
    assert in_words(shown) == shown
