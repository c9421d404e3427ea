"""Checks on answers: tokens, stop reasons, whole streams, multi-turn histories, tool loops, the prompt cache."""

from __future__ import annotations

import json
from collections.abc import Sequence

from llmreplay.core.call import Call
from llmreplay.core.call_list import CallList
from llmreplay.core.model import COUNTS, Json
from llmreplay.core.reading import is_unread_stream
from llmreplay.core.story import failed_check
from llmreplay.core.tool_results import tool_results_in

_MOST_SHOWN = 100
_LIMITS = tuple(f"{bound}_{name}" for name in COUNTS for bound in ("max", "min"))


def assert_usage(calls: CallList, **limits: int) -> None:
    """Check the tokens of all calls together.

    Args:
        calls: Their counts are added up.
        limits: `max_input_tokens=`, `min_cache_read_tokens=`, `output_tokens=` (exactly), and so on for every field
            of `Usage` that is a count.

    Raises:
        AssertionError: A count is beyond its limit, or unknown; shows the attempts.
        TypeError: A limit that is none.
    """
    __tracebackhide__ = True
    usage = calls.usage
    for name, limit in limits.items():
        field = name.removeprefix("max_").removeprefix("min_")
        if name not in _LIMITS and name not in COUNTS:
            raise TypeError(f"assert_usage({name}=...): choose from {', '.join(COUNTS)}, with max_ or min_.")
        count = getattr(usage, field)
        if count is None or any(call.usage is None or getattr(call.usage, field) is None for call in _answered(calls)):
            raise failed_check(f"expected {name} = {limit}", f"{field} is unknown, as a call does not report it", calls)
        is_over = name.startswith("max_") and count > limit
        is_under = name.startswith("min_") and count < limit
        if is_over or is_under or (name == field and count != limit):
            raise failed_check(f"expected {name} = {limit}", f"{field} is {count}", calls)


def _answered(calls: CallList) -> list[Call]:
    return [call for call in calls if not call.last.has_failed]


def assert_stop_reasons(calls: CallList, *reasons: str) -> None:
    """Check the canonical stop reason of each call, in order.

    Raises:
        AssertionError: They are others; shows the attempts.
    """
    __tracebackhide__ = True
    if calls.stop_reasons != list(reasons):
        raise failed_check(f"expected the stop reasons {list(reasons)}", f"they are {calls.stop_reasons}", calls)


def assert_all_streams_complete(calls: CallList) -> None:
    """Check that every answer is whole: a stream reached its terminal event, whatever the SDK made of it.

    Raises:
        AssertionError: One was cut short, or is a stream of which nobody knows how it ends; shows the attempts.
    """
    __tracebackhide__ = True
    unread = [number for number, call in enumerate(calls, 1) if is_unread_stream(call.last.api, call.last.outcome)]
    if unread:
        what = f"how a stream like that of call {', '.join(map(str, unread))} ends is not known"
        raise failed_check("expected every answer to be whole", what, calls)
    cut = [number for number, call in enumerate(calls, 1) if not call.is_complete]
    if cut:
        raise failed_check("expected every answer to be whole", f"call {', '.join(map(str, cut))} was cut short", calls)


def assert_history_grows(calls: CallList) -> None:
    """Check that each call sends all messages of the call before, in order, and more: no turn got lost.

    Raises:
        AssertionError: A message is missing, changed or out of order, or there are fewer than two calls.
    """
    __tracebackhide__ = True
    if len(calls) < 2:
        raise failed_check(
            "expected a history that grows", "there is only one call" if calls else "there is none", calls
        )
    for number, (before, after) in enumerate(zip(calls, list(calls)[1:], strict=False), 1):
        old, new = _messages(before), _messages(after)
        if old is None or new is None:
            raise failed_check("expected a history that grows", f"call {number} or the next has no messages", calls)
        same = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        if same < len(old):
            sent = f"is {_shown(new[same])}" if same < len(new) else "is missing"
            raise failed_check(
                "expected a history that grows",
                f"message {same + 1} of call {number} is {_shown(old[same])}; in call {number + 1} it {sent}",
                calls,
            )
        if len(new) == len(old):
            raise failed_check("expected a history that grows", f"call {number + 1} adds no message", calls)


def _shown(message: Json) -> str:
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"


def _messages(call: Call) -> Sequence[Json] | None:
    body = call.request_json
    if not isinstance(body, dict):
        return None
    for name in ("messages", "input", "contents"):
        value = body.get(name)
        if isinstance(value, list):
            return value
        if isinstance(value, str):
            return [value]
    return None


def assert_tool_loop(calls: CallList, *names: str) -> None:
    """Check that the model's tool calls were answered by results, and that the loop came to an end.

    Args:
        calls: One loop.
        names: The tools asked for, in order; none for any.

    Raises:
        AssertionError: A tool was not asked for, a result is missing, or the last answer asks for another tool.
    """
    __tracebackhide__ = True
    asked = [tool.name for call in calls for tool in call.tool_calls]
    if not asked or (names and asked != list(names)):
        raise failed_check(f"expected the tools {list(names) or 'of any name'}", f"asked for were {asked}", calls)
    results = [tool_results_in(call.request_json) for call in calls]
    for number, call in enumerate(list(calls)[:-1]):
        for tool in call.tool_calls:
            if not any(later.answers(tool) for later in results[number + 1 :]):
                which = f"{tool.name} ({tool.id})" if tool.id else tool.name
                raise failed_check("expected every tool call to get its result", f"{which} never got one", calls)
    if calls.last.tool_calls:
        raise failed_check("expected the loop to end", "the last answer asks for a tool again", calls)


def assert_prompt_cache_used(calls: CallList, *, min_tokens: int = 1) -> None:
    """Check that the prompt cache was read from.

    Raises:
        AssertionError: Fewer tokens came from it, or no call says so; shows the attempts.
    """
    __tracebackhide__ = True
    read = calls.usage.cache_read_tokens
    if read is None or read < min_tokens:
        raise failed_check(f"expected {min_tokens} tokens or more from the prompt cache", f"it was {read}", calls)
