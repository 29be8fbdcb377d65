"""Proves what an entry makes of an object: the classes of values, identifiers, selectors, items, deletes."""

from typing import Any

import pytest

from schemas.entity_change import ChangeSource, EntityChange
from schemas.headers import Operation
from schemas.outcome import Reason
from services.mapper.objects import ObjectMapper
from tests.mapper_builders import INCIDENTS, a_plan, a_raw, an_entry, changes_of, map_one

Json = Any
SERVICES = "pagerduty.raw.services"


def only(mapped: Any) -> EntityChange:
    (change,) = changes_of(mapped)
    return change


def test_an_entity_is_made_whole() -> None:
    mapped = map_one(
        a_raw({"id": "I1", "title": "Fire", "n": 3, "service": {"id": "S1"}, "people": ["a", None, 2]}),
        an_entry(
            title=".title",
            icon='"pagerduty"',
            team=".people",
            properties={"n": ".n", "missing": ".x.y", "map": "{a: .n}"},
            relations={"service": ".service.id", "people": ".people", "none": "null"},
        ),
        createMissingRelatedEntities=False,
        deleteDependentEntities=False,
    )

    assert only(mapped) == EntityChange(
        operation=Operation.UPSERT,
        blueprint="incident",
        identifier="I1",
        title="Fire",
        icon="pagerduty",
        team=["a", "2"],
        properties={"n": 3, "missing": None, "map": {"a": 3}},
        relations={"service": "S1", "people": ["a", "2"], "none": None},
        merge=True,
        create_missing_related_entities=False,
        delete_dependents=False,
        source=ChangeSource(
            kind="incidents", object_id="I1", topic=INCIDENTS, partition=2, offset=17, mapping_version=3
        ),
    )
    assert mapped.counts == {"mapped": 1, "emitted": 1}
    assert mapped.failures == []


def test_title_icon_and_team_are_sent_only_when_mapped() -> None:
    unmapped = only(map_one(a_raw({"id": "I1"}), an_entry()))
    null = only(map_one(a_raw({"id": "I1"}), an_entry(title=".t", icon=".i", team=".u")))

    assert {"title", "icon", "team"} & unmapped.model_fields_set == set()
    assert {"title", "icon", "team"} <= null.model_fields_set
    assert (null.title, null.icon, null.team) == (None, None, None)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (".gone", None),
        (".gone.deeper", None),
        ("null", None),
        (".off", False),
        (".zero", 0),
        (".text", ""),
        (".list", []),
        ("{}", {}),
        (".many[]", 1),
        (".off, true", False),
        ("1e1000", 1.7976931348623157e308),
        ("100000000000000000000", 100000000000000000000),
        (".many | length", 2),
    ],
)
def test_a_value_is_sent_as_it_is_and_null_clears(expression: str, value: Json) -> None:
    document = {"id": "I1", "off": False, "zero": 0, "text": "", "list": [], "many": [1, 2]}

    change = only(map_one(a_raw(document), an_entry(properties={"p": expression})))

    assert change.properties == {"p": value}
    assert change.omits == ()


@pytest.mark.parametrize(
    "expression",
    [
        "empty",
        ".many[] | select(. > 5)",
        ".id | .x",
        'error("no")',
        "error(null)",
        "error({a: 1})",
        "error({__jq: 0})",
        "halt",
        "halt_error",
        "input",
        "inputs",
        "label $f | break $f",
        "try error(null) catch error",
    ],
)
def test_an_expression_without_value_is_omitted_and_costs_only_itself(expression: str) -> None:
    mapped = map_one(
        a_raw({"id": "I1", "many": [1, 2]}),
        an_entry(properties={"before": ".id | ascii_downcase", "p": expression, "after": ".many | length"}),
        an_entry(properties={"other": ".many | add"}),
    )

    change = only(mapped)
    assert change.properties == {"before": "i1", "after": 2, "other": 3}
    assert change.omits == ("properties.p",)
    assert change.merge
    assert mapped.counts == {"mapped": 1, "emitted": 1, "omitted": 1}


def test_what_cannot_be_a_title_a_team_or_a_relation_is_omitted() -> None:
    change = only(
        map_one(
            a_raw({"id": "I1"}),
            an_entry(title="[1]", icon="{}", team="[{}]", relations={"a": "{}", "b": "[[1]]", "c": "7"}),
        )
    )

    assert change.omits == ("title", "icon", "team", "relations.a", "relations.b")
    assert change.relations == {"c": "7"}


def test_an_omission_forces_merge_where_the_mapping_replaces_whole_entities() -> None:
    whole = only(map_one(a_raw({"id": "I1"}), an_entry(properties={"a": ".id"}), enableMergeEntity=False))
    part = only(map_one(a_raw({"id": "I1"}), an_entry(properties={"a": "empty"}), enableMergeEntity=False))

    assert (whole.merge, part.merge) == (False, True)


def test_an_expression_that_names_a_key_that_could_not_be_had_is_omitted() -> None:
    mapped = map_one(
        a_raw({"id": "I1", "__analytics": None}, omitted=("__analytics", "__x")),
        an_entry(properties={"a": ".__analytics.mean // 0", "b": ".__analytics_total", "c": ".id"}),
    )

    change = only(mapped)
    assert change.properties == {"b": None, "c": "I1"}
    assert change.omits == ("properties.a",)
    assert mapped.counts["omitted"] == 1


def test_search_query_is_omitted_only_where_it_names_such_a_key_itself() -> None:
    def found_by(value: str) -> Json:
        return {
            "combinator": '"and"',
            "rules": [
                {"property": '"email"', "operator": '"="', "value": ".id"},
                {
                    "combinator": '"or"',
                    "rules": [{"property": '"email"', "operator": '"="', "value": value}],
                },
            ],
        }

    relations = {name: found_by(value) for name, value in (("a", ".id"), ("b", ".__x"), ("c", "error"))}
    mapped = map_one(a_raw({"id": "I1"}, omitted=("__x",)), an_entry(relations=relations))

    assert (list(only(mapped).relations), only(mapped).omits) == (["a"], ("relations.b", "relations.c"))
    assert [(one.path, one.cause) for one in mapped.omissions] == [
        ("relations.b", "reads what could not be had this time"),
        ("relations.c", "a part of the search query failed or is of the wrong type"),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        an_entry(query=".__analytics.n > 3"),
        an_entry(identifier=".id + (.__analytics.n | tostring)"),
        an_entry(items=".__analytics.list"),
    ],
)
def test_an_entry_that_needs_such_a_key_to_be_judged_neither_makes_nor_deletes(
    entry: dict[str, Json],
) -> None:
    mapped = map_one(
        a_raw({"id": "I1", "status": "x"}, omitted=("__analytics",)),
        {**entry, "port": {**entry["port"]}},
        an_entry(query="false", properties={"a": ".id"}),
    )

    assert mapped.changes == []
    assert mapped.failures == []
    assert mapped.counts == {"mapped": 1, "omitted": 1, "unjudged": 1}


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        (".n", "3"),
        ("3.0", "3"),
        (".n / 2", "1.5"),
        ("true", "true"),
        (".id | tostring", "I1"),
        (".n | tostring", "3"),
    ],
)
def test_numbers_and_booleans_become_texts(identifier: str, text: str) -> None:
    change = only(map_one(a_raw({"id": "I1", "n": 3}), an_entry(identifier=identifier, title=identifier)))

    assert (change.identifier, change.title) == (text, text)


@pytest.mark.parametrize(
    ("identifier", "blueprint", "reason", "counts"),
    [
        (".gone", '"b"', Reason.IDENTIFIER_NULL, {"rejected": 1}),
        ('""', '"b"', Reason.IDENTIFIER_NULL, {"rejected": 1}),
        (".id.x", '"b"', Reason.IDENTIFIER_ERROR, {"failed": 1}),
        ("empty", '"b"', Reason.IDENTIFIER_ERROR, {"failed": 1}),
        ("[.id]", '"b"', Reason.IDENTIFIER_ERROR, {"failed": 1}),
        ("{}", '"b"', Reason.IDENTIFIER_ERROR, {"failed": 1}),
        (".id", ".gone", Reason.BLUEPRINT_NULL, {"failed": 1}),
        (".id", '""', Reason.BLUEPRINT_NULL, {"failed": 1}),
        (".id", "7", Reason.IDENTIFIER_ERROR, {"failed": 1}),
        (".id", "error", Reason.IDENTIFIER_ERROR, {"failed": 1}),
    ],
)
def test_an_entity_without_identifier_or_blueprint_is_a_counted_failure(
    identifier: str, blueprint: str, reason: Reason, counts: dict[str, int]
) -> None:
    mapped = map_one(a_raw({"id": "I1"}), an_entry(identifier=identifier, blueprint=blueprint))

    assert [failure.reason for failure in mapped.failures] == [reason]
    assert mapped.changes == []
    assert mapped.counts == counts


def test_other_entries_go_on_when_one_fails() -> None:
    mapped = map_one(
        a_raw({"id": "I1"}),
        an_entry(identifier=".gone"),
        an_entry(query=".id"),
        an_entry(properties={"a": ".id"}),
    )

    assert only(mapped).properties == {"a": "I1"}
    assert [(one.reason, one.entry) for one in mapped.failures] == [
        (Reason.IDENTIFIER_NULL, 0),
        (Reason.SELECTOR_ERROR, 1),
    ]
    assert mapped.counts == {"failed": 1, "emitted": 1}


@pytest.mark.parametrize(
    ("query", "gave"),
    [
        ('"true"', 'gave "true" (string)'),
        ("1", "gave 1 (number)"),
        ("0", "gave 0 (number)"),
        (".n", "gave 1 (number)"),
        ("null", "gave null"),
        ("{}", "gave {} (object)"),
        ('.gone | startswith("x")', "raised: startswith() requires string inputs"),
        (".id.x", 'raised: Cannot index string with "x"'),
        ("empty", "gave no output"),
        ("halt", "gave no output"),
        ("error(null)", "raised: null"),
    ],
)
def test_a_selector_that_gives_no_boolean_fails_the_object_and_never_deletes(query: str, gave: str) -> None:
    mapped = map_one(a_raw({"id": "I1", "n": 1}), an_entry(query=query, properties={"a": ".id"}))

    (failure,) = mapped.failures
    assert (failure.reason, failure.entry) == (Reason.SELECTOR_ERROR, 0)
    assert failure.detail.startswith(f"selector `{query}` {gave}")
    assert failure.detail.endswith(", want true or false")
    assert mapped.changes == []
    assert mapped.counts == {"failed": 1}


def test_a_selector_with_several_outputs_gives_its_first() -> None:
    assert map_one(a_raw({"id": "I1"}), an_entry(query="true, 7")).counts == {"mapped": 1, "emitted": 1}


def test_details_never_hold_a_whole_body() -> None:
    secret = "s" * 100_000
    mapped = map_one(
        a_raw({"id": "I1", "body": secret}), an_entry(query="error(.body)"), an_entry(query=".body")
    )

    assert max(len(failure.detail) for failure in mapped.failures) < 500


def test_what_a_search_identifier_relation_and_team_become() -> None:
    def query(value: str) -> dict[str, Json]:
        rule = {"property": '"email"', "operator": '"="', "value": value}
        return {"combinator": '"and"', "rules": [rule, {"combinator": '"or"', "rules": [rule]}]}

    mapped = map_one(
        a_raw({"id": "I1", "mail": "é@b", "n": 1.5}),
        an_entry(
            identifier=query(".mail"), team=query(".n"), relations={"r": query(".list"), "s": query("empty")}
        ),
    )

    change = only(mapped)
    rule = {"property": "email", "operator": "=", "value": "é@b"}
    expected = {"combinator": "and", "rules": [rule, {"combinator": "or", "rules": [rule]}]}
    dumped = change.model_dump(mode="json")
    assert dumped["identifier"] == expected
    assert dumped["team"]["rules"][0]["value"] == 1.5
    assert dumped["relations"]["r"] is None
    assert change.omits == ("relations.s",)


def a_search(combinator: str, *rules: Json) -> Json:
    return {"combinator": f'"{combinator}"', "rules": list(rules)}


def a_rule(name: str, value: str) -> Json:
    return {"property": f'"{name}"', "operator": '"="', "value": value}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (a_search("and", a_rule("a", ".gone")), None),
        (a_search("and", a_rule("a", ".id"), a_rule("b", ".gone")), None),
        (a_search("or", a_rule("a", ".gone"), a_rule("b", ".gone")), None),
        (a_search("or", a_rule("a", ".id"), a_rule("b", ".gone")), ["I1"]),
        (a_search("and", a_search("or", a_rule("a", ".gone")), a_rule("b", ".id")), None),
        (a_search("or", a_search("and", a_rule("a", ".gone")), a_rule("b", ".id")), ["I1"]),
        (a_search("and", a_rule("a", "false")), [False]),
        (a_search("and", a_rule("a", "[null]")), [[None]]),
    ],
)
def test_a_search_for_null_finds_nothing(query: Json, found: list[Json] | None) -> None:
    mapped = map_one(a_raw({"id": "I1"}), an_entry(relations={"r": query}, team=query))

    change = only(mapped).model_dump(mode="json")
    assert mapped.failures == []
    for searched in (change["relations"]["r"], change["team"]):
        assert (searched and [rule["value"] for rule in searched["rules"]]) == found


@pytest.mark.parametrize(
    ("value", "combinator", "reason"),
    [
        (".gone", '"and"', Reason.IDENTIFIER_NULL),
        ("empty", '"and"', Reason.IDENTIFIER_ERROR),
        (".id", '"nor"', Reason.IDENTIFIER_ERROR),
    ],
)
def test_a_search_identifier_with_a_broken_leaf_fails(value: str, combinator: str, reason: Reason) -> None:
    query = {
        "combinator": combinator,
        "rules": [{"property": '"email"', "operator": '"="', "value": value}],
    }

    mapped = map_one(a_raw({"id": "I1"}), an_entry(identifier=query))

    assert [failure.reason for failure in mapped.failures] == [reason]


# --- itemsToParse


POLICY = {
    "id": "E1",
    "name": "Main",
    "subs": [{"id": "a"}, {"id": "b"}],
    "deep": {"list": [{"id": "c"}], "x": 1},
}


def items(items: str, document: Json = POLICY, **port: Json) -> Any:
    entry = an_entry(
        items=items,
        port=port,
        identifier=f'.id + "-" + .{port.get("itemsToParseName", "item")}.id',
        properties={"keys": "keys", "deep": ".deep"},
        title=".name",
    )
    return map_one(a_raw(document), entry)


def test_every_item_becomes_an_entity_beside_its_parent_without_the_list() -> None:
    mapped = items(".subs")

    assert [(one.identifier, one.title, one.properties["keys"]) for one in changes_of(mapped)] == [
        ("E1-a", "Main", ["deep", "id", "item", "name"]),
        ("E1-b", "Main", ["deep", "id", "item", "name"]),
    ]
    assert mapped.counts == {"mapped": 1, "emitted": 2}


@pytest.mark.parametrize(
    ("expression", "port", "keys"),
    [
        (".subs", {"itemsToParseTopLevelTransform": False}, ["deep", "id", "item", "name", "subs"]),
        (".subs // []", {}, ["deep", "id", "item", "name"]),
        ("[.subs[]]", {}, ["deep", "id", "item", "name", "subs"]),
        ("if .subs then .subs else [] end", {}, ["deep", "id", "item", "name"]),
        ("[.subs[] | select(.id)]", {}, ["deep", "id", "item", "name", "subs"]),
        (".subs", {"itemsToParseName": "sub"}, ["deep", "id", "name", "sub"]),
        (".deep.list", {}, ["deep", "id", "item", "name", "subs"]),
    ],
)
def test_the_list_is_taken_out_of_the_parent_where_it_has_a_path(
    expression: str, port: dict[str, Json], keys: list[str]
) -> None:
    first = changes_of(items(expression, **port))[0]

    assert first.properties["keys"] == keys
    assert first.properties["deep"] == ({"x": 1} if expression == ".deep.list" else POLICY["deep"])


@pytest.mark.parametrize("expression", [".none", "null", ".subs | map(select(false))", "[]"])
def test_null_and_an_empty_list_are_no_items(expression: str) -> None:
    mapped = items(expression)

    assert (mapped.changes, mapped.failures, mapped.counts) == ([], [], {"mapped": 1})


@pytest.mark.parametrize(
    ("expression", "gave"),
    [
        (".name", 'gave "Main" (string)'),
        (".deep", "gave "),
        ("empty", "gave no output"),
        (".name | .x", "raised: Cannot index string"),
        ("halt", "gave no output"),
        ("error(null)", "raised: null"),
    ],
)
def test_items_that_are_no_list_fail_the_object(expression: str, gave: str) -> None:
    mapped = items(expression)

    (failure,) = mapped.failures
    assert failure.reason is Reason.ITEMS_ERROR
    assert failure.detail.startswith(f"itemsToParse `{expression}` {gave}")
    assert mapped.counts == {"failed": 1}


def test_the_selector_runs_per_item_and_items_that_make_the_same_entity_are_counted() -> None:
    mapped = map_one(
        a_raw({"id": "E1", "subs": [{"id": "a", "n": 1}, {"id": "b"}, {"id": "a", "n": 2, "m": 3}]}),
        an_entry(
            items=".subs",
            query='.item.id != "b"',
            identifier=".item.id",
            properties={"n": ".item.n", "m": "if .item.m then .item.m else empty end"},
        ),
    )

    upsert, delete = changes_of(mapped)
    assert (upsert.identifier, upsert.properties, upsert.omits) == ("a", {"n": 2, "m": 3}, ())
    assert (delete.identifier, delete.operation) == ("b", Operation.DELETE)
    assert mapped.counts == {"mapped": 1, "emitted": 2, "collided": 1}


def test_an_expression_that_breaks_out_costs_one_item_only_itself() -> None:
    mapped = map_one(
        a_raw({"id": "E1", "subs": [{"id": "a"}, {"id": "b"}]}),
        an_entry(
            items=".subs", identifier=".item.id", properties={"p": 'if .item.id == "a" then halt else 1 end'}
        ),
    )

    assert [(one.identifier, one.properties, one.omits) for one in changes_of(mapped)] == [
        ("a", {}, ("properties.p",)),
        ("b", {"p": 1}, ()),
    ]


# --- selection and deletes


def test_an_object_no_entry_selects_is_filtered() -> None:
    mapped = map_one(a_raw({"id": "I1"}), an_entry(query="false"), an_entry(query=".id == 1"))

    assert (mapped.changes, mapped.counts) == ([], {"filtered": 1})


def test_an_object_of_a_topic_that_no_entry_reads_is_filtered() -> None:
    mapped = map_one(a_raw({"id": "I1"}, topic="pagerduty.raw.users"), an_entry())

    assert (mapped.changes, mapped.counts) == ([], {"filtered": 1})


def delete_of(
    *entries: dict[str, Json], document: Json | None = None, **root: Json
) -> list[tuple[str, str, str]]:
    mapped = map_one(a_raw(document or {"id": "I1", "status": "resolved"}), *entries, **root)
    return [
        (one.blueprint, str(one.identifier), one.reason)
        for one in changes_of(mapped)
        if one.operation is Operation.DELETE
    ]


OPEN = an_entry(query='.status != "resolved"', properties={"a": ".id"})


def test_an_object_that_is_not_selected_any_more_proposes_to_delete_its_entity() -> None:
    assert delete_of(OPEN) == [("incident", "I1", "selector")]
    assert delete_of(an_entry(params={"statuses": ["triggered"]}, properties={"a": ".id"})) == [
        ("incident", "I1", "selector")
    ]


@pytest.mark.parametrize(
    "entries",
    [
        (OPEN, an_entry()),
        (OPEN, an_entry(kind="services")),
        (OPEN, an_entry(kind="services", blueprint=".type")),
        (OPEN, an_entry(query=".id")),
        (OPEN, an_entry(identifier=".gone")),
        (an_entry(query="false", relations={"r": ".id"}),),
        (an_entry(query="false", identifier=".gone", properties={"a": ".id"}),),
        (an_entry(query="false", blueprint="empty", properties={"a": ".id"}),),
    ],
    ids=[
        "another entry made it",
        "another source makes the blueprint",
        "another source may make it",
        "another entry failed",
        "another entry was rejected",
        "an annotation",
        "no identifier",
        "no blueprint",
    ],
)
def test_when_in_doubt_nothing_is_proposed_for_deletion(entries: tuple[dict[str, Json], ...]) -> None:
    assert delete_of(*entries) == []


def test_a_blueprint_that_webhook_mappings_make_is_not_deleted_from() -> None:
    webhook = {"blueprint": "incident", "entity": {"identifier": ".body.id"}}

    assert delete_of(OPEN, webhookMappings=[webhook]) == []


def test_an_object_that_is_older_than_asked_for_is_left_alone() -> None:
    old = {"id": "I1", "status": "resolved", "created_at": "2020-01-01T00:00:00Z"}
    entry = an_entry(params={"since": "2026-01-01T00:00:00Z"}, properties={"a": ".id"})

    mapped = map_one(a_raw(old), entry)

    assert (mapped.changes, mapped.counts) == ([], {"filtered": 1})


def test_a_deleted_object_deletes_what_every_entry_makes_of_it_whatever_its_selector_says() -> None:
    mapped = map_one(
        a_raw({"id": "I1"}, deleted=True),
        an_entry(query="false", properties={"a": ".id"}),
        an_entry(query=".gone | startswith(1)", blueprint='"other"', properties={"a": ".id"}),
        an_entry(properties={"a": ".id"}),
    )

    assert [(one.blueprint, one.identifier, one.operation, one.reason) for one in changes_of(mapped)] == [
        ("incident", "I1", Operation.DELETE, "object_deleted"),
        ("other", "I1", Operation.DELETE, "object_deleted"),
    ]
    assert mapped.counts == {"mapped": 1, "emitted": 2}


def test_a_null_value_deletes_by_the_key_alone() -> None:
    mapped = map_one(a_raw(deleted=True, object_id="I7"), an_entry(properties={"a": ".id"}))

    assert [(one.identifier, one.operation) for one in changes_of(mapped)] == [("I7", Operation.DELETE)]


@pytest.mark.parametrize(
    "entry",
    [
        an_entry(identifier=".name", properties={"a": ".id"}),
        an_entry(identifier='.user.id + "-" + .schedule.id', properties={"a": ".id"}),
        an_entry(identifier='"\\(.user.id)-\\(.id)"', properties={"a": ".id"}),
        an_entry(blueprint='.type + "x"', properties={"a": ".id"}),
        an_entry(items=".subs", identifier=".item.id", properties={"a": ".id"}),
        an_entry(
            identifier={
                "combinator": '"and"',
                "rules": [{"property": '"a"', "operator": '"="', "value": ".id"}],
            },
            properties={"a": ".id"},
        ),
    ],
)
def test_a_delete_whose_body_does_not_give_the_identifier_is_left_to_the_sweep(
    entry: dict[str, Json],
) -> None:
    mapped = map_one(a_raw({"id": "I1"}, deleted=True), entry)

    assert (mapped.changes, mapped.failures) == ([], [])
    assert mapped.counts == {"mapped": 1, "delete_unresolved": 1}


def test_a_deleted_object_takes_no_entity_along_that_others_make_or_that_it_only_annotates() -> None:
    user = an_entry(kind="oncalls", identifier=".user.id", blueprint='"user"', properties={"a": ".id"})
    document = {"id": "O1", "user": {"id": "U1"}}
    raw = a_raw(document, topic="pagerduty.raw.oncalls", deleted=True)

    assert (
        map_one(raw, user, an_entry(kind="users", blueprint='"user"', properties={"a": ".id"})).changes == []
    )
    assert map_one(raw, an_entry(kind="oncalls", identifier=".user.id", blueprint='"user"')).changes == []
    assert [one.key for one in map_one(raw, user).changes] == ["user/U1"]


# --- values


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"\xff", "byte 0 of the value is not UTF-8"),
        (b"{", "the value is not JSON"),
        (b"", "the value is not JSON"),
        (b"NaN", "the value is not JSON: NaN"),
        (b'{"id": 1} x', "the value is not JSON"),
        (b"[]", "the value is a list, not an object"),
        (b"3", "the value is a int, not an object"),
        (b"[" * 200_000, "the value is not JSON: the text ends within a value"),
        (b"[" * 5_000 + b"]" * 5_000, "the value is not JSON: a value is nested deeper than 200 levels"),
        (
            b'{"id": "I1", "a": ' + b"[" * 300 + b"]" * 300 + b"}",
            "the value cannot be passed on: it is nested deeper than 200 levels",
        ),
    ],
)
def test_a_value_that_is_no_object_is_unreadable(body: bytes, says: str) -> None:
    mapped = map_one(a_raw(body=body), an_entry())

    (failure,) = mapped.failures
    assert failure.reason is Reason.UNREADABLE
    assert failure.detail.startswith(says)
    assert mapped.counts == {"failed": 1}


def test_lone_surrogates_and_numbers_out_of_range_are_replaced_as_jq_does() -> None:
    change = only(
        map_one(
            a_raw(body=b'{"id": "I1", "t": "cut \\ud83d", "n": 1e999}'),
            an_entry(title=".t", properties={"n": ".n"}),
        )
    )

    assert change.title == "cut \ufffd"
    assert change.properties == {"n": 1.7976931348623157e308}


def test_an_object_mapper_serves_many_objects() -> None:
    mapper = ObjectMapper(a_plan(an_entry(properties={"p": '.id | ltrimstr("I") | tonumber'})))

    results = [mapper.map_object(a_raw({"id": f"I{n}"})) for n in range(3)]

    assert [only(mapped).properties for mapped in results] == [{"p": 0}, {"p": 1}, {"p": 2}]
