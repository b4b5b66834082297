"""YAML from strangers: refused with file and line in under a second, or harmless."""

import time
from pathlib import Path

import pytest

from rlaif.config import load
from rlaif.config.overrides import apply
from rlaif.config.yaml import parse_value, read_yaml
from rlaif.core.errors import InputError
from rlaif.judging.rubric import load_rubric

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefghi", "bcdefghij", strict=True)
)
REFUSED = {
    "an alias bomb": (BOMB, "aliases repeat"),
    "an alias of itself": ("a: &a [*a]", "aliases repeat"),
    "a mapping of itself": ("a: &a {b: *a}", "aliases repeat"),
    "deep lists": ("a: " + "[" * 10_000, "levels deep"),
    "deep lists, closed": ("a: " + "[" * 10_000 + "]" * 10_000, "levels deep"),
    "deep mappings": ("a: " + "{a: " * 10_000, "levels deep"),
    "deep dashes": ("- " * 10_000, "levels deep"),
    "deep question marks": ("? " * 5_000, "levels deep"),
    "deep blocks": ("".join(" " * depth + "a:\n" for depth in range(500)), "levels deep"),
    "very many values": ("a: [" + "1," * 60_000 + "]", "values"),
    "a very large file": ("a: '" + "x" * 300_000 + "'", "bytes"),
    "65 bits": ("a: 18446744073709551616", "64 bits"),
    "one more than a signed integer": ("a: 9223372036854775808", "64 bits"),
    "a hundred thousand digits": ("a: " + "9" * 100_000, "64 bits"),
    "many hexadecimal digits": ("a: 0x" + "f" * 100_000, "64 bits"),
    "many octal digits": ("a: 0" + "7" * 100_000, "64 bits"),
    "many sexagesimal digits": ("a: " + "1:" * 5_000 + "1", "64 bits"),
    "underscores": ("a: 1" + "_" * 100_000 + "1", "64 bits"),
    "infinity": ("a: .inf", "finite"),
    "minus infinity, deeper": ("a: [{b: -.inf}]", "finite"),
    "not a number": ("a: {b: .nan}", "finite"),
    "a float too large": ("a: 1e999", "finite"),
    "a key twice": ("a: 1\na: 2", "given twice"),
    "a key twice, quoted": ("a: 1\n'a': 2", "given twice"),
    "a merge key": ("b: &b {c: 1}\na: {<<: *b}", "merge keys"),
    "a list as a key": ("? [a, b]\n: 1", "a key must be"),
    "an object of Python": ("a: !!python/object/apply:os.system ['id']", "tag"),
    "a name of Python": ("a: !!python/name:os.system ''", "tag"),
    "bytes": ("a: !!binary aGk=", "tag"),
    "a set": ("a: !!set {b}", "tag"),
    "an own tag": ("a: !include /etc/passwd", "tag"),
    "a wrong integer": ("a: !!int abc", "not a value"),
    "a wrong truth": ("a: !!bool abc", "not a value"),
    "two documents": ("a: 1\n---\nb: 2", "another document"),
    "a zero byte": ("a: \x00", "not allowed"),
    "an alias of nothing": ("a: *x", "undefined alias"),
    "another version": ("%YAML 9.9\n---\na: 1", "incompatible"),
    "not a mapping": ("- a", "mapping"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_hostile_yaml_is_refused_quickly_with_its_line(case: str, tmp_path: Path) -> None:
    text, message = REFUSED[case]
    file = tmp_path / "x.yaml"
    file.write_text(text)
    start = time.process_time()
    with pytest.raises(InputError, match=message) as error:
        read_yaml(file)
    assert time.process_time() - start < 1.5  # a second, and the noise of a busy machine
    assert str(file) in error.value.where
    for read in (load, load_rubric):
        with pytest.raises(InputError):
            read(file)


@pytest.mark.parametrize("case", [case for case in REFUSED if case != "not a mapping"])
def test_hostile_values_on_the_command_line_are_refused_quickly(case: str) -> None:
    start = time.process_time()
    with pytest.raises(InputError):
        parse_value(REFUSED[case][0], "--set x")
    assert time.process_time() - start < 1.5


HARMLESS = {
    "an anchor": ("a: &x 1\nb: *x", {"a": 1, "b": 1}),
    "a date": ("a: 2024-01-01", {"a": "2024-01-01"}),
    "a small float": ("a: 5e-6", {"a": 5e-6}),
    "the largest integer": ("a: 9223372036854775807", {"a": 2**63 - 1}),
    "quoted digits": ("a: '18446744073709551616'", {"a": "18446744073709551616"}),
    "nothing": ("", {}),
    "a comment": ("#" * 100_000, {}),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_harmless_yaml_is_read(case: str, tmp_path: Path) -> None:
    text, data = HARMLESS[case]
    file = tmp_path / "x.yaml"
    file.write_text(text)
    assert read_yaml(file).data == data


@pytest.mark.parametrize("value", ["inf", "nan", "'.inf'", "'inf'", "'NaN'", "'-Infinity'", ".inf"])
@pytest.mark.parametrize(
    "key", ["collect.held_out", "generate.temperature", "pair.min_margin", "budget.usd", "gate.most.failures"]
)
def test_no_bound_is_infinite_or_not_a_number(key: str, value: str, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        "name: x\nmodels: {w: {kind: scripted}}\ncollect: {sources: [{path: p}]}\ngenerate: {model: w}\npair: {judge: j}\n"
        "judges: {j: {rubric: r}}\nbudget: {tokens: 5}\ngate: {gold: j}\n"
    )
    with pytest.raises(InputError):
        load(file, [f"{key}={value}"])


@pytest.mark.parametrize(
    "override",
    ["a" + ".a" * 10_000 + "=1", "=1", "a", "a..b=1", "collect.sources.99999999999999999999=1", "a=" + "[" * 9_999],
)
def test_an_override_that_makes_no_sense_is_refused(override: str) -> None:
    with pytest.raises(InputError) as error:
        apply({"collect": {"sources": [{}]}}, override)
    assert len(str(error.value)) < 1_000


@pytest.mark.parametrize("kind", ["a folder", "a device", "not UTF-8", "missing"])
def test_a_file_that_is_not_text_is_refused(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    if kind == "a folder":
        file.mkdir()
    elif kind == "a device":
        file = Path("/dev/zero")
    elif kind == "not UTF-8":
        file.write_bytes(b"a: \xff")
    with pytest.raises(InputError):
        read_yaml(file)
