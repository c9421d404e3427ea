"""Faults over the answers of real provider rows: what a client of each would see."""

import json
import re

import pytest

from llmreplay import faults
from llmreplay.core.fault import FaultCannotApply, FaultContext
from llmreplay.core.model import End, Reply, Request, ToolCall, header
from llmreplay.core.streams import Wire, events_of, wire_of
from llmreplay.providers.catalogue import APIS

BODY = {
    "model": "m",
    "max_tokens": 99,
    "messages": [{"role": "user", "content": "Où?"}],
    "input": "Où?",
    "stream": True,
    "stream_options": {"include_usage": True},
}
REPLY = Reply(text="À Paris, près de la Seine.", tool_calls=(ToolCall("call_1", "weather", '{"city": "Orléans"}'),))


def distinct(apis, *functions):
    """Give of the rows that borrow the same functions the first only."""
    return list({tuple(getattr(api, name) for name in functions): api for api in reversed(apis)}.values())


STREAMING = distinct(
    [
        api
        for api in APIS
        if api.build_response
        and api.is_streamed
        and api.is_terminal
        and api.error_event
        and api.answer_from_events
        # Text completions have no tools, and are read as chat completions are.
        and not re.fullmatch(r"[^.]+\.completions", api.name)
    ],
    "wire",
    "is_terminal",
    "error_event",
    "answer_from_events",
)
FAILING = distinct([api for api in APIS if api.error_reply], "error_reply")
EACH_STREAM = pytest.mark.parametrize("api", STREAMING, ids=lambda api: api.name)


def a_call(api, is_streamed=True):
    """A request to an api and the context of a fault that hits it."""
    body = {**BODY, "stream": is_streamed}
    request = Request(api.method, f"https://{api.hosts[0]}/", (), json.dumps(body).encode())
    return FaultContext(api=api, request=request, is_streamed=is_streamed, read_timeout_s=600.0, connect_timeout_s=5.0)


def an_answer(context):
    return context.api.build_response(REPLY, context.request, context.is_streamed)


def answer_read_from(response, api):
    wire = wire_of(header(response.headers, "content-type"))
    return api.answer_from_events(events_of(wire, [response.body])[0])


def events_before_the_terminal_one(response, api):
    wire = wire_of(header(response.headers, "content-type"))
    events = events_of(wire, [response.body])[0]
    return next(number for number, event in enumerate(events) if api.is_terminal(event))


def test_there_are_rows_to_test():
    """The rows of the two providers that are described in full are among those tested."""
    assert {"anthropic.messages", "openai.chat.completions", "openai.responses"} <= {api.name for api in STREAMING}


@EACH_STREAM
def test_a_cut_anywhere_leaves_an_incomplete_answer(api):
    """Whatever is lost before the terminal event, whole events or parts, the answer is known to be incomplete."""
    context = a_call(api)
    whole = an_answer(context)
    assert answer_read_from(whole, api).is_complete

    for events in range(events_before_the_terminal_one(whole, api) + 1):
        for inside in (None, "event"):
            cut = faults.CutAfter(events=events, inside=inside, end="clean").apply(whole, context)
            assert whole.body.startswith(cut.body)
            assert not answer_read_from(cut, api).is_complete


@EACH_STREAM
def test_a_cut_inside_a_character_is_possible(api):
    """Made-up text that is not ASCII travels as UTF-8, unless in base64, so that a cut can fall into a character."""
    context = a_call(api)
    whole = an_answer(context)
    fault = faults.CutAfter(events=0, inside="character")
    if "À".encode() not in whole.body:
        with pytest.raises(FaultCannotApply, match="ASCII or escaped"):
            fault.apply(whole, context)
        return

    cut = fault.apply(whole, context)

    assert whole.body.startswith(cut.body)
    with pytest.raises(UnicodeDecodeError):
        cut.body.decode()


@EACH_STREAM
def test_a_missing_terminal_event_leaves_an_incomplete_answer(api):
    """Without its terminal event an answer that ends cleanly still is incomplete."""
    context = a_call(api)

    cut = faults.MissingTerminalEvent().apply(an_answer(context), context)

    assert cut.end is End.COMPLETE
    assert not answer_read_from(cut, api).is_complete


@EACH_STREAM
def test_missing_usage_leaves_everything_else(api):
    """The answer says the same, and how many tokens it took is unknown, in a stream and in a whole body."""
    context = a_call(api)
    whole = an_answer(context)

    bare = answer_read_from(faults.MissingUsage().apply(whole, context), api)

    said = answer_read_from(whole, api)
    assert (bare.text, bare.tool_calls, bare.is_complete) == (said.text, said.tool_calls, True)
    assert said.usage is not None
    assert bare.usage is None
    plain = a_call(api, is_streamed=False)
    bare_body = faults.MissingUsage().apply(an_answer(plain), plain)
    assert api.answer_from_body(json.loads(bare_body.body)).usage is None


@EACH_STREAM
@pytest.mark.parametrize("status", [429, 500, 529])
def test_an_error_event_is_read_as_an_error(api, status):
    """An error after a 200 is the provider's own, so its row reads it as one, and the answer is incomplete."""
    context = a_call(api)

    broken = faults.ErrorEvent(after=1, status=status).apply(an_answer(context), context)

    answer = answer_read_from(broken, api)
    assert broken.status == 200
    assert answer.error
    assert answer.stop_reason != "stop"


@EACH_STREAM
@pytest.mark.parametrize(
    "fault",
    [faults.Rechunk(sizes=(1,)), faults.Rechunk(seed=3), faults.SlowStream(1)],
    ids=["bytes", "seeded", "slow"],
)
def test_mild_faults_change_nothing_that_is_said(api, fault):
    """However the bytes come, the answer is the same."""
    context = a_call(api)
    whole = an_answer(context)

    assert answer_read_from(fault.apply(whole, context), api) == answer_read_from(whole, api)


@pytest.mark.parametrize("api", [api for api in STREAMING if api.wire is Wire.SSE], ids=lambda api: api.name)
def test_comments_change_nothing_that_is_said(api):
    """Whatever stands between the events of an SSE stream, the answer is the same."""
    context = a_call(api)
    whole = an_answer(context)

    assert answer_read_from(faults.Pings().apply(whole, context), api) == answer_read_from(whole, api)


@pytest.mark.parametrize("api", FAILING, ids=lambda api: api.name)
def test_every_row_answers_every_status(api):
    """Each status fault gives an error with that status, the row's body and headers, and no advice but the fault's."""
    context = a_call(api, is_streamed=False)
    advised = faults.RateLimited(retry_after_s=7).apply(None, context)

    answers = {
        make: make().apply(None, context)
        for make in (faults.RateLimited, faults.ServerError, faults.Unavailable, faults.BadRequest, faults.Unauthorized)
    }

    assert [answer.status for answer in answers.values()] == [
        429,
        500,
        503,
        400,
        {"bedrock": 403, "gemini": 400, "xai": 400}.get(api.provider, 401),
    ]
    assert header(advised.headers, "retry-after") == "7"
    assert all(header(answer.headers, "retry-after") is None for answer in answers.values())
    asked = (429, 500, 503, 400, 401)
    assert [api.error_reply(status, None).body for status in asked] == [answer.body for answer in answers.values()]


@pytest.mark.parametrize("api", FAILING, ids=lambda api: api.name)
def test_overload_is_said_as_the_provider_says_it(api):
    """529 is said where Anthropic's body is; every other provider says it with 503, but Z.ai with 429."""
    answer = faults.Overloaded().apply(None, a_call(api))

    is_anthropics = b"overloaded_error" in answer.body
    assert answer.status == (529 if is_anthropics else 429 if api.provider == "zai" else 503)
    assert is_anthropics or api.provider != "anthropic"


@pytest.mark.parametrize(
    ("name", "fault", "status", "words"),
    [
        ("anthropic.messages", faults.RateLimited(), 429, {"type": "rate_limit_error"}),
        ("anthropic.messages", faults.Overloaded(), 529, {"type": "overloaded_error", "message": "Overloaded"}),
        ("anthropic.messages", faults.SpendCap(), 429, {"details": {"error_code": "enforced_spend_limit_reached"}}),
        ("anthropic.messages", faults.ContextOverflow(), 400, {"type": "invalid_request_error"}),
        ("openai.chat.completions", faults.RateLimited(), 429, {"code": "rate_limit_exceeded"}),
        ("openai.chat.completions", faults.SpendCap(), 429, {"code": "insufficient_quota"}),
        ("openai.chat.completions", faults.ContextOverflow(), 400, {"code": "context_length_exceeded"}),
        ("openai.chat.completions", faults.Unauthorized(), 401, {"code": "invalid_api_key"}),
        ("openai.responses", faults.Overloaded(), 503, {"type": "server_error"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_errors_are_worded_as_the_providers_word_them(name, fault, status, words):
    """The body holds the words by which clients tell one error from another."""
    api = next(api for api in APIS if api.name == name)

    answer = fault.apply(None, a_call(api))

    error = json.loads(answer.body)["error"]
    assert answer.status == status
    assert {key: error[key] for key in words} == words
    assert header(answer.headers, "request-id") or header(answer.headers, "x-request-id")


def test_a_used_up_account_is_a_400_at_bedrock():
    """Bedrock's quota error has the status of botocore's model, so that boto3 does not retry it."""
    api = next(api for api in APIS if api.name == "bedrock.converse")

    answer = faults.SpendCap().apply(None, a_call(api))

    assert answer.status == 400
    assert header(answer.headers, "x-amzn-errortype").startswith("ServiceQuotaExceededException")


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("gemini.generateContent", 400, ["INVALID_ARGUMENT", "API_KEY_INVALID"]),
        ("vertex.generateContent", 401, ["UNAUTHENTICATED"]),
    ],
)
def test_a_wrong_key_is_told_as_google_tells_it(name, status, words):
    """Gemini's developer API calls a wrong key an invalid argument; Vertex, which takes tokens, does not."""
    api = next(api for api in APIS if api.name == name)

    answer = faults.Unauthorized().apply(None, a_call(api))

    assert answer.status == json.loads(answer.body)["error"]["code"] == status
    assert all(word in answer.body.decode() for word in words)


@pytest.mark.parametrize(("seconds", "delay"), [(7, "7s"), (0.5, "0.5s"), (-1, "-1s")])
@pytest.mark.parametrize("make", [faults.RateLimited, faults.Overloaded])
def test_gemini_names_the_wait_in_its_body(make, seconds, delay):
    """Gemini's own place for the wait holds the seconds asked for, once, as the header does."""
    api = next(api for api in APIS if api.name == "gemini.generateContent")

    answer = make(retry_after_s=seconds).apply(None, a_call(api))

    details = json.loads(answer.body)["error"]["details"]
    assert [detail["retryDelay"] for detail in details if "retryDelay" in detail] == [delay]
    assert header(answer.headers, "retry-after") == delay.removesuffix("s")


@pytest.mark.parametrize(("seconds", "delay"), [(90, "90s"), (0.5, "0.5s"), (-1, "0s")])
@pytest.mark.parametrize("name", ["openai.chat.completions", "openai.responses", "openai.embeddings"])
def test_openai_names_the_same_wait_everywhere(name, seconds, delay):
    """Its message and the header of its limits say what `retry-after` says, as code may read any of them."""
    api = next(api for api in APIS if api.name == name)

    answer = faults.RateLimited(retry_after_s=seconds).apply(None, a_call(api))

    assert json.loads(answer.body)["error"]["message"].endswith(f"Please try again in {delay}.")
    assert header(answer.headers, "x-ratelimit-reset-tokens") == delay
    assert float(header(answer.headers, "retry-after")) == seconds


def test_gemini_is_overloaded_in_its_own_words_in_mid_stream_too():
    """529 is Anthropic's: elsewhere the same thing is a 503."""
    api = next(api for api in APIS if api.name == "gemini.generateContent")

    error = json.loads(api.error_event(529).split(b":", 1)[1])["error"]

    assert (error["code"], error["status"]) == (503, "UNAVAILABLE")
