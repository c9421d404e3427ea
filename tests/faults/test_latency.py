import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmreplay import faults
from llmreplay.core.errors import SettingError
from llmreplay.core.fault import FaultCannotApply
from llmreplay.core.model import Chunk, End, Failure, Response, TransportFailure

from .fault_doubles import a_body, a_context, a_stream, names_in

DELAYS = [chunk.delay_s for chunk in a_stream().chunks]


def delays(response):
    return [chunk.delay_s for chunk in response.chunks]


@pytest.mark.parametrize("seconds", [0.5, 60], ids=["short", "just the timeout"])
def test_a_delay_within_the_timeout_only_delays(seconds):
    """Nothing but the time before the headers changes."""
    late = faults.Delay(seconds).apply(a_body(), a_context())

    assert late == a_body(delay_s=seconds)


def test_a_delay_beyond_the_timeout_is_the_clients_own_timeout():
    """The client gives up after what it asked for, not after what the fault asked for."""
    outcome = faults.Delay(61).apply(a_body(), a_context())

    assert outcome == TransportFailure(Failure.READ_TIMEOUT, "The read operation timed out", delay_s=60.0)


def test_delays_add_up_to_a_timeout():
    """Two delays that are short alone are compared with the timeout together."""
    context = a_context()

    outcome = faults.Delay(40).apply(faults.Delay(40).apply(a_body(), context), context)

    assert outcome.kind is Failure.READ_TIMEOUT


def test_a_client_without_a_timeout_waits():
    """Without a timeout any delay is waited for."""
    late = faults.Delay(10_000).apply(a_body(), a_context(read_timeout_s=None))

    assert late.delay_s == 10_000


@pytest.mark.parametrize(
    ("failed", "seconds", "seen", "delay_s"),
    [
        (Failure.READ_ERROR, 10, Failure.READ_ERROR, 10),
        (Failure.READ_ERROR, 61, Failure.READ_TIMEOUT, 60),
        (Failure.CONNECT_ERROR, 3, Failure.CONNECT_ERROR, 3),
        (Failure.CONNECT_ERROR, 6, Failure.CONNECT_TIMEOUT, 5),
    ],
    ids=["late", "too late", "late connect", "too late connect"],
)
def test_a_failure_can_come_late(failed, seconds, seen, delay_s):
    """A delayed failure comes later, or is the timeout that comes first."""
    outcome = faults.Delay(seconds).apply(TransportFailure(failed), a_context())

    assert (outcome.kind, outcome.delay_s) == (seen, delay_s)


def test_a_slow_first_token_delays_the_first_chunk_only():
    """Headers and all later chunks come as before."""
    late = faults.SlowFirstToken(9).apply(a_stream(), a_context())

    assert late.delay_s == 0
    assert delays(late) == [9, 0, 0, 0, 0, 0]
    assert late.body == a_stream().body


def test_a_first_token_beyond_the_timeout_never_comes():
    """The stream begins, stays empty, and ends in the client's own timeout."""
    late = faults.SlowFirstToken(61).apply(a_stream(), a_context())

    assert (late.status, late.chunks, late.end, late.end_delay_s) == (200, (), End.READ_TIMEOUT, 60)


def test_an_empty_stream_has_no_first_token():
    """Without a byte there is nothing to delay, and the fault says so."""
    with pytest.raises(FaultCannotApply, match="the stream is empty"):
        faults.SlowFirstToken(1).apply(a_stream(chunks=()), a_context())


def test_what_comes_just_in_time_is_no_timeout():
    """A chunk, an end and a failure that come exactly with the timeout still come."""
    token = faults.SlowFirstToken(60).apply(a_stream(), a_context())
    end = faults.Stall(after=6, stall_s=60).apply(a_stream(), a_context())
    failure = faults.Delay(60).apply(TransportFailure(Failure.READ_ERROR), a_context())

    assert (token.end, delays(token)[0]) == (End.COMPLETE, 60)
    assert (end.end, end.end_delay_s) == (End.COMPLETE, 60)
    assert (failure.kind, failure.delay_s) == (Failure.READ_ERROR, 60)


def test_a_slow_stream_delays_each_event_but_the_first():
    """With an event a chunk, each later chunk waits."""
    slow = faults.SlowStream(2).apply(a_stream(), a_context())

    assert delays(slow) == [0, 2, 2, 2, 2, 2]
    assert slow.body == a_stream().body


@given(st.lists(st.integers(1, 200), min_size=1, max_size=20))
def test_a_slow_stream_delays_events_however_they_arrived(sizes):
    """The waits add up to one for each event but the first, whatever the chunks, and no byte changes."""
    stream = faults.Rechunk(sizes=tuple(sizes)).apply(a_stream(), a_context())

    slow = faults.SlowStream(2).apply(stream, a_context())

    assert sum(delays(slow)) == 10
    assert slow.body == stream.body
    assert sum(chunk.after_s for chunk in slow.chunks) == pytest.approx(sum(c.after_s for c in stream.chunks))


def test_a_stream_of_unknown_format_is_slowed_by_chunks():
    """Where events cannot be told, each chunk but the first waits."""
    stream = Response(200, (), (Chunk(b"a"), Chunk(b"b")))

    slow = faults.SlowStream(2).apply(stream, a_context(api=None))

    assert delays(slow) == [0, 2]


def test_a_gap_beyond_the_timeout_ends_the_slow_stream():
    """The first event comes, and then the client's own timeout."""
    slow = faults.SlowStream(61).apply(a_stream(), a_context())

    assert (names_in(slow), slow.end, slow.end_delay_s) == (["start"], End.READ_TIMEOUT, 60)


def test_a_stream_of_one_event_cannot_be_slow():
    """With nothing to slow down, the fault says so."""
    with pytest.raises(FaultCannotApply, match="nothing to slow down"):
        faults.SlowStream(1).apply(a_stream(("start",)), a_context())


def test_a_stall_lasts_until_the_client_gives_up():
    """After the events promised comes silence, and the timeout that the client asked for."""
    stalled = faults.Stall(after=3).apply(a_stream(), a_context())

    assert stalled.chunks == a_stream().chunks[:3]
    assert (stalled.end, stalled.end_delay_s) == (End.READ_TIMEOUT, 60)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.Stall(after=0, stall_s=30), [30, 0, 0, 0, 0, 0]),
        (faults.Stall(event="delta", n=2, stall_s=30), [0, 0, 0, 30, 0, 0]),
    ],
    ids=["at the start", "by name"],
)
def test_a_stall_may_pass(fault, expected):
    """A silence shorter than the timeout delays the next event and loses nothing."""
    stalled = fault.apply(a_stream(), a_context())

    assert delays(stalled) == expected
    assert stalled.body == a_stream().body


def test_a_stall_inside_a_chunk_splits_it_there():
    """Where several events arrived together, the silence falls between them."""
    stream = a_stream()
    together = Response(200, stream.headers, (Chunk(stream.body, 0.5),))

    stalled = faults.Stall(after=2, stall_s=30).apply(together, a_context())

    assert [(names_in(Response(200, (), (chunk,))), chunk.delay_s) for chunk in stalled.chunks] == [
        (["start", "delta"], 0),
        (["delta", "delta", "usage", "stop"], 30),
    ]


@pytest.mark.parametrize(
    ("seconds", "end", "end_delay_s"), [(30, End.COMPLETE, 30), (61, End.READ_TIMEOUT, 60)], ids=["short", "long"]
)
def test_a_stall_after_the_last_event_delays_the_end(seconds, end, end_delay_s):
    """All events come; the connection closes late, or too late for the client."""
    stalled = faults.Stall(after=6, stall_s=seconds).apply(a_stream(), a_context())

    assert (stalled.chunks, stalled.end, stalled.end_delay_s) == (a_stream().chunks, end, end_delay_s)


def test_a_client_without_a_timeout_would_hang_in_a_stall():
    """An endless silence for an endless client cannot be, and the error says how to end it."""
    with pytest.raises(FaultCannotApply, match=r"stall_s=30"):
        faults.Stall(after=1).apply(a_stream(), a_context(read_timeout_s=None))


@pytest.mark.parametrize("make", [faults.Delay, faults.SlowFirstToken, faults.SlowStream])
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), "5", True, None], ids=repr)
def test_a_delay_is_a_number_of_seconds_above_zero(make, value):
    """Anything else raises where it is written, and is echoed."""
    with pytest.raises(SettingError) as caught:
        make(value)

    assert str(caught.value) == (f"{make.__name__}(delay_s={value!r}): delay_s must be a number of seconds, above 0.")


@pytest.mark.parametrize("fault", [faults.SlowFirstToken(1), faults.SlowStream(1), faults.Stall(after=1)])
def test_stream_latency_needs_a_stream(fault):
    """On a call that does not stream these faults are an error, never silently nothing."""
    with pytest.raises(FaultCannotApply, match=r"this call to acme\.chat does not stream\."):
        fault.apply(a_body(), a_context(is_streamed=False))
