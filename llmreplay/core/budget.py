"""Budgets: what a test may spend; one that cannot be measured is exceeded."""

from __future__ import annotations

from llmreplay.core.call_list import CallList
from llmreplay.core.errors import BudgetExceeded
from llmreplay.core.settings import Settings
from llmreplay.core.story import failed_check, table_of


def assert_cost(calls: CallList, *, max_usd: float) -> None:
    """Check what all calls together cost.

    Raises:
        AssertionError: It is more than `max_usd` US dollars, or unknown; shows the attempts.
    """
    __tracebackhide__ = True
    cost = calls.cost_usd
    if cost is None:
        raise failed_check(f"expected a cost of at most {max_usd} USD", f"it is unknown: {_why_unknown(calls)}", calls)
    if cost > max_usd:
        raise failed_check(f"expected a cost of at most {max_usd} USD", f"it is {cost:.6f} USD", calls)


def overspending(calls: CallList, settings: Settings) -> BudgetExceeded | None:
    """Hold what was spent against the budgets that are set; None if it is within."""
    found: list[str] = []
    if settings.max_calls is not None and len(calls) > settings.max_calls:
        found.append(f"max_calls={settings.max_calls}, but {len(calls)} were made")
    limit = settings.max_output_tokens
    if limit is not None:
        answered = [call for call in calls if call.is_charged]
        spent = sum((call.usage.output_tokens or 0) for call in answered if call.usage)
        unknown = [call for call in answered if call.usage is None or call.usage.output_tokens is None]
        if unknown:
            found.append(f"max_output_tokens={limit}, but {unknown[0]!r} does not say how many it had")
        elif spent > limit:
            found.append(f"max_output_tokens={limit}, but there were {spent}")
    if settings.max_cost_usd is not None:
        cost = calls.cost_usd
        if cost is None:
            found.append(f"max_cost_usd={settings.max_cost_usd}, but the cost is unknown: {_why_unknown(calls)}")
        elif cost > settings.max_cost_usd:
            found.append(f"max_cost_usd={settings.max_cost_usd}, but it was {cost:.6f}")
    if not found:
        return None
    return BudgetExceeded("the test spent more than it may.\n\n  " + "\n  ".join(found) + f"\n\n{table_of(calls)}")


def _why_unknown(calls: CallList) -> str:
    call = next((call for call in calls if call.is_charged and call.cost_usd is None), None)
    if call is not None and call.usage is None:
        return f"{call!r} reports no usage"
    reason = call.why_unpriced if call is not None else ""
    return f"no price for {call!r}" + (f"; {reason}" if reason else "")
