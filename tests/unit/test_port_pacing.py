"""When the next request to Port may be sent, and how long a failing one is tried."""

from shared.port.pacing import Pacer
from shared.port.persistence import Patience, Persistence, Verdict, Weight

WALL_S = 1_772_366_400.0


ODD = [
    {"x-ratelimit-remaining": text, "x-ratelimit-reset": "40"}
    for text in ("nan", "inf", "-inf", "-1", "1_0", "")
]


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
    for odd in ({"x-ratelimit-remaining": "0"}, headers(0, "soon"), {"x-ratelimit-remaining": "²"}, *ODD):
        pacer.observe("search", odd, now_s=100.0, wall_s=WALL_S)
    assert pacer.delay_s("search", 100.0) == 0.0


PATIENCE = Patience(attempts=3, alone_s=30.0, stall_s=600.0, first_contact_s=10.0)


def failed(persistence: Persistence, now_s: float, successes: int = 0, **more: bool) -> Verdict:
    last_success_s = now_s - 1 if successes else float("-inf")
    return persistence.failed(
        now_s, successes=successes, last_success_s=last_success_s, **{"may_count": True, **more}
    )


def test_failures_count_only_while_others_succeed() -> None:
    persistence = Persistence(PATIENCE, 0.0)
    assert [failed(persistence, now_s) for now_s in (1.0, 2.0, 3.0, 4.0)] == [Verdict.AGAIN] * 4
    assert [failed(persistence, 5.0, successes=successes) for successes in (1, 1, 2, 3)] == [
        Verdict.AGAIN,
        Verdict.AGAIN,
        Verdict.AGAIN,
        Verdict.GIVE_UP,
    ]
    assert persistence.failures == 8


def test_host_that_is_down_never_makes_a_call_given_up() -> None:
    for weight in Weight:
        persistence = Persistence(PATIENCE, 0.0, weight=weight)
        assert {failed(persistence, float(now_s)) for now_s in range(600)} == {Verdict.AGAIN}


def test_rate_limits_never_count_but_end_with_patience() -> None:
    persistence = Persistence(PATIENCE, 0.0)
    verdicts = [failed(persistence, float(now_s), successes=now_s, may_count=False) for now_s in range(600)]
    assert set(verdicts) == {Verdict.AGAIN}
    assert failed(persistence, 600.0, successes=600, may_count=False) is Verdict.STALLED


def test_outage_ends_with_patience() -> None:
    persistence = Persistence(PATIENCE, 0.0)
    assert failed(persistence, 599.0) is Verdict.AGAIN
    assert failed(persistence, 600.0) is Verdict.STALLED


def test_port_that_never_answered_is_given_up_soon() -> None:
    persistence = Persistence(PATIENCE, 0.0)
    assert failed(persistence, 9.0, met=False) is Verdict.AGAIN
    assert failed(persistence, 10.0, met=False) is Verdict.UNREACHABLE


def test_probes_come_soon_and_then_further_apart() -> None:
    persistence = Persistence(PATIENCE, 0.0)
    assert not persistence.wants_probe(0.0, 0)
    failed(persistence, 0.0)
    assert not persistence.wants_probe(0.9, 0)
    assert not persistence.wants_probe(1.0, 1)
    for now_s, too_soon_s in ((1.0, 2.9), (3.0, 6.9), (7.0, 14.9)):
        assert persistence.wants_probe(now_s, 0)
        assert failed(persistence, now_s, probed_well=True) is Verdict.AGAIN
        assert not persistence.wants_probe(too_soon_s, 0)


def test_lone_call_is_given_up_only_after_a_while_for_a_probe_tells_little() -> None:
    persistence = Persistence(PATIENCE, 0.0)
    verdicts = [failed(persistence, now_s, probed_well=True) for now_s in (0.0, 1.0, 3.0, 7.0, 15.0, 29.9)]
    assert verdicts == [Verdict.AGAIN] * 6
    assert failed(persistence, 30.0, probed_well=True) is Verdict.GIVE_UP


def test_lone_call_is_given_up_before_a_short_patience_ends_the_run() -> None:
    persistence = Persistence(Patience(attempts=2, stall_s=20.0), 0.0)
    verdicts = [failed(persistence, now_s, probed_well=True) for now_s in (0.0, 1.0, 3.0, 4.9)]
    assert verdicts == [Verdict.AGAIN] * 4
    assert failed(persistence, 5.0, probed_well=True) is Verdict.GIVE_UP


def test_call_whose_like_succeeded_since_it_failed_is_given_up_by_probes() -> None:
    persistence = Persistence(PATIENCE, 0.0)
    assert failed(persistence, 0.0) is Verdict.AGAIN
    assert failed(persistence, 0.5, successes=1) is Verdict.AGAIN
    assert failed(persistence, 1.5, successes=1, probed_well=True) is Verdict.AGAIN
    assert failed(persistence, 3.5, successes=1, probed_well=True) is Verdict.GIVE_UP


def test_parts_of_a_call_inherit_what_counted() -> None:
    whole = Persistence(PATIENCE, 0.0, weight=Weight.PART)
    verdicts = [failed(whole, 0.0), failed(whole, 0.5, 1), failed(whole, 1.5, 2)]
    assert verdicts == [Verdict.AGAIN, Verdict.AGAIN, Verdict.GIVE_UP]
    one, other = whole.of_part(Weight.WHOLE), whole.of_part(Weight.PART)
    assert failed(one, 1.6, 2) is Verdict.AGAIN
    assert failed(one, 2.1, 3) is Verdict.GIVE_UP
    assert one.failures == 2
    assert failed(other, 1.6, 3) is Verdict.GIVE_UP
