"""Sorts what goes wrong with Kafka by what happens next."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import errors

from shared.errors import ConfigurationError, NotOwnerError, PagerportError, RetryableError
from shared.log.kafka_coordinator import BEING_MADE

_LOGIN: Final = (
    errors.SaslAuthenticationFailed,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
)
_FORBIDDEN: Final = {
    errors.TopicAuthorizationFailedError: "a topic",
    errors.GroupAuthorizationFailedError: "a consumer group",
    errors.ClusterAuthorizationFailedError: "the cluster",
}


def sort_error(error: BaseException, *, address: str, doing: str) -> PagerportError:
    """Return the error of ours that a failure at Kafka is.

    Args:
        error: What a client raised.
        address: The servers.
        doing: What was being done, as in `reading offsets`.
    """
    text = f"Kafka at {address}, {doing}: {describe(error)}"
    if isinstance(error, (errors.CommitFailedError, errors.IllegalStateError)):
        return NotOwnerError(f"Kafka, {doing}: the partitions belong to another member of the group")
    if isinstance(error, _LOGIN):
        return ConfigurationError(f"{text}; check OCEAN__KAFKA__SASL_MECHANISM, …__USERNAME and …__PASSWORD")
    for kind, what in _FORBIDDEN.items():
        if isinstance(error, kind):
            return ConfigurationError(
                f"{text}; this user may not use {what}: give it the permissions of docs/kafka.md"
            )
    if isinstance(error, BEING_MADE):
        return RetryableError(
            f"Kafka at {address}, {doing}: the cluster is still making the coordinator of consumer groups; "
            "try again in some seconds"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConfigurationError(f"{text}; check OCEAN__KAFKA__CA_FILE and the host name")
    return RetryableError(text)


def describe(error: BaseException) -> str:
    """Return an error's kind and text in one line."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    words, name = " ".join(str(error).split()), type(error).__name__
    # Some texts of aiokafka's begin with the number and the name themselves.
    words = re.sub(rf"^((\[Error \d+\] )?{name}(: )?)*", "", words)
    return f"{name}: {words}" if words else name


@asynccontextmanager
async def kafka_errors(address: str, doing: str, *, timeout_s: float) -> AsyncIterator[None]:
    """Sort what a block raises, and end it when it takes too long: aiokafka itself may wait for ever.

    Raises:
        RetryableError: Kafka cannot be reached or does not answer in time.
        ConfigurationError: Kafka refuses the login, or forbids what is done.
        NotOwnerError: A commit for partitions that are not ours.
    """
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except (errors.KafkaError, OSError) as error:
        raise sort_error(error, address=address, doing=doing) from error
