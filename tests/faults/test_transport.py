import pytest

from llmreplay import faults
from llmreplay.core.fault import FaultCannotApply
from llmreplay.core.model import Failure, TransportFailure

from .fault_doubles import a_body, a_context, a_stream


@pytest.mark.parametrize(
    ("fault", "kind", "delay_s"),
    [
        (faults.ConnectError(), Failure.CONNECT_ERROR, 0.0),
        (faults.ConnectTimeout(), Failure.CONNECT_TIMEOUT, 5.0),
        (faults.ReadTimeout(), Failure.READ_TIMEOUT, 60.0),
        (faults.ConnectionReset(), Failure.READ_ERROR, 0.0),
    ],
    ids=["refused", "connect timeout", "read timeout", "reset"],
)
def test_a_transport_fault_needs_no_answer(fault, kind, delay_s):
    """The client gets that failure, a timeout only when its own time is up, and nothing need be sent."""
    failure = fault.apply(None, a_context())

    assert fault.replaces
    assert (failure.kind, failure.delay_s) == (kind, delay_s)
    assert failure.message


@pytest.mark.parametrize(
    ("fault", "unset"),
    [(faults.ConnectTimeout(), "connect_timeout_s"), (faults.ReadTimeout(), "read_timeout_s")],
    ids=["connect", "read"],
)
def test_a_client_that_waits_for_ever_gets_no_timeout(fault, unset):
    """Without a timeout of the client's own, a timeout cannot happen, and that is said."""
    with pytest.raises(FaultCannotApply, match="would wait for ever"):
        fault.apply(a_body(), a_context(**{unset: None}))


def test_the_answer_to_an_accepted_request_is_lost():
    """The request counts as served, so it is not replaced, and the failure comes when the answer would have."""
    fault = faults.ClosedAfterRequest()

    failure = fault.apply(a_stream(delay_s=2.0), a_context())

    assert not fault.replaces
    assert failure == TransportFailure(
        Failure.PROTOCOL_ERROR, "Server disconnected without sending a response.", after_s=0.1, delay_s=2.0
    )


def test_an_answer_that_never_came_cannot_be_lost():
    """A request that failed already has no answer to lose, and the error says how it failed."""
    failed = TransportFailure(Failure.CONNECT_ERROR)

    with pytest.raises(FaultCannotApply) as caught:
        faults.ClosedAfterRequest().apply(failed, a_context())

    assert str(caught.value) == (
        "ClosedAfterRequest(): the attempt got no response to change: it failed with connect_error."
    )
