"""Answers the calls that write, read and delete entities."""

from __future__ import annotations

from simulators.port.answers import Answer, entity_not_found, invalid
from simulators.port.bulk_upsert import bulk_upsert, refuse_by_script
from simulators.port.call import Call, string_list
from simulators.port.catalog import Catalog
from simulators.port.entity_deletes import delete_entities
from simulators.port.entity_rules import check_entity_shape, check_patch_shape
from simulators.port.entity_writes import WriteFlags, find_identifier, write_entity
from simulators.port.projection import path_projection
from simulators.port.shelf import Shelf
from simulators.port.stored import StoredEntity

BULK_DELETE_MAX_ENTITIES = 100  # Source: Port API, OpenAPI, Delete multiple entities


class EntityRoutes:
    """Handlers over one catalog; each takes a call and returns an answer or raises RefusedError.

    Args:
        catalog: Read and written.
        bulk_schema_fails_call: See `bulk_upsert`.
    """

    def __init__(self, catalog: Catalog, *, bulk_schema_fails_call: bool = False) -> None:
        self._catalog = catalog
        self._bulk_schema_fails_call = bulk_schema_fails_call

    def upsert(self, call: Call) -> Answer:
        """POST /v1/blueprints/{blueprint}/entities."""
        body = check_entity_shape(call.json())
        flags = call.write_flags()
        shelf = self._catalog.shelf(call.segments[0])
        refuse_by_script(call.action, find_identifier(shelf, body["identifier"]))
        entity, _ = write_entity(self._catalog, shelf, body, flags, call.writer)
        return Answer(201, {"ok": True, "entity": entity.document()})

    def upsert_bulk(self, call: Call) -> Answer:
        """POST /v1/blueprints/{blueprint}/entities/bulk."""
        return bulk_upsert(self._catalog, call, refuses_whole_call=self._bulk_schema_fails_call)

    def override(self, call: Call) -> Answer:
        """PUT /v1/blueprints/{blueprint}/entities/{entity}: what is not sent is cleared."""
        body = call.json_object()
        return self._update(call, check_entity_shape({"identifier": call.segments[1], **body}), merge=False)

    def update(self, call: Call) -> Answer:
        """PATCH /v1/blueprints/{blueprint}/entities/{entity}: what is not sent is kept."""
        return self._update(call, check_patch_shape(call.json()), merge=True)

    def _update(self, call: Call, body: dict[str, object], *, merge: bool) -> Answer:
        create_missing = call.flag("create_missing_related_entities")
        shelf, entity = self._entity(call)
        if body.get("identifier", entity.identifier) != entity.identifier:
            raise invalid("identifier", "must be that of the path: the simulator does not rename entities")
        flags = WriteFlags(upsert=True, merge=merge, create_missing_related_entities=create_missing)
        sent = {**body, "identifier": entity.identifier}
        written, _ = write_entity(self._catalog, shelf, sent, flags, call.writer)
        return Answer(200, {"ok": True, "entity": written.document()})

    def read(self, call: Call) -> Answer:
        """GET /v1/blueprints/{blueprint}/entities/{entity}."""
        project = path_projection(call.values("include"), call.values("exclude"))
        _, entity = self._entity(call)
        return Answer(200, {"ok": True, "entity": project(entity)})

    def read_all(self, call: Call) -> Answer:
        """GET /v1/blueprints/{blueprint}/entities: all of them, there are no pages."""
        project = path_projection(call.values("include"), call.values("exclude"))
        shelf = self._catalog.shelf(call.segments[0])
        return Answer(200, {"ok": True, "entities": [project(entity) for entity in shelf.after(0)]})

    def count(self, call: Call) -> Answer:
        """GET /v1/blueprints/{blueprint}/entities-count."""
        return Answer(200, {"ok": True, "count": len(self._catalog.shelf(call.segments[0]).entities)})

    def delete(self, call: Call) -> Answer:
        """DELETE /v1/blueprints/{blueprint}/entities/{entity}."""
        delete_dependents = call.flag("delete_dependents")
        _, entity = self._entity(call)
        key = (entity.blueprint, entity.identifier)
        delete_entities(self._catalog, [key], delete_dependents=delete_dependents)
        return Answer(200, {"ok": True})

    def delete_bulk(self, call: Call) -> Answer:
        """POST /v1/blueprints/{blueprint}/bulk/entities/delete.

        An identifier that is not there is left out of the answer and is no error; no source says what Port
        does.
        """
        body = call.json_object(allowed=("entities",))
        identifiers = string_list(body, "entities", 1, BULK_DELETE_MAX_ENTITIES)
        delete_dependents = call.flag("delete_dependents")
        shelf = self._catalog.shelf(call.segments[0])
        present = [identifier for identifier in dict.fromkeys(identifiers) if identifier in shelf.entities]
        keys = [(call.segments[0], identifier) for identifier in present]
        delete_entities(self._catalog, keys, delete_dependents=delete_dependents)
        return Answer(200, {"ok": True, "deletedEntities": present})

    def _entity(self, call: Call) -> tuple[Shelf, StoredEntity]:
        blueprint, identifier = call.segments
        shelf = self._catalog.shelf(blueprint)
        entity = shelf.entities.get(identifier)
        if entity is None:
            raise entity_not_found(blueprint, identifier)
        return shelf, entity
