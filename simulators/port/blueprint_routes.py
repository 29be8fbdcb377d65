"""Answers the calls that define, read and delete blueprints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.port.answers import Answer, RefusedError, conflict, invalid, not_found
from simulators.port.blueprint_rules import check_blueprint
from simulators.port.call import Call
from simulators.port.catalog import Catalog


class BlueprintRoutes:
    """Handlers over one catalog; each takes a call and returns an answer or raises RefusedError."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def read_all(self, _call: Call) -> Answer:
        """GET /v1/blueprints."""
        return Answer(200, {"ok": True, "blueprints": [shelf.blueprint for shelf in self._catalog.shelves()]})

    def create(self, call: Call) -> Answer:
        """POST /v1/blueprints."""
        blueprint = check_blueprint(call.json())
        call.flag("create_catalog_page")
        identifier = blueprint["identifier"]
        if self._catalog.has_blueprint(identifier):
            raise conflict(f'Blueprint with identifier "{identifier}" already exists')
        self._check_targets(blueprint)
        return Answer(201, {"ok": True, "blueprint": self._catalog.define_blueprint(blueprint).blueprint})

    def read(self, call: Call) -> Answer:
        """GET /v1/blueprints/{blueprint}."""
        return Answer(200, {"ok": True, "blueprint": self._catalog.shelf(call.segments[0]).blueprint})

    def override(self, call: Call) -> Answer:
        """PUT /v1/blueprints/{blueprint}: what is not sent is cleared."""
        return self._define(call, {}, check_blueprint(call.json(), required=("title", "schema")))

    def update(self, call: Call) -> Answer:
        """PATCH /v1/blueprints/{blueprint}: a top-level part that is sent takes the place of the old one."""
        sent = check_blueprint(call.json(), required=())
        return self._define(call, self._catalog.shelf(call.segments[0]).blueprint, sent)

    def delete(self, call: Call) -> Answer:
        """DELETE /v1/blueprints/{blueprint}."""
        identifier = call.segments[0]
        shelf = self._catalog.shelf(identifier)
        if shelf.entities:
            raise RefusedError(
                422, "has_dependents", f'Blueprint with identifier "{identifier}" has dependant entities'
            )
        pointing = self._catalog.blueprints_pointing_at(identifier)
        if pointing:
            names = ", ".join(pointing)
            raise RefusedError(
                422,
                "has_dependents",
                f'Blueprint with identifier "{identifier}" has dependant blueprints: {names}',
            )
        self._catalog.drop_blueprint(identifier)
        return Answer(200, {"ok": True})

    def _define(self, call: Call, base: Mapping[str, Any], sent: Mapping[str, Any]) -> Answer:
        identifier = call.segments[0]
        self._catalog.shelf(identifier)
        if sent.get("identifier", identifier) != identifier:
            raise invalid("identifier", "must be that of the path: the simulator does not rename blueprints")
        blueprint = {**base, **sent, "identifier": identifier}
        self._check_targets(blueprint)
        return Answer(200, {"ok": True, "blueprint": self._catalog.define_blueprint(blueprint).blueprint})

    def _check_targets(self, blueprint: Mapping[str, Any]) -> None:
        for name, relation in blueprint.get("relations", {}).items():
            target = relation["target"]
            if target != blueprint["identifier"] and not self._catalog.has_blueprint(target):
                raise not_found(
                    f'"relations/{name}/target" Blueprint with identifier "{target}" was not found'
                )
