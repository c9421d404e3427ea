"""Finding the rows of apis by what a user calls them."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from llmreplay.core.api import Api
from llmreplay.core.errors import SettingError
from llmreplay.providers import APIS


def rows_named(api: Api | str) -> tuple[Api, ...]:
    """Find the rows that an api (`anthropic.messages`), a provider (`anthropic`) or a pattern (`*.chat`) means.

    Raises:
        SettingError: There is none.
    """
    if isinstance(api, Api):
        return (api,)
    found = tuple(row for row in APIS if row.provider == api or fnmatchcase(row.name, api))
    if not found:
        names = ", ".join(sorted({row.name for row in APIS}))
        raise SettingError(f"api={api!r}: no such api. Name a provider, a pattern, or one of: {names}.")
    return found


def take_comments(apis: Iterable[Api | str]) -> bool:
    """Say whether the clients of all of these apis pass over comments in a stream."""
    return all(row.takes_comments for api in apis for row in rows_named(api))


def send_pings(apis: Iterable[Api | str]) -> bool:
    """Say whether all of these apis, of which there is one at least, send `ping` events where they stream."""
    streaming = [row for api in apis for row in rows_named(api) if row.wire is not None]
    return bool(streaming) and all(row.sends_pings for row in streaming)
