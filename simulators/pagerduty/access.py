"""Access checks who calls and whether the request is of the version that the program speaks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulators.pagerduty.refusals import RefusedError, invalid_input, refused, unauthorized

MEDIA_TYPE = "application/vnd.pagerduty+json"


@dataclass(slots=True)
class Credentials:
    """The keys that are good; they can be changed while the program runs.

    Source: PagerDuty REST API, Authentication: `Token token=KEY` for API keys, `Bearer TOKEN` for OAuth.

    Attributes:
        account_tokens: General access keys.
        user_tokens: Keys of users: key -> user id.
        bearer_tokens: OAuth tokens; at `/users/me` they are the first user of the account.
    """

    account_tokens: set[str] = field(default_factory=set)
    user_tokens: dict[str, str] = field(default_factory=dict)
    bearer_tokens: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent the request. `name` tells callers apart for rate limits and is not the key."""

    name: str
    user_id: str | None = None
    is_account: bool = False


def authenticate(authorization: str | None, credentials: Credentials) -> Caller:
    """Return the caller.

    Raises:
        RefusedError: 401, there is no key, it is not known, or it is sent in the other kind's form.
    """
    text = authorization or ""
    if text.startswith("Token token="):
        token = text.removeprefix("Token token=")
        if token in credentials.account_tokens:
            return Caller(f"account {hash(token)}", is_account=True)
        if token in credentials.user_tokens:
            user_id = credentials.user_tokens[token]
            return Caller(f"user {user_id}", user_id=user_id)
    elif text.startswith("Bearer ") and text.removeprefix("Bearer ") in credentials.bearer_tokens:
        return Caller(f"bearer {hash(text)}")
    raise unauthorized()


def check_headers(method: str, headers: Mapping[str, str], *, keys_are_bound: bool) -> None:
    """Check what a client must send along.

    Source: PagerDuty REST API, Versioning: Accept names version 2, Content-Type is JSON. A GET without
    Content-Type is let through.

    Args:
        method: Of the endpoint.
        headers: Of the request, names in lower case.
        keys_are_bound: Whether the keys are bound to version 2, so that Accept need not name one. That is
            how an account of today is; without it a client that relies on it is found out.

    Raises:
        RefusedError: 400, a header is missing or names something else.
    """
    accepted = headers.get("accept", "").split(",")
    says_nothing = keys_are_bound and not any("version=" in part for part in accepted)
    if not says_nothing and not any(_names_version_2(part) for part in accepted):
        raise invalid_input(f"Accept must be {MEDIA_TYPE};version=2.")
    content_type = headers.get("content-type")
    if content_type is None and method == "GET":
        return
    if (content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise invalid_input("Content-Type must be application/json.")


def _names_version_2(part: str) -> bool:
    media_type, *options = (piece.strip().lower() for piece in part.split(";"))
    return media_type == MEDIA_TYPE and "version=2" in options


def check_early_access(feature: str | None, headers: Mapping[str, str]) -> None:
    """Check that an early access path is asked for as one. Source: PagerDuty REST API, IP allow lists.

    Raises:
        RefusedError: 403, the header X-EARLY-ACCESS does not name the feature.
    """
    if feature is not None and headers.get("x-early-access") != feature:
        raise access_denied()


def access_denied() -> RefusedError:
    """The caller may not see this."""
    return refused(403, 2010, "Access Denied")
