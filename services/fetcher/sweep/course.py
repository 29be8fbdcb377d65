"""Is one sweep after one run: reads what was said, looks at Port, asks PagerDuty, hands over the deletes."""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime

from schemas.run_sweep import BlueprintSweep, KeepReason, RunSweep, SweepMode
from schemas.topics import ENTITIES
from services.fetcher.sweep.deletes import delete_record
from services.fetcher.sweep.fate import (
    NO_CANDIDATE,
    UNKNOWN,
    Fate,
    add_fate,
    add_left,
    held_back,
)
from services.fetcher.sweep.interface import Existence, SweptRun
from services.fetcher.sweep.judgement import (
    AskFirst,
    Claim,
    NoCandidate,
    Owned,
    ProveFirst,
    judge,
)
from services.fetcher.sweep.makers import MakersOfMapping
from services.fetcher.sweep.place import Place
from services.fetcher.sweep.port_side import NotReadableError, RelationTargets, owned_among, owned_pages
from services.fetcher.sweep.proof import Proof
from services.fetcher.sweep.range_reader import read_range
from services.fetcher.sweep.scratch import Candidate, Scratch
from services.fetcher.sweep.standing import RunFacts, standing_of
from services.fetcher.sweep.statements import read_statement
from services.fetcher.sweep.tools import SweepTools
from services.fetcher.sweep.weighing import Scales
from shared.log.interface import TopicPartition
from shared.tasks import all_of

MOST_ASKED = 1000
"""Objects asked for in one sweep: each costs a request of PagerDuty's 960 a minute."""
CHUNK = 500
"""Entities judged, or deletes published, at once."""
ASKED_AT_ONCE = 20
EXAMPLES = 5

logger = logging.getLogger(__name__)


class SweepCourse:
    """One sweep after one run.

    Args:
        tools: What it works with.
        run: The run.
        sweep: What is decided is written into it.
        began_at: When the run began, in Port's time.
        scratch: Keeps what is read; the caller closes it.
        held: Blueprints that the runs before have held as over the threshold, and since when.
    """

    def __init__(
        self,
        tools: SweepTools,
        run: SweptRun,
        sweep: RunSweep,
        began_at: datetime,
        scratch: Scratch,
        held: Mapping[str, datetime],
    ) -> None:
        self._tools = tools
        self._run = run
        self._sweep = sweep
        self._scratch = scratch
        self._held = held
        self._makers = MakersOfMapping(run.mapping)
        self._targets = RelationTargets(tools.port)
        is_replay = run.result.type == "replay"
        self._facts = RunFacts(
            began_at=began_at,
            is_replay=is_replay,
            is_whole=run.is_whole,
            topics=frozenset(run.mapping.replay_to if is_replay else (one.topic for one in run.sources)),
            kinds=run.result.kinds,
        )
        self._seen: set[str] = set()
        self._asked: set[tuple[str, str]] = set()
        self._read_to: Mapping[TopicPartition, int] = run.starts
        self._places: dict[str, Place] = {}

    async def judge(self) -> None:
        """Judge every blueprint that the mapping names or the run has touched; have deleted what may go.

        What was said is read once more behind the look at Port: whatever made Port's state was in the log
        before. Later changes are the writer's to see.
        """
        await self._read(self._run.ends)
        for blueprint in sorted({*self._makers.named, *self._seen}):
            await self._look(blueprint)
        await self._read(await self._ends())
        await self._ask_all()
        if any(Existence.THERE in place.answers.values() for place in self._places.values()):
            await self._settle()
        for blueprint in self._places:
            await self._dispose(blueprint)
        if self._tools.mode is SweepMode.ON:
            await self._look_back()

    async def _read(self, ends: Mapping[TopicPartition, int]) -> None:
        """Take what the records up to these ends say."""
        run_id = self._run.result.stamp
        async for records in read_range(self._tools.log, self._read_to, ends):
            statements = [
                statement
                for record in records
                if (statement := read_statement(record, run_id, self._asked)) is not None
            ]
            self._scratch.say(statements)
            self._seen.update(one.blueprint for one in statements if one.blueprint)
            self._scratch.name_targets(
                [
                    (await self._targets.blueprint_of(one.blueprint, relation), identifier)
                    for one in statements
                    for relation, identifier in one.targets
                ]
            )
        self._read_to = dict(ends)

    async def _ends(self) -> dict[TopicPartition, int]:
        log = self._tools.log
        return await log.end_offsets(await log.partitions(ENTITIES.name.__eq__))

    async def _look(self, blueprint: str) -> None:
        """Count what is ours in a blueprint, and keep what no object makes."""
        makers = self._makers.of(blueprint)
        standing = standing_of(makers, self._facts)
        account = BlueprintSweep(absence=standing.absence)
        place = Place(makers, standing, Scales(self._facts.began_at, self._held.get(blueprint)))
        try:
            may_have_gone = standing.absence is None or await self._has_proposed(blueprint)
            if not may_have_gone:
                if blueprint in self._makers.named:
                    self._sweep.blueprints[blueprint] = account
                return
            self._sweep.blueprints[blueprint] = account
            async for page, doubtful in owned_pages(self._tools.port, blueprint):
                self._take(blueprint, page, place)
                self._leave(blueprint, doubtful, place)
        except NotReadableError:
            self._sweep.blueprints[blueprint] = BlueprintSweep(absence=KeepReason.NOT_READABLE)
            return
        self._places[blueprint] = place

    async def _has_proposed(self, blueprint: str) -> bool:
        """Return whether any entity is ours of which a delete is proposed: most are gone long since."""
        for identifiers in self._scratch.proposed(blueprint, CHUNK):
            if await owned_among(self._tools.port, blueprint, identifiers):
                return True
        return False

    def _take(self, blueprint: str, page: list[Owned], place: Place) -> None:
        account = self._sweep.blueprints[blueprint]
        account.owned += len(page)
        for entity in page:
            place.scales.own(entity)
        known = self._scratch.evidence(blueprint, page)
        candidates = []
        for entity, (evidence, _) in zip(page, known, strict=True):
            judgement = judge(entity, evidence, place.standing)
            account.produced += judgement is NoCandidate.MADE
            if not isinstance(judgement, NoCandidate):
                candidates.append(entity)
        self._scratch.keep_candidates(blueprint, candidates)

    def _leave(self, blueprint: str, page: list[Owned], place: Place) -> None:
        """Keep what Port lists as ours without showing it: somebody else may have written it."""
        for entity, (evidence, _) in zip(page, self._scratch.evidence(blueprint, page), strict=True):
            if not isinstance(judge(entity, evidence, place.standing), NoCandidate):
                account = self._sweep.blueprints[blueprint]
                add_fate(account, entity, evidence, Fate(reason=KeepReason.NOT_OURS))

    async def _ask_all(self) -> None:
        """Ask PagerDuty for the objects of absent entities; have lists proven where it cannot be asked."""
        proof = Proof(self._run.result.kinds, self._run.sources, self._tools.relist)
        for blueprint, place in self._places.items():
            asks: list[str] = []
            proves = False
            for candidate in self._candidates(blueprint):
                judgement = place.judge(candidate)
                proves = proves or isinstance(judgement, ProveFirst)
                if isinstance(judgement, AskFirst) and self._sweep.asked + len(asks) < MOST_ASKED:
                    asks.append(candidate.entity.identifier)
            await self._ask(place, asks)
            place.is_proven = proves and await proof.are_whole([one.kind for one in place.makers.sources])

    async def _ask(self, place: Place, object_ids: list[str]) -> None:
        source = place.makers.asked_of
        if source is None:
            return

        async def one(object_id: str) -> None:
            place.answers[object_id] = await self._tools.ask(source, object_id)

        self._asked.update((source.topic, object_id) for object_id in object_ids)
        for start in range(0, len(object_ids), ASKED_AT_ONCE):
            some = object_ids[start : start + ASKED_AT_ONCE]
            await all_of(*map(one, some))
            self._sweep.asked += len(some)
            if all(place.answers[object_id] is Existence.GIVEN_UP for object_id in some):
                # Each takes minutes of tries, and whatever answers in PagerDuty's place will go on.
                return

    async def _settle(self) -> None:
        """Hear what the objects that are there make after all."""
        if self._run.settle is not None:
            await self._run.settle()
        await self._read(await self._ends())

    async def _dispose(self, blueprint: str) -> None:
        """Have deleted what may go of a blueprint, unless that is too much."""
        place, account = self._places[blueprint], self._sweep.blueprints[blueprint]
        for candidate in self._candidates(blueprint):
            fate = place.fate(candidate)
            if fate.goes_unless is not None or fate.reason in UNKNOWN:
                place.scales.go(candidate.entity)
        weighed = place.scales.weigh(self._sweep.threshold)
        if weighed.is_over:
            account.over_threshold = True
            account.judged, account.going = weighed.judged, weighed.going
            account.held_since = place.scales.held_since or self._facts.began_at
        doomed: list[tuple[Candidate, datetime]] = []
        for candidate in self._candidates(blueprint):
            fate = place.fate(candidate)
            if account.over_threshold and place.scales.is_older(candidate.entity):
                fate = held_back(fate)
            account.produced += fate == NO_CANDIDATE and candidate.evidence.claim is Claim.MADE
            add_fate(account, candidate.entity, candidate.evidence, fate)
            if fate.goes_unless is not None:
                doomed.append((candidate, fate.goes_unless))
            if len(doomed) == CHUNK:
                await self._delete(doomed, place)
                doomed = []
        await self._delete(doomed, place)

    async def _look_back(self) -> None:
        """Have deleted once more what could not go before something else; take what stays out of the account.

        Port deletes nothing that something points at, and the writer hears of the two in any order.
        """
        handed_over = self._sweep.deleted
        left: dict[str, list[str]] = {}
        while handed_over and self._run.settle is not None:
            await self._run.settle()
            left = {blueprint: await self._left(blueprint) for blueprint in self._places}
            remaining = sum(map(len, left.values()))
            if remaining == handed_over:
                # Nothing went that they could have waited for.
                break
            handed_over = remaining
            for blueprint, identifiers in left.items():
                await self._delete_again(blueprint, frozenset(identifiers))
        for blueprint, identifiers in left.items():
            for identifier in identifiers:
                add_left(self._sweep.blueprints[blueprint], identifier)
            if identifiers:
                logger.warning(
                    "%d entities of %s were to go and are still in Port, e.g. %s: others depend on them, or "
                    "they were updated meanwhile; delete what depends on them in Port, or leave them be",
                    len(identifiers),
                    blueprint,
                    ", ".join(identifiers[:EXAMPLES]),
                )

    async def _left(self, blueprint: str) -> list[str]:
        """Return what the writer has left when it came to its delete."""
        left: list[str] = []
        for identifiers in self._scratch.doomed(blueprint, CHUNK):
            try:
                found = await owned_among(self._tools.port, blueprint, identifiers)
            except NotReadableError:
                break
            left += [entity.identifier for entity in found]
        return left

    async def _delete_again(self, blueprint: str, identifiers: frozenset[str]) -> None:
        place = self._places[blueprint]
        doomed = [
            (candidate, since)
            for candidate in (self._candidates(blueprint) if identifiers else ())
            if candidate.entity.identifier in identifiers
            and (since := place.fate(candidate).goes_unless) is not None
        ]
        for start in range(0, len(doomed), CHUNK):
            await self._delete(doomed[start : start + CHUNK], place)

    def _candidates(self, blueprint: str) -> Iterator[Candidate]:
        for chunk in self._scratch.candidates(blueprint, CHUNK):
            yield from chunk

    async def _delete(self, doomed: list[tuple[Candidate, datetime]], place: Place) -> None:
        if not doomed or self._tools.mode is not SweepMode.ON:
            return
        sources = place.makers.sources
        self._scratch.doom(doomed[0][0].blueprint, [candidate.entity.identifier for candidate, _ in doomed])
        if self._run.gate is not None:
            await self._run.gate()
        await self._tools.log.append(
            [
                delete_record(
                    candidate,
                    unless_updated_since,
                    kind=sources[0].kind if sources else "",
                    object_id=candidate.entity.identifier if place.makers.is_own_id else "",
                    run_id=self._run.result.stamp,
                    mapping_version=self._run.mapping.version,
                    identifier=self._tools.identifier,
                    now=self._tools.now(),
                )
                for candidate, unless_updated_since in doomed
            ]
        )
