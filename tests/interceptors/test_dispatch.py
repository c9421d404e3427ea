"""Which recorder serves a request: the context's, else the only one, else nobody, by name."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmreplay.core.errors import SeveralRecorders
from llmreplay.interceptors.dispatch import Dispatch, Opened, current_origin

LINE = "POST https://api.example.ai/v1/chat"


class ARecorder:
    """Notes what it is told to refuse."""

    def __init__(self, name):
        self.name = name
        self.refused = []

    def refuse(self, refusal):
        self.refused.append(refusal)
        return refusal


def an_opened(name="a.json", covers=None):
    return Opened(ARecorder(name), pacer=None, covers=covers)


@pytest.fixture
def dispatch():
    return Dispatch()


def elsewhere(function):
    """Run in a thread that knows nothing of this context."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_nobody_serves_while_none_is_open(dispatch):
    """Without a recorder a request is nobody's business."""
    opened = an_opened()
    dispatch.open(opened)
    dispatch.close(opened)

    assert dispatch.is_idle
    assert dispatch.current(lambda: LINE) is None


def test_the_only_one_serves_every_thread(dispatch):
    """One open recorder serves threads that know nothing of it."""
    opened = an_opened()
    dispatch.open(opened)

    assert elsewhere(lambda: dispatch.current(lambda: LINE)) is opened


def test_the_innermost_of_a_context_serves(dispatch):
    """Nested recorders are served from the inside out, and closing gives back the outer one."""
    outer, inner = an_opened("outer.json"), an_opened("inner.json")
    dispatch.open(outer)
    dispatch.open(inner)
    served = [dispatch.current(lambda: LINE)]
    dispatch.close(inner)
    served.append(dispatch.current(lambda: LINE))

    assert served == [inner, outer]


def test_recorders_may_be_closed_in_any_order(dispatch):
    """Closing the outer one first leaves the inner one in service."""
    outer, inner = an_opened("outer.json"), an_opened("inner.json")
    dispatch.open(outer)
    dispatch.open(inner)
    dispatch.close(outer)
    served = dispatch.current(lambda: LINE)
    dispatch.close(inner)
    dispatch.close(inner)

    assert served is inner
    assert dispatch.is_idle


def test_a_copied_context_carries_its_recorder_into_a_thread(dispatch):
    """A thread that was given the context is served by its recorder, though several are open."""
    ours = an_opened("ours.json")
    contextvars.copy_context().run(dispatch.open, an_opened("other.json"))
    dispatch.open(ours)
    context = contextvars.copy_context()

    assert elsewhere(lambda: context.run(dispatch.current, LINE)) is ours


def test_tasks_have_recorders_of_their_own(dispatch):
    """Recorders opened in tasks serve these and their children alone."""

    async def one(opened, everybody):
        dispatch.open(opened)
        await everybody.wait()
        mine = dispatch.current(lambda: LINE)
        child = await asyncio.create_task(asyncio.to_thread(dispatch.current, LINE))
        return mine, child

    async def main():
        everybody = asyncio.Barrier(4)
        found = [an_opened(f"{number}.json") for number in range(4)]
        return found, await asyncio.gather(*(one(opened, everybody) for opened in found))

    found, served = asyncio.run(main())

    assert served == [(opened, opened) for opened in found]


def test_a_stranger_among_several_is_refused_with_their_names(dispatch):
    """A thread that belongs to none of several is refused; every recorder notes it, so that each test fails."""
    first, second = an_opened("first.json"), an_opened("second.json")
    dispatch.open(first)
    dispatch.open(second)

    with pytest.raises(SeveralRecorders) as caught:
        elsewhere(lambda: dispatch.current(lambda: LINE))

    assert str(caught.value) == (
        "several cassettes are open, and this thread or task belongs to none of them.\n\n"
        "  request   POST https://api.example.ai/v1/chat\n"
        "  cassettes first.json, second.json\n\n"
        "  A thread's own?  start it with contextvars.copy_context().run, or open the cassette in it"
    )
    assert first.recorder.refused == second.recorder.refused == [caught.value]


def test_a_closed_recorder_of_a_context_gives_way(dispatch):
    """A context that outlived its recorder is served like one that never had any."""
    gone, stays = an_opened("gone.json"), an_opened("stays.json")
    context = contextvars.copy_context()
    context.run(dispatch.open, gone)
    dispatch.close(gone)
    contextvars.copy_context().run(dispatch.open, stays)

    assert context.run(dispatch.current, LINE) is stays


def test_a_cover_serves_in_the_place_of_what_it_covers(dispatch):
    """While a fixture is set up, its recorder serves the test's own context and strangers; then the test's does."""
    test = an_opened("test.json")
    dispatch.open(test)
    fixture = an_opened("fixture.json", covers=test)
    contextvars.copy_context().run(dispatch.open, fixture)
    served = [dispatch.current(lambda: LINE), elsewhere(lambda: dispatch.current(lambda: LINE))]
    dispatch.close(fixture)
    served += [dispatch.current(lambda: LINE), elsewhere(lambda: dispatch.current(lambda: LINE))]

    assert served == [fixture, fixture, test, test]


def test_what_we_send_ourselves_is_not_planned_again(dispatch):
    """Inside `sending` a request is passed on, in this context alone; an exception does not leave it on."""
    opened = an_opened()
    dispatch.open(opened)

    def send():
        with dispatch.sending():
            seen.append(dispatch.current(lambda: LINE))
            seen.append(elsewhere(lambda: dispatch.current(lambda: LINE)))
            raise RuntimeError

    seen = []
    with pytest.raises(RuntimeError):
        send()

    assert seen == [None, opened]
    assert dispatch.current(lambda: LINE) is opened


def test_an_origin_is_the_same_for_one_thread_and_over_with_it():
    """A thread has one key while it lives, and says when it has ended."""
    seen = []
    thread = threading.Thread(target=lambda: seen.extend([current_origin(), current_origin()]))

    thread.start()
    thread.join()

    first, second = seen
    assert first.key == second.key != current_origin().key
    assert first.is_over()
    assert not current_origin().is_over()


def test_an_origin_is_the_same_for_one_task_and_over_with_it():
    """A task has a key of its own in the thread it shares, and says when it is done."""

    async def one():
        return current_origin(), current_origin()

    async def main():
        task = asyncio.create_task(one())
        first, second = await task
        return first, second, current_origin()

    first, second, outer = asyncio.run(main())

    assert first.key == second.key != outer.key
    assert first.is_over()
