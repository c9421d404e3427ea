"""A cassette file is whole, old or new, whatever fails while it is written."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from storage_doubles import FailingDisk, Killed, an_interaction, names_in

from llmreplay.core.errors import CassetteError
from llmreplay.storage import files
from llmreplay.storage.disk import RealDisk
from llmreplay.storage.files import load, load_partial, merge, not_yet_held, partial_path, save, save_partial
from llmreplay.storage.journal import Journal, discard_recovered, recover

OLD = (an_interaction(b"old"),)
NEW = (an_interaction(b"old"), an_interaction(b"new"))


class CountingDisk(RealDisk):
    """A disk that writes at most seven bytes at a time, as a signal or a slow medium may."""

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        return super().write(descriptor, bytes(data[:7]))


class LyingDisk(RealDisk):
    """A disk that gives back other bytes than it was given."""

    def read_at(self, descriptor: int, offset: int, size: int) -> bytes:
        return super().read_at(descriptor, offset, size).replace(b"new", b"bad")


def number_of_operations():
    disk = FailingDisk(0, "")
    save(Path("a.json"), NEW, disk=disk)
    return disk.count


def test_a_saved_cassette_is_loaded_and_nothing_else_is_left(tmp_path):
    """Folders are made, the file is written, the temporary one is gone."""
    path = tmp_path / "tests" / "test_a" / "test_b.json"

    save(path, NEW, lambda interaction: "a summary")

    assert [one.interaction for one in load(path)] == list(NEW)
    assert load(path)[0].summary == "a summary"
    assert names_in(path.parent) == ["test_b.json"]


def test_what_was_loaded_is_saved_as_the_same_bytes(tmp_path):
    """Loading and saving changes nothing, summaries included."""
    path = tmp_path / "a.json"
    save(path, NEW, lambda interaction: "a summary")
    before = path.read_bytes()

    save(path, load(path))

    assert path.read_bytes() == before


def test_writes_that_come_short_are_continued(tmp_path):
    """A system that takes a few bytes at a time gets them all."""
    save(tmp_path / "a.json", NEW, disk=CountingDisk())

    assert load(tmp_path / "a.json") == NEW


@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
@pytest.mark.parametrize("how", ["ENOSPC", "EIO", "torn", "interrupt", "kill"])
def test_any_operation_may_fail_and_nothing_is_damaged_or_lost(tmp_path, monkeypatch, how, after):
    """For every operation that can fail: a whole file stands, the journal has the rest, the same command works."""
    monkeypatch.chdir(tmp_path)
    total = number_of_operations()
    assert total >= 8
    for fail_at in range(1, total + 1):
        folder = tmp_path / f"{how}-{fail_at}"
        path = folder / "a.json"
        save(path, OLD)
        journal = Journal(path)
        journal.append(NEW[1])
        disk = FailingDisk(fail_at, how, after=after)

        with pytest.raises((CassetteError, KeyboardInterrupt, Killed)):
            save(path, NEW, disk=disk)
        journal.close()

        held, recovered = load(path), recover(path)
        assert held in (OLD, NEW)
        assert disk.names[-1] == "sync_folder" or "replace" in disk.names or held == OLD
        assert merge(held, not_yet_held(recovered, held)) == NEW
        if how != "kill":
            assert names_in(folder) == ["a.json", "a.json.llmreplay-journal"]
        save(path, NEW)
        discard_recovered(path)
        assert load(path) == NEW
        assert names_in(folder) == ["a.json"]


def test_a_failed_save_says_why_and_what_became_of_the_file(tmp_path):
    """The whole text of a full disk."""
    path = tmp_path / "a.json"

    with pytest.raises(CassetteError) as caught:
        save(path, NEW, disk=FailingDisk(3, "ENOSPC"))

    assert str(caught.value) == (
        f"{path}: could not be written: No space left on device\n"
        "  What it held before is untouched; what was recorded is in the journal beside it, for the next run."
    )
    assert load(path) is None


def test_a_disk_that_gives_other_bytes_back_is_found_out(tmp_path):
    """What was written is read back before the old file is replaced."""
    path = tmp_path / "a.json"
    save(path, OLD)

    with pytest.raises(CassetteError, match="what was read back is not what was written"):
        save(path, NEW, disk=LyingDisk())

    assert load(path) == OLD
    assert names_in(tmp_path) == ["a.json"]


def test_what_would_not_read_back_is_not_written(tmp_path, monkeypatch):
    """A mistake of ours in the codec is found before it costs a recording."""
    path = tmp_path / "a.json"
    save(path, OLD)
    written = files.encode
    monkeypatch.setattr(files, "encode", lambda *held, **options: written(*held, **options).replace(b"new", b"bad"))

    with pytest.raises(CassetteError, match=r"\$\.interactions\[1\]: it would not read back as it is"):
        save(path, NEW)

    assert load(path) == OLD


@pytest.mark.parametrize(("number", "is_passed_over"), [(errno.EINVAL, True), (errno.EIO, False)])
def test_a_file_system_that_cannot_flush_a_folder_is_good_enough(tmp_path, monkeypatch, number, is_passed_over):
    """Some network file systems know no such thing; a medium that fails is another matter."""
    path = tmp_path / "a.json"
    sync = os.fsync

    def sync_files_only(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync_files_only)
    if is_passed_over:
        save(path, NEW)
    else:
        with pytest.raises(CassetteError, match="could not be written: Input/output error"):
            save(path, NEW)

    assert load(path) == NEW


def test_a_disk_that_takes_nothing_is_an_error(tmp_path, monkeypatch):
    """A write of no bytes does not go on for ever."""
    monkeypatch.setattr(RealDisk, "write", lambda *arguments: 0)

    with pytest.raises(CassetteError, match="the system wrote nothing"):
        save(tmp_path / "a.json", NEW)

    assert names_in(tmp_path) == []


def test_a_killed_process_leaves_a_whole_file(tmp_path):
    """`kill -9` while a cassette is saved over and over leaves one of the two versions."""
    path = tmp_path / "a.json"
    save(path, OLD)
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from storage_doubles import an_interaction\n"
        "from llmreplay.storage.files import save\n"
        "old = (an_interaction(b'old'),)\n"
        "new = (*old, an_interaction(b'new'))\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    save(Path(sys.argv[1]), new)\n"
        "    save(Path(sys.argv[1]), old)\n"
    )
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])])}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, env=environment
    ) as process:
        process.stdout.readline()
        for _ in range(50):
            assert load(path) in (OLD, NEW)
        process.send_signal(signal.SIGKILL)

    assert load(path) in (OLD, NEW)
    discard_recovered(path)
    assert names_in(tmp_path) == ["a.json"]


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_followed(tmp_path):
    """Nothing outside of the cassettes is read or written, by way of the folder neither."""
    home = tmp_path / "cassettes"
    save(home / "a.json", OLD)
    save(tmp_path / "outside" / "a.json", OLD)
    (home / "inside.json").symlink_to(home / "a.json")
    (home / "out.json").symlink_to(tmp_path / "outside" / "a.json")
    (home / "folder").symlink_to(tmp_path / "outside")

    save(home / "inside.json", NEW)

    assert load(home / "inside.json") == load(home / "a.json") == NEW
    assert (home / "inside.json").is_symlink()
    for path in (home / "out.json", home / "folder" / "a.json"):
        for act in (load, lambda path, **options: save(path, NEW, **options)):
            with pytest.raises(CassetteError, match="a symbolic link out of"):
                act(path, folder=home)
    assert load(tmp_path / "outside" / "a.json") == OLD
    with pytest.raises(CassetteError, match="a symbolic link out of"):
        load(home / "out.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_refused_at_once(tmp_path):
    """What is no regular file is not opened, which could last for ever."""
    os.mkfifo(tmp_path / "a.json")

    with pytest.raises(CassetteError, match="no regular file"):
        load(tmp_path / "a.json")


def test_a_file_without_permission_is_an_error(tmp_path, monkeypatch):
    """A cassette that may not be read is an error, not an absent one."""
    path = tmp_path / "a.json"
    save(path, OLD)

    def refuse(path, mode, buffering):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CassetteError) as caught:
        load(path)

    assert str(caught.value) == (
        f"{path}: cannot be read: Permission denied\n  See that the file and its folders can be read."
    )


def test_a_broken_off_recording_is_kept_aside_and_never_replayed(tmp_path):
    """What it brought can be read by whoever asks for it, and is not the cassette."""
    path = tmp_path / "a.json"

    aside = save_partial(path, NEW)

    assert aside == partial_path(path)
    assert load(path) is None
    assert load_partial(path) == NEW
    with pytest.raises(CassetteError, match="is never replayed"):
        load(aside)
    aside.rename(path)
    with pytest.raises(CassetteError, match="is never replayed"):
        load(path)


def test_merging_keeps_the_others_and_appends_ours():
    """A shared cassette loses nobody's interactions, equal ones neither."""
    assert merge(OLD, NEW) == (*OLD, *NEW)


def test_what_a_cassette_has_already_is_not_recovered_again():
    """Each recovered interaction is held once, however often it was recorded."""
    first, second = OLD[0], NEW[1]

    assert not_yet_held((first, first, second), (first,)) == (first, second)
    assert not_yet_held((first,), (first, second)) == ()
