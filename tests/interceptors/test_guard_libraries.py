"""Each library that can open a connection is refused and named, by name and by address."""

import asyncio
import http.client
import socket
import subprocess
import sys
import urllib.request

import pytest

from llmreplay.core.errors import ClosedConnection
from llmreplay.interceptors.guard import BlockedConnection, GuardPolicy, blocked_text, closed

NAME, ADDRESS = "api.example.invalid", "192.0.2.1"


class Refusals(list[BlockedConnection]):
    """Notes what was refused, and refuses."""

    def __call__(self, blocked: BlockedConnection) -> BaseException:
        self.append(blocked)
        return ClosedConnection(blocked_text(blocked))


@pytest.fixture
def refusals():
    return Refusals()


@pytest.fixture(params=[NAME, ADDRESS], ids=["name", "address"])
def host(request):
    return request.param


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Run a coroutine on an event loop of its own."""
    return asyncio.run if request.param == "asyncio" else pytest.importorskip("uvloop").run


def a_policy():
    return GuardPolicy(label="test", provider_hosts=((NAME, "acme"),))


def flattened(error):
    """The leaves of an exception group, or the exception itself."""
    return [leaf for part in error.exceptions for leaf in flattened(part)] if hasattr(error, "exceptions") else [error]


def assert_refused(refusals, host, library, *, is_websocket=False, function, work):
    """Do the work under a guard; it must be refused once, and told by host, library and function."""
    with closed(a_policy(), refusals), pytest.raises((ClosedConnection, BaseExceptionGroup)) as caught:
        work()

    assert [type(leaf) for leaf in flattened(caught.value)] == [ClosedConnection]
    assert [(blocked.host, blocked.library) for blocked in refusals] == [(host, library)]
    assert refusals[0].call_site.endswith(f" in {function}")
    assert "tests/interceptors/test_guard_libraries.py:" in refusals[0].call_site
    assert refusals[0].is_websocket is is_websocket
    assert refusals[0].port == 81


def use_httpx(host):
    with pytest.importorskip("httpx").Client(verify=False, trust_env=False) as client:
        client.get(f"http://{host}:81/")


def use_httpx2(host):
    with pytest.importorskip("httpx2").Client(verify=False, trust_env=False) as client:
        client.get(f"http://{host}:81/")


def use_httpcore2(host):
    with pytest.importorskip("httpcore2").ConnectionPool() as pool:
        pool.request("GET", f"http://{host}:81/")


def use_requests(host):
    pytest.importorskip("requests").get(f"http://{host}:81/", timeout=1)


def use_urllib3(host):
    with pytest.importorskip("urllib3").PoolManager() as pool:
        pool.request("GET", f"http://{host}:81/", retries=3)


def use_http_client(host):
    http.client.HTTPConnection(host, 81).request("GET", "/")


def use_urlopen(host):
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{host}:81/")


def use_raw_socket(host):
    with socket.socket() as sock:
        sock.connect((host, 81))


BLOCKING = [
    (use_httpx, "httpx"),
    (use_httpx2, "httpx2"),
    (use_httpcore2, "httpcore2"),
    (use_requests, "requests"),
    (use_urllib3, "urllib3"),
    (use_http_client, "http.client"),
    (use_urlopen, "urllib.request"),
    (use_raw_socket, "socket"),
]


@pytest.mark.parametrize(("use", "library"), BLOCKING, ids=[library for _, library in BLOCKING])
def test_a_blocking_library_is_refused_and_named(refusals, host, use, library, monkeypatch):
    """No retry loop or error translation of a blocking library hides the refusal."""
    monkeypatch.setenv("NO_PROXY", "*")

    assert_refused(refusals, host, library, function=use.__name__, work=lambda: use(host))


async def use_httpx_async(host):
    async with pytest.importorskip("httpx").AsyncClient(verify=False, trust_env=False) as client:
        await client.get(f"http://{host}:81/")


async def use_httpx2_async(host):
    async with pytest.importorskip("httpx2").AsyncClient(verify=False, trust_env=False) as client:
        await client.get(f"http://{host}:81/")


async def use_httpcore2_async(host):
    async with pytest.importorskip("httpcore2").AsyncConnectionPool() as pool:
        await pool.request("GET", f"http://{host}:81/")


async def use_aiohttp(host):
    async with pytest.importorskip("aiohttp").ClientSession() as session, session.get(f"http://{host}:81/"):
        pass


async def use_aiohttp_awaited(host):
    async with pytest.importorskip("aiohttp").ClientSession() as session:
        await session.get(f"http://{host}:81/")


async def use_streams(host):
    await asyncio.open_connection(host, 81)


async def use_anyio(host):
    await pytest.importorskip("anyio").connect_tcp(host, 81)


async def use_gathered_httpx(host):
    await asyncio.gather(use_httpx_async(host), asyncio.sleep(0))


ASYNCHRONOUS = [
    (use_httpx_async, "httpx"),
    (use_httpx2_async, "httpx2"),
    (use_httpcore2_async, "httpcore2"),
    (use_aiohttp, "aiohttp"),
    (use_aiohttp_awaited, "aiohttp"),
    (use_streams, "asyncio"),
    (use_anyio, "anyio"),
    (use_gathered_httpx, "httpx"),
]


@pytest.mark.parametrize(("use", "library"), ASYNCHRONOUS, ids=[use.__name__ for use, _ in ASYNCHRONOUS])
def test_an_asynchronous_library_is_refused_and_named(refusals, host, run, use, library):
    """The line of the user's coroutine is named, though a thread or another task looks the name up."""
    function = "use_httpx_async" if use is use_gathered_httpx else use.__name__

    assert_refused(refusals, host, library, function=function, work=lambda: run(use(host)))


async def use_aiohttp_threaded(host):
    aiohttp = pytest.importorskip("aiohttp")
    connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
    async with aiohttp.ClientSession(connector=connector) as session, session.get(f"http://{host}:81/"):
        pass


async def use_aiohttp_cares(host):
    pytest.importorskip("aiodns")
    aiohttp = pytest.importorskip("aiohttp")
    connector = aiohttp.TCPConnector(resolver=aiohttp.AsyncResolver())
    async with aiohttp.ClientSession(connector=connector) as session, session.get(f"http://{host}:81/"):
        pass


@pytest.mark.parametrize("use", [use_aiohttp_threaded, use_aiohttp_cares], ids=["threads", "c-ares"])
def test_both_resolvers_of_aiohttp_are_refused(refusals, run, use):
    """A lookup in C leaves as little as one in Python."""
    assert_refused(refusals, NAME, "aiohttp", function=use.__name__, work=lambda: run(use(NAME)))


async def use_trio(host):
    await pytest.importorskip("trio").open_tcp_stream(host, 81)


def test_trio_is_refused_and_named(refusals):
    """A loop that is not asyncio's is closed too."""
    trio = pytest.importorskip("trio")

    assert_refused(refusals, NAME, "trio", function="use_trio", work=lambda: trio.run(use_trio, NAME))


async def use_worker_thread(host):
    await asyncio.to_thread(pytest.importorskip("requests").get, f"http://{host}:81/")


def test_a_call_in_a_worker_thread_is_told_by_the_task_that_waits(refusals, host, monkeypatch):
    """`to_thread` leaves no line of the user's on the thread's stack; the waiting task has it."""
    monkeypatch.setenv("NO_PROXY", "*")

    assert_refused(
        refusals, host, "requests", function="use_worker_thread", work=lambda: asyncio.run(use_worker_thread(host))
    )


async def use_websockets(host):
    client = pytest.importorskip("websockets.asyncio.client")
    async with client.connect(f"ws://{host}:81/", proxy=None):
        pass


def use_websockets_sync(host):
    pytest.importorskip("websockets.sync.client").connect(f"ws://{host}:81/", proxy=None)


def use_websocket_client(host):
    pytest.importorskip("websocket").create_connection(f"ws://{host}:81/", http_no_proxy=["*"])


def use_httpx2_websocket(host):
    pytest.importorskip("wsproto")
    httpx2 = pytest.importorskip("httpx2")
    with httpx2.Client(verify=False, trust_env=False) as client, client.websocket(f"ws://{host}:81/"):
        pass


async def use_aiohttp_websocket(host):
    async with pytest.importorskip("aiohttp").ClientSession() as session, session.ws_connect(f"ws://{host}:81/"):
        pass


WEBSOCKETS = [
    (lambda host: asyncio.run(use_websockets(host)), "websockets", "use_websockets"),
    (use_websockets_sync, "websockets", "use_websockets_sync"),
    (use_websocket_client, "websocket", "use_websocket_client"),
    (use_httpx2_websocket, "httpx2", "use_httpx2_websocket"),
    (lambda host: asyncio.run(use_aiohttp_websocket(host)), "aiohttp", "use_aiohttp_websocket"),
]


@pytest.mark.parametrize(("use", "library", "function"), WEBSOCKETS, ids=[function for _, _, function in WEBSOCKETS])
def test_a_websocket_is_refused_and_told_as_one(refusals, host, use, library, function):
    """A WebSocket to a provider is refused, with a text that says that it cannot be recorded."""
    assert_refused(refusals, host, library, is_websocket=True, function=function, work=lambda: use(host))

    assert f"a WebSocket to {host}:81 was refused" in blocked_text(refusals[0])
    assert "WebSockets are not recorded" in blocked_text(refusals[0])


def test_a_transport_method_saved_before_the_guard_is_refused(refusals):
    """Instrumentation that kept the original method of a transport does not get round the guard."""
    httpx2 = pytest.importorskip("httpx2")
    saved = httpx2.HTTPTransport.handle_request

    with (
        closed(a_policy(), refusals),
        httpx2.HTTPTransport(verify=False) as transport,
        pytest.raises(ClosedConnection),
    ):
        saved(transport, httpx2.Request("GET", f"http://{NAME}/"))

    assert refusals[0].library == "httpx2"


@pytest.mark.parametrize("sdk", ["anthropic", "openai"])
def test_an_sdk_neither_retries_nor_wraps_a_refusal(refusals, sdk):
    """The refusal comes out of an SDK's call as itself, after one attempt."""
    module = pytest.importorskip(sdk)
    client = getattr(module, {"anthropic": "Anthropic", "openai": "OpenAI"}[sdk])(
        api_key="k", base_url=f"http://{NAME}:81"
    )

    with client, closed(a_policy(), refusals), pytest.raises(ClosedConnection):
        client.models.list()

    assert len(refusals) == 1
    assert refusals[0].library in ("httpx", "httpx2")
    assert refusals[0].call_site.endswith("in test_an_sdk_neither_retries_nor_wraps_a_refusal")


@pytest.mark.parametrize("module", ["uvloop", "pycares"])
def test_a_loop_or_resolver_in_c_that_is_imported_later_is_closed(module):
    """A module that goes round the audit events is wrapped though the guard was open before its import."""
    pytest.importorskip(module)
    code = (
        "import asyncio, sys\n"
        "from llmreplay.interceptors.guard import GuardPolicy, closed\n"
        "assert sys.argv[1] not in sys.modules\n"
        "def refused(blocked):\n"
        "    print('refused', blocked.host)\n"
        "    return SystemExit(0)\n"
        "async def stream():\n"
        "    await asyncio.open_connection('192.0.2.1', 81)\n"
        "with closed(GuardPolicy(), refused):\n"
        "    if sys.argv[1] == 'uvloop':\n"
        "        import uvloop\n"
        "        uvloop.run(stream())\n"
        "    else:\n"
        "        import pycares\n"
        "        pycares.Channel().getaddrinfo('192.0.2.1', 81, callback=print)\n"
    )

    done = subprocess.run([sys.executable, "-c", code, module], capture_output=True, text=True, check=False)

    assert done.stdout == "refused 192.0.2.1\n", done.stderr
