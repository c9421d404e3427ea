"""Locks between processes: one writer of a shared cassette at a time, and journals that are still in use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from llmreplay.core.errors import CassetteError

_POLL_S = 0.02

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        """Lock an open file for this descriptor alone; False if another has it. Closing unlocks."""
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock an open file for this descriptor alone; False if another has it. Closing unlocks."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def lock_path(path: Path) -> Path:
    """Name the file that locks a cassette."""
    return path.with_name(path.name + ".llmreplay-lock")


@contextmanager
def locked(path: Path, *, timeout_s: float = 30.0) -> Iterator[None]:
    """Hold a cassette alone, among threads and processes, while it is read, merged and written.

    The lock dies with its process; the lock file is removed, where the system lets it be.

    Raises:
        CassetteError: Another held it for longer than `timeout_s`, or no lock can be made there.
    """
    descriptor = _acquired(path, timeout_s)
    try:
        yield
    finally:
        if sys.platform != "win32":
            # Before unlocking: whoever waits for it sees that its file is gone and makes a new one.
            with suppress(OSError):
                lock_path(path).unlink()
        os.close(descriptor)
        if sys.platform == "win32":
            with suppress(OSError):
                lock_path(path).unlink()


def _acquired(path: Path, timeout_s: float) -> int:
    lock = lock_path(path)
    deadline = monotonic() + timeout_s
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except OSError as error:
            remedy = "See that its folder can be written to."
            found = f"cannot be locked: {error.strerror or error}"
            raise CassetteError(str(path), found, remedy) from error
        if try_lock(descriptor) and is_current(descriptor, lock):
            return descriptor
        os.close(descriptor)
        if monotonic() >= deadline:
            found = f"another process has held it for {timeout_s:g} s"
            remedy = f"Let the other test run end, or remove {lock.name} if there is none."
            raise CassetteError(str(path), found, remedy)
        sleep(_POLL_S)


def is_current(descriptor: int, lock: Path) -> bool:
    """Say whether an open file is still the one of that name: it may have been removed since it was opened."""
    try:
        return os.path.samestat(os.fstat(descriptor), lock.lstat())
    except FileNotFoundError:
        return False
