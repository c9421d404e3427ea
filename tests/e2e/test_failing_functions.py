"""A function of the user's that fails is told as itself by every SDK: one attempt, no retry, no connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmreplay import faults, first, use_cassette
from llmreplay.core.attempt import Source
from llmreplay.core.errors import SettingProblem
from llmreplay.simulator import Simulator

from .conftest import upstream_to
from .sdk_variants import CHAT, MESSAGES, VARIANTS, of

SYNC = of(MESSAGES, "create")[0]


def raises(text: str) -> str:
    """Fail as code with a mistake in it does."""
    raise LookupError("no such thing")


def forgets(text: Any) -> None:
    """Forget to give the text back."""


@pytest.mark.parametrize(
    ("setting", "variant"),
    [*(("normalize", variant) for variant in VARIANTS), *(("redact", variant) for variant in of(MESSAGES, "create"))],
    ids=str,
)
def test_a_function_that_raises_passes_through_every_client(tmp_path, setting, variant):
    """The refusal names the function, after one attempt, whatever the SDK does with exceptions."""
    with pytest.raises(SettingProblem) as caught, use_cassette(tmp_path / "a.json", **{setting: [raises]}) as replay:  # noqa: PT012
        try:
            variant.run("A prompt")
        finally:
            attempts = [(attempt.source, call.waits_s) for call in replay.calls for attempt in call.attempts]

    assert attempts == [(Source.REFUSED, [])]
    assert isinstance(caught.value, pytest.fail.Exception)
    assert f"  setting   {setting}\n" in str(caught.value)
    assert f"  function  raises  ({Path(__file__)}:" in str(caught.value)
    assert "LookupError: no such thing" in str(caught.value)


@pytest.mark.parametrize("variant", [*of(MESSAGES, "create"), *of(CHAT, "create")], ids=str)
def test_a_normaliser_that_gives_nothing_back_matches_nothing(record_then_replay, variant):
    """Another prompt is refused, where a forgotten `return` gave it the recorded answer."""
    twice = record_then_replay(lambda: variant.run("Where is Paris?"))

    with (
        pytest.raises(SettingProblem, match="gave NoneType back"),
        use_cassette(twice.path, mode="none", normalize=[forgets]),
    ):
        variant.run("Where is Rome?")


def test_a_swallowed_problem_is_raised_again_at_the_end(tmp_path):
    """An application that catches everything does not hide it."""
    with pytest.raises(SettingProblem) as caught, use_cassette(tmp_path / "a.json", normalize=[raises]):  # noqa: PT012
        try:
            SYNC.run("A prompt")
        except BaseException as error:
            swallowed = error

    assert str(caught.value) == str(swallowed)


def test_a_condition_that_raises_is_told_as_itself(tmp_path):
    """A function after `when=` is one of the user's too."""
    with pytest.raises(SettingProblem, match="setting   when"), use_cassette(tmp_path / "a.json") as replay:  # noqa: PT012
        replay.inject(faults.Overloaded(), on=first(1, when=raises))
        SYNC.run("A prompt")


@pytest.mark.parametrize("variant", [*of(MESSAGES, "create", "stream"), *of(CHAT, "create", "stream")], ids=str)
def test_an_answer_that_cannot_be_redacted_is_not_written(tmp_path, variant):
    """While recording, a function that fails at the answer fails the test, and nothing of it is on the disk."""

    def breaks_at_answers(text: str) -> str:
        assert "A prompt" in text or len(text) < 12
        return text

    with (
        Simulator() as provider,
        pytest.raises(SettingProblem),
        use_cassette(tmp_path / "a.json", mode="once", redact=[breaks_at_answers], upstream=upstream_to(provider)),
    ):
        variant.run("A prompt")

    assert not (tmp_path / "a.json").exists()
