"""Tests the judgement of a sweep as tables: what goes, what is asked about first, what stays and why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.run_sweep import BlueprintSweep, KeepReason, Kept
from services.fetcher.sweep.fate import NO_CANDIDATE, Fate, add_fate, held_back, settle
from services.fetcher.sweep.interface import Existence
from services.fetcher.sweep.judgement import (
    AskFirst,
    Claim,
    Evidence,
    Go,
    Judgement,
    Keep,
    NoCandidate,
    Owned,
    ProveFirst,
    Standing,
    is_over_threshold,
    judge,
)

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEFORE, SINCE = BEGAN - timedelta(hours=1), BEGAN + timedelta(seconds=5)
ENTITY = Owned(identifier="P1", updated_at=BEFORE, created_at=BEFORE)
PLAIN = Standing(began_at=BEGAN, never=None, absence=None, unsettled=None, is_own_id=False, can_ask=False)
BY_ID = replace(PLAIN, is_own_id=True, can_ask=True)
ABSENT = Evidence(claim=Claim.NONE)
PROPOSED = Evidence(claim=Claim.PROPOSED, object_id="P1")
OTHER = replace(PROPOSED, object_id="P2")
FAILED = KeepReason.FAILED_OBJECTS


@pytest.mark.parametrize(
    ("evidence", "standing", "judgement"),
    [
        (Evidence(claim=Claim.MADE), PLAIN, NoCandidate.MADE),
        (Evidence(claim=Claim.MADE), BY_ID, NoCandidate.MADE),
        # Absent.
        (ABSENT, PLAIN, ProveFirst(BEGAN)),
        (ABSENT, BY_ID, AskFirst(BEGAN)),
        (ABSENT, replace(BY_ID, can_ask=False), ProveFirst(BEGAN)),
        (ABSENT, replace(BY_ID, unsettled=FAILED), AskFirst(BEGAN)),
        (ABSENT, replace(PLAIN, unsettled=FAILED), Keep(FAILED)),
        (ABSENT, replace(BY_ID, absence=KeepReason.INCOMPLETE), NoCandidate.NOT_SOUGHT),
        (ABSENT, replace(BY_ID, never=KeepReason.BY_EVENTS), NoCandidate.NOT_SOUGHT),
        (replace(ABSENT, is_related=True), BY_ID, Keep(KeepReason.RELATED)),
        # Proposed.
        (PROPOSED, PLAIN, Go(BEGAN)),
        (OTHER, PLAIN, Go(BEGAN)),
        (PROPOSED, replace(PLAIN, absence=KeepReason.WINDOWED), Go(BEGAN)),
        (PROPOSED, replace(BY_ID, unsettled=FAILED), Go(BEGAN)),
        (PROPOSED, replace(BY_ID, can_ask=False, unsettled=FAILED), Go(BEGAN)),
        (OTHER, replace(BY_ID, unsettled=FAILED), Keep(FAILED)),
        (PROPOSED, replace(PLAIN, unsettled=FAILED), Keep(FAILED)),
        (PROPOSED, replace(BY_ID, never=KeepReason.ANNOTATED), Keep(KeepReason.ANNOTATED)),
        (replace(PROPOSED, is_related=True), BY_ID, Keep(KeepReason.RELATED)),
    ],
)
def test_what_is_known_of_an_entity_decides(
    evidence: Evidence, standing: Standing, judgement: Judgement
) -> None:
    assert judge(ENTITY, evidence, standing) == judgement


@pytest.mark.parametrize("updated_at", [SINCE, BEGAN, None])
@pytest.mark.parametrize("evidence", [ABSENT, PROPOSED])
def test_entity_updated_since_the_run_began_stays(updated_at: datetime | None, evidence: Evidence) -> None:
    assert judge(replace(ENTITY, updated_at=updated_at), evidence, BY_ID) == Keep(KeepReason.UPDATED)


A_GO = Fate(goes_unless=BEGAN)


@pytest.mark.parametrize(
    ("judgement", "answer", "is_proven", "fate"),
    [
        (AskFirst(BEGAN), Existence.GONE, False, Fate(goes_unless=BEGAN, is_confirmed=True)),
        (AskFirst(BEGAN), Existence.THERE, True, Fate(reason=KeepReason.STILL_THERE)),
        (AskFirst(BEGAN), Existence.UNCLEAR, True, Fate(reason=KeepReason.UNCLEAR)),
        (AskFirst(BEGAN), None, True, Fate(reason=KeepReason.NOT_ASKED)),
        (NoCandidate.MADE, Existence.THERE, False, Fate(reason=KeepReason.STILL_THERE)),
        (NoCandidate.MADE, Existence.GONE, False, NO_CANDIDATE),
        (NoCandidate.NOT_SOUGHT, None, False, NO_CANDIDATE),
        (Go(BEGAN), Existence.THERE, False, A_GO),
        (ProveFirst(BEGAN), None, True, A_GO),
        (ProveFirst(BEGAN), None, False, Fate(reason=KeepReason.UNPROVEN)),
        (Keep(FAILED), Existence.GONE, True, Fate(reason=FAILED)),
    ],
)
def test_answer_of_pagerduty_settles_the_fate(
    judgement: Judgement, answer: Existence | None, is_proven: bool, fate: Fate
) -> None:
    answers = {} if answer is None else {"P1": answer}
    assert settle("P1", judgement, answers, is_proven=is_proven) == fate


@pytest.mark.parametrize(
    ("going", "owned", "threshold", "is_over"),
    [
        (9, 10, 0.9, False),
        (10, 10, 0.9, True),
        (10, 10, 1.0, False),
        (7, 10, 0.7, False),
        (8, 10, 0.7, True),
        (1, 10, 0.0, True),
        (0, 0, 0.0, False),
        (1, 3, 0.334, False),
    ],
)
def test_threshold_is_the_share_that_may_go(going: int, owned: int, threshold: float, is_over: bool) -> None:
    assert is_over_threshold(going, owned, threshold) is is_over


def test_fates_add_up_to_the_account_of_a_blueprint() -> None:
    account = BlueprintSweep()
    add_fate(account, ENTITY, ABSENT, Fate(goes_unless=BEGAN, is_confirmed=True))
    add_fate(account, replace(ENTITY, identifier="P2"), PROPOSED, A_GO)
    add_fate(account, replace(ENTITY, identifier="P3"), ABSENT, Fate(reason=KeepReason.UNPROVEN))
    add_fate(account, replace(ENTITY, identifier="P4"), ABSENT, NO_CANDIDATE)
    assert account == BlueprintSweep(
        proposed=1,
        absent=2,
        confirmed=1,
        deleted=2,
        deleted_identifiers=["P1", "P2"],
        kept={KeepReason.UNPROVEN: Kept(count=1, identifiers=["P3"])},
    )


def test_over_the_threshold_only_what_would_go_is_held_back() -> None:
    assert held_back(A_GO) == Fate(reason=KeepReason.OVER_THRESHOLD)
    assert held_back(Fate(reason=KeepReason.UNCLEAR)) == Fate(reason=KeepReason.UNCLEAR)
