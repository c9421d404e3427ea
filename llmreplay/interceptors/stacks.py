"""The HTTP stacks we serve: which modules to patch, now and when they are imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from threading import RLock
from types import MappingProxyType, ModuleType
from typing import TypeAlias

from llmreplay.interceptors import aiohttp_client, botocore_signing, httpx_family, urllib3_pool
from llmreplay.interceptors.patches import ImportWatch, Patches

Patcher: TypeAlias = Callable[[ModuleType, Patches], None]

_PATCHERS: Mapping[str, Patcher] = MappingProxyType(
    {
        **dict.fromkeys(httpx_family.MODULES, httpx_family.patch),
        **dict.fromkeys(aiohttp_client.MODULES, aiohttp_client.patch),
        **dict.fromkeys(urllib3_pool.MODULES, urllib3_pool.patch),
        **dict.fromkeys(botocore_signing.MODULES, botocore_signing.patch),
    }
)


class Stacks:
    """Patches every stack that is loaded, and those that are imported while a recorder is open."""

    def __init__(self) -> None:
        self._patches = Patches()
        self._watch = ImportWatch(tuple(_PATCHERS), self._patch)
        self._users = 0
        self._lock = RLock()

    def install(self) -> None:
        """Patch for one more user; what is patched already stays."""
        with self._lock:
            self._users += 1
            self._install()

    def _install(self) -> None:
        for name in _PATCHERS:
            if sys.modules.get(name) is not None:
                # Another thread may be importing it still: this waits until all its classes are there.
                self._patch(import_module(name), _PATCHERS[name])
        self._watch.start()

    def uninstall(self) -> None:
        """Take back every patch that is still ours when its last user has gone."""
        with self._lock:
            self._users -= 1
            if not self._users:
                self._watch.stop()
                self._patches.undo()

    def _patch(self, module: ModuleType, patcher: Patcher | None = None) -> None:
        with self._lock:
            (patcher or _PATCHERS[module.__name__])(module, self._patches)


STACKS = Stacks()
