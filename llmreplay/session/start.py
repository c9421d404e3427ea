"""`Start`: how a replay begins anew."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmreplay.core.faulting import AtRandom
from llmreplay.core.limits import Limits
from llmreplay.core.model import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a replay begins anew.

    Attributes:
        scenario: Faults to put to use: text or objects, as for the setting `faults`.
        limits: How far the application may go.
        otherwise: Answers what was never recorded; None refuses it.
        at_random: Gives faults for attempts that no other fault hits.
    """

    scenario: object = None
    limits: Limits = field(default_factory=Limits)
    otherwise: Reply | None = None
    at_random: AtRandom | None = None
