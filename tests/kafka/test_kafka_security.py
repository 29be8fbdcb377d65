"""Logging in and TLS on a real broker, as the settings say it: who gets in, and what the others are told."""

import secrets
from typing import Any

import pytest

from schemas.topics import WEBHOOKS
from shared.errors import ConfigurationError, FatalError
from shared.log.interface import NewRecord, Subscription, TopicPartition
from shared.log.kafka import KafkaLog
from shared.log.kafka_opening import connect_within, kafka_connection
from shared.settings import Settings
from tests.broker.fixtures import SecureKafka
from tests.broker.server import ADMIN, PASSWORD, STRANGER
from tests.kafka.listening import Ears, read_on

HOOKS = TopicPartition(WEBHOOKS.name, 0)
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def settings(servers: str, **kafka: Any) -> Settings:
    own = {"bootstrap_servers": servers, "topic_prefix": f"t{secrets.token_hex(4)}.", **kafka}
    return Settings.model_validate({"kafka": own, "integration": {"identifier": "test"}})


async def use(chosen: Settings) -> None:
    """Do everything a service does."""
    connection = kafka_connection(chosen, service="test")
    broker = connection.make_broker()
    log = KafkaLog(connection, broker)
    try:
        await connect_within(log, 1.0)
        await broker.start()
        await log.create_topics([WEBHOOKS.name])
        await log.append([NewRecord(WEBHOOKS.name, b"k", b"v")])
        member = await log.assignment("g", Subscription.to(WEBHOOKS.name), Ears())
        assert [record.value for record in await read_on(member, {HOOKS: 0}, 1)] == [b"v"]
        await member.leave()
    finally:
        await log.close()
        await broker.stop()


def login(mechanism: str = "PLAIN", user: str = ADMIN, password: str = PASSWORD) -> dict[str, str]:
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "username": user,
        "password": password,
    }


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_right_password_gets_in(secure_kafka: SecureKafka, mechanism: str) -> None:
    await use(settings(secure_kafka.server.sasl_servers, **login(mechanism)))


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_wrong_password_is_one_line_and_exit_2(secure_kafka: SecureKafka, mechanism: str) -> None:
    with pytest.raises(ConfigurationError, match=r"Authentication.*OCEAN__KAFKA__SASL_MECHANISM") as raised:
        await use(settings(secure_kafka.server.sasl_servers, **login(mechanism, password="guessed")))
    assert "\n" not in str(raised.value)
    assert "guessed" not in str(raised.value)


async def test_tls_with_the_authority_of_a_file(secure_kafka: SecureKafka) -> None:
    await use(
        settings(
            secure_kafka.server.sasl_tls_servers,
            **{**login("SCRAM-SHA-512"), "security_protocol": "SASL_SSL"},
            ca_file=secure_kafka.certificates.authority,
        )
    )


async def test_client_certificate_gets_in(secure_kafka: SecureKafka) -> None:
    files = secure_kafka.certificates
    await use(
        settings(
            secure_kafka.server.mtls_servers,
            security_protocol="SSL",
            ca_file=files.authority,
            client_cert_file=files.client_cert,
            client_key_file=files.client_key,
        )
    )


async def test_unknown_authority_is_one_line_and_exit_2(secure_kafka: SecureKafka) -> None:
    with pytest.raises(ConfigurationError, match=r"CERTIFICATE_VERIFY_FAILED.*OCEAN__KAFKA__CA_FILE"):
        await use(settings(secure_kafka.server.tls_servers, security_protocol="SSL"))


async def test_missing_client_certificate_is_exit_3(secure_kafka: SecureKafka) -> None:
    chosen = settings(
        secure_kafka.server.mtls_servers,
        security_protocol="SSL",
        ca_file=secure_kafka.certificates.authority,
    )
    with pytest.raises(FatalError, match=r"gave up after 1 s: check .*OCEAN__KAFKA__SECURITY_PROTOCOL"):
        await use(chosen)


async def test_plain_text_to_tls_and_tls_to_plain_text_are_exit_3(secure_kafka: SecureKafka) -> None:
    for chosen in (
        settings(secure_kafka.server.tls_servers),
        settings(secure_kafka.server.bootstrap_servers, security_protocol="SSL"),
    ):
        with pytest.raises(FatalError, match=r"check .*OCEAN__KAFKA__SECURITY_PROTOCOL"):
            await use(chosen)


async def test_user_without_permissions_is_told_which(secure_kafka: SecureKafka) -> None:
    server = secure_kafka.server.sasl_servers
    there = settings(server, **login())
    connection = kafka_connection(there, service="test")
    admin_log = KafkaLog(connection)
    await connect_within(admin_log, 1.0)
    await admin_log.create_topics([WEBHOOKS.name])
    await admin_log.close()
    for prefix in (there.kafka.topic_prefix, "missing."):
        stranger = settings(server, **{**login(user=STRANGER), "topic_prefix": prefix})
        with pytest.raises(
            ConfigurationError, match=r"pagerduty.webhooks: is missing, or hidden.*AuthorizationFailed"
        ):
            await use(stranger)
