"""Ways to a provider that nobody records: looked out for while a recorder sends.

A framework may bring a transport of its own, over bare sockets say. In a replay the guard refuses it; while recording
it would pay for answers that stand on no cassette, and nobody would be told.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from llmreplay.interceptors.dispatch import DISPATCH
from llmreplay.interceptors.guard_lifted import is_lifted, lifted
from llmreplay.interceptors.guard_policy import GuardPolicy, host_name
from llmreplay.interceptors.guard_tasks import origin_now

_EVENTS = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})


class _Watch:
    """Looks at every name that is looked up while somebody is told."""

    def __init__(self) -> None:
        self._told: tuple[tuple[GuardPolicy, Callable[[str], None]], ...] = ()
        self._is_hooked = False

    @contextmanager
    def telling(self, policy: GuardPolicy, tell: Callable[[str], None]) -> Iterator[None]:
        entry = (policy, tell)
        if not self._is_hooked:
            self._is_hooked = True
            # It cannot be taken back; and where another hook keeps it out, nobody is told.
            with suppress(Exception):
                sys.addaudithook(self._hook)
        self._told = (*self._told, entry)
        try:
            yield
        finally:
            self._told = tuple(other for other in self._told if other is not entry)

    def _hook(self, event: str, args: tuple[object, ...]) -> None:
        if self._told and event in _EVENTS and not is_lifted():
            # Whatever goes wrong here is no concern of the one who looks a name up.
            with lifted(), suppress(Exception):
                self._look(host_name(args[0]))

    def _look(self, host: str) -> None:
        # A request of ours may look its host up in a thread that knows nothing of it, so any under way excuses all.
        if DISPATCH.is_sending:
            return
        for policy, tell in self._told:
            if policy.provider_of((host,)) and not policy.allows(host):
                origin = origin_now(host, str(Path.cwd()))
                tell(
                    f"{policy.label}: a call to {host} went round the libraries that are recorded, through "
                    f"{origin.library} ({origin.call_site}): it is on no cassette and in no budget, and a replay "
                    "refuses it."
                )


_WATCH = _Watch()


@contextmanager
def watched(policy: GuardPolicy, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell of lookups of a provider's host that no request of a recorder needs.

    Args:
        policy: Knows the providers' hosts, and those that are meant to be live.
        tell: Called with a text for each.
    """
    with _WATCH.telling(policy, tell):
        yield
