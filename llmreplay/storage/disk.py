"""The operations on files that storage needs, in one place so that a test can make each of them fail."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Protocol

# Absent on Windows, where nothing is translated either if `O_BINARY` is set.
_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_BINARY: int = getattr(os, "O_BINARY", 0)


class Disk(Protocol):
    """What storage asks of the operating system; every method raises `OSError` if it fails."""

    def make_folders(self, folder: Path) -> None:
        """Make a folder and those above it, as far as they are missing."""
        ...

    def create(self, path: Path, mode: int) -> int:
        """Create a file that must not exist; give its descriptor, for reading and writing."""
        ...

    def open_append(self, path: Path, mode: int) -> int:
        """Open a file for appending, creating it if need be."""
        ...

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write some of the bytes; say how many."""
        ...

    def read_at(self, descriptor: int, offset: int, size: int) -> bytes:
        """Read up to `size` bytes."""
        ...

    def sync(self, descriptor: int) -> None:
        """Wait until what was written is on the medium."""
        ...

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        ...

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file over another, at once."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Wait until the names in a folder are on the medium."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file."""
        ...


class RealDisk:
    """The operating system's files."""

    def make_folders(self, folder: Path) -> None:
        """Make a folder and those above it, as far as they are missing."""
        folder.mkdir(parents=True, exist_ok=True)

    def create(self, path: Path, mode: int) -> int:
        """Create a file that must not exist; give its descriptor, for reading and writing."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY, mode)

    def open_append(self, path: Path, mode: int) -> int:
        """Open a file for appending, creating it if need be; never through a symbolic link."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _NO_FOLLOW | _BINARY, mode)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write some of the bytes; say how many."""
        return os.write(descriptor, data)

    def read_at(self, descriptor: int, offset: int, size: int) -> bytes:
        """Read up to `size` bytes."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)

    def sync(self, descriptor: int) -> None:
        """Wait until what was written is on the medium."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file over another, at once."""
        source.replace(target)

    def sync_folder(self, folder: Path) -> None:
        """Wait until the names in a folder are on the medium, where the system can do that."""
        if os.name == "nt":
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some network file systems have no such thing as flushing a folder.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()


REAL_DISK = RealDisk()


def write_all(disk: Disk, descriptor: int, data: bytes) -> None:
    """Write every byte, however often the system has to be asked."""
    rest = memoryview(data)
    while rest:
        written = disk.write(descriptor, rest)
        if written <= 0:
            raise OSError(errno.EIO, "the system wrote nothing")
        rest = rest[written:]
