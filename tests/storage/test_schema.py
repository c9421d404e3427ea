"""The JSON Schema in the package says what the codec writes and reads."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storage_doubles import an_interaction, interactions

from llmreplay.core.model import End, Failure
from llmreplay.storage import wire
from llmreplay.storage.codec import encode

SCHEMA = json.loads(files("llmreplay.storage").joinpath("cassette.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_one():
    """It is valid JSON Schema, with an address of its own."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA["properties"]["format"]["const"] == wire.FORMAT


@settings(max_examples=100)
@given(st.lists(interactions, max_size=2))
def test_every_cassette_fits_the_schema(given_ones):
    """Whatever is written is valid."""
    VALIDATOR.validate(json.loads(encode(given_ones, summarise=lambda one: "a summary")))


@pytest.mark.parametrize(
    ("name", "struct"),
    [
        ("interaction", wire.WireInteraction),
        ("request", wire.WireRequest),
        ("response", wire.WireResponse),
        ("chunks", wire.WireChunks),
        ("failure", wire.WireFailure),
    ],
)
def test_the_schema_names_the_fields_that_the_codec_reads(name, struct):
    """Fields, their order and which of them are required are the same in both."""
    fields = msgspec.structs.fields(struct)
    definition = SCHEMA["$defs"][name]

    assert list(definition["properties"]) == [field.encode_name for field in fields]
    assert definition["required"] == [field.encode_name for field in fields if field.required]


def test_the_schema_names_every_end_and_failure():
    """What the model can say, a file can hold."""
    assert SCHEMA["$defs"]["response"]["properties"]["end"]["enum"] == [end.value for end in End]
    assert SCHEMA["$defs"]["failure"]["properties"]["kind"]["enum"] == [kind.value for kind in Failure]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"llmreplay/1"', b'"llmreplay/2"'),
        (b"200", b'"200"'),
        (b'"POST"', b"1"),
        (b'"method"', b'"verb": 1, "method"'),
        (b'"end"', b'"finish"'),
        (b'"json": {\n            "answer"', b'"text": "", "json": {\n            "answer"'),
        (b'"response"', b'"failure": {"kind": "read_error", "after_s": 1}, "response"'),
        (b'"x-beta": "1"', b'"x-beta": 1'),
        (b"0.5", b"-0.5"),
    ],
)
def test_the_schema_refuses_what_the_codec_refuses(old, new):
    """An editor that knows the schema marks the same mistakes."""
    data = encode([an_interaction()])
    assert old in data

    assert not VALIDATOR.is_valid(json.loads(data.replace(old, new)))
