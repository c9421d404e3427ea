import pytest

from llmreplay.core.errors import SettingError
from llmreplay.interceptors.guard_policy import (
    GuardPolicy,
    Place,
    host_name,
    loopback_proxy_ports,
    place_of,
    port_number,
)


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("127.0.0.1", Place.LOOPBACK),
        ("127.8.9.10", Place.LOOPBACK),
        ("127.1", Place.LOOPBACK),
        ("0x7f000001", Place.LOOPBACK),
        ("::1", Place.LOOPBACK),
        ("::ffff:127.0.0.1", Place.LOOPBACK),
        ("0.0.0.0", Place.LOOPBACK),
        ("", Place.LOOPBACK),
        ("localhost", Place.LOOPBACK),
        ("app.localhost", Place.LOOPBACK),
        ("10.1.2.3", Place.PRIVATE),
        ("172.31.0.1", Place.PRIVATE),
        ("192.168.1.1", Place.PRIVATE),
        ("fd00::1", Place.PRIVATE),
        ("::ffff:10.0.0.1", Place.PRIVATE),
        ("postgres", Place.PRIVATE),
        ("db.svc", Place.PRIVATE),
        ("printer.local", Place.PRIVATE),
        ("172.32.0.1", Place.PUBLIC),
        ("169.254.169.254", Place.PUBLIC),
        ("192.0.2.1", Place.PUBLIC),
        ("8.8.8.8", Place.PUBLIC),
        ("134744072", Place.PUBLIC),
        ("2606:4700::1", Place.PUBLIC),
        ("fe80::1%eth0", Place.PUBLIC),
        ("api.anthropic.com", Place.PUBLIC),
        ("localhost.example.com", Place.PUBLIC),
        ("api.example.invalid", Place.PUBLIC),
    ],
)
def test_a_host_is_as_far_as_its_spelling_tells(host, place):
    """Every spelling of loopback and of a private host is known, and all else is public."""
    assert place_of(host) is place


def test_this_machine_s_own_name_is_loopback(monkeypatch):
    """Looking up one's own host name is not a way out."""
    monkeypatch.setattr("socket.gethostname", lambda: "Runner.ci.example.com")

    assert place_of("runner.ci.example.com") is Place.LOOPBACK


@pytest.mark.parametrize(
    ("allowed", "host", "is_open"),
    [
        ("api.example.com", "api.example.com", True),
        ("API.example.com", "api.example.com", True),
        ("api.example.com", "api.example.com.evil.org", False),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False),
        ("10.0.0.0/8", "10.9.9.9", True),
        ("192.0.2.0/24", "192.0.3.1", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("2001:db8::/32", "2001:db8::5", True),
        ("*", "anything.example", True),
    ],
)
def test_allowed_hosts_are_matched_whole(allowed, host, is_open):
    """A name, a pattern, an address and a network each open what they name and no more."""
    policy = GuardPolicy(strict=True, allowed_hosts=(allowed,))

    assert policy.permits((host,), 443, Place.PUBLIC, lambda: True) is is_open


@pytest.mark.parametrize(
    ("strict", "is_http", "is_open"),
    [(False, False, True), (False, True, False), (True, False, False), (True, True, False)],
    ids=["raw", "http", "raw, strict", "http, strict"],
)
def test_private_addresses(strict, is_http, is_open):
    """Private addresses are open to raw sockets alone, and to nobody when strict."""
    policy = GuardPolicy(strict=strict)

    assert policy.permits(("10.0.0.5",), 5432, Place.PRIVATE, lambda: is_http) is is_open


@pytest.mark.parametrize(
    "host", ["https://api.example.com", "api.example.com:443", "api.example.com/v1", "a b", "", "u@host"]
)
def test_an_allowed_host_that_is_none_is_rejected(host):
    """A URL, a port or a path in `allowed_hosts` would match nothing: it is an error that echoes the value."""
    with pytest.raises(SettingError, match="give a host name") as caught:
        GuardPolicy(allowed_hosts=(host,))

    assert repr(host) in str(caught.value)


@pytest.mark.parametrize(
    ("host", "name"),
    [("API.Example.com.", "api.example.com"), (b"localhost", "localhost"), (None, ""), ("192.0.2.1", "192.0.2.1")],
)
def test_hosts_are_compared_in_one_spelling(host, name):
    """Case, a trailing dot and bytes make no difference."""
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("port", "number"), [(443, 443), ("443", 443), (b"80", 80), ("https", 443), ("no such service", None), (None, None)]
)
def test_ports_are_read_as_the_resolver_reads_them(port, number):
    """Numbers, digits and service names give a number; anything else is unknown."""
    assert port_number(port) == number


def test_proxies_on_loopback_are_found():
    """The port of a loopback proxy is listed once, whatever case its variable has; other proxies are not."""
    environ = {
        "HTTP_PROXY": "http://127.0.0.1:3128",
        "https_proxy": "localhost:3128",
        "ALL_PROXY": "socks5://[::1]:1080",
        "WS_PROXY": "http://proxy.example.com:8080",
        "wss_proxy": "http://127.0.0.1:notaport",
        "NO_PROXY": "127.0.0.1:9",
    }

    assert loopback_proxy_ports(environ) == (3128, 1080)


def test_names_that_need_no_lookup_are_told_from_those_that_do():
    """Addresses, networks and patterns are no names that could be looked up."""
    policy = GuardPolicy(allowed_hosts=("10.0.0.0/8", "::1", "*.a.example", "b.example"))

    assert policy.exact_names == ("b.example",)
    assert policy.allows_names
    assert not GuardPolicy(allowed_hosts=("10.0.0.0/8", "::1")).allows_names
