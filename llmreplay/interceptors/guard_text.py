"""The text of a refused connection: what was tried, where, and what to type next."""

from __future__ import annotations

from llmreplay.interceptors.guard_policy import SESSION, BlockedConnection, Place, place_of

_RECORDED = frozenset(("httpx", "httpx2", "aiohttp", "urllib3"))


def blocked_text(blocked: BlockedConnection) -> str:
    """Tell a refused connection: facts first, then pairs of a question and what to do."""
    facts = [(name, value) for name, value in _facts(blocked) if value]
    advice = _advice(blocked)
    width = max(len(question) for question, _ in advice)
    return "\n".join(
        [
            f"{_what(blocked)}; nothing was sent.",
            "",
            *(f"  {name:8}  {value}" for name, value in facts),
            "",
            *(f"  {question:{width}}   {answer}" for question, answer in advice),
        ]
    )


def _what(blocked: BlockedConnection) -> str:
    destination = blocked.host if blocked.port is None else f"{_bracketed(blocked.host)}:{blocked.port}"
    if blocked.is_websocket:
        return f"a WebSocket to {destination} was refused, because this test is offline"
    return f"a connection to {destination} was refused, because this test is offline"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _facts(blocked: BlockedConnection) -> tuple[tuple[str, str], ...]:
    thread = blocked.thread
    if blocked.is_late:
        thread = f"{thread or 'main thread'}, which outlived this test"
    return (
        ("test", blocked.label),
        ("call", blocked.call_site),
        ("library", blocked.library),
        ("provider", blocked.provider or ""),
        ("address", blocked.address if blocked.address != blocked.host else ""),
        ("thread", thread),
        ("process", "" if blocked.process_id is None else f"child process {blocked.process_id}"),
    )


def _advice(blocked: BlockedConnection) -> list[tuple[str, str]]:
    advice: list[tuple[str, str]] = []
    if blocked.is_late:
        advice.append(("Still running?", "join or stop this thread before the test ends"))
    if blocked.is_websocket:
        advice.append(("To be replayed?", "not possible: WebSockets are not recorded; replace the client by a stub"))
    elif blocked.provider and blocked.process_id is not None:
        no_child = "not possible: calls of child processes are not recorded; make it in this process, or stub the child"
        advice.append(("To be replayed?", no_child))
    elif blocked.provider and not blocked.is_late:
        around = (
            f"{blocked.library} is recorded, but not here: over ours is another patch, vcrpy's say, or a client's own"
            if blocked.library in _RECORDED
            else f"this call went round the libraries that are recorded, through {blocked.library}"
        )
        advice.append(("To be replayed?", around))
    if place_of(blocked.host) is Place.LOOPBACK:
        advice.append(("Not a way out?", f"unset the proxy variable that names port {blocked.port}"))
    # What is closed for a whole session is opened for it, too: a marker speaks for its test only.
    opened = (
        f"llmreplay_allowed_hosts = {blocked.host}   (in the ini file)"
        if blocked.label == SESSION
        else f'@pytest.mark.llmreplay(allowed_hosts=["{blocked.host}"])'
    )
    advice.append(("Meant to be live?", opened))
    return advice
