"""The call log: which attempts are tries of one call, and which are calls of their own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from doubles import a_request, a_response, an_api

from llmreplay.core.asked import Asked
from llmreplay.core.attempt import Attempt, Origin, Source
from llmreplay.core.call_log import CallLog
from llmreplay.core.calls import Calls
from llmreplay.core.model import Failure, TransportFailure

HERE = Origin(1)
THERE = Origin(2)
OVER = Origin(3, lambda: True)


@dataclass
class Told:
    """A call log that is told attempts in a row, one second apart."""

    log: CallLog
    now: float = 0.0

    def begin(self, prompt="hi", *, origin=HERE, retry_count=None, provider="example", source=Source.REPLAYED):
        self.now += 1
        api = an_api(f"{provider}.chat")
        numbered = () if retry_count is None else (("x-stainless-retry-count", str(retry_count)),)
        asked = Asked(a_request(prompt, headers=numbered, provider=provider))
        attempt = Attempt(asked, api, self.now, source, origin=origin)
        self.log.begin(attempt)
        return attempt

    def end(self, attempt, status=200):
        self.now += 1
        attempt.outcome = TransportFailure(Failure.CONNECT_ERROR) if status is None else a_response(status=status)
        attempt.ended_s = self.now

    def tell(self, prompt="hi", *, status=200, **fields):
        attempt = self.begin(prompt, **fields)
        self.end(attempt, status)
        return attempt


@pytest.fixture
def told():
    return Told(CallLog())


def shape(log):
    return [[attempt.status for attempt in call.attempts] for call in log.calls]


@pytest.mark.parametrize("status", [429, 500, None], ids=["429", "500", "no response"])
def test_a_retry_joins_the_call_that_failed(told, status):
    """The same question from the same thread after a failure is another attempt of one call."""
    told.tell(status=status)
    told.tell(status=200)

    assert shape(told.log) == [[status, 200]]


def test_the_same_question_after_an_answer_is_a_new_call(told):
    """An application that asks twice made two calls."""
    told.tell()
    told.tell()

    assert shape(told.log) == [[200], [200]]


def test_another_question_is_another_call(told):
    """A failure is only retried by the same question."""
    told.tell("a", status=500)
    told.tell("b")

    assert shape(told.log) == [[500], [200]]


def test_a_first_try_from_another_thread_is_a_call_of_its_own(told):
    """Identical prompts of concurrent threads do not become each other's retries."""
    told.tell(status=500, origin=HERE)
    told.tell(status=200, origin=THERE)

    assert shape(told.log) == [[500], [200]]


def test_a_first_try_joins_where_the_failed_thread_is_over(told):
    """`asyncio.wait_for` and `to_thread` make every try in a task or thread of its own: a retry loop still counts."""
    told.tell(status=500, origin=OVER)
    told.tell(status=200, origin=HERE)

    assert shape(told.log) == [[500, 200]]


def test_an_attempt_under_way_is_not_retried(told):
    """While the first is not answered yet, the same question is a call of its own."""
    first = told.begin()
    told.tell()
    told.end(first, 500)

    assert shape(told.log) == [[500], [200]]


def test_the_oldest_failed_call_is_joined_first(told):
    """Two identical calls of one thread that both failed are retried in the order they were made."""
    first, second = told.begin(), told.begin()
    told.end(first, 500)
    told.end(second, 429)
    told.tell(status=200)

    assert shape(told.log) == [[500, 200], [429]]


def test_numbered_retries_join_the_attempt_before_them_in_number(told):
    """Retries that an SDK numbers find their own call among identical ones, in whatever thread."""
    for origin in (HERE, THERE):
        told.tell(status=500, retry_count=0, origin=origin)
    told.tell(status=503, retry_count=1, origin=THERE)
    told.tell(status=429, retry_count=2, origin=THERE)
    told.tell(status=200, retry_count=1, origin=HERE)

    assert shape(told.log) == [[500, 200], [500, 503, 429]]


def test_numbered_retries_prefer_the_call_of_their_own_thread(told):
    """Of identical calls that failed alike, each goes on with its own, whichever began first."""
    told.tell(status=529, retry_count=0, origin=THERE)
    told.tell(status=429, retry_count=0, origin=HERE)
    told.tell(status=200, retry_count=1, origin=HERE)

    assert shape(told.log) == [[529], [429, 200]]


def test_the_applications_retry_restarts_the_sdks_numbers_in_the_same_call(told):
    """A loop around an SDK that gave up makes more attempts of the same call."""
    told.tell(status=500, retry_count=0)
    told.tell(status=500, retry_count=1)
    told.tell(status=200, retry_count=0)

    assert shape(told.log) == [[500, 500, 200]]


def test_waits_belong_to_the_next_attempt_of_the_thread_that_slept(told):
    """Sleeps are added up, and one of another thread is nobody's wait here."""
    told.tell(status=500)
    told.log.slept(HERE.key, 1.5)
    told.log.slept(HERE.key, 0.5)
    told.log.slept(THERE.key, 60)
    told.tell(status=500)
    told.tell(status=200)

    assert told.log.calls.one().waits_s == [2.0, 0.0]


def test_a_retry_without_a_sleep_waited_for_nothing(told):
    """Zero is a wait, not an unknown."""
    told.tell(status=500)
    told.tell(status=200)

    assert told.log.calls.one().waits_s == [0.0]


def test_another_provider_after_a_failure_is_a_fallback(told):
    """The call that takes over names the one it took over from, once."""
    told.tell(status=500)
    told.tell(provider="other")
    told.tell("another question", provider="other")

    failed, fallback, later = told.log.calls
    assert fallback.fell_back_from is failed
    assert later.fell_back_from is None
    assert failed.fell_back_from is None


def test_another_provider_after_an_answer_is_no_fallback(told):
    """Using two providers is not the same as fleeing from one."""
    told.tell(status=200)
    told.tell(provider="other")

    assert [call.fell_back_from for call in told.log.calls] == [None, None]


def test_it_is_retrying_from_the_failure_to_the_answer(told):
    """Waits count as retry waits while some call has failed and is not answered yet."""
    seen = [told.log.is_retrying()]
    told.tell(status=500)
    seen.append(told.log.is_retrying())
    attempt = told.begin()
    seen.append(told.log.is_retrying())
    told.end(attempt, 200)
    seen.append(told.log.is_retrying())

    assert seen == [False, True, False, False]


def test_the_last_failure_tells_where_it_came_from(told):
    """A wait is for the provider itself where its own failure came last."""
    seen = [told.log.last_failed_source()]
    told.tell("a", status=500, source=Source.RECORDED)
    seen.append(told.log.last_failed_source())
    told.tell("b", status=500, source=Source.FAULT)
    seen.append(told.log.last_failed_source())
    told.tell("b")
    seen.append(told.log.last_failed_source())

    assert seen == [None, Source.RECORDED, Source.FAULT, Source.RECORDED]


@pytest.mark.parametrize(
    ("ask", "text"),
    [(Calls.one, "expected one call, got 0: "), (lambda calls: calls.last, "expected a call, got none")],
    ids=["one", "last"],
)
def test_what_is_not_there_is_told_without_how_it_was_looked_for(ask, text):
    """To an `assert` of ours pytest adds what stands in private attributes."""
    with pytest.raises(AssertionError) as caught:
        ask(Calls())

    assert str(caught.value).startswith(text)
    assert "_calls" not in str(caught.value)
