"""The line at the end of a run."""

from llmreplay.report.summary import summary_lines


def a_tally(notes=(), asides=None, **counts):
    """Give what one test counted."""
    return {
        "interactions": counts,
        "input_tokens": 1000,
        "output_tokens": 2,
        "notes": list(notes),
        "asides": asides or {},
    }


def test_tallies_are_added_up_in_one_line():
    """Counts of every test stand in one line, in a fixed order, with their tokens."""
    lines = summary_lines([a_tally(replayed=2), a_tally(replayed=1, refused=1)])

    assert lines == ["llmreplay: 3 replayed, 1 refused; tokens: 2,000 in, 4 out"]


def test_notes_stand_below_and_do_not_flood():
    """The first twenty notes are shown, and how many there are beyond."""
    lines = summary_lines([a_tally([f"note {number}"], replayed=1) for number in range(23)])

    assert lines[1] == "llmreplay: note 0"
    assert lines[20:] == ["llmreplay: note 19", "llmreplay: and 3 more such notes"]


def test_a_note_of_a_file_that_is_gone_is_not_shown(tmp_path):
    """What was put aside may be made good by the next attempt: then there is nothing to say of it."""
    there = tmp_path / "there"
    there.touch()

    lines = summary_lines([a_tally(["gone", "there"], {"gone": str(tmp_path / "gone"), "there": str(there)})])

    assert lines == ["llmreplay: there"]
