import contextlib
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from llmreplay.core.errors import ClosedConnection
from llmreplay.interceptors.guard import BlockedConnection, GuardPolicy, blocked_text, closed

TEST_NET = "192.0.2.1"


class Refusals(list[BlockedConnection]):
    """Notes what was refused, and refuses."""

    def __call__(self, blocked: BlockedConnection) -> BaseException:
        self.append(blocked)
        return ClosedConnection(blocked_text(blocked))


@pytest.fixture
def refusals():
    return Refusals()


def a_policy(**settings):
    return GuardPolicy(label="tests/test_a.py::test_a", **settings)


def reach(host, port=443):
    with contextlib.closing(socket.socket()) as sock:
        sock.settimeout(0.001)
        sock.connect((host, port))


def announce(host):
    """Raise the event that `connect` raises before it connects: what is open is shown without a packet."""
    with contextlib.closing(socket.socket()) as sock:
        sys.audit("socket.connect", sock, (host, 9))


@pytest.fixture
def dns(monkeypatch):
    """Answer lookups from a table, below everything that the guard sees."""
    table = {}

    def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):  # noqa: A002
        sys.audit("socket.getaddrinfo", host, port, family, type, proto)
        if host not in table:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (table[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return table


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: socket.create_connection(("api.example.invalid", 443)),
        lambda: socket.getaddrinfo("api.example.invalid", 443),
        lambda: socket.getaddrinfo(b"api.example.invalid", "https"),
        lambda: socket.gethostbyname("API.Example.Invalid."),
        lambda: socket.gethostbyname_ex("api.example.invalid"),
        lambda: socket.gethostbyaddr("api.example.invalid"),
        lambda: reach("api.example.invalid"),
    ],
    ids=["create_connection", "getaddrinfo", "bytes", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "connect"],
)
def test_a_name_is_refused_before_it_is_looked_up(refusals, attempt):
    """A public name is refused once, by name and call site, before the resolver is asked."""
    with closed(a_policy(), refusals), pytest.raises(ClosedConnection):
        attempt()

    assert [blocked.host for blocked in refusals] == ["api.example.invalid"]
    assert refusals[0].address == ""
    assert refusals[0].library == "socket"
    assert "test_guard.py:" in refusals[0].call_site


def a_udp_socket():
    return contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))


def send_datagram(host):
    with a_udp_socket() as sock:
        sock.sendto(b"x", (host, 9))


def send_message(host):
    with a_udp_socket() as sock:
        sock.sendmsg([b"x"], [], 0, (host, 9))


def connect_quietly(host):
    with contextlib.closing(socket.socket()) as sock:
        sock.settimeout(0.001)
        return sock.connect_ex((host, 9))


@pytest.mark.parametrize("attempt", [reach, connect_quietly, send_datagram, send_message], ids=lambda f: f.__name__)
@pytest.mark.parametrize("host", [TEST_NET, "api.example.invalid"], ids=["address", "name"])
def test_every_way_to_send_is_refused(refusals, attempt, host):
    """Each socket call that takes a destination is refused, once, for an address and for a name."""
    with closed(a_policy(), refusals), pytest.raises(ClosedConnection):
        attempt(host)

    assert [blocked.host for blocked in refusals] == [host]
    assert refusals[0].call_site.endswith(f"in {attempt.__name__}")


def test_an_ipv6_address_is_refused(refusals):
    """A public IPv6 destination is closed as an IPv4 one is."""
    with (
        closed(a_policy(), refusals),
        pytest.raises(ClosedConnection),
        contextlib.closing(socket.socket(socket.AF_INET6)) as sock,
    ):
        sock.connect(("2001:db8::1", 443))

    assert refusals[0].address == "2001:db8::1"


def test_the_call_site_is_the_line_of_the_nearest_user_code(refusals):
    """The refusal names the file, line and function that opened the connection."""
    with closed(a_policy(), refusals), pytest.raises(ClosedConnection) as caught:
        socket.create_connection((TEST_NET, 443))

    path, _, rest = refusals[0].call_site.rpartition(":")
    assert path.endswith("tests/interceptors/test_guard.py")
    assert rest.endswith("in test_the_call_site_is_the_line_of_the_nearest_user_code")
    assert int(rest.split()[0]) == caught.traceback[0].lineno + 1


def test_loopback_stays_open(refusals):
    """A server on loopback is reached by address, by name and over a Unix socket."""
    with closed(a_policy(strict=True), refusals), socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()
        socket.create_connection(("localhost", port)).close()
        for end in socket.socketpair():
            end.close()

    assert refusals == []


def test_a_unix_socket_stays_open(refusals, tmp_path):
    """A Unix socket leads nowhere but to this machine."""
    path = str(tmp_path / "s")
    with (
        closed(a_policy(strict=True), refusals),
        contextlib.closing(socket.socket(socket.AF_UNIX)) as server,
        contextlib.closing(socket.socket(socket.AF_UNIX)) as client,
    ):
        server.bind(path)
        server.listen()
        client.connect(path)

    assert refusals == []


def test_a_private_address_is_open_to_raw_sockets_only(refusals):
    """A database on a private address is reached; the same address over HTTP is not."""
    import http.client

    with closed(a_policy(), refusals):
        announce("10.255.255.1")
        with pytest.raises(ClosedConnection):
            http.client.HTTPConnection("10.255.255.1", 9, timeout=0.001).request("GET", "/")

    assert [blocked.library for blocked in refusals] == ["http.client"]


def test_strict_closes_private_addresses(refusals):
    """With `strict` a raw socket to a private address is refused too."""
    with closed(a_policy(strict=True), refusals), pytest.raises(ClosedConnection):
        reach("10.255.255.1")

    assert refusals[0].host == "10.255.255.1"


def test_a_proxy_on_loopback_is_closed(refusals):
    """A loopback port that a proxy variable names leads out, and is closed."""
    with closed(a_policy(proxy_ports=(3128,)), refusals), pytest.raises(ClosedConnection):
        reach("127.0.0.1", 3128)

    assert refusals[0].port == 3128


@pytest.mark.parametrize("allowed", [TEST_NET, "192.0.2.0/24", "192.0.2.*"], ids=["address", "network", "pattern"])
def test_allowed_addresses_are_open(refusals, allowed):
    """`allowed_hosts` opens an address, and its neighbours stay closed."""
    with closed(a_policy(allowed_hosts=(allowed,)), refusals):
        announce(TEST_NET)
        with pytest.raises(ClosedConnection):
            reach("198.51.100.1")

    assert [blocked.host for blocked in refusals] == ["198.51.100.1"]


@pytest.mark.parametrize("allowed", ["api.example.invalid", "*.example.invalid"], ids=["exact", "pattern"])
def test_an_allowed_name_opens_the_addresses_it_was_given(refusals, dns, allowed):
    """A connection to the address that an allowed name was looked up to is open, and no other."""
    dns["api.example.invalid"] = TEST_NET
    with closed(a_policy(allowed_hosts=(allowed,)), refusals):
        for *_, address in socket.getaddrinfo("api.example.invalid", 9):
            announce(address[0])
        with pytest.raises(ClosedConnection):
            reach("192.0.2.2")

    assert [blocked.host for blocked in refusals] == ["192.0.2.2"]


def test_an_allowed_name_that_was_looked_up_before_is_open(refusals, dns):
    """An address that a client had looked up before the guard opened is asked for by the allowed name."""
    dns["api.example.invalid"] = TEST_NET
    with closed(a_policy(allowed_hosts=("api.example.invalid",)), refusals):
        announce(TEST_NET)

    assert refusals == []


def test_a_known_address_is_told_by_its_name(refusals, dns):
    """When a private name leads to a public address, the refusal names both."""
    dns["gateway.internal"] = TEST_NET
    with closed(a_policy(allowed_hosts=("unrelated.example",)), refusals), pytest.raises(ClosedConnection):
        socket.create_connection(("gateway.internal", 443))

    assert (refusals[0].host, refusals[0].address) == ("gateway.internal", TEST_NET)


def test_the_provider_is_named(refusals):
    """A host that belongs to a provider is told with the provider's name."""
    policy = a_policy(provider_hosts=(("*.anthropic.com", "anthropic"),))
    with closed(policy, refusals), pytest.raises(ClosedConnection):
        socket.create_connection(("api.anthropic.com", 443))

    assert refusals[0].provider == "anthropic"


def test_all_open_guards_must_permit(refusals):
    """What the inner guard allows is still refused by the outer one."""
    outer = Refusals()
    inner = closed(a_policy(allowed_hosts=(TEST_NET,)), refusals)
    with closed(a_policy(), outer), inner, pytest.raises(ClosedConnection):
        reach(TEST_NET)

    assert (len(outer), len(refusals)) == (1, 0)


def test_the_guard_opened_last_takes_the_blame(refusals):
    """When two guards forbid a connection, only the inner one hears of it."""
    outer = Refusals()
    with closed(a_policy(), outer), closed(a_policy(), refusals), pytest.raises(ClosedConnection):
        reach(TEST_NET)

    assert (len(outer), len(refusals)) == (0, 1)


def test_a_refused_socket_is_closed(refusals):
    """A library that closes its socket on `Exception` alone leaves none open when it is refused."""
    sock = socket.socket()

    with closed(a_policy(), refusals), pytest.raises(ClosedConnection):
        sock.connect((TEST_NET, 443))

    assert sock.fileno() == -1


def test_any_exception_can_be_raised_and_leaves_the_socket_alone():
    """For side traffic the caller may choose a plain connection error, which the library handles as ever."""
    with contextlib.closing(socket.socket()) as sock:
        guard = closed(a_policy(), lambda blocked: ConnectionRefusedError("offline"))
        with guard, pytest.raises(ConnectionRefusedError, match="offline"):
            sock.connect((TEST_NET, 443))

        assert sock.fileno() != -1


@pytest.mark.parametrize("first", [0, 1], ids=["outer first", "inner first"])
def test_guards_close_in_any_order(refusals, first):
    """The guard that is left open still refuses, whichever was closed first."""
    with ExitStack() as stacks:
        guards = [ExitStack(), ExitStack()]
        for guard in guards:
            stacks.enter_context(guard)
            guard.enter_context(closed(a_policy(), refusals))

        guards[first].close()

        with pytest.raises(ClosedConnection):
            reach(TEST_NET)
    assert len(refusals) == 1


def test_nothing_is_left_behind_when_the_test_fails(refusals):
    """After a failure inside, connections are open, and environment and socket methods are as before."""
    before = dict(os.environ), socket.getaddrinfo, dict(vars(socket.socket))

    with pytest.raises(ZeroDivisionError), closed(a_policy(allowed_hosts=("a.example",)), refusals):
        raise ZeroDivisionError

    announce(TEST_NET)
    assert (dict(os.environ), socket.getaddrinfo, dict(vars(socket.socket))) == before
    assert refusals == []


def test_a_wrapper_put_over_ours_is_left_in_place(refusals, monkeypatch):
    """When somebody patches a socket method over ours, closing leaves theirs, and ours does nothing."""
    with closed(a_policy(), refusals):
        ours = socket.socket.connect
        monkeypatch.setattr(socket.socket, "connect", lambda sock, address: ours(sock, address))
        theirs = socket.socket.connect

    assert socket.socket.connect is theirs
    announce(TEST_NET)
    assert refusals == []


def test_other_threads_are_closed(refusals):
    """A thread that started before the guard is refused while it is open."""
    raised = []
    may_go = threading.Event()

    def work():
        may_go.wait(5)
        try:
            reach(TEST_NET)
        except BaseException as error:
            raised.append(type(error))

    thread = threading.Thread(target=work, name="tracing")
    thread.start()
    with closed(a_policy(), refusals):
        may_go.set()
        thread.join()

    assert raised == [ClosedConnection]
    assert refusals[0].thread == "tracing"


def a_late_thread(policy, refusals, late, *, go=None):
    """Start a thread under a guard, and let it try to connect after the guard has closed."""
    raised = []
    may_go = threading.Event()

    def work():
        may_go.wait(5)
        try:
            (go or reach)(TEST_NET)
        except BaseException as error:
            raised.append(type(error))

    with closed(policy, refusals, on_late=late):
        thread = threading.Thread(target=work, name="flusher")
        thread.start()
    may_go.set()
    thread.join()
    return raised


def test_a_thread_that_outlives_its_test_is_closed(refusals):
    """A connection made later by a thread of the test is refused and reported as late."""
    late = Refusals()

    raised = a_late_thread(a_policy(), refusals, late)

    assert raised == [ClosedConnection]
    assert refusals == []
    assert (late[0].is_late, late[0].thread, late[0].label) == (True, "flusher", "tests/test_a.py::test_a")


def test_a_late_thread_is_not_blamed_on_the_next_test(refusals):
    """While the next test's guard is open, a late thread is still the affair of the test that started it."""
    late, following = Refusals(), Refusals()
    go = threading.Event()
    with closed(a_policy(), refusals, on_late=late):
        thread = threading.Thread(target=lambda: (go.wait(5), connect_quietly_or_refused()))
        thread.start()

    with closed(a_policy(), following):
        go.set()
        thread.join()

    assert (len(refusals), len(late), len(following)) == (0, 1, 0)


def connect_quietly_or_refused():
    with contextlib.suppress(ClosedConnection):
        reach(TEST_NET)


def test_a_late_thread_reaches_what_its_test_allowed(refusals):
    """A late thread keeps the policy of its test."""
    late = Refusals()

    raised = a_late_thread(a_policy(allowed_hosts=(TEST_NET,)), refusals, late, go=announce)

    assert (raised, late) == ([], [])


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.11 raises no audit event when a thread starts")
def test_a_thread_that_a_late_thread_starts_is_closed(refusals):
    """A late thread hands its guard on to the threads that it starts."""
    late = Refusals()

    def start_another(host):
        another = threading.Thread(target=connect_quietly_or_refused)
        another.start()
        another.join()

    a_late_thread(a_policy(), refusals, late, go=start_another)

    assert len(late) == 1


def test_an_idle_pool_thread_is_free_after_the_test(refusals):
    """A pool that a test was the first to use serves later tests."""
    late = Refusals()
    with ThreadPoolExecutor(1) as pool:
        with closed(a_policy(), refusals, on_late=late):
            pool.submit(int).result()
            wait_until_idle(pool)

        pool.submit(announce, TEST_NET).result()

    assert late == []


def wait_until_idle(pool):
    while not pool._idle_semaphore._value:
        threading.Event().wait(0.001)


def test_the_work_that_a_pool_is_busy_with_is_closed_and_the_next_is_not(refusals):
    """Work submitted by the test stays closed when it runs on; what the same thread does next is free."""
    late = Refusals()
    may_go = threading.Event()
    started = threading.Event()

    def work():
        started.set()
        may_go.wait(5)
        connect_quietly_or_refused()

    with ThreadPoolExecutor(1) as pool:
        with closed(a_policy(), refusals, on_late=late):
            running = pool.submit(work)
            started.wait(5)
        may_go.set()
        running.result()
        pool.submit(announce, TEST_NET).result()

    assert len(late) == 1


def test_the_hook_is_inert_when_nothing_is_closed():
    """A process that never opened a guard, or closed the last one, connects as ever."""
    code = (
        "import socket, sys, threading\n"
        "from llmreplay.interceptors.guard import GuardPolicy, closed\n"
        "with closed(GuardPolicy(), lambda blocked: OSError('refused')):\n"
        "    pass\n"
        "with socket.create_server(('127.0.0.1', 0)) as server:\n"
        "    socket.create_connection(server.getsockname()).close()\n"
        "print('asyncio' in sys.modules)\n"
    )

    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_an_audit_hook_that_keeps_ours_out_is_an_error():
    """When our hook cannot be added, opening a guard fails instead of pretending to be closed."""
    code = (
        "import sys\n"
        "def veto(event, args):\n"
        "    if event == 'sys.addaudithook': raise RuntimeError\n"
        "sys.addaudithook(veto)\n"
        "from llmreplay.interceptors.guard import GuardPolicy, closed\n"
        "with closed(GuardPolicy(), lambda blocked: OSError('refused')):\n"
        "    print('open')\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout == ""
    assert "another audit hook refused ours" in done.stderr


@pytest.mark.parametrize("lookup", [socket.gethostbyaddr, socket.getfqdn], ids=["gethostbyaddr", "getfqdn"])
def test_the_name_of_an_address_is_not_looked_up(refusals, lookup):
    """A name server is asked for it, as for the address of a name."""
    with closed(a_policy(), refusals), pytest.raises(ClosedConnection):
        lookup(TEST_NET)

    assert refusals[0].host == TEST_NET
