"""Loads a mapping file and says in one line per mistake what is wrong with it, where, and what to do."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from schemas.mapping import MappingFile
from shared.jq_engine import Json
from shared.mapping_advice import advise
from shared.mapping_check import (
    NO_RESOURCES,
    MappingRefusedError,
    Problem,
    check_config,
    line_of,
    located,
)
from shared.mapping_form import MISSING, form_problems
from shared.mapping_keys import unknown_keys
from shared.mapping_stand_in import stand_in
from shared.mapping_text import Place, PlacedText, TextError, read_placed

__all__ = [
    "LoadedMapping",
    "MappingRefusedError",
    "Problem",
    "advise_mapping",
    "check_mapping",
    "load_mapping",
    "mapping_from",
    "parse_mapping",
    "placed",
    "require_entries",
    "require_sound",
]

SIZE_LIMIT_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LoadedMapping:
    """A mapping that has its form.

    Attributes:
        config: The mapping.
        name: File name, or where else it comes from.
        places: Path of each value to its line and column.
        doubtful: Paths of plain `yes`, `no`, `on`, `off`, and the word.
        noted: What reading it has found already: keys that nobody reads or that stand there twice.
    """

    config: MappingFile
    name: str
    places: dict[str, Place] = field(default_factory=dict)
    doubtful: dict[str, str] = field(default_factory=dict)
    noted: tuple[Problem, ...] = ()

    def line(self, problem: Problem) -> str:
        """Return a problem as one line: file, line, column, path, what is wrong."""
        return line_of(self.name, problem)


def load_mapping(path: Path) -> LoadedMapping:
    """Load a mapping from a YAML or JSON file.

    Raises:
        MappingRefusedError: It cannot be read, or does not have the form of a mapping; one line per mistake.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT_BYTES:
            raise _refused(str(path), f"larger than {SIZE_LIMIT_BYTES >> 20} MiB; is it the mapping?")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        says = os.strerror(error.errno) if error.errno else type(error).__name__
        raise _refused(str(path), f"cannot be read: {says}; name the mapping file") from None
    except UnicodeDecodeError as error:
        raise _refused(str(path), f"byte {error.start + 1} is not UTF-8; save it as UTF-8") from None
    return parse_mapping(text, str(path))


def parse_mapping(text: str, name: str) -> LoadedMapping:
    """Read a mapping from YAML or JSON text.

    A list at the top is read as `resources` when its items have a `kind`, else as Port's webhook format.

    Raises:
        MappingRefusedError: It does not have the form of a mapping; one line per mistake.
    """
    try:
        placed = read_placed(text)
    except TextError as error:
        raise _refused(name, error.message, Place(error.line, error.column)) from None
    return _loaded(placed, name)


def mapping_from(data: Json, name: str) -> LoadedMapping:
    """Read a mapping that is not text but data already: its mistakes have a path but no line.

    Raises:
        MappingRefusedError: It does not have the form of a mapping; one line per mistake.
    """
    return _loaded(PlacedText(data, {}, {}), name)


def _loaded(placed: PlacedText, name: str) -> LoadedMapping:
    placed = _with_root(placed, name)
    noted = [Problem("error", line, column, "", says) for line, column, says in placed.repeated]
    unknown = list(unknown_keys(placed.data))
    try:
        config = MappingFile.model_validate(placed.data)
    except ValidationError as error:
        found = list(form_problems(error, placed.data))
        meant = {key.meant: key for key in unknown if key.meant}
        missing = {one.path for one in found if one.message == MISSING} & meant.keys()
        noted += [
            _at(placed.places, Problem("error", 0, 0, meant[path].path, _did_you_mean(meant[path].near)))
            for path in missing
        ]
        noted += [_at(placed.places, one) for one in found if one.path not in missing]
        unknown = [key for key in unknown if key.meant not in missing]
        config = None
    for key in unknown:
        says = _did_you_mean(key.near, "ignored") if key.near else "unknown key, ignored; remove it"
        noted.append(_at(placed.places, Problem("warning", 0, 0, key.path, says)))
    if config is None:
        noted += [_at(placed.places, one) for one in _of_the_rest(placed)]
        raise MappingRefusedError(name, sorted(noted, key=_place_of))
    return LoadedMapping(config, name, placed.places, placed.doubtful, tuple(noted))


def _of_the_rest(placed: PlacedText) -> Iterable[Problem]:
    """Judge a mapping that has not its form as far as it has, so that all is said at once."""
    standing = stand_in(placed.data)
    if standing is None:
        return
    for problem in (*_judged(standing.config, placed.doubtful), *advise(standing.config)):
        if not standing.is_about(problem.path):
            yield problem


def _did_you_mean(near: str, *what: str) -> str:
    return f"{', '.join(['unknown key', *what])}; did you mean `{near}`?"


def _at(places: dict[str, Place], problem: Problem) -> Problem:
    return located(problem, _place(places, problem.path))


def _place_of(problem: Problem) -> tuple[int, int]:
    return problem.line, problem.column


def _refused(name: str, says: str, place: Place | None = None, path: str = "") -> MappingRefusedError:
    return MappingRefusedError(name, [located(Problem("error", 0, 0, path, says), place)])


def check_mapping(loaded: LoadedMapping) -> list[Problem]:
    """Judge a mapping without asking anybody.

    Returns:
        Problems in the order of the file, errors and warnings mixed.
    """
    found = [_at(loaded.places, problem) for problem in _judged(loaded.config, loaded.doubtful)]
    return sorted([*loaded.noted, *found], key=_place_of)


def _judged(config: MappingFile, doubtful: Mapping[str, str]) -> Iterable[Problem]:
    yield from check_config(config)
    for path, word in doubtful.items():
        says = f"YAML reads plain {word} as true or false; write true or false, or put quotes around it"
        yield Problem("warning", 0, 0, path, says)


def advise_mapping(loaded: LoadedMapping) -> list[Problem]:
    """Return what a mapping does in vain, as far as PagerDuty's fields are known; warnings only."""
    return sorted(placed(loaded, advise(loaded.config)), key=_place_of)


def placed(loaded: LoadedMapping, problems: Iterable[Problem]) -> list[Problem]:
    """Return problems of a mapping with their places in its file; before, they have those in expressions."""
    return [_at(loaded.places, problem) for problem in problems]


def require_entries(loaded: LoadedMapping) -> None:
    """Refuse a mapping of which nothing is ever made.

    Raises:
        MappingRefusedError: It has no entry, neither under `resources` nor under `webhookMappings`.
    """
    if not loaded.config.resources and not loaded.config.webhook_mappings:
        raise _refused(loaded.name, NO_RESOURCES, loaded.places.get(""))


def require_sound(loaded: LoadedMapping) -> list[Problem]:
    """Return the warnings of a mapping.

    Raises:
        MappingRefusedError: It has errors; one line each.
    """
    problems = check_mapping(loaded)
    if any(problem.severity == "error" for problem in problems):
        raise MappingRefusedError(loaded.name, problems)
    return problems


def _with_root(placed: PlacedText, name: str) -> PlacedText:
    data = placed.data
    if data is None:
        raise _refused(name, "is empty; write entries under `resources`")
    if isinstance(data, dict):
        if "mappings" not in data:
            return placed
        if "webhookMappings" in data:
            says = "is the same as webhookMappings; write one of them"
            raise _refused(name, says, placed.places.get("mappings"), "mappings")
        return _under(
            {"webhookMappings" if key == "mappings" else key: value for key, value in data.items()}, placed
        )
    if isinstance(data, list) and data:
        root = (
            "resources" if all(isinstance(one, dict) and "kind" in one for one in data) else "webhookMappings"
        )
        return _under({root: data}, placed)
    says = "is no mapping; write keys with values, the entries under `resources`"
    raise _refused(name, says, Place(1, 1) if placed.places else None)


def _under(data: dict[str, Json], placed: PlacedText) -> PlacedText:
    """Return the data with paths that begin with the key it now stands under."""
    top = next(iter(data)) if placed.places and isinstance(placed.data, list) else ""

    def moved(path: str) -> str:
        if top:
            return top + path
        return "webhookMappings" + path.removeprefix("mappings") if path.startswith("mappings") else path

    return PlacedText(
        data,
        {moved(path): place for path, place in placed.places.items()},
        {moved(path): word for path, word in placed.doubtful.items()},
        placed.repeated,
    )


def _place(places: dict[str, Place], path: str) -> Place | None:
    """Return the place of a value, or of the nearest thing around it."""
    while path and path not in places:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return places.get(path)
