"""Limits: an application that goes too far is stopped; one that swallows that is led to its end."""

from __future__ import annotations

import pytest
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
