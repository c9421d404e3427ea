"""The journal: each finished interaction at once on the medium, until the cassette itself is written."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from llmreplay.core.cassette import Stored
from llmreplay.core.errors import CassetteError
from llmreplay.core.model import Interaction
from llmreplay.storage.codec import wire_interaction
from llmreplay.storage.disk import REAL_DISK, Disk, write_all
from llmreplay.storage.files import reason_of, write_atomic
from llmreplay.storage.lock import is_current, try_lock
from llmreplay.storage.reading import interaction_from
from llmreplay.storage.wire import WireInteraction

_MODE = 0o600
_SUFFIX = ".llmreplay-journal"
_MOST = 1000
_SETTLED_NS = 2 * 10**9
_LISTED: dict[Path, tuple[int, Sequence[str]]] = {}
_wire_from = msgspec.json.Decoder(WireInteraction)


class Journal:
    """Keeps interactions beside a cassette, a line each, as they finish.

    Nothing is made before the first one. A journal that was left behind is continued, so that it stays whole until
    `discard`; one that another process is writing is let alone, and a further one is made.

    Attributes:
        path: The cassette.
        file: The journal's own file, once there is one.
    """

    def __init__(
        self, path: Path, *, check: Callable[[bytes], None] = lambda data: None, disk: Disk = REAL_DISK
    ) -> None:
        self.path = path
        self._check = check
        self.file: Path | None = None
        self._disk = disk
        self._descriptor: int | None = None

    def append(self, interaction: Stored) -> None:
        """Write an interaction; when this returns, it survives the process and the machine.

        Raises:
            CassetteError: It could not be written.
        """
        try:
            line = _line(interaction)
            self._check(line)
            descriptor = self._opened()
            write_all(self._disk, descriptor, line)
            self._disk.sync(descriptor)
        except OSError as error:
            raise self._unwritable(error) from error

    def rewrite(self, interactions: Iterable[Stored]) -> None:
        """Replace all that the journal holds, at once: a secret was learnt after it was written.

        Raises:
            CassetteError: It could not be written; the old journal stands.
        """
        data = b"".join(map(_line, interactions))
        self._check(data)
        try:
            self._opened()
            assert self.file is not None, "an open journal has a file"
            write_atomic(self.file, data, mode=_MODE, disk=self._disk)
            self._close()
            self._opened()
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Close the file and leave it: the next run recovers it."""
        self._close()

    def discard(self) -> None:
        """Remove the journal: the cassette is written."""
        file, self.file = self.file, None
        if os.name == "nt":
            self._close()
        try:
            if file is not None:
                with suppress(FileNotFoundError):
                    self._disk.remove(file)
        finally:
            self._close()

    def _opened(self) -> int:
        if self._descriptor is not None:
            return self._descriptor
        self._disk.make_folders(self.path.parent)
        for file in [self.file] if self.file is not None else _names(self.path):
            descriptor = self._disk.open_append(file, _MODE)
            if try_lock(descriptor) and is_current(descriptor, file):
                break
            self._disk.close(descriptor)
        else:
            raise OSError(None, f"{_MOST} journals are in use")
        self._descriptor, self.file = descriptor, file
        # A line that a crash has cut must not swallow the next one.
        if os.fstat(descriptor).st_size:
            write_all(self._disk, descriptor, b"\n")
        else:
            self._disk.sync_folder(file.parent)
        return descriptor

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # Each line was synced when it was written: a failing close loses nothing.
            with suppress(OSError):
                self._disk.close(descriptor)

    def _unwritable(self, error: OSError) -> CassetteError:
        found = f"its journal could not be written: {reason_of(error)}"
        return CassetteError(str(self.path), found, "See that its folder can be written to and is not full.")


def recover(path: Path) -> tuple[Interaction, ...]:
    """Read what journals beside a cassette hold that nobody is writing any more.

    Returns:
        In order; whole lines only. What a crash has cut was never promised. Empty if there is no journal.

    Raises:
        CassetteError: A journal is there but cannot be read.
    """
    return tuple(interaction for file in _left_behind(path) for interaction in _interactions_in(file, path))


def discard_recovered(path: Path) -> None:
    """Remove the journals that `recover` reads, and temporary files of this cassette: it is written."""
    for file in [*_left_behind(path), *path.parent.glob(f".{_escaped(path.name[:80])}.*.llmreplay-tmp")]:
        with suppress(FileNotFoundError):
            file.unlink()


def _names(path: Path) -> Iterator[Path]:
    yield path.with_name(path.name + _SUFFIX)
    for number in range(2, _MOST):
        yield path.with_name(f"{path.name}.{number}{_SUFFIX}")


def _left_behind(path: Path) -> list[Path]:
    first = next(_names(path)).name
    further = (name for name in _journals_in(path.parent) if name.startswith(f"{path.name}.") and name != first)
    names = [first] * os.path.lexists(path.with_name(first)) + sorted(further)
    return [file for file in map(path.with_name, names) if not _is_in_use(file, path)]


def _journals_in(folder: Path) -> Sequence[str]:
    """Name the journals of a folder, which may hold thousands of cassettes; most tests find it as the last one did."""
    try:
        changed_ns = folder.stat().st_mtime_ns
        listed_ns, journals = _LISTED.get(folder, (-1, ()))
        if changed_ns == listed_ns:
            return journals
        with os.scandir(folder) as files:
            journals = tuple(file.name for file in files if file.name.endswith(_SUFFIX))
    except OSError:
        return ()
    # What changed just now may change again without a file system's clock telling it.
    if time.time_ns() - changed_ns > _SETTLED_NS:
        _LISTED[folder] = changed_ns, journals
    return journals


def _escaped(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def _is_in_use(file: Path, path: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return True
    except OSError as error:
        raise _unreadable(file, path, reason_of(error)) from error
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


def _interactions_in(file: Path, path: Path) -> list[Interaction]:
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise _unreadable(file, path, reason_of(error)) from error
    found = []
    for number, line in enumerate(lines, 1):
        checksum, _, data = line.partition(b" ")
        if data and checksum == _checksum(data):
            try:
                found.append(interaction_from(_wire_from.decode(data)))
            except ValueError as error:
                raise _unreadable(file, path, f"line {number}: {error}") from error
    return found


def _line(interaction: Stored) -> bytes:
    data = msgspec.json.encode(wire_interaction(interaction, is_plain=True))
    return _checksum(data) + b" " + data + b"\n"


def _checksum(data: bytes) -> bytes:
    return f"{zlib.crc32(data):08x}".encode()


def _unreadable(file: Path, path: Path, reason: str) -> CassetteError:
    found = f"its journal {file.name} cannot be read: {reason}"
    return CassetteError(str(path), found, "See that it can be read, or remove it if you can do without it.")
