"""What is told is what can be typed where it is told."""

import pytest

from llmreplay.core.remedy import Remedy

TEST = "pytest a.py::test_a --llmreplay-mode={mode}"


@pytest.mark.parametrize(
    ("remedy", "told"),
    [
        (Remedy(rerun=TEST), '@pytest.mark.llmreplay(ignore=["$.a", "$.b"])'),
        (
            Remedy(rerun="use_cassette('a, b.json', mode='{mode}')"),
            """use_cassette('a, b.json', ignore=["$.a", "$.b"])""",
        ),
        (
            Remedy(rerun=TEST, is_fixtures=True),
            "llmreplay_ignore = $.a, $.b   (ini file: the fixture is of many tests)",
        ),
    ],
    ids=["test", "block", "fixture"],
)
def test_a_setting_stands_where_it_is_written(remedy, told):
    """A marker of a test, the call that opens a block, the ini file for a fixture."""
    assert remedy.setting('ignore=["$.a", "$.b"]') == told


@pytest.mark.parametrize(("text", "line"), [("allow_repeats=True", "allow_repeats = true"), ('a="b"', "a = b")])
def test_a_single_value_is_written_as_ini_files_have_it(text, line):
    """Switches in small letters, texts without quotes."""
    assert Remedy(rerun=TEST, is_fixtures=True).setting(text).startswith(f"llmreplay_{line} ")
