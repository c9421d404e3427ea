"""Every benchmark in one run, side by side: see README.md beside this file.

    make bench
    python benchmarks/run.py [--quick] [--only call,files,first-token,overheads,retries,start] [--json FILE]

Nothing is asserted; all comparisons are ratios of figures from this run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import files
import first_token
import overheads
import replayed_call
import starting
from contestants import CONTESTANTS
from tables import shown, table

_COUNTS = (10, 100, 1000, 10000)
_BODIES = (2000, 24000)
_PACKAGES = ("anthropic", "openai", "httpx2", "vcrpy", "cassetter", "msgspec", "pytest")


def _sizes(options: argparse.Namespace) -> Iterator[tuple[int, int]]:
    for body_bytes in _BODIES:
        for count in _COUNTS[:-1] if options.quick else _COUNTS:
            yield count, body_bytes


def run_calls_and_files(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Write, load and replay cassettes of every size; one size's files at a time."""
    file_figures: list[Any] = []
    call_figures: list[Any] = []
    given_up: dict[tuple[str, int], str] = {}
    for count, body_bytes in _sizes(options):
        here = folder / f"{count}-{body_bytes}"
        measured = list(files.measure(count, body_bytes, here, limit_s=options.limit, given_up=given_up))
        file_figures += measured
        cannot_load = {one.name for one in measured if one.load_mb_s is None}
        able = [one for one in CONTESTANTS if one.name not in cannot_load]
        paths = {one.name: files.path_of(one, count, body_bytes, here) for one in able}
        calls = replayed_call.measure(able, paths, count, body_bytes, limit_s=options.limit)
        call_figures += calls
        print(f"  measured {count} interactions of {body_bytes} bytes", file=sys.stderr)
        for path in paths.values():
            path.unlink(missing_ok=True)
    _print_calls(call_figures)
    _print_files(file_figures)
    return {
        "calls": [{**asdict(one), "ratio": one.ratio} for one in call_figures],
        "files": [asdict(one) for one in file_figures],
    }


def _print_calls(figures: list[Any]) -> None:
    rows = []
    for one in figures:
        note = one.problem or ("" if one.played == one.count else f"gave up after {one.played} of {one.count} calls")
        times = [median(times) if times else None for times in (one.call_us, one.first_call_us, one.open_ms)]
        rows.append([one.count, one.body_bytes, one.name, *times, one.ratio, note])
    print("\nA replayed call, through the anthropic SDK, in the order recorded (opening is apart)")
    print(table(["interactions", "body", "", "call us", "first call us", "open ms", "x MockTransport", ""], rows))


def _print_files(figures: list[Any]) -> None:
    rows = [
        [
            one.count,
            one.body_bytes,
            one.name,
            None if one.file_bytes is None else one.file_bytes / 1e6,
            one.save_mb_s,
            one.load_mb_s,
            one.load_memory,
            one.replay_memory,
            one.problem,
        ]
        for one in figures
    ]
    print("\nCassettes: MB/s, and peak memory as a multiple of the file")
    heads = ["interactions", "body", "", "file MB", "save MB/s", "load MB/s", "load mem", "replay mem", ""]
    print(table(heads, rows))


def run_first_token(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure what recording adds to the first chunk of a stream."""
    figures = first_token.measure()
    base = figures[0]
    print("\nThe first event of a stream while it is recorded (12 pauses of 10 ms follow it)")
    rows = [[one.name, one.first_ms, one.first_ms - base.first_ms, one.whole_ms] for one in figures]
    print(table(["", "first ms", "added ms", "whole ms"], rows))
    return {"first_token": [asdict(one) for one in figures]}


def run_overheads(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure what the parts of a replay cost."""
    figures = overheads.measure(folder)
    print("\nWays to replay a call (200 interactions of 2 kB)")
    print(table(["", "call us", "x plain"], [[one.name, one.call_us, one.ratio] for one in figures]))
    opened = overheads.openings(folder)
    print("\nOpening and closing a cassette of one interaction")
    print(table(["", "ms"], [[one.name, one.open_and_close_ms] for one in opened]))
    return {"overheads": [asdict(one) for one in figures], "openings": [asdict(one) for one in opened]}


def run_retries(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure the real time of long waits."""
    figures = overheads.retries(folder)
    print("\nA call that is told three times: Retry-After: 30")
    print(table(["", "real ms", "waited s"], [[one.client, one.real_ms, one.waited_s] for one in figures]))
    return {"retries": [asdict(one) for one in figures]}


def run_start(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure imports, the start of pytest, and the fixture."""
    imports, starts, suites = starting.import_ms(), starting.starts(), starting.suites()
    print("\nImporting, after pytest")
    print(table(["", "ms"], [[name, taken] for name, taken in imports.items()]))
    print("\nThe start of pytest: --collect-only of one empty test")
    rows = [[one.name, one.added_cpu_ms, one.added_ms, one.whole_ms] for one in starts]
    print(table(["plugin", "added cpu ms", "added ms", "whole ms"], rows))
    print("\nA test, in a suite of 200 like it")
    print(table(["", "ms a test"], [[one.name, one.test_ms] for one in suites]))
    return {"imports": imports, "starts": [asdict(one) for one in starts], "suites": [asdict(one) for one in suites]}


_PARTS: dict[str, Callable[[argparse.Namespace, Path], dict[str, Any]]] = {
    "calls": run_calls_and_files,
    "first-token": run_first_token,
    "overheads": run_overheads,
    "retries": run_retries,
    "start": run_start,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Every benchmark in one run.")
    parser.add_argument("--quick", action="store_true", help="leave the largest size out")
    parser.add_argument("--only", default=",".join(_PARTS), help=f"parts, of {','.join(_PARTS)}")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds after which a task is given up")
    parser.add_argument("--json", type=Path, help="write all figures to this file as well")
    return parser.parse_args()


def main() -> None:
    options = _options()
    machine = f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"
    versions = {name: version(name) for name in _PACKAGES}
    found: dict[str, Any] = {"machine": machine, "versions": versions, "load": os.getloadavg()}
    print(machine + "; " + ", ".join(f"{name} {number}" for name, number in versions.items()))
    print(f"load of the machine at the start: {shown(os.getloadavg()[0])}")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for part in options.only.split(","):
            found |= _PARTS[part](options, Path(folder))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
