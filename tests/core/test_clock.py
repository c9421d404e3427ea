"""Whose sleep is virtual."""

from dataclasses import FrozenInstanceError
from math import inf, nan

import pytest

from llmreplay.core.clock import (
    BACKGROUND_PACKAGES,
    RETRY_PACKAGES,
    CallerKind,
    ClockMode,
    Sleep,
    caller_kind,
    gap_s,
    is_span,
    is_wait,
    is_within,
)

RETRY, APPLICATION, OTHER = CallerKind.RETRY, CallerKind.APPLICATION, CallerKind.OTHER
LIBRARY = "/usr/lib/python3.11"
SITE = "/venv/lib/python3.11/site-packages"


@pytest.mark.parametrize(
    ("module", "path", "kind"),
    [
        pytest.param("anthropic._base_client", f"{SITE}/anthropic/_base_client.py", RETRY, id="an SDK"),
        pytest.param("tenacity.nap", f"{SITE}/tenacity/nap.py", RETRY, id="a retry library"),
        pytest.param("smolagents.utils", f"{SITE}/smolagents/utils.py", RETRY, id="a framework's retries"),
        pytest.param(
            "langchain.agents.middleware.model_retry",
            f"{SITE}/langchain/agents/r.py",
            RETRY,
            id="a middleware",
        ),
        pytest.param("langgraph.pregel._retry", f"{SITE}/langgraph/pregel/_retry.py", OTHER, id="with deadlines"),
        pytest.param("openai_helpers", f"{SITE}/openai_helpers.py", OTHER, id="a longer name"),
        pytest.param("uvicorn.server", f"{SITE}/uvicorn/server.py", OTHER, id="a server"),
        pytest.param("apt", "/usr/lib/python3/dist-packages/apt.py", OTHER, id="Debian's packages"),
        pytest.param("asyncio.tasks", f"{LIBRARY}/asyncio/tasks.py", OTHER, id="the standard library"),
        pytest.param("runpy", "<frozen runpy>", OTHER, id="the frozen standard library"),
        pytest.param("bot.agent", "/home/me/bot/agent.py", APPLICATION, id="an application"),
        pytest.param("agents.weather", "/home/me/agents/weather.py", APPLICATION, id="an SDK's name"),
        pytest.param("bot", r"C:\me\bot.py", APPLICATION, id="on Windows"),
        pytest.param("openai", r"C:\venv\Lib\site-packages\openai\a.py", RETRY, id="an SDK on Windows"),
        pytest.param("bot", f"{LIBRARY}-projects/bot.py", APPLICATION, id="a folder beside the library"),
        pytest.param("__main__", "<stdin>", APPLICATION, id="typed in"),
        pytest.param("concurrent.futures.thread", f"{LIBRARY}/thread.py", APPLICATION, id="an executor"),
        pytest.param("llmreplay.simulator", "/home/me/llmreplay/simulator.py", OTHER, id="ourselves"),
    ],
)
def test_caller_is_known_by_name_and_place(module, path, kind):
    """A module is an SDK only where libraries live, and the application wherever they do not."""
    assert caller_kind(module, path, library_folders=(f"{LIBRARY}/",)) is kind


def test_own_package_is_the_application_even_in_site_packages():
    """A package named as the application's own is it, though tox installed it among the libraries."""
    path = f"{SITE}/bot/agent.py"

    kinds = [caller_kind("bot.agent", path, application_packages=names) for names in [(), ("bot",)]]

    assert kinds == [OTHER, APPLICATION]


@pytest.mark.parametrize("package", BACKGROUND_PACKAGES)
def test_background_workers_are_left_alone(package):
    """A part of an SDK that sleeps for ever in the background is no caller whose sleep is virtual."""
    assert is_within(package, RETRY_PACKAGES)
    assert caller_kind(package, f"{SITE}/x.py") is OTHER


@pytest.mark.parametrize(
    ("kind", "mode", "is_retrying", "expected"),
    [
        (RETRY, ClockMode.RETRIES, False, True),
        (RETRY, ClockMode.VIRTUAL, False, True),
        (RETRY, ClockMode.REAL, False, True),
        (APPLICATION, ClockMode.RETRIES, False, False),
        (APPLICATION, ClockMode.RETRIES, True, True),
        (APPLICATION, ClockMode.VIRTUAL, False, True),
        (APPLICATION, ClockMode.REAL, False, False),
        (APPLICATION, ClockMode.REAL, True, True),
        (OTHER, ClockMode.RETRIES, True, False),
        (OTHER, ClockMode.VIRTUAL, True, False),
        (OTHER, ClockMode.REAL, True, False),
    ],
)
def test_what_counts_as_a_wait(kind, mode, is_retrying, expected):
    """SDKs always wait, the application while a call is failing or the mode says so, others never."""
    assert is_wait(kind, mode, is_retrying=is_retrying) is expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.001, True), (86_400, True), (0, False), (-1, False), (inf, False), (nan, False)]
)
def test_only_a_span_with_an_end_is_virtual(seconds, expected):
    """A sleep of nothing, of negative seconds or for ever is left to the function that was called."""
    assert is_span(seconds) is expected


@pytest.mark.parametrize(("speed", "expected"), [(0, 0), (1.0, 0.5), (3, 1.5)])
def test_speed_scales_the_gaps_between_chunks(speed, expected):
    """Speed is a factor on the recorded gap; 0 is no gap."""
    assert gap_s(0.5, speed) == expected


def test_a_sleep_cannot_be_changed():
    """A sleep that was noted stays what it was."""
    slept = Sleep(asked_s=30.0, slept_s=30.0, caller="anthropic._base_client", started_s=0.0)

    with pytest.raises(FrozenInstanceError):
        slept.asked_s = 1.0
