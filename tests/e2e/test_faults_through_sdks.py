"""Every fault through the real SDKs: what they raise, and how often they try; the table in docs/faults.md with it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from llmreplay import faults
from llmreplay.faults.catalogue import CATALOGUE, Needs
from llmreplay.faults.code import code_of_fault

from . import fault_table
from .fault_measuring import WAYS, Bench, Way
from .fault_table import BEFORE_THE_ANSWER, DOCUMENT, IN_THE_BODY, IN_THE_STREAM, VERSIONS, verdicts_of
from .sdk_variants import CHAT, MESSAGES, RESPONSES

MAJORS = re.sub(r"(\d+)(\.\d+)+", r"\1", VERSIONS)
these_versions = pytest.mark.skipif(
    MAJORS != "anthropic 2, openai 3", reason="the facts are those of anthropic 2, openai 3"
)
TIMEOUT, CONNECTION, SERVER = "APITimeoutError x3", "APIConnectionError x3", "InternalServerError x3"
RAW_TIMEOUT, RAW_CUT, RAW_RESET = "httpx2.ReadTimeout x1", "httpx2.RemoteProtocolError x1", "httpx2.ReadError x1"
NO_JSON, INCOMPLETE, CHANGED, UNNOTICED = (
    "json.JSONDecodeError x1",
    "silent, incomplete",
    "silent, changed",
    "unnoticed",
)

# Source: reference tables of the SDKs' retries, timeouts, errors and cut streams, read 2026-11-20, and their code.
ANSWERED_WITH_AN_ERROR = {
    faults.RateLimited(): ("RateLimitError x3", "RateLimitError x3"),
    faults.RateLimited(retry_after_s=121): ("RateLimitError x3", "RateLimitError x1"),
    faults.RateLimited(should_retry=False): ("RateLimitError x1", "RateLimitError x1"),
    faults.Overloaded(): ("OverloadedError x3", SERVER),
    faults.ServerError(): (SERVER, SERVER),
    faults.Unavailable(): ("ServiceUnavailableError x3", SERVER),
    faults.BadRequest(): ("BadRequestError x1", "BadRequestError x1"),
    faults.BadRequest(should_retry=True): ("BadRequestError x3", "BadRequestError x3"),
    faults.Unauthorized(): ("AuthenticationError x1", "AuthenticationError x1"),
    faults.ContextOverflow(): ("BadRequestError x1", "BadRequestError x1"),
    faults.SpendCap(): ("EnforcedSpendLimitReachedError x3", "RateLimitError x3"),
    faults.Status(402): ("PaymentRequiredError x1", "APIStatusError x1"),
    faults.Status(403): ("PermissionDeniedError x1", "PermissionDeniedError x1"),
    faults.Status(404): ("NotFoundError x1", "NotFoundError x1"),
    faults.Status(408): ("RequestTimeoutError x3", "APIStatusError x3"),
    faults.Status(409): ("ConflictError x3", "ConflictError x3"),
    faults.Status(413): ("ContentTooLargeError x1", "APIStatusError x1"),
    faults.Status(422): ("UnprocessableEntityError x1", "UnprocessableEntityError x1"),
    faults.Status(424): ("APIStatusError x1", "APIStatusError x1"),
    faults.Status(501): ("HTTPNotImplementedError x3", SERVER),
    faults.Status(502): (SERVER, SERVER),
    faults.Status(504): ("GatewayTimeoutError x3", SERVER),
    faults.ConnectError(): (CONNECTION, CONNECTION),
    faults.ConnectTimeout(): (TIMEOUT, TIMEOUT),
    faults.ConnectionReset(): (CONNECTION, CONNECTION),
    faults.ReadTimeout(): (TIMEOUT, TIMEOUT),
    faults.ClosedAfterRequest(): (CONNECTION, CONNECTION),
    faults.Delay(delay_s=5): (UNNOTICED, UNNOTICED),
    faults.Delay(delay_s=601): (TIMEOUT, TIMEOUT),
    faults.HtmlBody(): (SERVER, SERVER),
}
SPOILED_BODIES = {
    faults.TruncatedJson(): (NO_JSON, NO_JSON),
    faults.EmptyBody(): (NO_JSON, NO_JSON),
    faults.HtmlBody(status=200): (INCOMPLETE, INCOMPLETE),
    faults.WrongContentType(): (UNNOTICED, UNNOTICED),
    faults.BadGzip(): (CONNECTION, CONNECTION),
    faults.MissingUsage(): (CHANGED, CHANGED),
}
SPOILED_STREAMS = {
    faults.CutAfter(events=3): (RAW_CUT, "APIConnectionError x1"),
    faults.CutAfter(events=3, end="reset"): (RAW_RESET, "APIConnectionError x1"),
    faults.CutAfter(events=3, end="clean"): (INCOMPLETE, INCOMPLETE),
    faults.CutAfter(events=3, inside="event"): (RAW_CUT, "APIConnectionError x1"),
    faults.CutAfter(events=3, inside="event", end="clean"): (INCOMPLETE, INCOMPLETE),
    faults.CutAfter(events=1, inside="character"): (RAW_CUT, "APIConnectionError x1"),
    faults.MissingTerminalEvent(): (INCOMPLETE, INCOMPLETE),
    faults.ErrorEvent(after=3): ("APIStatusError x1", "APIError x1"),
    faults.ErrorEvent(after=3, status=429): ("APIStatusError x1", "APIError x1"),
    faults.DropEvent(n=5): (CHANGED, CHANGED),
    faults.DuplicateEvent(n=5): (CHANGED, CHANGED),
    faults.SwapEvents(n=5): (CHANGED, CHANGED),
    faults.CorruptEvent(n=5): (NO_JSON, NO_JSON),
    faults.SlowFirstToken(delay_s=5): (UNNOTICED, UNNOTICED),
    faults.SlowFirstToken(delay_s=601): (RAW_TIMEOUT, "APITimeoutError x1"),
    faults.SlowStream(delay_s=601): (RAW_TIMEOUT, "APITimeoutError x1"),
    faults.Stall(after=3): (RAW_TIMEOUT, "APITimeoutError x1"),
    faults.Stall(after=3, stall_s=5): (UNNOTICED, UNNOTICED),
    faults.Rechunk(sizes=(1,)): (UNNOTICED, UNNOTICED),
    faults.Pings(): (UNNOTICED, UNNOTICED),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Give the recordings and clients that all these tests share."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"):
            patch.delenv(name, raising=False)
        bench = Bench(tmp_path_factory.mktemp("faults"))
        bench.record()
        yield bench
        bench.close()


def each(expected):
    return pytest.mark.parametrize(
        ("fault", "of_anthropic", "of_openai"),
        [(fault, *verdicts) for fault, verdicts in expected.items()],
        ids=map(code_of_fault, expected),
    )


@these_versions
@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@each(ANSWERED_WITH_AN_ERROR)
def test_a_fault_before_the_answer_raises_and_is_retried_as_in_production(
    bench, fault, of_anthropic, of_openai, is_streamed
):
    """The SDK's own class, after as many attempts as its rules say; streamed or not, sync or async."""
    assert verdicts_of(bench, fault, is_streamed=is_streamed) == [of_anthropic, of_openai, of_openai]


@these_versions
@each(SPOILED_BODIES)
def test_a_spoiled_body_does_what_it_does_in_production(bench, fault, of_anthropic, of_openai):
    """Raised by the parser, retried or given to the application as it is; sync or async."""
    assert verdicts_of(bench, fault, is_streamed=False) == [of_anthropic, of_openai, of_openai]


@these_versions
@each(SPOILED_STREAMS)
def test_a_spoiled_stream_does_what_it_does_in_production(bench, fault, of_anthropic, of_openai):
    """Nothing is retried once a stream has begun, and what ends cleanly raises nothing; sync or async."""
    assert verdicts_of(bench, fault, is_streamed=True) == [of_anthropic, of_openai, of_openai]


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_every_fault_of_the_catalogue_can_be_laid_over_a_real_call(bench, entry):
    """No fault is left out: each changes a call through the SDK, or says that it needs a stream or a whole body."""
    fault = entry.faults()[0]

    for way in WAYS[::2]:
        is_for_this = entry.needs is Needs.ANY or (entry.needs is Needs.STREAM) == way.is_streamed
        assert bool(bench.verdict(fault, way).cannot_apply) != is_for_this, str(way)


def test_every_fault_has_its_row():
    """The tables of the document leave no fault of the catalogue out."""
    shown = {type(fault) for fault in (*BEFORE_THE_ANSWER, *IN_THE_BODY, *IN_THE_STREAM)}

    assert shown == {entry.make for entry in CATALOGUE}


@these_versions
@pytest.mark.skipif(not DOCUMENT.is_file(), reason="the documents are not part of this copy of the sources")
def test_the_document_shows_what_was_measured(bench):
    """The tables in docs/faults.md are those of this run; `python tests/e2e/fault_table.py` writes them anew."""
    text = DOCUMENT.read_text("utf-8")

    shown = re.sub(r"Measured with anthropic [\d.]+, openai [\d.]+", f"Measured with {VERSIONS}", text)
    assert fault_table.measured(bench) in shown, "out of date: run python tests/e2e/fault_table.py"


@pytest.mark.parametrize("api", [MESSAGES, CHAT, RESPONSES])
def test_an_error_event_can_be_told_from_an_error_status(bench, api):
    """An overload in mid-stream is no `OverloadedError` and no `InternalServerError`: its status is 200, or none."""
    with bench.open(Way(api, is_streamed=True, is_async=False)) as replay:
        replay.inject(faults.ErrorEvent(after=3))
        with pytest.raises(Exception) as caught:  # noqa: PT011
            bench.ask(Way(api, is_streamed=True, is_async=False))

    assert getattr(caught.value, "status_code", 200) == 200
    assert type(caught.value).__name__ == ("APIStatusError" if api == MESSAGES else "APIError")
    assert replay.calls.one().error
