from dataclasses import replace

from llmreplay.interceptors.guard_policy import SESSION, BlockedConnection
from llmreplay.interceptors.guard_text import blocked_text

A_CONNECTION = BlockedConnection(
    host="api.anthropic.com",
    address="",
    port=443,
    library="http.client",
    call_site="tests/test_agent.py:12 in test_weather",
    label="tests/test_agent.py::test_weather",
    provider="anthropic",
)


def test_the_text_says_what_where_and_what_to_do():
    """A refused call to a provider is told with its place, and why it was not replayed."""
    assert blocked_text(A_CONNECTION) == (
        "a connection to api.anthropic.com:443 was refused, because this test is offline; "
        "nothing was sent.\n"
        "\n"
        "  test      tests/test_agent.py::test_weather\n"
        "  call      tests/test_agent.py:12 in test_weather\n"
        "  library   http.client\n"
        "  provider  anthropic\n"
        "\n"
        "  To be replayed?     this call went round the libraries that are recorded, through http.client\n"
        '  Meant to be live?   @pytest.mark.llmreplay(allowed_hosts=["api.anthropic.com"])'
    )


def test_a_websocket_says_that_it_cannot_be_recorded():
    """The advice for a WebSocket is a stub, not a recording."""
    text = blocked_text(replace(A_CONNECTION, is_websocket=True, library="websockets"))

    assert text.startswith("a WebSocket to api.anthropic.com:443 was refused")
    assert "not possible: WebSockets are not recorded; replace the client by a stub" in text


def test_a_late_connection_names_thread_process_and_address():
    """What is known beyond the usual is told, each fact on its line."""
    blocked = replace(
        A_CONNECTION, address="192.0.2.1", thread="flusher", is_late=True, process_id=4711, provider=None, label=""
    )

    assert blocked_text(blocked).splitlines()[2:] == [
        "  call      tests/test_agent.py:12 in test_weather",
        "  library   http.client",
        "  address   192.0.2.1",
        "  thread    flusher, which outlived this test",
        "  process   child process 4711",
        "",
        "  Still running?      join or stop this thread before the test ends",
        '  Meant to be live?   @pytest.mark.llmreplay(allowed_hosts=["api.anthropic.com"])',
    ]


def test_a_child_process_says_that_it_is_never_recorded():
    """What a library of ours was covered by does not matter there, nor after the end of the test."""
    child = blocked_text(replace(A_CONNECTION, library="httpx2", process_id=4711))
    late = blocked_text(replace(A_CONNECTION, library="httpx2", is_late=True))

    assert "To be replayed?     not possible: calls of child processes are not recorded" in child
    assert "To be replayed?" not in late


def test_a_loopback_port_is_told_to_be_a_proxy():
    """A closed loopback port is closed because of a proxy variable, and the text says which to look for."""
    text = blocked_text(replace(A_CONNECTION, host="::1", port=3128, provider=None))

    assert "[::1]:3128" in text
    assert "unset the proxy variable that names port 3128" in text


def test_an_unknown_port_is_left_out():
    """A lookup that came without a port is told by the host alone."""
    assert "to api.anthropic.com was refused" in blocked_text(replace(A_CONNECTION, port=None))


def test_what_is_closed_for_a_session_is_opened_for_it():
    """A marker speaks for its own test: the advice names the ini file."""
    text = blocked_text(replace(A_CONNECTION, label=SESSION))

    assert text.endswith("Meant to be live?   llmreplay_allowed_hosts = api.anthropic.com   (in the ini file)")


def test_a_library_that_is_recorded_was_covered_by_somebody():
    """A block of vcrpy replaces the transports for every host, those that it ignores too."""
    text = blocked_text(replace(A_CONNECTION, library="httpx2"))

    assert "httpx2 is recorded, but not here: over ours is another patch, vcrpy's say" in text
