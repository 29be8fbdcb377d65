"""Is `pagerport mapping schema`: prints the JSON Schema with which editors complete and check mappings."""

import json
from typing import Annotated

import typer


def schema(
    *,
    cases: Annotated[
        bool, typer.Option("--cases", help="That of a file of test cases, instead of a mapping's.")
    ] = False,
) -> None:
    """Print the JSON Schema of a mapping file, for editors: # yaml-language-server: $schema=FILE."""
    from schemas.export import DIALECT, schema_text

    if not cases:
        print(schema_text("mapping-file"), end="")
        return
    from services.cli.mapping.cases import CaseFile

    print(json.dumps({"$schema": DIALECT, **CaseFile.model_json_schema()}, indent=2, ensure_ascii=False))
