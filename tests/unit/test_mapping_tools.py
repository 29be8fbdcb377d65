"""`pagerport mapping apply|test|diff|check --plan|schema`: run as a user would, without any network."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from services.cli.app import main
from services.cli.layout import output_console
from services.cli.mapping.apply_view import print_trials
from services.cli.mapping.cases import load_cases
from services.cli.mapping.diff import compare
from services.cli.mapping.difference import Differences
from services.cli.mapping.plan_view import how_it_runs
from services.cli.mapping.tried import Trial, TrialEntity, TrialObject
from shared.errors import ConfigurationError
from shared.log.sqlite import SqliteLog
from shared.mapping_file import load_mapping
from tests.service.mapper_setting import raw_record

Json = Any
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

MAPPING = """
resources:
  - kind: incidents
    selector: {query: .urgency == "high", apiQueryParams: {statuses: [triggered]}}
    port:
      entity:
        mappings:
          identifier: .id
          title: .title
          blueprint: '"incident"'
          properties: {status: .status, minutes: .created_at | fromdate, priority: .priority.name}
  - kind: incidents
    selector: {apiQueryParams: {statuses: [triggered, resolved]}}
    port:
      entity:
        mappings: {identifier: .id, blueprint: '"incident"', properties: {status: .status + "!"}}
"""
INCIDENT = {"id": "Q1", "title": "Slow", "status": "triggered", "urgency": "high", "priority": None}


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    for name, content in (("m.yaml", MAPPING), ("i.json", json.dumps(INCIDENT))):
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run_(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as caught:
            main(["mapping", *arguments])
        out, err = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        assert err == "" or caught.value.code == 2
        return caught.value.code, out or err

    return run_


Run = Callable[..., tuple[int, str]]


def test_apply_shows_each_value_with_its_expression_or_why_it_stays(run: Run) -> None:
    code, out = run("apply", "m.yaml", "--kind", "incidents", "--input", "i.json")

    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert rows[:4] == [
        ["incidents", "Q1"],
        ["resources[0]", "made:", "incident/Q1"],
        ["resources[1]", "made:", "incident/Q1"],
        ["incident/Q1:"],
    ]
    assert rows[4:] == [
        ["path", "value", "by", "expression"],
        ["identifier", '"Q1"', "-", ".id"],
        ["title", '"Slow"', "resources[0]", ".title"],
        ["properties.status", '"triggered!"', "resources[1]", ".status", "+", '"!"'],
        ["properties.priority", "null", "(clears", "it)", "resources[0]", ".priority.name"],
        [
            *(
                "properties.minutes",
                "omitted:",
                "failed:",
                "strptime/1",
                "requires",
                "string",
                "inputs",
                "and",
            ),
            *("arguments", "resources[0]", ".created_at", "|", "fromdate"),
        ],
        ["1", "object,", "1", "change"],
    ]


def test_apply_has_a_document_for_machines_and_says_why_entries_do_not_select(run: Run) -> None:
    incident = {**INCIDENT, "status": "resolved", "urgency": "low"}
    Path("i.json").write_text(
        json.dumps({"incidents": [incident, {**INCIDENT, "urgency": "low"}], "limit": 25})
    )

    code, out = run("apply", "m.yaml", "--kind", "incidents", "--input", "i.json", "--json")

    first, second = json.loads(out)
    assert code == 0
    assert [(one["state"], one["says"]) for one in first["entries"]] == [
        ("not selected", "apiQueryParams leave it out: statuses"),
        ("made", ""),
    ]
    assert [(one["state"], one["says"]) for one in second["entries"]] == [
        ("not selected", 'selector.query is false: .urgency == "high"'),
        ("made", ""),
    ]
    assert first["entities"] == [
        {
            "operation": "upsert",
            "blueprint": "incident",
            "identifier": "Q1",
            "values": {"properties.status": "resolved!"},
            "given_by": {"properties.status": 1},
            "omitted": {},
            "reason": "",
            "merge": True,
            "delete_dependents": True,
        }
    ]


def test_apply_of_a_failing_object_exits_1_and_of_wrong_usage_2(run: Run) -> None:
    Path("i.json").write_text('{"title": "nameless", "urgency": "high", "status": "triggered"}\n' * 2)

    code, out = run("apply", "m.yaml", "--kind", "incidents", "--input", "i.json")
    assert (code, out.count("identifier_null: identifier `.id` gave null")) == (1, 4)
    assert out.endswith("2 objects, 0 changes, 2 failed\n")
    for arguments in (
        ("--kind", "incidents"),
        ("--kind", "incidents", "--id", "Q1", "--input", "i.json"),
        ("--id", "Q1"),
        ("--kind", "incident", "--input", "i.json"),
        ("--kind", "users", "--input", "i.json"),
        ("--kind", "incidents", "--input", "none.json"),
        ("--webhook",),
        ("--webhook", "--input", "i.json"),
        ("--webhook", "--input", "i.json", "--deleted"),
    ):
        assert run("apply", "m.yaml", *arguments)[0] == 2, arguments


def test_apply_shows_what_a_deleted_object_takes_along(run: Run) -> None:
    code, out = run("apply", "m.yaml", "--kind", "incidents", "--input", "i.json", "--deleted")

    assert code == 0
    assert "incidents Q1, gone" in out
    assert "incident/Q1 delete (the object is gone):" in out


def test_apply_reads_stdin_and_items(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("m.yaml").write_text(
        "resources: [{kind: incidents, port: {itemsToParse: .teams, entity: {mappings: "
        "{identifier: .item.id, blueprint: '\"t\"', properties: {of: .id}}}}}]"
    )
    text = json.dumps({"id": "Q1", "teams": [{"id": "T1"}, {"id": "T2"}]})
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    code, out = run("apply", "m.yaml", "--kind", "incidents", "--input", "-")

    assert code == 0
    assert "resources[0] made: t/T1, t/T2" in out
    Path("i.json").write_text('{"id": "Q1", "teams": []}')
    _, out = run("apply", "m.yaml", "--kind", "incidents", "--input", "i.json")
    assert "resources[0] left alone: itemsToParse gave no items: .teams" in out


def test_apply_of_an_event_shows_the_webhook_mappings(run: Run) -> None:
    Path("m.yaml").write_text(
        "- {blueprint: a, filter: .body.kind == 1, entity: {identifier: .body.id, title: '.headers.x'}}\n"
        "- {blueprint: b, filter: .body.kind == 2, entity: {identifier: .body.id}}\n"
        "- {blueprint: c, operation: delete, entity: {identifier: .body.id}}\n"
    )
    Path("e.json").write_text('{"body": {"id": "E", "kind": 1}, "headers": {"X": "y"}}')

    code, out = run("apply", "m.yaml", "--webhook", "--input", "e.json")

    assert code == 0
    assert [line.strip() for line in out.splitlines()][1:4] == [
        "webhookMappings[0] made: a/E",
        "webhookMappings[1] not selected: filter is false: .body.kind == 2",
        "webhookMappings[2] made: c/E",
    ]
    assert "c/E delete (with what depends on it):" in out
    assert ["title", '"y"', "webhookMappings[0]", ".headers.x"] in [line.split() for line in out.splitlines()]


def test_each_item_of_an_event_says_why_its_own_value_stays(run: Run) -> None:
    Path("m.yaml").write_text(
        "- {blueprint: note, filter: 'true', itemsToParse: .body.items, "
        "entity: {identifier: .item.id, title: .item.n | tonumber}}\n"
    )
    Path("e.json").write_text('{"body": {"items": [{"id": "a", "n": "x"}, {"id": "b", "n": "yy"}]}}')

    _, out = run("apply", "m.yaml", "--webhook", "--input", "e.json", "--json")

    says = 'failed: string ("{}") cannot be parsed as a number'
    assert [one["omitted"] for one in json.loads(out)[0]["entities"]] == [
        {"title": says.format("x")},
        {"title": says.format("yy")},
    ]


def test_change_without_values_is_its_title_and_no_empty_table(capsys: pytest.CaptureFixture[str]) -> None:
    entity = TrialEntity(operation="delete", blueprint="a", identifier="X", reason="object_deleted")
    gone = TrialObject(kind="users", body=b'{"id": "X"}', deleted=True)
    trial = Trial(gone, "X", "pagerduty.raw.users", (entity,), (), ())

    print_trials(output_console(), [trial], lambda _trial, _entry: {}, "resources")

    assert capsys.readouterr().out.splitlines()[1:] == [
        "a/X delete (the object is gone)",
        "1 object, 1 change",
    ]


@pytest.mark.parametrize("request_", ['{"body": {}, "headers": []}', '{"body": {}, "queryParams": {"a": 1}}'])
def test_request_that_has_not_its_form_is_refused(run: Run, request_: str) -> None:
    Path("w.yaml").write_text("- {blueprint: a, entity: {identifier: .body.id}}\n")
    Path("e.json").write_text(request_)

    code, err = run("apply", "w.yaml", "--webhook", "--input", "e.json")

    assert (code, err.startswith("error: "), "Traceback" in err) == (2, True, False)


def test_example_of_the_docs_passes(run: Run) -> None:
    code, out = run("test", str(EXAMPLES / "mapping-cases.yaml"))

    assert (code, out.splitlines()[-1]) == (0, "5 cases, all as expected")


def cases(*rows: dict[str, Json], **root: Json) -> None:
    Path("c.yaml").write_text(yaml.safe_dump({"mapping": "m.yaml", "cases": list(rows), **root}))


def a_case(*entities: dict[str, Json], **more: Json) -> dict[str, Json]:
    return {"name": "a case", "kind": "incidents", "input": INCIDENT, "entities": list(entities), **more}


FAILED = "failed: strptime/1 requires string inputs and arguments"
RANKED = {**INCIDENT, "priority": {"name": [True]}}
AS_IT_IS = {
    "blueprint": "incident",
    "identifier": "Q1",
    "title": "Slow",
    "properties": {"status": "triggered!", "priority": None},
}


@pytest.mark.parametrize(
    ("case", "differences"),
    [
        (a_case(AS_IT_IS), []),
        (a_case({**AS_IT_IS, "omitted": ["properties.minutes"]}), []),
        (a_case({"blueprint": "incident", "identifier": "Q1"}, match="partial"), []),
        (
            a_case({**AS_IT_IS, "title": "Fast"}),
            ["incident/Q1", '- title: "Fast"', '+ title: "Slow"'],
        ),
        (
            a_case({**AS_IT_IS, "properties": {"status": "triggered!", "minutes": 3}}),
            [
                "incident/Q1",
                "- properties.minutes: 3",
                "+ properties.minutes: omitted",
                FAILED,
                "+ properties.priority: null",
            ],
        ),
        (
            a_case({**AS_IT_IS, "omitted": []}),
            ["incident/Q1", "+ properties.minutes: omitted", FAILED],
        ),
        (
            a_case({**AS_IT_IS, "identifier": "Q2"}, match="partial"),
            ["incident/Q2", "- made", "+ not made", "[0] made: incident/Q1; [1] made: incident/Q1"],
        ),
        (a_case(), ["incident/Q1", "- not made", "+ made"]),
        (a_case({**AS_IT_IS, "deleted": True}), ["incident/Q1", "- deleted", "+ made"]),
        (a_case(AS_IT_IS, failures=["identifier_null"]), ["- failures: identifier_null"]),
        (
            a_case(input={**INCIDENT, "id": None, "urgency": "low"}),
            ["+ failures: identifier_null", "identifier `.id` gave null"],
        ),
        (
            a_case({**AS_IT_IS, "properties": {"priority": [1]}}, input=RANKED, match="partial"),
            ["incident/Q1", "- properties.priority: [1]", "+ properties.priority: [true]"],
        ),
        (
            a_case(AS_IT_IS, input={**INCIDENT, "priority": {"name": True}}),
            ["incident/Q1", "- properties.priority: null", "+ properties.priority: true"],
        ),
    ],
)
def test_case_passes_or_says_what_is_different(
    run: Run, case: dict[str, Json], differences: list[str]
) -> None:
    cases(case)

    code, out = run("test", "c.yaml")

    lines = [line.strip() for line in out.splitlines()]
    assert lines[1:-1] == differences
    assert code == bool(differences)
    assert lines[0] == ("FAIL  a case  (c.yaml:2)" if differences else "ok    a case")
    assert lines[-1] == f"1 case, {'1 failed' if differences else 'all as expected'}"


def test_cases_take_files_events_and_another_mapping(run: Run) -> None:
    Path("w.yaml").write_text("- {blueprint: a, entity: {identifier: .body.id}}\n")
    cases(
        {"name": "file", "kind": "incidents", "file": "i.json", "match": "partial", "entities": []},
        a_case({"blueprint": "incident", "identifier": 7}, input={**INCIDENT, "id": 7}, match="partial"),
        a_case({"blueprint": "incident", "identifier": "Q1", "deleted": True}, deleted=True),
    )
    assert run("test", "c.yaml") == (0, "ok    file\nok    a case\nok    a case\n3 cases, all as expected\n")

    cases(
        {"name": "event", "event": {"id": "E"}, "entities": [{"blueprint": "a", "identifier": "E"}]},
        mapping="nowhere.yaml",
    )
    assert run("test", "c.yaml", "--mapping", "w.yaml")[0] == 0
    _, out = run("test", "c.yaml", "--mapping", "w.yaml", "--json")
    assert json.loads(out) == [{"name": "event", "place": "c.yaml:2", "passed": True, "differences": []}]
    assert run("test", "c.yaml")[0] == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cases: []", "c.yaml:1:8: cases: tuple should have at least 1 item after validation, not 0"),
        ("foo: 1\ncases: [{name: a, event: 1, entities: []}]", "c.yaml:1:6: foo: is not known here; see"),
        ("cases: [{name: a}]", "c.yaml:1:9: cases[0]: takes one of input, event and file"),
        ("cases: [{name: a, input: {}, entities: []}]", "c.yaml:1:9: cases[0]: takes a kind with an input"),
        ("cases: [{name: a, event: {}}]", "c.yaml:1:9: cases[0]: expects nothing; add entities, or"),
        (
            "cases: [{name: a, event: 1, failures: [nope]}]",
            "c.yaml:1:40: cases[0].failures[0]: input should be",
        ),
        ("cases: [", "c.yaml:1:9: not YAML: "),
        ("cases: [{name: a, name: b, event: 1, entities: []}]", "c.yaml:1:19: the key 'name' is there twice"),
    ],
)
def test_file_of_cases_that_is_wrong_is_refused_with_the_place(text: str, says: str) -> None:
    Path("c.yaml").write_text(text)

    with pytest.raises(ConfigurationError) as raised:
        load_cases(Path("c.yaml"))

    assert str(raised.value).startswith(says)


NEW = MAPPING.replace('.status + "!"', '.status + "."').replace(
    "statuses: [triggered, resolved]", "statuses: [resolved]"
)


def test_diff_shows_what_changes_appears_and_vanishes(run: Run) -> None:
    Path("new.yaml").write_text(NEW.replace("title: .title", "title: .title\n          icon: '\"I\"'"))
    rows = [
        INCIDENT,
        {**INCIDENT, "id": "Q2", "status": "resolved"},
        {**INCIDENT, "id": "Q3", "urgency": "low"},
    ]
    Path("i.json").write_text(json.dumps({"incidents": rows}))

    code, out = run("diff", "m.yaml", "new.yaml", "--input", "i.json")

    assert code == 0
    assert out.splitlines() == [
        "incident: 2 changed, 0 new, 1 gone, 0 the same",
        "  properties.status: 2",
        "  icon: 1",
        "~ incident/Q1  of incidents Q1",
        '    - properties.status: "triggered!"',
        '    + properties.status: "triggered"',
        "    - icon: (not mapped)",
        '    + icon: "I"',
        "~ incident/Q2  of incidents Q2",
        '    - properties.status: "resolved!"',
        '    + properties.status: "resolved."',
        "- incident/Q3  of incidents Q3",
        "3 objects compared",
    ]
    assert run("diff", "m.yaml", "new.yaml", "--input", "i.json", "--exit-code")[0] == 1


def test_diff_of_the_same_says_so_and_what_fails_is_not_gone(run: Run) -> None:
    Path("i.json").write_text(json.dumps([INCIDENT]))
    code, out = run("diff", "m.yaml", "m.yaml", "-k", "incidents", "--input", "i.json", "--exit-code")
    assert (code, out.splitlines()[-1]) == (0, "1 object: the mappings make the same of them")

    Path("new.yaml").write_text(MAPPING.replace("identifier: .id", "identifier: .nothing"))
    code, out = run(
        "diff", "m.yaml", "new.yaml", "-k", "incidents", "--input", "i.json", "--json", "--exit-code"
    )
    document = json.loads(out)
    assert code == 1
    assert document["blueprints"]["incident"]["vanishes"] == 0
    assert document["failures"] == [
        "incidents Q1: identifier `.nothing` gave null; identifier `.nothing` gave null"
    ]
    _, out = run("diff", "new.yaml", "m.yaml", "-k", "incidents", "--input", "i.json", "--json")
    assert json.loads(out)["mended"] == ["incidents Q1"]


def test_diff_keeps_an_entity_that_another_object_still_makes(run: Run) -> None:
    Path("m.yaml").write_text(MAPPING.replace("identifier: .id", "identifier: .title"))
    Path("new.yaml").write_text(NEW.replace("identifier: .id", "identifier: .title"))
    Path("i.json").write_text(json.dumps([{**INCIDENT, "urgency": "low"}, INCIDENT]))

    _, out = run("diff", "m.yaml", "new.yaml", "-k", "incidents", "--input", "i.json")

    assert out.splitlines()[0] == "incident: 1 changed, 0 new, 0 gone, 0 the same"


def test_diff_shows_new_entities_of_each_blueprint_with_values_and_gone_ones_in_order(
    run: Run,
) -> None:
    def made(blueprint: str) -> str:
        return (
            "  - kind: incidents\n"
            f"    port: {{itemsToParse: .ids, entity: {{mappings: {{identifier: .item, title: .item, "
            f"blueprint: '\"{blueprint}\"'}}}}}}\n"
        )

    Path("old.yaml").write_text("resources:\n" + made("a"))
    Path("new.yaml").write_text("resources:\n" + made("b") + made("c"))
    ids = ["five", "one", "four", "two", "three"]
    Path("i.json").write_text(json.dumps({"incidents": [{"id": "Q1", "ids": ids}]}))

    _, out = run("diff", "old.yaml", "new.yaml", "--input", "i.json", "--limit", "5")

    assert out.splitlines() == [
        "a: 0 changed, 0 new, 5 gone, 0 the same",
        *(f"- a/{one}  of incidents Q1" for one in ids),
        *(
            line
            for name in ("b", "c")
            for line in (
                f"{name}: 0 changed, 5 new, 0 gone, 0 the same",
                *(
                    line
                    for one in ids
                    for line in (f"+ {name}/{one}  of incidents Q1", f'    + title: "{one}"')
                ),
            )
        ),
        "1 object compared",
    ]


async def test_diff_reads_the_newest_state_of_each_object_from_a_log(folder: Path) -> None:
    added = "  - {kind: services, port: {entity: {mappings: {identifier: .id, blueprint: '\"s\"'}}}}\n"
    new = folder / "new.yaml"
    new.write_text(NEW + added)
    topics = ("pagerduty.raw.incidents", "pagerduty.raw.users")
    log = await SqliteLog.open(Path("log.db"), durable=True, consuming=True)
    try:
        await log.create_topics(topics)
        await log.append(
            [
                raw_record({**INCIDENT, "status": "resolved"}),
                raw_record({**INCIDENT, "id": "Q2"}),
                raw_record(INCIDENT),
                raw_record({"id": "Q2"}, operation="delete"),
                raw_record({"id": "U1"}, topic=topics[1], kind="users"),
            ]
        )
    finally:
        await log.close()
    found = Differences(10)
    notes = await compare(load_mapping(Path("m.yaml")), load_mapping(new), None, Path("log.db"), [], found)

    (one,) = found.result().values()
    assert (found.objects, one.changes, one.appears, one.vanishes) == (2, 1, 0, 0)
    assert [value.path for value in one.examples[0].values] == ["properties.status"]
    assert [note.partition(",")[0] for note in notes] == ["services: the log has no pagerduty.raw.services"]


def test_check_shows_how_each_expression_runs_and_what_it_costs(run: Run) -> None:
    code, out = run("check", "m.yaml", "--plan", "--kind", "incidents", "--input", "i.json", "--json")

    document = json.loads(out)
    runs = {(one["entry"], one["path"]): one["runs"] for one in document["plan"]}
    assert (code, document["problems"]) == (0, [])
    assert runs["resources[0]", "identifier"] == "path"
    assert runs["resources[1]", "blueprint"] == "constant"
    assert runs["resources[1]", "properties.status"] == "native"
    assert all(one["cost_us"] > 0 for one in document["plan"])
    _, out = run("check", "m.yaml", "--plan")
    assert out.splitlines()[0].split() == ["entry", "path", "runs", "reads", "expression"]


def test_expression_without_an_end_is_said_to_have_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.cli.mapping.cost.GIVEN_UP_S", 1.0)
    Path("m.yaml").write_text(MAPPING.replace("title: .title", "title: last(range(1e12))"))

    _, out = run("check", "m.yaml", "--plan", "--kind", "incidents", "--input", "i.json")

    rows = [line.split() for line in out.splitlines()]
    assert [row[:6] for row in rows if "title" in row] == [
        ["resources[0]", "title", "libjq", "does", "not", "end"]
    ]
    assert [row[1] for row in rows if "does" not in row and row[:1] == ["resources[0]"]] != []


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ('"x"', ("constant", "")),
        (".a.b[0]", ("path", "")),
        (".a // .b", ("native", "")),
        (".a.b | [limit(3; recurse)]", ("libjq, parts", ".a.b")),
        ("walk(.)", ("libjq", "")),
        ("input", ("libjq, alone", "")),
    ],
)
def test_ways_of_running_are_those_of_the_mapper(text: str, runs: tuple[str, str]) -> None:
    assert how_it_runs(text) == runs


def test_schema_completes_and_checks_mappings_and_cases(run: Run) -> None:
    _, text = run("schema")
    mapping = json.loads(text)
    _, text = run("schema", "--cases")
    of_cases = json.loads(text)

    for schema, file in ((mapping, "mapping.yaml"), (of_cases, "mapping-cases.yaml")):
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(yaml.safe_load((EXAMPLES / file).read_text()), schema)
    jsonschema.validate(yaml.safe_load(MAPPING.replace('.urgency == "high"', "true")), mapping)
    assert "incidents" in mapping["$defs"]["Resource"]["properties"]["kind"]["examples"]
    assert mapping["properties"]["mappings"]["items"] == mapping["properties"]["webhookMappings"]["items"]
    with pytest.raises(jsonschema.ValidationError, match="is not of type"):
        jsonschema.validate({"resources": [{"kind": "users", "port": 3}]}, mapping)
