"""Lists every route of the simulated API, with its handler and its rate-limit family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from simulators.port.answers import Answer
from simulators.port.blueprint_routes import BlueprintRoutes
from simulators.port.call import Call
from simulators.port.entity_routes import EntityRoutes
from simulators.port.integration_routes import IntegrationRoutes
from simulators.port.search_routes import SearchRoutes

Handler = Callable[[Call], Answer]
# Source: Port API, OpenAPI, query of each route; what is not simulated is left out.
READ = frozenset({"include", "exclude", "exclude_calculated_properties"})
CHANGE = frozenset({"create_missing_related_entities", "run_id"})
WRITE = CHANGE | {"upsert", "merge", "validation_only"}
DELETE = frozenset({"delete_dependents", "run_id"})
_OPEN = "{}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers one method of one path.

    Attributes:
        handler: Makes the answer.
        family: Whose rate limit counts. Source: Port API, Rate limits.
        needs_token: False only for the call that gives tokens.
        query: Names of the parameters it takes; others are refused, for a misspelt flag does nothing.
    """

    handler: Handler
    family: str
    needs_token: bool = True
    query: frozenset[str] = frozenset()


@dataclass(slots=True)
class Node:
    """One place of the tree of path segments.

    Attributes:
        name: The route as the request log shows it.
        methods: Endpoints by method.
        children: The next segments; `{}` stands for an open one.
    """

    name: str = ""
    methods: dict[str, Endpoint] = field(default_factory=dict)
    children: dict[str, Node] = field(default_factory=dict)


class Routes:
    """The tree of all routes."""

    def __init__(self, table: Mapping[str, Mapping[str, Endpoint]]) -> None:
        self._root = Node()
        for path, methods in table.items():
            node = self._root
            for segment in path.strip("/").split("/"):
                key = _OPEN if segment.startswith("{") else segment
                node = node.children.setdefault(key, Node())
            node.name = path
            node.methods = dict(methods)

    def find(self, method: str, segments: list[str]) -> tuple[Node, tuple[str, ...]] | None:
        """Finds the place of a path and the values of its open segments; None when there is none.

        Args:
            method: Where two places fit (an entity can be called `bulk`), the one with this method is meant.
            segments: The path split at `/` and then decoded, so that an identifier can hold a slash.
        """
        places = list(_places(self._root, segments, ()))
        for place in places:
            if method in place[0].methods:
                return place
        return places[0] if places else None


def _places(
    node: Node, segments: list[str], values: tuple[str, ...]
) -> Iterator[tuple[Node, tuple[str, ...]]]:
    if not segments:
        if node.methods:
            yield node, values
        return
    fixed = node.children.get(segments[0])
    if fixed is not None:
        yield from _places(fixed, segments[1:], values)
    open_child = node.children.get(_OPEN)
    if open_child is not None and segments[0]:
        yield from _places(open_child, segments[1:], (*values, segments[0]))


def port_routes(
    access_token: Handler,
    organization: Handler,
    blueprints: BlueprintRoutes,
    entities: EntityRoutes,
    searches: SearchRoutes,
    integrations: IntegrationRoutes,
) -> Routes:
    """Builds the table of Port's routes that an importer uses; any other is 404."""
    one_entity = "/v1/blueprints/{blueprint}/entities/{entity}"
    one_integration = "/v1/integration/{integration}"
    return Routes(
        {
            "/v1/auth/access_token": {"POST": Endpoint(access_token, "unauthenticated", needs_token=False)},
            "/v1/organization": {"GET": Endpoint(organization, "other")},
            "/v1/blueprints": {
                "GET": Endpoint(blueprints.read_all, "blueprints"),
                "POST": Endpoint(blueprints.create, "blueprints", query=frozenset({"create_catalog_page"})),
            },
            "/v1/blueprints/{blueprint}": {
                "GET": Endpoint(blueprints.read, "blueprints"),
                "PUT": Endpoint(blueprints.override, "blueprints"),
                "PATCH": Endpoint(blueprints.update, "blueprints"),
                "DELETE": Endpoint(blueprints.delete, "blueprints"),
            },
            "/v1/blueprints/{blueprint}/entities": {
                "GET": Endpoint(entities.read_all, "entities", query=READ),
                "POST": Endpoint(entities.upsert, "single_upsert", query=WRITE),
            },
            "/v1/blueprints/{blueprint}/entities/bulk": {
                "POST": Endpoint(entities.upsert_bulk, "bulk_upsert", query=WRITE)
            },
            "/v1/blueprints/{blueprint}/entities/search": {
                "POST": Endpoint(searches.search_blueprint, "entities_search")
            },
            "/v1/blueprints/entities/datasource-entities": {
                "POST": Endpoint(searches.of_datasource, "entities_search")
            },
            one_entity: {
                "GET": Endpoint(entities.read, "entities", query=READ),
                "PUT": Endpoint(entities.override, "entities", query=CHANGE),
                "PATCH": Endpoint(entities.update, "entities", query=CHANGE),
                "DELETE": Endpoint(entities.delete, "entities", query=DELETE),
            },
            "/v1/blueprints/{blueprint}/entities-count": {"GET": Endpoint(entities.count, "entities")},
            "/v1/blueprints/{blueprint}/bulk/entities/delete": {
                "POST": Endpoint(entities.delete_bulk, "entities", query=DELETE)
            },
            "/v1/entities/search": {"POST": Endpoint(searches.search_all, "entities_search", query=READ)},
            "/v1/integration": {
                "GET": Endpoint(integrations.read_all, "other"),
                "POST": Endpoint(integrations.create, "other"),
            },
            one_integration: {
                "GET": Endpoint(integrations.read, "other", query=frozenset({"byField"})),
                "PATCH": Endpoint(integrations.update, "other"),
                "DELETE": Endpoint(integrations.delete, "other"),
            },
            f"{one_integration}/config": {"PATCH": Endpoint(integrations.update_config, "other")},
            f"{one_integration}/resync-state": {"PATCH": Endpoint(integrations.update_resync_state, "other")},
            f"{one_integration}/resync-request": {"GET": Endpoint(integrations.read_resync_request, "other")},
        }
    )
