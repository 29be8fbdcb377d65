"""Proves which mapping is in force when no file is given."""

from typing import Any

import pytest

from schemas.mapping import MappingFile
from services.fetcher.default_resources import default_mapping
from services.fetcher.mapping_authority import mapping_without_file
from shared.errors import ConfigurationError
from shared.mapping_file import LoadedMapping

ENTRY = {
    "kind": "services",
    "port": {"entity": {"mappings": {"identifier": ".id", "blueprint": '"pagerdutyService"'}}},
}
CONFIG = {"deleteDependentEntities": True, "resources": [ENTRY]}


async def mapping(integration: dict[str, Any] | None, *, may_be_default: bool) -> LoadedMapping:
    asked: list[str] = []

    async def get_integration(identifier: str) -> dict[str, Any] | None:
        asked.append(identifier)
        return integration

    loaded = await mapping_without_file(get_integration, "mine", may_be_default=may_be_default)
    assert asked == ["mine"]
    return loaded


@pytest.mark.parametrize("may_be_default", [True, False])
async def test_mapping_that_port_holds_goes_first(may_be_default: bool) -> None:
    loaded = await mapping({"config": CONFIG}, may_be_default=may_be_default)
    assert loaded == LoadedMapping(MappingFile.model_validate(CONFIG), "mapping of 'mine' in Port")


@pytest.mark.parametrize("integration", [None, {}, {"config": None}, {"config": {}}])
async def test_default_mapping_stands_in_where_port_holds_none(integration: dict[str, Any] | None) -> None:
    assert await mapping(integration, may_be_default=True) == default_mapping()
    with pytest.raises(
        ConfigurationError, match=r"Port holds none for the integration 'mine'; give one with"
    ):
        await mapping(integration, may_be_default=False)


async def test_mapping_that_was_emptied_on_purpose_is_not_replaced() -> None:
    with pytest.raises(ConfigurationError, match="nothing to sync"):
        await mapping({"config": {"resources": []}}, may_be_default=True)


async def test_mistakes_in_port_have_a_path_and_no_line() -> None:
    config = {"resources": [{**ENTRY, "kind": "Services"}, {"kind": "users"}]}
    with pytest.raises(ConfigurationError) as raised:
        await mapping({"config": config}, may_be_default=True)
    assert str(raised.value).splitlines() == [
        "mapping of 'mine' in Port: resources[0].kind: must be a kind as PagerDuty writes it: lower case, "
        "digits, `_`, `/`, `-`",
        "mapping of 'mine' in Port: resources[1].port: is missing; add it",
    ]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("resources: []", "is no mapping; write keys with values, the entries under `resources`"),
        (
            {"mappings": [], "webhookMappings": []},
            "mappings: is the same as webhookMappings; write one of them",
        ),
    ],
)
async def test_config_that_is_no_mapping_is_refused(config: Any, says: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        await mapping({"config": config}, may_be_default=True)
    assert str(raised.value) == f"mapping of 'mine' in Port: {says}"
