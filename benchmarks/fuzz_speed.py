"""Measures examples a second of fuzzing over a recording, beside a hand-written Hypothesis test over MockTransport.

Run: python benchmarks/fuzz_speed.py [examples]. Both ask the same question with the same SDK client and get the same
recorded answer in the same chunks; the hand-written test draws the statuses of three attempts and has the SDK's waits
patched away, ours draws scenarios of up to three faults. They take turns, in seconds of the processor; what counts is
the median of the ratios of neighbours, as a machine that is busy slows down both.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from operator import truediv
from pathlib import Path
from statistics import median
from unittest import mock

import anthropic
import httpx2
import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from llmreplay import scenario, use_cassette
from llmreplay.core.model import Response
from llmreplay.simulator import Simulator
from llmreplay.storage.files import load
from llmreplay.strategies import scenarios

ROUNDS = 20
ASKED = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
STATUSES = (200, 200, 429, 500, 503, 529, 400)


def ask(client: anthropic.Anthropic, *, is_streamed: bool) -> str:
    """Ask as an application does, which knows the SDK's errors."""
    try:
        if is_streamed:
            with client.messages.stream(**ASKED) as stream:
                return "".join(stream.text_stream)
        return client.messages.create(**ASKED).content[0].text
    except anthropic.APIError:
        return ""


def hand_written(examples: int, *, is_streamed: bool, folder: Path) -> tuple[float, float]:
    """Give seconds an example and attempts of a test that a careful user would write without us."""
    answer = recorded_answer(folder, is_streamed=is_streamed)
    chunks = [chunk.data for chunk in answer.chunks]
    error = b'{"type": "error", "error": {"type": "api_error", "message": "no"}}'
    statuses: list[int] = []
    attempts = 0

    def respond(request: httpx2.Request) -> httpx2.Response:
        nonlocal attempts
        attempts += 1
        status = statuses.pop(0) if statuses else 200
        if status != 200:
            return httpx2.Response(status, headers={"content-type": "application/json"}, content=error)
        return httpx2.Response(200, headers=list(answer.headers), content=iter(chunks))

    http = httpx2.Client(transport=httpx2.MockTransport(respond))
    client = anthropic.Anthropic(api_key="k", http_client=http)

    def example(drawn: list[int]) -> None:
        statuses[:] = drawn
        ask(client, is_streamed=is_streamed)

    with mock.patch("time.sleep"):
        seconds = tried(example, st.lists(st.sampled_from(STATUSES), max_size=3), examples)
    return seconds, attempts


def ours(examples: int, *, is_streamed: bool, folder: Path) -> tuple[float, float]:
    """Give seconds an example and attempts of the same over a recording."""
    attempts = 0
    with use_cassette(folder / f"{is_streamed}.json", mode="none"):
        client = anthropic.Anthropic(api_key="k")

        def example(drawn: object) -> None:
            nonlocal attempts
            with scenario(drawn) as replay:
                ask(client, is_streamed=is_streamed)
                attempts += sum(len(call.attempts) for call in replay.calls)

        return tried(example, scenarios(kinds="status"), examples), attempts


def recorded_answer(folder: Path, *, is_streamed: bool) -> Response:
    """Give the answer that both get, in the same chunks."""
    (interaction,) = load(folder / f"{is_streamed}.json") or ()
    answer = interaction.outcome
    assert isinstance(answer, Response)
    return answer


def tried(example: Callable[..., None], drawn: st.SearchStrategy[object], examples: int) -> float:
    """Give the seconds that an example takes."""

    @hypothesis.seed(1)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(drawn)
    def test(drawn: object) -> None:
        nonlocal count
        count += 1
        example(drawn)

    count = 0
    began = time.process_time()
    test()
    return (time.process_time() - began) / count


def record(folder: Path, *, is_streamed: bool) -> None:
    """Record the one exchange from the simulator."""
    with Simulator() as simulator:
        upstream = {"https://api.anthropic.com": simulator.url}
        with use_cassette(folder / f"{is_streamed}.json", mode="rewrite", upstream=upstream):
            ask(anthropic.Anthropic(api_key="k"), is_streamed=is_streamed)


def main() -> None:
    """Print a row for plain calls and one for streams."""
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print("| call | by hand, examples/s | llmreplay, examples/s | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for is_streamed in (False, True):
            record(Path(name), is_streamed=is_streamed)
            by_hand, by_us = [], []
            for _ in range(ROUNDS):
                by_hand.append(hand_written(examples, is_streamed=is_streamed, folder=Path(name))[0])
                by_us.append(ours(examples, is_streamed=is_streamed, folder=Path(name))[0])
            hand, us = 1 / median(by_hand), 1 / median(by_us)
            ratio = median(map(truediv, by_hand, by_us))
            print(f"| {'streamed' if is_streamed else 'plain'} | {hand:.0f} | {us:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
