"""The test's clock as values: whose sleep is virtual, what a sleep was, and who may read the time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from math import inf
from typing import Protocol


class ClockMode(Enum):
    """Which sleeps are virtual."""

    RETRIES = "retries"
    """Those of SDKs and retry libraries; the application's while a call has failed and is not answered."""
    VIRTUAL = "virtual"
    """Those of SDKs, retry libraries and the application, always."""
    REAL = "real"
    """None; waits are still noted."""


class Clock(Protocol):
    """What tells the time of a test."""

    def now(self) -> float:
        """Give seconds since some moment; they never go back within a thread."""
        ...

    def time(self) -> float:
        """Give Unix seconds, virtual waits included."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """A wait that an SDK, a retry library or the application asked for.

    Attributes:
        asked_s: Seconds asked for.
        slept_s: Seconds that passed on the test's clock; fewer than asked if a deadline cut it short.
        caller: Module that asked.
        started_s: When it began, on the test's clock.
        is_cancelled: Whether a deadline or a cancellation cut it short.
    """

    asked_s: float
    slept_s: float
    caller: str
    started_s: float
    is_cancelled: bool = False


class CallerKind(Enum):
    """Who asks for a sleep, as far as the clock cares."""

    RETRY = "retry"
    """An SDK or a retry library."""
    APPLICATION = "application"
    """Code outside the standard library and site-packages, or in a package named as the application's."""
    OTHER = "other"
    """Everything else: servers, test tools, the standard library."""


RETRY_PACKAGES: tuple[str, ...] = (
    "agents",
    "aiohttp_retry",
    "anthropic",
    "backoff",
    "botocore",
    "cohere",
    "dspy",
    "google.api_core",
    "google.auth",
    "google.genai",
    "groq",
    "httpx_retries",
    "huggingface_hub",
    "instructor",
    "langchain.agents.middleware",
    "langchain_core",
    "litellm",
    "llama_index",
    "mistralai",
    "ollama",
    "openai",
    "pydantic_ai",
    "replicate",
    "retry",
    "retrying",
    "smolagents.utils",
    "stamina",
    "tenacity",
    "together",
    "urllib3.util.retry",
)
"""Packages whose sleeps are waits between attempts, or between polls of a job. Source: their code, read 2026-11."""

BACKGROUND_PACKAGES: tuple[str, ...] = (
    "agents.tracing",
    "litellm.caching",
    "litellm.integrations",
    "litellm.litellm_core_utils.logging_worker",
    "litellm.proxy",
)
"""Parts of them that sleep for ever in the background: made virtual, they would spin. Source: as above."""

EXECUTOR_MODULES: frozenset[str] = frozenset(
    {"anyio._backends._asyncio", "concurrent.futures.thread", "multiprocessing.pool", "threading"}
)
"""Modules that call what they were handed: `to_thread(time.sleep, 5)` is the application's own sleep."""

_NEVER_VIRTUAL = ("llmreplay", *BACKGROUND_PACKAGES)
_INSTALLED = re.compile(r"[\\/](site|dist)-packages[\\/]")


@lru_cache(maxsize=4096)
def caller_kind(
    module: str,
    path: str,
    *,
    library_folders: tuple[str, ...] = (),
    application_packages: tuple[str, ...] = (),
) -> CallerKind:
    """Say who a module is, by its dotted name and the path of its file.

    Args:
        module: Dotted name; `__main__` for a script.
        path: File that its code was compiled from; `<...>` for code that has none.
        library_folders: Folders of the standard library, each with a separator at its end; `site-packages` and
            `dist-packages` are known by name.
        application_packages: The user's own packages, which may be installed in site-packages.

    A project may well have a package `agents` of its own, so a name makes an SDK only where libraries live.
    """
    if is_within(module, application_packages):
        return CallerKind.APPLICATION
    if is_within(module, _NEVER_VIRTUAL):
        return CallerKind.OTHER
    if module in EXECUTOR_MODULES:
        return CallerKind.APPLICATION
    if not _is_library(path, library_folders):
        return CallerKind.APPLICATION
    return CallerKind.RETRY if is_within(module, RETRY_PACKAGES) else CallerKind.OTHER


def is_within(module: str, packages: Sequence[str]) -> bool:
    """Say whether a module is one of these packages or lies in one."""
    return module in packages or module.startswith(_prefixes(tuple(packages)))


@lru_cache(maxsize=64)
def _prefixes(packages: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(package + "." for package in packages)


def is_wait(kind: CallerKind, mode: ClockMode, *, is_retrying: bool) -> bool:
    """Say whether a caller's sleep is a wait to be noted; unless the mode is real, it is virtual too.

    Args:
        kind: Who asks.
        mode: The setting.
        is_retrying: Whether some call has failed and is not answered yet.
    """
    if kind is CallerKind.RETRY:
        return True
    return kind is CallerKind.APPLICATION and (is_retrying or mode is ClockMode.VIRTUAL)


def is_span(seconds: float) -> bool:
    """Say whether a sleep of so many seconds can be virtual: it has an end, and lies ahead."""
    return 0 < seconds < inf


def gap_s(after_s: float, speed: float) -> float:
    """Give the real seconds to wait before a replayed chunk.

    Args:
        after_s: As recorded.
        speed: Factor on it; 0: no wait, 1.0: as recorded.
    """
    return after_s * speed


def _is_library(path: str, library_folders: tuple[str, ...]) -> bool:
    if path.startswith("<frozen "):
        return True
    return path.startswith(library_folders) or _INSTALLED.search(path) is not None
