"""How much later the first chunk reaches the client while a stream is being recorded."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import anthropic
from material import KEY, MODEL

_EVENTS = 12
_PAUSE_S = 0.01
_REPETITIONS = 25
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\nrequest-id: req_1\r\n\r\n"
)
_BEGINNING = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"claude-haiku-4-5","content":[],"stop_reason":null,"stop_sequence":null,'
    b'"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
)
_DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"and so on "}}\n\n'
)
_ENDING = (
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
    b'"usage":{"output_tokens":40}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


@dataclass(frozen=True, slots=True)
class FirstToken:
    """When a client had the first chunk of a stream, and when all of it, in milliseconds after sending; medians."""

    name: str
    first_ms: float
    whole_ms: float


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _serve(connection: socket.socket) -> None:
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(1 << 16):
            head, _, body = data.partition(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            while len(body) < length:
                body += connection.recv(1 << 16)
            connection.sendall(_HEAD + _chunk(_BEGINNING))
            for _ in range(_EVENTS):
                time.sleep(_PAUSE_S)
                connection.sendall(_chunk(_DELTA))
            connection.sendall(_chunk(_ENDING) + b"0\r\n\r\n")


@contextmanager
def _a_provider() -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def _stream(client: anthropic.Anthropic, number: int) -> tuple[float, float]:
    message: Any = {"role": "user", "content": f"Question {number}"}
    began = time.perf_counter()
    with client.messages.create(model=MODEL, max_tokens=100, messages=[message], stream=True) as stream:
        events = iter(stream)
        next(events)
        first = time.perf_counter()
        for _ in events:
            pass
    return (first - began) * 1e3, (time.perf_counter() - began) * 1e3


def _recorders(url: str, folder: Path) -> dict[str, Callable[[int], AbstractContextManager[object]]]:
    import vcr
    from cassetter import RecordMode
    from cassetter import use_cassette as cassetter_cassette

    from llmreplay import use_cassette

    return {
        "not recorded": lambda _: nullcontext(),
        "llmreplay": lambda n: use_cassette(
            folder / f"{n}.json", mode="rewrite", upstream={"https://api.anthropic.com": url}
        ),
        "vcrpy": lambda n: vcr.use_cassette(str(folder / f"{n}-vcrpy.yaml"), record_mode="all"),
        "cassetter": lambda n: cassetter_cassette(folder / f"{n}-cassetter.yaml", record_mode=RecordMode.ALL),
    }


def measure() -> list[FirstToken]:
    """Stream from a server on loopback that says nothing slower than every 10 ms; recorders take turns."""
    seen: dict[str, list[tuple[float, float]]] = {}
    with _a_provider() as url, tempfile.TemporaryDirectory() as folder:
        recorders = _recorders(url, Path(folder))
        clients = {
            name: anthropic.Anthropic(
                api_key=KEY, max_retries=0, base_url="https://api.anthropic.com" if name == "llmreplay" else url
            )
            for name in recorders
        }
        for number in range(_REPETITIONS):
            for name, recording in recorders.items():
                with recording(number):
                    # The first goes by: it opens the connection.
                    _stream(clients[name], number)
                    seen.setdefault(name, []).append(_stream(clients[name], number + 1000))
    return [
        FirstToken(name, median(first for first, _ in times), median(whole for _, whole in times))
        for name, times in seen.items()
    ]
