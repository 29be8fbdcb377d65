"""Defines the settings of each part: type, bound, unit, default, description; with the peer's names."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, SecretStr

from shared.jq_choice import JqEngine, installed_engine
from shared.settings.choices import EventListenerType, LogFormat, LogLevel, SaslMechanism, SecurityProtocol
from shared.settings.values import (
    Credential,
    Identifier,
    KindIntervals,
    LowerCase,
    Password,
    Secret,
    Secrets,
    Servers,
    Text,
    TopicPrefix,
    UpperCase,
    Url,
    UrlPath,
    WebhookScope,
    parse_kind_intervals,
)


class _Group(BaseModel):
    """Settings of one part; what the peer has beside them is accepted and ignored."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, allow_inf_nan=False, validate_default=True
    )


class PortSettings(_Group):
    """Port, where the catalog lives."""

    client_id: Annotated[Credential, Field(description="Client id of Port. Required.")] = ""
    client_secret: Annotated[Secret, Field(description="Client secret of Port. Required.")] = SecretStr("")
    base_url: Annotated[
        Url, Field(description="Port's API; the US region is https://api.us.getport.io.", min_length=1)
    ] = "https://api.getport.io"
    concurrency: Annotated[int, Field(ge=1, le=50, description="Requests to Port in flight at once.")] = 10


class IntegrationConfig(_Group):
    """What the integration reads from."""

    token: Annotated[
        Secret, Field(description="PagerDuty API token (classic key or OAuth bearer). Required.")
    ] = SecretStr("")
    api_url: Annotated[
        Url,
        Field(
            validation_alias=AliasChoices("api_url", "apiUrl"),
            description="PagerDuty's API; the EU region is https://api.eu.pagerduty.com.",
            min_length=1,
        ),
    ] = "https://api.pagerduty.com"
    app_host: Annotated[
        Url,
        Field(
            validation_alias=AliasChoices("app_host", "appHost"),
            description="Old name of OCEAN__BASE_URL, which wins. Unused by `sync`.",
        ),
    ] = ""
    webhook_secret: Annotated[
        Secrets,
        Field(
            validation_alias=AliasChoices("webhook_secret", "webhookSecret"),
            description="Signing secrets of the webhook subscription, comma-separated. Unused by `sync`.",
        ),
    ] = SecretStr("")

    webhook_token: Annotated[
        Secrets,
        Field(
            validation_alias=AliasChoices("webhook_token", "webhookToken"),
            description="Tokens that a delivery may carry where its signature cannot be checked, "
            "comma-separated; subscriptions are made with the first. Default: derived from "
            "OCEAN__PORT__CLIENT_SECRET. Unused by `sync`.",
        ),
    ] = SecretStr("")

    @property
    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        """Return the signing secrets; several during a rotation."""
        return _several(self.webhook_secret)

    @property
    def webhook_tokens(self) -> tuple[SecretStr, ...]:
        """Return the tokens that were set, the one to make subscriptions with first; none: it is derived."""
        return _several(self.webhook_token)


def _several(secret: SecretStr) -> tuple[SecretStr, ...]:
    return tuple(SecretStr(text) for text in secret.get_secret_value().split(",") if text)


class IntegrationSettings(_Group):
    """Which installation this is."""

    identifier: Annotated[
        Identifier,
        Field(
            min_length=1,
            max_length=100,
            description="Name of this installation; marks what it owns in Port. Without `/`.",
        ),
    ] = "my-pagerduty-integration"
    type: Annotated[Literal["pagerduty"], LowerCase, Field(description="Kind of integration.")] = "pagerduty"
    config: IntegrationConfig = IntegrationConfig()


class EventListenerSettings(_Group):
    """How resyncs are asked for."""

    type: Annotated[
        EventListenerType,
        UpperCase,
        Field(
            description="`POLLING`; with `ONCE` a `run` does one sync and ends, a `fetcher` refuses to "
            "start; others run as POLLING. Also as OCEAN__EVENT_LISTENER."
        ),
    ] = EventListenerType.POLLING
    interval_s: Annotated[
        float,
        Field(
            validation_alias="interval",
            ge=1,
            le=86400,
            description="Seconds between two looks at Port: its mapping, its Resync button. "
            "Unused by `sync`.",
        ),
    ] = 60.0


class MappingSettings(_Group):
    """Where the mapping comes from."""

    file: Annotated[Path | None, Field(description="Mapping file (YAML or JSON).")] = None


class LogSettings(_Group):
    """The embedded log's file, and the log lines."""

    file: Annotated[
        Path | None,
        Field(description="SQLite file of the embedded log. Default: a temporary one; `run`: pagerport.db."),
    ] = None
    level: Annotated[LogLevel, LowerCase, Field(description="Least severe log line.")] = LogLevel.INFO
    format: Annotated[LogFormat, LowerCase, Field(description="Log lines for people or machines.")] = (
        LogFormat.TEXT
    )


class HttpSettings(_Group):
    """HTTP, both ways."""

    port: Annotated[
        int, Field(ge=1, le=65535, description="Port for health, metrics and webhooks. Unused by `sync`.")
    ] = 8000
    host: Annotated[Text, Field(min_length=1, description="Address to listen on. Unused by `sync`.")] = (
        "0.0.0.0"  # noqa: S104 - in a container nothing else can be reached; publish ports with care
    )
    ca_file: Annotated[
        Path | None, Field(description="PEM file of certificate authorities to trust beside the public ones.")
    ] = None
    request_timeout_s: Annotated[
        float, Field(gt=0, le=600, description="Seconds to wait for an answer to one request.")
    ] = 60.0


class WebhookSettings(_Group):
    """Events that PagerDuty sends."""

    second_path: Annotated[
        UrlPath,
        Field(
            description="Path that takes webhooks beside `/integration/webhook`, for subscriptions made for "
            "another address. Unused by `sync`."
        ),
    ] = ""
    scope: Annotated[
        WebhookScope,
        Field(
            description="What the subscription is for: `account`, `service/<id>` or `team/<id>`. Events of "
            "anything else are not sent. Unused by `sync`."
        ),
    ] = "account"
    ack_timeout_s: Annotated[
        float,
        Field(
            gt=0,
            le=4.5,
            description="Seconds the log may take to hold an event; then 503, and PagerDuty sends it again. "
            "PagerDuty itself waits 5 s. Unused by `sync`.",
        ),
    ] = 3.0
    in_flight_bytes: Annotated[
        int,
        Field(
            ge=1024 * 1024,
            le=1024 * 1024 * 1024,
            description="Bytes of events in hand at once; over it 503. Unused by `sync`.",
        ),
    ] = 32 * 1024 * 1024


class ResyncSettings(_Group):
    """Resyncs of an installation that is always on."""

    kinds_interval: Annotated[
        KindIntervals,
        Field(
            description="Minutes between two resyncs of single kinds, beside those of everything: "
            "`oncalls=15,users=60`, or JSON. For what PagerDuty sends no events of. Unused by `sync`.",
        ),
    ] = ""

    @property
    def kinds(self) -> dict[str, int]:
        """Return kind to minutes."""
        return parse_kind_intervals(self.kinds_interval)


class SyncSettings(_Group):
    """The one-shot run."""

    stall_timeout_s: Annotated[
        float, Field(gt=0, le=86400, description="Seconds without any progress after which a sync gives up.")
    ] = 600.0


class PagerDutySettings(_Group):
    """How hard PagerDuty is asked."""

    requests_per_minute: Annotated[
        int, Field(ge=1, le=960, description="Requests a minute. Source: PagerDuty REST API, Rate Limits.")
    ] = 960
    concurrency: Annotated[int, Field(ge=1, le=50, description="Requests in flight at once.")] = 10


class MapperSettings(_Group):
    """The JQ workers."""

    workers: Annotated[int, Field(ge=1, le=64, description="Worker processes that run JQ.")] = 1
    batch_timeout_s: Annotated[
        float,
        Field(gt=0, le=600, description="Patience with JQ: one object may take a sixth of it, at least 1 s."),
    ] = 30.0
    engine: Annotated[
        JqEngine,
        LowerCase,
        AfterValidator(installed_engine),
        Field(description="`libjq` (jq 1.8), or `pyjq` (jq 1.5; see docs/mapping-engine.md)."),
    ] = JqEngine.LIBJQ


class KafkaSettings(_Group):
    """The brokers."""

    bootstrap_servers: Annotated[
        Servers,
        Field(description="Kafka brokers, `host:port`, comma-separated. Required but for `sync` and `run`."),
    ] = ""
    security_protocol: Annotated[
        SecurityProtocol, UpperCase, Field(description="TLS, login, both or neither; see docs/kafka.md.")
    ] = SecurityProtocol.PLAINTEXT
    sasl_mechanism: Annotated[
        SaslMechanism, UpperCase, Field(description="How the login goes, with SASL_PLAINTEXT and SASL_SSL.")
    ] = SaslMechanism.PLAIN
    username: Annotated[Text, Field(description="User, or API key, of the login.")] = ""
    password: Annotated[Password, Field(description="Password, or API secret, of the login.")] = SecretStr("")
    ca_file: Annotated[
        Path | None,
        Field(description="PEM file of authorities to trust for Kafka beside the public ones."),
    ] = None
    client_cert_file: Annotated[
        Path | None, Field(description="PEM file of the client's certificate and its chain.")
    ] = None
    client_key_file: Annotated[
        Path | None,
        Field(description="PEM file of the client certificate's key; unset: it is in the certificate's."),
    ] = None
    client_key_password: Annotated[
        Password, Field(description="Password of the client certificate's key, if it has one.")
    ] = SecretStr("")
    topic_prefix: Annotated[
        TopicPrefix,
        Field(
            max_length=64,
            description="Stands before every topic, group and client id, e.g. `acme.`: for several "
            "installations on one cluster.",
        ),
    ] = ""
    create_topics: Annotated[
        bool, Field(description="Create missing topics at start. If not, they must be there.")
    ] = True
    replication_factor: Annotated[
        int | None,
        Field(
            ge=1,
            le=100,
            description="Copies of topics that are created. Default: 3, or all brokers if fewer.",
        ),
    ] = None
    session_timeout_s: Annotated[
        float,
        Field(ge=1, le=300, description="Silence after which a service's partitions go to another one."),
    ] = 10.0
    rebalance_timeout_s: Annotated[
        float,
        Field(ge=1, le=900, description="Time a service has to finish its batch when partitions move."),
    ] = 30.0
    append_timeout_s: Annotated[
        float, Field(gt=0, le=600, description="Seconds to wait for the acknowledgement of what is written.")
    ] = 30.0
    connect_timeout_s: Annotated[
        float, Field(gt=0, le=3600, description="Seconds to try to reach Kafka at start; then exit code 3.")
    ] = 60.0

    @property
    def servers(self) -> tuple[str, ...]:
        """Return the brokers one by one."""
        return tuple(part.strip() for part in self.bootstrap_servers.split(",") if part.strip())
