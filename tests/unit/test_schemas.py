"""Schemas: generated without drift, every example valid by model and by JSON Schema, readers lenient."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from schemas.entity_change import EntityChange
from schemas.export import EXAMPLES, MESSAGES, SCHEMAS, drift, main, schema_file
from schemas.headers import HeaderStamp, Origin, RecordHeaders
from schemas.versions import SCHEMA_VERSION

FILES = sorted(EXAMPLES.glob("*/*"))
VERSIONED = ("entity-change", "mapping-in-force", "run-result")


def name_of(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def load(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def validator(message: str) -> jsonschema.Draft202012Validator:
    schema = load(schema_file(message))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def described(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(text := schema.get("description"), str):
            yield text
        for one in schema.values():
            yield from described(one)


def test_schemas_are_as_the_models_and_none_is_an_orphan() -> None:
    assert drift() == []


def test_drift_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.export.SCHEMAS", tmp_path)
    assert main([]) == 0
    (tmp_path / "dead-letter.schema.json").write_text("{}")
    (tmp_path / "run-result.schema.json").unlink()
    (tmp_path / "stray.schema.json").write_text("{}")

    assert drift() == [
        "dead-letter.schema.json differs from its model",
        "run-result.schema.json is missing",
        "stray.schema.json belongs to no message",
    ]
    assert main(["--check"]) == 1


def test_every_message_has_at_least_three_examples_named_by_their_situation() -> None:
    folders = {folder.name: [file.name for file in folder.iterdir()] for folder in EXAMPLES.iterdir()}

    assert sorted(folders) == sorted(MESSAGES)
    assert {name: len(files) for name, files in folders.items() if len(files) < 3} == {}
    in_words = re.compile(r"[a-z0-9]+(-[a-z0-9]+){2,}\.json")
    assert [name for files in folders.values() for name in files if not in_words.fullmatch(name)] == []


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_example_is_valid_by_model_and_by_schema(file: Path) -> None:
    message = file.parent.name
    document = load(file)

    MESSAGES[message].model_validate_json(file.read_text(encoding="utf-8"))

    assert [error.message for error in validator(message).iter_errors(document)] == []


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_what_the_model_writes_is_valid_by_schema_and_reads_back_equal(file: Path) -> None:
    model = MESSAGES[file.parent.name]
    message = model.model_validate_json(file.read_text(encoding="utf-8"))

    written = message.model_dump_json(by_alias=True, exclude_none=file.parent.name.startswith("mapping"))

    assert [error.message for error in validator(file.parent.name).iter_errors(json.loads(written))] == []
    assert model.model_validate_json(written) == message


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_unknown_field_of_a_newer_release_is_ignored_by_readers(file: Path) -> None:
    message = file.parent.name
    document = {**load(file), "x_added_later": {"by": ["a", "newer", "release"]}}

    read = MESSAGES[message].model_validate_json(json.dumps(document))

    if message != "mapping-file":
        assert read == MESSAGES[message].model_validate_json(file.read_text(encoding="utf-8"))
    assert [error.message for error in validator(message).iter_errors(document)] == []


@pytest.mark.parametrize("message", sorted(MESSAGES))
def test_schema_refuses_a_message_without_its_required_fields(message: str) -> None:
    schema = load(schema_file(message))

    missing = {
        match
        for error in validator(message).iter_errors({})
        for match in re.findall("'(.*?)'", error.message)
    }

    assert missing == set(schema.get("required", []))


@pytest.mark.parametrize("message", sorted(MESSAGES))
def test_schema_says_what_the_message_is(message: str) -> None:
    schema = load(SCHEMAS / f"{message}.schema.json")

    assert schema["$id"] == f"urn:pagerport:schema:{message}:{SCHEMA_VERSION}"
    assert len(schema["description"]) > 20
    assert all(text.strip() for text in described(schema))


@pytest.mark.parametrize("message", VERSIONED)
def test_value_carries_the_schema_version(message: str) -> None:
    assert MESSAGES[message].model_fields["schema_version"].default == SCHEMA_VERSION


@pytest.mark.parametrize("file", sorted((EXAMPLES / "record-headers").glob("*.json")), ids=name_of)
def test_headers_survive_the_wire(file: Path) -> None:
    headers = RecordHeaders.model_validate_json(file.read_text(encoding="utf-8"))

    pairs = headers.encode()

    assert RecordHeaders.decode([*pairs, ("traceparent", b"00-"), ("ce_unknown", b"1")]) == headers
    assert ("content-type", b"application/json") in pairs
    assert ("ce_schemaversion", b"1") in pairs


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_id", None),
        ("ce_time", b"yesterday"),
        ("ce_origin", b"rumour"),
        ("ce_subject", b"\xff"),
        ("ce_schemaversion", b"0"),
    ],
)
def test_header_that_cannot_be_read_is_a_value_error(name: str, value: bytes | None) -> None:
    good = RecordHeaders.model_validate_json(
        (EXAMPLES / "record-headers" / "service-read-by-a-resync.json").read_text(encoding="utf-8")
    ).encode()

    with pytest.raises(ValueError, match=r".+"):
        RecordHeaders.decode([*good, (name, value)])


def test_entity_is_one_key_whatever_the_change_says() -> None:
    keys = {
        file.stem: EntityChange.model_validate_json(file.read_text(encoding="utf-8")).key()
        for file in (EXAMPLES / "entity-change").glob("*.json")
    }

    assert keys == {
        "incident-with-a-relation-to-its-service": b"pagerdutyIncident/Q0ZKL2YD1NH5TP",
        "property-left-alone-because-its-expression-failed": b"pagerdutyService/PGJL5Q1",
        "relation-whose-target-is-found-by-search": b"pagerdutyIncident/Q1ABCDEF23GHIJ",
        "delete-proposed-because-the-selector-no-longer-passes": b"pagerdutyService/PDISABL",
        "delete-of-a-sweep-that-a-later-update-overrules": b"pagerdutyService/PGONE01",
    }


def test_stamp_makes_the_headers_that_the_model_would() -> None:
    pattern = RecordHeaders(
        id="-",
        source="pagerport/x/fetcher",
        type="pagerport.raw",
        subject="-",
        time=datetime(2026, 11, 23, tzinfo=UTC),
        origin=Origin.RESYNC,
        kind="users",
        observedat=datetime(2026, 11, 22, tzinfo=UTC),
    )
    want = pattern.model_copy(update={"id": "users/PÜ1@7", "subject": "PÜ1"}).encode()
    assert HeaderStamp(pattern).headers("users/PÜ1@7", "PÜ1") == want
