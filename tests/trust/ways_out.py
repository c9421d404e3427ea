"""Ways out of a test, each in the words of its library; run by a suite inside a test, never from here."""

import asyncio
import contextlib
import http.client
import socket
import subprocess
import sys
import threading
import urllib.request

HOST = "telemetry.example.com"
URL = "https://" + HOST + "/v1"
WAYS = {}


def way(function):
    WAYS[function.__name__] = function
    return function


@way
def urllib_request():
    urllib.request.urlopen(URL, timeout=5)


@way
def http_client():
    http.client.HTTPSConnection(HOST, timeout=5).request("GET", "/")


@way
def urllib3_pool():
    import urllib3

    urllib3.PoolManager(retries=False).request("GET", URL)


@way
def requests_get():
    import requests

    requests.get(URL, timeout=5)


@way
def requests_session_with_retries():
    import requests

    with requests.Session() as session:
        session.mount("https://", requests.adapters.HTTPAdapter(max_retries=3))
        session.get(URL, timeout=5)


@way
def aiohttp_get():
    import aiohttp

    async def main():
        async with aiohttp.ClientSession() as session:
            await session.get(URL)

    asyncio.run(main())


@way
def raw_socket():
    socket.create_connection((HOST, 443), timeout=5)


@way
def raw_address():
    with socket.socket() as one:
        one.connect(("203.0.113.7", 443))


@way
def raw_datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("203.0.113.7", 53))


@way
def non_blocking():
    with socket.socket() as one:
        one.setblocking(False)
        one.connect_ex(("203.0.113.7", 443))


@way
def name_lookup():
    socket.getaddrinfo(HOST, 443)


@way
def asyncio_streams():
    async def main():
        await asyncio.open_connection(HOST, 443)

    asyncio.run(main())


@way
def websocket():
    import websockets.sync.client

    websockets.sync.client.connect("wss://" + HOST + "/v1/realtime")


@way
def websocket_async():
    import websockets.asyncio.client

    async def main():
        await websockets.asyncio.client.connect("wss://" + HOST + "/v1/realtime")

    asyncio.run(main())


@way
def httpcore2_pool():
    import httpcore2

    httpcore2.ConnectionPool(retries=2).request("GET", URL)


@way
def thread():
    one = threading.Thread(target=urllib_request)
    one.start()
    one.join()


@way
def executor():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pool.submit(raw_socket).exception()


@way
def fork_free_child():
    code = "import socket; socket.create_connection((" + repr(HOST) + ", 443), timeout=5)"
    subprocess.run([sys.executable, "-c", code], capture_output=True)


@way
def multiprocessing_child():
    import multiprocessing

    child = multiprocessing.get_context("fork").Process(target=raw_socket_quietly)
    child.start()
    child.join()


def raw_socket_quietly():
    with contextlib.suppress(BaseException):
        raw_socket()
