"""`Replay`: a cassette in use; wires recorder, file, interceptors and clock together, and decides nothing."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from llmreplay.core.addresses import Addresses
from llmreplay.core.calls import Calls
from llmreplay.core.clock import ClockMode
from llmreplay.core.errors import Refusal
from llmreplay.core.fault import Fault, Schedule
from llmreplay.core.model import Reply, ToolCall, Usage
from llmreplay.core.recorder import Recorder
from llmreplay.core.redaction import Redactor
from llmreplay.core.remedy import Remedy
from llmreplay.core.settings import Mode, Settings
from llmreplay.faults.schedule import When
from llmreplay.interceptors.clock import VirtualClock
from llmreplay.interceptors.dispatch import DISPATCH, Opened
from llmreplay.interceptors.environment import PlaceholderKeys
from llmreplay.interceptors.stacks import STACKS
from llmreplay.providers import CATALOGUE
from llmreplay.session.ambience import AMBIENCES
from llmreplay.session.closing import closed_for, end_recording
from llmreplay.session.opened import OPEN
from llmreplay.session.parts import (
    LlmReplayWarning,
    as_raised_here,
    faulting_for,
    redactor_for,
    relative,
    rules_for,
    surroundings_for,
    tape_for,
)
from llmreplay.session.scenarios import Injected, injection_of, stubs_of
from llmreplay.session.start import Start
from llmreplay.session.take import Take
from llmreplay.storage.tape import Tape


class Replay:
    """A cassette in use: what the fixture `llmreplay` and `use_cassette` give."""

    def __init__(
        self,
        path: Path,
        settings: Settings,
        *,
        root: Path | None = None,
        label: str = "",
        remedy: Remedy | None = None,
        as_raised: Callable[[Refusal], BaseException] | None = None,
        covers: Replay | None = None,
        run_began_ns: int = 0,
        application_packages: Sequence[str] = (),
    ) -> None:
        self.path = path
        self.settings = settings
        self.notes: list[str] = []
        self.asides: dict[str, str] = {}
        self._shown_path = relative(path, root or Path.cwd())
        self._run_began_ns = run_began_ns
        self._application_packages = application_packages
        self._label = label or self._shown_path
        self._remedy = remedy or Remedy(rerun=f"use_cassette({self._shown_path!r}, mode='{{mode}}')")
        self._as_raised = as_raised or as_raised_here
        self._covers = covers
        self._placeholders = PlaceholderKeys()
        self._take: Take | None = None
        self._tape: Tape | None = None
        self._clock: VirtualClock | None = None
        self._redactor: Redactor | None = None
        self._outward = ExitStack()
        self._hear_children: Callable[[], None] = lambda: None

    # What a test asks

    @property
    def mode(self) -> str:
        """The mode in use."""
        return self.settings.mode.value

    @property
    def calls(self) -> Calls:
        """What the application asked for so far, and what it got."""
        return self.recorder.calls

    @property
    def recorder(self) -> Recorder:
        """The one that decides.

        Raises:
            RuntimeError: The cassette is not open.
        """
        return self._now.recorder

    @property
    def _now(self) -> Take:
        if self._take is None:
            raise RuntimeError(f"{self._shown_path} is not open: use it inside `with use_cassette(...)`.")
        return self._take

    def shown(self, text: str) -> str:
        """Give a text as it may be shown: without secrets."""
        return text if self._redactor is None else self._redactor.text(text)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown: keys of the environment, and those that requests carried so far."""
        return () if self._redactor is None else tuple(self._redactor.secrets)

    # What a test says

    def inject(self, fault: Fault, *, on: Schedule | None = None) -> Injected:
        """Change outcomes on purpose, from now on; as a context manager, until its end.

        Args:
            fault: One of `llmreplay.faults`.
            on: Which attempts it hits; None for the first alone.

        Returns:
            A handle that can be used as a context manager.
        """
        return Injected(self.recorder.faulting.inject([injection_of(fault, on)]))

    def reply(
        self,
        *answers: str | Reply,
        tool_calls: Sequence[ToolCall | tuple[str, object]] = (),
        stop_reason: str | None = None,
        usage: Usage | None = None,
        thinking: str = "",
        when: When | None = None,
    ) -> None:
        """Make up answers, given in order to the next requests, streamed or not as they ask.

        Args:
            answers: A text each, or a whole `Reply`; with the other arguments, one text at most.
            tool_calls: Tools to ask for: pairs of a name and its arguments.
            stop_reason: Canonical; None: `tool_use` with tool calls, else `stop`.
            usage: None: counts that add up are made. A count that the asked api cannot say is refused by name.
            thinking: Reasoning text.
            when: An api, a provider or a function of the request; None for any.
        """
        like = Reply(stop_reason=stop_reason, usage=usage, thinking=thinking)
        self.recorder.stubs.add(stubs_of(answers, like, tool_calls, when))

    # Opening and closing

    def open(self) -> None:
        """Read the cassette, and begin to answer."""
        redactor = self._redactor = redactor_for(self.settings)
        tape = tape_for(self.path, self.settings, redactor, self._run_began_ns, self._remedy)
        interactions = tape.load()
        settings = self.settings
        if settings.mode in (Mode.ONCE, Mode.REWRITE) and tape.is_of_this_run(interactions):
            # Another test of this run began this cassette: go on with it.
            settings = replace(settings, mode=Mode.NEW_EPISODES)
        rules, clock = rules_for(settings), self._clock_for(settings)
        self._new_recorder = functools.partial(
            Recorder,
            interactions=interactions,
            name=self._shown_path,
            settings=settings,
            rules=rules,
            catalogue=CATALOGUE,
            addresses=Addresses(CATALOGUE, settings),
            redaction=redactor,
            surroundings=surroundings_for(rules, redactor, clock, tape, self._as_raised, self._remedy),
        )
        recorder = self._new_recorder(faulting=faulting_for(settings, self._label))
        opened = Opened(recorder, clock, self._covers._now.opened if self._covers else None)
        self._tape, self._clock, self._take = tape, clock, Take(opened, clock)
        clock.install()
        try:
            self._take_hold(opened)
        except BaseException:
            self._let_go()
            raise

    def _clock_for(self, settings: Settings) -> VirtualClock:
        return VirtualClock(
            ClockMode(settings.clock),
            is_retrying=lambda: self.recorder.is_retrying(),
            on_sleep=lambda sleep: self._now.slept(sleep),
            application_packages=self._application_packages,
            is_live=lambda: self.recorder.waits_for_provider(),
        )

    def _take_hold(self, opened: Opened) -> None:
        """Close the network, set placeholder keys, and intercept, as far as the settings ask."""
        recorder, settings = opened.recorder, opened.recorder.settings
        if settings.guard != "off":
            closed = closed_for(lambda refusal: self.recorder.refuse(refusal), recorder, self._label, self.notes)
            self._hear_children = self._outward.enter_context(closed)
        # While recording, an SDK without a key says so itself, unless a stand-in needs none.
        needed = CATALOGUE.key_variables if recorder.is_offline else CATALOGUE.keys_of(settings.upstream)
        self._placeholders.install(needed if settings.placeholder_keys != "off" else ())
        STACKS.install()
        self._outward.callback(STACKS.uninstall)
        DISPATCH.open(opened)
        OPEN.add(self)
        if AMBIENCES.at_random is not None and not recorder.records:
            self._now.is_again = True
            self._now.arm(Start(at_random=AMBIENCES.at_random))

    def rewind(self, start: Start) -> None:
        """Start over: every recording can be served again, nothing was asked yet, and no time has passed.

        What `inject` and `reply` said is gone, the setting `faults` stays. From now on recordings that nobody asks
        for, and faults that never fire, fail nothing: what is run over and over is judged by who runs it.

        A cassette that is being recorded is so by the first start, without faults; the others repeat what came.

        Raises:
            RuntimeError: The cassette is not open, or the mode is live.
        """
        old = self._now
        if self.settings.mode is Mode.LIVE:
            raise RuntimeError(f"{self._shown_path} is not in use (mode live): only what is recorded can be rewound.")
        if old.begins_recording(start):
            return
        if not old.is_again and (held := old.recordings()):
            self._new_recorder = functools.partial(self._new_recorder, interactions=held)
        self._go_on_with(old.next(self._new_recorder, faulting_for(self.settings, self._label)))
        self._now.arm(start)

    def set_aside(self) -> Callable[[], None]:
        """Give what brings back the calls and recordings of now, which are judged, whatever is rewound since."""
        self._now.is_again = True
        return functools.partial(self._go_on_with, self._now)

    def disarm(self) -> None:
        """End what was put to use since the last `rewind`; the calls stay to be looked at, unless it is recorded."""
        self._now.disarm()
        if self._now.repeats is not None:
            self._go_on_with(self._now.repeats)

    def _go_on_with(self, take: Take) -> None:
        self._now.limit = None
        take.clock.rewind()
        DISPATCH.close(self._now.opened)
        DISPATCH.open(take.opened)
        self._take = take

    def close(self, *, passed: bool = True) -> None:
        """Stop answering, put everything back, and save what was recorded if the test passed."""
        try:
            if self._take is not None and self._tape is not None:
                self.notes += end_recording(self.recorder)
                if AMBIENCES.closing is not None:
                    AMBIENCES.closing(self)
                self._tape.finish(self.recorder.recorded, passed=passed)
        finally:
            if self._tape is not None:
                self.notes += self._tape.notes
                self.asides |= self._tape.asides
            if self._clock is not None and self._clock.fallback:
                self.notes.append(self._clock.fallback)
            self._let_go()

    def verify(self, *, only_since: bool = False) -> None:
        """Raise what went wrong and was not seen: a swallowed refusal, recordings nobody asked for.

        Args:
            only_since: Judge only what was refused since the last time.

        Raises:
            Refusal: Or what the test runner makes of it.
        """
        self._hear_children()
        late = [("on_unmatched", refusal) for refusal in self._now.refused_since()]
        for setting, refusal in late if only_since or self._now.is_again else self.recorder.problems():
            rule = getattr(self.settings, setting) if setting else "error"
            if rule == "error":
                raise self._as_raised(refusal)
            if rule == "warn":
                warnings.warn(LlmReplayWarning(str(refusal)), stacklevel=3)

    def judged(self) -> None:
        """Take note that everything refused so far was seen."""
        self._now.refused_since()

    def _let_go(self) -> None:
        """Put everything back, whatever of it fails."""
        with ExitStack() as last:
            last.callback(self._placeholders.uninstall)
            last.callback(self._outward.close)
            if self._clock is not None:
                last.callback(self._clock.uninstall)
            if self._take is not None:
                DISPATCH.close(self._take.opened)
            OPEN.remove(self)
