"""Settings of webhooks: paths, scope, and a token that follows from the installation's own secret."""

import os
import re
from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from shared.settings import Settings, load_settings
from shared.webhook_address import live_changes, webhook_paths, webhook_url
from shared.webhook_token import derive_token, installation_tokens


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith("OCEAN__"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def loaded(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, text in variables.items():
        monkeypatch.setenv(f"OCEAN__{name}", text)
    return load_settings()


def test_paths_and_address_follow_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(
        monkeypatch,
        BASE_URL="https://hooks.example/",
        PATH_PREFIX="/pagerduty/",
        WEBHOOK__SECOND_PATH="/hooks/pd",
    )

    assert webhook_paths(settings) == ("/pagerduty/integration/webhook", "/hooks/pd")
    assert webhook_url(settings) == "https://hooks.example/pagerduty/integration/webhook"


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("PATH_PREFIX", "pagerduty", "'pagerduty' is not a path; give one like /pagerduty"),
        ("WEBHOOK__SECOND_PATH", "/a?b", "'/a?b' is not a path; give one like /pagerduty"),
        ("WEBHOOK__SCOPE", "service", "'service' must be account, service/<id> or team/<id>"),
        ("WEBHOOK__SCOPE", "account/P1", "'account/P1' must be account, service/<id> or team/<id>"),
        ("WEBHOOK__SCOPE", "team/P 1", "'team/P 1' must be account, service/<id> or team/<id>"),
    ],
)
def test_value_that_cannot_be_is_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(monkeypatch, **{name: value})

    assert str(caught.value) == f"OCEAN__{name}: {line}"


def test_token_is_the_same_for_the_same_secret_and_installation_and_is_masked() -> None:
    token = derive_token("secret", "eu")

    assert token == derive_token("secret", "eu")
    assert len({token.value, derive_token("secret", "us").value, derive_token("other", "eu").value}) == 3
    assert (len(token.value), token.value in repr(token)) == (64, False)
    assert token.header.startswith("X-Pagerport-Token-")
    assert token.header.rpartition("-")[2] not in token.value


def test_every_token_is_known_to_the_redaction(monkeypatch: pytest.MonkeyPatch) -> None:
    none = loaded(monkeypatch)
    derived = loaded(monkeypatch, PORT__CLIENT_SECRET="port-secret")
    (token,) = installation_tokens(derived)
    chosen = loaded(monkeypatch, INTEGRATION__CONFIG__WEBHOOK_TOKEN="first-one,second-one")

    assert (installation_tokens(none), none.secrets) == ((), ())
    assert derived.secrets == ("port-secret", token.value)
    assert chosen.secrets == ("port-secret", "first-one", "second-one")


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"BASE_URL": "https://h.example"},
            "on; .* to https://h.example/integration/webhook, which the fetcher",
        ),
        (
            {"INTEGRATION__CONFIG__WEBHOOK_SECRET": "s3cret"},
            "by a subscription made by hand, .*_SECRET is set",
        ),
        (
            {"PORT__CLIENT_SECRET": "s"},
            "off, for OCEAN__BASE_URL is not set: .* set it to the public address",
        ),
    ],
)
def test_it_is_said_whether_live_changes_come_and_why_not(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    told = live_changes(loaded(monkeypatch, **variables))

    assert re.match(f"live changes: {says}", told)
    assert "s3cret" not in told
