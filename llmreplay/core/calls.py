"""`Calls`: the calls of a test, with the checks on them."""

from __future__ import annotations

from llmreplay.core import answer_checks, budget, retry_checks
from llmreplay.core.call import Call
from llmreplay.core.call_list import CallList
from llmreplay.core.retry_report import RetryReport, retry_report
from llmreplay.core.story import table_of

__all__ = ["Call", "Calls"]


class Calls(CallList):
    """The calls of a test, in the order they began."""

    def table(self) -> str:
        """Draw a table of the attempts, one a line."""
        return table_of(self)

    def retry_report(self) -> RetryReport:
        """Count calls, attempts, waits and errors by kind."""
        return retry_report(self)

    assert_all_streams_complete = answer_checks.assert_all_streams_complete
    assert_history_grows = answer_checks.assert_history_grows
    assert_prompt_cache_used = answer_checks.assert_prompt_cache_used
    assert_stop_reasons = answer_checks.assert_stop_reasons
    assert_tool_loop = answer_checks.assert_tool_loop
    assert_usage = answer_checks.assert_usage
    assert_backoff = retry_checks.assert_backoff
    assert_cost = budget.assert_cost
    assert_fell_back = retry_checks.assert_fell_back
    assert_gave_up_after = retry_checks.assert_gave_up_after
    assert_honoured_retry_after = retry_checks.assert_honoured_retry_after
    assert_not_retried = retry_checks.assert_not_retried
    assert_retried = retry_checks.assert_retried
    assert_waited = retry_checks.assert_waited
