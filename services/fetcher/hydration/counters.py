"""Counts what became of the events and requests of this process, for status and metrics."""

from dataclasses import dataclass, field

NAMED_TYPES = 20
"""Unknown event types that are told apart."""


@dataclass(slots=True)
class HydrationCounters:
    """Sums since the process began. A record that is handed in again after a restart is counted again.

    Attributes:
        received: Records of `pagerduty.webhooks`, refresh requests too.
        requested: Those of them that are refresh requests.
        coalesced: Those that joined others which waited for the same object, or came to hand only after it
            had been asked for.
        pings: Tests of the subscription.
        unknown: Events about resources this release does not know.
        unreadable: Records that became dead letters because nobody could read them.
        unwanted: Records of kinds that no entry of the mapping wants: they cost no request.
        hydrated: Objects published.
        deleted: Deletes published.
        superseded: Objects not published, since a newer version of them was.
        not_visible: Incidents that PagerDuty answered 404 for.
        outside: Objects that their source's listing would not bring.
        denied: Objects that role, scope or plan do not give.
        unaskable: Requests for kinds of which PagerDuty gives no single object.
        failed: Objects that became dead letters.
        retried: Objects asked for again because they may be too new to be found.
        lacking: Enrichment keys that could not be had, each time.
        closed: Dead letters closed.
        unknown_types: The first types of unknown events, each with its number.
        denials: Kind to what PagerDuty said when it denied an object of it, until it gives one again.
    """

    received: int = 0
    requested: int = 0
    coalesced: int = 0
    pings: int = 0
    unknown: int = 0
    unreadable: int = 0
    unwanted: int = 0
    hydrated: int = 0
    deleted: int = 0
    superseded: int = 0
    not_visible: int = 0
    outside: int = 0
    denied: int = 0
    unaskable: int = 0
    failed: int = 0
    retried: int = 0
    lacking: int = 0
    closed: int = 0
    unknown_types: dict[str, int] = field(default_factory=dict)
    denials: dict[str, str] = field(default_factory=dict)

    def note_unknown(self, event_type: str) -> bool:
        """Count an unknown event; return whether its type is seen for the first time."""
        self.unknown += 1
        if event_type not in self.unknown_types and len(self.unknown_types) >= NAMED_TYPES:
            return False
        self.unknown_types[event_type] = self.unknown_types.get(event_type, 0) + 1
        return self.unknown_types[event_type] == 1

    def note_denied(self, kind: str, detail: str) -> bool:
        """Count a denied object; return whether it is the first of its kind since one was given."""
        self.denied += 1
        is_first = kind not in self.denials
        self.denials[kind] = detail
        return is_first
