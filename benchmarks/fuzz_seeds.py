"""Counts after how many scenarios fuzzing finds each planted bug of `examples/fuzz`, over many seeds.

Run: python benchmarks/fuzz_seeds.py [seeds]. Prints the table of `docs/fuzzing.md`. Each marker that a failure prints
is put above its test in the place of all others, and must fail on its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SUITE = Path(__file__).resolve().parents[1] / "examples" / "fuzz"
TESTS = "test_support_desk.py"
NO_DATABASE = """
import hypothesis

hypothesis.settings.register_profile("no_database", database=None)
hypothesis.settings.load_profile("no_database")
"""
TITLE = re.compile(r"_{3,} (test_\w+) _{3,}")
FOUND = re.compile(r"The first scenario that failed was number (\d+)")
SMALLEST = re.compile(r"""(?:faults="|examples=\[')(.*?)(?:"|'\])""")
PASTED = re.compile(r"^    (@pytest\.mark\.llmreplay.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finding:
    """A bug that was found: by which scenario in number, the smallest one, and the marker that was printed."""

    number: int
    smallest: str
    marker: str


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a suite in a process of its own, without an example database."""
    (folder / "no_database.py").write_text(NO_DATABASE, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-c", "pytest.ini", "-p", "no_database"]
    command += ["-p", "no:cacheprovider", "-p", "no:randomly", "-W", "ignore", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def findings(output: str) -> dict[str, Finding]:
    """Read what was found, by test."""
    parts = TITLE.split(output)
    found = {}
    for test, text in zip(parts[1::2], parts[2::2], strict=True):
        section = text.partition("smallest scenario")[2]
        number, smallest, marker = FOUND.search(section), SMALLEST.search(section), PASTED.search(section)
        if number and smallest and marker:
            found[test] = Finding(int(number.group(1)), smallest.group(1), marker.group(1))
    return found


def fails_alone(folder: Path, test: str, marker: str) -> bool:
    """Say whether a test with the printed marker, and no other, fails."""
    source = (SUITE / TESTS).read_text("utf-8")
    pasted = re.sub(rf"(?:^@.*\n)*^def {test}\(", f"{marker}\ndef {test}(", source, flags=re.MULTILINE)
    (folder / TESTS).write_text(pasted, "utf-8")
    try:
        return f"FAILED {TESTS}::{test}" in run(folder, f"{TESTS}::{test}").stdout
    finally:
        (folder / TESTS).write_text(source, "utf-8")


def main() -> None:
    """Print a row for each bug."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    of_test: dict[str, list[Finding]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "suite")
        shutil.copytree(SUITE, folder)
        for seed in range(1, seeds + 1):
            for test, finding in findings(run(folder, f"--llmreplay-seed={seed}").stdout).items():
                of_test.setdefault(test, []).append(finding)
        print("| test | found | scenarios until found: median, most | smallest scenarios | fail alone |")
        print("|---|---|---|---|---|")
        for test, found in of_test.items():
            numbers = [finding.number for finding in found]
            smallest = Counter(finding.smallest for finding in found).most_common()
            told = ", ".join(f"`{text}` x{count}" if count > 1 else f"`{text}`" for text, count in smallest)
            markers = {finding.marker for finding in found}
            alone = sum(fails_alone(folder, test, marker) for marker in markers)
            row = (test, f"{len(found)} of {seeds}", f"{median(numbers):g}, {max(numbers)}", told)
            print("|", " | ".join(row), f"| {alone} of {len(markers)} |", flush=True)


if __name__ == "__main__":
    main()
