"""botocore's clients that were made before a placeholder key was set.

Each request asks the environment whether there is a key of Bedrock's, and then wants the one that the client took along
when it was made: a client made at import, with credentials of its own, has none and raises `NoAuthTokenError`.

Source: botocore/handlers.py, `_should_prefer_bearer_auth`, and botocore/auth.py of botocore 1.44.8 (read 2026-11-30).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

from llmreplay.core.placeholders import is_placeholder
from llmreplay.interceptors.patches import Patches

MODULES = ("botocore.auth",)
_VARIABLE = "AWS_BEARER_TOKEN_BEDROCK"


def patch(auth: ModuleType, patches: Patches) -> None:
    """Let such a client send the placeholder; older versions know no keys of this kind."""
    if hasattr(auth, "BearerAuth"):
        patches.replace(auth.BearerAuth, "add_auth", _add_auth)


def _add_auth(original: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def add_auth(self: Any, request: Any) -> None:
        key = os.environ.get(_VARIABLE, "")
        if self.auth_token is None and key and is_placeholder(key):
            request.headers["Authorization"] = f"Bearer {key}"
        else:
            original(self, request)

    return add_auth
