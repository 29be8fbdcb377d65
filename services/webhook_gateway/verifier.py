"""Decides whether a request comes from a subscription of ours: by its signature, or by our token."""

import hmac
import logging
from collections.abc import Iterable, Sequence

from services.webhook_gateway.signature import SIGNATURE_HEADER, is_signed
from shared.errors import ConfigurationError
from shared.settings import Settings
from shared.webhook_address import webhook_url
from shared.webhook_token import WebhookToken, installation_tokens

logger = logging.getLogger(__name__)

SECRET_SETTING = "OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET"  # noqa: S105 - the name of a setting
TOKEN_SETTING = "OCEAN__INTEGRATION__CONFIG__WEBHOOK_TOKEN"  # noqa: S105 - the name of a setting


class Verifier:
    """Knows the signing secrets and the tokens.

    Args:
        secrets: Signing secrets; several during a rotation.
        tokens: Tokens that pagerport gives to subscriptions it makes.
    """

    def __init__(self, secrets: Sequence[str], tokens: Sequence[WebhookToken]) -> None:
        self._secrets = tuple(secret.encode() for secret in secrets)
        self._tokens = {token.header.lower().encode(): token.value.encode() for token in tokens}

    def may_accept(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Return whether the request can be authentic, before its body is known: it has a proof at all.

        Args:
            headers: Of the request, names in lower case.
        """
        return any(
            name == SIGNATURE_HEADER
            or ((token := self._tokens.get(name)) is not None and hmac.compare_digest(value, token))
            for name, value in headers
        )

    def accepts(self, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        """Return whether the request is authentic.

        Args:
            headers: Of the request, names in lower case.
            body: As it came, byte for byte.
        """
        signatures = []
        has_token = False
        for name, value in headers:
            if name == SIGNATURE_HEADER:
                signatures.append(value)
            elif (token := self._tokens.get(name)) is not None:
                has_token |= hmac.compare_digest(value, token)
        return has_token or is_signed(signatures, body, self._secrets)


def build_verifier(settings: Settings) -> Verifier:
    """Return the verifier of an installation.

    One that has neither secret nor token accepts nothing. That is fine as long as nobody is to send anything:
    the stack may run before webhooks are set up.

    Raises:
        ConfigurationError: It would accept nothing, though a public address says that webhooks are wanted.
    """
    secrets = [secret.get_secret_value() for secret in settings.integration.config.webhook_secrets]
    tokens = installation_tokens(settings)
    if not secrets and not tokens:
        says = (
            f"{SECRET_SETTING}: is missing, so no webhook can be verified; set it to the secret that "
            f"PagerDuty showed when the subscription was made, or set {TOKEN_SETTING} to a long random text, "
            "the same for the fetcher (`make up` does so), or OCEAN__PORT__CLIENT_SECRET, from which the "
            "token of subscriptions made by pagerport is derived"
        )
        if webhook_url(settings):
            raise ConfigurationError(says)
        logger.warning("%s; until then every webhook is refused with 401", says)
    return Verifier(secrets, tokens)
