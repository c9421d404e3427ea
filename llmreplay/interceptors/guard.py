"""Offline means offline: every connection of this process is judged while a guard is open.

One audit hook sees each connection and lookup that goes through Python's sockets, whatever library, loop, thread or
saved method asks. It is added at first use, cannot be taken back, and does nothing while nothing is closed.
What it does not see is wrapped, see `guard_patches`.
Not covered: sockets of C and Rust extensions (libpq, libcurl, gRPC, reqwest); see `guard_children` for
processes. Source: https://docs.python.org/3/library/audit_events.html (read 2026-11-21).
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakSet

from llmreplay.core.errors import ClosedConnection, LlmReplayError
from llmreplay.interceptors.guard_children import Report, inherited, publish
from llmreplay.interceptors.guard_lifted import is_lifted, lifted
from llmreplay.interceptors.guard_patches import PATCHED_MODULES, KnownNames, Patches
from llmreplay.interceptors.guard_policy import (
    BlockedConnection,
    GuardPolicy,
    Hear,
    OnBlocked,
    Place,
    host_name,
    is_address,
    loopback_proxy_ports,
    place_of,
    port_number,
)
from llmreplay.interceptors.guard_stack import Origin
from llmreplay.interceptors.guard_tasks import origin_now
from llmreplay.interceptors.guard_text import blocked_text
from llmreplay.interceptors.guard_threads import LateThreads, running_threads

__all__ = [
    "BlockedConnection",
    "GuardPolicy",
    "blocked_text",
    "close_child_process",
    "closed",
    "loopback_proxy_ports",
]

_PROBE = "llmreplay.guard.probe"


@contextmanager
def closed(policy: GuardPolicy, on_blocked: OnBlocked, *, on_late: OnBlocked | None = None) -> Iterator[Hear]:
    """Refuse connections that the policy forbids, in the whole process and in Python children started meanwhile.

    Args:
        policy: What stays open. If several guards are open, a connection must be permitted by all; the one opened
            last is asked first.
        on_blocked: Called once for each refusal, in the thread that asked; for one in a child process, when the
            guard closes, and then what it gives is not raised.
        on_late: Called in place of `on_blocked` for a thread that was started meanwhile and outlived the guard.

    Raises:
        LlmReplayError: Another audit hook keeps ours out, or the report of the children is gone.
    """
    guard = _GUARDS.open(policy, on_blocked, on_blocked if on_late is None else on_late)
    try:
        yield lambda: guard.hear(guard.report.fresh())
    finally:
        _GUARDS.close(guard)


def close_child_process(published: str) -> None:
    """Close this process for good, as its parent was when it was started; for our `sitecustomize`."""
    for policy, report in inherited(published):
        _GUARDS.open(policy, _refusal_in_child, _refusal_in_child, report=report, starter_id=0)


def _refusal_in_child(blocked: BlockedConnection) -> BaseException:
    return ClosedConnection(blocked_text(blocked))


@dataclass(eq=False, slots=True, frozen=True)
class _Guard:
    """One `closed(...)` block.

    Attributes:
        report: Where child processes tell what they refused.
        starter_id: The process that reads the report; 0 if that is a parent.
        root: The folder that call sites are told relative to.
        threads: Those that ran when it was opened.
    """

    policy: GuardPolicy
    on_blocked: OnBlocked
    on_late: OnBlocked
    report: Report
    starter_id: int
    root: str
    threads: WeakSet[threading.Thread]

    def hear(self, told: Iterable[BlockedConnection]) -> None:
        for blocked in told:
            self.on_blocked(blocked)


class _Guards:
    """The open guards of this process, and the hook that asks them."""

    def __init__(self) -> None:
        self._open: tuple[_Guard, ...] = ()
        self._late: LateThreads[_Guard] = LateThreads()
        self._names = KnownNames()
        self._patches = Patches(self.judge, self._names)
        self._lock = threading.RLock()
        self._is_hooked = False
        self._handlers: dict[str, Callable[..., None]] = {
            "socket.connect": self._on_connect,
            "socket.sendto": self._on_address,
            "socket.sendmsg": self._on_address,
            "socket.getaddrinfo": self._on_lookup,
            "socket.gethostbyname": self._on_lookup,
            "socket.gethostbyaddr": lambda host, *_: self.judge(host, None),
            "socket.getnameinfo": self._on_reverse_lookup,
            "import": self._on_import,
            "_thread.start_new_thread": self._on_thread,
            "_thread.start_joinable_thread": self._on_thread,
            _PROBE: self._on_probe,
        }

    def open(
        self,
        policy: GuardPolicy,
        on_blocked: OnBlocked,
        on_late: OnBlocked,
        *,
        report: Report | None = None,
        starter_id: int | None = None,
    ) -> _Guard:
        with self._lock:
            self._add_hook()
            guard = _Guard(
                policy,
                on_blocked,
                on_late,
                report if report is not None else Report.created(),
                os.getpid() if starter_id is None else starter_id,
                _current_folder(),
                running_threads(),
            )
            self._open = (*self._open, guard)
            self._adjust()
        return guard

    def close(self, guard: _Guard) -> None:
        with self._lock:
            self._open = tuple(other for other in self._open if other is not guard)
            self._late.remember(guard, guard.threads)
            self._adjust()
        if guard.starter_id == os.getpid():
            guard.hear(guard.report.take())

    def judge(self, host: object, port: object) -> None:
        """Raise what a guard gives if one forbids this destination."""
        if is_lifted():
            return
        # What it looks up itself is not judged.
        with lifted():
            self._judge(host_name(host), port_number(port))

    def _judge(self, host: str, port: int | None) -> None:
        place = place_of(host)
        owner = self._late.owner()
        guards = ((owner,) if owner is not None else ()) + self._open[::-1]
        if place is Place.LOOPBACK and not any(port in guard.policy.proxy_ports for guard in guards):
            return
        known = self._names.of(host)
        origin: list[Origin] = []

        def asked_by(root: str) -> Origin:
            if not origin:
                origin.append(origin_now(host, root))
            return origin[0]

        for guard in guards:
            names = (*known, host)
            is_http = lambda guard=guard: asked_by(guard.root).is_http  # noqa: E731
            if guard.policy.permits(names, port, place, is_http) or self._is_allowed_name(guard, host):
                continue
            blocked = _blocked(guard, names, port, asked_by(guard.root))
            if guard is owner:
                raise guard.on_late(replace(blocked, is_late=True))
            if guard.starter_id != os.getpid():
                blocked = replace(blocked, process_id=os.getpid())
                guard.report.add(blocked)
            raise guard.on_blocked(blocked)

    def _is_allowed_name(self, guard: _Guard, host: str) -> bool:
        """Say whether an address belongs to an allowed name that was looked up where we could not see it."""
        if not is_address(host):
            return False
        for name in guard.policy.exact_names:
            with suppress(OSError):
                self._names.remember(name, (entry[4][0] for entry in socket.getaddrinfo(name, None)))
        return any(name in guard.policy.exact_names for name in self._names.of(host))

    def _adjust(self) -> None:
        publish((guard.policy, guard.report) for guard in self._open)
        if self._open:
            self._patches.install(with_names=any(guard.policy.allows_names for guard in self._open))
        else:
            self._patches.remove()
            self._names.clear()

    def _add_hook(self) -> None:
        if self._is_hooked:
            return
        handlers, is_watching = self._handlers, self._is_watching

        # A closure over locals: module globals may be gone while the interpreter shuts down.
        def hook(event: str, args: tuple[object, ...]) -> None:
            handler = handlers.get(event)
            if handler is not None and is_watching():
                handler(*args)

        sys.addaudithook(hook)
        sys.audit(_PROBE, self)
        if not self._is_hooked:
            raise LlmReplayError(
                "Connections cannot be closed: another audit hook refused ours (sys.addaudithook).\n"
                "  Remove that hook, or switch the guard off with guard='off'."
            )

    def _is_watching(self) -> bool:
        return bool(self._open) or bool(self._late) or not self._is_hooked

    def _on_probe(self, asker: object) -> None:
        self._is_hooked = self._is_hooked or asker is self

    def _on_connect(self, sock: socket.socket, address: object) -> None:
        try:
            self._on_address(sock, address)
        except Exception:
            raise
        except BaseException:
            sock.close()  # `socket.create_connection` closes it for an OSError only.
            raise

    def _on_address(self, sock: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and len(address) >= 2 and sock.family in (socket.AF_INET, socket.AF_INET6):
            self.judge(address[0], address[1])

    def _on_lookup(self, host: object, port: object = None, *_: object) -> None:
        if not is_address(host_name(host)):
            self.judge(host, port)

    def _on_reverse_lookup(self, address: tuple[object, ...]) -> None:
        self.judge(address[0], address[1])

    def _on_import(self, module: str, *_: object) -> None:
        if module in PATCHED_MODULES and self._open:
            # The event comes before the import: done here, the module is wrapped before anybody uses it.
            with suppress(ImportError):
                importlib.import_module(module)
                self._patches.install(with_names=False)

    def _on_thread(self, target: object, *_: object) -> None:
        if self._late:
            self._late.inherit(target)


def _blocked(guard: _Guard, names: tuple[str, ...], port: int | None, origin: Origin) -> BlockedConnection:
    thread = threading.current_thread()
    return BlockedConnection(
        host=names[0],
        address=names[-1] if is_address(names[-1]) else "",
        port=port,
        library=origin.library,
        call_site=origin.call_site,
        label=guard.policy.label,
        is_websocket=origin.is_websocket,
        provider=guard.policy.provider_of(names),
        thread=thread.name if origin.is_here and thread is not threading.main_thread() else "",
    )


def _current_folder() -> str:
    with suppress(OSError):
        return str(Path.cwd())
    return ""


_GUARDS = _Guards()
