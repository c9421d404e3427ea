"""The catalogue of providers: one file a vendor, rows of `Api` with source and date."""

from __future__ import annotations

from llmreplay.providers.catalogue import (
    APIS,
    CATALOGUE,
    CREDENTIAL_PATHS,
    FEATURE_HEADERS,
    HOSTS,
    KEY_VARIABLES,
    PROVIDERS,
    SECRET_HEADERS,
    SIDE_PATHS,
)

__all__ = [
    "APIS",
    "CATALOGUE",
    "CREDENTIAL_PATHS",
    "FEATURE_HEADERS",
    "HOSTS",
    "KEY_VARIABLES",
    "PROVIDERS",
    "SECRET_HEADERS",
    "SIDE_PATHS",
]
