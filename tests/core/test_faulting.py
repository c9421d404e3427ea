"""Faults in use: which attempt each hits, what becomes of the recording, and what a fault that did nothing is told."""

from __future__ import annotations

import pytest
from doubles import a_recorder, a_request, a_response, an_interaction

from llmreplay import after, always, chance, faults, first, nth
from llmreplay.core.attempt import Source
from llmreplay.core.errors import FaultProblem, UnmatchedRequest, Unplayed
from llmreplay.core.fault import FaultCannotApply, Injection
from llmreplay.core.model import End, Failure, TransportFailure
from llmreplay.core.plan import Send
from llmreplay.core.surroundings import Timeouts


class Spoiled:
    """A fault that changes the answer's text; only to answers that are not spoiled yet."""

    replaces = False

    def apply(self, outcome, context):
        if outcome.status != 200:
            raise FaultCannotApply("Spoiled(): nothing to spoil")
        return a_response("spoiled")


class Broken:
    """A fault that lets a body break off."""

    replaces = False

    def apply(self, outcome, context):
        return a_response(end=End.PEER_CLOSED)


def a_faulted(recorder, *pairs):
    recorder.faulting.inject(Injection(fault, on) for fault, on in pairs)
    return recorder


def asked(recorder, prompt="hi"):
    """Ask, take all of the answer, and give the attempt."""
    plan = recorder.plan(a_request(prompt))
    outcome = plan.outcome
    if isinstance(outcome, TransportFailure):
        recorder.failed(plan.attempt)
    else:
        recorder.delivered(plan.attempt, len(outcome.chunks), outcome.end)
    return plan.attempt


def problems(recorder):
    return [type(problem) for _, problem in recorder.problems()]


def statuses(recorder):
    return [attempt.status for attempt in recorder.calls.attempts]


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (first(2), [500, 500, 200]),
        (nth(2), [200, 500, 200]),
        (after(1), [200, 500, 500]),
        (always, [500, 500, 500]),
    ],
    ids=["first", "nth", "after", "always"],
)
def test_a_schedule_says_which_attempts_are_hit(on, expected):
    """Attempts are counted in the order of arrival."""
    recorder = a_faulted(a_recorder([an_interaction()], allow_repeats=True), (faults.ServerError(), on))

    for _ in range(3):
        asked(recorder)

    assert statuses(recorder) == expected


def test_counters_count_only_what_when_selects():
    """A schedule's first attempt is the first that its `when` selects."""
    recorder = a_recorder([an_interaction("a"), an_interaction("b")])
    a_faulted(recorder, (faults.ServerError(), first(1, when=lambda request: b'"b"' in request.body)))

    asked(recorder, "a")
    asked(recorder, "b")

    assert statuses(recorder) == [200, 500]


def test_chance_depends_on_what_is_asked_and_not_on_the_order():
    """The same prompts in another order are hit alike."""

    def hit(prompts):
        recorder = a_recorder([an_interaction(prompt) for prompt in prompts])
        a_faulted(recorder, (faults.ServerError(), chance(0.5, seed=7)))
        return {prompt: asked(recorder, prompt).status for prompt in prompts}

    prompts = [f"question {number}" for number in range(12)]

    found = hit(prompts)
    assert hit(prompts[::-1]) == found
    assert set(found.values()) == {200, 500}


def test_faults_apply_in_the_order_injected():
    """Each fault changes what the one before it made, and the attempt names them all."""
    recorder = a_faulted(
        a_recorder([an_interaction()]),
        (Spoiled(), always),
        (faults.Delay(5), always),
    )

    attempt = asked(recorder)

    assert attempt.answer.text == "spoiled"
    assert attempt.outcome.delay_s == 5
    assert attempt.faults == ("Spoiled", "Delay")


def test_the_first_fault_that_takes_the_answers_place_ends_the_chain():
    """What comes after it is not applied, but has counted the attempt."""
    recorder = a_faulted(
        a_recorder([an_interaction()]),
        (faults.Delay(5), first(1)),
        (faults.RateLimited(), first(1)),
        (faults.ServerError(), first(2)),
    )

    attempts = [asked(recorder) for _ in range(3)]

    assert [attempt.source for attempt in attempts] == [Source.FAULT, Source.FAULT, Source.REPLAYED]
    assert [attempt.faults for attempt in attempts] == [("Delay", "RateLimited"), ("ServerError",), ()]
    assert attempts[0].outcome.delay_s == 5


@pytest.mark.parametrize(
    "fault",
    [
        faults.ServerError(),
        faults.ConnectError(),
        faults.ClosedAfterRequest(),
        faults.TruncatedJson(),
        faults.HtmlBody(status=200),
        faults.EmptyBody(),
        faults.BadGzip(),
        Broken(),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_faulted_attempt_leaves_its_recording_for_the_retry(fault):
    """An error, no response or a body that nobody can read: the next identical request gets the recording."""
    recorder = a_faulted(a_recorder([an_interaction()]), (fault, first(1)))

    failed, answered = asked(recorder), asked(recorder)

    assert failed.has_failed
    assert answered.answer.text == "hello"
    assert len(recorder.calls.one().attempts) == 2
    assert problems(recorder) == []


@pytest.mark.parametrize("fault", [Spoiled(), faults.Delay(5)], ids=["other text", "late"])
def test_an_attempt_that_was_answered_all_the_same_uses_its_recording_up(fault):
    """A fault that leaves a whole answer leaves nothing for a second identical request."""
    recorder = a_faulted(a_recorder([an_interaction()]), (fault, first(1)))

    asked(recorder)

    with pytest.raises(UnmatchedRequest):
        recorder.plan(a_request())


def test_an_answer_that_a_fault_slowed_down_is_left_if_the_client_breaks_off():
    """A deadline of the application strikes before the late answer: its next try gets it."""
    recorder = a_faulted(a_recorder([an_interaction()]), (faults.Delay(30), first(1)))
    slow = recorder.plan(a_request()).attempt

    recorder.delivered(slow, 0, End.CLIENT_CLOSED)
    retried = asked(recorder)

    assert slow.has_failed
    assert retried.answer.text == "hello"
    assert len(recorder.calls.one().attempts) == 2


def test_a_fault_that_takes_the_answers_place_needs_no_recording():
    """What was recorded under such a fault, nothing, replays under it; what the fault spares is refused as ever."""
    recorder = a_faulted(a_recorder(None), (faults.ServerError(), first(1)))

    attempt = asked(recorder)

    assert (attempt.status, attempt.source) == (500, Source.FAULT)
    with pytest.raises(UnmatchedRequest):
        recorder.plan(a_request())


def test_a_fault_that_changes_an_answer_needs_a_recording():
    """Without one there is nothing to change, and the request is refused."""
    recorder = a_faulted(a_recorder([]), (Spoiled(), always))

    with pytest.raises(UnmatchedRequest):
        recorder.plan(a_request())


def test_while_recording_a_replaced_outcome_is_not_sent():
    """The fault answers; the retry is sent and recorded."""
    recorder = a_faulted(a_recorder(None, mode="once"), (faults.Delay(3), first(1)), (faults.RateLimited(), first(1)))

    replaced = asked(recorder)
    sent = recorder.plan(a_request())
    recorder.record(sent.attempt, a_response())

    assert (replaced.status, replaced.outcome.delay_s, replaced.faults) == (429, 3, ("Delay", "RateLimited"))
    assert isinstance(sent, Send)
    assert sent.change is None
    assert len(recorder.recorded) == 1
    assert problems(recorder) == []


def test_while_recording_what_is_received_is_recorded_and_not_what_a_fault_made_of_it():
    """The cassette gets the whole answer, the client the broken one, and the retry gets the whole one unsent."""
    recorder = a_faulted(a_recorder(None, mode="once"), (Broken(), first(1)))
    sent = recorder.plan(a_request())
    recorder.record(sent.attempt, a_response("whole"))

    broken = sent.change(a_response("whole")).outcome
    recorder.delivered(sent.attempt, len(broken.chunks), broken.end)
    waits_for_provider = recorder.waits_for_provider()
    retried = asked(recorder)

    assert not waits_for_provider
    assert broken.end is End.PEER_CLOSED
    assert [interaction.outcome.body for interaction in recorder.recorded] == [b'{"text": "whole"}']
    assert retried.answer.text == "whole"
    assert len(recorder.calls.one().attempts) == 2


def test_in_mode_live_a_retry_goes_to_the_provider_again():
    """Nothing is kept in mode live, also not for the try after a fault."""
    recorder = a_faulted(a_recorder(None, mode="live"), (Broken(), first(1)))
    sent = recorder.plan(a_request())
    recorder.record(sent.attempt, a_response("whole"))
    broken = sent.change(a_response("whole")).outcome
    recorder.delivered(sent.attempt, len(broken.chunks), broken.end)

    assert isinstance(recorder.plan(a_request()), Send)


def test_a_call_that_a_fault_ended_for_good_leaves_the_rest_unjudged():
    """An application that gave up asks no further: recordings of what came then are not called unplayed."""
    recorder = a_faulted(a_recorder([an_interaction("a"), an_interaction("b")]), (faults.ServerError(), always))

    asked(recorder, "a")

    assert problems(recorder) == []


def test_recordings_are_judged_where_every_fault_was_survived():
    """A test that got through its faults must have asked for everything."""
    recorder = a_faulted(a_recorder([an_interaction("a"), an_interaction("b")]), (faults.ServerError(), first(1)))

    asked(recorder, "a")
    asked(recorder, "a")

    assert problems(recorder) == [Unplayed]


@pytest.mark.parametrize(("on", "is_fine"), [(first(9), True), (nth(9), False)], ids=["first", "nth"])
def test_a_fault_that_never_fired_is_a_problem(on, is_fine):
    """`first(9)` that fired once is fine; `nth(9)` that never came about is not."""
    recorder = a_faulted(a_recorder([an_interaction()], allow_repeats=True), (faults.Delay(1), on))

    asked(recorder)

    assert problems(recorder) == ([] if is_fine else [FaultProblem])


def test_a_fault_that_cannot_apply_is_a_problem_and_the_client_gets_the_answer():
    """Nothing is changed silently, and nothing is left unchanged silently."""
    recorder = a_faulted(a_recorder([an_interaction()]), (faults.CutAfter(events=1), first(1)))

    attempt = asked(recorder)

    assert attempt.answer.text == "hello"
    assert attempt.faults == ()
    assert problems(recorder) == [FaultProblem]


def test_the_text_tells_which_faults_did_nothing_and_why():
    """Facts first: what could not be applied, what never fired and why not; then what to do."""
    recorder = a_faulted(
        a_recorder([an_interaction()]),
        (faults.CutAfter(events=1), first(1)),
        (faults.RateLimited(), nth(7)),
    )
    asked(recorder)

    ((_, problem),) = recorder.problems()

    assert str(problem) == (
        "a fault did not do what it is for, so this test does not test it.\n"
        "\n"
        "  cannot apply  CutAfter(events=1): it changes a stream, and this call to example.chat does not stream.\n"
        "  never fired   Injection(fault=RateLimited(retry_after_s=None, retry_after_ms=None, "
        "retry_after_date_s=None, retry_after=None, should_retry=None), schedule=nth(7)): it looked at 1 attempt\n"
        "\n"
        '  On purpose?   @pytest.mark.llmreplay(on_unfired="ignore")'
    )


def test_an_earlier_failure_to_apply_does_not_stop_a_later_attempt():
    """A fault that needs a timeout takes the answer's place for the client that has one."""
    recorder = a_faulted(a_recorder(None), (faults.ReadTimeout(), always))
    with pytest.raises(FaultProblem, match="the client set no read timeout"):
        recorder.plan(a_request("no timeout"))

    plan = recorder.plan(a_request("a timeout"), timeouts=Timeouts(read_s=3))

    assert plan.outcome == TransportFailure(Failure.READ_TIMEOUT, "The read operation timed out", delay_s=3)
