"""`use_cassette` and `Replay`: wires recorder, file, interceptors and clock together; decides nothing."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from llmreplay.core.calls import Calls
from llmreplay.core.clock import ClockMode
from llmreplay.core.errors import ClosedConnection, Refusal
from llmreplay.core.matching import rules_from
from llmreplay.core.reading import summary_of
from llmreplay.core.recorder import Recorder, Surroundings
from llmreplay.core.redaction import Redactor
from llmreplay.core.settings import SETTING_NAMES, Mode, Settings, settings_from
from llmreplay.interceptors.clock import VirtualClock
from llmreplay.interceptors.dispatch import DISPATCH, Opened, current_origin
from llmreplay.interceptors.environment import PlaceholderKeys
from llmreplay.interceptors.guard import GuardPolicy, blocked_text, closed, loopback_proxy_ports
from llmreplay.interceptors.stacks import STACKS
from llmreplay.providers import CATALOGUE, SECRET_HEADERS
from llmreplay.report.explain import differences_between
from llmreplay.storage.tape import Tape, TapeRules

F = TypeVar("F", bound=Callable[..., Any])
_ENVIRONMENT = "LLMREPLAY_"


class LlmReplayWarning(UserWarning):
    """Something that deserves a look and fails nothing."""


class Replay:
    """A cassette in use: what the fixture `llmreplay` and `use_cassette` give."""

    def __init__(
        self,
        path: Path,
        settings: Settings,
        *,
        root: Path | None = None,
        label: str = "",
        rerun: str = "",
        as_raised: Callable[[Refusal], BaseException] | None = None,
        covers: Replay | None = None,
        run_began_at: str = "",
    ) -> None:
        self.path = path
        self.settings = settings
        self.notes: list[str] = []
        self._shown_path = _relative(path, root or Path.cwd())
        self._run_began_at = run_began_at
        self._label = label or self._shown_path
        self._rerun = rerun or f"use_cassette({self._shown_path!r}, mode='{{mode}}')"
        self._as_raised = as_raised or _as_raised
        self._covers = covers
        self._placeholders = PlaceholderKeys(CATALOGUE.key_variables)
        self._recorder: Recorder | None = None
        self._opened: Opened | None = None
        self._tape: Tape | None = None
        self._clock: VirtualClock | None = None
        self._outward = ExitStack()

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
        if self._recorder is None:
            raise RuntimeError(f"{self._shown_path} is not open: use it inside `with use_cassette(...)`.")
        return self._recorder

    # Opening and closing

    def open(self) -> None:
        """Read the cassette, and begin to answer."""
        settings = self.settings
        tape = Tape(
            self.path,
            TapeRules(
                mode=settings.mode,
                accept=settings.accept,
                run_began_at=self._run_began_at,
                summarise=functools.partial(summary_of, CATALOGUE.apis),
            ),
        )
        interactions = tape.load()
        if settings.mode in (Mode.ONCE, Mode.REWRITE) and tape.is_of_this_run(interactions):
            # Another test of this run began this cassette: go on with it.
            settings = replace(settings, mode=Mode.NEW_EPISODES)
        rules = rules_from(
            settings.ignore, settings.normalize, apis=CATALOGUE.apis, feature_headers=CATALOGUE.feature_headers
        )
        redactor = Redactor(
            (os.environ[name] for name, _ in CATALOGUE.key_variables if name in os.environ),
            redact=settings.redact,
            keep=settings.keep,
            allowed_request_headers=CATALOGUE.feature_headers,
            secret_headers=SECRET_HEADERS,
        )
        clock = VirtualClock(
            ClockMode(settings.clock),
            is_retrying=lambda: self.recorder.is_retrying(),
            on_sleep=lambda sleep: self.recorder.slept(current_origin().key, sleep.asked_s),
            is_live=lambda: self.recorder.waits_for_provider(),
        )
        self._recorder = Recorder(
            interactions,
            name=self._shown_path,
            settings=settings,
            rules=rules,
            catalogue=CATALOGUE,
            redaction=redactor,
            surroundings=Surroundings(
                now=clock.now,
                time=clock.time,
                utc_now=_utc_now,
                explain=functools.partial(differences_between, rules, redactor.text),
                as_raised=self._as_raised,
                keep=tape.keep,
                rerun=self._rerun,
            ),
        )
        self._tape = tape
        self._clock = clock
        covered = self._covers._opened if self._covers else None
        clock.install()
        self._opened = Opened(self._recorder, clock, covered)
        try:
            if settings.guard != "off" and self._recorder.is_offline:
                self._outward.enter_context(closed_for(self._recorder, settings, self._label))
            if settings.placeholder_keys != "off":
                self._placeholders.install()
            STACKS.install()
            DISPATCH.open(self._opened)
        except BaseException:
            self._let_go()
            raise

    def close(self, *, passed: bool = True) -> None:
        """Stop answering, put everything back, and save what was recorded if the test passed."""
        try:
            if self._recorder is not None and self._tape is not None:
                self._tape.finish(self._recorder.recorded, passed=passed)
        finally:
            if self._tape is not None:
                self.notes += self._tape.notes
            self._let_go()

    def verify(self) -> None:
        """Raise what went wrong and was not seen: a swallowed refusal, recordings nobody asked for.

        Raises:
            Refusal: Or what the test runner makes of it.
        """
        for setting, refusal in self.recorder.problems():
            rule = getattr(self.settings, setting)
            if rule == "error":
                raise self._as_raised(refusal)
            if rule == "warn":
                warnings.warn(LlmReplayWarning(str(refusal)), stacklevel=3)

    def _let_go(self) -> None:
        """Put everything back, whatever of it fails."""
        with ExitStack() as last:
            last.callback(self._placeholders.uninstall)
            last.callback(self._outward.close)
            if self._clock is not None:
                last.callback(self._clock.uninstall)
            if self._opened is not None:
                DISPATCH.close(self._opened)
            if DISPATCH.is_idle:
                STACKS.uninstall()


class use_cassette:  # noqa: N801 - used like a function, as contextlib's own are
    """Replay or record what happens inside; a context manager and a decorator, sync and async.

    Args:
        path: The cassette. A text is a name inside `cassette_dir`; a `Path` is taken as it stands.
        mode: none, once, new_episodes, rewrite or live; given here, neither environment nor command line change it.
        settings: Any other setting; see `Settings`.

    Raises:
        SettingError: At once, for a setting that does not exist or cannot have its value.

    Example:
        ```python
        with use_cassette("weather.json", mode="once") as replay:
            agent.ask("Weather in Paris?")
        assert replay.calls.stop_reasons == ["stop"]
        ```
    """

    def __init__(self, path: str | os.PathLike[str], mode: str | Mode | None = None, **settings: object) -> None:
        given = dict(settings) if mode is None else {**settings, "mode": mode}
        from_environment = environment_settings()
        if mode is not None:
            from_environment.pop("mode", None)
        self._settings = settings_from(("use_cassette()", given), ("the environment", from_environment))
        self._path = cassette_path(path, Path(self._settings.cassette_dir), Path.cwd())
        self._replays: list[Replay] = []

    def __enter__(self) -> Replay:
        replay = Replay(self._path, self._settings)
        replay.open()
        self._replays.append(replay)
        return replay

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        replay = self._replays.pop()
        if kind is not None:
            replay.close(passed=False)
            return
        try:
            replay.verify()
        except BaseException:
            replay.close(passed=False)
            raise
        replay.close()

    async def __aenter__(self) -> Replay:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _again(self) -> Self:
        fresh = object.__new__(type(self))
        fresh._settings, fresh._path, fresh._replays = self._settings, self._path, []
        return fresh

    def __call__(self, function: F) -> F:
        """Decorate a function or a coroutine function; each call opens the cassette anew."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_async(*args: Any, **kwargs: Any) -> Any:
                async with self._again():
                    return await function(*args, **kwargs)

            return run_async  # type: ignore[return-value]

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return run  # type: ignore[return-value]


def cassette_path(path: str | os.PathLike[str], folder: Path, root: Path) -> Path:
    """Give the file that a cassette's name means.

    Args:
        path: A text is a name inside `folder`, unless it begins with it; a `Path` is taken as it stands.
        folder: The folder of cassettes.
        root: Where relative paths begin.
    """
    name = Path(path)
    if isinstance(path, str) and not name.is_absolute() and name.parts[: len(folder.parts)] != folder.parts:
        name = folder / name
    return root / name


def closed_for(recorder: Recorder, settings: Settings, label: str) -> AbstractContextManager[None]:
    """Close the network for a recorder that is offline; what is refused is raised and noted by it."""
    policy = GuardPolicy(
        label=label,
        strict=settings.guard == "strict",
        allowed_hosts=(*settings.allowed_hosts, *settings.ignore_hosts),
        provider_hosts=tuple((host, provider.name) for provider in CATALOGUE.providers for host in provider.hosts),
        proxy_ports=loopback_proxy_ports(os.environ),
    )
    return closed(policy, lambda blocked: recorder.refuse(ClosedConnection(blocked_text(blocked))))


def environment_settings() -> dict[str, object]:
    """Give the settings in the environment: `LLMREPLAY_MODE` and so on."""
    names = (
        name
        for name in os.environ
        if name.startswith(_ENVIRONMENT) and name.removeprefix(_ENVIRONMENT).lower() in SETTING_NAMES
    )
    return {name.removeprefix(_ENVIRONMENT).lower(): os.environ[name] for name in names}


def _as_raised(refusal: Refusal) -> BaseException:
    """Give the exception that the running test runner understands."""
    if "PYTEST_CURRENT_TEST" in os.environ and "pytest" in sys.modules:
        from llmreplay.report.failing import as_test_failure

        return as_test_failure(refusal)
    return refusal


def _relative(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return str(path)


def _utc_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
