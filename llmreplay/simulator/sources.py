"""Sources of answers: recorded interactions, and outcomes in a fixed order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from threading import Lock
from typing import TypeAlias
from urllib.parse import urlsplit

from llmreplay.core.api import Api
from llmreplay.core.canonical import canonical_body
from llmreplay.core.errors import SettingError
from llmreplay.core.model import Chunk, Failure, Interaction, Outcome, Request, Response, TransportFailure
from llmreplay.simulator.rows import row_for

Source: TypeAlias = Callable[[Request], Outcome | None]
"""Answers a request, or gives None to leave it to the next source. Delays in the outcome are real seconds."""

_SERVABLE_FAILURES = (Failure.READ_ERROR, Failure.READ_TIMEOUT, Failure.PROTOCOL_ERROR, Failure.CLIENT_CLOSED)
_PLAIN_ERROR = b'{"error":{"type":"simulated_error","message":"An error made up by the simulator."}}'


def serve_interactions(
    interactions: Iterable[Interaction],
    *,
    speed: float = 0.0,
    pace_s: float | None = None,
    is_repeating: bool = False,
) -> Source:
    """Answer requests as they were answered when they were recorded, the same bytes in the same chunks.

    Args:
        interactions: Found by method, path with query, and the meaning of the body; the host does not count.
            Those with the same request are served in order.
        speed: Scales the recorded pauses: 0 for none, 1 as recorded, 2 twice as long.
        pace_s: Seconds before every chunk, in place of the recorded ones.
        is_repeating: Whether identical requests start over when all their recordings are served; otherwise
            they are left to the next source.

    Raises:
        SettingError: A failure that a server cannot cause, or a negative speed or pace.
    """
    if speed < 0 or (pace_s is not None and pace_s < 0):
        raise SettingError(f"serve_interactions(speed={speed}, pace_s={pace_s}): both must be 0 or more.")
    waiting: dict[Hashable, deque[Outcome]] = {}
    for number, interaction in enumerate(interactions, start=1):
        check_servable(interaction.outcome, f"interaction {number}")
        outcome = _paced(interaction.outcome, speed, pace_s)
        waiting.setdefault(_key(interaction.request), deque()).append(outcome)
    lock = Lock()

    def answer(request: Request) -> Outcome | None:
        with lock:
            outcomes = waiting.get(_key(request))
            if not outcomes:
                return None
            outcome = outcomes.popleft()
            if is_repeating:
                outcomes.append(outcome)
            return outcome

    return answer


def script(outcomes: Sequence[Outcome | int | None], *, apis: Sequence[Api] | None = None) -> Source:
    """Answer requests in the order they arrive with the given outcomes, then leave them to the next source.

    Args:
        outcomes: A response or failure to give as it is; a status, for the provider's own error with that
            status; None to leave one request to the next source.
        apis: Rows that word the errors; all that we know if not given.

    Raises:
        SettingError: An outcome that a server cannot cause.
    """
    for number, outcome in enumerate(outcomes, start=1):
        check_servable(Response(outcome) if isinstance(outcome, int) else outcome, f"outcome {number}")
    waiting = deque(outcomes)
    lock = Lock()

    def answer(request: Request) -> Outcome | None:
        with lock:
            outcome = waiting.popleft() if waiting else None
        return _error(outcome, request, apis) if isinstance(outcome, int) else outcome

    return answer


def check_servable(outcome: Outcome | None, place: str) -> None:
    """Refuse an outcome that no server can cause.

    Raises:
        SettingError: A failure before the connection stands, or a status outside 200 to 599.
    """
    if isinstance(outcome, TransportFailure) and outcome.kind not in _SERVABLE_FAILURES:
        allowed = ", ".join(kind.value for kind in _SERVABLE_FAILURES)
        raise SettingError(
            f"{place}: a server cannot cause {outcome.kind.value!r}, which happens before it is reached: "
            f"choose from {allowed}, or inject the fault into the client's side."
        )
    if isinstance(outcome, Response) and not 200 <= outcome.status <= 599:
        raise SettingError(f"{place}: status {outcome.status}: choose one from 200 to 599.")


def _key(request: Request) -> Hashable:
    parts = urlsplit(request.url)
    return request.method, parts.path or "/", parts.query, canonical_body(request.headers, request.body)


def _paced(outcome: Outcome, speed: float, pace_s: float | None) -> Outcome:
    if isinstance(outcome, TransportFailure):
        return replace(outcome, after_s=outcome.after_s * speed)
    chunks = tuple(
        replace(chunk, after_s=chunk.after_s * speed if pace_s is None else pace_s) for chunk in outcome.chunks
    )
    return replace(outcome, chunks=chunks)


def _error(status: int, request: Request, apis: Sequence[Api] | None) -> Response:
    api = row_for(request, apis)
    if api is None or api.error_reply is None:
        return Response(status, (("content-type", "application/json"),), (Chunk(_PLAIN_ERROR),))
    reply = api.error_reply(status, None)
    return Response(reply.status, reply.headers, (Chunk(reply.body),))
