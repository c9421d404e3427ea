"""Finding the rows of apis by what a user calls them."""

from __future__ import annotations

import pytest

from llmreplay.strategies.rows import send_pings, take_comments


@pytest.mark.parametrize(
    ("apis", "expected"),
    [
        (("anthropic.messages",), True),
        (("anthropic",), True),
        (("anthropic.messages", "openai.chat.completions"), False),
        (("openai.chat.completions",), False),
        (("anthropic.messages.count_tokens",), False),
        ((), False),
    ],
    ids=["one that does", "a provider that does", "one of two", "one that does not", "no stream", "none"],
)
def test_ping_events_are_sent_where_all_streams_have_them(apis, expected):
    """An api that never sends an event of the name is given none by what is to change nothing."""
    assert send_pings(apis) is expected


@pytest.mark.parametrize(
    ("apis", "expected"),
    [((), True), (("anthropic", "openai"), True), (("gemini.generateContent",), False), (("openai", "vertex"), False)],
    ids=["none", "all do", "one that does not", "one of two"],
)
def test_comments_are_for_clients_that_pass_over_them(apis, expected):
    """google-genai takes a comment for JSON, and fails: that says nothing of the application."""
    assert take_comments(apis) is expected
