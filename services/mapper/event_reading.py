"""Reads the records of webhook events that mappings in Port's webhook format take."""

from typing import NamedTuple

from schemas.headers import RecordHeaders
from schemas.webhook_event import WEBHOOK_TYPE, WebhookRequest
from services.mapper.mapped import RawObject
from services.mapper.reading import Readable, read_record
from services.mapper.webhook_format import Event, event_document, read_event
from shared.held_partitions import Newer
from shared.log.interface import Record


class TakenEvent(NamedTuple):
    """An event that is mapped.

    Attributes:
        record: Its record.
        headers: Those of the record.
        event: What it is about.
        document: JSON that the expressions see.
    """

    record: Record
    headers: RecordHeaders
    event: Event
    document: bytes

    def raw(self, topic: str) -> RawObject:
        """Return it as an object of a topic of the plan."""
        return RawObject(
            topic=topic,
            partition=self.record.partition,
            offset=self.record.offset,
            object_id=self.event.object_id,
            deleted=False,
            omitted=(),
            value=self.document,
        )


def read_taken(record: Record) -> TakenEvent | Newer | None:
    """Return an event with what its expressions see; None: it is not ours to map."""
    one = read_record(record)
    if isinstance(one, Newer):
        return one
    if not isinstance(one, Readable) or one.headers.type != WEBHOOK_TYPE or record.value is None:
        return None
    try:
        event, body = read_event(record.value)
    except ValueError:
        return None
    request = WebhookRequest.decode(record.headers)
    return TakenEvent(record, one.headers, event, event_document(body, request))
