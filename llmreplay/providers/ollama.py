"""Ollama: its endpoints, on its own port of the user's machine or in its cloud."""

from __future__ import annotations

import re

from llmreplay.core.api import Api, Provider
from llmreplay.core.model import Json
from llmreplay.core.streams import Wire
from llmreplay.providers import ollama_answers as answers
from llmreplay.providers.json_fields import fields_of
from llmreplay.providers.openai import CHAT as OPENAI_CHAT
from llmreplay.providers.openai_embeddings import looks_like as looks_like_embeddings
from llmreplay.providers.plain_rows import borrowed_row, plain_rows

SOURCE = "https://docs.ollama.com/api, ollama 0.6.3, as given 2026-11-21"
HOSTS = ("ollama.com", "api.ollama.com")


def looks_like_chat(body: Json) -> bool:
    """Say whether a request's body has what a chat requires."""
    return {"model", "messages"} <= fields_of(body).keys()


def looks_like_generate(body: Json) -> bool:
    """Say whether a request's body has what a completion requires."""
    return {"model", "prompt"} <= fields_of(body).keys()


CHAT = Api(
    name="ollama.chat",
    provider="ollama",
    hosts=HOSTS,
    path=re.compile("/api/chat"),
    source=SOURCE,
    wire=Wire.NDJSON,
    is_streamed=answers.is_streamed,
    answer_from_body=answers.answer_from_body,
    answer_from_events=answers.answer_from_events,
    is_terminal=answers.is_terminal,
    error_reply=answers.error_reply,
    error_event=answers.error_event,
    build_response=answers.build_chat,
    looks_like=looks_like_chat,
)
GENERATE = Api(
    name="ollama.generate",
    provider="ollama",
    hosts=HOSTS,
    path=re.compile("/api/generate"),
    source=SOURCE,
    wire=Wire.NDJSON,
    is_streamed=answers.is_streamed,
    answer_from_body=answers.answer_from_body,
    answer_from_events=answers.answer_from_events,
    is_terminal=answers.is_terminal,
    error_reply=answers.error_reply,
    error_event=answers.error_event,
    build_response=answers.build_generate,
    looks_like=looks_like_generate,
)

PROVIDER = Provider(
    name="ollama",
    apis=(
        CHAT,
        GENERATE,
        borrowed_row(OPENAI_CHAT, "ollama.chat.completions", HOSTS, "/v1/chat/completions", SOURCE),
        *plain_rows(
            "ollama",
            HOSTS,
            SOURCE,
            (("embed", "POST", "/api/embed"),),
            error_reply=answers.error_reply,
            looks_like=looks_like_embeddings,
            is_charged=False,
        ),
        *plain_rows(
            "ollama",
            HOSTS,
            SOURCE,
            (("embeddings", "POST", "/api/embeddings"),),
            error_reply=answers.error_reply,
            looks_like=looks_like_generate,
            is_charged=False,
        ),
        *plain_rows(
            "ollama",
            HOSTS,
            SOURCE,
            (("show", "POST", "/api/show"), ("tags", "GET", "/api/tags")),
            error_reply=answers.error_reply,
            is_charged=False,
        ),
    ),
    key_variables=(("OLLAMA_API_KEY", ""),),
    hosts=HOSTS,
)
