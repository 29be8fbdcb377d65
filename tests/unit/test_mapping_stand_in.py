"""What has not its form hides nothing of the rest of a mapping: something stands in, and is not spoken of."""

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from shared.mapping_check import line_of
from shared.mapping_file import MappingRefusedError, mapping_from, parse_mapping
from shared.mapping_stand_in import stand_in

Json = Any
RULE = {"property": '"a"', "operator": '"="', "value": ".x"}
SOUND: Json = {
    "resources": [
        {
            "kind": "incidents",
            "selector": {"query": "true", "apiQueryParams": {"statuses": ["triggered"]}},
            "port": {
                "itemsToParse": ".assignments",
                "entity": {
                    "mappings": {
                        "identifier": ".id",
                        "blueprint": '"b"',
                        "team": {"combinator": '"and"', "rules": [RULE]},
                        # Called like the parts of an entry.
                        "properties": {
                            "kind": ".title",
                            "rules": ".title",
                            "port": ".title",
                            "type": ".title",
                        },
                        "relations": {
                            "r": {"combinator": '"or"', "rules": [{"combinator": '"and"', "rules": [RULE]}]}
                        },
                    }
                },
            },
        }
    ],
    "webhookMappings": [
        {"blueprint": "s", "operation": {"type": "delete"}, "entity": {"identifier": ".body.event.data.id"}}
    ],
    "entityDeletionThreshold": 0.3,
}
WRONG: tuple[Json, ...] = (
    *(None, [], {}, [1], [{}], [[]], {"a": 1}, "x |", "", 3, True, 1e400),
    *({"rules": [3]}, {"combinator": '"and"', "rules": []}, {"type": "x"}, [{"kind": 3}], {"mappings": {}}),
)


def test_expressions_are_judged_beside_what_has_not_its_form() -> None:
    text = """\
resources:
- kind: Incident
  selector: {apiQueryParams: {foo: 1}, query: .status ==}
  port:
    itemsToParseTopLevelTransform: maybe
    entity:
      mappings:
        identifier: [.id]
        blueprint: pagerdutyIncident
        properties:
          status: {a: .b}
          kind: [.x]
          note: .foo | bar
        relations:
          team: {combinator: '"and"', rules: [3, {property: '"a"', operator: '"="', value: .x |}]}
          owner: {combinator: '"or"', rules: []}
- just text
- kind: services
  selector: {apiQueryParams: {foo: 1}, query: yes}
  port: {entity: {mappings: {identifier: .id, blueprint: '"s"', title: .nme}}}
- kind: service
  port: {entity: }
webhookMappings:
- blueprint: {s: 1}
  operation: {type: remove}
  entity: {identifier: .body.event.data.id, title: .body |}
- entity: 7
"""

    with pytest.raises(MappingRefusedError) as raised:
        parse_mapping(text, "m.yaml")

    first = "resources[0].port.entity.mappings"
    incomplete = "does not compile: the expression is not complete (syntax error)"
    assert [f"{one.severity} {line_of('m', one)}".split(";")[0] for one in raised.value.problems] == [
        "error m:2:9: resources[0].kind: must be a kind as PagerDuty writes it: lower case, digits, "
        "`_`, `/`, `-`",
        f"error m:3:57: resources[0].selector.query: {incomplete}",
        "error m:5:36: resources[0].port.itemsToParseTopLevelTransform: must be true or false",
        f"error m:8:21: {first}.identifier: must be text (a JQ expression)",
        f"error m:9:20: {first}.blueprint: pagerdutyIncident is no JQ function",
        f"error m:11:19: {first}.properties.status: must be text (a JQ expression)",
        f"error m:12:17: {first}.properties.kind: must be text (a JQ expression)",
        f"error m:13:24: {first}.properties.note: does not compile: bar/0 is not defined",
        f"error m:15:47: {first}.relations.team.rules[0]: must be keys with values",
        f"error m:15:96: {first}.relations.team.rules[1].value: {incomplete}",
        f"error m:16:46: {first}.relations.owner.rules: must not be empty",
        "error m:17:3: resources[1]: must be keys with values",
        "error m:19:36: resources[2].selector.apiQueryParams.foo: is not a parameter of PagerDuty's list "
        "of services",
        "warning m:19:47: resources[2].selector.query: YAML reads plain yes as true or false",
        "warning m:20:73: resources[2].port.entity.mappings.title: PagerDuty documents no nme of services: "
        "it is null",
        "error m:21:9: resources[3].kind: 'service' is not a kind PagerDuty lists",
        "error m:22:17: resources[3].port.entity: must be keys with values",
        "error m:24:14: webhookMappings[0].blueprint: must be text (no JQ)",
        "error m:25:21: webhookMappings[0].operation.type: must be 'create' or 'delete'",
        f"error m:26:59: webhookMappings[0].entity.title: {incomplete}",
        "error m:27:3: webhookMappings[1].blueprint: is missing",
        "error m:27:11: webhookMappings[1].entity: must be keys with values",
    ]


def places_in(data: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in members:
        yield (*path, key)
        yield from places_in(value, (*path, key))


@pytest.mark.parametrize("seed", range(60))
def test_something_stands_in_for_whatever_is_wrong_and_is_not_spoken_of(seed: int) -> None:
    random, data = Random(seed), copy.deepcopy(SOUND)  # noqa: S311 - a series that can be named
    for _ in range(random.choice((1, 2, 4))):
        (*before, key) = random.choice(list(places_in(data)))
        holder = data
        for step in before:
            holder = holder[step]
        holder[key] = copy.deepcopy(random.choice(WRONG))

    standing = stand_in(data)

    assert standing is not None
    try:
        mapping_from(data, "m")
    except MappingRefusedError as error:
        told = [one.path for one in error.problems]
        # Each mistake of form is one line, and nothing is said of what stands in for it.
        assert all(told.count(path) <= 1 for path in standing.paths)
    else:
        assert standing.paths == frozenset()


def test_a_sound_mapping_stands_for_itself() -> None:
    standing = stand_in(SOUND)

    assert standing is not None
    assert standing.paths == frozenset()
    assert not standing.is_about("resources[0].kind")
