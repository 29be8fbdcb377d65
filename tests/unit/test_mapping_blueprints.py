"""`pagerport mapping check --port`: what does not go with the blueprints is named, all else left in peace."""

from typing import Any

import pytest

from services.cli.mapping.blueprints import compare
from services.fetcher.default_resources import default_blueprints, default_mapping
from shared.mapping_file import parse_mapping, placed

Json = Any
MAPPING = """\
resources:
- kind: incidents
  port:
    entity:
      mappings:
        identifier: .id
        blueprint: '"incident"'
        properties: {{{properties}}}
        relations: {{{relations}}}
"""
INCIDENT = {
    "identifier": "incident",
    "schema": {
        "properties": {
            "status": {"type": "string", "enum": ["triggered", "resolved"]},
            "text": {"type": "string"},
            "number": {"type": "number"},
            "flag": {"type": "boolean"},
            "thing": {"type": "object"},
            "list": {"type": "array", "items": {"type": "number"}},
        },
        "required": [],
    },
    "relations": {"service": {"target": "service", "many": False}, "teams": {"target": "team", "many": True}},
    "calculationProperties": {"age": {}},
}
P = "resources[0].port.entity.mappings.properties"
R = "resources[0].port.entity.mappings.relations"


def lines(
    properties: str = "", relations: str = "", *, definition: dict[str, Json] | None = None, created: str = ""
) -> list[str]:
    loaded = parse_mapping(MAPPING.format(properties=properties, relations=relations), "m")
    there = {"incident": INCIDENT if definition is None else definition}
    found = placed(loaded, compare(loaded.config, there if definition != {} else {}, {created}))
    return [f"{one.severity} {loaded.line(one)}".replace(" m:", " ") for one in found]


def test_what_fits_or_can_be_made_to_fit_is_left_in_peace() -> None:
    properties = (
        "text: .title, number: .incident_number, list: .teams | map(length), thing: .service, "
        "flag: .is_mergeable, status: .foo"
    )
    assert lines(properties, 'service: .service.id, teams: "[.teams[].id]"') == []
    assert lines("text: .incident_number, number: .title, flag: .title, list: .incident_number") == []
    assert lines("text: 'null', thing: 'null'", "service: 'null'") == []


NO_FIT = "which does not fit the blueprint's"


@pytest.mark.parametrize(
    ("properties", "column", "says"),
    [
        ("staus: .status", 29, "incident has no property staus: it is never sent; did you mean status?"),
        (
            "age: .id",
            27,
            "incident computes age (calculationProperties): it cannot be written; leave it out",
        ),
        ("text: .teams", 28, f"gives a list, {NO_FIT} string property"),
        ("thing: .title", 29, f"gives a string, {NO_FIT} object property"),
        ("number: .service", 30, f"gives an object, {NO_FIT} number property"),
        (
            "status: .status",
            30,
            "may give acknowledged, which the blueprint's enum has not: it is not sent then",
        ),
        ('list: "[.teams[]]"', 28, f"gives a list of what is an object, {NO_FIT} number property"),
    ],
)
def test_property_that_never_arrives_is_named(properties: str, column: int, says: str) -> None:
    assert lines(properties) == [f"warning 8:{column}: {P}.{properties.partition(':')[0]}: {says}"]


def test_relation_that_never_arrives_is_named() -> None:
    assert lines(relations="servce: .service.id") == [
        f"warning 9:29: {R}.servce: incident has no relation servce: it is never sent; did you mean service?"
    ]
    assert lines(relations='service: "[.teams[].id]"') == [
        f"warning 9:30: {R}.service: gives a list, and the relation of incident has one target: it fits with "
        "one item only"
    ]


def test_what_the_blueprint_requires_and_nobody_maps_is_named() -> None:
    schema = {"properties": {"text": {"type": "string"}, "number": {}}, "required": ["text", "number"]}
    definition = {"identifier": "incident", "schema": schema, "relations": {"service": {"required": True}}}

    assert lines("text: .title", definition=definition) == [
        "warning 7:20: resources[0].port.entity.mappings.blueprint: incident requires number, service, which "
        "no entry maps: Port refuses new entities"
    ]


def test_missing_blueprint_is_an_error_unless_the_first_sync_creates_it() -> None:
    where = "7:20: resources[0].port.entity.mappings.blueprint"
    assert lines(definition={}) == [
        f"error {where}: Port has no blueprint incident; create it in Port, or mend its name"
    ]
    assert lines(definition={}, created="incidents") == [
        f"error {where}: Port has no blueprint incident; did you mean incidents?"
    ]
    assert lines(definition={}, created="incident") == [
        f"warning {where}: Port has no blueprint incident yet; the first sync creates it"
    ]


def test_mappings_of_events_are_compared_too_unless_they_delete() -> None:
    text = (
        "- {blueprint: incident, entity: {identifier: .body.id, properties: {x: .body.id}}}\n"
        "- {blueprint: other, operation: delete, entity: {identifier: .body.id}}\n"
    )
    loaded = parse_mapping(text, "m")

    (problem,) = compare(loaded.config, {"incident": INCIDENT}, set())

    assert problem.path == "webhookMappings[0].entity.properties.x"


def test_default_mapping_goes_with_the_default_blueprints() -> None:
    definitions = {one["identifier"]: one for one in default_blueprints()}

    assert list(compare(default_mapping().config, definitions, set())) == []
