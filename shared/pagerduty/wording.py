"""Says in words why PagerDuty was of no use: where it was asked, what it said, and the next step."""

from typing import Final

import httpx

from shared.pagerduty.replies import Reply
from shared.pagerduty.request import Request

EU_URL: Final = "https://api.eu.pagerduty.com"
US_URL: Final = "https://api.pagerduty.com"
URL_SETTING: Final = "OCEAN__INTEGRATION__CONFIG__API_URL"
TOKEN_SETTING: Final = "OCEAN__INTEGRATION__CONFIG__TOKEN"  # noqa: S105 - the name of a setting
STALL_SETTING: Final = "OCEAN__SYNC__STALL_TIMEOUT_S"


class Wording:
    """The messages about one address. What a reply quotes is still in them.

    Args:
        base_url: As it is set, without a slash at its end.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    @property
    def address(self) -> str:
        """Return the address without credentials or path."""
        try:
            url = httpx.URL(self._base_url)
        except httpx.InvalidURL:
            return "the configured address"
        return f"{url.scheme}://{url.netloc.decode('ascii')}"

    def no_contact(self, reply: Reply) -> str:
        """Return what to do when PagerDuty has never replied."""
        return (
            f"PagerDuty cannot be reached at {self.address}: {reply.detail}; check {URL_SETTING}, "
            "the network and its proxy"
        )

    def outage(self, request: Request, reply: Reply, stall_timeout_s: float) -> str:
        """Return what to do when nothing has gone through for too long.

        Args:
            request: What was asked last.
            reply: What came of it.
            stall_timeout_s: For so long.
        """
        return (
            f"PagerDuty at {self.address} let nothing through for {stall_timeout_s:.0f} "
            f"s, at last {request}: {reply.detail}{self._whose(reply)}; run it again later, or raise "
            f"{STALL_SETTING}"
        )

    def given_up(self, request: Request, reply: Reply, number: int) -> str:
        """Return what is said of a request that failed so often while others went through."""
        return f"{request}: failed {number} times, at last {reply.detail}{self._whose(reply)}"

    def refusal(self, request: Request, reply: Reply) -> str:
        """Return what to do about a refused token. Source: PagerDuty REST API, Authentication; regions."""
        other = US_URL if self._base_url.startswith(EU_URL) else EU_URL
        return (
            f"PagerDuty at {self.address} refuses the token ({request}: {reply.detail}); put a valid REST "
            f"API key into {TOKEN_SETTING}, or, if the account is in the other region, set "
            f"{URL_SETTING}={other}"
        )

    def _whose(self, reply: Reply) -> str:
        """Return what to look at where something else answers; empty: PagerDuty has, or nobody."""
        if not reply.is_foreign:
            return ""
        return (
            f"; what answers at {self.address} is not PagerDuty: look at the proxy on the way and at "
            f"{URL_SETTING}"
        )
