"""What an answer says that it cost, where its provider says so.

Sources: https://openrouter.ai/docs/guides/administration/usage-accounting, https://docs.perplexity.ai/api-reference,
https://docs.x.ai/docs/api-reference, as known 2026-11-30; recorded answers of the three and of Vercel's gateway; in
xAI's the ticks agree with its price list (read 2026-11-30).
"""

from __future__ import annotations

from llmreplay.core.model import Json
from llmreplay.providers.json_fields import Fields, fields_of

_TICKS_PER_USD = 10_000_000_000


def cost_in(usage: Json) -> float | None:
    """Give the US dollars that a `usage` states; None if it states none, or not all of them.

    OpenRouter's `cost` is what it takes itself; with a key of one's own (`is_byok`) the vendor's bill comes on top.
    Perplexity's total includes what it takes for a search. xAI counts ticks.
    """
    fields = fields_of(usage)
    if "cost_in_usd_ticks" in fields:
        ticks = _amount(fields["cost_in_usd_ticks"])
        return None if ticks is None else ticks / _TICKS_PER_USD
    cost = fields.get("cost")
    if total := fields_of(cost):
        return _amount(total.get("total_cost"))
    return _with_own_key(_amount(cost), fields) if fields.get("is_byok") is True else _amount(cost)


def _with_own_key(cost: float | None, usage: Fields) -> float | None:
    billed = _amount(fields_of(usage.get("cost_details")).get("upstream_inference_cost"))
    return None if cost is None or billed is None else cost + billed


def _amount(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # NaN and infinity fail the comparison.
    return float(value) if 0 <= value < 2**63 else None
