"""Budgets and costs: exceeded, kept, or unknown, which is exceeded."""

from __future__ import annotations

import pytest
from call_doubles import a_call, an_attempt, calls_of

from llmreplay import assertions
from llmreplay.core.budget import overspending
from llmreplay.core.settings import settings_from


def costing(*prices_usd):
    return calls_of(*(a_call(an_attempt(usage={"output_tokens": 5}), price_usd=price) for price in prices_usd))


def overspent(calls, **settings):
    """Give what was spent beyond the budget, without the table."""
    refusal = overspending(calls, settings_from(("the test", settings)))
    if refusal is None:
        return None
    head, what, table = str(refusal).split("\n\n")
    assert head == "the test spent more than it may."
    assert table == calls.table()
    return what.strip()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"max_calls": 2}, None),
        ({"max_calls": 1}, "max_calls=1, but 2 were made"),
        ({"max_output_tokens": 10}, None),
        ({"max_output_tokens": 9}, "max_output_tokens=9, but there were 10"),
        ({"max_cost_usd": 0.03}, None),
        ({"max_cost_usd": 0.02}, "max_cost_usd=0.02, but it was 0.030000"),
        (
            {"max_calls": 0, "max_output_tokens": 0},
            "max_calls=0, but 2 were made\n  max_output_tokens=0, but there were 10",
        ),
    ],
    ids=str,
)
def test_a_budget_is_held_against_what_was_spent(settings, expected):
    """Calls, output tokens and dollars of all calls, each against its own budget."""
    assert overspent(costing(0.01, 0.02), **settings) == expected


def test_a_call_that_failed_costs_nothing_and_counts_as_a_call():
    """An error has neither tokens nor a price."""
    calls = calls_of((500, 500))

    assert overspent(calls, max_output_tokens=1, max_cost_usd=0.01) is None
    assert overspent(calls, max_calls=0) == "max_calls=0, but 1 were made"


def test_tokens_that_are_unknown_exceed_the_budget():
    """A call without usage may have cost anything."""
    assert overspent(calls_of((200,)), max_output_tokens=1000) == (
        "max_output_tokens=1000, but <Call example.chat  [200] stop> does not say how many it had"
    )


def test_a_cost_that_is_unknown_exceeds_the_budget():
    """The call without a price is named, and what stands in the way."""
    calls = calls_of((500,), a_call(an_attempt(usage={"output_tokens": 5}), why_unpriced="the list has no such model"))

    assert overspent(calls, max_cost_usd=1000) == (
        "max_cost_usd=1000.0, but the cost is unknown: no price for <Call example.chat  [200] stop>; "
        "the list has no such model"
    )


def test_a_cost_is_unknown_without_usage():
    """A call that reports no tokens has no price."""
    with pytest.raises(AssertionError) as caught:
        assertions.assert_cost(calls_of((200,)), max_usd=1)

    assert str(caught.value).splitlines()[:2] == [
        "expected a cost of at most 1 USD",
        "  but it is unknown: <Call example.chat  [200] stop> reports no usage",
    ]


def test_a_cost_that_the_provider_states_is_held_against_the_budget():
    """It goes before the price of the tokens, and is known where no price is."""
    stated = an_attempt(usage={"output_tokens": 5}, cost_usd=0.02)

    assert overspent(calls_of(a_call(stated, price_usd=0.001)), max_cost_usd=0.01) == (
        "max_cost_usd=0.01, but it was 0.020000"
    )
    assert overspent(calls_of(a_call(stated)), max_cost_usd=0.03) is None


def test_assert_cost_adds_the_calls_up():
    """All calls together may cost so much and no more."""
    costing(0.01, 0.02).assert_cost(max_usd=0.03)

    with pytest.raises(AssertionError) as caught:
        costing(0.01, 0.02).assert_cost(max_usd=0.029)
    assert str(caught.value).startswith("expected a cost of at most 0.029 USD\n  but it is 0.030000 USD\n\n  call  try")
