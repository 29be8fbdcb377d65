"""Compose: the file says what the design promises of each container, and holds no trap."""

import re
from pathlib import Path

import pytest

from shared.settings.names import variables
from tests.compose_file import ComposeService, interpolated, read_services

ROOT = Path(__file__).parents[2]
SERVICES = ("fetcher", "gateway", "mapper", "writer")
KNOWN = {variable.name for variable in variables()}


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
    base = next(stage for stage in stages if stage.endswith('ENTRYPOINT ["pagerport"]\n'))
    assert "USER 10001:10001" in base
    assert "COPY --from=trimmed" in final
    assert "RUN" not in final
