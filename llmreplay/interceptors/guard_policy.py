"""Which destinations a closed process may still reach, and what is told about one that it may not."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from llmreplay.core.errors import SettingError

SESSION = "session"
"""The label of what is closed for a whole session, not for a test."""

_LOOPBACK_NAMES = frozenset(
    ("", "localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback")
)
_PRIVATE_SUFFIXES = (
    ".local",
    ".localdomain",
    ".internal",
    ".intranet",
    ".lan",
    ".home.arpa",
    ".private",
    ".corp",
    ".svc",
)
# Written out: `is_private` of the standard library also holds for documentation networks and for link-local
# addresses, where clouds serve credentials.
_PRIVATE_NETWORKS = tuple(
    ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
_OLD_IPV4 = re.compile(r"[0-9a-fx]+(\.[0-9a-fx]+){0,3}")


class Place(Enum):
    """How far away a host is."""

    LOOPBACK = "loopback"
    PRIVATE = "private"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """What stays open while connections are closed.

    Attributes:
        label: Who closed them: a test id, or `session`.
        strict: Closes private addresses to raw sockets too. To HTTP libraries they are closed in any case.
        allowed_hosts: Host names, `*` for any run of characters, IP addresses or networks (`10.0.0.0/8`).
        provider_hosts: Pairs of a host pattern and a provider's name, to name the provider in the refusal.
        proxy_ports: Ports on loopback that lead out of the machine, and are therefore closed.
    """

    label: str = ""
    strict: bool = False
    allowed_hosts: tuple[str, ...] = ()
    provider_hosts: tuple[tuple[str, str], ...] = ()
    proxy_ports: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for host in self.allowed_hosts:
            is_network = "/" in host and "://" not in host and _network_holds(host, None) is not None
            if not host or (not is_network and re.search(r"[/\s@]|^[^:]+:\d+$", host)):
                raise SettingError(
                    f"allowed_hosts={host!r}: give a host name ('api.example.com', '*.example.com'), an IP "
                    "address or a network ('10.0.0.0/8'); no scheme, port or path."
                )

    @property
    def exact_names(self) -> tuple[str, ...]:
        """The allowed hosts that are one name each: neither a pattern nor an address."""
        return tuple(
            host.lower() for host in self.allowed_hosts if not re.search(r"[*?\[\]/]", host) and _address(host) is None
        )

    @property
    def allows_names(self) -> bool:
        """Whether an allowed host is told by its name, so that addresses need their names remembered."""
        return any("/" not in host and _address(host) is None for host in self.allowed_hosts)

    def provider_of(self, names: Iterable[str]) -> str | None:
        """Name the provider that one of these host names belongs to; None if it is nobody's we know."""
        for name in names:
            for pattern, provider in self.provider_hosts:
                if fnmatchcase(name, pattern.lower()):
                    return provider
        return None

    def permits(self, names: Iterable[str], port: int | None, place: Place, is_http: Callable[[], bool]) -> bool:
        """Say whether a destination may be reached.

        Args:
            names: What the destination is called: its host name and its address, as far as they are known.
            port: None if it is not known.
            place: How far away it is.
            is_http: Says whether an HTTP library asks; called only if it matters.
        """
        if any(self.allows(name) for name in names):
            return True
        if place is Place.LOOPBACK:
            return port not in self.proxy_ports
        return place is Place.PRIVATE and not self.strict and not is_http()

    def allows(self, name: str) -> bool:
        """Say whether a host name or an address is one of those that stay open."""
        return any(
            fnmatchcase(name, allowed.lower()) or _network_holds(allowed, name) for allowed in self.allowed_hosts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedConnection:
    """A connection, or the lookup of a name, that was refused before anything was sent.

    Attributes:
        host: The name that was asked for; the address if no name is known.
        address: The IP address; empty if the refusal came before the name was looked up.
        port: None if it is not known.
        library: The library that asked: `httpx2`, `aiohttp`, `http.client`, `socket`.
        call_site: `tests/test_agent.py:12 in test_weather`: the nearest frame of the user's own code.
        label: The label of the policy that forbids it.
        is_websocket: Whether a WebSocket was to be opened.
        provider: The provider that the host belongs to; None if it is nobody's we know.
        thread: The name of the thread; empty for the main thread.
        process_id: The child process that asked; None for this one.
        is_late: Whether it came from a thread that outlived the test it was started in.
    """

    host: str
    address: str
    port: int | None
    library: str
    call_site: str
    label: str = ""
    is_websocket: bool = False
    provider: str | None = None
    thread: str = ""
    process_id: int | None = None
    is_late: bool = False


OnBlocked = Callable[[BlockedConnection], BaseException]
"""Notes a refusal, so that it can be raised again at the end of the test, and gives the exception to raise now."""

Hear = Callable[[], None]
"""Has the refusals noted that child processes have told of so far."""


def host_name(host: object) -> str:
    """Spell a host as it is compared: text, lower case, without a trailing dot; None is the empty name."""
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii", "backslashreplace")
    return str(host).lower().removesuffix(".") if host is not None else ""


def port_number(port: object) -> int | None:
    """Read a port as `getaddrinfo` takes it: a number, digits or a service's name; None if it is neither."""
    if isinstance(port, int):
        return port
    name = port.decode("ascii", "replace") if isinstance(port, (bytes, bytearray)) else port
    if isinstance(name, str):
        if name.isdecimal():
            return int(name)
        with suppress(OSError):
            return socket.getservbyname(name)
    return None


def is_address(host: str) -> bool:
    """Say whether a host is an IP address rather than a name."""
    return _address(host) is not None


def place_of(host: str) -> Place:
    """Say how far away a host is, as far as its spelling tells; a name that tells nothing is public."""
    address = _address(host)
    if address is not None:
        if address.is_loopback or address.is_unspecified:
            return Place.LOOPBACK
        is_private = any(address in network for network in _PRIVATE_NETWORKS)
        return Place.PRIVATE if is_private else Place.PUBLIC
    if host in _LOOPBACK_NAMES or host.endswith(".localhost") or host == socket.gethostname().lower():
        return Place.LOOPBACK
    if "." not in host or host.endswith(_PRIVATE_SUFFIXES):
        return Place.PRIVATE
    return Place.PUBLIC


def loopback_proxy_ports(environ: Mapping[str, str]) -> tuple[int, ...]:
    """List the loopback ports that `HTTP_PROXY` and its kin name: a way out, though they look local."""
    ports: list[int] = []
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"):
        for value in (environ.get(name), environ.get(name.upper())):
            parts = urlsplit(value if "://" in value else f"http://{value}") if value else None
            try:
                port = parts.port if parts is not None else None
            except ValueError:
                continue
            if parts is not None and port and place_of(host_name(parts.hostname)) is Place.LOOPBACK:
                ports.append(port)
    return tuple(dict.fromkeys(ports))


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        if not _OLD_IPV4.fullmatch(host):
            return None
        try:  # "127.1" and "0x7f000001" are addresses to the system's resolver.
            return IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _network_holds(network: str, name: str | None) -> bool | None:
    """Say whether an address lies in a network; None if the first is not a network or the second no address."""
    try:
        parsed = ip_network(network, strict=False)
    except ValueError:
        return None
    address = _address(name) if name is not None else None
    return address in parsed if address is not None else False
