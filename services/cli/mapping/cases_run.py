"""Runs the cases of some files with the mapper's own workers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from services.cli.mapping.cases import Case, LoadedCases, load_cases
from services.cli.mapping.event_trial import EventTrialMapper, event_from
from services.cli.mapping.inputs import body_of, read_documents, read_objects
from services.cli.mapping.judging import Difference, judge
from services.cli.mapping.trial import TrialMapper, grouped
from services.cli.mapping.tried import Trial, TrialObject
from services.cli.mapping.workers import open_workers
from services.mapper.pool import WorkerPool
from shared.errors import ConfigurationError
from shared.kinds import kind_named
from shared.mapping_file import load_mapping, require_sound

Json = Any
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case that was run.

    Attributes:
        case: The case.
        place: File and line of it.
        differences: What is not as it expects; empty: it passes.
    """

    case: Case
    place: str
    differences: tuple[Difference, ...]

    def document(self) -> dict[str, Json]:
        """Return the result for machines."""
        return {
            "name": self.case.name,
            "place": self.place,
            "passed": not self.differences,
            "differences": [asdict(one) for one in self.differences],
        }


async def run_files(files: Sequence[Path], mapping: Path | None) -> list[CaseResult]:
    """Run all cases of some files.

    Args:
        files: Files of cases.
        mapping: The mapping; None: the one that each file names.

    Raises:
        ConfigurationError: A file or mapping cannot be used; one line per mistake.
        FatalError: No JQ worker can be started.
    """
    loaded = [load_cases(file) for file in files]
    results: list[CaseResult] = []
    async with open_workers() as pool:
        for one in loaded:
            results += await _run_file(one, one.mapping(mapping), pool)
    return results


async def _run_file(loaded: LoadedCases, mapping: Path, pool: WorkerPool) -> list[CaseResult]:
    read = load_mapping(mapping)
    require_sound(read)
    now = datetime.now(UTC)
    objects: list[TrialObject] = []
    events: list[TrialObject] = []
    for case, line in zip(loaded.content.cases, loaded.lines, strict=True):
        place = f"{loaded.path}:{line}"
        if case.kind:
            body = _object_of(case, loaded.path, place)
            objects.append(TrialObject(case.kind, body, deleted=case.deleted, omitted=case.without))
        else:
            events.append(event_from(_event_of(case, loaded.path)))
    trials: list[Trial] = []
    if objects:
        mapper = TrialMapper(read.config, pool, now=now)
        for name in dict.fromkeys(one.kind for one in objects):
            mapper.require_kind(name)
        trials += await mapper.run(objects)
    if events:
        trials += await EventTrialMapper(read.config, pool).run(events)
    tried = grouped(trials)
    in_order, of_events = iter(objects), iter(events)
    results = []
    for case, line in zip(loaded.content.cases, loaded.lines, strict=True):
        of_case = tried[id(next(in_order if case.kind else of_events))]
        differences = judge(case, case.match or loaded.content.match, of_case)
        results.append(CaseResult(case, f"{loaded.path}:{line}", tuple(differences)))
    return results


def _object_of(case: Case, beside: Path, place: str) -> bytes | None:
    """Return the object of a case; a file may hold it as an answer of PagerDuty."""
    kind_named(case.kind)
    if not case.file:
        return body_of(case.input, f"{place}: input")
    file = beside.parent / case.file
    return _only_one(read_objects(file, case.kind), file).body


def _event_of(case: Case, beside: Path) -> Json:
    if not case.file:
        return case.event
    file = beside.parent / case.file
    return _only_one(read_documents(file), file)


def _only_one(found: Sequence[_T], file: Path) -> _T:
    if len(found) != 1:
        raise ConfigurationError(f"{file}: has {len(found)} objects; a case takes one")
    return found[0]
