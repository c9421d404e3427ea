"""Requests and responses with secrets in them; what a test does not say is beside the point."""

from __future__ import annotations

import json

from llmreplay.core.model import Chunk, Request, Response
from llmreplay.core.redaction import Redactor

SECRET = "sk-ant-api03-Zx9KqLmN2pRs4TuVw6XyZ-aB1cD3eF5gH7iJ9"
OTHER = "qP8wE6rT4yU2iO0pAsDfGhJk"
JSON = (("content-type", "application/json"),)


def a_request(body: object = None, *, url: str = "https://api.example.com/v1/chat", headers: tuple = JSON) -> Request:
    data = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    return Request("POST", url, headers, data)


def a_response(*pieces: bytes, headers: tuple = JSON) -> Response:
    return Response(200, headers, tuple(Chunk(piece, after_s=0.25) for piece in pieces))


def a_redactor(*secrets: str, **settings: object) -> Redactor:
    return Redactor(secrets, **settings)
