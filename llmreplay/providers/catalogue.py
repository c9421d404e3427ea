"""All providers, and what follows from them together.

To add one: a file with a `PROVIDER`, and a line here; `tests/providers/test_contract.py` tells what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from llmreplay.core.api import Api, Provider
from llmreplay.core.traffic import Catalogue
from llmreplay.providers import (
    anthropic,
    bedrock,
    cohere,
    gemini,
    ollama,
    openai,
    openai_compatible,
    other_traffic,
    vertex,
    voyage,
)

PROVIDERS: tuple[Provider, ...] = (
    anthropic.PROVIDER,
    openai.PROVIDER,
    gemini.PROVIDER,
    vertex.PROVIDER,
    bedrock.PROVIDER,
    cohere.PROVIDER,
    ollama.PROVIDER,
    voyage.PROVIDER,
    *openai_compatible.PROVIDERS,
)
"""Those with the most endpoints of their own first: on a stand-in's host the first that fits wins."""

APIS: tuple[Api, ...] = tuple(api for provider in PROVIDERS for api in provider.apis)


def _all(of: Callable[[Provider], Iterable[str]], more: Iterable[str] = ()) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*(name for provider in PROVIDERS for name in of(provider)), *more]))


KEY_VARIABLES: tuple[tuple[str, str], ...] = tuple(
    dict.fromkeys(pair for provider in PROVIDERS for pair in provider.key_variables)
)
"""Environment variables that hold a key, each with a placeholder that its SDK accepts."""

HOSTS: tuple[str, ...] = _all(lambda provider: provider.hosts)
"""Patterns of all host names of providers."""

FEATURE_HEADERS: tuple[str, ...] = _all(lambda provider: provider.feature_headers)
"""Request headers that change the answer, in lower case."""

SIDE_PATHS: tuple[str, ...] = _all(lambda provider: provider.side_paths, other_traffic.SIDE_PATHS)
"""`host/path` patterns of traffic that is no LLM call."""

CREDENTIAL_PATHS: tuple[str, ...] = _all(lambda provider: provider.credential_paths, other_traffic.CREDENTIAL_PATHS)
"""`host/path` patterns of token endpoints."""

SECRET_HEADERS: tuple[str, ...] = _all(lambda provider: provider.secret_headers, other_traffic.SECRET_HEADERS)
"""Headers of requests or responses that carry a secret or an account's identity, in lower case."""

CATALOGUE = Catalogue(
    providers=PROVIDERS,
    apis=APIS,
    feature_headers=FEATURE_HEADERS,
    side_paths=SIDE_PATHS,
    credential_paths=CREDENTIAL_PATHS,
    key_variables=KEY_VARIABLES,
    hosts=HOSTS,
)
"""All of it, as the recorder takes it."""
