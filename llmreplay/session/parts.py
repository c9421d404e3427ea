"""What a cassette in use is made of, from its settings."""

from __future__ import annotations

import os

from llmreplay.core.faulting import Faulting
from llmreplay.core.matching import Rules, rules_from
from llmreplay.core.redaction import Redactor
from llmreplay.core.settings import Settings
from llmreplay.providers import CATALOGUE, SECRET_HEADERS
from llmreplay.session.scenarios import described, scenario_of


def check(settings: Settings) -> None:
    """Hold settings to what only their use would show.

    Raises:
        SettingError: A path, a pattern, a normaliser or a scenario that cannot be read.
    """
    rules_for(settings)
    redactor_for(settings)
    faulting_for(settings, "")


def rules_for(settings: Settings) -> Rules:
    """Make the rules of matching."""
    return rules_from(
        settings.ignore, settings.normalize, apis=CATALOGUE.apis, feature_headers=CATALOGUE.feature_headers
    )


def redactor_for(settings: Settings) -> Redactor:
    """Make a redactor that knows the keys in the environment and the providers' secret headers."""
    return Redactor(
        (os.environ[name] for name, _ in CATALOGUE.key_variables if name in os.environ),
        redact=settings.redact,
        keep=settings.keep,
        allowed_request_headers=CATALOGUE.feature_headers,
        secret_headers=SECRET_HEADERS,
    )


def faulting_for(settings: Settings, label: str) -> Faulting:
    """Make the faults in use; `label` names the test."""
    faulting = Faulting(label=label, describe=described)
    faulting.inject(scenario_of(settings.faults).injections)
    return faulting
