"""`use_cassette`: a cassette around a block or a function, sync and async."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from llmreplay.core.settings import SETTING_NAMES, Mode, settings_from
from llmreplay.session.replay import Replay

F = TypeVar("F", bound=Callable[..., Any])
_ENVIRONMENT = "LLMREPLAY_"


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


def environment_settings() -> dict[str, object]:
    """Give the settings in the environment: `LLMREPLAY_MODE` and so on."""
    names = (
        name
        for name in os.environ
        if name.startswith(_ENVIRONMENT) and name.removeprefix(_ENVIRONMENT).lower() in SETTING_NAMES
    )
    return {name.removeprefix(_ENVIRONMENT).lower(): os.environ[name] for name in names}
