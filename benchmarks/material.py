"""What every contestant is measured with: distinct prompts and answers of a given size, asked by the real SDK."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from functools import cache
from typing import Any

import anthropic
import httpx2

URL = "https://api.anthropic.com/v1/messages"
MODEL = "claude-haiku-4-5"
KEY = "sk-ant-api03-" + "Zq7Lm2Xw9Rt4Vb8Kc3Np6Hd1" * 3
ANSWER_HEADERS = (("content-type", "application/json"), ("request-id", "req_011CVLgpB4SXsHkTnW2mQd8J"))

_REST_OF_A_BODY_BYTES = 300
_PROSE_BYTES = 400_000
_PROSE_WORDS = (
    "the a of and to in is that it was for on are as with his they at be this from have or by one had not but what "
    "all were when we there can an your which their said if do will each about how up out them then she many some "
    'so these would other into has more her two like him see time could no make than first been its who now "quoted" '
    "people my made over did down only way find use may water long little very after words called just where most "
    "naïve café know\n\n"
)


@cache
def _prose() -> str:
    chooser = random.Random(20)
    words = _PROSE_WORDS.split(" ")
    return " ".join(chooser.choice(words) for _ in range(_PROSE_BYTES // 4))[:_PROSE_BYTES]


def _text(number: int, size: int) -> str:
    start = number * 7919 % (_PROSE_BYTES - size)
    return f"{number} {_prose()[start : start + size]}"


def prompt(number: int, body_bytes: int) -> str:
    """Make the prompt of a request whose body has about so many bytes; each number gives another."""
    return _text(number, body_bytes - _REST_OF_A_BODY_BYTES)


def request_body(number: int, body_bytes: int) -> bytes:
    """Give the body that the SDK sends for a prompt."""
    message = {"role": "user", "content": prompt(number, body_bytes)}
    body = {"max_tokens": 1000, "messages": [message], "model": MODEL}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def answer_body(number: int, body_bytes: int) -> bytes:
    """Make an answer as the provider writes it."""
    answer = {
        "model": MODEL,
        "id": f"msg_01{number:022d}",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": _text(number + 1_000_003, body_bytes - _REST_OF_A_BODY_BYTES)}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 412, "output_tokens": 377, "service_tier": "standard"},
    }
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


@cache
def the_ordinary_client() -> anthropic.Anthropic:
    """Give a client of the SDK as an application makes it, but without retries; made once, for it takes 30 ms."""
    return anthropic.Anthropic(api_key=KEY, max_retries=0)


def a_client(transport: httpx2.BaseTransport) -> anthropic.Anthropic:
    """Make a client of the SDK over a transport, without retries."""
    http_client = anthropic.DefaultHttpxClient(transport=transport)
    return anthropic.Anthropic(api_key=KEY, max_retries=0, http_client=http_client)


def ask(client: anthropic.Anthropic, question: str) -> Any:
    """Ask one question."""
    message: Any = {"role": "user", "content": question}
    return client.messages.create(model=MODEL, max_tokens=1000, messages=[message])


def answering_in_turn(answers: Iterable[bytes]) -> httpx2.MockTransport:
    """Make a transport that gives the answers in order and looks at nothing: the least that replay can cost."""
    following = iter(answers)

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=list(ANSWER_HEADERS), content=next(following))

    return httpx2.MockTransport(answer)
