"""What a mapping does in vain: named at its place, with what to write instead."""

from pathlib import Path

import pytest

from services.fetcher.default_resources import default_mapping
from shared.mapping_file import advise_mapping, check_mapping, parse_mapping

ENTRY = """\
resources:
- kind: {kind}
  selector: {{query: {query}, apiQueryParams: {params}}}
  port:
    {items}
    entity:
      mappings:
        identifier: {identifier}
        title: {title}
        blueprint: '"thing"'
        properties:
          note: {note}
        relations:
          to: {to}
"""
M = "resources[0].port.entity.mappings"


def lines(**parts: str) -> list[str]:
    usual = {
        "kind": "incidents",
        "query": '"true"',
        "params": "{}",
        "items": "itemsToParseName: item",
        "identifier": ".id",
        "title": ".title",
        "note": ".status",
        "to": ".service.id",
    }
    loaded = parse_mapping(ENTRY.format(**{**usual, **parts}), "m.yaml")
    return [loaded.line(problem).removeprefix("m.yaml:") for problem in advise_mapping(loaded)]


def test_sound_entry_has_no_advice() -> None:
    assert lines() == []


def test_default_mapping_does_nothing_in_vain() -> None:
    assert advise_mapping(default_mapping()) == []


def test_unknown_field_is_placed_in_its_line_of_a_block() -> None:
    (line,) = lines(note="|\n            .title\n              + .stauts")

    assert line.startswith(
        f"14:18: {M}.properties.note: PagerDuty documents no stauts of incidents: it is null"
    )


@pytest.mark.parametrize(
    ("parts", "at", "says"),
    [
        (
            {"query": ".title"},
            "3:21: resources[0].selector.query",
            "gives a string, never true or false: every object fails; write a condition",
        ),
        ({"title": ".teams"}, f"9:16: {M}.title", "gives a list, want a text: it is always omitted"),
        (
            {"identifier": ".alert_counts // {}"},
            f"8:21: {M}.identifier",
            "gives an object, want a text: every object fails",
        ),
        (
            {"to": ".service // {}"},
            f"14:15: {M}.relations.to",
            "gives an object, want an identifier or a list of them: it is always omitted",
        ),
    ],
)
def test_value_of_a_type_that_never_fits_is_named(parts: dict[str, str], at: str, says: str) -> None:
    assert lines(**{name: f"'{text}'" for name, text in parts.items()}) == [f"{at}: {says}"]


def test_value_that_may_be_null_is_not_named_for_it_clears() -> None:
    assert lines(title=".service", to=".service") == []


@pytest.mark.parametrize(
    ("query", "params", "says"),
    [
        ("'.status == \"open\"'", "{}", '.status is one of acknowledged, resolved, triggered, never "open"'),
        ("'.incident_number == \"7\"'", "{}", '.incident_number is a number, never "7"'),
        (
            "'.status == \"resolved\" and (\"triggered\" == .status)'",
            "{}",
            'asks .status to be "resolved" and "triggered" at once',
        ),
        (
            "'.status == \"resolved\" and true'",
            "{statuses: [triggered]}",
            'asks .status to be "resolved", but apiQueryParams.statuses leaves that out',
        ),
        (
            "'.urgency == \"low\"'",
            "{urgencies: [high]}",
            'asks .urgency to be "low", but apiQueryParams.urgencies leaves that out',
        ),
        ("'.status == \"resolved\" or .status == \"triggered\"'", "{}", ""),
        ("'.status == \"resolved\"'", "{statuses: [resolved, triggered]}", ""),
        ("'.title == \"open\"'", "{}", ""),
    ],
)  # fmt: skip
def test_selector_that_no_object_can_meet_is_named(query: str, params: str, says: str) -> None:
    found = lines(query=query, params=params)

    assert found == ([f"3:21: resources[0].selector.query: {says}: no object is selected"] if says else [])


def test_identifier_with_a_part_that_may_be_null_is_named() -> None:
    assert lines(identifier='.id + "-" + .description') == [
        f"8:33: {M}.identifier: .description may be null: objects become one entity; "
        "write `(.description // …)`"
    ]
    assert lines(identifier='.id + (.description // "-")') == []
    assert lines(identifier="'\"\\(.incident_number)-\\(.id)\"'") == []
    assert lines(identifier="'\"\\(.description)-\\(.id)\"'") != []


def test_items_are_followed_and_the_list_that_is_taken_out_is_gone() -> None:
    items = "itemsToParse: .assignments"
    assert lines(items=items, note=".item.at", identifier=".item.assignee.id", to=".item.assignee.foo") == [
        f"14:30: {M}.relations.to: a reference to users has no foo here: it needs `include: [assignees]` in "
        "apiQueryParams"
    ]
    assert lines(items=items, note=".assignments") == [
        f"12:18: {M}.properties.note: assignments: is taken out by itemsToParse; read .item, or set "
        "itemsToParseTopLevelTransform: false"
    ]
    assert lines(items="itemsToParse: .asignments")[0].startswith(
        "5:20: resources[0].port.itemsToParse: PagerDuty"
    )


def test_kind_whose_fields_are_not_declared_is_left_in_peace() -> None:
    assert lines(kind="vendors", note=".never.heard.of", query="'.a == 1 and .b == 2'") == []


PAGE = Path(__file__).parent / "page_webhook_mapping.json"


def test_faults_of_the_pages_webhook_configuration_are_named_with_what_to_write() -> None:
    loaded = parse_mapping(PAGE.read_text(), "page")
    (error,) = [one for one in check_mapping(loaded) if one.severity == "error"]
    advice = {one.path: one.message for one in advise_mapping(loaded)}

    priority = "webhookMappings[1].entity.properties.priority"
    assert (error.path, error.message.partition("; ")[2]) == (
        priority,
        "did you mean `.body.event.data | if .priority != null then .priority.summary else null end`?",
    )
    no_enrichment = "which only objects of `resources` are given"
    assert {
        path.replace("webhookMappings", "w"): message.rpartition(";")[2].strip()
        for path, message in advice.items()
    } == {
        "w[0].blueprint": "the page that has this mapping makes the blueprint pagerdutyService, not "
        "microservice: write `pagerdutyService`, unless you have one of that name (`--port` asks)",
        "w[0].filter": 'write `.body.event.data.type == "service"`',
        "w[0].entity.properties.status": "PagerDuty documents no status of event data: it is null",
        **{
            f"w[0].entity.properties.{name}": f"no event carries {key}, {no_enrichment}: leave it out here, "
            "or map the kind under `resources`"
            for name, key in (
                ("oncall", "__oncall_user"),
                ("escalationLevels", "__oncall_user"),
                ("meanSecondsToResolve", "__analytics"),
            )
        },
        "w[1].filter": 'write `.body.event.data.type == "incident"`',
        "w[1].entity.properties.assignees": "in an event that is "
        "`.body.event.data.assignees // [] | map(.summary)`",
        "w[1].entity.properties.updated_at": "in an event that is `.body.event.occurred_at`",
        "w[1].entity.properties.description": "in an event that is `.body.event.data.title`",
        "w[1].entity.relations.microservice": "the page's blueprint has the relation pagerdutyService, not "
        "microservice: write `pagerdutyService`, unless yours has it (`--port` asks)",
    }


def test_pages_configuration_as_advised_has_only_what_events_do_not_carry_left() -> None:
    text = PAGE.read_text()
    for wrong, right in (
        (".body.event.dataif", ".body.event.data | if"),
        (".data.assignments | map(.assignee.email)", ".data.assignees // [] | map(.summary)"),
        (".body.event.data.updated_at", ".body.event.occurred_at"),
        (".body.event.data.description", ".body.event.data.title"),
        ('.body.event.event_type | startswith(\\"service\\")', '.body.event.data.type == \\"service\\"'),
        ('.body.event.event_type | startswith(\\"incident\\")', '.body.event.data.type == \\"incident\\"'),
        ("microservice", "pagerdutyService"),
    ):
        assert wrong in text
        text = text.replace(wrong, right)
    loaded = parse_mapping(text, "page")

    assert [one.severity for one in check_mapping(loaded)] == ["warning"]
    assert {one.path.rpartition(".")[2] for one in advise_mapping(loaded)} == {
        *("status", "oncall", "escalationLevels", "meanSecondsToResolve")
    }
