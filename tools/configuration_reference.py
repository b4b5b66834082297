"""Print docs/configuration.md: every key of a pipeline file, with its type, default and meaning, from the JSON Schema.

python -m tools.configuration_reference > docs/configuration.md
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rlaif.config import json_schema

HEAD = """# Configuration

Every key of a pipeline file. This page is generated from the JSON Schema that `rlaif schema` prints
(`python -m tools.configuration_reference > docs/configuration.md`). Any value can be overridden on the command line with
`--set section.key=value`. Keys without a default are required.
"""


LIMITS = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above", "exclusiveMaximum": "below"}


def page(schema: Mapping[str, Any]) -> str:
    """The whole page as Markdown."""
    definitions = schema["$defs"]
    parts = [HEAD, *_section("Top level", schema, definitions)]
    for name in _reachable(schema, definitions):
        parts += _section(name, definitions[name], definitions)
    return "\n".join(parts).rstrip() + "\n"


def _reachable(node: Any, definitions: Mapping[str, Any]) -> list[str]:
    """Names of the definitions that a schema refers to, in the order of first mention."""
    found: dict[str, None] = {}

    def visit(part: Any) -> None:
        for name in _references(part):
            if name not in found:
                found[name] = None
                visit(definitions[name])

    visit({key: value for key, value in node.items() if key != "$defs"})
    return list(found)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"].rpartition("/")[2]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _section(name: str, node: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[str]:
    if "properties" not in node:
        return []
    rows = [
        f"| `{key}` | {_type(value)} | {_default(key, value, node)} | {_meaning(value, definitions)} |"
        for key, value in node["properties"].items()
    ]
    return [
        f"## {name}",
        "",
        _text(node.get("description", "")),
        "",
        "| key | type | default | meaning |",
        "|---|---|---|---|",
        *rows,
        "",
    ]


def _type(node: Mapping[str, Any]) -> str:
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in node:
        return f"`{node['const']}`"
    if "enum" in node:
        return ", ".join(f"`{each}`" for each in node["enum"])
    if "oneOf" in node or "anyOf" in node:
        kinds = [_type(each) for each in node.get("oneOf") or node["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if node.get("type") == "array":
        return f"list of {_type(node['items'])}" if "items" in node else "list"
    if node.get("type") == "object":
        values = node.get("additionalProperties")
        return f"mapping to {_type(values)}" if isinstance(values, dict) and values else "mapping"
    return str(node.get("type", "any"))


def _default(key: str, value: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    if key in node.get("required", ()):
        return "required"
    default = value.get("default")
    return (
        "" if default is None or default in ({}, []) or "$ref" in value else f"`{json.dumps(default, ensure_ascii=False)}`"
    )


def _meaning(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    text = _text(value.get("description", ""))
    limits = [
        f"{words} {node[name]}"
        for node in [value, *value.get("anyOf", [])]
        for name, words in (
            ("minimum", "at least"),
            ("maximum", "at most"),
            ("exclusiveMinimum", "above"),
            ("exclusiveMaximum", "below"),
        )
        if name in node
    ]
    return f"{text} ({', '.join(limits)})".strip() if limits else text


def _text(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    print(page(json_schema.schema()), end="")
