"""Real work that is in flight while virtual time passes."""

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import anyio
import anyio.to_thread
import pytest

from llmreplay.interceptors.clock import VirtualClock


async def answer_slowly(reader, writer):
    await reader.readline()
    await asyncio.to_thread(time.sleep, 0.1)
    writer.write(b"done\n")
    await writer.drain()
    writer.close()


async def exchange_with(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"ask\n")
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_real_sockets_get_their_grace():
    """A time-out of 5 s around 0.1 s on a socket does not fire while another task waits 90 virtual seconds."""
    server = await asyncio.start_server(answer_slowly, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    with VirtualClock() as clock:
        waits = asyncio.create_task(clock.sleep_async(90))
        async with asyncio.timeout(5):
            answer = await exchange_with(port)
        await waits
    server.close()
    await server.wait_closed()

    assert answer == b"done\n"


async def in_default_executor(work):
    return await asyncio.to_thread(work)


async def in_own_executor(work):
    with ThreadPoolExecutor() as executor:
        return await asyncio.get_running_loop().run_in_executor(executor, work)


async def in_anyio_worker(work):
    return await anyio.to_thread.run_sync(work)


each_executor = pytest.mark.parametrize("execute", [in_default_executor, in_own_executor, in_anyio_worker])


@each_executor
async def test_worker_threads_get_their_grace(execute):
    """A time-out of 5 s around 0.4 s in a worker thread does not fire while another task waits virtually."""

    def work():
        time.sleep(0.4)
        return 7

    with VirtualClock() as clock:
        waits = asyncio.create_task(clock.sleep_async(90))
        async with asyncio.timeout(5):
            assert await execute(work) == 7
        await waits


@each_executor
async def test_virtual_time_waits_for_worker_threads(execute):
    """A task back from 20 ms in a worker thread has lost no virtual time to another task's wait of 90 s."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    with VirtualClock() as clock:
        waits = asyncio.create_task(clock.sleep_async(90))
        await execute(lambda: time.sleep(0.02))
        passed_s = loop.time() - began_s
        await waits

    assert passed_s < 1


async def test_a_server_in_a_worker_thread_costs_no_grace():
    """A worker that waits for connections, or runs a loop of its own, holds up nobody's virtual wait."""
    other = asyncio.new_event_loop()

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as executor:
        accepting = executor.submit(server.accept)
        running = executor.submit(other.run_forever)
        await asyncio.sleep(0.05)
        took_s = []
        for _ in range(5):
            began_s = time.perf_counter()
            with VirtualClock() as clock:
                await clock.sleep_async(90)
            took_s.append(time.perf_counter() - began_s)
        other.call_soon_threadsafe(other.stop)
        running.result()
        with socket.create_connection(server.getsockname()):
            accepting.result()[0].close()
    other.close()

    assert min(took_s) < 0.2


@each_executor
async def test_idle_workers_cost_no_grace(execute):
    """A deadline fires at once, though workers of a pool exist, as long as they have nothing to do."""
    await execute(lambda: None)
    took_s = []

    # A busy machine may hold up any one of them; the grace would hold up each.
    for _ in range(5):
        began_s = time.perf_counter()
        with VirtualClock() as clock, pytest.raises(TimeoutError):
            async with asyncio.timeout(45):
                await clock.sleep_async(60)
        took_s.append(time.perf_counter() - began_s)

    assert min(took_s) < 0.2


async def test_work_that_is_slower_than_its_grace_meets_its_deadline():
    """A socket that stays silent beyond the grace does not hold up virtual time for ever."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    with VirtualClock() as clock, ours, theirs:
        waits = asyncio.create_task(clock.sleep_async(90))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.get_running_loop().sock_recv(ours, 1)
        await waits
