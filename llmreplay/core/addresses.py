"""What the address of a request says: whose endpoint it is, what kind of traffic, and where it leads."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from llmreplay.core.api import Api, identify
from llmreplay.core.model import Request
from llmreplay.core.settings import Settings
from llmreplay.core.traffic import Catalogue, Traffic, is_loopback, stand_in_api, traffic_to
from llmreplay.core.upstream import local_url, provider_url

_REMEMBERED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What is known of a request before its body is looked at.

    Attributes:
        url: As the provider would see it.
        local_url: Where to send instead; None for there.
        traffic: None where the body decides: this machine's own address may be a stand-in's.
        api: The row of the endpoint; None if no row names this address.
        is_loopback: Whether it is this machine's own.
        kind: What kind of traffic it is and whose endpoint, where that needs no look at the body; else None.
    """

    url: str
    local_url: str | None
    traffic: Traffic | None
    api: Api | None
    is_loopback: bool
    kind: tuple[Traffic, Api | None] | None

    @property
    def is_local(self) -> bool:
        """Whether what is sent there stays on this machine, for all that is known."""
        return self.is_loopback or self.local_url is not None


class Addresses:
    """Reads addresses; each once, for nearly all requests of a test go to the same few."""

    def __init__(self, catalogue: Catalogue, settings: Settings) -> None:
        self._catalogue = catalogue
        self._settings = settings
        self._known: dict[tuple[str, str], Address] = {}

    def of(self, request: Request) -> Address:
        """Read the address of a request."""
        key = request.method, request.url
        address = self._known.get(key)
        if address is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            address = self._known[key] = self._read(*key)
        return address

    def kind_of(self, request: Request, address: Address) -> tuple[Traffic, Api | None]:
        """Say what kind of traffic a request is, and whose endpoint it is for; looks at the body where it must."""
        if address.kind is not None:
            return address.kind
        api, traffic = address.api, address.traffic
        stand_in = stand_in_api(request, self._catalogue.apis)
        return traffic or (Traffic.RECORDED if stand_in else Traffic.PASSED), api or stand_in

    def _read(self, method: str, url: str) -> Address:
        settings, catalogue = self._settings, self._catalogue
        url = provider_url(url, settings.upstream)
        traffic = traffic_to(url, catalogue, hosts=settings.hosts, ignore_hosts=settings.ignore_hosts)
        api = identify(Request(method, url), catalogue.apis)
        is_local = is_loopback(urlsplit(url).hostname or "")
        # A gateway of one's own speaks a provider's protocol under a name that no row has.
        is_known = traffic is not None and (api is not None or traffic is not Traffic.RECORDED)
        return Address(
            url=url,
            local_url=local_url(url, settings.upstream),
            traffic=traffic,
            api=api,
            is_loopback=is_local,
            kind=(traffic, api) if traffic is not None and is_known else None,
        )
