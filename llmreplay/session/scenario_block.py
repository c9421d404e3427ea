"""`scenario`: a block that runs under faults, over and over, on the cassette that the test's marker names."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from types import TracebackType

from llmreplay.core.errors import SettingError, UnmatchedRequest
from llmreplay.core.fault import Scenario
from llmreplay.core.limits import Limits
from llmreplay.core.model import Reply
from llmreplay.faults import code_of, text_of
from llmreplay.session.opened import OPEN
from llmreplay.session.replay import Replay
from llmreplay.session.scenarios import scenario_of
from llmreplay.session.start import Start
from llmreplay.session.use_cassette import use_cassette

ON_UNMATCHED = ("discard", "fail", "answer")
MADE_UP = Reply(text="This answer is made up, for nothing was recorded for this request.")
"""Answers what error handling asks for and nobody recorded, where `on_unmatched="answer"`."""


class scenario:  # noqa: N801 - used like a function, as `use_cassette` is
    """Run a block under faults, everything rewound before it: recordings, calls, stubs and the clock.

    While the cassette is recorded, the block is recorded once, without faults; what runs again gets the same answers.
    After the block its faults, limits and answers are gone.

    Args:
        faults: A scenario: text or objects, as for the setting `faults`.
        cassette: Its name, where no marker or fixture has opened one.
        on_unmatched: What becomes of a request that was never recorded: `discard` gives this example up, where it is
            one of Hypothesis's, `fail` fails, `answer` makes an answer up.
        limits: How far the application may go.
        settings: Of the cassette that is named; see `use_cassette`.

    Raises:
        SettingError: There is no cassette, or a value cannot be.

    Example:
        ```python
        @pytest.mark.llmreplay
        @given(faults=scenarios())
        def test_never_loses_a_message(faults):
            with scenario(faults) as replay:
                ...
        ```
    """

    def __init__(
        self,
        faults: object = None,
        *,
        cassette: str | None = None,
        on_unmatched: str = "discard",
        limits: Limits | None = None,
        **settings: object,
    ) -> None:
        if on_unmatched not in ON_UNMATCHED:
            raise SettingError(f"scenario(on_unmatched={on_unmatched!r}): choose from {', '.join(ON_UNMATCHED)}.")
        if settings and cassette is None:
            raise SettingError(f"scenario({next(iter(settings))}=...): settings belong to a cassette: name it.")
        self._scenario = scenario_of(faults)
        self._cassette = None if cassette is None else use_cassette(cassette, **settings)  # type: ignore[arg-type]
        self._on_unmatched = on_unmatched
        self._limits = limits or Limits()
        self._outward = ExitStack()

    def __enter__(self) -> Replay:
        if self._cassette is not None:
            replay: Replay | None = self._outward.enter_context(self._cassette)
        else:
            replay = OPEN.innermost
        if replay is None:
            raise SettingError(
                "scenario(): no cassette is open. Mark the test with @pytest.mark.llmreplay, or name one: "
                "scenario(faults, cassette='weather.json')."
            )
        self._replay = replay
        otherwise = MADE_UP if self._on_unmatched == "answer" else None
        replay.rewind(Start(scenario=self._scenario, limits=self._limits, otherwise=otherwise))
        return replay

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._outward, ExitStack() as last:
            last.callback(self._replay.disarm)
            refusals = self._replay.recorder.refusals
            is_unmatched = any(isinstance(refusal, UnmatchedRequest) for refusal in refusals)
            if is_unmatched and self._on_unmatched == "discard" and _is_example():
                self._replay.judged()
                sys.modules["hypothesis"].reject()
            if error is not None:
                self._replay.judged()
                error.add_note(f"llmreplay: under {told(self._scenario)}")
                return
            self._replay.verify(only_since=True)
            is_recorded = bool(self._replay.recorder.recorded)
        if is_recorded and _is_example():
            # A provider takes longer than Hypothesis allows an example to; one that is given up may take any time.
            sys.modules["hypothesis"].reject()

    async def __aenter__(self) -> Replay:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


def told(given: Scenario) -> str:
    """Write a scenario as code to paste."""
    text = text_of(given)
    return f"scenario({text!r})" if text is not None else f"this scenario:\n{code_of(given)}"


def _is_example() -> bool:
    """Say whether Hypothesis is trying an example."""
    hypothesis = sys.modules.get("hypothesis")
    return hypothesis is not None and bool(hypothesis.currently_in_test_context())
