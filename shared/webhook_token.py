"""Derives the token by which a delivery shows that it comes from a subscription of this installation."""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from shared.settings import Settings

NAME_PREFIX: Final = "X-Pagerport-Token-"
"""Header's name; what follows names the token without giving it away, for PagerDuty shows names only."""
_TEXT: Final = "pagerport webhook token 1"
_NAME_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class WebhookToken:
    """One token: a header that PagerDuty adds to each delivery of a subscription."""

    value: str = field(repr=False)

    @property
    def header(self) -> str:
        """Return the header's name.

        It ends in a fingerprint of the value. PagerDuty never shows the value of a custom header again, but
        the name, which cannot be changed: so a subscription that was made with another token can be told.
        Source: PagerDuty REST API, Webhook subscriptions.
        """
        return NAME_PREFIX + hashlib.sha256(self.value.encode()).hexdigest()[:_NAME_DIGITS]


def derive_token(secret: str, identifier: str) -> WebhookToken:
    """Return the token of an installation; nothing about the secret can be learned from it.

    Args:
        secret: The installation's own secret, not empty.
        identifier: Which installation.
    """
    text = f"{_TEXT}\n{identifier}".encode()
    return WebhookToken(hmac.digest(secret.encode(), text, "sha256").hex())


def installation_tokens(settings: "Settings") -> tuple[WebhookToken, ...]:
    """Return the tokens that a delivery may carry, the one to make subscriptions with first.

    Those that were set, else the one derived from the client secret of Port; none where there is neither.
    """
    if tokens := settings.integration.config.webhook_tokens:
        return tuple(WebhookToken(token.get_secret_value()) for token in tokens)
    secret = settings.port.client_secret.get_secret_value()
    return (derive_token(secret, settings.integration.identifier),) if secret else ()
