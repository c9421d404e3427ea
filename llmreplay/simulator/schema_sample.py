"""A value that a JSON schema accepts, the same for the same schema and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

from llmreplay.core.model import Json

_DEEPEST = 12


def schema_sample(schema: Json, text: str, *, depth: int = 0) -> Json:
    """Make up a value for a schema, as small as it allows.

    Args:
        schema: A JSON schema; `$ref` into its own `$defs` is not followed: such a part becomes an empty object.
        text: Stands wherever the schema wants a string.
        depth: Of the value in the whole; too deep gives None.
    """
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return None
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    choices = schema.get("enum")
    if is_list(choices) and choices:
        return choices[0]
    for keyword in ("anyOf", "oneOf", "allOf"):
        options = schema.get(keyword)
        if is_list(options) and options:
            return schema_sample(options[0], text, depth=depth + 1)
    return _of_type(schema, text, depth)


def _of_type(schema: Mapping[str, Json], text: str, depth: int) -> Json:
    kind = schema.get("type")
    if is_list(kind) and kind:
        kind = kind[0]
    if kind == "string":
        return text
    if kind in ("integer", "number"):
        minimum = schema.get("minimum")
        return minimum if isinstance(minimum, int | float) else 1
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    if kind == "array":
        return [schema_sample(schema.get("items"), text, depth=depth + 1)] if schema.get("items") else []
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    required = schema.get("required")
    names = required if is_list(required) else list(properties)
    return {str(name): schema_sample(properties.get(str(name)), text, depth=depth + 1) for name in names}


def is_list(value: Json) -> TypeGuard[Sequence[Json]]:
    """Say whether a JSON value is an array."""
    return isinstance(value, Sequence) and not isinstance(value, str)
