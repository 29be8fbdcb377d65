"""Proves the whole mapping format on what users write: functions, items in any form, odd names."""

import json
from typing import Any

import pytest

from schemas.entity_change import EntityChange
from tests.mapper_builders import a_raw, an_entry, an_incident, changes_of, map_one

Json = Any

INCIDENT = an_incident(
    7,
    resolved_at="2026-04-06T22:30:42Z",
    teams=[{"id": "T2", "summary": "Ops"}, {"id": "T1", "summary": "Dev"}, {"id": "T3", "summary": None}],
    title="Disk full: db-01 & db-02",
    note="ÄÖ ü",
)


def only(mapped: Any) -> EntityChange:
    (change,) = changes_of(mapped)
    return change


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        # dates
        (".created_at | fromdate", 1775511042),
        (".created_at | fromdateiso8601 | todate", "2026-04-06T21:30:42Z"),
        ("(.resolved_at | fromdate) - (.created_at | fromdate)", 3600),
        ('.created_at | strptime("%Y-%m-%dT%H:%M:%SZ") | mktime', 1775511042),
        ('.created_at | strptime("%Y-%m-%dT%H:%M:%SZ") | strftime("%d.%m.%Y")', "06.04.2026"),
        ('.created_at | fromdate | strftime("%A, %B %d")', "Monday, April 06"),
        ('.created_at | sub("Z$"; "+00:00")', "2026-04-06T21:30:42+00:00"),
        (".created_at | fromdate | gmtime | mktime", 1775511042),
        ('.created_at[:10] | split("-") | map(tonumber)', [2026, 4, 6]),
        # regular expressions
        ('.title | test("^disk"; "i")', True),
        ('.title | test("db-[0-9]+")', True),
        ('[.title | match("db-([0-9]+)"; "g") | .captures[0].string]', ["01", "02"]),
        ('.title | capture("(?<what>[A-Za-z]+) (?<how>[a-z]+)")', {"what": "Disk", "how": "full"}),
        ('[.title | scan("db-[0-9]+")]', ["db-01", "db-02"]),
        ('.title | ascii_downcase | gsub("[^a-z0-9]+"; "-")', "disk-full-db-01-db-02"),
        ('[.title | splits(" +")] | length', 5),
        ('.title | gsub("(?<n>[0-9]+)"; "<\\(.n)>")', "Disk full: db-<01> & db-<02>"),
        ('.title | sub("(?<a>\\\\w+) (?<b>\\\\w+)"; "\\(.b) \\(.a)")', "full Disk: db-01 & db-02"),
        # formats and texts
        (".id | @base64", "UTAwMDAwNw=="),
        (".id | @base64 | @base64d", "Q000007"),
        (".title | @uri", "Disk%20full%3A%20db-01%20%26%20db-02"),
        (".title | @html", "Disk full: db-01 &amp; db-02"),
        ("[.id, .urgency, .incident_number] | @csv", '"Q000007","high",7'),
        ("[.id, .urgency] | @tsv", "Q000007\thigh"),
        ("[.id, null, true] | @json", '["Q000007",null,true]'),
        ('@uri "https://x/?q=\\(.title)"', "https://x/?q=Disk%20full%3A%20db-01%20%26%20db-02"),
        (".note | ascii_downcase", "ÄÖ ü"),
        (".note | length, explode", 4),
        (".note | explode | implode", "ÄÖ ü"),
        ('.id | ltrimstr("Q") | tonumber', 7),
        ('.title | split(": ") | last', "db-01 & db-02"),
        ('.title | index("db")', 11),
        # several values
        ("[limit(2; .teams[].id)]", ["T2", "T1"]),
        ("first(.teams[] | select(.summary) | .summary)", "Ops"),
        ("[.teams[].summary // empty] | sort | join(\", \")", "Dev, Ops"),
        (".teams | map(select(.summary != null)) | map({(.id): .summary}) | add", {"T2": "Ops", "T1": "Dev"}),
        (".teams | sort_by(.id) | map(.id)", ["T1", "T2", "T3"]),
        (".teams | group_by(.summary) | map(length)", [1, 1, 1]),
        (".teams | to_entries | map(\"\\(.key)=\\(.value.id)\") | join(\",\")", "0=T2,1=T1,2=T3"),
        ("[.teams[].id] | index(\"T1\")", 1),
        (".alert_counts | to_entries | map(select(.value > 0).key)", ["all", "resolved"]),
        (".alert_counts | with_entries(.value += 1)", {"all": 3, "triggered": 1, "resolved": 3}),
        (".teams | any(.id == \"T3\"), all(.summary)", True),
        (".teams | length as $n | [range($n)] | add", 3),
        ("reduce .teams[] as $team (0; . + ($team.id | length))", 6),
        ("[foreach .teams[] as $team (0; . + 1; [., $team.id])] | last", [3, "T3"]),
        ("label $f | foreach .teams[] as $t (0; . + 1; if . == 2 then $t.id, break $f else empty end)", "T1"),
        ("[.. | .id? // empty] | length", 8),
        ("[paths(type == \"number\")] | length", 4),
        ("[.teams[] | .id as $id | .summary as $s | \"\\($id):\\($s)\"]", ["T2:Ops", "T1:Dev", "T3:null"]),
        (". as {id: $id, urgency: $u} | \"\\($id)/\\($u)\"", "Q000007/high"),
        ("def pair(f): [f, f]; pair(.id)", ["Q000007", "Q000007"]),
        ("[.teams[].id] | unique | contains([\"T1\"])", True),
        ("getpath([\"service\", \"id\"])", "PIJ90N7"),
        ("{id, urgency} | tojson | fromjson | .urgency", "high"),
        ("if .urgency == \"high\" then 1 elif .urgency == \"low\" then 2 else 3 end", 1),
        ("try error(\"x\") catch (\"caught \" + .)", "caught x"),
        ("(.gone.deeper // .service.id) | ascii_upcase", "PIJ90N7"),
        (".assignments[0].assignee[\"id\"]?", "PXPGF42"),
        ("[splits(\"x\")?]", []),
        (".incident_number % 4, 1", 3),
        ("(.incident_number / 2 | floor) + (7.5 | round)", 11),
        ("now | type", "number"),
        ("[.teams[0:2][].id] | reverse", ["T1", "T2"]),
        ("input_filename", None),
        ("ltrimstr(\"x\")?", None),
    ],
)  # fmt: skip
def test_functions_that_users_use_give_what_jq_says(expression: str, value: Json) -> None:
    change = only(map_one(a_raw(INCIDENT), an_entry(properties={"before": ".id", "p": expression})))

    expected = {"before": "Q000007"} if expression.endswith(")?") else {"before": "Q000007", "p": value}
    assert change.properties == expected


POLICY = {
    "id": "E1",
    "name": "Main",
    "subs": [{"id": "a", "x": 1}, {"id": "b", "x": 0}, {"id": "c", "x": 2}],
    "rules": [{"targets": [{"id": "u1"}, {"id": "u2"}]}, {"targets": [{"id": "u3"}]}],
    "deep": {"lists": {"one": [{"id": "d"}]}},
}


@pytest.mark.parametrize(
    ("items", "found"),
    [
        ("[.subs[] | select(.x > 0)]", ["a", "c"]),
        ("[.subs[]?]", ["a", "b", "c"]),
        ("[.missing[]?]", []),
        ("if .subs then .subs else [] end", ["a", "b", "c"]),
        ('if .name == "Main" then .subs[:1] else empty end', ["a"]),
        (".subs | map(select(.x != 1))", ["b", "c"]),
        ("(.missing // .subs)", ["a", "b", "c"]),
        (".subs | sort_by(-.x)", ["c", "a", "b"]),
        ("[.rules[].targets[]]", ["u1", "u2", "u3"]),
        ("[.rules | to_entries[] | .key as $n | .value.targets[] | . + {level: $n}]", ["u1", "u2", "u3"]),
        (".rules | map(.targets) | add", ["u1", "u2", "u3"]),
        (".rules[0].targets", ["u1", "u2"]),
        (".deep.lists.one", ["d"]),
        (".deep.lists | .one", ["d"]),
        ('.deep["lists"]["one"] # by name', ["d"]),
        ("[.subs[], .rules[].targets[]] | unique_by(.id)", ["a", "b", "c", "u1", "u2", "u3"]),
        ("[limit(2; .subs[])]", ["a", "b"]),
        (".subs, .rules", ["a", "b", "c"]),
        ("reduce .subs[] as $one ([]; [$one] + .)", ["c", "b", "a"]),
        ('[.subs[] | {id: (.id + "!")}]', ["a!", "b!", "c!"]),
    ],
)
@pytest.mark.parametrize("name", ["item", "sub", "my item"])
@pytest.mark.parametrize("is_transformed", [True, False])
def test_items_are_found_in_whatever_form_they_are_written(
    items: str, found: list[str], name: str, is_transformed: bool
) -> None:
    own = f'.["{name}"]'
    entry = an_entry(
        items=items,
        port={"itemsToParseName": name, "itemsToParseTopLevelTransform": is_transformed},
        identifier=f"{own}.id",
        title=".name",
        properties={"parent": ".id", "key": f"{own}.id | @base64 | @base64d"},
    )

    mapped = map_one(a_raw(POLICY), entry)

    assert [(one.identifier, one.title, one.properties) for one in changes_of(mapped)] == [
        (one, "Main", {"parent": "E1", "key": one}) for one in found
    ]


@pytest.mark.parametrize("items", [".subs", "[.subs[] | select(.n >= 0)]", ".subs | sort_by(.n)"])
def test_more_items_than_the_peer_reads_at_once_all_become_entities(items: str) -> None:
    subs = [{"id": f"s{number}", "n": number, "weight": "1.50"} for number in range(1_203)]
    body = json.dumps({"id": "E1", "subs": subs}).replace('"1.50"', "1.50")

    mapped = map_one(
        a_raw(body=body.encode()),
        an_entry(
            items=items,
            identifier=".item.id",
            properties={"n": ".item.n", "odd": ".item.n % 2 == 1", "weight": '"\\(.item.weight)"'},
        ),
    )

    assert [(one.identifier, one.properties) for one in changes_of(mapped)] == [
        (f"s{number}", {"n": number, "odd": number % 2 == 1, "weight": "1.50"}) for number in range(1_203)
    ]


def test_odd_kinds_and_names_are_as_good_as_any() -> None:
    names = ("with space", "with.dot", "with-dash", "Ünïcode", "$dollar", '"quoted"', "id", "properties", "")
    topic = "pagerduty.raw.automation-actions-runners"

    change = only(
        map_one(
            a_raw({"id": "R1", "my key": 1, "a-b": 2}, topic=topic, object_id="R1"),
            an_entry(
                kind="automation_actions/runners",
                blueprint='"my.Blueprint-1"',
                properties=dict.fromkeys(names, '.["my key"] + ."a-b"'),
                relations=dict.fromkeys(names, ".id"),
            ),
        )
    )

    assert change.blueprint == "my.Blueprint-1"
    assert change.properties == dict.fromkeys(names, 3)
    assert change.relations == dict.fromkeys(names, "R1")


@pytest.mark.parametrize(
    ("identifier", "text"),
    [(".n", "7"), (".n + 0.5", "7.5"), (".big", "9007199254740993"), (".yes", "true"), (".no", "false")],
)
def test_an_identifier_that_is_a_number_or_boolean_is_its_text(identifier: str, text: str) -> None:
    document = {"id": "I1", "n": 7, "big": 2**53 + 1, "yes": True, "no": False}

    change = only(map_one(a_raw(document), an_entry(identifier=identifier, relations={"r": identifier})))

    assert (change.identifier, change.relations) == (text, {"r": text})


@pytest.mark.parametrize(
    ("team", "given"),
    [
        (".teams[0].summary", "Ops"),
        ("[.teams[].summary]", ["Ops", "Dev"]),
        ("[.teams[].summary | select(.)] | sort", ["Dev", "Ops"]),
        ("null", None),
        ("[]", []),
        (".incident_number", "7"),
    ],
)
def test_a_team_is_a_text_a_list_or_nothing(team: str, given: Json) -> None:
    change = only(map_one(a_raw(INCIDENT), an_entry(team=team)))

    assert change.team == given
    assert "team" in change.model_fields_set
