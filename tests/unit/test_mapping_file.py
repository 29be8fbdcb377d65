"""Proves that every mistake in a mapping is one line with its place, and that sound mappings load."""

from pathlib import Path

import pytest

from schemas.mapping import MappingFile
from shared.errors import ConfigurationError
from shared.jq_text import gives_several
from shared.mapping_check import line_of
from shared.mapping_file import (
    MappingRefusedError,
    check_mapping,
    load_mapping,
    parse_mapping,
    require_entries,
    require_sound,
)
from shared.mapping_text import Place

SOUND = """\
resources:
  - kind: incidents
    selector:
      query: "true"
      apiQueryParams:
        statuses: [triggered, acknowledged]
        service_ids: [P1]
    port:
      entity:
        mappings:
          identifier: .id
          title: .title
          blueprint: '"pagerdutyIncident"'
          properties:
            status: .status
            note: |
              .title
                | ascii_downcase
          relations:
            pagerdutyService: .service.id
"""
ENTRY = """\
- kind: services
  port:
    entity:
      mappings: {identifier: .id, blueprint: '"pagerdutyService"'}
"""


def lines_of(text: str) -> list[str]:
    loaded = parse_mapping(text, "m.yaml")
    return [f"{problem.severity} {loaded.line(problem)}" for problem in check_mapping(loaded)]


def refusal(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        parse_mapping(text, "m.yaml")
    return str(raised.value).split("\n")


def changed(before: str, after: str) -> str:
    assert before in SOUND
    return SOUND.replace(before, after)


def test_a_sound_mapping_has_no_problem_and_knows_its_places() -> None:
    loaded = parse_mapping(SOUND, "m.yaml")

    assert check_mapping(loaded) == []
    assert require_sound(loaded) == []
    assert loaded.config.resources[0].port.entity.mappings.identifier == ".id"
    assert loaded.places["resources[0].kind"] == Place(2, 11, "incidents", "incidents")
    blueprint = loaded.places["resources[0].port.entity.mappings.blueprint"]
    assert blueprint == Place(13, 22, "'\"pagerdutyIncident\"'", '"pagerdutyIncident"')
    assert blueprint.inside(1, 1) == (13, 23)
    note = loaded.places["resources[0].port.entity.mappings.properties.note"]
    assert (note.line, note.column, note.inside(2, 3)) == (16, 19, (18, 17))


def test_json_with_tabs_and_surrogate_pairs_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mapping.json"
    path.write_text(
        '{\t"resources": [{"kind": "services",\n\t"port": {"entity": {"mappings":'
        ' {"identifier": ".id", "blueprint": "\\"\\ud83d\\ude00\\"", "title": "\\/1"}}}}]}'
    )

    with pytest.raises(ConfigurationError, match=r"mapping.json:2:\d+: .*title: does not compile"):
        require_sound(load_mapping(path))

    blueprint = load_mapping(path).config.resources[0].port.entity.mappings.blueprint
    assert blueprint == '"😀"'


@pytest.mark.parametrize("value", ["", "null", "{}"])
def test_parameters_without_any_under_them_are_none(value: str) -> None:
    loaded = parse_mapping(f"{ENTRY}  selector:\n    apiQueryParams: {value}\n", "m.yaml")

    assert loaded.config.resources[0].selector.api_query_params == {}


def test_a_list_of_entries_is_read_as_resources_with_its_own_places() -> None:
    loaded = parse_mapping(ENTRY, "m.yaml")

    assert [resource.kind for resource in loaded.config.resources] == ["services"]
    assert loaded.places["resources[0].kind"] == Place(1, 9, "services", "services")


@pytest.mark.parametrize("root", ["", "mappings:\n", "webhookMappings:\n"])
def test_the_webhook_format_is_read_with_and_without_root(root: str) -> None:
    loaded = parse_mapping(f"{root}- blueprint: x\n  entity: {{identifier: .body.id}}\n", "m.yaml")

    assert [webhook.blueprint for webhook in loaded.config.webhook_mappings] == ["x"]
    assert "webhookMappings[0].blueprint" in loaded.places
    (problem,) = check_mapping(loaded)
    assert (problem.severity, problem.path) == ("warning", "webhookMappings")
    assert problem.message.startswith("is all there is: entities are made of events as they come")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ["m.yaml: is empty; write entries under `resources`"]),
        ("# nothing\n", ["m.yaml: is empty; write entries under `resources`"]),
        ("just text", ["m.yaml:1:1: is no mapping; write keys with values, the entries under `resources`"]),
        (
            "a: [",
            ["m.yaml:1:5: not YAML: expected the node content, but found '<stream end>'; correct it there"],
        ),
        ("resources: 3", ["m.yaml:1:12: resources: must be a list"]),
        ("a: &a [*a]", ["m.yaml:1:4: an alias that holds itself; write the value out"]),
        ("? [a]\n: b", ["m.yaml:1:3: a key that is no text; put quotes around it"]),
        ("[" * 5000, ["m.yaml: nested too deeply; a mapping has about ten levels"]),
        (
            "mappings: []\nwebhookMappings: []",
            ["m.yaml:1:11: mappings: is the same as webhookMappings; write one of them"],
        ),
    ],
)
def test_what_is_no_mapping_is_refused_with_place_and_next_step(text: str, says: list[str]) -> None:
    assert refusal(text) == says


@pytest.mark.parametrize(
    ("text", "place", "step"),
    [
        ("a: def f: 1; f", "1:9", "put quotes around a text that has `: ` in it"),
        ("a: @base64", "1:4", "put quotes around the text"),
        ("\ta: 1", "1:1", "indent with spaces"),
        (
            'a: test("\\d")\nb: "\\d"',
            "2:6",
            "in double quotes write the backslash twice, or take single quotes",
        ),
        ("a: [.b, .c[]]", "1:11", "put quotes around a text that begins with `[` or `{`"),
        (
            'a: "x" + .b',
            "1:8",
            "a text in quotes ends before it: put the whole into other quotes, or below a `|`",
        ),
        (
            'a: "x" | .b',
            "1:10",
            "a text in quotes ends before it: put the whole into other quotes, or below a `|`",
        ),
        (
            "a: 'it's'",
            "1:8",
            "a text in quotes ends before it: put the whole into other quotes, or below a `|`",
        ),
        ("a: *x", "1:4", "correct it there"),
    ],
)
def test_slips_of_quoting_are_told_with_what_to_do(text: str, place: str, step: str) -> None:
    (line,) = refusal(text)

    assert line.startswith(f"m.yaml:{place}: not YAML: ")
    assert line.rpartition("; ")[2] == step


def test_a_bomb_of_aliases_is_refused() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for n in range(1, 9):
        rows.append(f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 10) + "]")

    (line,) = refusal("\n".join(rows))

    assert "more than 100000 values" in line


def test_every_mistake_of_form_is_one_line_at_its_place() -> None:
    text = """\
resources:
- kind: A b
  port:
    entity:
      mappings:
        identifier: [x]
        team: {combinator: '"and"'}
        properties:
          a:
          b: {}
- port: 3
entityDeletionThreshold: 4
"""

    assert refusal(text) == [
        "m.yaml:2:9: resources[0].kind: must be a kind as PagerDuty writes it:"
        " lower case, digits, `_`, `/`, `-`",
        "m.yaml:6:9: resources[0].port.entity.mappings.blueprint: is missing; add it",
        "m.yaml:6:21: resources[0].port.entity.mappings.identifier: must be text (a JQ expression)",
        "m.yaml:7:15: resources[0].port.entity.mappings.team.rules: is missing; add it",
        "m.yaml:9:13: resources[0].port.entity.mappings.properties.a: must be text (a JQ expression)",
        "m.yaml:10:14: resources[0].port.entity.mappings.properties.b: must be text (a JQ expression)",
        "m.yaml:11:3: resources[1].kind: is missing; add it",
        "m.yaml:11:9: resources[1].port: must be keys with values",
        "m.yaml:12:26: entityDeletionThreshold: must be at most 1",
    ]


def test_every_kind_of_mistake_of_form_is_reported_at_once_in_the_order_of_the_file() -> None:
    text = """\
createMissingRelatedEntities: perhaps
resources:
- kind: services
  selector:
    analyticsMonthsPeriod: 0
    includeCustomFields: [1]
    qery: .x
  port:
    itemsToPars: .x
    entity:
      mappings:
        identifer: .id
        blueprint: '"a"'
        blueprint: '"b"'
        relations:
          r: {combinator: '"and"', ruls: [], rules: [{propery: x, operator: x, value: x}]}
webhookMappings:
- blueprint: a
  operation: remove
  entity: {identifier: .body.id}
"""

    with pytest.raises(MappingRefusedError) as raised:
        parse_mapping(text, "m.yaml")

    m = "resources[0].port.entity.mappings"
    no_function = "x is no JQ function; a fixed text is written in two sets of quotes: '\"x\"'"
    assert [f"{one.severity} {line_of('m', one)}" for one in raised.value.problems] == [
        "error m:1:31: createMissingRelatedEntities: must be true or false",
        "error m:5:28: resources[0].selector.analyticsMonthsPeriod: must be at least 1",
        "error m:6:26: resources[0].selector.includeCustomFields: must be true or false",
        "warning m:7:11: resources[0].selector.qery: unknown key, ignored; did you mean `query`?",
        "warning m:9:18: resources[0].port.itemsToPars: unknown key, ignored; did you mean `itemsToParse`?",
        f"error m:12:20: {m}.identifer: unknown key; did you mean `identifier`?",
        "error m:14:9: the key 'blueprint' is there twice, first in line 13; remove one",
        f"warning m:16:42: {m}.relations.r.ruls: unknown key, ignored; did you mean `rules`?",
        f"error m:16:64: {m}.relations.r.rules[0].propery: unknown key; did you mean `property`?",
        f"error m:16:77: {m}.relations.r.rules[0].operator: {no_function}",
        f"error m:16:87: {m}.relations.r.rules[0].value: {no_function}",
        "error m:19:14: webhookMappings[0].operation: must be 'create' or 'delete'",
        "warning m:20:30: webhookMappings[0].entity.identifier: PagerDuty documents no id of body: "
        "it is null",
    ]
    assert str(raised.value).count("\n") == 8


def test_a_key_twice_is_reported_beside_the_other_mistakes() -> None:
    text = changed("title: .title", "title: .title | foo\n          title: .summary")
    assert lines_of(text) == [
        f"error m.yaml:12:27: {M}.title: does not compile: foo/0 is not defined; correct the JQ expression",
        "error m.yaml:13:11: the key 'title' is there twice, first in line 12; remove one",
    ]


def test_every_wrong_parameter_of_every_entry_is_reported() -> None:
    text = changed("service_ids: [P1]", "service_ids: {a: 1}\n        foo: 1\n        since: soon")
    params = "resources[0].selector.apiQueryParams"
    assert [line.split("; it takes")[0] for line in lines_of(text)] == [
        f"error m.yaml:7:22: {params}.service_ids: must be one text, number or boolean",
        f"error m.yaml:8:14: {params}.foo: is not a parameter of PagerDuty's list of incidents",
        f"error m.yaml:9:16: {params}.since: must be an ISO 8601 time such as 2026-01-31T00:00:00Z",
    ]


@pytest.mark.parametrize(
    ("expression", "several"),
    [
        (".teams[].id", True),
        (".teams[]", True),
        (".[]", True),
        (".a[].b[0]?", True),
        (".teams | .[] | .id", True),
        ("[.teams[].id]", False),
        (".teams | map(.id)", False),
        ("first(.teams[].id)", False),
        ('.teams[].id | select(. == "x")', False),
        (".teams[0].id", False),
        ('"[]"', False),
        (".id", False),
    ],
)
def test_a_path_over_all_items_is_warned_about_since_only_the_first_result_counts(
    expression: str, several: bool
) -> None:
    lines = lines_of(changed("status: .status", f"status: '{expression}'"))

    assert gives_several(expression) is several
    says = f"may give several values, and only the first is used; write `[{expression}]` for a list"
    assert lines == ([f"warning m.yaml:15:21: {M}.properties.status: {says}"] if several else [])


def test_values_that_pagerduty_does_not_document_are_warned_about() -> None:
    text = changed("statuses: [triggered, acknowledged]", "statuses: [open, triggered]\n        urgencies: 1")
    params = "resources[0].selector.apiQueryParams"
    assert lines_of(text) == [
        f"warning m.yaml:6:19: {params}.statuses: PagerDuty may refuse open; the values it documents are:"
        " triggered, acknowledged, resolved",
        f"warning m.yaml:7:20: {params}.urgencies: PagerDuty may refuse 1; the values it documents are:"
        " high, low",
    ]


def test_a_mapping_without_entries_is_refused_by_a_sync_in_the_words_of_the_check() -> None:
    loaded = parse_mapping("resources: []", "m.yaml")

    with pytest.raises(MappingRefusedError) as raised:
        require_entries(loaded)

    assert lines_of("resources: []") == [f"error {raised.value}"]


def test_a_mapping_of_events_only_is_not_refused() -> None:
    require_entries(parse_mapping("- blueprint: x\n  entity: {identifier: .body.id}\n", "m.yaml"))


def test_properties_may_be_called_like_the_parts_of_an_entry() -> None:
    lines = ["status: .status", "query: '\"x\"'", "filter: 'false'", "identifier: .teams"]

    assert lines_of(changed("status: .status", "\n            ".join(lines))) == []


def test_a_constant_identifier_of_an_event_is_an_entity_for_all_of_them() -> None:
    text = "- blueprint: x\n  entity: {identifier: '\"y\"'}\n"

    assert lines_of(text)[1:] == [
        "warning m.yaml:2:24: webhookMappings[0].entity.identifier: is the same for every object: "
        "all become one entity"
    ]


def test_a_blueprint_that_events_only_delete_from_may_be_made_of_objects() -> None:
    deleting = "\n- blueprint: pagerdutyIncident\n  operation: delete\n  entity: {identifier: .body.id}\n"

    assert lines_of(f"{SOUND}webhookMappings:{deleting}") == []


M = "resources[0].port.entity.mappings"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            changed("""'"pagerdutyIncident"'""", "pagerdutyIncident"),
            f"error m.yaml:13:22: {M}.blueprint: pagerdutyIncident is no JQ function;"
            " a fixed text is written in two sets of quotes: '\"pagerdutyIncident\"'",
        ),
        (
            changed("status: .status", "status: .status | foo"),
            f"error m.yaml:15:31: {M}.properties.status: does not compile: foo/0 is not defined;"
            " correct the JQ expression",
        ),
        (
            changed("| ascii_downcase", "| bad_function"),
            f"error m.yaml:18:19: {M}.properties.note: does not compile: bad_function/0 is not defined;"
            " correct the JQ expression",
        ),
        (
            changed("title: .title", "title: 'import \"x\" as x; .'"),
            f"error m.yaml:12:19: {M}.title: does not compile: syntax error, unexpected import;"
            " correct the JQ expression",
        ),
        (
            changed("title: .title", "titel: .title"),
            f"warning m.yaml:12:18: {M}.titel: unknown key, ignored; did you mean `title`?",
        ),
        (
            changed('query: "true"', "query: yes"),
            "warning m.yaml:4:14: resources[0].selector.query: YAML reads plain yes as true or false;"
            " write true or false, or put quotes around it",
        ),
        (
            changed('query: "true"', "query: '.status // \"x\"\n    | ('"),
            "error m.yaml:5:8: resources[0].selector.query: does not compile: the expression is not comp",
        ),
        (
            changed('query: "true"', "query: '\"true\"'"),
            "error m.yaml:4:14: resources[0].selector.query: always gives something else than true or false;"
            " write a condition",
        ),
        (
            changed('query: "true"', "query: false"),
            "warning m.yaml:4:14: resources[0].selector.query: is always false: no object is selected",
        ),
        (
            changed("identifier: .id", "identifier: .service.id + .id"),
            f"warning m.yaml:11:23: {M}.identifier: .service.id may be null: objects become one entity;"
            " write `(.service.id // …)`",
        ),
        (
            changed("identifier: .id", "identifier: 'null'"),
            f"error m.yaml:11:23: {M}.identifier: gives no identifier; write an expression like `.id`",
        ),
        (
            changed("kind: incidents", "kind: incident"),
            "error m.yaml:2:11: resources[0].kind: 'incident' is not a kind PagerDuty lists;",
        ),
        (
            changed("service_ids: [P1]", "services: [P1]"),
            "error m.yaml:7:19: resources[0].selector.apiQueryParams.services: is not a parameter",
        ),
        (
            SOUND + "webhookMappings:\n- blueprint: pagerdutyIncident\n  entity: {identifier: .body.id}\n",
            f"error m.yaml:13:22: {M}.blueprint: pagerdutyIncident is also made by a webhook mapping",
        ),
        (
            "resources: []",
            "error m.yaml:1:1: has no entry under `resources`, so there is nothing to sync; add one",
        ),
    ],
)
def test_a_doubtful_mapping_has_one_line_with_place_and_next_step(text: str, says: str) -> None:
    (line,) = lines_of(text)

    assert line.startswith(says)


def test_single_quotes_of_the_peer_are_no_problem() -> None:
    text = changed("""'"pagerdutyIncident"'""", '''"'pagerdutyIncident'"''')

    assert lines_of(text) == []


def test_errors_refuse_the_mapping_and_warnings_do_not() -> None:
    broken = changed("status: .status", "status: .status |").replace("title: .title", "titel: .title |")

    with pytest.raises(ConfigurationError) as raised:
        require_sound(parse_mapping(broken, "m.yaml"))

    assert [line.split(": ")[0] for line in str(raised.value).split("\n")] == ["m.yaml:15:30"]
    warned = require_sound(parse_mapping(changed("title: .title", "titel: .title"), "m.yaml"))
    assert [problem.severity for problem in warned] == ["warning"]


def test_anchors_and_merge_keys_are_written_out() -> None:
    text = """\
base: &base {identifier: .id, blueprint: '"a"', title: .x}
resources:
- kind: services
  port: {entity: {mappings: {<<: *base, title: .name}}}
"""

    mappings = parse_mapping(text, "m.yaml").config.resources[0].port.entity.mappings

    assert (mappings.identifier, mappings.title) == (".id", ".name")


def test_dates_and_plain_words_stay_text() -> None:
    text = changed("service_ids: [P1]", "since: 2024-01-01\n        user_ids: [no, null]")

    params = parse_mapping(text, "m.yaml").config.resources[0].selector.api_query_params

    assert params["since"] == "2024-01-01"
    assert params["user_ids"] == [False, None]


def test_property_names_that_are_yaml_booleans_stay_names() -> None:
    mapping = parse_mapping(changed("status: .status", "on: .status"), "m.yaml").config

    assert "on" in mapping.resources[0].port.entity.mappings.properties


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"resources: \xe9")
    with (tmp_path / "large.yaml").open("wb") as large:
        large.truncate(5 * 1024 * 1024)

    for name, says in (
        ("missing.yaml", "cannot be read: No such file or directory; name the mapping file"),
        ("", "cannot be read: Is a directory; name the mapping file"),
        ("latin.yaml", "byte 12 is not UTF-8; save it as UTF-8"),
        ("large.yaml", "larger than 4 MiB; is it the mapping?"),
    ):
        path = tmp_path / name if name else tmp_path
        with pytest.raises(ConfigurationError) as raised:
            load_mapping(path)
        assert str(raised.value) == f"{path}: {says}"


def test_the_loaded_mapping_is_what_the_model_reads() -> None:
    loaded = parse_mapping(SOUND, "m.yaml")

    assert loaded.config == MappingFile.model_validate(loaded.config.model_dump(by_alias=True))
