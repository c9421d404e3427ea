"""Re-chunkings, header values, conversations and text."""

from __future__ import annotations

import builtins
import importlib
import sys
import unicodedata
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from llmreplay.core.errors import MissingExtra
from llmreplay.core.model import Chunk, Response
from llmreplay.strategies import conversations, rechunkings, retry_after_values, texts

QUICKLY_FOUND = settings(max_examples=3000, database=None)
QUICK = settings(max_examples=100, database=None, suppress_health_check=list(HealthCheck))
HELLO = "你好, 👩‍👩‍👧‍👦".encode()


@QUICK
@given(st.binary(max_size=40), st.data())
def test_the_chunks_are_the_bytes_and_none_is_empty(data: bytes, draw: st.DataObject) -> None:
    """Joined, the chunks of a re-chunking are what they were made of."""
    chunks = draw.draw(rechunkings(data))

    assert b"".join(chunks) == data
    assert all(chunks)


def test_a_response_stays_one() -> None:
    """Of a response only the chunks change."""
    response = Response(200, (("content-type", "text/event-stream"),), (Chunk(HELLO[:4]), Chunk(HELLO[4:])))

    changed = find(rechunkings(response), lambda made: len(made.chunks) == 3, settings=QUICK, random=Random(1))

    assert (changed.status, changed.headers, changed.body) == (200, response.headers, HELLO)


def test_a_cut_inside_a_character_shrinks_to_one_cut() -> None:
    """The simplest re-chunking that breaks a careless reader has two chunks, the first one byte long."""

    def breaks(chunks: tuple[bytes, ...]) -> bool:
        try:
            for chunk in chunks:
                chunk.decode()
        except UnicodeDecodeError:
            return True
        return False

    assert find(rechunkings(HELLO), breaks, settings=QUICK, random=Random(1)) == (HELLO[:1], HELLO[1:])


@pytest.mark.parametrize("wanted", ["", "soon", "nan", "0"])
def test_retry_after_is_also_what_nobody_expects(wanted: str) -> None:
    """Words, emptiness and zero are among the values."""
    assert find(retry_after_values(), lambda value: value == wanted, settings=QUICKLY_FOUND, random=Random(1)) == wanted


@pytest.mark.parametrize("sign", ["GMT", "-", "."], ids=["a date", "negative", "a fraction"])
def test_retry_after_comes_in_every_form(sign: str) -> None:
    """Dates, negative numbers and fractions are among the values."""
    assert sign in find(retry_after_values(), lambda value: sign in value, settings=QUICKLY_FOUND, random=Random(1))


@QUICK
@given(conversations())
def test_a_conversation_is_the_users_turn_by_turn(messages: list[dict[str, str]]) -> None:
    """The user begins and ends, the roles alternate, and nobody says nothing."""
    assert [message["role"] for message in messages] == [
        ("user", "assistant")[turn % 2] for turn in range(len(messages))
    ]
    assert messages[-1]["role"] == "user"
    assert all(message["content"].strip() for message in messages)


@pytest.mark.parametrize("script", ["GREEK", "CYRILLIC", "HEBREW", "ARABIC", "DEVANAGARI", "THAI", "CJK", "HANGUL"])
def test_texts_are_of_every_script(script: str) -> None:
    """A letter of each of these scripts comes up."""

    def has(text: str) -> bool:
        return any(unicodedata.name(character, "").startswith(script) for character in text)

    assert has(find(texts(), has, settings=QUICKLY_FOUND, random=Random(1)))


def test_without_hypothesis_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the strategies without Hypothesis says what to install."""
    real: Any = builtins.__import__

    def missing(name: str, *arguments: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "hypothesis":
            raise ImportError(name)
        return real(name, *arguments, **named)

    for name in [name for name in sys.modules if name.startswith("llmreplay.strategies")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", missing)

    with pytest.raises(
        MissingExtra, match=r'llmreplay\.strategies needs an extra: pip install "pytest-llmreplay\[fuzz\]"'
    ):
        importlib.import_module("llmreplay.strategies")
