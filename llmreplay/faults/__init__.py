"""Faults and their schedules: frozen values that change an outcome; one file a family."""

from __future__ import annotations

from llmreplay.core.fault import Fault, FaultCannotApply, FaultContext, Injection, Scenario
from llmreplay.faults.bodies import BadGzip, EmptyBody, HtmlBody, TruncatedJson, WrongContentType
from llmreplay.faults.catalogue import CATALOGUE
from llmreplay.faults.chunking import Pings, Rechunk
from llmreplay.faults.code import code_of
from llmreplay.faults.cuts import CutAfter, ErrorEvent
from llmreplay.faults.events import CorruptEvent, DropEvent, DuplicateEvent, SwapEvents
from llmreplay.faults.latency import Delay, SlowFirstToken, SlowStream, Stall
from llmreplay.faults.missing import MissingTerminalEvent, MissingUsage
from llmreplay.faults.scenario_text import scenario_from_text
from llmreplay.faults.scenario_writing import text_of
from llmreplay.faults.statuses import (
    BadRequest,
    ContextOverflow,
    Overloaded,
    RateLimited,
    ServerError,
    SpendCap,
    Status,
    Unauthorized,
    Unavailable,
)
from llmreplay.faults.transport import (
    ClosedAfterRequest,
    ConnectError,
    ConnectionReset,
    ConnectTimeout,
    ReadTimeout,
)

__all__ = [
    "CATALOGUE",
    "BadGzip",
    "BadRequest",
    "ClosedAfterRequest",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionReset",
    "ContextOverflow",
    "CorruptEvent",
    "CutAfter",
    "Delay",
    "DropEvent",
    "DuplicateEvent",
    "EmptyBody",
    "ErrorEvent",
    "Fault",
    "FaultCannotApply",
    "FaultContext",
    "HtmlBody",
    "Injection",
    "MissingTerminalEvent",
    "MissingUsage",
    "Overloaded",
    "Pings",
    "RateLimited",
    "ReadTimeout",
    "Rechunk",
    "Scenario",
    "ServerError",
    "SlowFirstToken",
    "SlowStream",
    "SpendCap",
    "Stall",
    "Status",
    "SwapEvents",
    "TruncatedJson",
    "Unauthorized",
    "Unavailable",
    "WrongContentType",
    "code_of",
    "scenario_from_text",
    "text_of",
]
