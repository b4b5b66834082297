"""Make a JSON value that satisfies a JSON Schema, chosen by a digest: the replies of a scripted judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


def chosen(alternatives: Sequence[Any], place: float, first: float | None = None) -> Any:
    """Return the alternative at `place`, from 0 to 1. The first one has the share `first`; without it, all have the same."""
    if first is None:
        return alternatives[int(place * len(alternatives))]
    others = alternatives[1:]
    return alternatives[0] if place < first or not others else others[int((place - first) / (1 - first) * len(others))]


def instance(schema: Schema, digest: str, first: float | None = None) -> Any:
    """Return a value that satisfies `schema`: all properties, the minimum number of items, numbers within their range.

    `first` is the share of enumerations whose first value is chosen; by default, all values are equally likely.
    """
    return _Sampler(schema, first).value(schema, digest, 0)


@dataclass(frozen=True)
class _Sampler:
    root: Schema
    first: float | None

    def value(self, schema: Schema, digest: str, depth: int) -> Any:
        schema = _resolve(schema, self.root)
        if depth > DEPTH:
            return None
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return chosen(schema["enum"], fraction(digest, "enum"), self.first)
        for combined in ("anyOf", "oneOf", "allOf"):
            if combined in schema:
                return self.value(schema[combined][0], digest, depth + 1)
        match _kind(schema):
            case "object":
                return {
                    name: self.value(child, f"{digest}.{name}", depth + 1)
                    for name, child in schema.get("properties", {}).items()
                }
            case "array":
                return self._array(schema, digest, depth)
            case "integer":
                return int(_number(schema, digest, whole=True))
            case "number":
                return _number(schema, digest, whole=False)
            case "boolean":
                return fraction(digest, "boolean") < 0.5
            case "null":
                return None
        return _string(schema, digest)

    def _array(self, schema: Schema, digest: str, depth: int) -> list[Any]:
        first = [
            self.value(item, f"{digest}.{place}", depth + 1) for place, item in enumerate(schema.get("prefixItems", ()))
        ]
        count = max(schema.get("minItems", 1), len(first))
        if schema.get("maxItems", count) < count:
            return first[: schema["maxItems"]]
        rest = range(len(first), count) if isinstance(schema.get("items", {}), Mapping) else range(0)
        return first + [self.value(schema.get("items", {}), f"{digest}.{place}", depth + 1) for place in rest]


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
