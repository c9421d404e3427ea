"""Who asked for a connection: the library and the line of the user's code, read from the stack."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_WEBSOCKET_LIBRARIES = frozenset(("websockets", "websocket", "wsproto", "httpx_ws", "simple_websocket", "picows"))
_WEBSOCKET_CALLS = frozenset(("ws_connect", "_ws_connect", "websocket", "aconnect_ws", "connect_ws"))
_HTTP_LIBRARIES = (
    frozenset(
        (
            "aiohttp",
            "asks",
            "botocore",
            "httpcore",
            "httpcore2",
            "httplib2",
            "httpx",
            "httpx2",
            "niquests",
            "requests",
            "tornado",
            "treq",
            "urllib3",
        )
    )
    | _WEBSOCKET_LIBRARIES
)
_STANDARD_HTTP = ("http.client", "urllib.request", "xmlrpc.client")
_STANDARD_OTHER = ("asyncio", "smtplib", "ftplib", "imaplib", "poplib", "socketserver", "logging", "multiprocessing")
_EVENT_LOOPS = frozenset(("anyio", "trio", "sniffio", "aiohappyeyeballs", "uvloop", "gevent"))
_STANDARD_FOLDERS = tuple(
    {str(Path(sysconfig.get_path(name)).resolve()) + os.sep for name in ("stdlib", "platstdlib")}
    | {sysconfig.get_path("stdlib") + os.sep, str(Path(os.__file__).parent) + os.sep}
)
_OUR_FOLDER = str(Path(__file__).parents[1]) + os.sep


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked for a connection.

    Attributes:
        library: The HTTP library nearest to the caller; without one, the innermost package, else `socket`.
        call_site: `tests/test_agent.py:12 in test_weather`.
        is_http: Whether an HTTP or WebSocket library asked.
        is_websocket: Whether a WebSocket was asked for.
        is_users: Whether the call site is the user's own code.
        is_here: Whether the call site is on the stack of the thread that asked, not in a task that waits for it.
    """

    library: str
    call_site: str
    is_http: bool
    is_websocket: bool
    is_users: bool
    is_here: bool = True


def outward(frame: FrameType | None) -> Iterator[FrameType]:
    """Give a frame and its callers, innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def is_users_frame(frame: FrameType) -> bool:
    """Say whether a frame is the user's own: outside the standard library, site-packages and this package."""
    return _is_users_file(frame.f_code.co_filename)


def module_of(frame: FrameType) -> str:
    """Name the module that a frame runs in."""
    name = frame.f_globals.get("__name__")
    return name if isinstance(name, str) else ""


def top_package(frame: FrameType) -> str:
    """Name the top-level package that a frame runs in."""
    return module_of(frame).partition(".")[0]


def origin_of(frames: Iterable[FrameType], root: str) -> Origin:
    """Tell who asked, from frames innermost first.

    Args:
        frames: Of the call, innermost first.
        root: The folder that paths are told relative to.
    """
    kept = [frame for frame in frames if not frame.f_code.co_filename.startswith(_OUR_FOLDER)]
    users = next((index for index, frame in enumerate(kept) if is_users_frame(frame)), None)
    within = kept if users is None else kept[:users]
    http = [name for frame in within if (name := _http_library(frame))]
    site = kept[users] if users is not None else _fallback_site(kept)
    return Origin(
        library=http[-1] if http else _other_library(within),
        call_site=_told(site, root) if site is not None else "no Python frame",
        is_http=bool(http),
        is_websocket=any(_opens_websocket(frame) for frame in within),
        is_users=users is not None,
    )


def _is_users_file(file: str) -> bool:
    if file.startswith(("<frozen ", _OUR_FOLDER)):
        return False
    if "site-packages" in file or "dist-packages" in file:
        return False
    return not file.startswith(_STANDARD_FOLDERS)


def _http_library(frame: FrameType) -> str | None:
    module = module_of(frame)
    if module in _STANDARD_HTTP:
        return module
    top = module.partition(".")[0]
    return top if top in _HTTP_LIBRARIES else None


def _other_library(frames: Sequence[FrameType]) -> str:
    third_party = [
        top_package(frame)
        for frame in frames
        if "-packages" in frame.f_code.co_filename and top_package(frame) not in ("pytest", "_pytest", "pluggy")
    ]
    standard = [top_package(frame) for frame in frames if top_package(frame) in _STANDARD_OTHER]
    nearest = [name for name in third_party if name not in _EVENT_LOOPS] or third_party or standard
    return nearest[0] if nearest else "socket"


def _opens_websocket(frame: FrameType) -> bool:
    if top_package(frame) in _WEBSOCKET_LIBRARIES:
        return True
    return frame.f_code.co_name in _WEBSOCKET_CALLS and _http_library(frame) is not None


def _fallback_site(frames: Sequence[FrameType]) -> FrameType | None:
    # An installed application calls from site-packages: better its line than a line of the library.
    packages = [frame for frame in frames if "-packages" in frame.f_code.co_filename]
    callers = [f for f in packages if _http_library(f) is None and top_package(f) not in _EVENT_LOOPS]
    if callers:
        return callers[0]
    if packages:
        return packages[-1]
    return frames[0] if frames else None


def _told(frame: FrameType, root: str) -> str:
    path = frame.f_code.co_filename.replace(os.sep, "/")
    folder = root.replace(os.sep, "/").rstrip("/") + "/"
    for mark in ("site-packages/", "dist-packages/"):
        if mark in path:
            path = path.rpartition(mark)[2]
    path = path.removeprefix(folder)
    return f"{path}:{frame.f_lineno} in {frame.f_code.co_name}"
