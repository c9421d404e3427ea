"""Checks whose failure tells the story; each is also a method of `calls`."""

from __future__ import annotations

from llmreplay.core.answer_checks import (
    assert_all_streams_complete,
    assert_history_grows,
    assert_prompt_cache_used,
    assert_stop_reasons,
    assert_tool_loop,
    assert_usage,
)
from llmreplay.core.budget import assert_cost
from llmreplay.core.retry_checks import (
    assert_backoff,
    assert_fell_back,
    assert_gave_up_after,
    assert_honoured_retry_after,
    assert_not_retried,
    assert_retried,
    assert_waited,
)

__all__ = [
    "assert_all_streams_complete",
    "assert_backoff",
    "assert_cost",
    "assert_fell_back",
    "assert_gave_up_after",
    "assert_history_grows",
    "assert_honoured_retry_after",
    "assert_not_retried",
    "assert_prompt_cache_used",
    "assert_retried",
    "assert_stop_reasons",
    "assert_tool_loop",
    "assert_usage",
    "assert_waited",
]
