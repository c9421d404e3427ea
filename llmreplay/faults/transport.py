"""Faults in which no response arrives at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from llmreplay.core.fault import FaultContext
from llmreplay.core.model import Failure, Outcome, TransportFailure
from llmreplay.faults.outcomes import cannot_apply, response_to_change


def _delay_of(outcome: Outcome | None) -> float:
    return outcome.delay_s if outcome else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectError:
    """The connection is refused; the provider never saw the request.

    Attributes:
        message: The text of the client's exception.
    """

    message: str = "[Errno 111] Connection refused"
    replaces: ClassVar[bool] = True

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the failure in the answer's place."""
        return TransportFailure(Failure.CONNECT_ERROR, self.message, delay_s=_delay_of(outcome))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectTimeout:
    """No connection comes about for as long as the client is willing to wait; the provider saw no request.

    Attributes:
        message: The text of the client's exception.
    """

    message: str = "timed out"
    replaces: ClassVar[bool] = True

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the failure in the answer's place, after the client's own connect timeout.

        Raises:
            FaultCannotApply: The client set none.
        """
        if context.connect_timeout_s is None:
            raise cannot_apply(
                self, "the client set no connect timeout and would wait for ever. Give it one, or use ConnectError."
            )
        return TransportFailure(Failure.CONNECT_TIMEOUT, self.message, delay_s=context.connect_timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTimeout:
    """No answer begins for as long as the client is willing to wait; whether the request was served is unknown.

    Attributes:
        message: The text of the client's exception.
    """

    message: str = "The read operation timed out"
    replaces: ClassVar[bool] = True

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the failure in the answer's place, after the client's own read timeout.

        Raises:
            FaultCannotApply: The client set none.
        """
        if context.read_timeout_s is None:
            raise cannot_apply(
                self,
                "the client set no read timeout and would wait for ever. Give it one, or use ConnectionReset.",
            )
        return TransportFailure(Failure.READ_TIMEOUT, self.message, delay_s=context.read_timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionReset:
    """The connection is reset before an answer begins.

    Attributes:
        message: The text of the client's exception.
    """

    message: str = "[Errno 104] Connection reset by peer"
    replaces: ClassVar[bool] = True

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the failure in the answer's place."""
        return TransportFailure(Failure.READ_ERROR, self.message, delay_s=_delay_of(outcome))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedAfterRequest:
    """The request was accepted and served, and its answer is lost: a retry may do the same thing twice.

    It does not replace: the request is sent where requests are sent, and counts as served.

    Attributes:
        message: The text of the client's exception.
    """

    message: str = "Server disconnected without sending a response."
    replaces: ClassVar[bool] = False

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Lose the answer at the moment when it would have begun.

        Raises:
            FaultCannotApply: The request got no answer that could be lost.
        """
        response = response_to_change(self, outcome)
        after_s = response.chunks[0].after_s if response.chunks else 0.0
        return TransportFailure(Failure.PROTOCOL_ERROR, self.message, after_s, response.delay_s)
