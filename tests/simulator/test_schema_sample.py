"""Values made up for JSON schemas."""

from __future__ import annotations

import jsonschema
import pytest

from llmreplay.simulator.schema_sample import schema_sample

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 18},
        "unit": {"enum": ["c", "f"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "note": {"anyOf": [{"type": "null"}, {"type": "string"}]},
        "height": {"type": ["number", "null"]},
        "is_new": {"type": "boolean"},
        "kind": {"const": "person"},
    },
    "required": ["name", "age", "unit", "tags", "note", "height", "is_new", "kind"],
    "additionalProperties": False,
}


def test_a_sample_fits_its_schema():
    """A made-up value is valid under the schema and says the given text."""
    sample = schema_sample(PERSON, "Ada")

    jsonschema.validate(sample, PERSON)
    assert sample["name"] == "Ada"


@pytest.mark.parametrize("schema", [None, True, {}, {"$ref": "#"}, {"enum": []}], ids=repr)
def test_a_schema_that_says_nothing_gives_something(schema):
    """A schema without a type gives an empty value and no error."""
    assert not schema_sample(schema, "x")


def test_a_sample_of_endless_depth_ends():
    """A schema that contains itself gives a finite value."""
    schema: dict[str, object] = {"type": "object", "required": ["next"]}
    schema["properties"] = {"next": schema}

    assert schema_sample(schema, "x") is not None
