"""The five bugs of the example application are found, each by its test, and each printed marker fails on its own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "fuzz"
BUGS = {
    "test_answers_with_patience": "KeyError: 'retry-after'",
    "test_never_forgets_what_was_said": "AssertionError",
    "test_translates_however_the_bytes_come": "UnicodeDecodeError",
    "test_sums_up_all_of_it": "ended without its terminal event, and the test passed",
    "test_answers_at_once": "Unreachable",
}


@pytest.fixture
def desk(suite):
    """Give a copy of the example."""
    if not EXAMPLE.is_dir():
        pytest.skip(f"{EXAMPLE} is not there: the examples are no part of an installed package")
    shutil.copytree(EXAMPLE, suite.root, dirs_exist_ok=True)
    return suite


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("test", BUGS)
def test_a_planted_bug_is_found_within_200_scenarios_and_reproduced_by_what_is_printed(desk, test):
    """The failure is the planted one, and the printed marker alone brings it about again."""
    found = desk.run("-c", "pytest.ini", f"test_support_desk.py::{test}", "--llmreplay-seed=2")

    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines([f"*{BUGS[test]}*"])
    number = re.search(r"The first scenario that failed was number (\d+)", found.stdout.str())
    assert number is not None
    assert int(number.group(1)) <= 200
    pasted = next(line.strip() for line in found.outlines if re.match(r"    @pytest\.mark\.llmreplay\w*\((f|ex)", line))
    path = desk.root / "test_support_desk.py"
    marked = re.compile(rf"(?:^@.*\n)*^def {test}\(", re.MULTILINE)
    path.write_text(marked.sub(f"{pasted}\ndef {test}(", path.read_text("utf-8")), "utf-8")
    again = desk.run("-c", "pytest.ini", f"test_support_desk.py::{test}")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines([f"*{BUGS[test]}*"])
