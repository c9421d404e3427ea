"""What faults share: which outcome may be changed, and how its headers and body are exchanged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from llmreplay.core.fault import FaultCannotApply, FaultContext
from llmreplay.core.model import Chunk, End, Headers, Outcome, Response, TransportFailure, header
from llmreplay.faults.code import code_of_fault


def cannot_apply(fault: object, reason: str) -> FaultCannotApply:
    """Make the error that says which fault could not do its work, and why."""
    return FaultCannotApply(f"{code_of_fault(fault)}: {reason}")


def response_to_change(fault: object, outcome: Outcome | None) -> Response:
    """Give the response that a fault is to change.

    Raises:
        FaultCannotApply: There is none.
    """
    if outcome is None:
        raise cannot_apply(fault, "there is no answer to change.")
    if isinstance(outcome, TransportFailure):
        raise cannot_apply(fault, f"the attempt got no response to change: it failed with {outcome.kind.value}.")
    return outcome


def streamed_response(fault: object, outcome: Outcome | None, context: FaultContext) -> Response:
    """Give the streamed answer that a fault is to change.

    Raises:
        FaultCannotApply: The request asks for no stream, or was answered with an error or not at all.
    """
    response = response_to_change(fault, outcome)
    if not context.is_streamed:
        name = context.api.name if context.api else context.request.url
        raise cannot_apply(fault, f"it changes a stream, and this call to {name} does not stream.")
    if not 200 <= response.status < 300:
        raise cannot_apply(fault, f"it changes a stream, and this call was answered with status {response.status}.")
    return response


def with_header(headers: Headers, name: str, value: str | None) -> Headers:
    """Set a header, in its place if it is there already, else at the end; None takes it away."""
    wanted = name.lower()
    kept: list[tuple[str, str]] = []
    is_set = value is None
    for key, old in headers:
        if key.lower() != wanted:
            kept.append((key, old))
        elif not is_set and value is not None:
            kept.append((key, value))
            is_set = True
    if not is_set and value is not None:
        kept.append((name, value))
    return tuple(kept)


def with_headers(headers: Headers, changes: Iterable[tuple[str, str]]) -> Headers:
    """Set several headers."""
    for name, value in changes:
        headers = with_header(headers, name, value)
    return headers


def with_chunks(response: Response, chunks: Iterable[Chunk], *, end: End | None = None) -> Response:
    """Exchange the body; a length that the headers announce is kept true, unless the body is to end early."""
    changed = replace(response, chunks=tuple(chunks), end=end or response.end)
    if changed.end is End.COMPLETE and header(response.headers, "content-length") is not None:
        length = str(sum(len(chunk.data) for chunk in changed.chunks))
        changed = replace(changed, headers=with_header(changed.headers, "content-length", length))
    return changed
