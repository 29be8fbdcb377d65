"""Maps webhook events outside of the pipeline by a mapping in Port's webhook format."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.entity_change import ChangeSource
from schemas.mapping import MappingFile, MappingInForce
from schemas.topics import WEBHOOKS
from schemas.webhook_event import WebhookRequest
from services.cli.mapping.entry_expressions import entry_named, expressions_of
from services.cli.mapping.made_entities import givers, read_bodies, with_givers
from services.cli.mapping.trial import entries_apart, topic_apart
from services.cli.mapping.tried import Trial, TrialObject
from services.cli.mapping.verdicts import verdict_of
from services.mapper.mapped import Mapped, RawObject
from services.mapper.pool import WorkerPool
from services.mapper.webhook_format import (
    KIND,
    changes_of_groups,
    event_document,
    plan_webhook_format,
    read_event,
)
from shared.errors import ConfigurationError
from shared.lenient_json import json_bytes

Json = Any

_REQUEST: Final = frozenset({"body", "headers", "queryParams"})


def event_from(document: Json) -> TrialObject:
    """Return an event to be mapped: a request body, or a whole request as `{body, headers, queryParams}`.

    Raises:
        ConfigurationError: A whole request has not that form.
    """
    whole = isinstance(document, dict) and "body" in document and not document.keys() - _REQUEST
    request = document if whole else {"body": document}
    headers, query = request.get("headers", {}), request.get("queryParams", {})
    if not isinstance(headers, dict) or not isinstance(query, dict):
        raise ConfigurationError(
            "`headers` and `queryParams` of a request are keys with values; write them so"
        )
    try:
        around = WebhookRequest(
            headers={str(name).lower(): str(value) for name, value in headers.items()}, query=query
        )
        event, body = read_event(json_bytes(request["body"]))
    except ValueError as error:
        says = " ".join(str(error).split())
        raise ConfigurationError(f"no webhook request: {says}; give its body, or all of it") from None
    return TrialObject(KIND, event_document(body, around), WEBHOOKS.name, event.object_id)


class EventTrialMapper:
    """Maps events by one mapping.

    Args:
        config: The mapping, sound.
        pool: Runs the expressions.

    Raises:
        ConfigurationError: The mapping has nothing in the webhook format.
    """

    def __init__(self, config: MappingFile, pool: WorkerPool) -> None:
        planned = plan_webhook_format(MappingInForce(version=1, config=config))
        if planned is None:
            raise ConfigurationError("the mapping has no `webhookMappings`, so events make nothing of it")
        self.config = config
        self._pool = pool
        self._planned = planned
        self._apart = entries_apart(planned.plan)
        self._topics = {
            entry["index"]: name
            for name, topic in planned.plan["topics"].items()
            for entry in topic["entries"]
        }

    def texts(self, index: int) -> Mapping[str, str]:
        """Return the expressions of a mapping by the path of what they give."""
        entries = self._planned.plan["topics"][self._topics[index]]["entries"]
        return expressions_of(entry_named(entries, index))

    async def run(self, events: Sequence[TrialObject]) -> list[Trial]:
        """Map events, a result each in their order.

        Raises:
            FatalError: No JQ worker can be started.
        """
        groups = self._planned.groups
        whole = [_raw(one, group.topic) for one in events for group in groups]
        mapped = iter(await self._pool.map_objects(self._planned.plan, whole))
        indexes = sorted(self._topics)
        each = [_raw(one, topic_apart(self._topics[index], index)) for one in events for index in indexes]
        alone = iter(await self._pool.map_objects(self._apart, each))
        return [
            self._trial(one, [next(mapped) for _ in groups], {index: next(alone) for index in indexes})
            for one in events
        ]

    def _trial(self, one: TrialObject, results: Sequence[Mapped], alone: Mapping[int, Mapped]) -> Trial:
        source = ChangeSource(kind=KIND, object_id=one.key)
        made = zip(self._planned.groups, (result.changes for result in results), strict=True)
        omissions = [omission for result in results for omission in result.omissions]
        given = givers(alone)
        bodies = (body for _, _, body in changes_of_groups(made, source))
        entities = [with_givers(entity, given) for entity in read_bodies(bodies, omissions)]
        entries = [entry for topic in self._planned.plan["topics"].values() for entry in topic["entries"]]
        verdicts = [
            verdict_of(one, entry_named(entries, index), found, selector="filter")
            for index, found in alone.items()
        ]
        failures = tuple(failure for result in results for failure in result.failures)
        return Trial(one, one.key, WEBHOOKS.name, tuple(entities), failures, tuple(verdicts))


def _raw(one: TrialObject, topic: str) -> RawObject:
    return RawObject(topic, 0, 0, one.key, deleted=False, omitted=(), value=one.body)
