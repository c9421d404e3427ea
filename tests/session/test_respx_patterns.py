"""respx patterns select requests of any HTTP library."""

from __future__ import annotations

import sys

import pytest

from llmreplay import SettingError, after, always, every, faults, first, nth
from llmreplay.core.errors import MissingExtra
from llmreplay.core.fault import Injection
from llmreplay.core.model import Request
from llmreplay.faults.schedule import chance
from llmreplay.session.respx_patterns import adapted

respx_patterns = pytest.importorskip("respx.patterns", reason="respx is not installed")
M = respx_patterns.M
OVERLOADED = faults.Overloaded()


def a_request(model="gpt-4o", **fields):
    body = f'{{"model": "{model}"}}'.encode()
    return Request("POST", "https://api.openai.com/v1/chat/completions?a=1", (("x-team", "blue"),), body, **fields)


@pytest.mark.parametrize(
    ("pattern", "is_selected"),
    [
        (M(json__model="gpt-4o"), True),
        (M(json__model="gpt-5"), False),
        (M(host="api.openai.com", method="POST"), True),
        (M(path="/v1/chat/completions"), True),
        (M(params={"a": "1"}), True),
        (M(headers={"x-team": "blue"}), True),
        (M(headers={"x-team": "red"}), False),
        (M(json__model="gpt-5") | M(host="api.openai.com"), True),
        (~M(host="api.openai.com"), False),
    ],
    ids=repr,
)
def test_a_pattern_sees_the_whole_request(pattern, is_selected):
    """Method, host, path, query, headers and body count, alone and combined."""
    injection = adapted(Injection(OVERLOADED, first(1, when=pattern)))

    assert injection.schedule.when(a_request(), None) is is_selected


@pytest.mark.parametrize(
    "schedule", [first, nth, every, after, lambda n, when: chance(0.5, n, when=when)],
    ids=["first", "nth", "every", "after", "chance"],
)  # fmt: skip
def test_every_schedule_takes_one(schedule):
    """The schedule is the same but for its selector."""
    before = schedule(3, when=M(host="a"))

    injection = adapted(Injection(OVERLOADED, before))

    assert type(injection.schedule) is type(before)
    assert [injection.schedule.hits(n, "key") for n in range(1, 7)] == [before.hits(n, "key") for n in range(1, 7)]


@pytest.mark.parametrize("schedule", [first(2), always, nth(1, when="openai")], ids=repr)
def test_without_a_pattern_nothing_changes(schedule):
    """Names, functions and schedules without a selector are left alone."""
    injection = Injection(OVERLOADED, schedule)

    assert adapted(injection) is injection


def test_a_failure_shows_the_pattern():
    """In the text of a fault that never fired, the pattern can be read."""
    injection = adapted(Injection(OVERLOADED, first(1, when=M(host="api.openai.com"))))

    assert repr(injection.schedule) == "first(1, when=<Host eq 'api.openai.com'>)"


def test_without_httpx_the_extra_is_named(monkeypatch):
    """A pattern needs httpx, which comes with respx; the error says what to install."""
    monkeypatch.setitem(sys.modules, "httpx", None)

    with pytest.raises(MissingExtra, match=r'pip install "pytest-llmreplay\[respx\]"'):
        adapted(Injection(OVERLOADED, first(1, when=M(host="a"))))


def test_a_pattern_that_was_not_adapted_says_where_it_belongs():
    """A schedule used elsewhere with a pattern is refused with the places that take one."""
    with pytest.raises(SettingError, match=r"give such a pattern to inject\(\), or to the setting faults"):
        first(1, when=M(host="a")).when(a_request(), None)
