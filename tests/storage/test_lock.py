"""Shared cassettes have one writer at a time, and lose nobody's interactions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from storage_doubles import an_interaction, names_in

from llmreplay.core.errors import CassetteError
from llmreplay.storage.files import load, merge, save
from llmreplay.storage.lock import lock_path, locked

WORKER = """
import sys
from pathlib import Path
from storage_doubles import names_in, an_interaction
from llmreplay.storage.files import load, merge, save
from llmreplay.storage.lock import locked
path, worker = Path(sys.argv[1]), sys.argv[2]
for number in range(10):
    with locked(path):
        save(path, merge(load(path) or (), [an_interaction(f"{worker}-{number}".encode())]))
"""


def test_the_lock_file_is_gone_afterwards(tmp_path):
    """A lock leaves nothing behind, whether the work succeeded or not."""
    path = tmp_path / "new" / "a.json"

    def break_under_lock():
        with locked(path):
            assert lock_path(path).exists()
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        break_under_lock()

    assert names_in(path.parent) == []


def test_a_lock_that_is_held_is_waited_for_and_then_named(tmp_path):
    """Whoever waits too long learns what is held and what to do."""
    path = tmp_path / "a.json"

    with locked(path), pytest.raises(CassetteError) as caught, locked(path, timeout_s=0.01):
        pass

    assert str(caught.value) == (
        f"{path}: another process has held it for 0.01 s\n"
        "  Let the other test run end, or remove a.json.llmreplay-lock if there is none."
    )


def test_a_lock_file_left_by_a_killed_process_locks_nothing(tmp_path):
    """The lock is the process's, not the file's."""
    path = tmp_path / "a.json"
    lock_path(path).write_bytes(b"")

    with locked(path, timeout_s=0):
        pass

    assert names_in(tmp_path) == []


def test_a_folder_that_cannot_be_locked_in_is_an_error(tmp_path):
    """A lock that cannot be made is not passed over."""
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(CassetteError, match="cannot be locked"), locked(tmp_path / "file" / "a.json"):
        pass


def test_threads_and_processes_lose_no_interaction(tmp_path):
    """Three processes that add ten interactions each, with a thread beside them, end with all of them."""
    path = tmp_path / "a.json"
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])])}

    def add_ten():
        for number in range(10):
            with locked(path):
                save(path, merge(load(path) or (), [an_interaction(f"thread-{number}".encode())]))

    thread = Thread(target=add_ten)
    processes = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(path), f"process{number}"], env=environment)
        for number in range(3)
    ]
    thread.start()
    assert [process.wait() for process in processes] == [0, 0, 0]
    thread.join()

    bodies = [one.outcome.body.decode() for one in load(path)]
    assert len(bodies) == 40
    for worker in ("process0", "process1", "process2", "thread"):
        assert [body for body in bodies if body.startswith(worker)] == [f"{worker}-{number}" for number in range(10)]
    assert names_in(tmp_path) == ["a.json"]
