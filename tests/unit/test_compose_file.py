"""Compose: the file says what the design promises of each container, and holds no trap."""

import os
import re
from pathlib import Path

import pytest

from services.webhook_gateway.verifier import build_verifier
from shared.errors import ConfigurationError
from shared.settings import Settings, load_settings
from shared.settings.names import variables
from shared.webhook_token import installation_tokens
from tests.compose_file import ComposeService, interpolated, read_services

ROOT = Path(__file__).parents[2]
SERVICES = ("fetcher", "gateway", "mapper", "writer")
KNOWN = {variable.name for variable in variables()}
CALLS_PORT = ("fetcher", "writer")
SEES_WEBHOOKS = ("fetcher", "gateway")
HANDED_TO = {
    "OCEAN__PORT__CLIENT_ID": CALLS_PORT,
    "OCEAN__PORT__CLIENT_SECRET": CALLS_PORT,
    "OCEAN__PORT__BASE_URL": CALLS_PORT,
    "OCEAN__PORT__CONCURRENCY": CALLS_PORT,
    "OCEAN__INTEGRATION__CONFIG__TOKEN": ("fetcher",),
    "OCEAN__INTEGRATION__CONFIG__API_URL": ("fetcher",),
    "OCEAN__INTEGRATION__CONFIG__APP_HOST": SEES_WEBHOOKS,
    "OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET": SEES_WEBHOOKS,
    "OCEAN__INTEGRATION__CONFIG__WEBHOOK_TOKEN": SEES_WEBHOOKS,
    "OCEAN__INTEGRATION__IDENTIFIER": SERVICES,
    "OCEAN__EVENT_LISTENER__INTERVAL": ("fetcher",),
    "OCEAN__SCHEDULED_RESYNC_INTERVAL": ("fetcher",),
    "OCEAN__INITIALIZE_PORT_RESOURCES": ("fetcher",),
    "OCEAN__BASE_URL": SEES_WEBHOOKS,
    "OCEAN__PATH_PREFIX": SEES_WEBHOOKS,
    "OCEAN__DELETES": CALLS_PORT,
    "OCEAN__ADOPT_PEER_ENTITIES": CALLS_PORT,
    "OCEAN__LOG__LEVEL": SERVICES,
    "OCEAN__LOG__FORMAT": SERVICES,
    "OCEAN__HTTP__REQUEST_TIMEOUT_S": CALLS_PORT,
    "OCEAN__WEBHOOK__SECOND_PATH": ("gateway",),
    "OCEAN__WEBHOOK__SCOPE": ("fetcher",),
    "OCEAN__WEBHOOK__ACK_TIMEOUT_S": ("gateway",),
    "OCEAN__WEBHOOK__IN_FLIGHT_BYTES": ("gateway",),
    "OCEAN__RESYNC__KINDS_INTERVAL": ("fetcher",),
    "OCEAN__SYNC__STALL_TIMEOUT_S": CALLS_PORT,
    "OCEAN__PAGERDUTY__REQUESTS_PER_MINUTE": ("fetcher",),
    "OCEAN__PAGERDUTY__CONCURRENCY": ("fetcher",),
    "OCEAN__MAPPER__WORKERS": ("mapper",),
    "OCEAN__MAPPER__BATCH_TIMEOUT_S": ("mapper",),
    "OCEAN__KAFKA__TOPIC_PREFIX": SERVICES,
    "OCEAN__KAFKA__SESSION_TIMEOUT_S": SERVICES,
    "OCEAN__KAFKA__REBALANCE_TIMEOUT_S": SERVICES,
    "OCEAN__KAFKA__APPEND_TIMEOUT_S": SERVICES,
    "OCEAN__KAFKA__CONNECT_TIMEOUT_S": SERVICES,
    # No setting of ours, but honoured.
    "HTTPS_PROXY": CALLS_PORT,
    "NO_PROXY": CALLS_PORT,
}
NOT_HANDED_ON = {
    **dict.fromkeys(
        (
            "OCEAN__KAFKA__BOOTSTRAP_SERVERS",
            "OCEAN__KAFKA__SECURITY_PROTOCOL",
            "OCEAN__KAFKA__SASL_MECHANISM",
            "OCEAN__KAFKA__USERNAME",
            "OCEAN__KAFKA__PASSWORD",
            "OCEAN__KAFKA__CA_FILE",
            "OCEAN__KAFKA__CLIENT_CERT_FILE",
            "OCEAN__KAFKA__CLIENT_KEY_FILE",
            "OCEAN__KAFKA__CLIENT_KEY_PASSWORD",
            "OCEAN__KAFKA__CREATE_TOPICS",
            "OCEAN__KAFKA__REPLICATION_FACTOR",
        ),
        "the file brings its own Kafka: one broker, without login, its topics made by a job",
    ),
    "OCEAN__HTTP__PORT": "that of the container; PAGERPORT_GATEWAY_PORT is that of the machine",
    "OCEAN__HTTP__HOST": "a container is reached at all its addresses",
    "OCEAN__HTTP__CA_FILE": "a file of the machine is mounted: PAGERPORT_CA_FILE",
    "OCEAN__MAPPING__FILE": "a file of the machine is mounted: PAGERPORT_MAPPING",
    "OCEAN__LOG__FILE": "the log is Kafka's",
    "OCEAN__EVENT_LISTENER__TYPE": "ONCE is refused by a fetcher, all others are POLLING, the default",
    "OCEAN__SEND_RAW_DATA_EXAMPLES": "without effect",
    "OCEAN__INTEGRATION__TYPE": "there is one",
    "OCEAN__MAPPER__ENGINE": "the image has libjq only",
}
"""Settings that a user of Compose cannot set, and why."""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("${A:-b}", "1"),
        ("${B:-b c}", "b c"),
        ("${B:+b}", ""),
        ("${A:+/etc/x}", "/etc/x"),
        ("x:${A}/$$y", "x:1/$y"),
        ("plain", "plain"),
    ],
)
def test_variables_are_put_in_as_compose_does(text: str, found: str) -> None:
    assert interpolated(text, {"A": "1", "B": ""}) == found


@pytest.mark.parametrize("service", read_services().values(), ids=lambda service: service.name)
def test_every_variable_of_a_service_is_a_setting(service: ComposeService) -> None:
    ours = {name for name in service.environment if name.startswith("OCEAN__")}
    assert ours - KNOWN - {"OCEAN__SCHEDULED_RESYNC_INTERVAL"} == set()


def test_every_setting_that_means_something_reaches_the_services_it_is_for() -> None:
    names = {*KNOWN, "HTTPS_PROXY", "NO_PROXY"}
    services = read_services({name: f"<{name}>" for name in names})
    reached = {
        name: tuple(one for one in SERVICES if services[one].environment.get(name) == f"<{name}>")
        for name in names
    }

    assert {name: where for name, where in reached.items() if where} == HANDED_TO
    assert {name for name, where in reached.items() if not where} == NOT_HANDED_ON.keys()


@pytest.mark.parametrize("name", CALLS_PORT)
def test_a_file_of_the_machine_is_mounted_where_its_setting_says(name: str) -> None:
    theirs = {"PAGERPORT_CA_FILE": "./ca.pem", "PAGERPORT_MAPPING": "./mapping.yaml"}
    service = read_services(theirs)[name]
    mounted = {one["source"]: one["target"] for one in service.definition["volumes"]}
    told = (service.environment.get("OCEAN__HTTP__CA_FILE"), service.environment.get("OCEAN__MAPPING__FILE"))

    assert (mounted.get("./ca.pem"), mounted.get("./mapping.yaml")) == told
    assert told[0] == "/etc/pagerport/ca.pem"
    assert "OCEAN__HTTP__CA_FILE" not in {
        variable for variable, value in read_services()[name].environment.items() if value
    }


def settings_of(monkeypatch: pytest.MonkeyPatch, name: str, **theirs: str) -> Settings:
    """Return the settings of a service whose user has set these variables."""
    for variable in [one for one in os.environ if one.upper().startswith("OCEAN__")]:
        monkeypatch.delenv(variable)
    for variable, value in read_services(theirs)[name].environment.items():
        monkeypatch.setenv(variable, value)
    return load_settings(env_file=None)


@pytest.mark.parametrize("name", SERVICES)
def test_what_its_user_leaves_empty_has_its_default(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    found = settings_of(monkeypatch, name)
    for variable in [one for one, value in os.environ.items() if one.startswith("OCEAN__") and not value]:
        monkeypatch.delenv(variable)

    assert found == load_settings(env_file=None)


def test_gateway_with_a_public_address_verifies_by_the_token_or_says_which_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = {"OCEAN__BASE_URL": "https://hooks.example"}
    token = {"OCEAN__INTEGRATION__CONFIG__WEBHOOK_TOKEN": "long-and-random"}

    with pytest.raises(ConfigurationError, match="WEBHOOK_TOKEN to a long random text, the same for the"):
        build_verifier(settings_of(monkeypatch, "gateway", **address))
    fetcher = installation_tokens(settings_of(monkeypatch, "fetcher", **address, **token))
    gateway = settings_of(monkeypatch, "gateway", **address, **token)

    header = fetcher[0].header.lower().encode(), fetcher[0].value.encode()
    assert build_verifier(gateway).accepts([header], b"{}")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_without_rights_on_a_read_only_root_and_is_restarted(name: str) -> None:
    definition = read_services()[name].definition
    assert definition["read_only"] is True
    assert definition["cap_drop"] == ["ALL"]
    assert definition["security_opt"] == ["no-new-privileges:true"]
    assert definition["restart"] == "unless-stopped"
    assert definition["build"]["target"] == "service"
    assert definition["depends_on"] == {
        "kafka": {"condition": "service_healthy"},
        "topics": {"condition": "service_completed_successfully"},
    }


@pytest.mark.parametrize("service", read_services().values(), ids=lambda service: service.name)
def test_nothing_has_a_right_to_lose_nor_all_of_the_machine(service: ComposeService) -> None:
    definition = service.definition
    assert (definition["cap_drop"], definition["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert re.fullmatch(r"512m|2g", definition["mem_limit"])
    assert 256 <= definition["pids_limit"] <= 1024


def test_mappers_can_be_scaled_for_nothing_of_them_is_bound_to_the_host() -> None:
    mapper = read_services()["mapper"].definition
    assert {"container_name", "ports", "volumes"} & mapper.keys() == set()


def test_each_service_is_given_only_the_secrets_it_has_need_of() -> None:
    secret = re.compile("SECRET|TOKEN")
    given = {
        name: {variable for variable in read_services()[name].environment if secret.search(variable)}
        for name in SERVICES
    }
    assert given == {
        "fetcher": {
            "OCEAN__PORT__CLIENT_SECRET",
            "OCEAN__INTEGRATION__CONFIG__TOKEN",
            "OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET",
            "OCEAN__INTEGRATION__CONFIG__WEBHOOK_TOKEN",
        },
        "gateway": {
            "OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET",
            "OCEAN__INTEGRATION__CONFIG__WEBHOOK_TOKEN",
        },
        "mapper": set(),
        "writer": {"OCEAN__PORT__CLIENT_SECRET"},
    }


def test_images_are_pinned() -> None:
    images = [service.definition["image"] for service in read_services().values()]
    assert [image for image in images if not re.search(r":\d+\.\d+\.\d+$", image)] == []


def test_the_final_image_runs_as_nobody_and_copies_only_what_was_built() -> None:
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    final = next(stage for stage in stages if stage.startswith("base AS service"))
    base = next(stage for stage in stages if stage.startswith("python:3.12-slim AS base"))
    assert "USER 10001:10001" in base
    assert "COPY --from=trimmed" in final
    assert "RUN" not in final


def test_image_needs_no_command_where_the_peers_stood() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith(("ENTRYPOINT", "CMD"))] == [
        'ENTRYPOINT ["pagerport"]',
        'CMD ["run"]',
    ]
