"""What the providers' own SDKs make of made-up answers and errors, over a transport in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from llmreplay.core.api import Api
from llmreplay.core.model import Chunk, Reply, Request, Response, ToolCall, Usage
from llmreplay.providers.anthropic import MESSAGES
from llmreplay.providers.openai import CHAT, EMBEDDINGS, RESPONSES

anthropic = pytest.importorskip("anthropic", reason="the anthropic SDK is not installed")
openai = pytest.importorskip("openai", reason="the openai SDK is not installed")
httpx2 = pytest.importorskip("httpx2", reason="the SDKs' HTTP library is not installed")

REPLY = Reply(
    text="Paris is sunny, 21 °C.",
    thinking="Look it up first.",
    tool_calls=(ToolCall("call_a", "weather", '{"city": "Paris", "days": [1, 2]}'), ToolCall("", "time", "{}")),
    usage=Usage(
        input_tokens=120,
        output_tokens=40,
        cache_read_tokens=30,
        cache_write_tokens=10,
        output_reasoning_tokens=8,
        service_tier="priority",
    ),
)
HELLO = [{"role": "user", "content": "hello"}]


def answering(answer: Callable[[Request], Response]) -> Any:
    def handle(request: Any) -> Any:
        response = answer(Request(request.method, str(request.url), (), request.read()))
        return httpx2.Response(
            response.status, headers=list(response.headers), content=[chunk.data for chunk in response.chunks]
        )

    return httpx2.Client(transport=httpx2.MockTransport(handle))


def saying(api: Api, reply: Reply) -> Any:
    def answer(request: Request) -> Response:
        assert api.build_response is not None
        assert api.is_streamed is not None
        return api.build_response(reply, request, api.is_streamed("", json.loads(request.body)))

    return answering(answer)


def failing(api: Api, status: int, kind: str | None) -> Any:
    assert api.error_reply is not None
    error = api.error_reply(status, kind)
    return answering(lambda request: Response(error.status, error.headers, (Chunk(error.body),)))


def claude(client: Any) -> Any:
    return anthropic.Anthropic(api_key="k", http_client=client, max_retries=0)


def gpt(client: Any) -> Any:
    return openai.OpenAI(api_key="k", http_client=client, max_retries=0)


def without_warnings(model: Any) -> Any:
    """Give the fields of a parsed answer, having checked it against its own class."""
    type(model).model_validate_json(model.model_dump_json(exclude_unset=True, by_alias=True))
    return model.model_dump(mode="json", exclude_none=True)


def test_anthropic_reads_the_same_message_streamed_and_plain() -> None:
    """The SDK's message of a stream equals that of a body, and holds what the reply says."""
    client = claude(saying(MESSAGES, REPLY))
    plain = client.messages.create(model="claude-x", max_tokens=9, messages=HELLO)
    with client.messages.stream(model="claude-x", max_tokens=9, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        streamed = stream.get_final_message()

    assert without_warnings(streamed) == without_warnings(plain)
    assert text == REPLY.text
    assert plain.model == "claude-x"
    assert plain.stop_reason == "tool_use"
    assert [block.type for block in plain.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert plain.content[2].input == {"city": "Paris", "days": [1, 2]}
    usage = plain.usage
    assert usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens == 120
    assert usage.cache_creation.ephemeral_5m_input_tokens == 10
    assert usage.output_tokens_details.thinking_tokens == 8


def test_openai_reads_the_same_completion_streamed_and_plain() -> None:
    """The SDK's completion of a stream equals that of a body, and holds what the reply says."""
    client = gpt(saying(CHAT, REPLY))
    plain = client.chat.completions.create(model="gpt-x", messages=HELLO)
    with client.chat.completions.stream(
        model="gpt-x", messages=HELLO, stream_options={"include_usage": True}
    ) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_completion()

    message, other = without_warnings(plain.choices[0].message), without_warnings(streamed.choices[0].message)
    for call in other["tool_calls"]:
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    message.pop("annotations")
    assert message == other
    assert plain.usage == streamed.usage
    assert plain.usage.total_tokens == 160
    assert plain.choices[0].finish_reason == streamed.choices[0].finish_reason == "tool_calls"
    assert (plain.id, plain.model, plain.service_tier) == (streamed.id, streamed.model, streamed.service_tier)


def test_openai_tells_the_usage_of_a_stream_only_when_asked() -> None:
    """Without `stream_options.include_usage` no chunk has a usage and every chunk has a choice."""
    client = gpt(saying(CHAT, REPLY))

    chunks = list(client.chat.completions.create(model="gpt-x", messages=HELLO, stream=True))

    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)


def test_openai_reads_the_same_response_streamed_and_plain() -> None:
    """The SDK's response of a stream equals that of a body, and holds what the reply says."""
    client = gpt(saying(RESPONSES, REPLY))
    plain = client.responses.create(model="gpt-x", input="hello", temperature=0.5)
    with client.responses.stream(model="gpt-x", input="hello", temperature=0.5) as stream:
        events = list(stream)
        streamed = stream.get_final_response()

    output = [
        {name: value for name, value in without_warnings(item).items() if name != "parsed_arguments"}
        for item in streamed.output
    ]
    assert output == [without_warnings(item) for item in plain.output]
    assert plain.output_text == REPLY.text
    assert plain.temperature == 0.5
    assert plain.usage == streamed.usage
    assert plain.usage.total_tokens == 160
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert without_warnings(plain)["status"] == "completed"


@pytest.mark.parametrize(
    ("stop_reason", "status", "reason"),
    [("length", "incomplete", "max_output_tokens"), ("content_filter", "incomplete", "content_filter")],
)
def test_an_incomplete_response_says_why(stop_reason: str, status: str, reason: str) -> None:
    """A stream that is cut by the provider ends in `response.incomplete` with its reason."""
    client = gpt(saying(RESPONSES, Reply(text="x", stop_reason=stop_reason)))

    *_, last = client.responses.create(model="gpt-x", input="hello", stream=True)

    assert last.type == "response.incomplete"
    assert (last.response.status, last.response.incomplete_details.reason) == (status, reason)


@pytest.mark.parametrize("api", [CHAT, RESPONSES], ids=lambda api: api.name)
def test_a_refusal_is_where_the_sdk_looks_for_it(api: Api) -> None:
    """A refusal's text stands in the field or part that is for refusals."""
    client = gpt(saying(api, Reply(text="I cannot.", stop_reason="refusal")))
    if api is CHAT:
        refusal = client.chat.completions.create(model="gpt-x", messages=HELLO).choices[0].message.refusal
    else:
        refusal = client.responses.create(model="gpt-x", input="hello").output[0].content[0].refusal

    assert refusal == "I cannot."


def test_embeddings_are_vectors_of_length_one_for_each_input() -> None:
    """Each input has its own vector of the asked size, the same in both encodings."""
    client = gpt(saying(EMBEDDINGS, Reply()))
    packed = client.embeddings.create(model="e", input=["a", "b"], dimensions=8)
    plain = client.embeddings.create(model="e", input=["a", "b"], dimensions=8, encoding_format="float")

    assert [item.index for item in packed.data] == [0, 1]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert sum(number * number for number in one.embedding) == pytest.approx(1, abs=1e-4)
    assert packed.data[0].embedding != packed.data[1].embedding
    assert packed.usage.prompt_tokens == packed.usage.total_tokens > 0
    assert len(client.embeddings.create(model="e", input=[[1, 2], [3]], dimensions=4).data) == 2
    assert len(client.embeddings.create(model="e", input=[1, 2], dimensions=4).data) == 1


@pytest.mark.parametrize(
    ("status", "kind", "error_class", "error_type"),
    [
        (400, None, "BadRequestError", "invalid_request_error"),
        (400, "context_overflow", "BadRequestError", "invalid_request_error"),
        (401, None, "AuthenticationError", "authentication_error"),
        (404, None, "NotFoundError", "not_found_error"),
        (429, None, "RateLimitError", "rate_limit_error"),
        (500, None, "InternalServerError", "api_error"),
        (529, None, "OverloadedError", "overloaded_error"),
        (529, "overloaded", "OverloadedError", "overloaded_error"),
    ],
)
def test_anthropic_raises_its_own_error(status: int, kind: str | None, error_class: str, error_type: str) -> None:
    """The SDK raises the class of the status, with the type and the request id of the body."""
    client = claude(failing(MESSAGES, status, kind))

    with pytest.raises(getattr(anthropic, error_class, anthropic.APIStatusError)) as raised:
        client.messages.create(model="claude-x", max_tokens=9, messages=HELLO)

    assert raised.value.body["error"]["type"] == error_type
    assert raised.value.request_id == raised.value.body["request_id"]
    assert ("retry-after" in raised.value.response.headers) is (status == 429)


def test_a_spend_cap_is_a_429_that_names_no_wait() -> None:
    """Waiting does not lift a spend cap, so no `retry-after` is sent, and `details` tells it from a rate limit."""
    client = claude(failing(MESSAGES, 429, "spend_cap"))

    with pytest.raises(anthropic.RateLimitError) as raised:
        client.messages.create(model="claude-x", max_tokens=9, messages=HELLO)

    assert raised.value.body["error"]["details"] == {"error_code": "enforced_spend_limit_reached"}
    assert "retry-after" not in raised.value.response.headers


@pytest.mark.parametrize(
    ("api", "status", "kind", "error_class", "code", "param"),
    [
        (CHAT, 400, "context_overflow", "BadRequestError", "context_length_exceeded", "messages"),
        (RESPONSES, 400, "context_overflow", "BadRequestError", "context_length_exceeded", "input"),
        (CHAT, 401, None, "AuthenticationError", "invalid_api_key", None),
        (CHAT, 404, None, "NotFoundError", "model_not_found", None),
        (CHAT, 429, None, "RateLimitError", "rate_limit_exceeded", None),
        (CHAT, 429, "quota", "RateLimitError", "insufficient_quota", None),
        (CHAT, 429, "spend_cap", "RateLimitError", "insufficient_quota", None),
        (CHAT, 500, None, "InternalServerError", None, None),
        (CHAT, 503, None, "InternalServerError", None, None),
    ],
)
def test_openai_raises_its_own_error(
    api: Api, status: int, kind: str | None, error_class: str, code: str | None, param: str | None
) -> None:
    """The SDK raises the class of the status, with the code and the parameter of the body."""
    client = gpt(failing(api, status, kind))

    with pytest.raises(getattr(openai, error_class)) as raised:
        client.chat.completions.create(model="gpt-x", messages=HELLO)

    assert (raised.value.code, raised.value.param) == (code, param)
    assert raised.value.request_id.startswith("req_")
    assert ("retry-after" in raised.value.response.headers) is (status == 429 and kind is None)


@pytest.mark.parametrize(
    ("api", "error"),
    [(MESSAGES, "APIStatusError"), (CHAT, "APIError"), (RESPONSES, "APIError")],
    ids=["anthropic", "chat", "responses"],
)
def test_an_error_in_mid_stream_is_raised(api: Api, error: str) -> None:
    """After a 200 and some events, the error event ends the SDK's stream with an exception."""

    def answer(request: Request) -> Response:
        assert api.build_response is not None
        assert api.error_event is not None
        whole = api.build_response(Reply(text="a few words"), request, True)
        return replace(whole, chunks=(*whole.chunks[:4], Chunk(api.error_event(529))))

    sdk, client = (anthropic, claude(answering(answer))) if api is MESSAGES else (openai, gpt(answering(answer)))
    if api is RESPONSES:
        stream = client.responses.create(model="x", input="hello", stream=True)
    elif api is CHAT:
        stream = client.chat.completions.create(model="x", messages=HELLO, stream=True)
    else:
        stream = client.messages.create(model="x", max_tokens=9, messages=HELLO, stream=True)

    with pytest.raises(getattr(sdk, error)):
        list(stream)
