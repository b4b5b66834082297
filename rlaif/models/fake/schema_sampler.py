"""Make a JSON value that satisfies a JSON Schema, chosen by a digest: the replies of a scripted judge."""

from collections.abc import Mapping
from typing import Any, Final

from rlaif.core.types import fraction

VOCABULARY: Final = (
    "the",
    "a",
    "report",
    "answer",
    "claim",
    "point",
    "reader",
    "source",
    "figure",
    "result",
    "clear",
    "brief",
    "exact",
    "missing",
    "wrong",
    "right",
    "useful",
    "short",
    "long",
    "first",
    "last",
    "states",
    "omits",
    "adds",
    "covers",
    "follows",
    "repeats",
    "explains",
    "and",
    "but",
    "of",
    "in",
    "with",
    "without",
    "because",
    "twice",
    "never",
    "often",
)
# The upper bound if a schema sets none. It is small, because a person reads the result in a failing test.
SPAN: Final = 10
# The depth at which a recursive schema is cut off.
DEPTH: Final = 16

Schema = Mapping[str, Any]


def words(digest: str, least: int, most: int) -> str:
    """Return between `least` and `most` words, decided by `digest`."""
    count = least + int(fraction(digest, "count") * (most - least + 1))
    return " ".join(VOCABULARY[int(fraction(digest, "word", place) * len(VOCABULARY))] for place in range(count))


def instance(schema: Schema, digest: str) -> Any:
    """Return a value that satisfies `schema`: all properties, the minimum number of items, numbers within their range."""
    return _value(schema, schema, digest, 0)


def _value(schema: Schema, root: Schema, digest: str, depth: int) -> Any:
    schema = _resolve(schema, root)
    if depth > DEPTH:
        return None
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][int(fraction(digest, "enum") * len(schema["enum"]))]
    for combined in ("anyOf", "oneOf", "allOf"):
        if combined in schema:
            return _value(schema[combined][0], root, digest, depth + 1)
    match _kind(schema):
        case "object":
            return {
                name: _value(child, root, f"{digest}.{name}", depth + 1)
                for name, child in schema.get("properties", {}).items()
            }
        case "array":
            return _array(schema, root, digest, depth)
        case "integer":
            return int(_number(schema, digest, whole=True))
        case "number":
            return _number(schema, digest, whole=False)
        case "boolean":
            return fraction(digest, "boolean") < 0.5
        case "null":
            return None
    return _string(schema, digest)


def _resolve(schema: Schema, root: Schema) -> Schema:
    for _ in range(DEPTH):
        if "$ref" not in schema:
            break
        target: Any = root
        for part in schema["$ref"].removeprefix("#").strip("/").split("/"):
            target = target[part] if part else target
        schema = target
    return schema


def _kind(schema: Schema) -> str:
    kind = schema.get("type") or ("object" if "properties" in schema else "string")
    return str(kind if isinstance(kind, str) else kind[0])


def _array(schema: Schema, root: Schema, digest: str, depth: int) -> list[Any]:
    first = [_value(item, root, f"{digest}.{place}", depth + 1) for place, item in enumerate(schema.get("prefixItems", ()))]
    count = max(schema.get("minItems", 1), len(first))
    if schema.get("maxItems", count) < count:
        return first[: schema["maxItems"]]
    rest = range(len(first), count) if isinstance(schema.get("items", {}), Mapping) else range(0)
    return first + [_value(schema.get("items", {}), root, f"{digest}.{place}", depth + 1) for place in rest]


def _number(schema: Schema, digest: str, *, whole: bool) -> float:
    step = 1 if whole else 0
    low = schema["exclusiveMinimum"] + step if "exclusiveMinimum" in schema else schema.get("minimum")
    high = schema["exclusiveMaximum"] - step if "exclusiveMaximum" in schema else schema.get("maximum")
    if low is None:
        low = 0 if high is None else high - SPAN
    if high is None:
        high = low + SPAN
    place = fraction(digest, "number")
    # Never an end of the range, because it may be excluded.
    return low + int(place * (high - low + 1)) if whole else low + (0.01 + 0.98 * place) * (high - low)


def _string(schema: Schema, digest: str) -> str:
    text = words(digest, 3, 12)
    while len(text) < schema.get("minLength", 0):
        text += " " + text
    return text[: schema.get("maxLength", len(text))]
