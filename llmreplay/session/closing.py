"""Closing the network: for a recorder that is offline, or for a whole session."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from llmreplay.core.attempt import Source
from llmreplay.core.errors import ClosedConnection, Refusal
from llmreplay.core.model import End
from llmreplay.core.recorder import Recorder
from llmreplay.core.settings import Settings
from llmreplay.core.verdicts import request_line
from llmreplay.interceptors.guard import GuardPolicy, blocked_text, closed, loopback_proxy_ports
from llmreplay.interceptors.guard_policy import SESSION
from llmreplay.interceptors.guard_unrecorded import watched
from llmreplay.providers import CATALOGUE


@contextmanager
def closed_for(
    refuse: Callable[[Refusal], BaseException], recorder: Recorder, label: str, notes: list[str]
) -> Iterator[Callable[[], None]]:
    """Close the network for a recorder that is offline; for another, look out for calls that go round it.

    Args:
        refuse: Notes a refusal, and gives what is raised.
        recorder: Its settings say what stays open.
        label: Names the test.
        notes: Get a note of each way round.

    Yields:
        A function that has the recorder note what child processes were refused so far.
    """
    policy = _policy(recorder.settings, label)
    if not recorder.is_offline:
        with watched(policy, lambda note: notes.append(note) if note not in notes else None):
            yield lambda: None
        return
    with closed(policy, lambda blocked: refuse(ClosedConnection(blocked_text(blocked)))) as hear:
        yield hear


def closed_session(
    settings: Settings, as_raised: Callable[[Refusal], BaseException]
) -> AbstractContextManager[Callable[[], None]]:
    """Close the network for a whole session; what is refused is raised where it was tried."""
    return closed(_policy(settings, SESSION), lambda blocked: as_raised(ClosedConnection(blocked_text(blocked))))


def end_recording(recorder: Recorder) -> list[str]:
    """Record what came so far of every stream that nobody closed: the test is over, and the answer was paid for.

    Returns:
        A note, if requests still wait for their answers, which nobody records any more.
    """
    if recorder.is_offline:
        return []
    waiting: list[str] = []
    for attempt in recorder.calls.attempts:
        if attempt.receiving is not None:
            attempt.receiving(End.CLIENT_CLOSED)
        elif attempt.source is Source.RECORDED and not attempt.has_ended:
            waiting.append(request_line(attempt))
    recorder.recording.end()
    return [_told(recorder.name, waiting)] if waiting else []


def _told(cassette: str, waiting: Sequence[str]) -> str:
    many = "1 request" if len(waiting) == 1 else f"{len(waiting)} requests"
    return (
        f"{cassette}: {many} still waited for an answer when the recording ended, and a replay will be refused there: "
        f"{waiting[0]}. Join the thread, or await the task, that makes it before the test ends."
    )


def _policy(settings: Settings, label: str) -> GuardPolicy:
    return GuardPolicy(
        label=label,
        strict=settings.guard == "strict",
        allowed_hosts=(*settings.allowed_hosts, *settings.ignore_hosts),
        provider_hosts=tuple((host, provider.name) for provider in CATALOGUE.providers for host in provider.hosts),
        proxy_ports=loopback_proxy_ports(os.environ),
    )
