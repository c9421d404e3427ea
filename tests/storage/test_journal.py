"""The journal keeps what was paid for, from the moment it arrived."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storage_doubles import FailingDisk, Killed, an_interaction, interactions, names_in

from llmreplay.core.errors import CassetteError
from llmreplay.storage.codec import as_stored
from llmreplay.storage.journal import Journal, discard_recovered, recover

FIRST, SECOND, THIRD = (an_interaction(data) for data in (b"first", b"second", b"third"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tests" / "a.json"


def the_file(path):
    return path.with_name(path.name + ".llmreplay-journal")


def test_nothing_is_made_before_the_first_interaction(path):
    """A test that replays leaves no trace."""
    journal = Journal(path)
    journal.close()
    journal.discard()

    assert not path.parent.exists()
    assert recover(path) == ()


def test_what_was_appended_is_recovered(path):
    """Interactions come back in order after the process is gone."""
    journal = Journal(path)
    journal.append(FIRST)
    journal.append(SECOND)
    journal.close()

    assert recover(path) == (FIRST, SECOND)


@settings(max_examples=50)
@given(st.lists(interactions, max_size=3))
def test_any_interaction_survives_in_the_journal(tmp_path_factory, given_ones):
    """Every byte of a body is there again, a request's own white space too."""
    path = tmp_path_factory.mktemp("journal") / "a.json"
    journal = Journal(path)
    for interaction in given_ones:
        journal.append(interaction)
    journal.close()

    recovered = recover(path)

    assert [as_stored(one) for one in recovered] == [as_stored(one) for one in given_ones]
    assert [one.request for one in recovered] == [one.request for one in given_ones]


def test_only_the_owner_can_read_it(path):
    """A journal has mode 0600, whatever the umask; rewritten too."""
    journal = Journal(path)
    journal.append(FIRST)
    first_mode = stat.S_IMODE(the_file(path).stat().st_mode)
    journal.rewrite([SECOND])

    assert first_mode == stat.S_IMODE(the_file(path).stat().st_mode) == 0o600


def test_a_journal_cut_at_any_byte_gives_its_whole_lines(path):
    """Whatever a crash left, the lines before it are there, and nothing is raised."""
    journal = Journal(path)
    journal.append(FIRST)
    one = the_file(path).stat().st_size
    journal.append(SECOND)
    journal.close()
    whole = the_file(path).read_bytes()

    for length in range(len(whole) + 1):
        the_file(path).write_bytes(whole[:length])
        # The last line feed may be missing: the line's checksum says that it is whole.
        expected = (FIRST, SECOND)[: (length >= one - 1) + (length >= len(whole) - 1)]
        assert recover(path) == expected


def test_a_changed_line_is_left_out(path):
    """A line whose checksum does not fit was never flushed whole."""
    journal = Journal(path)
    for interaction in (FIRST, SECOND, THIRD):
        journal.append(interaction)
    journal.close()
    the_file(path).write_bytes(the_file(path).read_bytes().replace(b"second", b"sECOND"))

    assert recover(path) == (FIRST, THIRD)


def test_a_journal_left_behind_is_continued(path):
    """After a crash inside a line, the next interaction is not swallowed by it."""
    journal = Journal(path)
    journal.append(FIRST)
    journal.close()
    with the_file(path).open("ab") as file:
        file.write(b'0a0b0c0d {"request": {"met')

    journal = Journal(path)
    journal.append(SECOND)
    journal.close()

    assert recover(path) == (FIRST, SECOND)


def test_rewriting_leaves_nothing_of_what_was_there(path):
    """A secret learnt late is gone from the disk's names, and appending goes on."""
    journal = Journal(path)
    journal.append(FIRST)
    journal.rewrite([SECOND])
    journal.append(THIRD)
    journal.close()

    assert recover(path) == (SECOND, THIRD)
    assert b"first" not in the_file(path).read_bytes()
    assert names_in(path.parent) == [the_file(path).name]


def test_discarding_removes_it(path):
    """Once the cassette is written the journal is gone, and a new one can begin."""
    journal = Journal(path)
    journal.append(FIRST)
    journal.discard()

    assert names_in(path.parent) == []
    journal.append(SECOND)
    journal.close()
    assert recover(path) == (SECOND,)


def test_a_journal_in_use_is_not_recovered_nor_written_into(path):
    """Two recorders of one cassette have a journal each; only what nobody writes any more was left behind."""
    first, second = Journal(path), Journal(path)
    first.append(FIRST)
    second.append(SECOND)

    assert recover(path) == ()
    first.close()
    assert recover(path) == (FIRST,)
    second.close()
    assert recover(path) == (FIRST, SECOND)
    discard_recovered(path)
    assert names_in(path.parent) == []


def test_a_folder_is_listed_again_only_when_something_in_it_came_or_went(path, monkeypatch):
    """Thousands of tests look for journals in one folder; one that is left there meanwhile is found all the same."""
    listed = []
    list_it = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: listed.append(folder) or list_it(folder))
    path.parent.mkdir()
    os.utime(path.parent, (0, 0))

    assert [recover(path), recover(path.with_name("b.json"))] == [(), ()]
    assert len(listed) == 1

    first, second = Journal(path), Journal(path)
    first.append(FIRST)
    second.append(SECOND)
    first.discard()
    second.close()
    assert recover(path) == (SECOND,)


def test_recovering_does_not_touch_other_cassettes(path):
    """Journals belong to the cassette whose name they carry, brackets in it included."""
    other = path.with_name("b.json")
    bracketed = path.with_name("test[a].json")
    for one, interaction in ((other, FIRST), (bracketed, SECOND)):
        journal = Journal(one)
        journal.append(interaction)
        journal.close()

    discard_recovered(path)

    assert (recover(path), recover(other), recover(bracketed)) == ((), (FIRST,), (SECOND,))


@pytest.mark.parametrize("how", ["ENOSPC", "EIO", "torn", "interrupt", "kill"])
def test_any_operation_may_fail_and_what_was_appended_before_is_there(path, how):
    """A failing append or rewrite says so and leaves the interactions that were promised."""

    def record(disk):
        journal = Journal(path, disk=disk)
        promised = []
        try:
            for interaction in (FIRST, SECOND):
                journal.append(interaction)
                promised.append(interaction)
            journal.rewrite([FIRST, SECOND])
        finally:
            disk.fail_at = 0
            journal.close()
            recovered = recover(path)
            assert recovered[: len(promised)] == tuple(promised)
            discard_recovered(path)
            assert names_in(path.parent) == []

    path.parent.mkdir()
    counting = FailingDisk(0, how)
    record(counting)
    assert counting.count > 10
    for fail_at in range(1, counting.count):
        with suppress(CassetteError, KeyboardInterrupt, Killed):
            record(FailingDisk(fail_at, how))


def test_a_journal_that_cannot_be_written_says_so(path):
    """The whole text of a full disk."""
    with pytest.raises(CassetteError) as caught:
        Journal(path, disk=FailingDisk(4, "ENOSPC")).append(FIRST)

    assert str(caught.value) == (
        f"{path}: its journal could not be written: No space left on device\n"
        "  See that its folder can be written to and is not full."
    )


def test_a_journal_of_another_version_is_an_error(path):
    """Whole lines that cannot be understood are paid answers: they are not dropped."""
    path.parent.mkdir()
    data = b'{"request":{},"novelty":1}'
    the_file(path).write_bytes(f"{zlib.crc32(data):08x} ".encode() + data + b"\n")

    with pytest.raises(CassetteError, match=r"its journal a\.json\.llmreplay-journal cannot be read: line 1"):
        recover(path)


def test_a_journal_that_cannot_be_read_is_an_error(path):
    """A folder in its place, or a link, is not taken for no journal."""
    the_file(path).mkdir(parents=True)

    with pytest.raises(CassetteError, match=r"its journal a\.json\.llmreplay-journal cannot be read: Is a directory"):
        recover(path)


def test_a_killed_process_leaves_what_it_had_recorded(path):
    """`kill -9` after an append loses nothing."""
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from storage_doubles import an_interaction\n"
        "from llmreplay.storage.journal import Journal\n"
        "Journal(Path(sys.argv[1])).append(an_interaction(b'first'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])])}

    subprocess.run([sys.executable, "-c", program, str(path)], env=environment, check=False)

    assert recover(path) == (FIRST,)
