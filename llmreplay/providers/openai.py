"""OpenAI: its endpoints, keys and headers."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from llmreplay.core.api import Api, Provider
from llmreplay.core.streams import Wire
from llmreplay.providers import counted
from llmreplay.providers import openai_chat as chat
from llmreplay.providers import openai_completions as completions
from llmreplay.providers import openai_embeddings as embeddings
from llmreplay.providers import openai_responses as responses
from llmreplay.providers import openai_transcriptions as transcriptions
from llmreplay.providers.openai_chat_replies import build_response as build_chat
from llmreplay.providers.openai_errors import (
    chat_error_event,
    error_reply,
    naming_wait,
    responses_error_event,
    responses_error_reply,
)
from llmreplay.providers.openai_responses_replies import build_response as build_responses
from llmreplay.providers.plain_rows import plain_rows

SOURCE = "https://platform.openai.com/docs/api-reference, resources of openai 3.52.0 (read 2026-11-21)"
# Data residency puts a region before the name: eu.api.openai.com.
HOSTS = ("api.openai.com", "*.api.openai.com")
_ID = "[^/]+"

CHAT = Api(
    name="openai.chat.completions",
    provider="openai",
    hosts=HOSTS,
    path=re.compile("/v1/chat/completions"),
    source=SOURCE,
    wire=Wire.SSE,
    is_streamed=chat.is_streamed,
    answer_from_body=chat.answer_from_body,
    answer_from_events=chat.answer_from_events,
    is_terminal=chat.is_terminal,
    last_bytes=b"data: [DONE]\n\n",
    error_reply=error_reply,
    naming_wait=naming_wait,
    error_event=chat_error_event,
    build_response=build_chat,
    looks_like=chat.looks_like,
)

COMPLETIONS = replace(
    CHAT,
    name="openai.completions",
    path=re.compile("/v1/completions"),
    build_response=completions.build_response,
    looks_like=completions.looks_like,
)

RESPONSES = Api(
    name="openai.responses",
    provider="openai",
    hosts=HOSTS,
    path=re.compile("/v1/responses"),
    source=SOURCE,
    wire=Wire.SSE,
    is_streamed=responses.is_streamed,
    answer_from_body=responses.answer_from_body,
    answer_from_events=responses.answer_from_events,
    is_terminal=responses.is_terminal,
    error_reply=responses_error_reply,
    naming_wait=naming_wait,
    error_event=responses_error_event,
    build_response=build_responses,
    looks_like=responses.looks_like,
)

EMBEDDINGS = Api(
    name="openai.embeddings",
    provider="openai",
    hosts=HOSTS,
    path=re.compile("/v1/embeddings"),
    source=SOURCE,
    is_streamed=embeddings.is_streamed,
    answer_from_body=embeddings.answer_from_body,
    error_reply=error_reply,
    naming_wait=naming_wait,
    build_response=embeddings.build_response,
    looks_like=embeddings.looks_like,
)

_COUNTED = tuple(
    Api(
        name=f"openai.{name}",
        provider="openai",
        hosts=HOSTS,
        path=re.compile(path),
        source=SOURCE,
        wire=Wire.SSE,
        is_streamed=chat.is_streamed,
        answer_from_body=counted.answer_from_body,
        answer_from_events=partial(counted.answer_until, ends),
        is_terminal=ends,
        error_reply=error_reply,
        error_event=chat_error_event,
        naming_wait=naming_wait,
    )
    for name, path, ends in (
        ("images.generate", "/v1/images/generations", counted.is_terminal),
        ("images.edit", "/v1/images/edits", counted.is_terminal),
        ("threads.runs.create", f"/v1/threads/{_ID}/runs", chat.is_terminal),
        ("threads.runs.submit_tool_outputs", f"/v1/threads/{_ID}/runs/{_ID}/submit_tool_outputs", chat.is_terminal),
    )
)

_TRANSCRIPTIONS = tuple(
    Api(
        name=f"openai.audio.{name}",
        provider="openai",
        hosts=HOSTS,
        path=re.compile(f"/v1/audio/{name}"),
        source=SOURCE,
        wire=Wire.SSE,
        is_streamed=transcriptions.is_streamed,
        answer_from_body=transcriptions.answer_from_body,
        answer_from_text=transcriptions.answer_from_text,
        answer_from_events=transcriptions.answer_from_events,
        is_terminal=transcriptions.is_terminal,
        error_reply=error_reply,
        error_event=chat_error_event,
        naming_wait=naming_wait,
    )
    for name in ("transcriptions", "translations")
)

PROVIDER = Provider(
    name="openai",
    apis=(
        CHAT,
        COMPLETIONS,
        RESPONSES,
        EMBEDDINGS,
        *_COUNTED,
        *_TRANSCRIPTIONS,
        *plain_rows(
            "openai",
            HOSTS,
            SOURCE,
            (("responses.compact", "POST", "/v1/responses/compact"),),
            error_reply=error_reply,
            answer_from_body=counted.answer_from_body,
        ),
        *plain_rows(
            "openai",
            HOSTS,
            SOURCE,
            (("responses.input_tokens", "POST", "/v1/responses/input_tokens"),),
            error_reply=error_reply,
            looks_like=responses.looks_like,
            is_charged=False,
        ),
        *plain_rows(
            "openai",
            HOSTS,
            SOURCE,
            (
                ("batches.create", "POST", "/v1/batches"),
                ("images.variation", "POST", "/v1/images/variations"),
                ("audio.speech", "POST", "/v1/audio/speech"),
            ),
            error_reply=error_reply,
        ),
        *plain_rows(
            "openai",
            HOSTS,
            SOURCE,
            (
                ("responses.retrieve", "GET", f"/v1/responses/{_ID}"),
                ("responses.delete", "DELETE", f"/v1/responses/{_ID}"),
                ("responses.cancel", "POST", f"/v1/responses/{_ID}/cancel"),
                ("moderations", "POST", "/v1/moderations"),
                ("files.upload", "POST", "/v1/files"),
                ("files.list", "GET", "/v1/files"),
                ("files.retrieve", "GET", f"/v1/files/{_ID}"),
                ("files.content", "GET", f"/v1/files/{_ID}/content"),
                ("files.delete", "DELETE", f"/v1/files/{_ID}"),
                ("batches.retrieve", "GET", f"/v1/batches/{_ID}"),
                ("models.list", "GET", "/v1/models"),
                ("models.retrieve", "GET", f"/v1/models/{_ID}"),
            ),
            error_reply=error_reply,
            is_charged=False,
        ),
    ),
    key_variables=(("OPENAI_API_KEY", "sk-placeholder"), ("OPENAI_ADMIN_KEY", "")),
    hosts=HOSTS,
    side_paths=(
        "api.openai.com/v1/traces/ingest",
        # Tokenizer files that tiktoken downloads.
        "openaipublic.blob.core.windows.net/*",
    ),
    feature_headers=("openai-beta",),
    secret_headers=("openai-organization", "openai-project"),
)
