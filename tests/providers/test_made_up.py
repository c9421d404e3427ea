"""Made-up answers say what the reply says, streamed or not, and read back."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmreplay.core.api import Api
from llmreplay.core.model import Answer, Reply, Request, Response, ToolCall, Usage, header
from llmreplay.core.streams import events_of
from llmreplay.providers import APIS
from llmreplay.providers.making import counts_for, fragments_of, made_id

TEXT_ONLY = re.compile(r"ollama\.generate|[^.]+\.completions")
# Of those that borrow the functions of OpenAI's text completions nobody makes up anything else.
BUILT = [
    api
    for api in APIS
    if api.build_response is not None
    and "embed" not in api.name
    and (api.looks_like is not None or not TEXT_ONLY.fullmatch(api.name))
]
WITH_TOOLS = [api for api in BUILT if not TEXT_ONLY.fullmatch(api.name)]
OWN = [api for api in BUILT if api.looks_like is not None]
MADE_UP = [api for api in APIS if api.build_response is not None and api.looks_like is not None]
REQUEST = Request(
    "POST",
    "https://provider.example/v1/x",
    body=json.dumps(
        {
            "model": "a-model",
            "max_tokens": 10,
            "messages": [{"role": "user", "content": "hello"}],
            "input": "hello",
            "stream_options": {"include_usage": True},
        }
    ).encode(),
)
REPLIES = {
    "text": Reply(text="The capital of France is Paris.\n\n  Überall 😀"),
    "nothing": Reply(),
    "tool": Reply(tool_calls=(ToolCall("", "weather", '{"city": "Paris"}'),)),
    "tools after text": Reply(
        text="Let me look.", tool_calls=(ToolCall("a1", "weather", "{}"), ToolCall("a2", "time", '{"zone": "CET"}'))
    ),
    "cut by length": Reply(text="The capital of", stop_reason="length"),
    "thinking": Reply(text="4", thinking="two and two"),
    "usage": Reply(
        text="x",
        usage=Usage(
            input_tokens=100, output_tokens=20, cache_read_tokens=0, cache_write_tokens=0, output_reasoning_tokens=0
        ),
    ),
}


def made(api: Api, reply: Reply, is_streamed: bool, request: Request = REQUEST) -> Response:
    assert api.build_response is not None
    return api.build_response(reply, request, is_streamed)


def read_plain(api: Api, response: Response) -> Answer:
    assert api.answer_from_body is not None
    return api.answer_from_body(json.loads(response.body))


def read_stream(api: Api, response: Response) -> Answer:
    assert api.answer_from_events is not None
    assert api.wire is not None
    events, rest = events_of(api.wire, [chunk.data for chunk in response.chunks])
    assert rest == b""
    return api.answer_from_events(events)


@pytest.mark.parametrize(
    ("api", "reply"),
    [
        pytest.param(api, reply, id=f"{api.name}-{name}")
        for api in BUILT
        for name, reply in REPLIES.items()
        if api in WITH_TOOLS or not reply.tool_calls
    ],
)
def test_streamed_and_plain_say_the_same(api: Api, reply: Reply) -> None:
    """Both forms read back as the same answer, and that answer is the reply."""
    plain = read_plain(api, made(api, reply, False))
    streamed = read_stream(api, made(api, reply, True))

    assert streamed == plain
    assert plain.text == reply.text
    assert [json.loads(call.arguments) for call in plain.tool_calls] == [
        json.loads(call.arguments) for call in reply.tool_calls
    ]
    assert [call.name for call in plain.tool_calls] == [call.name for call in reply.tool_calls]
    assert plain.stop_reason == (reply.stop_reason or ("tool_use" if reply.tool_calls else "stop"))
    assert plain.is_complete
    assert plain.error is None


@pytest.mark.parametrize("api", BUILT, ids=lambda api: api.name)
def test_given_usage_reads_back(api: Api) -> None:
    """Counts read back as given, but that a count of none is left out where the provider has no place for it."""
    given = REPLIES["usage"].usage
    usage = read_plain(api, made(api, REPLIES["usage"], False)).usage

    assert given is not None
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (100, 20)
    for field in fields(Usage):
        expected, found = getattr(given, field.name), getattr(usage, field.name)
        assert expected is None or found in (expected, None)


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("anthropic.messages", Usage(speed="fast")),
        ("gemini.generateContent", Usage(cache_read_tokens=9, input_audio_tokens=4, cache_audio_read_tokens=3)),
        ("bedrock.converse", Usage(cache_write_1h_tokens=7, cache_write_5m_tokens=5)),
    ],
)
def test_what_makes_an_answer_dearer_reads_back(name: str, given: Usage, is_streamed: bool) -> None:
    """What a test gives of it, the provider that has it says."""
    api = next(api for api in BUILT if api.name == name)
    response = made(api, Reply(text="x", usage=given), is_streamed)

    usage = (read_stream if is_streamed else read_plain)(api, response).usage

    assert usage is not None
    for field in fields(Usage):
        expected = getattr(given, field.name)
        assert expected is None or getattr(usage, field.name) == expected


@pytest.mark.parametrize("api", BUILT, ids=lambda api: api.name)
def test_made_usage_adds_up(api: Api) -> None:
    """Without given usage the counts are known and the parts are not more than the whole."""
    usage = read_stream(api, made(api, REPLIES["thinking"], True)).usage

    assert usage is not None
    assert (usage.input_tokens or 0) > 0
    assert (usage.output_tokens or 0) >= (usage.output_reasoning_tokens or 0)
    assert (usage.output_tokens or 0) > 0


@pytest.mark.parametrize("api", WITH_TOOLS, ids=lambda api: api.name)
def test_a_stream_is_an_event_a_chunk_and_ends_in_a_terminal_one(api: Api) -> None:
    """Each chunk is one event, a text comes in several, and only the last event ends the stream."""
    response = made(api, REPLIES["tools after text"], True)
    assert api.wire is not None
    assert api.is_terminal is not None
    assert api.answer_from_events is not None
    events, _ = events_of(api.wire, [chunk.data for chunk in response.chunks])

    assert [event.raw for event in events] == [chunk.data for chunk in response.chunks]
    assert len(events) > 5
    for cut in range(len(events)):
        answer = api.answer_from_events(events[:cut])
        if not any(api.is_terminal(event) for event in events[:cut]):
            assert not answer.is_complete
            assert answer.stop_reason == "truncated"


@pytest.mark.parametrize("api", WITH_TOOLS, ids=lambda api: api.name)
def test_the_same_seed_gives_the_same_bytes(api: Api) -> None:
    """An answer is a function of its reply; another seed changes ids, and nothing else that is read."""
    reply = REPLIES["tools after text"]
    nameless = replace(reply, tool_calls=tuple(replace(call, id="") for call in reply.tool_calls))

    assert made(api, nameless, True) == made(api, nameless, True)
    assert made(api, replace(nameless, id_seed="1"), True) != made(api, nameless, True)
    assert read_stream(api, made(api, replace(reply, id_seed="1"), True)) == read_stream(api, made(api, reply, True))


@pytest.mark.parametrize("api", OWN, ids=lambda api: api.name)
def test_a_stop_reason_without_a_word_is_refused(api: Api) -> None:
    """A stop reason that the provider cannot say is refused with those that it can."""
    with pytest.raises(ValueError, match=r"Reply\(stop_reason='sunspots'\): .* choose from stop, "):
        made(api, Reply(stop_reason="sunspots"), False)


@given(
    text=st.text(max_size=40),
    arguments=st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4) | st.none(), max_size=3),
    is_streamed=st.booleans(),
    seed=st.text(max_size=3),
)
@settings(max_examples=60)
def test_any_text_and_arguments_survive(text: str, arguments: dict[str, object], is_streamed: bool, seed: str) -> None:
    """Whatever the text, the arguments and the seed, what is read is what was to be said."""
    reply = Reply(text=text, tool_calls=(ToolCall("t", "f", json.dumps(arguments)),), id_seed=seed)
    for api in [api for api in OWN if api in WITH_TOOLS]:
        response = made(api, reply, is_streamed)

        answer = (read_stream if is_streamed else read_plain)(api, response)

        assert answer.text == text
        assert [json.loads(call.arguments) for call in answer.tool_calls] == [arguments]


@pytest.mark.parametrize(
    ("usage", "complaint"),
    [
        (Usage(input_tokens=5, cache_read_tokens=6), r"input_tokens=5\): must include the 6 tokens read"),
        (Usage(output_tokens=5, output_reasoning_tokens=6), r"output_tokens=5\): must include the 6 tokens of"),
        (
            Usage(cache_write_tokens=5, cache_write_5m_tokens=1, cache_write_1h_tokens=1),
            r"cache_write_tokens=5\): the parts kept for 5 minutes and 1 hour make 2",
        ),
    ],
)
def test_usage_that_does_not_add_up_is_refused(usage: Usage, complaint: str) -> None:
    """Parts that are more than their whole are refused where the reply is made."""
    with pytest.raises(ValueError, match=complaint):
        counts_for(Reply(usage=usage), REQUEST, "an.api", tuple(field.name for field in fields(Usage)))


def with_one(field: str) -> Usage:
    one: dict[str, Any] = {field: {"service_tier": "priority", "speed": "fast"}.get(field, 1)}
    return Usage(**one)


def told_by(api: Api, usage: Usage, is_streamed: bool) -> Usage | str | None:
    """Give the usage that a made-up answer tells, or why none was made up."""
    try:
        response = made(api, Reply(text="x", usage=usage), is_streamed)
    except ValueError as refusal:
        return str(refusal)
    return (read_stream if is_streamed else read_plain)(api, response).usage


# What cached sound is part of is tried by itself.
@pytest.mark.parametrize("field", [one.name for one in fields(Usage) if one.name != "cache_audio_read_tokens"])
@pytest.mark.parametrize("api", MADE_UP, ids=lambda api: api.name)
def test_a_count_reads_back_or_is_refused(api: Api, field: str) -> None:
    """A count for which the api has no place is refused by name, streamed or not; any other reads back as given."""
    usage = with_one(field)
    given = getattr(usage, field)

    for is_streamed in (False, True)[: 2 if api.wire else 1]:
        told = told_by(api, usage, is_streamed)

        if isinstance(told, str):
            assert re.match(rf"Usage\({field}={given!r}\): \S+ does not say that: choose from input_tokens", told)
            assert field not in told.partition("choose from ")[2].strip(".").split(", ")
        else:
            assert getattr(told, field) == given


@pytest.mark.parametrize("api", [api for api in OWN if api not in WITH_TOOLS], ids=lambda api: api.name)
def test_a_tool_call_is_refused_where_there_are_no_tools(api: Api) -> None:
    """Whatever the stop reason, an api without tools refuses a reply with a tool call instead of leaving it out."""
    with pytest.raises(ValueError, match=r"Reply\(tool_calls=\.\.\.\): .* has no tools: ask "):
        made(api, Reply(tool_calls=(ToolCall("", "weather", "{}"),), stop_reason="stop"), False)


@given(st.text())
def test_fragments_join_to_the_text(text: str) -> None:
    """Nothing of a text is lost between its fragments, and none of them is empty."""
    fragments = fragments_of(text)

    assert "".join(fragments) == text
    assert all(fragments)


def test_ids_tell_parts_and_seeds_apart() -> None:
    """An id depends on its seed and its part and has the length asked for."""
    assert made_id("msg_", "0", "a") == made_id("msg_", "0", "a")
    assert len({made_id("msg_", seed, part) for seed in "01" for part in "ab"}) == 4
    assert len(made_id("req_", "0", "a", 64)) == 68


def test_a_stream_has_the_content_type_of_its_wire() -> None:
    """The headers of a made-up stream tell a client how to cut it."""
    for api in OWN:
        content_type = header(made(api, Reply(text="x"), True).headers, "content-type") or ""

        assert content_type.partition(";")[0] in (
            "text/event-stream",
            "application/x-ndjson",
            "application/vnd.amazon.eventstream",
        )
