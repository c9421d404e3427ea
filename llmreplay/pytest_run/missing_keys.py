"""Modules of tests that cannot be imported, because a client in them finds no key."""

from __future__ import annotations

import os
import re

import pytest

from llmreplay.providers.catalogue import CATALOGUE

_TO_REPLAY = (
    "To replay, placeholders will do:\n"
    "  LLMREPLAY_PLACEHOLDER_KEYS=session pytest     or, for good,     llmreplay_placeholder_keys = session\n"
    "  in the ini file. Only recording needs the key itself."
)
_A_KEY = re.compile(r"api[_ -]?key", re.IGNORECASE)


def advise_on_keys(report: pytest.CollectReport) -> None:
    """Add to the report of a module what lets its tests replay without a key, if a missing one is what it tells of."""
    said = report.longreprtext
    unset = [name for name, placeholder in CATALOGUE.key_variables if placeholder and not os.environ.get(name)]
    if not _A_KEY.search(said) or not unset:
        return
    missing = [name for name in unset if re.search(rf"\b{name}\b", said)]
    text = f"{', '.join(missing) or 'A key'} was not set when this module was imported."
    report.sections.append(("llmreplay: a client was made at import", f"{text} {_TO_REPLAY}"))


def advise_on_client(report: pytest.TestReport) -> None:
    """Add the same to the report of a test that asked nothing and failed for want of a key: some SDKs say so late."""
    crash = getattr(report.longrepr, "reprcrash", None)
    # What a test asserts is about keys by chance.
    if (
        crash is not None
        and _A_KEY.search(crash.message)
        and not crash.message.startswith(("AssertionError", "assert"))
    ):
        text = "A client that was made before this test found no key then, and placeholders were not set yet."
        report.sections.append(("llmreplay: a client found no key", f"{text} {_TO_REPLAY}"))
