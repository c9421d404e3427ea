"""The recorder: decides, for every request, where its answer comes from; and keeps what came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from threading import RLock

from llmreplay.core.addresses import Address, Addresses
from llmreplay.core.asked import Asked
from llmreplay.core.attempt import NOBODY, Attempt, Origin, Source
from llmreplay.core.budget import overspending
from llmreplay.core.call_log import CallLog
from llmreplay.core.calls import Calls
from llmreplay.core.cassette import Cassette, Stored, Track
from llmreplay.core.errors import MissingKey, ReadPastEnd, Refusal, ReplyProblem, SettingProblem, WaitsPastEnd
from llmreplay.core.faulting import Faulting, Hit
from llmreplay.core.matching import Rules, fingerprint
from llmreplay.core.model import End, Interaction, Outcome, Reply, Request, Response
from llmreplay.core.plan import PASS_THROUGH, Answered, Plan, Send
from llmreplay.core.reading import as_ended
from llmreplay.core.recording import Recording
from llmreplay.core.settings import Mode, Settings
from llmreplay.core.stubbing import Stub, Stubs
from llmreplay.core.surroundings import NO_TIMEOUTS, Redaction, Surroundings, Timeouts
from llmreplay.core.traffic import OFFLINE_CREDENTIAL, OFFLINE_SIDE_TRAFFIC, Catalogue, Traffic
from llmreplay.core.verdicts import Verdicts, request_line


class Recorder:
    """One cassette in use: plans requests, records outcomes, and verifies at the end.

    Attributes:
        records: Whether a request without a recording is sent and recorded.
        is_offline: Whether nothing may leave.
        tracks: What the cassette held at the start, with what was played of it.
        recording: What is recorded in this run.
    """

    def __init__(
        self,
        interactions: Sequence[Stored] | None,
        *,
        name: str,
        settings: Settings,
        rules: Rules,
        catalogue: Catalogue,
        redaction: Redaction,
        surroundings: Surroundings,
        faulting: Faulting | None = None,
        addresses: Addresses | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.refusals: list[Refusal] = []
        self.phase = "call"
        self.records = settings.records(is_there=interactions is not None)
        self.is_offline = not self.records and settings.mode is not Mode.LIVE
        self._rules = rules
        self._catalogue = catalogue
        self._addresses = addresses or Addresses(catalogue, settings)
        self._redaction = redaction
        self._outside = surroundings
        self._lock = RLock()
        self.recording = Recording(redaction, surroundings)
        self._log = CallLog(surroundings.price_of)
        self.faulting = faulting or Faulting()
        self.stubs = Stubs()

        def fingerprint_of(recorded: Request) -> str:
            return fingerprint(redaction.request(recorded), rules)

        self._cassette = Cassette(
            (interactions or ()) if settings.mode not in (Mode.LIVE, Mode.REWRITE) else (),
            fingerprint_of=fingerprint_of,
            allow_repeats=settings.allow_repeats,
        )
        self.tracks: Sequence[Track] = self._cassette.tracks
        self._verdicts = Verdicts(
            name=name,
            exists=interactions is not None,
            tracks=self.tracks,
            rules=rules,
            fingerprint_of=fingerprint_of,
            explain=surroundings.explain,
            remedy=surroundings.remedy,
        )

    @property
    def calls(self) -> Calls:
        """The call log."""
        with self._lock:
            return self._log.calls

    @property
    def recorded(self) -> list[Interaction]:
        """What was recorded in this run, in the order the requests were made."""
        return self.recording.interactions

    def is_retrying(self) -> bool:
        """Say whether a call has failed and is not answered yet."""
        with self._lock:
            return self._log.is_retrying()

    def waits_for_provider(self) -> bool:
        """Say whether a provider itself was reached and failed, so that a wait before the next try must be real."""
        with self._lock:
            return self._log.last_failed_source() in (Source.RECORDED, Source.LIVE)

    def slept(self, origin_key: int, asked_s: float) -> None:
        """Note a sleep of a thread or task."""
        with self._lock:
            self._log.slept(origin_key, asked_s)

    def plan(self, request: Request, *, origin: Origin = NOBODY, timeouts: Timeouts = NO_TIMEOUTS) -> Plan:
        """Decide what is done with a request.

        Args:
            request: As the client sent it, its body decoded.
            origin: The thread or task that made it.
            timeouts: How long the client waits.

        Raises:
            Refusal: It will not be answered; or what `as_raised` makes of that.
        """
        address = self._addresses.of(request)
        if address.url != request.url:
            request = replace(request, url=address.url)
        traffic, api = address.kind or self._addresses.kind_of(request, address)
        if traffic is not Traffic.RECORDED:
            return self._beside(traffic)
        with self._lock:
            self._redaction.learn_from_request(request)
            attempt = Attempt(
                asked=Asked(request, rules=self._rules, redacted=self._redaction.request),
                api=api,
                started_s=self._outside.now(),
                read_timeout_s=timeouts.read_s,
                connect_timeout_s=timeouts.connect_s,
                origin=origin,
            )
            try:
                self._log.begin(attempt)
                return self._decide(request, address, attempt)
            except (SettingProblem, ReplyProblem) as problem:
                attempt.asked = attempt.asked.told()
                raise self._refused(attempt, problem) from problem.__cause__

    def _beside(self, traffic: Traffic) -> Plan:
        if traffic is Traffic.PASSED or not self.is_offline:
            return PASS_THROUGH
        return Answered(OFFLINE_SIDE_TRAFFIC if traffic is Traffic.SIDE else OFFLINE_CREDENTIAL)

    def _decide(self, request: Request, address: Address, attempt: Attempt) -> Plan:
        hits = self.faulting.hitting(request, attempt, self._outside.time)
        stub = self.stubs.take(request, attempt.api)
        if stub is not None:
            return self._stubbed(hits, request, attempt, stub)
        track = self._cassette.take_next(attempt.asked.is_verbatim) or self._cassette.take(attempt.fingerprint)
        if track is not None:
            return self._replayed(hits, attempt, track)
        replaced = self.faulting.replaced(hits, attempt)
        if replaced is not None:
            attempt.outcome = replaced
            return Answered(replaced, attempt, self.settings.speed)
        if self.is_offline:
            stub = self.stubs.for_unrecorded(attempt.api)
            if stub is not None:
                return self._stubbed(hits, request, attempt, stub)
            cannot = self.faulting.cannot_apply(hits)
            raise self._refused(attempt, cannot or self._verdicts.unmatched(attempt, self.stubs.told()))
        attempt.source = Source.LIVE if self.settings.mode is Mode.LIVE else Source.RECORDED
        self._refuse_placeholder(request, attempt, address)
        self.recording.begin(attempt)
        return Send(attempt, address.local_url, partial(self._changed, hits, attempt) if hits else None)

    def _refused(self, attempt: Attempt, refusal: Refusal) -> BaseException:
        attempt.source, attempt.ended_s = Source.REFUSED, attempt.started_s
        return self.refuse(refusal)

    def _replayed(self, hits: Sequence[Hit], attempt: Attempt, track: Track) -> Answered:
        recorded, outcome = track.interaction, track.interaction.outcome
        attempt.recorded_at = recorded.recorded_at
        if hits:
            give_back = self._cassette.give_back
            return self._faulted(hits, attempt, outcome, lambda: give_back(attempt.fingerprint, track))
        attempt.gets(recorded, outcome)
        return Answered(outcome, attempt, self.settings.speed)

    def _stubbed(self, hits: Sequence[Hit], request: Request, attempt: Attempt, stub: Stub) -> Answered:
        attempt.source = Source.STUB
        self._redaction.learn_from_body(request)
        return self._faulted(hits, attempt, stub.response(request, attempt.api), partial(self.stubs.give_back, stub))

    def _faulted(
        self, hits: Sequence[Hit], attempt: Attempt, outcome: Outcome, leave: Callable[[], object] | None
    ) -> Answered:
        if hits:
            outcome = self.faulting.applied(hits, outcome, attempt)
            attempt.leave = leave
            if attempt.would_fail_with(outcome):
                attempt.leave_answer()
        attempt.outcome = outcome
        return Answered(outcome, attempt, self.settings.speed)

    def _changed(self, hits: Sequence[Hit], attempt: Attempt, received: Outcome) -> Answered:
        with self._lock:
            attempt.ended_s = None
            # Recorded once: on replay, too, an answer that a fault broke is there for the next try.
            is_kept = attempt.source is Source.RECORDED and not attempt.would_fail_with(received)
            recorded = Interaction(attempt.request, received)
            leave = partial(self._cassette.leave, attempt.fingerprint, recorded) if is_kept else None
            return self._faulted(hits, attempt, received, leave)

    def _refuse_placeholder(self, request: Request, attempt: Attempt, address: Address) -> None:
        placeholders = () if address.is_local else self._catalogue.placeholders_in(request)
        if placeholders:
            raise self._refused(attempt, MissingKey(request_line(attempt), placeholders))

    def answer_all(self, otherwise: Reply) -> None:
        """Answer whatever is asked from now on: recordings over and over, and with this what is on none."""
        with self._lock:
            self._cassette, self.stubs.otherwise = self._cassette.again(), otherwise

    # Recording

    def record(self, attempt: Attempt, outcome: Outcome) -> None:
        """Keep what was received for an attempt that was sent; call it once, when it has ended.

        Raises:
            Refusal: It cannot be redacted, and so not be kept.
        """
        try:
            self._record(attempt, outcome)
        except SettingProblem as problem:
            raise self._refused(attempt, problem) from problem.__cause__

    def _record(self, attempt: Attempt, outcome: Outcome) -> None:
        with self._lock:
            if isinstance(outcome, Response):
                self._redaction.learn_from_response(outcome)
            outcome = as_ended(attempt.api, self._redaction.outcome(outcome))
            attempt.received(outcome, self._outside.now())
        if attempt.source is Source.RECORDED:
            self.recording.add(attempt, Interaction(attempt.request, outcome, self._outside.utc_now(), self.phase))

    def failed(self, attempt: Attempt) -> None:
        """Note that the client got the failure it was to get."""
        attempt.failed(self._outside.now())

    def first_byte(self, attempt: Attempt) -> None:
        """Note that the first chunk was handed to the client."""
        attempt.first_byte_s = self._outside.now()

    def delivered(self, attempt: Attempt, chunks: int, end: End) -> None:
        """Note that the client is done with a replayed response after so many chunks.

        Raises:
            Refusal: The client wants more than was recorded before the recorded client closed the stream.
        """
        attempt.delivered(chunks, end, self._outside.now())
        if attempt.leave is not None and attempt.fell_short:
            with self._lock:
                attempt.leave_answer()

    def read_past_end(self, attempt: Attempt, chunks: int) -> BaseException:
        """Refuse to say what comes after the point where the recorded client closed the stream."""
        attempt.delivered(chunks, End.CLIENT_CLOSED, self._outside.now())
        attempt.is_put_down = False
        return self.refuse(ReadPastEnd(request_line(attempt), chunks, self._outside.remedy.rerun_in("rewrite")))

    def waits_past_end(self, attempt: Attempt, after_s: float) -> BaseException:
        """Refuse to say what would have come, had the recorded client not given up after so many seconds."""
        return self.refuse(WaitsPastEnd(request_line(attempt), after_s, self._outside.remedy.rerun_in("rewrite")))

    # Refusing and verifying

    def refuse(self, refusal: Refusal) -> BaseException:
        """Note a refusal, so that it cannot be lost, and give the exception to raise."""
        self.refusals.append(refusal)
        return self._outside.as_raised(refusal)

    def problems(self) -> list[tuple[str, Refusal]]:
        """Give what is wrong at the end of a test: pairs of the setting that rules it, if any, and the refusal."""
        found: list[tuple[str, Refusal | None]] = [("on_unmatched", refusal) for refusal in self.refusals]
        # A call that a fault ended for good led the application elsewhere: what it would have asked is unknown.
        # Reading all answers is left to those who need them.
        on_purpose = self._outside.remedy.setting
        calls = self.calls if self.faulting.is_in_use or self.settings.has_budget else Calls()
        is_led_astray = any(call.last.faults and call.last.fell_short for call in calls)
        if not is_led_astray:
            left = self._cassette.unplayed() if self.is_offline else ()
            found.append(("on_unplayed", self._verdicts.unplayed(left, self._catalogue.apis)))
            found.append(("on_unplayed", self.stubs.problem(on_purpose('on_unplayed="ignore"'))))
        found.append(("on_unfired", self.faulting.problem(on_purpose('on_unfired="ignore"'))))
        found.append(("", overspending(calls, self.settings)))
        return [(setting, refusal) for setting, refusal in found if refusal is not None]
