"""respx patterns after `when=`: they select requests of every HTTP library, not only of httpx."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from llmreplay.core.errors import MissingExtra
from llmreplay.core.fault import Injection
from llmreplay.core.model import Request
from llmreplay.faults.schedule import PatternIs, RequestIs
from llmreplay.session.made_up import apis_selected


def adapted(injection: Injection) -> Injection:
    """Give the same injection, a respx pattern in its schedule turned into a function of the request.

    Raises:
        SettingError: The schedule names an api that there is not.
    """
    when: Any = injection.schedule.when
    apis_selected(type(injection.schedule).__name__.lower(), when)
    if not isinstance(when, PatternIs):
        return injection
    schedule: Any = injection.schedule
    return replace(injection, schedule=replace(schedule, when=RequestIs(_matching(when.pattern))))


def _matching(pattern: Any) -> Callable[[Request], bool]:
    try:
        import httpx
    except ImportError:
        raise MissingExtra("a respx pattern", "respx") from None

    def matches(request: Request) -> bool:
        native = httpx.Request(request.method, request.url, headers=list(request.headers), content=request.body)
        return bool(pattern.match(native))

    matches.__qualname__ = repr(pattern)
    return matches
