"""Finding the rows of apis by what a user calls them."""

from __future__ import annotations

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
