"""Bedrock through boto3, which is on botocore's urllib3: what it sees live it sees on replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmreplay import faults, first, use_cassette
from llmreplay.core.errors import UnmatchedRequest
from llmreplay.core.model import Reply
from llmreplay.simulator import Simulator

from .conftest import says

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
exceptions = pytest.importorskip("botocore.exceptions")


BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com"
CONVERSE = {"modelId": "m", "messages": [{"role": "user", "content": [{"text": "Where is Paris?"}]}]}


@pytest.fixture
def bedrock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Give a maker of clients for Bedrock."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def made(base: str = BEDROCK, attempts: int = 1) -> Any:
        return boto3.client(
            "bedrock-runtime",
            region_name="us-east-1",
            endpoint_url=base,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="not-a-secret",
            config=boto3.session.Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
        )

    return made


def _converse(client: Any) -> Any:
    answer = client.converse(**CONVERSE)
    return answer["output"]["message"]["content"], answer["usage"], answer["stopReason"]


def _converse_stream(client: Any) -> Any:
    return list(client.converse_stream(**CONVERSE)["stream"])


MADE_UP = says(Reply(text="In France."))


@pytest.mark.parametrize("work", [_converse, _converse_stream])
def test_bedrock_looks_the_same_each_time(tmp_path, bedrock, work):
    """boto3 sees the same answer, event streams included, without a recorder, live and on replay."""
    path = tmp_path / "bedrock.json"
    with Simulator(MADE_UP) as simulator:
        plain = work(bedrock(simulator.url))
        with use_cassette(path, mode="once", upstream={BEDROCK: simulator.url}):
            live = work(bedrock())
    with use_cassette(path, mode="none") as replay:
        replayed = work(bedrock())

    assert plain == live == replayed
    assert "In France." in str(plain) or work is _converse_stream
    assert replay.calls.one().provider == "bedrock"


def test_a_client_made_before_the_cassette_keeps_its_own_credentials(tmp_path, bedrock, monkeypatch):
    """The placeholder of a Bedrock key, set meanwhile, does not take the credentials of a client at import away."""
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    path = tmp_path / "bedrock.json"
    client = bedrock()
    with Simulator(MADE_UP) as simulator, use_cassette(path, mode="once", upstream={BEDROCK: simulator.url}):
        live = _converse(client)

    with use_cassette(path, mode="none"):
        assert _converse(client) == live


def test_bedrock_retries_and_then_answers(tmp_path, bedrock):
    """The retries of botocore itself are attempts of one call, and their waits take no time."""
    path = tmp_path / "bedrock.json"
    with Simulator(MADE_UP) as simulator, use_cassette(path, mode="once", upstream={BEDROCK: simulator.url}):
        _converse(bedrock())

    with use_cassette(path, mode="none") as replay:
        replay.inject(faults.RateLimited(), on=first(2))
        _converse(bedrock(attempts=3))

    assert [one.status for one in replay.calls.one().attempts] == [429, 429, 200]


def test_bedrock_is_refused_what_was_never_recorded(tmp_path, bedrock):
    """The refusal reaches the test as itself, not as botocore's HTTPClientError."""
    with pytest.raises(UnmatchedRequest), use_cassette(tmp_path / "empty.json", mode="none"):
        _converse(bedrock(attempts=3))


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (faults.ConnectError(), "EndpointConnectionError"),
        (faults.ConnectTimeout(), "ConnectTimeoutError"),
        (faults.ReadTimeout(), "ReadTimeoutError"),
        (faults.ConnectionReset(), "ConnectionClosedError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_transport_fault_is_botocores_own_exception(tmp_path, bedrock, fault, raised):
    """Each failure travels through urllib3's exception to the one that botocore documents."""
    path = tmp_path / "bedrock.json"
    with Simulator(MADE_UP) as simulator, use_cassette(path, mode="once", upstream={BEDROCK: simulator.url}):
        _converse(bedrock())

    with use_cassette(path, mode="none", on_unplayed="ignore") as replay:
        replay.inject(fault)
        with pytest.raises(exceptions.BotoCoreError) as caught:
            _converse(bedrock())

    assert type(caught.value).__name__ == raised
