"""Writes up to twenty entities in one call and reports on each by its index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.port.answers import Answer, RefusedError, invalid
from simulators.port.call import Call, check_count
from simulators.port.catalog import Catalog
from simulators.port.entity_rules import check_entity_shape
from simulators.port.entity_writes import WriteFlags, find_identifier, write_entity
from simulators.port.script_action import PortAction
from simulators.port.shelf import Shelf
from simulators.port.stored import Writer

BULK_UPSERT_MAX_ENTITIES = 20  # Source: Port API, OpenAPI, Create multiple entities
UNKNOWN_IDENTIFIER = "unknown"  # Source: Ocean: what a failed item is called whose identifier was a search


def bulk_upsert(catalog: Catalog, call: Call, *, refuses_whole_call: bool) -> Answer:
    """Answers POST /v1/blueprints/{blueprint}/entities/bulk.

    Args:
        catalog: Written to.
        call: The request.
        refuses_whole_call: An item that breaks the route's schema (a bad identifier, a title that is no
            string) fails the call, as the letter of the OpenAPI says, and not that item alone.

    Returns:
        200 when every item was stored, else 207, with the same body.

    Raises:
        RefusedError: 404 for the blueprint, 422 for the frame of the body.
    """
    body = call.json_object(allowed=("entities",))
    if "entities" not in body:
        raise invalid("body", "must have required property 'entities'")
    items = body["entities"]
    if not isinstance(items, list):
        raise invalid("entities", "must be array")
    check_count(items, "entities", 1, BULK_UPSERT_MAX_ENTITIES)
    flags = call.write_flags()
    if refuses_whole_call:
        for index, item in enumerate(items):
            check_entity_shape(item, f"entities/{index}/")
    shelf = catalog.shelf(call.segments[0])
    entities: list[dict[str, object]] = []
    errors: list[dict[str, object]] = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        if index == call.action.omit_index:
            continue
        try:
            identifier, created = _write_item(
                catalog, shelf, item, index, flags, call.writer, call.action, seen
            )
        except RefusedError as refused:
            errors.append(_error(item, index, refused))
        else:
            entities.append({"created": created, "identifier": identifier, "index": index})
    status = 207 if errors else 200
    return Answer(status, {"ok": not errors, "entities": entities, "errors": errors})


def _write_item(
    catalog: Catalog,
    shelf: Shelf,
    item: object,
    index: int,
    flags: WriteFlags,
    writer: Writer,
    action: PortAction,
    seen: set[str],
) -> tuple[str, bool]:
    failed = action.fail_item
    if failed is not None and failed.index == index:
        raise RefusedError(failed.status_code, failed.error, failed.message)
    body = check_entity_shape(item)
    identifier = find_identifier(shelf, body["identifier"])
    refuse_by_script(action, identifier)
    if identifier in seen:
        # Twice the same entity in one call is documented nowhere: the strict reading refuses the second.
        raise invalid("identifier", f'"{identifier}" is in this call already')
    seen.add(identifier)
    entity, created = write_entity(catalog, shelf, _with_identifier(body, identifier), flags, writer)
    return entity.identifier, created


def _with_identifier(body: Mapping[str, Any], identifier: str) -> Mapping[str, Any]:
    return body if body["identifier"] is identifier else {**body, "identifier": identifier}


def refuse_by_script(action: PortAction, identifier: str) -> None:
    """Raises RefusedError (422) when the script wants this entity refused."""
    if action.reject_identifier == identifier:
        raise invalid("identifier", f'"{identifier}" is rejected by the script')


def _error(item: object, index: int, refused: RefusedError) -> dict[str, object]:
    identifier = item.get("identifier") if isinstance(item, dict) else None
    return {
        "identifier": identifier if isinstance(identifier, str) else UNKNOWN_IDENTIFIER,
        "index": index,
        "statusCode": refused.status,
        "error": refused.error,
        "message": refused.message,
    }
