"""In mode none every way out of a test fails that test in its call phase, and names host, library and call site."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

HOST = "telemetry.example.com"
SETTING_OUT = Path(__file__).with_name("ways_out.py").read_text("utf-8")
TESTS = """
import httpx2, pytest
from ways import WAYS, HOST

SAVED = httpx2.HTTPTransport.handle_request

@pytest.mark.parametrize("name", [name for name in WAYS])
def test_out(llmreplay, name):
    WAYS[name]()

@pytest.mark.parametrize("name", [name for name in WAYS])
def test_out_and_swallowed(llmreplay, name):
    try:
        WAYS[name]()
    except BaseException:
        pass

@pytest.mark.parametrize("name", ["raw_socket", "asyncio_streams"])
@pytest.mark.llmreplay
def test_out_of_a_marked_test(name):
    WAYS[name]()

def test_out_by_a_saved_method(llmreplay):
    with httpx2.Client() as client, httpx2.HTTPTransport() as transport:
        SAVED(transport, client.build_request("GET", "https://" + HOST + "/v1"))
"""
LIBRARIES = {
    "urllib_request": "urllib.request",
    "http_client": "http.client",
    "urllib3_pool": "urllib3",
    "requests_get": "requests",
    "requests_session_with_retries": "requests",
    "aiohttp_get": "aiohttp",
    "asyncio_streams": "asyncio",
    "websocket": "websockets",
    "websocket_async": "websockets",
    "httpcore2_pool": "httpcore2",
}
SERVED = {"aiohttp_get", "urllib3_pool", "requests_get", "requests_session_with_retries", "urllib_request"}
"""Of these stacks some are served by a recorder, which refuses what is not recorded before anybody connects."""


def messages_of(report_lines, name):
    """Give the section of a failed test from pytest's output."""
    start = next(number for number, line in enumerate(report_lines) if f" {name} " in line and line.startswith("___"))
    section = []
    for line in report_lines[start + 1 :]:
        if line.startswith(("___", "===")):
            break
        section.append(line)
    return "\n".join(section)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_every_way_out_fails_its_test_and_is_named(suite):
    """Each library, loop, thread and child fails the test, not its teardown, with host, library and the user's line."""
    suite.pytester.makepyfile(ways=SETTING_OUT, test_out=TESTS)

    result = suite.run("-p", "no:warnings")

    outcomes = result.parseoutcomes()
    count = SETTING_OUT.count("@way\n")
    assert outcomes == {"failed": 2 * count + 3}
    lines = result.outlines
    names = [line.split("[")[1].split("]")[0] for line in lines if line.startswith("FAILED test_out.py::test_out[")]
    assert len(names) == count
    for kind in ("test_out", "test_out_and_swallowed"):
        for name in names:
            text = messages_of(lines, f"{kind}[{name}]")
            assert HOST in text or "203.0.113.7" in text, (kind, name, text)
            if "no recorded interaction matches" in text and name in SERVED:
                continue
            assert "was refused, because this test is offline" in text, (kind, name, text)
            assert LIBRARIES.get(name, "") in text, (kind, name, text)
            if name != "fork_free_child":
                assert "ways.py:" in text, (kind, name, text)
    saved = messages_of(lines, "test_out_by_a_saved_method")
    assert "ClosedConnection" in saved
    assert "httpx2" in saved
    assert "test_out.py:" in saved


def test_a_session_fixture_is_offline_too(suite):
    """A fixture of any scope that a test of ours uses cannot reach out while it is set up."""
    suite.pytester.makepyfile(
        ways=SETTING_OUT,
        test_out="""
        import pytest
        from ways import WAYS

        @pytest.fixture(scope="session")
        def wide():
            WAYS["urllib_request"]()

        @pytest.fixture(scope="module")
        def swallowing():
            try:
                WAYS["raw_socket"]()
            except BaseException:
                pass

        def test_session(llmreplay, wide):
            pass

        def test_module(llmreplay, swallowing):
            pass

        def test_of_somebody_else():
            pass
        """,
    )

    result = suite.run()

    result.assert_outcomes(passed=1, errors=2)
    assert result.stdout.str().count("ways.py:") >= 2
    assert HOST in result.stdout.str()


def test_the_whole_session_can_be_closed(suite):
    """With guard=session a test without us fails as well, and says what would open the host."""
    suite.pytester.makepyfile(
        ways=SETTING_OUT,
        test_out="""
        import pytest
        from ways import WAYS

        def test_of_somebody_else():
            WAYS["requests_get"]()

        def test_swallows():
            try:
                WAYS["raw_socket"]()
            except BaseException:
                pass

        @pytest.fixture
        def late():
            yield
            try:
                WAYS["raw_socket"]()
            except BaseException:
                pass

        def test_swallows_in_its_teardown(late):
            pass

        def test_innocent():
            pass
        """,
    )

    open_run = suite.run("-k", "nothing")
    result = suite.run("--llmreplay-guard=session")

    assert open_run.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.assert_outcomes(failed=2, passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ClosedConnection*", "*allowed_hosts*"])


def test_a_host_that_is_allowed_is_let_through(suite):
    """`allowed_hosts` opens by name: what fails then is the network itself, and the test may handle it."""
    suite.pytester.makepyfile(
        test_out="""
        import socket
        import pytest

        @pytest.mark.llmreplay(allowed_hosts=["*.invalid"])
        def test_allowed(llmreplay):
            with pytest.raises(OSError):
                socket.create_connection(("db.invalid", 443), timeout=5)

        @pytest.mark.llmreplay(allowed_hosts=["*.invalid"])
        def test_other(llmreplay):
            with pytest.raises(OSError):
                socket.create_connection(("db.example.com", 443), timeout=5)
        """
    )

    result = suite.run()

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*FAILED*test_other*ClosedConnection*"])


def test_a_thread_that_outlives_its_test_is_still_closed(suite):
    """What a test's thread tries after the test is refused, though nothing is open any more, and is told."""
    suite.pytester.makepyfile(
        ways=SETTING_OUT,
        test_out="""
        import threading
        from ways import WAYS

        go, seen = threading.Event(), []

        def late():
            go.wait(10)
            try:
                WAYS["raw_socket"]()
            except BaseException as error:
                seen.append(error)

        THREAD = threading.Thread(target=late)

        def test_one(llmreplay):
            THREAD.start()

        def test_two():
            go.set()
            THREAD.join()
            assert type(seen[0]).__name__ == "ClosedConnection", seen
            assert "test_one" in str(seen[0])
        """,
    )

    result = suite.run()

    result.assert_outcomes(passed=2)
