"""Closing the network: for a recorder that is offline, or for a whole session."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager

from llmreplay.core.errors import ClosedConnection, Refusal
from llmreplay.core.model import End
from llmreplay.core.recorder import Recorder
from llmreplay.core.settings import Settings
from llmreplay.interceptors.guard import GuardPolicy, blocked_text, closed, loopback_proxy_ports
from llmreplay.interceptors.guard_policy import SESSION
from llmreplay.providers import CATALOGUE


def closed_for(
    refuse: Callable[[Refusal], BaseException], settings: Settings, label: str
) -> AbstractContextManager[Callable[[], None]]:
    """Close the network for a recorder that is offline; what is refused is raised and noted by `refuse`.

    Returns:
        Gives a function that has the recorder note what child processes were refused so far.
    """
    return closed(_policy(settings, label), lambda blocked: refuse(ClosedConnection(blocked_text(blocked))))


def closed_session(
    settings: Settings, as_raised: Callable[[Refusal], BaseException]
) -> AbstractContextManager[Callable[[], None]]:
    """Close the network for a whole session; what is refused is raised where it was tried."""
    return closed(_policy(settings, SESSION), lambda blocked: as_raised(ClosedConnection(blocked_text(blocked))))


def end_open_streams(recorder: Recorder) -> None:
    """Record what came so far of every stream that nobody closed: the test is over, and the answer was paid for."""
    if recorder.is_offline:
        return
    for attempt in recorder.calls.attempts:
        if attempt.receiving is not None:
            attempt.receiving(End.CLIENT_CLOSED)


def _policy(settings: Settings, label: str) -> GuardPolicy:
    return GuardPolicy(
        label=label,
        strict=settings.guard == "strict",
        allowed_hosts=(*settings.allowed_hosts, *settings.ignore_hosts),
        provider_hosts=tuple((host, provider.name) for provider in CATALOGUE.providers for host in provider.hosts),
        proxy_ports=loopback_proxy_ports(os.environ),
    )
