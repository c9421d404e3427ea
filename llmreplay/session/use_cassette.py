"""`use_cassette`: a cassette around a block or a function, sync and async."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import warnings
from collections.abc import Callable
from contextlib import aclosing
from difflib import get_close_matches
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Any, Self, TypeVar

from llmreplay.core.errors import SettingError, tells_of
from llmreplay.core.settings import SETTING_NAMES, Mode, Settings, settings_from
from llmreplay.interceptors.dispatch import current_origin
from llmreplay.session.ambience import AMBIENCES
from llmreplay.session.parts import LlmReplayWarning, check
from llmreplay.session.replay import Replay

F = TypeVar("F", bound=Callable[..., Any])
_ENVIRONMENT = "LLMREPLAY_"


class use_cassette:  # noqa: N801 - used like a function, as contextlib's own are
    """Replay or record what happens inside; a context manager and a decorator, sync and async.

    Args:
        path: The cassette. A text is a name inside `cassette_dir`; a `Path` is taken as it stands.
        mode: none, once, new_episodes, rewrite or live; given here, neither environment nor command line change it.
        settings: Any other setting but `cassette`; see `Settings`.

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
        if "cassette" in settings:
            raise SettingError(f"use_cassette(): cassette={settings['cassette']!r}: its path is the first argument.")
        self._path = path
        self._given = dict(settings) if mode is None else {**settings, "mode": mode}
        self._entered: list[tuple[int, Replay]] = []
        check(self._settings())

    def _settings(self) -> Settings:
        # Anew each time: a decorator is made before the test run says what it wants.
        ambience = AMBIENCES.current
        above = [("the environment", environment_settings()), ("the command line", dict(ambience.command_line))]
        if "mode" in self._given:
            for _, said in above:
                said.pop("mode", None)
        return settings_from(("the ini file", ambience.ini), ("use_cassette()", self._given), *above)

    def __enter__(self) -> Replay:
        ambience = AMBIENCES.current
        settings = self._settings()
        root = ambience.root or Path.cwd()
        replay = Replay(
            cassette_path(self._path, Path(settings.cassette_dir), root),
            settings,
            root=root,
            # Outside a run, what blocks inside this one record on the same cassette is not to be replaced.
            run_began_ns=ambience.began_ns or time_ns(),
            application_packages=ambience.application_packages,
        )
        replay.open()
        if ambience.opened is not None:
            ambience.opened(replay)
        self._entered.append((current_origin().key, replay))
        return replay

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        replay = self._left()
        # A generator whose user wants no more of it has ended well.
        ended_well = error is None or isinstance(error, GeneratorExit)
        is_interrupt = isinstance(error, KeyboardInterrupt | SystemExit | asyncio.CancelledError)
        is_to_tell = ended_well or not (is_interrupt or tells_of(error, replay.recorder.refusals))
        try:
            if is_to_tell:
                replay.verify(only_since=not ended_well)
        except BaseException:
            _close(replay, passed=False, error=None)
            raise
        _close(replay, passed=ended_well, error=error)
        if is_to_tell:
            # A child process tells what it was refused at the latest when the network is opened again.
            replay.verify(only_since=True)

    def _left(self) -> Replay:
        """Give the cassette that this thread or task opened last; one may be used by several at once."""
        key = current_origin().key
        ours = [number for number, (origin_key, _) in enumerate(self._entered) if origin_key == key]
        return self._entered.pop(ours[-1] if ours else -1)[1]

    async def __aenter__(self) -> Replay:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _again(self) -> Self:
        fresh = object.__new__(type(self))
        fresh._path, fresh._given, fresh._entered = self._path, self._given, []
        return fresh

    def __call__(self, function: F) -> F:
        """Decorate a function, a coroutine function or a generator; each call opens the cassette anew.

        Raises:
            SettingError: It is none of them.
        """
        if isinstance(function, type):
            raise SettingError(f"use_cassette() cannot decorate the class {function.__name__}: decorate its functions.")
        what = type(function).__name__
        if isinstance(function, classmethod | staticmethod) or not callable(function) or what.startswith("Fixture"):
            raise SettingError(f"use_cassette() decorates functions, not a {what}: write it below, next to the `def`.")
        if inspect.isasyncgenfunction(function):

            @functools.wraps(function)
            async def give_async(*args: Any, **kwargs: Any) -> Any:
                async with self._again(), aclosing(function(*args, **kwargs)) as given:
                    async for value in given:
                        yield value

            return give_async  # type: ignore[return-value]
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def give(*args: Any, **kwargs: Any) -> Any:
                with self._again():
                    return (yield from function(*args, **kwargs))

            return give  # type: ignore[return-value]
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


def _close(replay: Replay, *, passed: bool, error: BaseException | None) -> None:
    """Close a cassette, and see to it that what it has to say is heard."""
    try:
        replay.close(passed=passed)
    finally:
        closed = AMBIENCES.current.closed
        if closed is not None:
            closed(replay)
        else:
            for note in replay.notes:
                _say(note, error)


def _say(note: str, error: BaseException | None) -> None:
    if error is not None:
        error.add_note(f"llmreplay: {note}")
    else:
        warnings.warn(LlmReplayWarning(note), stacklevel=4)


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


def environment_settings() -> dict[str, object]:
    """Give the settings in the environment: `LLMREPLAY_MODE` and so on.

    Raises:
        SettingError: A variable whose name only resembles that of a setting.
    """
    found: dict[str, object] = {}
    for variable in list(os.environ):
        # A thread that closes its cassette may take a variable out meanwhile.
        value = os.environ.get(variable)
        if value is None or not variable.startswith(_ENVIRONMENT):
            continue
        name = variable.removeprefix(_ENVIRONMENT).lower()
        if name in SETTING_NAMES:
            found[name] = value
        elif close := get_close_matches(name, SETTING_NAMES, 1, 0.75):
            raise SettingError(
                f"the environment: {variable} is no setting. Did you mean {_ENVIRONMENT}{close[0].upper()}?"
            )
    return found
