"""Which attempts a fault hits: `first`, `nth`, `every`, `after`, `always`, `chance`, each with `when=`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any, ClassVar, TypeAlias

from llmreplay.core.api import Api
from llmreplay.core.errors import SettingError
from llmreplay.core.model import Request
from llmreplay.core.user_functions import problem_in
from llmreplay.faults.checks import check_count

When: TypeAlias = str | Callable[[Request], bool]
"""An api (`anthropic.messages`), a provider (`anthropic`), a pattern (`*.embeddings`), or a predicate.

A pattern of respx, `M(json__model="gpt-4o")`, is taken too.
"""

Selector: TypeAlias = Callable[[Request, Api | None], bool]


@dataclass(frozen=True, slots=True, repr=False)
class ApiIs:
    """Selects the attempts at one api, at all of a provider, or at all whose name fits a pattern."""

    name: str

    def __call__(self, request: Request, api: Api | None) -> bool:
        """Say whether an attempt counts."""
        return api is not None and (api.provider == self.name or fnmatchcase(api.name, self.name))

    def __repr__(self) -> str:
        return repr(self.name)


@dataclass(frozen=True, slots=True, repr=False)
class RequestIs:
    """Selects the attempts whose request satisfies a predicate."""

    predicate: Callable[[Request], bool]

    def __call__(self, request: Request, api: Api | None) -> bool:
        """Say whether an attempt counts."""
        try:
            return bool(self.predicate(request))
        except Exception as error:
            raise problem_in("when", self.predicate, error) from error

    def __repr__(self) -> str:
        return str(getattr(self.predicate, "__qualname__", None) or repr(self.predicate))


@dataclass(frozen=True, slots=True, repr=False)
class PatternIs:
    """Selects the attempts whose request fits a pattern of respx; made callable where requests are at hand.

    Attributes:
        pattern: Has a method `match`.
    """

    pattern: Any

    def __call__(self, request: Request, api: Api | None) -> bool:
        """Refuse: a pattern reads requests of a library, which this file knows nothing of."""
        raise SettingError(f"when={self.pattern!r}: give such a pattern to inject(), or to the setting faults.")

    def __repr__(self) -> str:
        return repr(self.pattern)


def selector_from(owner: str, when: When | None) -> Selector | None:
    """Turn what the user wrote after `when=` into a selector of attempts.

    Raises:
        SettingError: It is neither a name nor callable.
    """
    if when is None or isinstance(when, (ApiIs, RequestIs, PatternIs)):
        return when
    if isinstance(when, str) and when.strip():
        return ApiIs(when)
    if callable(when):
        return RequestIs(when)
    if callable(getattr(when, "match", None)):
        return PatternIs(when)
    raise SettingError(
        f"{owner}(when={when!r}): when must be an api ('anthropic.messages'), a provider ('anthropic'), "
        "a pattern ('*.embeddings'), a pattern of respx or a function of the request."
    )


def _written(name: str, arguments: str, when: Selector | None) -> str:
    parts = [part for part in (arguments, "" if when is None else f"when={when!r}") if part]
    return f"{name}({', '.join(parts)})"


@dataclass(frozen=True, slots=True, repr=False)
class First:
    """Hits the first `n` attempts that `when` selects."""

    is_keyed: ClassVar[bool] = False
    n: int
    when: Selector | None = None

    def hits(self, occurrence: int, key: str) -> bool:
        """Say whether this attempt, counted from 1, is hit."""
        return occurrence <= self.n

    def __repr__(self) -> str:
        return _written("first", str(self.n), self.when)


@dataclass(frozen=True, slots=True, repr=False)
class Nth:
    """Hits the attempts with these numbers, counted from 1."""

    is_keyed: ClassVar[bool] = False
    numbers: tuple[int, ...]
    when: Selector | None = None

    def hits(self, occurrence: int, key: str) -> bool:
        """Say whether this attempt, counted from 1, is hit."""
        return occurrence in self.numbers

    def __repr__(self) -> str:
        return _written("nth", ", ".join(map(str, self.numbers)), self.when)


@dataclass(frozen=True, slots=True, repr=False)
class Every:
    """Hits every `n`-th attempt: `n`, `2n`, and so on."""

    is_keyed: ClassVar[bool] = False
    n: int
    when: Selector | None = None

    def hits(self, occurrence: int, key: str) -> bool:
        """Say whether this attempt, counted from 1, is hit."""
        return occurrence % self.n == 0

    def __repr__(self) -> str:
        return _written("every", str(self.n), self.when)


@dataclass(frozen=True, slots=True, repr=False)
class After:
    """Spares the first `n` attempts and hits all that follow."""

    is_keyed: ClassVar[bool] = False
    n: int
    when: Selector | None = None

    def hits(self, occurrence: int, key: str) -> bool:
        """Say whether this attempt, counted from 1, is hit."""
        return occurrence > self.n

    def __repr__(self) -> str:
        return _written("after", str(self.n), self.when)


@dataclass(frozen=True, slots=True, repr=False)
class Always:
    """Hits every attempt that `when` selects; called with `when=`, gives the one with that condition."""

    is_keyed: ClassVar[bool] = False
    when: Selector | None = None

    def __call__(self, *, when: When | None = None) -> Always:
        """Give the schedule that hits every attempt which `when` selects."""
        return Always(selector_from("always", when))

    def hits(self, occurrence: int, key: str) -> bool:
        """Say whether this attempt is hit: it is."""
        return True

    def __repr__(self) -> str:
        return "always" if self.when is None else _written("always", "", self.when)


@dataclass(frozen=True, slots=True, repr=False)
class Chance:
    """Hits an attempt with probability `p`, decided by a hash of `seed` and the attempt's key alone.

    The order of attempts, threads and processes does not change which are hit.
    """

    is_keyed: ClassVar[bool] = True
    p: float
    seed: int
    when: Selector | None = None

    def hits(self, occurrence: int, key: str) -> bool:
        """Say whether the attempt with this key is hit; the same answer in every process."""
        digest = sha256(f"{self.seed}\0{key}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") < self.p * 2**64

    def __repr__(self) -> str:
        return _written("chance", f"{self.p!r}, seed={self.seed}", self.when)


always = Always()


def first(n: int, *, when: When | None = None) -> First:
    """Hit the first `n` attempts that `when` selects.

    Raises:
        SettingError: `n` is below 1, or `when` is neither a name nor callable.
    """
    check_count("first", "n", n, at_least=1)
    return First(n, selector_from("first", when))


def nth(*numbers: int, when: When | None = None) -> Nth:
    """Hit the attempts with these numbers, counted from 1 among those that `when` selects.

    Raises:
        SettingError: No number, one below 1, or `when` is neither a name nor callable.
    """
    if not numbers:
        raise SettingError("nth(): name at least one attempt: nth(1), nth(2, 4).")
    for number in numbers:
        check_count("nth", "n", number, at_least=1)
    return Nth(tuple(sorted(set(numbers))), selector_from("nth", when))


def every(n: int, *, when: When | None = None) -> Every:
    """Hit every `n`-th attempt that `when` selects: `n`, `2n`, and so on.

    Raises:
        SettingError: `n` is below 1, or `when` is neither a name nor callable.
    """
    check_count("every", "n", n, at_least=1)
    return Every(n, selector_from("every", when))


def after(n: int, *, when: When | None = None) -> After:
    """Spare the first `n` attempts that `when` selects and hit all that follow.

    Raises:
        SettingError: `n` is below 0, or `when` is neither a name nor callable.
    """
    check_count("after", "n", n, at_least=0)
    return After(n, selector_from("after", when))


def chance(p: float, seed: int = 0, *, when: When | None = None) -> Chance:
    """Hit an attempt with probability `p`; the same `seed` hits the same attempts, whatever their order.

    Raises:
        SettingError: `p` is not within 0 and 1, `seed` is no whole number, or `when` is neither a name nor
            callable.
    """
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 <= p <= 1:
        raise SettingError(f"chance(p={p!r}): p must be a probability, from 0 to 1.")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise SettingError(f"chance(seed={seed!r}): seed must be a whole number.")
    return Chance(float(p), seed, selector_from("chance", when))
