"""Tests names, settings, topic comparison and sorting of errors for Kafka, without a broker."""

import re
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiokafka import errors
from faststream.security import SASLPlaintext, SASLScram256, SASLScram512
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import ENTITIES, RAW_PREFIX, WEBHOOKS, dlq_topic, raw_topic
from shared.errors import ConfigurationError, FatalError, NotOwnerError, RetryableError
from shared.log.interface import Subscription
from shared.log.kafka import KafkaLog
from shared.log.kafka_connection import KafkaConnection
from shared.log.kafka_coordinator import ask_coordinator
from shared.log.kafka_errors import describe, sort_error
from shared.log.kafka_names import KafkaNames
from shared.log.kafka_opening import connect_within, kafka_connection
from shared.log.kafka_topics import compare_configs, wanted_configs
from shared.settings import Settings

NAMES = KafkaNames("me", "acme.")
SERVERS = {"bootstrap_servers": "a:9092, b:9093"}
LOGIN = {"username": "user", "password": "secret"}


def connection(**kafka: Any) -> KafkaConnection:
    settings = Settings.model_validate({"kafka": kafka, "integration": {"identifier": "me"}})
    return kafka_connection(settings, service="mapper")


def mistakes(**kafka: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        connection(**kafka)
    return str(raised.value).splitlines()


def test_names_on_the_cluster_carry_prefix_and_identifier() -> None:
    assert (NAMES.topic(WEBHOOKS.name), NAMES.group("pagerport.mapper"), NAMES.client("mapper")) == (
        "acme.pagerduty.webhooks",
        "acme.pagerport.mapper.me",
        "acme.pagerport.mapper.me",
    )
    assert NAMES.logical("acme.pagerduty.webhooks") == WEBHOOKS.name
    assert NAMES.logical("other.pagerduty.webhooks") is None


@pytest.mark.parametrize("prefix", ["", "acme.", "a-b.c_d"])
@pytest.mark.parametrize(
    "topics",
    [
        Subscription.to(WEBHOOKS.name),
        Subscription.to(WEBHOOKS.name, ENTITIES.name),
        Subscription.to_all(RAW_PREFIX),
        Subscription(frozenset([ENTITIES.name]), (RAW_PREFIX,)),
    ],
    ids=["one name", "two names", "a family", "a name and a family"],
)
def test_pattern_matches_what_the_subscription_does(prefix: str, topics: Subscription) -> None:
    names = KafkaNames("me", prefix)
    pattern = re.compile(names.pattern(topics))
    logical = [WEBHOOKS.name, ENTITIES.name, raw_topic("users"), dlq_topic(raw_topic("users"))]
    for name in [*logical, *(one.replace(".", "x") for one in logical), *(one + "2" for one in logical)]:
        assert bool(pattern.match(names.topic(name))) == topics(name), name
        assert not pattern.match("y" + names.topic(name))


@given(name=st.text("ab.{}*\\", min_size=1, max_size=8), other=st.text("ab.{}*\\", max_size=8))
def test_pattern_reads_no_sign_as_syntax(name: str, other: str) -> None:
    names = KafkaNames("me")
    pattern = names.pattern(Subscription.to(name))
    assert bool(re.compile(pattern).match(other)) == (name == other)
    assert not {"{", "}"} & set(pattern)


def test_settings_without_security_are_a_plain_connection() -> None:
    made = connection(**SERVERS, topic_prefix="acme.", session_timeout_s=6, replication_factor=2)
    assert made == KafkaConnection(
        servers=("a:9092", "b:9093"),
        names=NAMES,
        service="mapper",
        replication_factor=2,
        session_timeout_ms=6_000,
        heartbeat_interval_ms=600,
    )
    assert made.client_arguments() == {
        "bootstrap_servers": ["a:9092", "b:9093"],
        "client_id": "acme.pagerport.mapper.me",
        "request_timeout_ms": 30_000,
        "retry_backoff_ms": 100,
        "connections_max_idle_ms": 180_000,
        "metadata_max_age_ms": 5_000,
    }


@pytest.mark.parametrize(
    ("mechanism", "kind"),
    [("plain", SASLPlaintext), ("SCRAM-SHA-256", SASLScram256), ("scram-sha-512", SASLScram512)],
)
def test_login_with_tls_checks_the_broker(mechanism: str, kind: type) -> None:
    made = connection(**SERVERS, **LOGIN, security_protocol="sasl_ssl", sasl_mechanism=mechanism)
    arguments = made.client_arguments()
    assert isinstance(made.security, kind)
    assert arguments["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert arguments["ssl_context"].check_hostname
    assert {name: arguments[name] for name in arguments if "sasl" in name or name == "security_protocol"} == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": mechanism.upper(),
        "sasl_plain_username": "user",
        "sasl_plain_password": "secret",
    }


def test_all_mistakes_are_said_at_once() -> None:
    assert mistakes(security_protocol="SASL_PLAINTEXT", ca_file="/ca.pem", client_key_file="/key.pem") == [
        "OCEAN__KAFKA__BOOTSTRAP_SERVERS: is missing; set it to your brokers, host:port, comma-separated",
        "OCEAN__KAFKA__USERNAME: is missing; SASL_PLAINTEXT logs in with user and password",
        "OCEAN__KAFKA__PASSWORD: is missing; SASL_PLAINTEXT logs in with user and password",
        "OCEAN__KAFKA__CA_FILE: is set, but OCEAN__KAFKA__SECURITY_PROTOCOL is SASL_PLAINTEXT, which has no "
        "TLS; set that to SASL_SSL, or unset this",
        "OCEAN__KAFKA__CLIENT_KEY_FILE: is set, but OCEAN__KAFKA__SECURITY_PROTOCOL is SASL_PLAINTEXT, which "
        "has no TLS; set that to SASL_SSL, or unset this",
        "OCEAN__KAFKA__CLIENT_CERT_FILE: is missing; OCEAN__KAFKA__CLIENT_KEY_FILE is nothing without it",
    ]


def test_login_that_would_not_be_used_is_a_mistake_and_is_not_shown() -> None:
    assert mistakes(**SERVERS, password="hush") == [
        "OCEAN__KAFKA__PASSWORD: is set, but OCEAN__KAFKA__SECURITY_PROTOCOL is PLAINTEXT, which has no "
        "login; set that to SASL_SSL, or unset this"
    ]


def test_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    assert mistakes(**SERVERS, security_protocol="SSL", ca_file=tmp_path / "none.pem") == [
        f"OCEAN__KAFKA__CA_FILE: {tmp_path}/none.pem cannot be used (No such file or directory); give "
        "readable PEM files"
    ]
    (line,) = mistakes(**SERVERS, security_protocol="SSL", client_cert_file=broken)
    assert line.startswith(f"OCEAN__KAFKA__CLIENT_CERT_FILE: {broken} with its key cannot be used (")


def test_topic_as_created_differs_in_nothing() -> None:
    for topic in (WEBHOOKS, ENTITIES):
        assert compare_configs(wanted_configs(topic), {**wanted_configs(topic), "other": "x"}) == []


def test_order_of_policies_is_no_difference_and_what_is_not_told_is_none() -> None:
    wanted = {"cleanup.policy": "compact,delete", "retention.ms": "5"}
    assert compare_configs(wanted, {"cleanup.policy": "delete, compact"}) == []
    assert compare_configs(wanted, {"cleanup.policy": "delete", "retention.ms": "6"}) == [
        "cleanup.policy is delete, should be compact,delete",
        "retention.ms is 6, should be 5",
    ]


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (errors.SaslAuthenticationFailed("bad"), ConfigurationError, "OCEAN__KAFKA__SASL_MECHANISM"),
        (errors.UnsupportedSaslMechanismError("PLAIN"), ConfigurationError, "OCEAN__KAFKA__SASL_MECHANISM"),
        (errors.TopicAuthorizationFailedError("t"), ConfigurationError, "may not use a topic"),
        (errors.GroupAuthorizationFailedError("g"), ConfigurationError, "may not use a consumer group"),
        (errors.ClusterAuthorizationFailedError(), ConfigurationError, "may not use the cluster"),
        (ssl.SSLCertVerificationError("self-signed"), ConfigurationError, "OCEAN__KAFKA__CA_FILE"),
        (errors.CommitFailedError("moved"), NotOwnerError, "belong to another member"),
        (errors.IllegalStateError("not assigned"), NotOwnerError, "belong to another member"),
        (errors.KafkaConnectionError("gone"), RetryableError, "reading: KafkaConnectionError: "),
        (TimeoutError(), RetryableError, "reading: no answer in time"),
        (ConnectionRefusedError(111, "refused"), RetryableError, "reading: ConnectionRefusedError: "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_error_is_sorted_by_what_happens_next(error: BaseException, kind: type, says: str) -> None:
    sorted_error = sort_error(error, address="a:1", doing="reading")
    assert type(sorted_error) is kind
    assert says in str(sorted_error)
    assert "\n" not in str(sorted_error)


class Coordinator:
    """Is made after so many questions."""

    def __init__(self, made_after: int) -> None:
        self.asked = 0
        self._made_after = made_after

    async def ask(self) -> int:
        self.asked += 1
        if self.asked <= self._made_after:
            raise errors.GroupCoordinatorNotAvailableError("Unable to get coordinator id for g")
        return 7


async def _no_sleep(_: float) -> None:
    return None


async def test_coordinator_that_is_being_made_is_asked_again() -> None:
    coordinator = Coordinator(made_after=3)
    assert await ask_coordinator(coordinator.ask, sleep=_no_sleep) == 7
    assert coordinator.asked == 4


async def test_coordinator_that_is_never_made_is_said_in_our_words() -> None:
    coordinator = Coordinator(made_after=1000)
    with pytest.raises(errors.GroupCoordinatorNotAvailableError) as raised:
        await ask_coordinator(coordinator.ask, within_s=1.0, sleep=_no_sleep)
    sorted_error = sort_error(raised.value, address="a:1", doing="reading")
    assert isinstance(sorted_error, RetryableError)
    assert str(sorted_error) == (
        "Kafka at a:1, reading: the cluster is still making the coordinator of consumer groups; "
        "try again in some seconds"
    )


@pytest.mark.parametrize(
    "text", ["", "NodeNotReadyError", "NodeNotReadyError: x", "[Error 9] NodeNotReadyError: x"]
)
def test_name_of_an_error_is_said_once(text: str) -> None:
    assert describe(errors.NodeNotReadyError(text)).count("NodeNotReadyError") == 1


async def test_silent_server_is_tried_no_longer_than_there_is_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        log = KafkaLog(connection(bootstrap_servers=f"127.0.0.1:{silent.getsockname()[1]}"))
        with pytest.raises(FatalError, match="no answer in 1 s; gave up after 1 s"):
            await connect_within(log, 1.0)
        await log.close()
