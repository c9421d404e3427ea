"""Cassette files: one way to read them, one way to write them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from llmreplay.core.cassette import Stored
from llmreplay.core.errors import CassetteError
from llmreplay.storage.codec import StoredInteraction, as_stored, decode, decode_as_written, encode, summary_kept
from llmreplay.storage.diagnosis import RESTORE
from llmreplay.storage.disk import REAL_DISK, Disk, write_all
from llmreplay.storage.wire import FORMAT, PARTIAL_FORMAT

_PIECE_BYTES = 1 << 20
_KEPT = "What it held before is untouched; what was recorded is in the journal beside it, for the next run."


def load(path: Path, *, folder: Path | None = None) -> tuple[StoredInteraction, ...] | None:
    """Read a cassette file.

    Args:
        path: The file.
        folder: A symbolic link may not lead out of it; by default the folder of the file.

    Returns:
        None only if nothing is there.

    Raises:
        CassetteError: It cannot be read, or anything in it is wrong.
    """
    return _load(path, folder, FORMAT)


def check_writable(path: Path) -> None:
    """Find out, before anything is asked of a provider, whether a cassette can be written; its folder may be missing.

    Raises:
        CassetteError: It cannot.
    """
    folder = next((one for one in path.absolute().parents if one.exists()), None)
    if folder is not None and not os.access(folder, os.W_OK):
        what = f"cannot be recorded: the folder {folder} cannot be written to"
        raise CassetteError(str(path), what, "Nothing was sent. Give another folder: --llmreplay-cassette-dir=DIR.")


def save(
    path: Path,
    interactions: Iterable[Stored],
    summarise: Callable[[Stored], str] = summary_kept,
    *,
    check: Callable[[bytes], None] = lambda data: None,
    folder: Path | None = None,
    disk: Disk = REAL_DISK,
) -> None:
    """Write a cassette file, whole or not at all.

    Args:
        path: The file; its folders are made.
        interactions: All of them, in order.
        summarise: Gives the line with which an interaction begins.
        check: Raises where the bytes must not be written.
        folder: A symbolic link may not lead out of it; by default the folder of the file.
        disk: The files.

    Raises:
        CassetteError: It was not written: an earlier file still stands as it was.
    """
    held = tuple(interactions)
    data = encode(held, summarise=summarise)
    check(data)
    _check_reads_back(held, data, str(path))
    write_atomic(_target(path, folder), data, disk=disk)


def merge(old: Sequence[Stored], new: Sequence[Stored]) -> tuple[Stored, ...]:
    """Join what a shared cassette holds by now with what this process recorded: others' first, all kept."""
    return (*old, *new)


def not_yet_held(recovered: Sequence[Stored], held: Sequence[Stored]) -> tuple[Stored, ...]:
    """Leave out what a cassette already has of a journal: the process died between saving and clearing it."""
    rest = [as_stored(stored) for stored in held]
    missing: list[Stored] = []
    for stored in recovered:
        try:
            rest.remove(as_stored(stored))
        except ValueError:
            missing.append(stored)
    return tuple(missing)


def partial_path(path: Path) -> Path:
    """Name the file that keeps what a broken-off recording of a cassette brought."""
    return path.with_name(path.name + ".llmreplay-partial")


def save_partial(
    path: Path,
    interactions: Iterable[Stored],
    summarise: Callable[[Stored], str] = summary_kept,
    *,
    check: Callable[[bytes], None] = lambda data: None,
    disk: Disk = REAL_DISK,
) -> Path:
    """Keep what a failed or interrupted recording brought, in a file that is never replayed; give its path.

    Raises:
        CassetteError: It was not written.
    """
    aside = partial_path(path)
    data = encode(interactions, summarise=summarise, file_format=PARTIAL_FORMAT)
    check(data)
    write_atomic(aside, data, disk=disk)
    return aside


def load_partial(path: Path) -> tuple[StoredInteraction, ...] | None:
    """Read what `save_partial` kept of a cassette; None only if nothing is there.

    Raises:
        CassetteError: Anything in it is wrong.
    """
    return _load(partial_path(path), None, PARTIAL_FORMAT)


def write_atomic(path: Path, data: bytes, *, mode: int = 0o666, disk: Disk = REAL_DISK) -> None:
    """Put bytes into a file: the old content stands until the new one is on the medium and read back.

    Raises:
        CassetteError: They were not written.
    """
    temporary = path.with_name(f".{path.name[:80]}.{token_hex(8)}.llmreplay-tmp")
    try:
        disk.make_folders(path.parent)
        try:
            _write_new(temporary, data, mode, disk)
            disk.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                disk.remove(temporary)
            raise
        disk.sync_folder(path.parent)
    except OSError as error:
        raise CassetteError(str(path), f"could not be written: {reason_of(error)}", _KEPT) from error


def reason_of(error: OSError) -> str:
    """Say why the system refused, without the path, which the message has already."""
    return error.strerror or str(error)


def _write_new(path: Path, data: bytes, mode: int, disk: Disk) -> None:
    descriptor = disk.create(path, mode)
    try:
        write_all(disk, descriptor, data)
        disk.sync(descriptor)
        view = memoryview(data)
        position = 0
        while piece := disk.read_at(descriptor, position, _PIECE_BYTES):
            if view[position : position + len(piece)] != piece:
                raise OSError(None, "what was read back is not what was written")
            position += len(piece)
        if position != len(data):
            raise OSError(None, f"{position} bytes were read back of {len(data)} written")
    finally:
        disk.close(descriptor)


def _load(path: Path, folder: Path | None, file_format: str) -> tuple[StoredInteraction, ...] | None:
    try:
        if not _is_there(path):
            return None
        target = _target(path, folder)
        if not stat.S_ISREG(target.stat().st_mode):
            found = "it is a folder" if target.is_dir() else "it is no regular file"
            raise CassetteError(str(path), found, "Move it away; a cassette is a file.")
        with target.open("rb", buffering=0) as file:
            stored = decode_as_written(file, str(path), file_format=file_format)
        data = b"" if stored is not None else target.read_bytes()
    except OSError as error:
        remedy = "See that the file and its folders can be read."
        raise CassetteError(str(path), f"cannot be read: {reason_of(error)}", remedy) from error
    return decode(data, str(path), file_format=file_format) if stored is None else stored


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def _target(path: Path, folder: Path | None) -> Path:
    """Follow symbolic links, which may not leave the folder."""
    if not path.is_symlink() and folder is None:
        return path
    home = os.path.realpath(path.parent if folder is None else folder)
    target = os.path.realpath(path)
    if os.path.commonpath([home, target]) != home:
        remedy = "Remove the link, or put the cassette itself there."
        raise CassetteError(str(path), f"it is a symbolic link out of {home}", remedy)
    return Path(target)


def _check_reads_back(interactions: Sequence[Stored], data: bytes, path: str) -> None:
    """Refuse to write what would not be read as what it is."""
    read = decode(data, path)
    for number, (given, got) in enumerate(zip(interactions, read, strict=True)):
        if as_stored(given) != got:
            remedy = f"This is a mistake in llmreplay: please report it. {_KEPT} {RESTORE}"
            raise CassetteError(path, "it would not read back as it is", remedy, f"$.interactions[{number}]")
