"""What a mapping is tried on, by which engine, and how its expressions are shown."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from rich.console import Console

from services.cli.mapping.cases import CaseFile
from services.cli.mapping.cases_run import run_files
from services.cli.mapping.plan_view import planned_expressions, print_plan
from services.cli.mapping.workers import open_workers
from shared.errors import ConfigurationError
from shared.mapping_file import parse_mapping

MAPPING = """
resources:
- kind: services
  port:
    entity:
      mappings: {identifier: .id, blueprint: '"service"', title: '"ab" * 1e6 | length'}
"""
Json = Any


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MAPPING)
    return tmp_path


def case(**more: Json) -> Path:
    usual = {"name": "a", "kind": "services", "entities": [{"blueprint": "service", "identifier": 7}]}
    file = Path("c.yaml")
    file.write_text(json.dumps({"mapping": "m.yaml", "match": "partial", "cases": [{**usual, **more}]}))
    return file


def held_by_file(held: Json) -> None:
    Path("s.json").write_text(json.dumps(held))


@pytest.mark.parametrize(
    "held", [{"id": 7}, [{"id": 7}], {"services": [{"id": 7}], "limit": 1}, {"service": {"id": 7}}]
)
async def test_the_file_of_a_case_may_be_an_answer_of_pagerduty(held: Json) -> None:
    held_by_file(held)

    (result,) = await run_files([case(file="s.json")], None)

    assert result.differences == ()


@pytest.mark.parametrize("held", [[], {"services": [{"id": 1}, {"id": 2}]}])
async def test_a_file_of_several_objects_is_no_case(held: Json) -> None:
    held_by_file(held)

    with pytest.raises(ConfigurationError, match=r"^s\.json: has [02] objects; a case takes one$"):
        await run_files([case(file="s.json")], None)


async def test_the_kind_of_a_case_must_be_one() -> None:
    with pytest.raises(
        ConfigurationError, match="'service' is not a kind PagerDuty lists; did you mean services"
    ):
        await run_files([case(kind="service", input={})], None)


def test_an_editor_takes_the_identifiers_that_a_run_takes() -> None:
    schema = CaseFile.model_json_schema()

    for identifier in ("a", 7, 1.5, True, {"combinator": "and", "rules": []}):
        text = case(input={}, entities=[{"blueprint": "b", "identifier": identifier}]).read_text()
        jsonschema.validate(yaml.safe_load(text), schema)
        CaseFile.model_validate(yaml.safe_load(text))


def test_mappings_are_tried_with_the_engine_that_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_pyjq", None)
    monkeypatch.setenv("OCEAN__MAPPER__ENGINE", "pyjq")

    with pytest.raises(ConfigurationError, match="OCEAN__MAPPER__ENGINE: 'pyjq' is not installed"):
        open_workers()


def test_the_plan_shows_expressions_as_they_are_written() -> None:
    planned = [one for one, _ in planned_expressions(parse_mapping(MAPPING, "m").config)]
    out = io.StringIO()

    print_plan(Console(file=out, width=200), planned)

    assert '"ab" * 1e6 | length' in out.getvalue()
