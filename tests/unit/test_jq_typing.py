"""Following expressions: what they give, the fields they ask for in vain, silence where nothing is known."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.mapping import Selector
from shared import kind_fields
from shared.jq_engine import ExpressionError, LibjqEngine
from shared.jq_parser import parse
from shared.jq_shape import ANY_TYPE
from shared.jq_typing import Typed, follow
from shared.kind_fields import shape_of_event, shape_of_kind
from shared.kinds import KINDS
from tests.mapper_builders import an_incident


def followed(kind: str, text: str, **selector: object) -> Typed:
    node = parse(text)
    assert node is not None
    if kind == "event":
        return follow(node, shape_of_event(""))
    return follow(node, shape_of_kind(kind, [Selector.model_validate(selector)]))


def findings(kind: str, text: str, **selector: object) -> list[tuple[int, str]]:
    return [(one.at, one.says) for one in followed(kind, text, **selector).findings]


NONE = "PagerDuty documents no {} of {}: it is null"


@pytest.mark.parametrize(
    ("kind", "text", "at", "says"),
    [
        ("incidents", ".stauts", 1, NONE.format("stauts", "incidents") + "; did you mean status?"),
        ("incidents", ".id as $x | .qqq", 13, NONE.format("qqq", "incidents")),
        ("incidents", "{a: .id, foo}", 9, NONE.format("foo", "incidents")),
        ("incidents", '"\\(.qqq) x"', 4, NONE.format("qqq", "incidents")),
        ("incidents", "if .qqq then 1 else 2 end", 4, NONE.format("qqq", "incidents")),
        ("incidents", "add(.assignments[] | .ta)", 22, NONE.format("ta", "assignment")),
        ("incidents", "[.assignments[] | .ta]", 19, NONE.format("ta", "assignment")),
        (
            "services",
            ".__oncall_user | sort_by(.escalation_level) | .[0].user.emial",
            56,
            NONE.format("emial", "users") + "; did you mean email?",
        ),
        (
            "incidents",
            ".teams.name",
            7,
            "asks a list for the field name: it fails; write `.[].name` within `[…]` for a list of them",
        ),
        ("incidents", ".title.x", 7, "asks a string for the field x: it fails"),
        ("incidents", ".title[]", 0, "what stands before is a string, which has no items: it fails"),
        (
            "incidents",
            ".assignments[0].assignee.email",
            25,
            "a reference to users has no email here: it needs `include: [assignees]` in apiQueryParams",
        ),
        (
            "services",
            ".escalation_policy.nme",
            19,
            NONE.format("nme", "a reference to escalation_policies") + "; did you mean name?",
        ),
        (
            "incidents",
            ".__analytics.x",
            1,
            "incidents has no __analytics here: it needs `incidentAnalytics: true` in the selector",
        ),
        (
            "event",
            ".body.event.data.assignments",
            17,
            NONE.format("assignments", "event data") + "; did you mean assignees?",
        ),
    ],
)
def test_field_that_no_object_has_is_found_at_its_place(kind: str, text: str, at: int, says: str) -> None:
    assert findings(kind, text) == [(at, says)]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("incidents", ".assignments | map(.assignee.summary)"),
        ("incidents", '[.teams[].summary] | join(",")'),
        ("incidents", ".priority.name // .urgency"),
        ("incidents", ".body.details.whatever"),
        ("incidents", ".alert_counts.all + 1"),
        ("incidents", "$ENV.x, env.y, (now | todate)"),
        ("incidents", "reduce .teams[] as $t (0; . + 1)"),
        ("incidents", "with_entries(select(.key | startswith(\"x\")))"),
        ("incidents", "to_entries[] | .value.foo"),
        ("incidents", ".title | test(\"x\")"),
        ("incidents", ".title.x?"),
        ("incidents", "try .title.x catch null"),
        ("incidents", "first(.teams[] | select(.id == \"x\")).summary"),
        ("oncalls", ".user.email"),
        ("schedules", "[.users[].__email]"),
        ("vendors", ".anything.at.all"),
        ("event", '.headers["x-any"] + .queryParams.q'),
        ("event", ".body.event.data.incident.id"),
    ],
)  # fmt: skip
def test_nothing_is_said_where_all_is_well_or_nothing_is_known(kind: str, text: str) -> None:
    # An on-call that is asked for with any parameter comes with its user.
    params = {"apiQueryParams": {"user_ids": ["x"]}} if kind == "oncalls" else {}
    assert findings(kind, text, **params) == []


def test_what_an_entry_includes_and_switches_on_is_there() -> None:
    with_assignees = {"include": ["assignees"]}
    assert findings("incidents", ".assignments[].assignee.email", apiQueryParams=with_assignees) == []
    assert findings("incidents", ".__analytics.x", incidentAnalytics=True) == []
    assert findings("services", ".__analytics.x", serviceAnalytics=False) == [
        (1, "__analytics: serviceAnalytics is false")
    ]


def test_what_one_entry_includes_another_of_the_kind_may_see_too() -> None:
    selectors = [Selector(), Selector.model_validate({"apiQueryParams": {"include": ["assignees"]}})]
    node = parse(".assignments[].assignee.email")
    assert node is not None

    assert follow(node, shape_of_kind("incidents", selectors)).findings == ()


@pytest.mark.parametrize(
    ("text", "types"),
    [
        (".title", {"string"}),
        (".priority", {"object", "null"}),
        (".priority.name", {"string", "null"}),
        (".priority.name // \"-\"", {"string"}),
        (".teams", {"array"}),
        (".teams | length", {"number"}),
        (".status == \"x\"", {"boolean"}),
        (".title + .description", {"string"}),
        ("if .is_mergeable then 1 else \"x\" end", {"number", "string"}),
        (".foo.bar", ANY_TYPE),
        (".title | splits(\" \")", ANY_TYPE),
        (".title | reverse", ANY_TYPE),
        (".teams | reverse", {"array"}),
        (".teams | add(.[].summary)", ANY_TYPE),
        (".teams | add", {"object", "null"}),
        ("empty", set()),
    ],
)  # fmt: skip
def test_types_of_what_is_given_are_known_where_they_can_be(text: str, types: set[str]) -> None:
    assert followed("incidents", text).gives.types == types


PARTS = st.sampled_from(
    [
        ".title",
        ".priority",
        ".priority.name",
        ".teams",
        ".teams[].id",
        ".assignments | map(.at)",
        ".alert_counts.all",
        ".is_mergeable",
        "null",
        "[.teams[] | .summary]",
        ".description // .title",
        "{a: .id, b: .teams}",
        ".service.id",
        "(.teams | length) > 0",
        ".teams | first",
        ".created_at | length",
    ]
)
JOINTS = st.sampled_from(
    [
        "{0}",
        "[{0}, {1}]",
        "({0}) // ({1})",
        "if ({0}) then ({1}) else .id end",
        "({0}), ({1})",
        "{0} | tostring",
    ]
)


@given(joint=JOINTS, one=PARTS, other=PARTS, is_bare=st.booleans())
def test_what_libjq_gives_is_of_a_type_that_was_said(joint: str, one: str, other: str, is_bare: bool) -> None:
    text = joint.format(one, other)
    typed = followed("incidents", text)
    incident = an_incident(description=None, priority=None, is_mergeable=True)
    if is_bare:
        incident |= {"teams": [], "assignments": [], "service": None, "alert_counts": None}
    try:
        outputs = LibjqEngine().compile(text).first(json.dumps(incident))
    except ExpressionError:
        return
    assert {_type(value) for value in outputs} <= typed.gives.types


def _type(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    for kind, name in ((str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return name
    return "number"


def test_declared_kinds_are_kinds_and_their_fields_can_all_be_read() -> None:
    everything = Selector.model_validate({"incidentAnalytics": True, "includeCustomFields": True})

    declared = json.loads(Path(kind_fields.__file__).with_suffix(".json").read_text())["kinds"]

    assert declared
    assert declared.keys() <= KINDS.keys()
    for kind in declared:
        shape = shape_of_kind(kind, [everything])
        assert shape.fields is not None
        assert shape.missing == {}
        for make in shape.fields.values():
            assert make().types <= ANY_TYPE
