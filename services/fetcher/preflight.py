"""Proves with one cheap request that PagerDuty is there and takes the token, before anything is written."""

from shared.errors import FatalError
from shared.pagerduty.client import CHEAPEST_PATH, PagerDutyClient
from shared.pagerduty.verdicts import Verdict
from shared.pagerduty.wording import URL_SETTING


async def check_access(client: PagerDutyClient) -> None:
    """Return when PagerDuty has answered; that it does not give *this* list to the token says nothing.

    Raises:
        FatalError: The token is refused, PagerDuty cannot be reached, or something else answers in its place.
    """
    answer = await client.get(CHEAPEST_PATH)
    # PagerDuty's own 404 has a code; other APIs, too, say 404 by a JSON object with `error`.
    # Source: PagerDuty REST API, Errors.
    if answer.verdict is Verdict.NOT_FOUND and answer.code is None:
        raise FatalError(f"{client.address} is not PagerDuty ({answer.detail}); check {URL_SETTING}")
    # Else 402, 403 and 404 come from PagerDuty; what is refused otherwise was not understood as its API.
    if answer.verdict in {Verdict.REFUSED, Verdict.PAST_CAP, Verdict.GIVEN_UP}:
        raise FatalError(
            f"{client.address} does not answer as PagerDuty's API does ({answer.detail}); check {URL_SETTING}"
        )
