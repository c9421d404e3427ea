"""What the providers' own SDKs make of faults, over a transport in memory."""

import json

import pytest

from llmreplay import faults
from llmreplay.core.fault import FaultContext
from llmreplay.core.model import End, Reply, Request, TransportFailure
from llmreplay.providers.anthropic import MESSAGES
from llmreplay.providers.openai import CHAT

anthropic = pytest.importorskip("anthropic", reason="the anthropic SDK is not installed")
openai = pytest.importorskip("openai", reason="the openai SDK is not installed")
httpx2 = pytest.importorskip("httpx2", reason="the SDKs' HTTP library is not installed")

HELLO = [{"role": "user", "content": "hello"}]


def a_client_under(api, fault):
    """An HTTP client whose every answer has the fault laid over it."""

    def handle(request):
        asked = Request(request.method, str(request.url), (), request.read())
        is_streamed = api.is_streamed("", json.loads(asked.body))
        context = FaultContext(
            api=api, request=asked, is_streamed=is_streamed, read_timeout_s=9.0, connect_timeout_s=5.0, now=1e9
        )
        answer = fault.apply(api.build_response(Reply(text="À Paris, près de la Seine."), asked, is_streamed), context)
        if isinstance(answer, TransportFailure):
            raise {
                "connect_error": httpx2.ConnectError,
                "connect_timeout": httpx2.ConnectTimeout,
                "read_timeout": httpx2.ReadTimeout,
                "read_error": httpx2.ReadError,
                "protocol_error": httpx2.RemoteProtocolError,
            }[answer.kind.value](answer.message)

        def body():
            yield from (chunk.data for chunk in answer.chunks)
            if answer.end is End.PEER_CLOSED:
                raise httpx2.RemoteProtocolError("peer closed connection")

        return httpx2.Response(answer.status, headers=list(answer.headers), content=body())

    return httpx2.Client(transport=httpx2.MockTransport(handle))


def ask_anthropic(fault, *, stream=False):
    client = anthropic.Anthropic(api_key="k", max_retries=0, http_client=a_client_under(MESSAGES, fault))
    answer = client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=HELLO, stream=stream)
    return list(answer) if stream else answer


def ask_openai(fault, *, stream=False):
    client = openai.OpenAI(api_key="k", max_retries=0, http_client=a_client_under(CHAT, fault))
    answer = client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=stream)
    return list(answer) if stream else answer


@pytest.mark.parametrize(
    ("fault", "of_anthropic", "of_openai"),
    [
        (faults.RateLimited(), "RateLimitError", "RateLimitError"),
        (faults.Overloaded(), "OverloadedError", "InternalServerError"),
        (faults.ServerError(), "InternalServerError", "InternalServerError"),
        (faults.Unavailable(), "ServiceUnavailableError", "InternalServerError"),
        (faults.BadRequest(), "BadRequestError", "BadRequestError"),
        (faults.Unauthorized(), "AuthenticationError", "AuthenticationError"),
        (faults.ContextOverflow(), "BadRequestError", "BadRequestError"),
        (faults.SpendCap(), "RateLimitError", "RateLimitError"),
        (faults.Status(404), "NotFoundError", "NotFoundError"),
        (faults.ConnectError(), "APIConnectionError", "APIConnectionError"),
        (faults.ConnectTimeout(), "APITimeoutError", "APITimeoutError"),
        (faults.ReadTimeout(), "APITimeoutError", "APITimeoutError"),
        (faults.ConnectionReset(), "APIConnectionError", "APIConnectionError"),
        (faults.ClosedAfterRequest(), "APIConnectionError", "APIConnectionError"),
        (faults.Delay(10), "APITimeoutError", "APITimeoutError"),
        (faults.HtmlBody(), "InternalServerError", "InternalServerError"),
        (faults.TruncatedJson(), "JSONDecodeError", "JSONDecodeError"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_fault_raises_the_sdks_own_error(fault, of_anthropic, of_openai):
    """Each SDK takes the fault for what it stands for, and raises its own error for that."""
    with pytest.raises(Exception) as caught_of_anthropic:  # noqa: PT011
        ask_anthropic(fault)
    with pytest.raises(Exception) as caught_of_openai:  # noqa: PT011
        ask_openai(fault)

    assert of_anthropic in {kind.__name__ for kind in type(caught_of_anthropic.value).__mro__}
    assert of_openai in {kind.__name__ for kind in type(caught_of_openai.value).__mro__}


def test_an_error_event_raises_in_mid_stream():
    """An error after a 200 is raised with the status of the answer, as the SDKs do in production."""
    with pytest.raises(anthropic.APIStatusError) as caught:
        ask_anthropic(faults.ErrorEvent(event="content_block_delta", n=2), stream=True)
    with pytest.raises(openai.APIError):
        ask_openai(faults.ErrorEvent(after=2), stream=True)

    assert (caught.value.status_code, caught.value.body["error"]["type"]) == (200, "overloaded_error")


@pytest.mark.parametrize("ask", [ask_anthropic, ask_openai], ids=["anthropic", "openai"])
def test_a_clean_cut_is_silent_and_a_dropped_connection_is_not(ask):
    """Neither SDK notices a stream that ends cleanly too early; both do if the connection drops."""
    heard = ask(faults.CutAfter(events=2, end="clean"), stream=True)

    assert len(heard) == 2
    with pytest.raises(Exception, match=r"peer closed|Connection error"):
        ask(faults.CutAfter(events=2), stream=True)


@pytest.mark.parametrize("ask", [ask_anthropic, ask_openai], ids=["anthropic", "openai"])
@pytest.mark.parametrize(
    "fault", [faults.Rechunk(sizes=(1,)), faults.Pings(), faults.SlowStream(1)], ids=["bytes", "comments", "slow"]
)
def test_mild_faults_go_unnoticed(ask, fault):
    """How bytes arrive, and comments between events, make no difference to what the SDKs hear."""
    assert ask(fault, stream=True) == ask(faults.SlowFirstToken(1), stream=True)


@pytest.mark.parametrize("ask", [ask_anthropic, ask_openai], ids=["anthropic", "openai"])
def test_a_body_that_is_no_gzip_cannot_be_decoded(ask):
    """The client's HTTP library refuses to decode it, and the SDK raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        ask(faults.BadGzip())

    assert "DecodingError" in repr(caught.value) + repr(caught.value.__cause__)
