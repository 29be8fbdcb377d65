"""When the next request to Port may be sent, and how long a failing one is tried."""

from shared.port.pacing import Pacer
from shared.port.persistence import Patience, Persistence, Verdict

WALL_S = 1_772_366_400.0


def headers(remaining: int, reset: str) -> dict[str, str]:
    return {"x-ratelimit-remaining": str(remaining), "x-ratelimit-reset": reset}


def test_used_up_window_waits_for_its_end_in_both_forms() -> None:
    for reset in ("40", str(int(WALL_S) + 40)):
        pacer = Pacer()
        pacer.observe("search", headers(0, reset), now_s=100.0, wall_s=WALL_S)
        assert (pacer.delay_s("search", 100.0), pacer.delay_s("search", 139.0)) == (40.0, 1.0)
        assert pacer.delay_s("search", 140.0) == 0.0
        assert pacer.has_room("search", 140.0)
        assert pacer.delay_s("bulk upsert", 100.0) == 0.0


def test_requests_under_way_count_against_what_remains() -> None:
    pacer = Pacer()
    pacer.observe("search", headers(2, "40"), now_s=100.0, wall_s=WALL_S)
    pacer.sent("search")
    assert pacer.has_room("search", 100.0)
    pacer.sent("search")
    assert not pacer.has_room("search", 100.0)
    assert pacer.delay_s("search", 100.0) == 0.0
    pacer.ended("search")
    assert pacer.has_room("search", 100.0)


def test_refused_request_holds_its_whole_family_back() -> None:
    pacer = Pacer()
    pacer.block("search", 130.0)
    pacer.block("search", 120.0)
    assert pacer.delay_s("search", 100.0) == 30.0


def test_headers_that_say_nothing_hold_nothing_back() -> None:
    pacer = Pacer()
    for odd in ({"x-ratelimit-remaining": "0"}, headers(0, "soon"), {"x-ratelimit-remaining": "x"}):
        pacer.observe("search", odd, now_s=100.0, wall_s=WALL_S)
    assert pacer.delay_s("search", 100.0) == 0.0


PATIENCE = Patience(attempts=3, alone_s=30.0, stall_s=600.0, first_contact_s=10.0)


def failed(persistence: Persistence, now_s: float, successes: int = 0, **more: bool) -> Verdict:
    last_success_s = now_s - 1 if successes else float("-inf")
    return persistence.failed(
        now_s, successes=successes, last_success_s=last_success_s, **{"may_count": True, **more}
    )


def test_failures_count_only_while_others_succeed() -> None:
    persistence = Persistence(PATIENCE, 0.0, 0)
    assert [failed(persistence, now_s) for now_s in (1.0, 2.0, 3.0, 4.0)] == [Verdict.AGAIN] * 4
    assert [failed(persistence, 5.0, successes=successes) for successes in (1, 1, 2, 3)] == [
        Verdict.AGAIN,
        Verdict.AGAIN,
        Verdict.AGAIN,
        Verdict.GIVE_UP,
    ]
    assert persistence.failures == 8


def test_rate_limits_never_count_but_end_with_patience() -> None:
    persistence = Persistence(PATIENCE, 0.0, 0)
    verdicts = [failed(persistence, float(now_s), successes=now_s, may_count=False) for now_s in range(600)]
    assert set(verdicts) == {Verdict.AGAIN}
    assert failed(persistence, 600.0, successes=600, may_count=False) is Verdict.STALLED


def test_outage_ends_with_patience() -> None:
    persistence = Persistence(PATIENCE, 0.0, 0)
    assert failed(persistence, 599.0) is Verdict.AGAIN
    assert failed(persistence, 600.0) is Verdict.STALLED


def test_port_that_never_answered_is_given_up_soon() -> None:
    persistence = Persistence(PATIENCE, 0.0, 0)
    assert failed(persistence, 9.0, met=False) is Verdict.AGAIN
    assert failed(persistence, 10.0, met=False) is Verdict.UNREACHABLE


def test_lone_call_is_probed_now_and_then_and_given_up() -> None:
    persistence = Persistence(PATIENCE, 0.0, 0)
    assert not persistence.wants_probe(29.0, 0)
    assert not persistence.wants_probe(30.0, 1)
    for now_s, verdict in ((30.0, Verdict.AGAIN), (60.0, Verdict.AGAIN), (90.0, Verdict.GIVE_UP)):
        assert persistence.wants_probe(now_s, 0)
        assert failed(persistence, now_s, probed_well=True) is verdict
