"""Limits: an application that goes too far is stopped; one that swallows that is led to its end."""

from __future__ import annotations

import pytest
from call_doubles import an_attempt
from doubles import a_recorder, a_request, a_response

from llmreplay.core.errors import RanAway, UnmatchedRequest
from llmreplay.core.fault import Injection
from llmreplay.core.limits import Limiter, Limits
from llmreplay.core.model import Interaction, Response
from llmreplay.core.plan import Answered


class AnError:
    """A fault that takes the answer's place, at every attempt."""

    replaces = True
    when = None
    is_keyed = False

    def hits(self, occurrence, key):
        return True

    def apply(self, outcome, context):
        return Response(500)


@pytest.fixture
def limited():
    """Give a recorder of one recording, whose attempts all fail, and three of which are enough."""
    recorder = a_recorder([Interaction(a_request(), a_response())])
    recorder.faulting.inject([Injection(AnError(), AnError())])
    recorder.faulting.before = Limiter(Limits(most_attempts=3), recorder, lambda: 0.0).check
    return recorder


def status_of(recorder, request):
    """Ask, and give the status of the answer, or the kind of the refusal."""
    try:
        plan = recorder.plan(request)
    except (RanAway, UnmatchedRequest) as refusal:
        return type(refusal).__name__
    assert isinstance(plan, Answered)
    return plan.outcome.status


def test_after_the_first_refusal_no_fault_is_laid(limited):
    """An application that goes on gets the answer that was recorded, and may come to its end."""
    seen = [status_of(limited, a_request()) for _ in range(5)]

    assert seen == [500, 500, 500, "RanAway", 200]
    assert [type(refusal) for refusal in limited.refusals] == [RanAway]


def test_after_another_whatever_is_asked_is_answered(limited):
    """An application that asks for what was never recorded gets an answer in the end, and recordings come again."""
    asked = a_request("what was never recorded")

    seen = [status_of(limited, asked) for _ in range(9)]

    assert seen == [500] * 3 + ["RanAway"] + ["UnmatchedRequest"] * 3 + ["RanAway", "UnmatchedRequest"]
    assert [status_of(limited, a_request()) for _ in range(2)] == [200, 200]


def test_a_deadline_begins_anew_with_each_refusal():
    """What passed once does not stop every attempt to come."""
    seconds = iter([0.0, 5.0, 11.0, 11.0, 12.0, 22.0, 22.0])
    limiter = Limiter(Limits(deadline_s=10), a_recorder([]), lambda: next(seconds))

    limiter.check()
    with pytest.raises(RanAway, match="11 s have passed on the test's clock"):
        limiter.check()
    limiter.check()
    with pytest.raises(RanAway, match="11 s have passed"):
        limiter.check()


@pytest.mark.parametrize(
    "attempt",
    [
        an_attempt(None, started_s=0.0, took_s=600.0),
        an_attempt(429, started_s=0.0, took_s=0.0, headers=(("retry-after", "86400"),)),
    ],
    ids=["until an attempt had ended", "as retry-after said"],
)
def test_what_an_application_was_made_to_wait_is_not_held_against_it(attempt):
    """Seconds that the provider took, or asked for, do not count as excess; all the others do."""
    asked_s = attempt.ended_s + (86400.0 if attempt.status else 0.0)
    seconds = iter([0.0, 0.0, asked_s + 10, asked_s + 11])
    limiter = Limiter(Limits(excess_s=10), a_recorder([]), lambda: next(seconds, 0.0))

    limiter.check(attempt)
    limiter.check()
    with pytest.raises(RanAway) as caught:
        limiter.check()

    assert str(caught.value).splitlines() == [
        f"{asked_s + 11:.0f} s have passed on the test's clock, and the test has not come to an end.",
        "",
        f"  limit     deadline_s=10, without the {asked_s:.0f} s that it was made to wait",
        "  suspect   a wait without end",
        "",
        "  On purpose?   raise the limit: @pytest.mark.llmreplay_fuzz(deadline_s=...)",
    ]


def test_a_deadline_counts_every_second():
    """Who sets a deadline of his own means all that passes, whoever asked for it."""
    seconds = iter([0.0, 0.0, 11.0])
    limiter = Limiter(Limits(deadline_s=10), a_recorder([]), lambda: next(seconds, 0.0))
    limiter.check(an_attempt(None, started_s=0.0, took_s=600.0))

    with pytest.raises(RanAway, match="11 s have passed on the test's clock"):
        limiter.check()
