"""Checks the signature of a request over the bytes of its body."""

import hmac
from collections.abc import Iterable, Sequence
from typing import Final

SIGNATURE_HEADER: Final = b"x-pagerduty-signature"
_VERSION: Final = b"v1="


def is_signed(values: Iterable[bytes], body: bytes, secrets: Sequence[bytes]) -> bool:
    """Return whether one of the signatures was made with one of the secrets.

    Several signatures stand in the header while PagerDuty changes a secret; other versions are passed over.
    How long it takes does not depend on which byte differs, nor on which secret fits.
    Source: PagerDuty Webhooks V3, Signatures.

    Args:
        values: The header as often as it was sent: `v1=<hex>,v1=<hex>`.
        body: As it came, byte for byte.
        secrets: Keys: the bytes of the secret's own text.
    """
    given = [
        part.removeprefix(_VERSION).lower()
        for value in values
        for part in (piece.strip() for piece in value.split(b","))
        if part.startswith(_VERSION)
    ]
    if not given:
        return False
    fits = False
    for secret in secrets:
        right = hmac.digest(secret, body, "sha256").hex().encode()
        for one in given:
            fits |= hmac.compare_digest(one, right)
    return fits
