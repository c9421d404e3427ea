"""What the plugin adds to the start of pytest, and the fixture to a test."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from contestants import PRODUCT
from material import prompt

_STARTS = 21
_SUITES = 5
_TESTS = 200
_BODY_BYTES = 2000
_IMPORTS = ("llmreplay", "llmreplay.pytest_plugin")

_SUITE = """
import pytest
from material import a_client, answer_body, answering_in_turn, ask, the_ordinary_client

QUESTION = {question!r}
ORDINARY = the_ordinary_client()
MOCKED = a_client(answering_in_turn([answer_body(0, {body_bytes})] * {tests}))

@pytest.mark.parametrize("number", range({tests}))
def test_nothing(number):
    pass

@pytest.mark.parametrize("number", range({tests}))
def test_mocked(number):
    ask(MOCKED, QUESTION)

@pytest.mark.parametrize("number", range({tests}))
@pytest.mark.llmreplay(cassette="one.json", guard="off")
def test_replayed_unguarded(number, llmreplay):
    ask(ORDINARY, QUESTION)

@pytest.mark.parametrize("number", range({tests}))
@pytest.mark.llmreplay(cassette="one.json", clock="real")
def test_replayed_in_real_time(number, llmreplay):
    ask(ORDINARY, QUESTION)

@pytest.mark.parametrize("number", range({tests}))
@pytest.mark.llmreplay(cassette="one.json")
def test_replayed(number, llmreplay):
    ask(ORDINARY, QUESTION)
"""

_CONFTEST = """
import time

import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session):
    began = time.perf_counter()
    try:
        return (yield)
    finally:
        print("\\ntests took", time.perf_counter() - began, "s")
"""


@dataclass(frozen=True, slots=True)
class Start:
    """What a plugin adds to `pytest --collect-only` of one empty test, in milliseconds.

    Attributes:
        name: Of the plugin.
        added_cpu_ms: Of processor time, which a busy machine changes little; median of what pairs differ in.
        added_ms: Of real time; median of what pairs differ in.
        whole_ms: The whole run with the plugin, in real time.
    """

    name: str
    added_cpu_ms: float
    added_ms: float
    whole_ms: float


@dataclass(frozen=True, slots=True)
class Suite:
    """Milliseconds a test takes in a suite of like tests, set-up and report included; median of suites."""

    name: str
    test_ms: float


def import_ms() -> dict[str, float]:
    """Time the import of modules in a fresh interpreter, all they import included; medians."""
    found: dict[str, list[float]] = {name: [] for name in _IMPORTS}
    for _ in range(_SUITES):
        for name in _IMPORTS:
            done = _python("-X", "importtime", "-c", f"import pytest; import {name}")
            lines = [line.split("|") for line in done.stderr.splitlines() if line.startswith("import time:")]
            top = [float(parts[1]) for parts in lines if re.fullmatch(r" llmreplay\S*", parts[2].rstrip())]
            found[name].append(sum(top) / 1e3)
    return {name: median(times) for name, times in found.items()}


def starts() -> list[Start]:
    """Start pytest with and without each plugin, in turn."""
    every = ("llmreplay", "cassetter")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_one.py").write_text("def test_one():\n    pass\n")
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ("none", *every)}
        for _ in range(_STARTS):
            for name, taken in times.items():
                without = [word for other in every if other != name for word in ("-p", f"no:{other}")]
                before = _cpu_s()
                began = time.perf_counter()
                _python("-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *without, folder=folder)
                taken.append(((_cpu_s() - before) * 1e3, (time.perf_counter() - began) * 1e3))

    def added(name: str, which: int) -> float:
        return median(mine[which] - base[which] for mine, base in zip(times[name], times["none"], strict=True))

    return [Start(name, added(name, 0), added(name, 1), median(real for _, real in times[name])) for name in every]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def suites() -> list[Suite]:
    """Run suites of tests that make a call each; what pytest itself needs is in all of them."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        text = _SUITE.format(question=prompt(0, _BODY_BYTES), body_bytes=_BODY_BYTES, tests=_TESTS)
        (root / "test_many.py").write_text(text)
        (root / "conftest.py").write_text(_CONFTEST)
        (root / "pytest.ini").write_text("[pytest]\n")
        (root / "cassettes").mkdir()
        PRODUCT.write(root / "cassettes" / "one.json", 1, _BODY_BYTES)
        kinds = re.findall(r"def (test_\w+)", text)
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(_SUITES):
            for kind in kinds:
                times[kind].append(_seconds_of_suite(root, kind) / _TESTS * 1e3)
    return [Suite(kind, median(taken)) for kind, taken in times.items()]


def _seconds_of_suite(root: Path, kind: str) -> float:
    path = str(Path(__file__).parent)
    words = ["-m", "pytest", "-q", "-s", "-p", "no:cassetter", "-p", "no:cacheprovider", f"test_many.py::{kind}"]
    done = _python(*words, folder=str(root), environment={"PYTHONPATH": path})
    match = re.search(r"tests took ([0-9.]+) s", done.stdout)
    if match is None or f"{_TESTS} passed" not in done.stdout:
        raise RuntimeError(f"{kind} did not pass:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return float(match[1])


def _python(
    *words: str, folder: str | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command: Sequence[str] = [sys.executable, *words]
    everything = {**os.environ, **(environment or {})}
    return subprocess.run(command, cwd=folder, env=everything, capture_output=True, text=True, check=False)
