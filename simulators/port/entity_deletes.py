"""Decides which entities a delete takes with it, or that it may not happen."""

from __future__ import annotations

from collections.abc import Sequence

from simulators.port.answers import RefusedError
from simulators.port.catalog import Catalog, EntityKey


def delete_entities(catalog: Catalog, keys: Sequence[EntityKey], *, delete_dependents: bool) -> None:
    """Deletes entities that exist, all or none.

    Args:
        catalog: Deleted from.
        keys: Each once.
        delete_dependents: Entities with a relation to a deleted one go too, and those with a relation to
            them.

    Raises:
        RefusedError: 422 `has_dependents`, the flag is false and something points at one of them. The status
            is that of the OpenAPI's list for this route, the code and the words those that Port's Terraform
            provider expects.
    """
    if not delete_dependents:
        for blueprint, identifier in keys:
            dependents = catalog.dependents((blueprint, identifier))
            if dependents:
                names = ", ".join(f"{one[0]}/{one[1]}" for one in dependents)
                raise RefusedError(
                    422,
                    "has_dependents",
                    f'Entity with identifier "{identifier}" of blueprint "{blueprint}" '
                    f"has dependant entities: {names}",
                )
    catalog.delete(_with_dependents(catalog, keys))


def _with_dependents(catalog: Catalog, keys: Sequence[EntityKey]) -> list[EntityKey]:
    reached = dict.fromkeys(keys)
    waiting = list(keys)
    while waiting:
        for dependent in catalog.dependents(waiting.pop()):
            if dependent not in reached:
                reached[dependent] = None
                waiting.append(dependent)
    return list(reached)
