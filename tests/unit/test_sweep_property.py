"""Proves over a small model that a sweep never deletes what is valid, and in a clean run all that is not."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from schemas.mapping import MappingFile, MappingInForce
from schemas.outcome import Count
from schemas.run import KindResult, KindState
from services.fetcher.sweep.fate import settle
from services.fetcher.sweep.interface import Existence
from services.fetcher.sweep.judgement import AskFirst, Owned, Standing, judge
from services.fetcher.sweep.makers import MakersOfMapping
from services.fetcher.sweep.scratch import Scratch
from services.fetcher.sweep.standing import RunFacts, standing_of
from services.fetcher.sweep.statements import Said, Statement
from shared.sources import plan_sources

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEFORE, SINCE = BEGAN - timedelta(hours=1), BEGAN + timedelta(minutes=1)
NAMES = ("a", "b")


@dataclass(frozen=True)
class Object:
    """An object of PagerDuty's, as it was and as it is now; names may be shared and change."""

    number: int
    was_there: bool
    is_there: bool
    old_name: str
    name: str
    was_selected: bool
    is_selected: bool
    fails: bool
    """Its mapping fails, or cannot be judged: nobody knows what it makes."""
    is_missed: bool
    """The listing does not bring it: a page was shifted, or it lies outside the window."""
    came_live: bool
    """An event brought it during the run."""

    @property
    def id(self) -> str:
        return f"P{self.number}"


seldom = st.sampled_from([False, False, False, True])
mostly = st.sampled_from([True, True, True, False])
"""Faults come seldom, so that each of them also comes alone."""
objects = st.builds(
    Object,
    number=st.integers(0, 3),
    was_there=mostly,
    is_there=mostly,
    old_name=st.sampled_from(NAMES),
    name=st.sampled_from(NAMES),
    was_selected=mostly,
    is_selected=mostly,
    fails=seldom,
    is_missed=seldom,
    came_live=seldom,
)


@dataclass(frozen=True)
class Case:
    """One run over such objects.

    Attributes:
        objects: All of the account.
        by_id: Entities stand under the object's id; else under its name, which several may share.
        is_windowed: The kind is read for a span of time, and what is missed lies outside of it.
        is_replay: The objects come from the raw topics: as they are, or that they are gone.
        is_whole: All kinds took part.
        state: How the listing ended.
        strays: Entities of ours that no object has made.
        updated: Identifiers of entities that somebody has changed since the run began.
        related: Identifiers that are the target of a relation.
        unclear: Ids of objects of which PagerDuty says nothing certain.
    """

    objects: tuple[Object, ...]
    by_id: bool
    is_windowed: bool
    is_replay: bool
    is_whole: bool
    state: KindState
    strays: frozenset[str]
    updated: frozenset[str]
    related: frozenset[str]
    unclear: frozenset[str]


some = st.sets(st.sampled_from([*NAMES, "P0", "P1", "P2", "P3", "P4"]), max_size=3).map(frozenset)
few = st.one_of(st.just(frozenset[str]()), st.just(frozenset[str]()), some)
cases = st.builds(
    Case,
    objects=st.lists(objects, min_size=1, max_size=4, unique_by=lambda one: one.number).map(tuple),
    by_id=st.booleans(),
    is_windowed=seldom,
    is_replay=seldom,
    is_whole=mostly,
    state=st.sampled_from([*[KindState.COMPLETE] * 4, KindState.INCOMPLETE, KindState.SKIPPED]),
    strays=some,
    updated=few,
    related=few,
    unclear=few,
)


class Model:
    """Plays a case with the sweep's own parts, and truth in PagerDuty's place."""

    def __init__(self, case: Case) -> None:
        self.case = case
        kind = "log_entries" if case.is_windowed else "users"
        entity = {
            "identifier": ".id" if case.by_id else ".name",
            "blueprint": '"thing"',
            "properties": {"a": "1"},
        }
        config = MappingFile.model_validate(
            {"resources": [{"kind": kind, "port": {"entity": {"mappings": entity}}}]}
        )
        (self.source,) = plan_sources(config, now=BEGAN)
        makers = MakersOfMapping(MappingInForce(version=1, config=config)).of("thing")
        self.listed = [one for one in case.objects if one.is_there and not one.is_missed]
        read = case.objects if case.is_replay else self.listed
        failed = sum(one.fails for one in read)
        result = KindResult(
            state=case.state,
            fetched=len(self.listed),
            mapper={Count.MAPPED: len(self.listed) - failed, Count.FAILED: failed},
        )
        self.standing: Standing = standing_of(
            makers,
            RunFacts(
                began_at=BEGAN,
                is_replay=case.is_replay,
                is_whole=case.is_whole,
                topics={self.source.topic},
                kinds={kind: result},
            ),
        )

    def name(self, one: Object, *, old: bool = False) -> str:
        """Return the identifier of the entity that an object makes."""
        return one.id if self.case.by_id else one.old_name if old else one.name

    def valid(self) -> set[str]:
        """Return what an object that is there makes, or may make."""
        there = [one for one in self.case.objects if one.is_there and (one.is_selected or one.fails)]
        return {self.name(one) for one in there}

    def said_in_run(self) -> Iterable[Statement]:
        for one in self.case.objects:
            if self.case.is_replay:
                if not one.is_there:
                    yield self.statement(one, self.name(one, old=True), Said.DISOWNS)
                    continue
            elif one.is_missed:
                if one.is_there and one.came_live and not one.fails and one.is_selected:
                    yield self.statement(one, self.name(one), Said.MAKES)
                continue
            if one.is_there and not one.fails:
                yield self.statement(one, self.name(one), Said.MAKES if one.is_selected else Said.DISOWNS)

    def statement(self, one: Object, name: str, said: Said) -> Statement:
        return Statement(
            key=f"thing/{name}".encode(),
            said=said,
            blueprint="thing",
            identifier=name,
            topic=self.source.topic,
            kind=self.source.kind,
            object_id=one.id,
        )

    def owned(self, said: Iterable[Statement]) -> list[Owned]:
        """Return what Port holds of ours: what was there, and what the run has made."""
        before = {self.name(one, old=True) for one in self.case.objects if one.was_there and one.was_selected}
        made = {one.identifier for one in said if one.said is Said.MAKES}
        return [
            Owned(
                identifier=name,
                updated_at=SINCE if name in self.case.updated or name in made else BEFORE,
                created_at=BEFORE if name in before | self.case.strays else SINCE,
            )
            for name in sorted(before | made | self.case.strays)
        ]

    def deleted(self) -> set[str]:
        """Return the identifiers of the entities that the sweep deletes."""
        with closing(Scratch()) as scratch:
            said = list(self.said_in_run())
            scratch.say(said)
            scratch.name_targets([("thing", name) for name in self.case.related])
            owned = self.owned(said)
            answers: dict[str, Existence] = {}
            for one in owned:
                ((evidence, _),) = scratch.evidence("thing", [one])
                if isinstance(judge(one, evidence, self.standing), AskFirst):
                    answers[one.identifier] = self.answer(one.identifier)
            for found in self.case.objects:
                if answers.get(found.id) is Existence.THERE and not found.fails:
                    again = Said.MAKES if found.is_selected else Said.DISOWNS
                    scratch.say([self.statement(found, self.name(found), again)])
            known = scratch.evidence("thing", owned)
            fates = [
                settle(
                    one.identifier,
                    judge(one, evidence, self.standing),
                    answers,
                    is_proven=self.is_proven(),
                )
                for one, (evidence, _) in zip(owned, known, strict=True)
            ]
            return {
                one.identifier
                for one, fate in zip(owned, fates, strict=True)
                if fate.goes_unless is not None
                # What the writer does.
                and (one.updated_at is None or one.updated_at < fate.goes_unless)
            }

    def answer(self, object_id: str) -> Existence:
        if object_id in self.case.unclear:
            return Existence.UNCLEAR
        is_there = any(one.id == object_id and one.is_there for one in self.case.objects)
        return Existence.THERE if is_there else Existence.GONE

    def is_proven(self) -> bool:
        """Return whether a second, undisturbed reading names the same objects as the first."""
        again = [
            one for one in self.case.objects if one.is_there and not (self.case.is_windowed and one.is_missed)
        ]
        return self.case.state is KindState.COMPLETE and bool(self.listed) and again == self.listed


@settings(max_examples=600, deadline=None)
@example(
    Case(
        objects=(
            Object(0, True, True, "a", "a", True, True, False, True, False),
            Object(1, True, True, "a", "a", True, False, False, False, False),
        ),
        by_id=False,
        is_windowed=False,
        is_replay=False,
        is_whole=True,
        state=KindState.COMPLETE,
        strays=frozenset(),
        updated=frozenset(),
        related=frozenset(),
        unclear=frozenset(),
    )
)
@given(cases)
def test_entity_whose_object_is_there_and_makes_it_is_never_deleted(case: Case) -> None:
    model = Model(case)
    assert not model.deleted() & model.valid()


@settings(max_examples=150, deadline=None)
@given(cases)
def test_entity_that_a_relation_names_or_somebody_has_updated_is_never_deleted(case: Case) -> None:
    assert not Model(case).deleted() & (case.related | case.updated)


@settings(max_examples=150, deadline=None)
@given(cases)
def test_clean_run_deletes_everything_that_no_object_makes(case: Case) -> None:
    case = replace(
        case,
        objects=tuple(replace(one, fails=False, is_missed=False) for one in case.objects),
        is_windowed=False,
        is_replay=False,
        is_whole=True,
        state=KindState.COMPLETE,
        updated=frozenset(),
        related=frozenset(),
        unclear=frozenset(),
    )
    model = Model(case)
    # An empty list proves nothing where an object cannot be asked for by its id.
    assume(case.by_id or model.listed)
    owned = {one.identifier for one in model.owned(model.said_in_run())}
    assert model.deleted() == owned - model.valid()
