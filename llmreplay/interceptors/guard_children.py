"""Child processes: Python children start closed, and report what they refused.

`PYTHONPATH` leads a child to a `sitecustomize` of ours, which reads `LLMREPLAY_CHILD_GUARD` and then runs the
`sitecustomize` that it stands in front of. Not covered: programs that are not Python, Python started with `-S`, `-E`
or `-I`, with an `env=` that lacks the two variables, or older than 3.11, and a fork server that was started before.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from llmreplay.core.errors import LlmReplayError
from llmreplay.interceptors.guard_policy import BlockedConnection, GuardPolicy

VARIABLE = "LLMREPLAY_CHILD_GUARD"
SITE_FOLDER = str(Path(__file__).with_name("guard_site"))


class Report:
    """A file to which child processes add what they refused; it exists while the guard is open.

    Attributes:
        path: Empty if no temporary file can be made: children are closed then, but cannot tell.
    """

    def __init__(self, path: str = "") -> None:
        self.path = path
        self._read_bytes = 0

    @classmethod
    def created(cls) -> Report:
        """Make an empty report that only this user can read."""
        try:
            handle, path = tempfile.mkstemp(prefix="llmreplay-guard-", suffix=".jsonl")
        except OSError:
            return cls()
        os.close(handle)
        return cls(path)

    def add(self, blocked: BlockedConnection) -> None:
        """Note a refusal; nothing happens once the report was taken."""
        if not self.path:
            return
        line = json.dumps(asdict(blocked)).encode() + b"\n"
        # Without O_CREAT: a child that outlives its test must not leave a file behind.
        with contextlib.suppress(OSError):
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(handle, line)
            finally:
                os.close(handle)

    def take(self) -> tuple[BlockedConnection, ...]:
        """Read what was noted since the last time, in order, and delete the file."""
        found = self.fresh()
        path, self.path = self.path, ""
        if path:
            Path(path).unlink(missing_ok=True)
        return found

    def fresh(self) -> tuple[BlockedConnection, ...]:
        """Read what was noted since the last time, in order."""
        if not self.path:
            return ()
        path = Path(self.path)
        try:
            # Asking for its size is quicker than reading nothing, which is what nearly every test finds.
            if path.stat().st_size == self._read_bytes:
                return ()
            new = path.read_bytes()[self._read_bytes :]
        except OSError as error:
            self.path = ""
            raise LlmReplayError(
                f"{path}: what child processes tried to reach cannot be read: {error}\n"
                "  Keep the temporary folder in place while tests run."
            ) from error
        self._read_bytes += len(new)
        return tuple(BlockedConnection(**json.loads(line)) for line in new.splitlines())


def publish(guards: Iterable[tuple[GuardPolicy, Report]]) -> None:
    """Put the open guards into the environment of processes that start from now on; none takes them out."""
    entries = [{**_as_json(policy), "report": report.path} for policy, report in guards]
    if entries:
        os.environ[VARIABLE] = json.dumps(entries)
    else:
        os.environ.pop(VARIABLE, None)
    _lead_to_us(is_wanted=bool(entries))


def _as_json(policy: GuardPolicy) -> dict[str, object]:
    # Not `asdict`: it copies every host name, for every test.
    return {entry.name: getattr(policy, entry.name) for entry in fields(policy)}


def _lead_to_us(*, is_wanted: bool) -> None:
    before = os.environ.get("PYTHONPATH", "")
    folders = before.split(os.pathsep)
    if is_wanted == (SITE_FOLDER in folders):
        return
    if is_wanted:
        os.environ["PYTHONPATH"] = os.pathsep.join([SITE_FOLDER, before]) if before else SITE_FOLDER
        return
    # Empty entries mean the current folder: they are kept.
    folders.remove(SITE_FOLDER)
    if folders:
        os.environ["PYTHONPATH"] = os.pathsep.join(folders)
    else:
        del os.environ["PYTHONPATH"]


def inherited(text: str) -> Sequence[tuple[GuardPolicy, Report]]:
    """Read the guards that the parent process published.

    Raises:
        LlmReplayError: The text is not what `publish` writes.
    """
    try:
        return [_guard_from(entry) for entry in json.loads(text)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LlmReplayError(
            f"{VARIABLE}={text[:80]!r} cannot be read ({error!r}); it is set by llmreplay for child processes.\n"
            "  Unset it, or run parent and child with the same version."
        ) from error


def _guard_from(entry: dict[str, object]) -> tuple[GuardPolicy, Report]:
    label, strict, report = entry["label"], entry["strict"], entry["report"]
    if not (isinstance(label, str) and isinstance(strict, bool) and isinstance(report, str)):
        raise TypeError("label, strict or report")
    policy = GuardPolicy(
        label=label,
        strict=strict,
        allowed_hosts=tuple(map(str, _list(entry["allowed_hosts"]))),
        provider_hosts=tuple((str(pair[0]), str(pair[1])) for pair in map(_list, _list(entry["provider_hosts"]))),
        proxy_ports=tuple(int(str(port)) for port in _list(entry["proxy_ports"])),
    )
    return policy, Report(report)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value
