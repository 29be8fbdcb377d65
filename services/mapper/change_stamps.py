"""Makes the headers of entity changes, those of one page's objects from one pattern."""

from collections.abc import Callable
from datetime import datetime

from schemas.headers import HeaderStamp, Operation, Origin, RecordHeaders

_Page = tuple[Operation, Origin, str, str, datetime | None, bool, str]


class ChangeStamps:
    """The patterns of a batch; `clear` before the next one, which has another time.

    Args:
        source: Who makes the changes: `pagerport/<identifier>/mapper`.
        now: Tells the time of their records.
    """

    def __init__(self, source: str, now: Callable[[], datetime]) -> None:
        self._source = source
        self._now = now
        self._stamps: dict[_Page, HeaderStamp] = {}

    def clear(self) -> None:
        """Forget the patterns."""
        self._stamps.clear()

    def stamp(self, headers: RecordHeaders, operation: Operation) -> HeaderStamp:
        """Return the stamp for what comes of an object with these headers, and of others of its page."""
        page = (
            operation,
            headers.origin,
            headers.kind,
            headers.runid,
            headers.observedat,
            headers.confirmed,
            headers.traceparent,
        )
        found = self._stamps.get(page)
        if found is None:
            found = self._stamps[page] = HeaderStamp(
                RecordHeaders(
                    id="-",
                    source=self._source,
                    type="pagerport.entity",
                    subject="-",
                    time=self._now(),
                    operation=operation,
                    origin=headers.origin,
                    kind=headers.kind,
                    runid=headers.runid,
                    observedat=headers.observedat,
                    confirmed=headers.confirmed,
                    traceparent=headers.traceparent,
                )
            )
        return found
