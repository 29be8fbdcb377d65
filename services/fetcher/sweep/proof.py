"""Shows that the lists of a run were whole, where PagerDuty cannot be asked for one object."""

from collections.abc import Mapping, Sequence

from schemas.run import KindResult, KindState
from services.fetcher.run_counts import merge_listings
from services.fetcher.sweep.interface import Relist
from shared.kind_model import Paging
from shared.kinds import kind_named
from shared.sources import Source


class Proof:
    """Reads lists a second time, each kind once in a run.

    As many distinct ids as announced do not prove that a list read in pages was whole: a row that goes while
    pages are read moves another one to a page that was read already, and a new row makes up for it. But then
    the row that went is in the first reading and not in the second. Two readings one after the other that
    name the same objects were both whole.

    An answer that is one page of one list proves itself. An empty list proves nothing: it is what a fault at
    PagerDuty looks like.

    Args:
        kinds: What the first readings gave.
        sources: All sources of the run.
        relist: Reads a list again; None: nobody can.
    """

    def __init__(
        self, kinds: Mapping[str, KindResult], sources: Sequence[Source], relist: Relist | None
    ) -> None:
        self._kinds = kinds
        self._sources = sources
        self._relist = relist
        self._known: dict[str, bool] = {}

    async def are_whole(self, kinds: Sequence[str]) -> bool:
        """Return whether the lists of all these kinds were shown to be whole.

        Raises:
            FatalError: PagerDuty refuses the token, or gives nothing at all.
        """
        for kind in dict.fromkeys(kinds):
            if kind not in self._known:
                self._known[kind] = await self._is_whole(kind)
            if not self._known[kind]:
                return False
        return True

    async def _is_whole(self, kind: str) -> bool:
        first = self._kinds.get(kind) or KindResult()
        if first.state is not KindState.COMPLETE or not first.fetched:
            return False
        if kind_named(kind).paging is Paging.NONE:
            return True
        if self._relist is None or not first.ids_digest:
            return False
        again = [await self._relist(source) for source in self._sources if source.kind == kind]
        second = merge_listings(again)
        return second.state is KindState.COMPLETE and second.ids_digest == first.ids_digest
