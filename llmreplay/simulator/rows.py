"""Finds the row of an api for a request that was sent to a stand-in, whose host says nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from llmreplay.core.api import Api, identify_stand_in
from llmreplay.core.model import Json, Request
from llmreplay.providers import APIS


def row_for(request: Request, apis: Sequence[Api] | None = None) -> Api | None:
    """Find the api that a request means, by path and shape of its body; None if no row fits.

    Args:
        request: As it arrived; its host does not count.
        apis: In order of preference, for paths that several providers share; all that we know if None.
    """
    rows = APIS if apis is None else apis
    path = urlsplit(request.url).path
    builders = [api for api in rows if api.build_response is not None and api.method == request.method]
    same_path = (api for api in rows if api.method == request.method and api.path.fullmatch(path))
    return identify_stand_in(path, json_body(request), builders) or next(same_path, None)


def json_body(request: Request) -> Json:
    """Decode a request's body; None if it is no JSON."""
    try:
        body: Json = json.loads(request.body)
    except ValueError:
        return None
    return body
