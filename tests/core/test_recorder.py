"""The recorder's decisions."""

from dataclasses import replace

import pytest
from doubles import URL, a_recorder, a_request, a_response, an_interaction

from llmreplay import always, faults
from llmreplay.core.attempt import Origin, Source
from llmreplay.core.errors import MissingKey, ReadPastEnd, UnmatchedRequest, Unplayed, WaitsPastEnd
from llmreplay.core.fault import Injection
from llmreplay.core.model import Chunk, End, Failure, Response, TransportFailure
from llmreplay.core.plan import PASS_THROUGH, Answered, Send
from llmreplay.core.remedy import Remedy


@pytest.mark.parametrize(
    ("mode", "exists", "prompt", "expected"),
    [
        ("none", True, "hi", Answered),
        ("none", True, "ho", UnmatchedRequest),
        ("none", False, "hi", UnmatchedRequest),
        ("once", True, "hi", Answered),
        ("once", True, "ho", UnmatchedRequest),
        ("once", False, "hi", Send),
        ("new_episodes", True, "hi", Answered),
        ("new_episodes", True, "ho", Send),
        ("new_episodes", False, "hi", Send),
        ("rewrite", True, "hi", Send),
        ("live", True, "hi", Send),
    ],
)
def test_a_mode_decides_where_answers_come_from(mode, exists, prompt, expected):
    """Each mode replays, records or refuses as it says, with and without a cassette."""
    recorder = a_recorder([an_interaction("hi")] if exists else None, mode=mode)

    try:
        plan = recorder.plan(a_request(prompt))
    except UnmatchedRequest as refusal:
        plan = refusal

    assert isinstance(plan, expected)


def test_what_was_recorded_is_kept_in_the_order_of_the_requests():
    """Concurrent requests are recorded in the order they were made, not in the order they ended."""
    recorder = a_recorder(None, mode="once")
    first, second = recorder.plan(a_request("a")), recorder.plan(a_request("b"))

    recorder.record(second.attempt, a_response("B"))
    recorder.record(first.attempt, a_response("A"))

    assert [one.outcome.body for one in recorder.recorded] == [b'{"text": "A"}', b'{"text": "B"}']


def test_live_calls_are_logged_but_not_recorded():
    """Mode live has a call log and no cassette."""
    recorder = a_recorder(None, mode="live")

    recorder.record(recorder.plan(a_request()).attempt, a_response("A"))

    assert recorder.recorded == []
    assert recorder.calls.one().text == "A"


@pytest.mark.parametrize("fault", [None, faults.SlowFirstToken(2)], ids=["as it stands", "changed by a fault"])
def test_a_replayed_attempt_knows_when_it_was_recorded(fault):
    """Its price may be another today, however it was changed and however little of it was read."""
    recorded = replace(an_interaction("hi"), recorded_at="2026-11-21T09:14:03Z")
    recorder = a_recorder([recorded])
    recorder.faulting.inject([Injection(fault, always)] if fault else [])

    attempt = recorder.plan(a_request("hi")).attempt
    recorder.delivered(attempt, 0, End.CLIENT_CLOSED)

    assert attempt.recorded_at == "2026-11-21T09:14:03Z"


def test_upstream_sends_elsewhere_and_keeps_the_providers_url():
    """The cassette has the provider's address, whatever the traffic went to."""
    recorder = a_recorder(None, mode="once", upstream={"https://api.example.ai": "http://127.0.0.1:9"})

    plan = recorder.plan(a_request())
    direct = recorder.plan(a_request("ho", url="http://127.0.0.1:9/v1/chat"))

    assert plan.url == "http://127.0.0.1:9/v1/chat"
    assert plan.attempt.request.url == direct.attempt.request.url == URL


@pytest.mark.parametrize(
    ("url", "settings", "expected"),
    [
        ("https://telemetry.example.ai/v1", {}, TransportFailure),
        ("https://login.example.ai/token", {}, Response),
        ("http://127.0.0.1:9/database", {}, PASS_THROUGH),
        ("http://127.0.0.1:9/v1/chat", {}, UnmatchedRequest),
        ("http://localhost:9/database", {"hosts": ["localhost:9"]}, UnmatchedRequest),
        ("https://other.example.org/x", {}, UnmatchedRequest),
        ("https://other.example.org/x", {"ignore_hosts": ["*.example.org"]}, PASS_THROUGH),
    ],
    ids=["side", "credential", "loopback", "loopback LLM", "named loopback", "any other", "ignored"],
)
def test_traffic_that_is_no_llm_call_is_told_apart_offline(url, settings, expected):
    """Offline, side traffic fails plainly, credentials are placeholders, loopback passes unless it is an LLM."""
    recorder = a_recorder((), **settings)

    try:
        plan = recorder.plan(a_request(url=url))
    except UnmatchedRequest as refusal:
        plan = refusal

    outcome = plan.outcome if isinstance(plan, Answered) else plan
    assert outcome is expected or (isinstance(expected, type) and isinstance(outcome, expected))


@pytest.mark.parametrize("url", ["https://telemetry.example.ai/v1", "https://login.example.ai/token"])
def test_side_and_credential_traffic_passes_while_recording(url):
    """A recording needs its tokens, and its telemetry is nobody's business."""
    assert a_recorder(None, mode="once").plan(a_request(url=url)) is PASS_THROUGH


def test_a_placeholder_key_is_never_sent_to_a_provider():
    """Recording without a key is an error that names the variable."""
    recorder = a_recorder(None, mode="once")

    with pytest.raises(MissingKey, match="EXAMPLE_API_KEY"):
        recorder.plan(a_request(headers=[("authorization", "Bearer placeholder-example-key")]))


def test_a_stream_closed_after_its_terminal_event_is_whole():
    """Recorded as complete: what the SDK left unread was nothing but the end."""
    recorder = a_recorder(None, mode="once")
    plan = recorder.plan(a_request())

    recorder.record(plan.attempt, a_response(end=End.CLIENT_CLOSED))

    assert recorder.recorded[0].outcome.end is End.CLIENT_CLOSED


def test_reading_past_the_recorded_close_is_refused():
    """A client that wants more than was recorded never gets a clean end."""
    recorder = a_recorder([an_interaction()])
    plan = recorder.plan(a_request())

    refusal = recorder.read_past_end(plan.attempt, 3)

    assert isinstance(refusal, ReadPastEnd)
    assert "3 chunks" in str(refusal)
    assert [setting for setting, _ in recorder.problems()] == ["on_unmatched"]


def test_waiting_past_the_point_where_the_recorded_client_gave_up_is_refused():
    """The refusal says when that was, and how to record what would have come."""
    recorder = a_recorder([an_interaction()])
    plan = recorder.plan(a_request())

    refusal = recorder.waits_past_end(plan.attempt, 0.25)

    assert isinstance(refusal, WaitsPastEnd)
    assert str(refusal) == (
        "the client waits for an answer, but the recorded client gave up before anything came.\n\n"
        "  request   POST https://api.example.ai/v1/chat  (example.chat)\n"
        "  recorded  after 0.250 s the client gave up; what would have come is unknown\n\n"
        "  Waits now?   pytest a.py::test_a --llmreplay-mode=rewrite"
    )
    assert [setting for setting, _ in recorder.problems()] == ["on_unmatched"]


def test_a_recorded_failure_is_replayed_as_one():
    """A connection failure is an outcome like any other."""
    failure = TransportFailure(Failure.CONNECT_ERROR, "refused", 0.5)
    recorder = a_recorder(None, mode="once")

    recorder.record(recorder.plan(a_request()).attempt, failure)

    assert recorder.recorded[0].outcome == failure
    assert recorder.calls.one().error == "connect_error: refused"


def test_a_swallowed_refusal_comes_up_again():
    """A refusal that the application caught is still among the problems at the end."""
    recorder = a_recorder(())
    with pytest.raises(UnmatchedRequest):
        recorder.plan(a_request())

    assert [(setting, type(refusal)) for setting, refusal in recorder.problems()] == [
        ("on_unmatched", UnmatchedRequest)
    ]
    assert recorder.calls.one().last.source is Source.REFUSED


def test_unplayed_recordings_are_a_problem_that_names_them():
    """The whole text of an unplayed cassette."""
    recorder = a_recorder([an_interaction("hi"), an_interaction("ho", "a long   answer\n" * 9)])
    recorder.plan(a_request("hi"))

    ((setting, refusal),) = recorder.problems()

    assert setting == "on_unplayed"
    assert isinstance(refusal, Unplayed)
    assert str(refusal) == (
        "1 of 2 recorded interactions were never asked for.\n"
        "\n"
        "  cassette  cassettes/a.json\n"
        "            2: example.chat -> 200, 1 out: a long answer a long answer a long answer a long answer a l…\n"
        "\n"
        "  No longer needed?   pytest a.py::test_a --llmreplay-mode=rewrite\n"
        '  On purpose?         @pytest.mark.llmreplay(on_unplayed="ignore")'
    )


@pytest.mark.parametrize("during", ["setup", "call"])
def test_what_was_recorded_in_teardown_is_not_missed_before_it(during):
    """An interaction of a finalizer is played after the verdict, so it is no part of it."""
    recorder = a_recorder([an_interaction(during="teardown"), an_interaction("ho", during=during)])

    ((_, refusal),) = recorder.problems()

    assert "1 of 2" in str(refusal)


def test_a_refusal_says_what_differs_and_what_to_type():
    """The whole text of an unmatched request."""
    recorder = a_recorder([an_interaction("hi"), an_interaction("something quite different, and longer")])
    recorder.plan(a_request("something quite different, and longer"))

    with pytest.raises(UnmatchedRequest) as caught:
        recorder.plan(a_request("ho"))

    assert str(caught.value) == (
        "no recorded interaction matches this request.\n"
        "\n"
        "  request   POST https://api.example.ai/v1/chat  (example.chat)\n"
        "  cassette  cassettes/a.json: 2 interactions, 1 already played\n"
        "  nearest   interaction 1, which differs in 1 place:\n"
        '            $.prompt   recorded "hi"   sent "ho"\n'
        "\n"
        "  Meant to change?   pytest a.py::test_a --llmreplay-mode=rewrite\n"
        '  Volatile field?    @pytest.mark.llmreplay(ignore=["$.prompt"])'
    )


def test_a_refusal_of_what_no_provider_is_asked_says_how_to_leave_it_alone():
    """A download that a library makes once a process is recorded with whichever test comes first."""
    with pytest.raises(UnmatchedRequest) as caught:
        a_recorder([an_interaction("hi")]).plan(a_request("hi", url="https://models.example.org/tokenizer.json"))

    assert '  No call of a model?   @pytest.mark.llmreplay(ignore_hosts=["models.example.org"])' in str(caught.value)


def test_a_refusal_without_a_cassette_says_how_to_record():
    """A missing cassette is told with the command that makes it."""
    with pytest.raises(UnmatchedRequest) as caught:
        a_recorder(None).plan(a_request())

    assert "cassettes/a.json: does not exist" in str(caught.value)
    assert "Record it?   pytest a.py::test_a --llmreplay-mode=once" in str(caught.value)


def test_one_request_too_many_is_told_as_that():
    """When the recording exists but was played, the refusal says so and names the setting."""
    recorder = a_recorder([an_interaction()])
    recorder.plan(a_request())

    with pytest.raises(UnmatchedRequest) as caught:
        recorder.plan(a_request())

    assert "interaction 1, which is the same and was already played" in str(caught.value)
    assert "allow_repeats=True" in str(caught.value)


def test_another_request_after_all_were_played_is_told_as_one_more():
    """No setting makes a recording match that was given: to ignore what differs would not, and repeats would lie."""
    recorder = a_recorder([an_interaction()])
    recorder.plan(a_request())

    with pytest.raises(UnmatchedRequest) as caught:
        recorder.plan(a_request("ho"))

    text = str(caught.value)
    assert "interaction 1, which differs in 1 place and was already played:" in text
    assert "  One request more?   pytest a.py::test_a --llmreplay-mode=new_episodes\n" in text
    assert "ignore" not in text


def test_the_nearest_is_one_that_was_not_played_yet():
    """What was played cannot be meant, however alike it is."""
    recorder = a_recorder([an_interaction("what is the weather in Paris"), an_interaction("hello")])
    recorder.plan(a_request("what is the weather in Paris"))

    with pytest.raises(UnmatchedRequest, match="interaction 2, which differs in 1 place:"):
        recorder.plan(a_request("what is the weather in Rome"))


def test_a_proposal_is_made_only_if_it_would_have_matched():
    """A normaliser that makes the request match is proposed before any ignored path."""
    recorder = a_recorder([an_interaction("Today is 2026-11-21")])

    with pytest.raises(UnmatchedRequest) as caught:
        recorder.plan(a_request("Today is 2027-01-01"))

    assert 'normalize=["dates"]' in str(caught.value)


def test_what_the_client_took_of_a_replay_is_what_its_call_says():
    """A stream that the client closed early is logged as far as it read."""
    recorder = a_recorder([an_interaction()])
    plan = recorder.plan(a_request())

    recorder.delivered(plan.attempt, 0, End.CLIENT_CLOSED)

    assert plan.attempt.outcome.chunks == ()
    assert plan.attempt.outcome.end is End.CLIENT_CLOSED


@pytest.mark.parametrize(
    ("first", "second", "calls"),
    [
        (Origin(1), Origin(1), 1),
        (Origin(1), Origin(2), 2),
        (Origin(1, lambda: True), Origin(2), 1),
    ],
    ids=["same task", "concurrent task", "task that is over"],
)
def test_a_first_try_joins_a_failed_call_of_its_own_thread_or_task(first, second, calls):
    """The application's retry loop is one call; a concurrent identical prompt is another."""
    recorder = a_recorder(None, mode="once")
    recorder.record(recorder.plan(a_request(), origin=first).attempt, a_response(status=429))

    recorder.plan(a_request(), origin=second)

    assert len(recorder.calls) == calls


def test_an_sdks_retries_are_attempts_of_one_call():
    """A numbered retry joins the attempt before it, even from another task."""
    recorder = a_recorder(None, mode="once")
    for number in range(3):
        request = a_request(headers=[("x-stainless-retry-count", str(number))])
        plan = recorder.plan(request, origin=Origin(number))
        recorder.slept(number + 1, 7.0)
        recorder.record(plan.attempt, a_response(status=200 if number == 2 else 529))

    call = recorder.calls.one()
    assert [attempt.status for attempt in call.attempts] == [529, 529, 200]
    assert call.waits_s == [7.0, 7.0]


def test_chunks_are_kept_apart():
    """A response is recorded with the chunks it came in."""
    recorder = a_recorder(None, mode="once")
    chunks = (Chunk(b'{"te', 0.1), Chunk(b'xt":""}', 0.2))

    recorder.record(recorder.plan(a_request()).attempt, Response(200, (), chunks))

    assert recorder.recorded[0].outcome.chunks == chunks


def test_a_test_whose_id_speaks_of_a_mode_is_no_block():
    """Where to write a setting goes by how the cassette was opened, not by what stands in a name."""
    verdicts = replace(
        a_recorder([an_interaction()])._verdicts,
        remedy=Remedy(rerun="pytest 'a.py::t[x, mode=1]' --llmreplay-mode={mode}"),
    )

    problem = verdicts.unplayed(verdicts.tracks, ())

    assert '@pytest.mark.llmreplay(on_unplayed="ignore")' in str(problem)
    assert "pytest 'a.py::t[x, mode=1]' --llmreplay-mode=rewrite" in str(problem)
