"""Writing and loading cassettes: MB/s and peak memory, each task in a process that is given up after a while."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contestants import FILED, Contestant

_TASK = Path(__file__).with_name("task.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFigures:
    """What a contestant does with a cassette of one size.

    Attributes:
        name: The contestant's.
        count: Interactions on the cassette.
        body_bytes: Of a request and of an answer.
        file_bytes: Size of the file; None if it was not written.
        save_mb_s: Megabytes written in a second.
        load_mb_s: Megabytes read in a second.
        load_memory: Peak memory while loading, as a multiple of the file; None for small files.
        replay_memory: Peak memory while all of it is loaded and replayed, as a multiple of the file.
        problem: Why figures are missing; empty if none is.
    """

    name: str
    count: int
    body_bytes: int
    file_bytes: int | None = None
    save_mb_s: float | None = None
    load_mb_s: float | None = None
    load_memory: float | None = None
    replay_memory: float | None = None
    problem: str = ""


class _GaveUp(Exception):
    """A task did not end, or not well."""


def _run(task: str, one: Contestant, count: int, body_bytes: int, path: Path, limit_s: float) -> dict[str, float]:
    command = [sys.executable, str(_TASK), task, one.name, str(count), str(body_bytes), str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise _GaveUp(f"{task}: gave up after {limit_s:.0f} s") from None
    if done.returncode:
        raise _GaveUp(f"{task}: {_reason(done.stderr)}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _reason(errors: str) -> str:
    """Give the line of a traceback that names the exception, shortened."""
    lines = [line for line in errors.splitlines() if line and not line[0].isspace() and ": " in line]
    return (lines or ["ended badly"])[-1][:160]


def path_of(one: Contestant, count: int, body_bytes: int, folder: Path) -> Path:
    """Give the place of a contestant's cassette."""
    return folder / f"{one.name}-{count}-{body_bytes}{one.suffix}"


def measure(
    count: int, body_bytes: int, folder: Path, *, limit_s: float, given_up: dict[tuple[str, int], str]
) -> Iterator[FileFigures]:
    """Write and load a cassette of each contestant, in `folder`, where the files stay.

    Args:
        count: Interactions on the cassette.
        body_bytes: Of a request and of an answer.
        folder: Is made.
        limit_s: A task that takes longer is given up.
        given_up: Who could not load a smaller cassette of such bodies, and why: not tried again, and added to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for one in FILED:
        found: dict[str, float | int] = {}
        problem = given_up.get((one.name, body_bytes), "")
        if not problem:
            problem = _fill(found, one, count, body_bytes, path_of(one, count, body_bytes, folder), limit_s)
        if "load_mb_s" not in found:
            given_up.setdefault((one.name, body_bytes), f"{problem} (with {count})")
        yield FileFigures(name=one.name, count=count, body_bytes=body_bytes, problem=problem, **found)  # type: ignore[arg-type]


def _fill(
    found: dict[str, float | int], one: Contestant, count: int, body_bytes: int, path: Path, limit_s: float
) -> str:
    """Add the figures that can be had; give the reason why others cannot, else nothing."""
    try:
        written = _run("write", one, count, body_bytes, path, limit_s)
        found["file_bytes"] = int(written["file_bytes"])
        found["save_mb_s"] = written["file_bytes"] / 1e6 / written["seconds"]
        loaded = _run("load", one, count, body_bytes, path, limit_s)
        found["load_mb_s"] = loaded["file_bytes"] / 1e6 / loaded["seconds"]
        if "memory" in loaded:
            found["load_memory"] = loaded["memory"]
        replayed = _run("replay", one, count, body_bytes, path, limit_s)
        if "memory" in replayed:
            found["replay_memory"] = replayed["memory"]
    except _GaveUp as reason:
        return str(reason)
    return ""
