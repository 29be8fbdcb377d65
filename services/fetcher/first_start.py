"""Creates the blueprints that a mapping needs, Port lacks and we have a default of."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from schemas.mapping import MappingFile
from services.fetcher.blueprint_plan import (
    Step,
    constant_blueprints,
    plan_creation,
    targets_of,
    written_targets,
)
from shared.errors import FatalError, RejectedError, RetryableError
from shared.port.client import PortClient
from shared.tasks import all_of

SWITCH = "OCEAN__INITIALIZE_PORT_RESOURCES"


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What was done.

    Attributes:
        created: Blueprints that were created, in their order.
        warnings: What of them was left out, a line each.
    """

    created: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


async def create_missing_blueprints(
    port: PortClient, config: MappingFile, definitions: Sequence[dict[str, Any]]
) -> FirstStart:
    """Create the blueprints that the mapping names outright, Port lacks and `definitions` has.

    Also those that a relation leads to which the mapping writes: without its target it could not be made.
    A blueprint that exists is never changed, whatever it looks like.

    Raises:
        FatalError: Port refuses us or cannot be reached.
        RejectedError: Port refuses a definition.
        RetryableError: Port goes on failing for one blueprint only.
    """
    named = constant_blueprints(config) | written_targets(config, definitions)
    wanted = [one for one in definitions if one["identifier"] in named]
    present = await _present(port, {one["identifier"] for one in wanted}.union(*map(targets_of, wanted)))
    missing = [one for one in wanted if one["identifier"] not in present]
    plan = plan_creation(missing, present)
    created: list[str] = []
    for number, step in enumerate(plan.steps):
        with _said(step, plan.steps[number:], created):
            if not step.is_update:
                # False: somebody else has created it since we asked, so it is theirs.
                if await port.create_blueprint(step.body):
                    created.append(step.blueprint)
            elif step.blueprint in created:
                await port.update_blueprint(step.blueprint, step.body)
    return FirstStart(tuple(created), plan.warnings)


async def _present(port: PortClient, names: Collection[str]) -> set[str]:
    """Return those blueprints that Port has."""
    present: set[str] = set()

    async def ask(name: str) -> None:
        if await port.get_blueprint(name) is not None:
            present.add(name)

    await all_of(*map(ask, sorted(names)))
    return present


@contextmanager
def _said(step: Step, remaining: Sequence[Step], created: Sequence[str]) -> Iterator[None]:
    """Add to an error of the block which blueprint it was about and what was created before it."""
    try:
        yield
    except RejectedError as error:
        raise RejectedError(error.reason, _line(step, remaining, created, error)) from None
    except RetryableError as error:
        line = _line(step, remaining, created, error)
        raise RetryableError(line, retry_after_s=error.retry_after_s) from None
    except FatalError as error:
        raise FatalError(_line(step, remaining, created, error)) from None


def _line(step: Step, remaining: Sequence[Step], created: Sequence[str], error: Exception) -> str:
    said = f"created before it: {', '.join(created)}" if created else "nothing was created before it"
    unfinished = sorted({one.blueprint for one in remaining if one.is_update}.intersection(created))
    if unfinished:
        said += (
            f"; without their relations yet, so delete them before the next start: {', '.join(unfinished)}"
        )
    verb = "complete" if step.is_update else "create"
    return (
        f"cannot {verb} the blueprint {step.blueprint!r}: {error}; {said}; "
        f"create it yourself, or set {SWITCH}=false to have none created"
    )
