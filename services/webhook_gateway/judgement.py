"""Decides what is to be done with the body of an authentic request."""

from dataclasses import dataclass
from enum import StrEnum

from schemas.webhook_event import EVENT_KINDS, PING, UNREADABLE, event_of, object_id_of
from shared.pagerduty.replies import read_object


class Treatment(StrEnum):
    """What is done with a body; all are answered with 202, for PagerDuty drops what gets a 4xx."""

    PUBLISH = "publish"
    PING = "ping"
    """A test of the subscription: nothing follows from it."""
    IGNORE = "ignore"
    """An event of a type that this release does not know, or no event at all in an empty body."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an authentic body is.

    Attributes:
        treatment: What is done with it.
        event_type: As the event says it; empty: it does not.
        event_id: As the event says it; empty: it does not.
        kind: Kind of the object that the event is about; empty: not known.
        object_id: Its id; empty: not known.
    """

    treatment: Treatment
    event_type: str = ""
    event_id: str = ""
    kind: str = ""
    object_id: str = ""

    @property
    def is_unreadable(self) -> bool:
        """Return whether the body is published though it names no object."""
        return self.treatment is Treatment.PUBLISH and not self.object_id

    def key(self, fallback: str) -> str:
        """Return the record's key: `<kind>/<id>`, in order with all that is about this object.

        Args:
            fallback: What tells bodies apart that name no object.
        """
        return f"{self.kind}/{self.object_id}" if self.object_id else f"{UNREADABLE}/{fallback}"


def judge(body: bytes) -> Judgement:
    """Judge the body of an authentic request.

    One that is no JSON, holds no event, or says not which object its known event is about, is published all
    the same: its reader makes it a dead letter. A refusal would have PagerDuty drop it, and after three drops
    switch the whole subscription off; an answer that asks for another try would bring the same again.
    Source: PagerDuty Webhooks V3, Behavior.
    """
    if not body.strip():
        return Judgement(Treatment.IGNORE)
    event = event_of(read_object(body))
    if event is None:
        return Judgement(Treatment.PUBLISH)
    event_type, event_id = _text(event.get("event_type")), _text(event.get("id"))
    if not event_type:
        return Judgement(Treatment.PUBLISH, event_id=event_id)
    if event_type == PING:
        return Judgement(Treatment.PING, event_type, event_id)
    kind = EVENT_KINDS.get(event_type)
    if kind is None:
        return Judgement(Treatment.IGNORE, event_type, event_id)
    return Judgement(Treatment.PUBLISH, event_type, event_id, kind, object_id_of(event, kind) or "")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
