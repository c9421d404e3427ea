"""Test runs that are there for whoever asks, kept where it costs nothing: this imports only the standard library."""

from __future__ import annotations

from collections.abc import Callable

STARTERS: list[Callable[[], object]] = []
"""Each begins our part of a test run, if it has not begun; the innermost run is the last."""
