"""Strategies of text as models write it: every script, emoji, and what tempts a careless reader of streams."""

from __future__ import annotations

from hypothesis import strategies as st

PHRASES: tuple[str, ...] = (
    "Paris",
    "Grüße, 21 °C",
    "Καλημέρα",
    "Добрый день",
    "שלום עולם",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "สวัสดีชาวโลก",
    "გამარჯობა",
    "こんにちは、世界",
    "你好，世界",
    "안녕하세요",
    "ሰላም ልዑል",
    "👍🏽",
    "👩‍👩‍👧‍👦",
    "🇫🇷",
    "e\u0301",
    "\u202eright to left\u202c",
    "line one\nline two\r\nline three",
    "\u2028paragraph\u2029",
    "\x00\x1f",
    '{"type": "message_stop"}',
    "data: [DONE]\n\n",
    "event: error\n",
    "\\u00e9 \\n",
    "<html>",
)
"""A phrase in each of many scripts, and texts that look like the format they travel in."""


def texts(max_size: int = 60) -> st.SearchStrategy[str]:
    """Draw text of any script; no lone surrogate, for JSON in UTF-8 cannot carry one.

    Args:
        max_size: Of the part that is drawn character by character.
    """
    phrases = st.lists(st.sampled_from(PHRASES), min_size=1, max_size=4).map(" ".join)
    return st.one_of(st.text(max_size=max_size), phrases)
