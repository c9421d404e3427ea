"""What is no part of a test may do what a test must not."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time

import pytest

from llmreplay.core.clock import ClockMode
from llmreplay.core.errors import ClosedConnection
from llmreplay.interceptors.clock import VirtualClock
from llmreplay.interceptors.guard import GuardPolicy, closed
from llmreplay.session.outside import outside_the_test

TEST_NET = "192.0.2.1"


def announce():
    """Raise the event that `connect` raises before it connects: what is open is shown without a packet."""
    with contextlib.closing(socket.socket()) as sock:
        sys.audit("socket.connect", sock, (TEST_NET, 9))


def test_nothing_is_refused_inside_and_all_of_it_again_after():
    """The network is open inside the block alone."""
    refused = []

    def refuse(blocked):
        refused.append(blocked.host)
        return ClosedConnection(blocked.host)

    with closed(GuardPolicy(label="a test"), refuse):
        with outside_the_test():
            announce()
            socket.getaddrinfo("127.0.0.1", 9)
        assert refused == []
        with pytest.raises(ClosedConnection):
            announce()


def test_another_thread_stays_closed():
    """Who steps out does so alone."""
    refused = []

    def refuse(blocked):
        refused.append(blocked.host)
        return ClosedConnection(blocked.host)

    def elsewhere():
        with contextlib.suppress(ClosedConnection):
            announce()

    with closed(GuardPolicy(label="a test"), refuse), outside_the_test():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()

    assert refused == [TEST_NET]


def test_sleeps_inside_pass_in_real_time_and_are_no_waits_of_the_test():
    """A database that waits for its host waits for it really."""
    with VirtualClock(ClockMode.VIRTUAL) as clock:
        began_s = time.perf_counter()
        with outside_the_test():
            time.sleep(0.01)
        passed_s = time.perf_counter() - began_s
        time.sleep(30)

    assert passed_s >= 0.01
    assert [slept.asked_s for slept in clock.sleeps] == [30]
