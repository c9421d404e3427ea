"""Counts after how many scenarios fuzzing finds each planted bug of `examples/fuzz`, over many seeds.

Run: python benchmarks/fuzz_seeds.py [seeds]. Prints the table of `docs/fuzzing.md`. For every bug the smallest scenario
is run once more, alone, as printed; a reproduction that passes is counted.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from statistics import median

SUITE = Path(__file__).resolve().parents[1] / "examples" / "fuzz"
NO_DATABASE = """
import hypothesis

hypothesis.settings.register_profile("no_database", database=None)
hypothesis.settings.load_profile("no_database")
"""
TITLE = re.compile(r"_{3,} (test_\w+) _{3,}")
FOUND = re.compile(r"The first scenario that failed was number (\d+)")
SMALLEST = re.compile(r"""(?:faults="|examples=\[')(.*?)(?:"|'\])""")


def run(*arguments: str) -> str:
    """Run the suite in a process of its own; give what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "no_database.py").write_text(NO_DATABASE, "utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-c", "pytest.ini", "-p", "no_database"]
        command += ["-p", "no:cacheprovider", "-p", "no:randomly", "-W", "ignore", *arguments]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, str(SUITE)])}
        done = subprocess.run(command, cwd=SUITE, env=environment, capture_output=True, text=True, check=False)
    return done.stdout


def findings(output: str) -> dict[str, tuple[int, str]]:
    """Read, for each test that failed, the number of the scenario that found the bug, and the smallest one."""
    parts = TITLE.split(output)
    found = {}
    for test, text in zip(parts[1::2], parts[2::2], strict=True):
        section = text.partition("smallest scenario")[2]
        number, smallest = FOUND.search(section), SMALLEST.search(section)
        if number and smallest:
            found[test] = (int(number.group(1)), smallest.group(1))
    return found


def main() -> None:
    """Print a row for each bug."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    of_test: dict[str, list[tuple[int, str]]] = {}
    for seed in range(1, seeds + 1):
        for test, finding in findings(run(f"--llmreplay-seed={seed}")).items():
            of_test.setdefault(test, []).append(finding)
    print("| test | found | scenarios until found: median, most | smallest scenarios |\n|---|---|---|---|")
    for test, found in of_test.items():
        numbers = [number for number, _ in found]
        smallest = Counter(text for _, text in found).most_common()
        told = ", ".join(f"`{text}` x{count}" if count > 1 else f"`{text}`" for text, count in smallest)
        print(f"| {test} | {len(found)} of {seeds} | {median(numbers):g}, {max(numbers)} | {told} |")


if __name__ == "__main__":
    main()
