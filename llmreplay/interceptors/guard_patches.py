"""The few methods that the interpreter's audit events do not cover, wrapped while connections are closed.

uvloop and c-ares (aiodns, aiohttp's resolver) open sockets in C, and so does asyncio's proactor loop on Windows: none
raises an audit event. `socket.connect` given a name looks it up before it raises its own. (Measured with uvloop 0.23,
pycares 5.2 and Python 3.11; read in CPython's `Modules/overlapped.c`, 2026-11-21.) And an audit event comes before a
lookup, so the addresses of an allowed name are learnt from the answer of `socket.getaddrinfo`.
"""

from __future__ import annotations

import functools
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from llmreplay.interceptors.guard_policy import host_name, is_address

Judge = Callable[[object, object], None]
"""Raises if a host and port must not be reached."""

PATCHED_MODULES = frozenset(("uvloop", "pycares"))
"""Modules that are wrapped once imported."""

_ABSENT = object()


class KnownNames:
    """Which host names an address was given for."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, ...]] = {}

    def remember(self, host: object, addresses: Iterable[object]) -> None:
        """Note the answer to a lookup."""
        name = host_name(host)
        if not name or is_address(name):
            return
        for address in map(host_name, addresses):
            known = self._names.get(address, ())
            if name not in known:
                self._names[address] = (*known, name)

    def of(self, address: str) -> tuple[str, ...]:
        """List the names that an address was given for, oldest first."""
        return self._names.get(address, ())

    def clear(self) -> None:
        """Forget all."""
        self._names.clear()


@dataclass(frozen=True, slots=True)
class _Patch:
    """A wrapped attribute, and what stood in its owner's own namespace before."""

    owner: Any
    name: str
    wrapper: Any
    own: Any

    def undo(self) -> None:
        if vars(self.owner).get(self.name) is not self.wrapper:
            return  # Somebody wrapped it after us; our wrapper is inert now.
        if self.own is _ABSENT:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.own)


class Patches:
    """Wraps what is importable and not wrapped yet; takes back what is still ours."""

    def __init__(self, judge: Judge, names: KnownNames) -> None:
        self._judge = judge
        self._names = names
        self._patches: list[_Patch] = []

    def install(self, *, with_names: bool) -> None:
        """Wrap sockets, and what is imported of the rest; with names, the system's lookups too."""
        for name, position in (("connect", 0), ("connect_ex", 0), ("sendto", -1), ("sendmsg", 3)):
            self._wrap(socket.socket, name, functools.partial(self._judging, position=position, names_only=True))
        loop = getattr(sys.modules.get("uvloop"), "Loop", None)
        if loop is not None:
            self._wrap(loop, "create_connection", self._uvloop_connection)
            self._wrap(loop, "create_datagram_endpoint", self._uvloop_datagrams)
            self._wrap(loop, "getaddrinfo", self._uvloop_lookup)
        channel = getattr(sys.modules.get("pycares"), "Channel", None)
        if channel is not None:
            for name in ("getaddrinfo", "gethostbyname", "query", "search"):
                self._wrap(channel, name, self._cares_lookup)
        proactor = getattr(sys.modules.get("asyncio.windows_events"), "IocpProactor", None)
        if proactor is not None:
            self._wrap(proactor, "connect", functools.partial(self._judging, position=1))
            self._wrap(proactor, "sendto", functools.partial(self._judging, position=3))
        if with_names:
            self._wrap(socket, "getaddrinfo", self._lookup)
            self._wrap(socket, "gethostbyname", self._short_lookup)

    def remove(self) -> None:
        """Take back every wrapper that nobody has wrapped since."""
        while self._patches:
            self._patches.pop().undo()

    def _wrap(self, owner: Any, name: str, wrapped: Callable[[Any], Any]) -> None:
        if any(patch.owner is owner and patch.name == name for patch in self._patches):
            return
        original = getattr(owner, name, None)
        if original is None:
            return
        patch = _Patch(owner, name, wrapped(original), vars(owner).get(name, _ABSENT))
        setattr(owner, name, patch.wrapper)
        self._patches.append(patch)

    def _lookup(self, original: Any) -> Any:
        @functools.wraps(original)
        def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
            found = original(host, *args, **kwargs)
            self._names.remember(host, (entry[4][0] for entry in found))
            return found

        return getaddrinfo

    def _short_lookup(self, original: Any) -> Any:
        @functools.wraps(original)
        def gethostbyname(hostname: Any) -> Any:
            address = original(hostname)
            self._names.remember(hostname, (address,))
            return address

        return gethostbyname

    def _uvloop_connection(self, original: Any) -> Any:
        @functools.wraps(original)
        async def create_connection(
            loop: Any, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any
        ) -> Any:
            if host is not None and options.get("sock") is None:
                self._judge(host, port)
            return await original(loop, protocol_factory, host, port, **options)

        return create_connection

    def _uvloop_datagrams(self, original: Any) -> Any:
        @functools.wraps(original)
        async def create_datagram_endpoint(
            loop: Any, protocol_factory: Any, local_addr: Any = None, remote_addr: Any = None, **options: Any
        ) -> Any:
            if isinstance(remote_addr, tuple):
                self._judge(*remote_addr[:2])
            return await original(loop, protocol_factory, local_addr, remote_addr, **options)

        return create_datagram_endpoint

    def _uvloop_lookup(self, original: Any) -> Any:
        @functools.wraps(original)
        async def getaddrinfo(loop: Any, host: Any, port: Any, **options: Any) -> Any:
            if not is_address(host_name(host)):
                self._judge(host, port)
            found = await original(loop, host, port, **options)
            self._names.remember(host, (entry[4][0] for entry in found))
            return found

        return getaddrinfo

    def _cares_lookup(self, original: Any) -> Any:
        @functools.wraps(original)
        def looked_up(channel: Any, host: Any, *args: Any, **options: Any) -> Any:
            is_address_lookup = original.__name__ == "getaddrinfo"
            self._judge(host, args[0] if is_address_lookup and args else None)
            callback = options.get("callback")
            if callback is not None:

                def noted(found: Any, error: Any) -> None:
                    self._names.remember(host, (node.addr[0] for node in getattr(found, "nodes", ())))
                    callback(found, error)

                options["callback"] = noted
            return original(channel, host, *args, **options)

        return looked_up

    def _judging(self, original: Any, *, position: int, names_only: bool = False) -> Any:
        @functools.wraps(original)
        def judged(connector: Any, *args: Any, **options: Any) -> Any:
            address = args[position] if len(args) > max(position, 0) else None
            if isinstance(address, tuple) and len(address) >= 2:
                host, port = address[:2]
                # An address is left to the audit event: that is raised in any case, and only once.
                if isinstance(host, (str, bytes, bytearray)) and not (names_only and is_address(host_name(host))):
                    self._judge(host, port)
            return original(connector, *args, **options)

        return judged
