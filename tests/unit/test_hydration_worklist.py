"""Tests that events of one object that wait together are one job, and that none is settled too early."""

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.refresh_request import RefreshCause
from schemas.topics import WEBHOOKS
from services.fetcher.hydration.triggers import Trigger
from services.fetcher.hydration.worklist import Job, Worklist, first_offsets
from shared.log.interface import Record


def record(offset: int, timestamp_ms: int = 0) -> Record:
    return Record(WEBHOOKS.name, 0, offset, timestamp_ms, b"k", b"{}", ())


def trigger(object_id: str = "P1", kind: str = "incidents", **more: object) -> Trigger:
    return Trigger(kind=kind, object_id=object_id, body={"id": object_id}, **more)  # type: ignore[arg-type]  # foreign


def begun(work: Worklist, now_s: float = 0.0) -> Job:
    job = work.begin(now_s)
    assert job is not None
    return job


def test_events_that_wait_together_are_one_job() -> None:
    work = Worklist()
    assert [work.add(record(at), trigger()) for at in range(3)] == [False, True, True]
    job = begun(work)
    assert (job.records, job.last, work.begin(0.0)) == ([(0, 0), (0, 1), (0, 2)], record(2), None)
    work.finish(job)
    assert [work.is_settled(record(at)) for at in range(3)] == [True] * 3
    assert work.open_records == 0


def test_ids_of_different_kinds_are_different_objects() -> None:
    work = Worklist()
    work.add(record(0), trigger(kind="services"))
    assert not work.add(record(1), trigger(kind="incidents"))


def test_event_that_comes_while_its_object_is_asked_for_waits_for_the_next_answer() -> None:
    work = Worklist()
    work.add(record(0), trigger())
    first = begun(work)
    assert not work.add(record(1), trigger())
    assert work.begin(0.0) is None
    work.finish(first)
    assert (work.is_settled(record(0)), work.is_settled(record(1))) == (True, False)
    assert begun(work).records == [(0, 1)]


def test_job_put_back_goes_first_and_takes_what_came_meanwhile() -> None:
    work = Worklist()
    work.add(record(0), trigger("P1"))
    work.add(record(1), trigger("P2"))
    job = begun(work)
    work.add(record(2), trigger("P1", is_deleted=True, is_new=True, cause=RefreshCause.RELEASE))
    work.put_back(job)
    again = begun(work)
    assert (again.object_id, again.records) == ("P1", [(0, 0), (0, 2)])
    assert (again.is_deleted, again.is_new, again.has_events, again.is_confirmed) == (True,) * 4
    assert begun(work).object_id == "P2"


def test_job_that_is_not_ready_lets_others_pass() -> None:
    work = Worklist()
    work.add(record(0), trigger("P1"))
    work.add(record(1), trigger("P2"))
    job = begun(work)
    job.ready_at_s = 5.0
    work.put_back(job)
    assert begun(work, 4.9).object_id == "P2"
    assert begun(work, 5.0).object_id == "P1"


def test_job_knows_the_most_that_its_records_say() -> None:
    work = Worklist()
    work.add(record(0), Trigger(kind="services", object_id="P1", body={"id": "P1", "summary": "S"}))
    work.add(record(1), trigger(kind="services", cause=RefreshCause.RELEASE, letters=("dlq.a/0/1",)))
    work.add(record(2), trigger(kind="services", cause=RefreshCause.HEAL, letters=("dlq.a/0/2",)))
    job = begun(work)
    assert (job.body, job.has_events, job.is_confirmed, job.is_deleted) == (
        {"id": "P1", "summary": "S"},
        True,
        True,
        False,
    )
    assert job.letters == {"dlq.a/0/1": RefreshCause.RELEASE, "dlq.a/0/2": RefreshCause.HEAL}


def test_object_that_was_said_to_be_gone_stays_gone() -> None:
    work = Worklist()
    work.add(record(0), trigger(is_deleted=True))
    work.add(record(1), trigger())
    assert begun(work).is_deleted


def test_oldest_record_is_the_oldest_that_is_not_settled() -> None:
    work = Worklist()
    work.add(record(0, 500), trigger("P1"))
    work.add(record(1, 300), trigger("P2"))
    assert work.oldest_ms() == 300
    work.finish(begun(work))
    assert work.oldest_ms() == 300
    work.finish(begun(work))
    assert work.oldest_ms() is None


def test_settled_records_are_forgotten_once_later_ones_come_first() -> None:
    work = Worklist()
    for at in range(3):
        work.settle(record(at))
    work.forget_before(first_offsets([record(2), record(3)]))
    assert [work.knows(record(at)) for at in range(3)] == [False, False, True]


STEPS = st.lists(st.one_of(st.sampled_from("ABC"), st.sampled_from(["begin", "finish", "put_back"])))


@settings(deadline=None)
@given(STEPS)
def test_record_is_settled_by_a_job_that_began_after_it_came(steps: list[str]) -> None:
    work, running, came = Worklist(), dict[str, Job](), dict[int, str]()
    waits_for_next: dict[str, set[int]] = {name: set() for name in "ABC"}
    expected: set[int] = set()
    for step in steps:
        if step == "begin":
            if (job := work.begin(0.0)) is not None:
                assert job.object_id not in running
                running[job.object_id] = job
                waits_for_next[job.object_id] = set()
        elif step in {"finish", "put_back"}:
            if running:
                job = running.pop(next(iter(running)))
                if step == "finish":
                    work.finish(job)
                    late = waits_for_next[job.object_id]
                    expected |= {at for at, name in came.items() if name == job.object_id and at not in late}
                else:
                    work.put_back(job)
        else:
            at = len(came)
            came[at] = step
            waits_for_next[step].add(at)
            work.add(record(at), trigger(step))
        assert {at for at in came if work.is_settled(record(at))} == expected
        assert work.open_records == len(came) - len(expected)
        assert work.running == len(running)
