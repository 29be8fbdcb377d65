"""Settings: the peer's names are read, mistakes cost one clear line each, secrets are never shown."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from shared.errors import ConfigurationError
from shared.settings import Deletes, EventListenerType, Settings, load_settings, require, settings_table
from shared.settings.table import MASK
from shared.webhook_token import derive_token


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith("OCEAN__"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    for name, value in variables.items():
        monkeypatch.setenv(f"OCEAN__{name}", value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    return str(caught.value).splitlines()


def test_defaults_are_those_of_the_peer() -> None:
    settings = load_settings()

    assert settings.port.base_url == "https://api.getport.io"
    assert settings.integration.config.api_url == "https://api.pagerduty.com"
    assert settings.integration.identifier == "my-pagerduty-integration"
    assert settings.event_listener.type is EventListenerType.POLLING
    assert settings.warnings == ()


def test_variables_of_the_page_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OCEAN__EVENT_LISTENER": '{"type":"ONCE"}',
        "OCEAN__INITIALIZE_PORT_RESOURCES": "true",
        "OCEAN__INTEGRATION__CONFIG__TOKEN": "u+token",
        "OCEAN__INTEGRATION__CONFIG__API_URL": "https://api.eu.pagerduty.com/",
        "OCEAN__PORT__CLIENT_ID": "id",
        "OCEAN__PORT__CLIENT_SECRET": "secret",
        "OCEAN__SCHEDULED_RESYNC_INTERVAL": "120",
        "OCEAN__SEND_RAW_DATA_EXAMPLES": "true",
    }.items():
        monkeypatch.setenv(name, value)

    settings = load_settings()
    require(settings, "pagerduty", "port")

    assert settings.event_listener.type is EventListenerType.ONCE
    assert settings.integration.config.token == SecretStr("u+token")
    assert settings.integration.config.api_url == "https://api.eu.pagerduty.com"
    assert (settings.port.client_id, settings.port.client_secret) == ("id", SecretStr("secret"))
    assert settings.scheduled_resync_interval_min == 120
    assert settings.warnings == ()


@pytest.mark.parametrize(
    "variables",
    [
        {"OCEAN__EVENT_LISTENER": '{"type": "ONCE", "interval": 5}'},
        {"OCEAN__EVENT_LISTENER": "once", "OCEAN__EVENT_LISTENER__INTERVAL": "5"},
        {"OCEAN__EVENT_LISTENER__TYPE": "ONCE", "ocean__event_listener__interval": "5"},
    ],
    ids=["json", "plain word", "one by one, any case"],
)
def test_event_listener_is_read_in_every_form(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    listener = load_settings().event_listener

    assert (listener.type, listener.interval_s) == (EventListenerType.ONCE, 5.0)


def test_group_as_json_takes_the_camel_case_names_of_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCEAN__INTEGRATION__CONFIG", '{"apiUrl": "https://pd.example", "token": "abcd"}')

    config = load_settings().integration.config

    assert (config.api_url, config.token.get_secret_value()) == ("https://pd.example", "abcd")


def test_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OCEAN__PORT__CLIENT_ID=file\nOCEAN__DELETES=off\nOTHER=1\n")
    monkeypatch.setenv("OCEAN__PORT__CLIENT_ID", "environment")

    settings = load_settings()

    assert (settings.port.client_id, settings.deletes) == ("environment", Deletes.OFF)
    assert settings.sources == {"OCEAN__PORT__CLIENT_ID": "environment", "OCEAN__DELETES": ".env"}


def test_white_space_is_trimmed_and_an_empty_secret_is_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCEAN__PORT__CLIENT_ID", "  id\n")
    monkeypatch.setenv("OCEAN__PORT__CLIENT_SECRET", "   ")
    settings = load_settings()

    with pytest.raises(ConfigurationError) as caught:
        require(settings, "pagerduty", "port")

    assert settings.port.client_id == "id"
    assert [line.split(": is missing; set it to ")[0] for line in str(caught.value).splitlines()] == [
        "OCEAN__INTEGRATION__CONFIG__TOKEN",
        "OCEAN__PORT__CLIENT_SECRET",
    ]


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("HTTP__PORT", "eighty", "'eighty' must be a whole number from 1 to 65535; correct or unset it"),
        ("HTTP__PORT", "65536", "'65536' must be a whole number from 1 to 65535; correct or unset it"),
        ("SYNC__STALL_TIMEOUT_S", "0", "'0' must be a number above 0 up to 86400; correct or unset it"),
        ("SYNC__STALL_TIMEOUT_S", "nan", "'nan' must be a number above 0 up to 86400; correct or unset it"),
        (
            "PAGERDUTY__REQUESTS_PER_MINUTE",
            "961",
            "'961' must be a whole number from 1 to 960; correct or unset it",
        ),
        ("DELETES", "maybe", "'maybe' must be one of on, dry_run, off; correct or unset it"),
        ("INTEGRATION__TYPE", "jira", "'jira' must be one of pagerduty; correct or unset it"),
        ("INTEGRATION__IDENTIFIER", "a/b", "'a/b' must not hold `/`; use `-` instead"),
        ("SEND_RAW_DATA_EXAMPLES", "perhaps", "'perhaps' must be true or false; correct or unset it"),
        (
            "SCHEDULED_RESYNC_INTERVAL",
            "1.5",
            "'1.5' must be a whole number from 1 to 525600; correct or unset it",
        ),
        ("PORT__BASE_URL", "ftp://x", "'ftp://x' is not an http or https URL; give one like https://host"),
        (
            "PORT__BASE_URL",
            "api.getport.io",
            "'api.getport.io' is not an http or https URL; give one like https://host",
        ),
        ("PORT__BASE_URL", "https://", "'https://' is not an http or https URL; give one like https://host"),
        ("PORT__BASE_URL", "https://h:99999", "'https://h:99999' is not a URL; give one like https://host"),
        (
            "PORT__BASE_URL",
            "https://h/?a=1",
            "'https://h/?…' must end after the path; take out what follows `?` or `#`",
        ),
        ("PORT", "id", "is not a JSON object; give one, or set OCEAN__PORT__<NAME> one by one"),
        (
            "EVENT_LISTENER",
            '{"type":',
            "is not a JSON object; give one, or set OCEAN__EVENT_LISTENER__<NAME> one by one",
        ),
    ],
)
def test_mistake_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str
) -> None:
    assert refusal(monkeypatch, **{name: value}) == [f"OCEAN__{name}: {line}"]


def test_every_mistake_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusal(monkeypatch, HTTP__PORT="x", EVENT_LISTENER="PIGEON", MAPPER__WORKERS="0")

    assert [line.split(":")[0] for line in lines] == [
        "OCEAN__EVENT_LISTENER__TYPE",
        "OCEAN__HTTP__PORT",
        "OCEAN__MAPPER__WORKERS",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT__CLIENT_SECRET", '"hunter2hunter2"'),
        ("PORT__CLIENT_SECRET", "hunter2 hunter2"),
        ("PORT__CLIENT_ID", "hunter2 hunter2"),
        ("INTEGRATION__CONFIG__TOKEN", "hunter2\nhunter2"),
        ("INTEGRATION__CONFIG__TOKEN", "hunter2ü"),
        ("PORT__BASE_URL", "https://user:hunter2@host"),
        ("BASE_URL", "ftp://user:hunter2@host"),
        ("PORT__BASE_URL", "https://host/?key=hunter2"),
        ("BASE_URL", "ftp://host/path?key=hunter2"),
        ("INTEGRATION__CONFIG__API_URL", "https://host/#key=hunter2"),
        ("PORT", '{"client_secret": "hunter2'),
    ],
)
def test_mistake_with_a_secret_never_shows_it(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    lines = refusal(monkeypatch, **{name: value})

    assert len(lines) == 1
    assert lines[0].startswith(f"OCEAN__{name}: ")
    assert "hunter2" not in lines[0]


def test_variables_of_the_peer_are_ignored_and_a_slip_of_the_pen_is_warned_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (
        "CLIENT_TIMEOUT",
        "APPLICATION__LOG_LEVEL",
        "LIVE_EVENTS__REDIS__URL",
        "PORT__CLIENT_IDD",
        "FOO",
    ):
        monkeypatch.setenv(f"OCEAN__{name}", "1")

    assert load_settings().warnings == (
        "OCEAN__PORT__CLIENT_IDD: is not a setting and is ignored; did you mean OCEAN__PORT__CLIENT_ID?",
    )


def test_credentials_over_plain_http_are_warned_about_unless_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCEAN__PORT__BASE_URL", "http://127.0.0.1:9000")
    monkeypatch.setenv("OCEAN__INTEGRATION__CONFIG__API_URL", "http://pagerduty.example")

    assert load_settings().warnings == (
        "OCEAN__INTEGRATION__CONFIG__API_URL: is http, so credentials travel unencrypted; use https",
    )


def test_broken_line_of_the_file_is_named_by_its_number(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OCEAN__DELETES=off\n'what is this\n")

    with pytest.raises(ConfigurationError, match=r"^\.env:2: is not understood; write NAME=value$"):
        load_settings()


def test_file_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_settings(tmp_path / "other.env")


def test_settings_cannot_be_changed_once_built() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().port.client_id = "other"  # type: ignore[misc]


def test_table_masks_secrets_and_says_where_a_value_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCEAN__PORT__CLIENT_SECRET", "hunter2")
    monkeypatch.setenv("OCEAN__HTTP", '{"port": 9000}')
    settings = load_settings()
    rows = {row.name: row for row in settings_table(settings)}

    secret, port = rows["OCEAN__PORT__CLIENT_SECRET"], rows["OCEAN__HTTP__PORT"]
    assert (secret.value, secret.source) == (MASK, "environment")
    assert (port.value, port.default, port.source) == ("9000", "8000", "environment")
    assert rows["OCEAN__HTTP__REQUEST_TIMEOUT_S"].source == "default"
    assert "hunter2" not in repr(rows) + repr(settings) + str(settings)
    assert settings.secrets == ("hunter2", derive_token("hunter2", "my-pagerduty-integration").value)


def test_table_describes_every_setting_and_default_values_are_accepted_as_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = settings_table()
    assert [row.name for row in rows if not row.description] == []

    for row in rows:
        monkeypatch.setenv(row.name, row.default)

    again = [replace(row, source="default") for row in settings_table(load_settings())]
    assert again == rows


@pytest.mark.parametrize("given", ["one1,two2", "one1, two2", " one1 ,\ttwo2\n"])
def test_webhook_secrets_and_tokens_are_split_and_trimmed_for_a_rotation(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET", given)
    monkeypatch.setenv("OCEAN__INTEGRATION__CONFIG__WEBHOOK_TOKEN", given)
    config = load_settings().integration.config

    assert config.webhook_secrets == config.webhook_tokens == (SecretStr("one1"), SecretStr("two2"))


@pytest.mark.parametrize("name", ["WEBHOOK_SECRET", "WEBHOOK_TOKEN"])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("one1,,two2", "has nothing between two commas, or before or behind one; take the comma out"),
        ("one1, ,two2", "has nothing between two commas, or before or behind one; take the comma out"),
        ("one1,", "has nothing between two commas, or before or behind one; take the comma out"),
        ("one1,t wo", "holds a space, a line break or a character that is not ASCII; copy it again"),
        ("one1,'two2'", "is wrapped in quotes; give it without them"),
    ],
)
def test_part_of_several_secrets_that_cannot_be_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch, name: str, given: str, says: str
) -> None:
    monkeypatch.setenv(f"OCEAN__INTEGRATION__CONFIG__{name}", given)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert str(caught.value) == f"OCEAN__INTEGRATION__CONFIG__{name}: {says}"


def test_blank_webhook_secret_is_none() -> None:
    settings = Settings.model_validate({"integration": {"config": {"webhookSecret": "  "}}})
    assert settings.integration.config.webhook_secrets == ()


@pytest.mark.parametrize(
    "listener", ["KAFKA", '{"type":"WEBHOOK","appHost":"https://a.example"}', '{"type":"WEBHOOKS_ONLY"}']
)
def test_event_listeners_of_the_peer_are_accepted_with_one_warning(
    monkeypatch: pytest.MonkeyPatch, listener: str
) -> None:
    monkeypatch.setenv("OCEAN__EVENT_LISTENER", listener)
    warnings = load_settings(None).warnings
    assert [text.split(":")[0] for text in warnings] == ["OCEAN__EVENT_LISTENER"]
    assert "run as POLLING" in warnings[0]


def test_what_is_ignored_but_was_wished_for_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCEAN__SSL__PORT__VERIFY", "False")
    monkeypatch.setenv("OCEAN__SSL__THIRD_PARTY__VERIFY", "true")
    monkeypatch.setenv("OCEAN__OAUTH_ACCESS_TOKEN_FILE_PATH", "/var/run/token")
    assert load_settings(None).warnings == (
        "OCEAN__SSL__PORT__VERIFY: is ignored, certificates are always verified; name those to trust in "
        "OCEAN__HTTP__CA_FILE",
        "OCEAN__OAUTH_ACCESS_TOKEN_FILE_PATH: is ignored; the token is that of "
        "OCEAN__INTEGRATION__CONFIG__TOKEN",
    )


def test_identifier_keeps_its_case_for_port_tells_them_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCEAN__INTEGRATION__IDENTIFIER", " My-PagerDuty ")
    assert load_settings(None).integration.identifier == "My-PagerDuty"


def test_unknown_event_listener_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCEAN__EVENT_LISTENER", "CARRIER_PIGEON")
    with pytest.raises(ConfigurationError, match=r"OCEAN__EVENT_LISTENER.*POLLING"):
        load_settings(None)
