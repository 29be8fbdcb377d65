"""Puts the warnings about a sound mapping into a few lines, for whoever is about to use it."""

from pathlib import Path
from typing import Final

from shared.mapping_file import LoadedMapping, advise_mapping, require_sound

SHOWN: Final = 5
"""More are only counted: `pagerport mapping check` shows them all."""


def warning_lines(loaded: LoadedMapping, file: Path | None = None) -> list[str]:
    """Return the same warnings as `pagerport mapping check`, or their beginning and how many more there are.

    Args:
        loaded: The mapping.
        file: Where it was read from; None: it is kept in Port.

    Raises:
        MappingRefusedError: It has errors; one line each.
    """
    problems = [*require_sound(loaded), *advise_mapping(loaded)]
    problems.sort(key=lambda problem: (problem.line, problem.column))
    lines = [loaded.line(problem) for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        where = f"pagerport mapping check {file}" if file else "pagerport mapping check FILE"
        lines.append(f"{loaded.name}: {len(problems) - SHOWN} more warnings: `{where}` shows all")
    return lines
