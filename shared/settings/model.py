"""Defines the settings as a whole: what parts they have, where they are read from, what of them is secret."""

from typing import Annotated, Final

from pydantic import Field, PrivateAttr
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from shared.http.collector_headers import header_secrets
from shared.http.proxies import proxy_secrets
from shared.settings.choices import Deletes
from shared.settings.parts import (
    EventListenerSettings,
    HttpSettings,
    IntegrationSettings,
    KafkaSettings,
    LogSettings,
    MapperSettings,
    MappingSettings,
    PagerDutySettings,
    PortSettings,
    ResyncSettings,
    SyncSettings,
    WebhookSettings,
)
from shared.settings.sources import DotEnvSource, EnvironmentSource
from shared.settings.values import LowerCase, Url, UrlPath
from shared.webhook_token import installation_tokens

PREFIX: Final = "OCEAN__"
DELIMITER: Final = "__"


class Settings(BaseSettings):
    """All settings, read from the environment and from `.env`; the environment wins."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        validate_default=True,
    )

    port: PortSettings = PortSettings()
    integration: IntegrationSettings = IntegrationSettings()
    event_listener: EventListenerSettings = EventListenerSettings()
    scheduled_resync_interval_min: Annotated[
        int | None,
        Field(
            validation_alias=PREFIX + "SCHEDULED_RESYNC_INTERVAL",
            ge=1,
            le=525600,
            description="Minutes between two resyncs. Unused by `sync`.",
        ),
    ] = None
    initialize_port_resources: Annotated[
        bool,
        Field(
            description="Begin with the default mapping where there is no other; create the default "
            "blueprints that the mapping names and Port lacks."
        ),
    ] = True
    send_raw_data_examples: Annotated[
        bool, Field(description="Accepted for compatibility; pagerport never sends raw data.")
    ] = True
    base_url: Annotated[Url, Field(description="Public URL of the webhook gateway. Unused by `sync`.")] = ""
    path_prefix: Annotated[
        UrlPath, Field(description="What stands before the paths of the webhook gateway. Unused by `sync`.")
    ] = ""
    mapping: MappingSettings = MappingSettings()
    deletes: Annotated[
        Deletes,
        LowerCase,
        Field(
            description="Delete entities whose object is gone: `on`, `off`, or `dry_run`, which only counts "
            "and logs them."
        ),
    ] = Deletes.ON
    adopt_peer_entities: Annotated[
        bool,
        Field(
            description="Deletes may also take what Port's own Ocean integration wrote under the same "
            "identifier: set it once pagerport has taken its place."
        ),
    ] = False
    log: LogSettings = LogSettings()
    http: HttpSettings = HttpSettings()
    webhook: WebhookSettings = WebhookSettings()
    resync: ResyncSettings = ResyncSettings()
    sync: SyncSettings = SyncSettings()
    pagerduty: PagerDutySettings = PagerDutySettings()
    mapper: MapperSettings = MapperSettings()
    kafka: KafkaSettings = KafkaSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - named by pydantic-settings
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - named by pydantic-settings
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment and `.env` with sources that know the plain form of the event listener."""
        env_file = dotenv_settings.env_file if isinstance(dotenv_settings, DotEnvSettingsSource) else None
        return init_settings, EnvironmentSource(settings_cls), DotEnvSource(settings_cls, env_file=env_file)

    _warnings: tuple[str, ...] = PrivateAttr(default=())
    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what looks like a mistake but stops nothing, a line each."""
        return self._warnings

    @property
    def sources(self) -> dict[str, str]:
        """Return where each variable that is set was found: `environment`, or the file's name."""
        return dict(self._sources)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return every secret value, of proxies and collectors too, for redaction. Never print them."""
        config = self.integration.config
        found = (
            self.port.client_secret,
            config.token,
            *config.webhook_secrets,
            self.kafka.password,
            self.kafka.client_key_password,
        )
        texts = (secret.get_secret_value() for secret in found)
        tokens = (token.value for token in installation_tokens(self))
        return tuple(text for text in (*texts, *tokens, *proxy_secrets(), *header_secrets()) if text)
