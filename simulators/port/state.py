"""Shows everything the simulated Port holds as one JSON value, and takes such a value instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulators.port.answers import RefusedError, invalid
from simulators.port.blueprint_rules import check_blueprint
from simulators.port.catalog import SYSTEM_BLUEPRINTS, Catalog
from simulators.port.entity_rules import check_entity_shape
from simulators.port.integration_routes import IntegrationRoutes
from simulators.port.stored import stored_from_document

_KEYS = ("blueprints", "entities", "integrations")


class PortState:
    """The state of one simulated organisation; the two system blueprints are no part of it.

    Args:
        catalog: Blueprints and entities.
        integrations: Integration objects.
        now_ms: Gives the time for entities that come without one.
    """

    def __init__(self, catalog: Catalog, integrations: IntegrationRoutes, now_ms: Callable[[], int]) -> None:
        self._catalog = catalog
        self._integrations = integrations
        self._now_ms = now_ms

    def snapshot(self) -> dict[str, Any]:
        """Gives `blueprints`, `entities` (with `$datasource` and `$placeholder`) and `integrations`."""
        return {
            "blueprints": [
                shelf.blueprint
                for shelf in self._catalog.shelves()
                if shelf.blueprint["identifier"] not in SYSTEM_BLUEPRINTS
            ],
            "entities": [entity.full_document() for entity in self._catalog.entities()],
            "integrations": self._integrations.snapshot(),
        }

    def replace(self, value: object) -> None:
        """Takes a state; histories begin anew, counts of writes stay.

        Raises:
            ValueError: It is not a state, or one that Port could not be in.
        """
        if not isinstance(value, dict) or set(value) - set(_KEYS):
            raise ValueError(f"a state is an object with no other keys than {', '.join(_KEYS)}")
        blueprints, entities = value.get("blueprints", []), value.get("entities", [])
        integrations = value.get("integrations", {})
        if not (
            isinstance(blueprints, list) and isinstance(entities, list) and isinstance(integrations, dict)
        ):
            raise ValueError("blueprints and entities are lists, integrations is an object")  # noqa: TRY004 - see Raises
        try:
            catalog = _built(blueprints, entities, self._now_ms())
        except RefusedError as refused:
            raise ValueError(refused.message) from refused
        self._integrations.replace(integrations)
        self._catalog.take_over(catalog)


def define_all(catalog: Catalog, blueprints: Sequence[object]) -> None:
    """Stores blueprints in any order; each relation's target must be among them or there already.

    Raises:
        RefusedError: 422 or 404, with what is wrong.
    """
    checked = [check_blueprint(blueprint) for blueprint in blueprints]
    known = {blueprint["identifier"] for blueprint in checked}
    for blueprint in checked:
        for name, relation in blueprint.get("relations", {}).items():
            if relation["target"] not in known and not catalog.has_blueprint(relation["target"]):
                text = f'"relations/{name}/target" of "{blueprint["identifier"]}" names no blueprint'
                raise RefusedError(404, "not_found", text)
    for blueprint in checked:
        catalog.define_blueprint(blueprint)


def _built(blueprints: Sequence[object], entities: Sequence[Mapping[str, Any]], at_ms: int) -> Catalog:
    catalog = Catalog()
    define_all(catalog, blueprints)
    for index, document in enumerate(entities):
        body = check_entity_shape(document, f"entities/{index}/")
        if not isinstance(body["identifier"], str) or isinstance(body.get("team"), dict):
            raise invalid(f"entities/{index}", "must be stored already, not searched for")
        shelf = catalog.shelf(str(body.get("blueprint")))
        # What is required may lack: a placeholder lacks it too.
        shelf.rules.check(body, is_partial=True)
        catalog.restore(stored_from_document(body, 0, at_ms))
    _check_targets(catalog)
    return catalog


def _check_targets(catalog: Catalog) -> None:
    for entity in catalog.entities():
        relations = catalog.shelf(entity.blueprint).rules.relations
        for name, value in entity.relations.items():
            for target in value if isinstance(value, list) else [value]:
                if target is not None and catalog.entity((relations[name]["target"], target)) is None:
                    text = (
                        f'"{entity.blueprint}/{entity.identifier}/relations/{name}" names no entity: {target}'
                    )
                    raise RefusedError(404, "not_found", text)
