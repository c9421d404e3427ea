"""What every row of the catalogue owes to its users; names what a new provider lacks."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from llmreplay.core.api import Api, Provider, identify, identify_stand_in
from llmreplay.core.model import Request
from llmreplay.core.streams import events_of
from llmreplay.core.traffic import Traffic, traffic_to
from llmreplay.providers import (
    APIS,
    CATALOGUE,
    CREDENTIAL_PATHS,
    FEATURE_HEADERS,
    KEY_VARIABLES,
    PROVIDERS,
    SECRET_HEADERS,
    SIDE_PATHS,
    openai_errors,
)

READ = [api for api in APIS if api.answer_from_body is not None]
FAILING = [api for api in APIS if api.error_reply is not None]
KINDS = [None, "spend_cap", "context_overflow", "quota", "overloaded"]
STATUSES = [400, 401, 402, 403, 404, 408, 409, 413, 422, 424, 429, 499, 500, 501, 502, 503, 504, 529]


def by_name(api: Api) -> str:
    return api.name


@pytest.mark.parametrize("api", APIS, ids=by_name)
def test_a_row_names_itself_and_its_source(api: Api) -> None:
    """A row's name begins with its provider's, its hosts are lower case, and its source tells the day it was read."""
    assert api.name.startswith(f"{api.provider}.")
    assert api.hosts
    assert all(host == host.lower() for host in api.hosts)
    assert re.search(r"2026-\d\d-\d\d", api.source), f"{api.name}: source={api.source!r} names no day"
    assert (api.wire is None) or api.is_streamed is not None, f"{api.name}: wire without is_streamed"


def test_no_two_rows_share_a_name() -> None:
    """A name is one row's."""
    assert [name for name, count in Counter(api.name for api in APIS).items() if count > 1] == []


@pytest.mark.parametrize("api", READ, ids=by_name)
def test_a_row_that_is_read_is_read_whole(api: Api) -> None:
    """A row that is read also streams, and what a stand-in may play is made up; the failure names what is missing."""
    needed = ["is_streamed"]
    if api.wire is not None:
        needed += ["answer_from_events", "is_terminal"]
    if api.looks_like is not None:
        needed += ["error_reply", "build_response"]
    if api.wire is not None and api.build_response is not None:
        needed.append("error_event")

    missing = [field for field in needed if getattr(api, field) is None]

    assert missing == [], f"{api.name} lacks {', '.join(missing)}"


def moved_status(api: Api, status: int, kind: str | None) -> int:
    """Give the status with which a provider says what most say with this one."""
    if kind == "spend_cap" and api.provider == "bedrock":
        return 400
    is_plain_401 = status == 401 and (kind is None or api.provider == "bedrock")
    if is_plain_401 and api.error_reply is not openai_errors.error_reply:
        return {"bedrock": 403, "gemini": 400, "xai": 400}.get(api.provider, 401)
    return status


@pytest.mark.parametrize("api", FAILING, ids=by_name)
def test_errors_are_json_with_a_content_type(api: Api) -> None:
    """Every status and kind gives a JSON body that this row reads as an error."""
    assert api.error_reply is not None
    for status in STATUSES:
        for kind in KINDS:
            reply = api.error_reply(status, kind)

            is_overload = kind == "overloaded" and reply.status in (429, 503, 529)
            assert is_overload or reply.status == moved_status(api, status, kind)
            assert ("content-type", "application/json") in [
                (name, value.partition(";")[0]) for name, value in reply.headers
            ]
            if api.answer_from_body is not None:
                assert api.answer_from_body(json.loads(reply.body)).error


@pytest.mark.parametrize("api", FAILING, ids=by_name)
def test_an_unknown_kind_of_error_is_refused(api: Api) -> None:
    """A kind that no row knows is refused with the ones it can be."""
    assert api.error_reply is not None
    with pytest.raises(ValueError, match=r"kind='sunspots': choose from spend_cap, context_overflow, "):
        api.error_reply(429, "sunspots")


@pytest.mark.parametrize("api", [api for api in APIS if api.error_event], ids=by_name)
def test_an_error_event_ends_a_stream_with_an_error(api: Api) -> None:
    """The bytes of an error in mid-stream are one event, which is read as an error with no clean stop."""
    assert api.error_event is not None
    assert api.wire is not None
    assert api.answer_from_events is not None
    for status in STATUSES:
        events, rest = events_of(api.wire, [api.error_event(status)])

        answer = api.answer_from_events(events)

        assert len(events) == 1
        assert rest == b""
        assert answer.error
        assert answer.stop_reason in ("truncated", "error")


@pytest.mark.parametrize(
    "value", [None, 1, "x", [], [1], {}, {"choices": 1}, {"usage": []}, {"content": "x"}, {"error": 1}, {"output": [1]}]
)
@pytest.mark.parametrize("api", READ, ids=by_name)
def test_a_body_of_another_shape_reads_as_nothing(api: Api, value: object) -> None:
    """A body that is JSON of an unexpected shape never raises; what it does not say is unknown."""
    assert api.answer_from_body is not None
    answer = api.answer_from_body(value)  # type: ignore[arg-type]

    assert answer.text == ""
    assert answer.tool_calls == ()


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_a_provider_owns_its_rows(provider: Provider) -> None:
    """A provider's rows carry its name, and its headers are lower case."""
    assert provider.apis
    assert {api.provider for api in provider.apis} == {provider.name}
    assert all(name == name.lower() for name in (*provider.feature_headers, *provider.secret_headers))


def test_a_placeholder_tells_whose_it_is() -> None:
    """No two placeholders are alike, and each looks like one."""
    placeholders = [value for _, value in KEY_VARIABLES if value]

    assert len(set(placeholders)) == len(placeholders)
    assert all("placeholder" in value for value in placeholders)


def test_the_catalogue_is_the_sum_of_its_providers() -> None:
    """What the catalogue says together includes what the most used providers say."""
    assert CATALOGUE.apis == APIS
    assert "anthropic-beta" in FEATURE_HEADERS
    assert "openai-beta" in FEATURE_HEADERS
    assert {"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"} <= {name for name, _ in KEY_VARIABLES}
    assert "api.openai.com/v1/traces/ingest" in SIDE_PATHS
    for url in ("/Xenova/llama-3-tokenizer/resolve/main/tokenizer.json", "/api/agent-harnesses"):
        assert traffic_to(f"https://huggingface.co{url}", CATALOGUE) is Traffic.SIDE
    assert "oauth2.googleapis.com/token" in CREDENTIAL_PATHS
    assert {"authorization", "x-api-key", "x-goog-api-key", "set-cookie"} <= set(SECRET_HEADERS)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.anthropic.com/v1/messages?beta=true", "anthropic.messages"),
        ("https://api.anthropic.com/v1/messages/count_tokens", "anthropic.messages.count_tokens"),
        ("https://api.openai.com/v1/chat/completions", "openai.chat.completions"),
        ("https://eu.api.openai.com/v1/responses", "openai.responses"),
        ("https://me.openai.azure.com/openai/deployments/d/chat/completions?api-version=1", "azure.chat.completions"),
        ("https://api.groq.com/openai/v1/chat/completions", "groq.chat.completions"),
        ("https://api.deepseek.com/chat/completions", "deepseek.chat.completions"),
        ("https://openrouter.ai/api/v1/chat/completions", "openrouter.chat.completions"),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/g-2:streamGenerateContent?alt=sse",
            "gemini.generateContent",
        ),
        (
            "https://a-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/anthropic/models/c@1:streamRawPredict",
            "vertex.messages",
        ),
        ("https://bedrock-runtime.us-east-1.amazonaws.com/model/us.a.c-v1%3A0/converse-stream", "bedrock.converse"),
        ("https://api.cohere.com/v2/chat", "cohere.chat"),
        ("https://router.huggingface.co/together/v1/chat/completions", "huggingface.chat.completions"),
    ],
)
def test_a_request_is_known_by_its_address(url: str, name: str) -> None:
    """Host and path name the endpoint, whatever the query."""
    api = identify(Request("POST", url), APIS)

    assert api is not None
    assert api.name == name


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/v1/messages", {"model": "m", "max_tokens": 1, "messages": []}, "anthropic.messages"),
        ("/anthropic/v1/messages", {"model": "m", "max_tokens": 1, "messages": []}, "anthropic.messages"),
        ("/v1/messages", {"text": "a chat app's own message"}, None),
        ("/chat/completions", {"model": "m", "messages": []}, "openai.chat.completions"),
        ("/v1/responses", {"model": "m", "input": "x"}, "openai.responses"),
        ("/v1/embeddings", {"model": "m", "input": "x"}, "openai.embeddings"),
        ("/api/chat", {"model": "m", "messages": []}, "ollama.chat"),
        ("/api/chat", {"message": "hello"}, None),
    ],
)
def test_a_stand_in_is_known_by_path_and_shape(path: str, body: dict[str, object], name: str | None) -> None:
    """On a host that says nothing, path and body together tell an LLM call from an application's own traffic."""
    api = identify_stand_in(path, body, APIS)  # type: ignore[arg-type]

    assert (api.name if api else None) == name


@pytest.mark.parametrize(
    "name",
    [
        "anthropic.messages.batches.create",
        "openai.batches.create",
        "bedrock.guardrail",
        "gemini.cachedContents.create",
        "openai.audio.transcriptions",
    ],
)
def test_what_costs_something_that_it_does_not_tell_is_charged(name: str) -> None:
    """A budget is exceeded by what cannot be counted; only what counts, lists or keeps is left out of it."""
    assert next(api for api in APIS if api.name == name).is_charged
    assert not next(api for api in APIS if api.name == "openai.models.list").is_charged
