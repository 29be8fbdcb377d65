"""Writes the JSON Schema of every message beside the models: `python -m schemas.export [--check]`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from schemas.command import Command
from schemas.complete_listing import CompleteListing
from schemas.dead_letter import DeadLetter
from schemas.entity_change import EntityChange
from schemas.headers import RecordHeaders
from schemas.mapping import MappingFile, MappingInForce
from schemas.refresh_request import RefreshRequest
from schemas.run import RunResult
from schemas.standing import Standing
from schemas.versions import SCHEMA_VERSION

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS = Path(__file__).parent / "json"
EXAMPLES = Path(__file__).parent / "examples"

MESSAGES: dict[str, type[BaseModel]] = {
    "command": Command,
    "complete-listing": CompleteListing,
    "dead-letter": DeadLetter,
    "entity-change": EntityChange,
    "mapping-file": MappingFile,
    "mapping-in-force": MappingInForce,
    "record-headers": RecordHeaders,
    "refresh-request": RefreshRequest,
    "run-result": RunResult,
    "standing": Standing,
}
"""Name of each message, as its schema's file and its folder of examples are called."""


def schema_text(name: str) -> str:
    """Return the schema of a message as its file holds it."""
    schema = {
        "$schema": DIALECT,
        "$id": f"urn:pagerport:schema:{name}:{SCHEMA_VERSION}",
        **MESSAGES[name].model_json_schema(by_alias=True),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def schema_file(name: str) -> Path:
    """Return where the schema of a message lies."""
    return SCHEMAS / f"{name}.schema.json"


def drift() -> list[str]:
    """Return a line for each file that is missing, out of date or belongs to no message."""
    found = []
    for name in MESSAGES:
        file = schema_file(name)
        if not file.exists():
            found.append(f"{file.name} is missing")
        elif file.read_text(encoding="utf-8") != schema_text(name):
            found.append(f"{file.name} differs from its model")
    known = {schema_file(name) for name in MESSAGES}
    found += [f"{file.name} belongs to no message" for file in sorted(set(SCHEMAS.glob("*")) - known)]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the schemas, or with `--check` say whether they are as the models; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m schemas.export", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 on drift")
    if parser.parse_args(arguments).check:
        found = drift()
        for line in found:
            sys.stderr.write(f"{line}; run `python -m schemas.export`\n")
        return 1 if found else 0
    SCHEMAS.mkdir(exist_ok=True)
    for name in MESSAGES:
        schema_file(name).write_text(schema_text(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
