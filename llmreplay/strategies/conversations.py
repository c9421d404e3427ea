"""Strategies of conversations: what users and assistants said so far."""

from __future__ import annotations

from hypothesis import strategies as st

from llmreplay.strategies.texts import texts


def conversations(max_turns: int = 6) -> st.SearchStrategy[list[dict[str, str]]]:
    """Draw messages in the form that the SDKs take: user and assistant in turn, the user first and last.

    Args:
        max_turns: Most turns of the user.
    """
    said = texts().filter(str.strip)
    return st.lists(said, min_size=1, max_size=2 * max_turns - 1).map(_messages)


def _messages(said: list[str]) -> list[dict[str, str]]:
    whole = said if len(said) % 2 else said[:-1]
    return [{"role": "assistant" if turn % 2 else "user", "content": text} for turn, text in enumerate(whole)]
