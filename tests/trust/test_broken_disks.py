"""Disks that are full, read-only or gone: a clear word, nothing lost that could be kept, everything put back."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from pathlib import Path

import httpx2
import pytest
from trust_doubles import ANTHROPIC, SECRET, leaks_below, names_in

from llmreplay import use_cassette
from llmreplay.core.errors import CassetteError
from llmreplay.storage.files import load, load_partial
from llmreplay.storage.journal import recover

BODY = {"model": "claude-haiku-4-5", "max_tokens": 9}


def ask(*texts):
    with httpx2.Client(headers={"x-api-key": "sk-any"}) as client:
        for text in texts:
            message = {"role": "user", "content": text}
            assert client.post(f"{ANTHROPIC}/v1/messages", json=BODY | {"messages": [message]}).status_code == 200


def asked(interactions):
    return [json.loads(one.request.body)["messages"][0]["content"] for one in interactions or ()]


class Trouble:
    """Makes file operations below a folder fail.

    Attributes:
        error: The system's error; None while all is well.
        operations: Of `write`, `open`, `sync` and `replace` those that fail.
    """

    def __init__(self, folder, monkeypatch) -> None:
        self.error: int | None = None
        self.operations: tuple[str, ...] = ()
        self.folder = str(folder)
        self._descriptors: set[int] = set()
        opened, write, fsync, replaced, mkdir = os.open, os.write, os.fsync, os.replace, os.mkdir

        def open_(path, flags, *more, **options):
            is_ours = str(path).startswith(self.folder)
            if is_ours and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self._fail("open", path)
            descriptor = opened(path, flags, *more, **options)
            self._descriptors.discard(descriptor)
            if is_ours:
                self._descriptors.add(descriptor)
            return descriptor

        def write_(descriptor, data):
            if descriptor in self._descriptors:
                self._fail("write")
            return write(descriptor, data)

        def fsync_(descriptor):
            if descriptor in self._descriptors:
                self._fail("sync")
            return fsync(descriptor)

        def replace_(source, target, **options):
            if str(target).startswith(self.folder):
                self._fail("replace", target)
            return replaced(source, target, **options)

        def mkdir_(path, *more, **options):
            if str(path).startswith(self.folder) and not Path(path).is_dir():
                self._fail("open", path)
            return mkdir(path, *more, **options)

        for name, patched in (("open", open_), ("write", write_), ("fsync", fsync_), ("replace", replace_)):
            monkeypatch.setattr(os, name, patched)
        monkeypatch.setattr(os, "mkdir", mkdir_)

    def _fail(self, operation, path=None) -> None:
        if self.error is not None and operation in self.operations:
            raise OSError(self.error, os.strerror(self.error), path)

    def begin(self, error: int, *operations: str) -> None:
        """Let operations fail from now on."""
        self.error, self.operations = error, operations

    def end(self) -> None:
        """Let all be well again."""
        self.error = None


@pytest.fixture
def folder(tmp_path):
    """Give the folder of cassettes."""
    return tmp_path / "cassettes"


@pytest.fixture
def trouble(folder, monkeypatch):
    """Give what makes the disk fail."""
    return Trouble(folder, monkeypatch)


TROUBLES = {
    "full": (errno.ENOSPC, ("write",)),
    "read-only": (errno.EROFS, ("open", "replace", "write")),
    "broken": (errno.EIO, ("sync",)),
    "rename refused": (errno.EACCES, ("replace",)),
    "no permission": (errno.EACCES, ("open", "replace")),
}


def left_in_process():
    return httpx2.HTTPTransport.handle_request, sorted(os.environ), sorted(t.name for t in threading.enumerate())


@pytest.mark.parametrize("standing", [False, True], ids=["no cassette", "a cassette"])
@pytest.mark.parametrize("when", ["from the start", "from the second call", "at the end"])
@pytest.mark.parametrize("name", TROUBLES)
def test_a_disk_in_trouble_costs_no_cassette_and_says_so(folder, trouble, listener, name, when, standing):
    """The save fails with file and reason, the old cassette stands, what was written is kept, all is put back."""
    path = folder / "one.json"
    if standing:
        with use_cassette(path, mode="once", upstream=listener.upstream):
            ask("old")
    else:
        folder.mkdir()
    before = left_in_process()
    error, operations = TROUBLES[name]
    mode = "rewrite" if standing else "once"
    if when == "from the start":
        trouble.begin(error, *operations)

    def session():
        with use_cassette(path, mode=mode, upstream=listener.upstream):
            ask("one")
            if when == "from the second call":
                trouble.begin(error, *operations)
            ask("two")
            if when == "at the end":
                trouble.begin(error, *operations)

    with pytest.raises(CassetteError) as raised:
        session()

    assert left_in_process() == before
    assert str(path) in str(raised.value)
    assert os.strerror(error) in str(raised.value)
    trouble.end()
    assert asked(load(path)) == (["old"] if standing else [])
    kept = {"from the start": [], "from the second call": ["one"], "at the end": ["one", "two"]}[when]
    if name == "rename refused" or (name == "no permission" and when == "from the second call"):
        kept = ["one", "two"]
    if name == "broken" and when != "at the end":
        # What could not be synced may be there all the same.
        assert set(asked(recover(path))) >= set(kept)
    else:
        assert asked(recover(path)) == kept


@pytest.mark.parametrize("name", TROUBLES)
def test_after_the_trouble_the_same_command_just_works(folder, trouble, listener, name):
    """Once the disk is well again the next recording is whole, and what the first one brought is told."""
    path = folder / "one.json"
    error, operations = TROUBLES[name]

    def session():
        with use_cassette(path, mode="once", upstream=listener.upstream):
            ask("one", "two")
            trouble.begin(error, *operations)

    with pytest.raises(CassetteError):
        session()
    trouble.end()

    with use_cassette(path, mode="once", upstream=listener.upstream) as again:
        aside = asked(load_partial(path))
        ask("one", "two", "three")
    with use_cassette(path, mode="none"):
        ask("one", "two", "three")

    assert "2 interactions of an interrupted recording found" in again.notes[0]

    assert aside == ["one", "two"]
    assert names_in(folder) == ["one.json"]


def test_a_folder_that_vanishes_is_made_again(folder, listener):
    """What was recorded before and after somebody removed the folder is all in the cassette."""
    path = folder / "one.json"
    with use_cassette(path, mode="once", upstream=listener.upstream):
        ask("one")
        shutil.rmtree(folder)
        ask("two")

    assert asked(load(path)) == ["one", "two"]
    assert names_in(folder) == ["one.json"]


def test_a_file_in_the_place_of_the_folder_is_told(folder, listener):
    """A folder that is a file is an error that names it; nothing of it is changed."""
    folder.write_text("not a folder")
    before = left_in_process()

    with (
        pytest.raises(CassetteError, match=r"cassettes/one\.json"),
        use_cassette(folder / "one.json", mode="once", upstream=listener.upstream),
    ):
        ask("one")

    assert folder.read_text() == "not a folder"
    assert left_in_process() == before


def test_every_broken_off_run_adds_to_what_is_kept_aside(folder, listener):
    """Two sessions that died one after the other leave both their answers; a question asked again counts once."""
    path = folder / "one.json"

    def session(texts):
        with use_cassette(path, mode="once", upstream=listener.upstream):
            ask(*texts)
            raise ZeroDivisionError

    for texts in (["one", "two"], ["two", "three"]):
        with pytest.raises(ZeroDivisionError):
            session(texts)

    assert asked(load_partial(path)) == ["one", "two", "three"]
    assert load(path) is None


def test_a_recovered_answer_tells_no_secret_that_was_learnt_since(folder, listener, monkeypatch):
    """What a run without the key in its environment left behind is redacted by the one that knows it."""
    path = folder / "one.json"
    journal = folder / "one.json.llmreplay-journal"
    with use_cassette(path, mode="once", upstream=listener.upstream):
        ask(f"say {SECRET}")
        left = journal.read_bytes()
    path.unlink()
    journal.write_bytes(left)
    assert leaks_below(folder)
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)

    with use_cassette(path, mode="once", upstream=listener.upstream) as again:
        assert leaks_below(folder) == []
        ask("one")

    assert "1 interaction of an interrupted recording found" in again.notes[0]
    assert leaks_below(folder) == []


def test_a_cassette_with_a_secret_that_is_known_by_now_is_cleaned_when_it_grows(folder, listener, monkeypatch):
    """Adding to a cassette takes out of it what was not known to be secret when it was recorded."""
    path = folder / "one.json"
    with use_cassette(path, mode="once", upstream=listener.upstream):
        ask(f"say {SECRET}")
    assert leaks_below(folder)
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)

    with use_cassette(path, mode="new_episodes", upstream=listener.upstream):
        ask(f"say {SECRET}", "more")

    assert leaks_below(folder) == []
    assert asked(load(path)) == ["say REDACTED", "more"]
