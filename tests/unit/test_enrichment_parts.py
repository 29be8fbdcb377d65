"""Tests what enrichment keeps, when it gives up, and which analytics it reads as one stream."""

from datetime import UTC, datetime

import httpx
import pytest

from schemas.run import KindResult, KindState, RunResult
from services.fetcher.enrichment.fuse import Fuse
from services.fetcher.enrichment.incident_analytics import analytics_filters, is_dense
from services.fetcher.enrichment.shelf import KEYS_AT_ONCE, Shelf
from services.fetcher.run_counts import add_warnings, merge_listings
from services.fetcher.seen_ids import SeenIds
from shared.pagerduty.interface import Answer
from shared.pagerduty.replies import judge_response
from shared.pagerduty.verdicts import Verdict

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)


def answer(verdict: Verdict, detail: str = "no") -> Answer:
    return Answer(verdict=verdict, sent_at=NOW, attempts=1, detail=detail)


def test_shelf_gives_values_in_the_order_of_their_names_whatever_the_order_they_came_in() -> None:
    shelf = Shelf()
    shelf.put([("a", "2", b"two"), ("b", "", b"b"), ("a", "10", b"ten"), ("a", "2", b"two again")])
    assert shelf.get(["a", "b", "c", "a"]) == {"a": [b"ten", b"two again"], "b": [b"b"]}
    shelf.clear()
    assert shelf.get(["a"]) == {}
    shelf.close()


def test_shelf_gives_more_keys_than_one_query_takes() -> None:
    shelf = Shelf()
    keys = [f"{number}" for number in range(3 * KEYS_AT_ONCE + 1)]
    shelf.put((key, "", key.encode()) for key in keys)
    assert shelf.get(keys) == {key: [key.encode()] for key in keys}
    shelf.close()


@pytest.mark.parametrize("verdict", [Verdict.QUOTA_SPENT, Verdict.DENIED, Verdict.NOT_FOUND])
def test_fuse_blows_at_once_when_no_request_can_succeed(verdict: Verdict) -> None:
    fuse = Fuse()
    assert not fuse.judge(answer(verdict, "first"))
    assert not fuse.judge(answer(Verdict.REFUSED, "second"))
    assert fuse.blown == "first"


@pytest.mark.parametrize(
    ("verdict", "blows"), [(Verdict.QUOTA_SPENT, True), (Verdict.DENIED, False), (Verdict.NOT_FOUND, False)]
)
def test_refusal_of_one_object_says_nothing_of_the_others(verdict: Verdict, blows: bool) -> None:
    fuse = Fuse(per_object=True)
    fuse.judge(answer(verdict))
    assert bool(fuse.blown) is blows


def test_fuse_blows_after_failures_in_a_row_only() -> None:
    fuse = Fuse(patience=3)
    for verdict in (Verdict.GIVEN_UP, Verdict.GIVEN_UP, Verdict.OK, Verdict.GIVEN_UP, Verdict.REFUSED):
        fuse.judge(answer(verdict))
    assert fuse.blown == ""
    fuse.judge(answer(Verdict.GIVEN_UP, "the third"))
    assert fuse.blown == "the third"


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({"daily-ratelimit-remaining": "-1", "ratelimit-remaining": "959"}, Verdict.QUOTA_SPENT),
        ({"daily-ratelimit-remaining": "0"}, Verdict.QUOTA_SPENT),
        ({"daily-ratelimit-remaining": "7", "ratelimit-remaining": "0"}, Verdict.RATE_LIMITED),
        ({"daily-ratelimit-remaining": "soon"}, Verdict.RATE_LIMITED),
        ({}, Verdict.RATE_LIMITED),
    ],
)
def test_refusal_for_the_quota_of_the_day_is_told_from_that_of_the_minute(
    headers: dict[str, str], verdict: Verdict
) -> None:
    assert judge_response(httpx.Response(429, headers=headers, json={})).verdict is verdict


def test_used_up_quota_on_an_answer_that_came_is_none_of_its_business() -> None:
    response = httpx.Response(200, headers={"daily-ratelimit-remaining": "0"}, json={"data": []})
    assert judge_response(response).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("query", "dense"),
    [
        ((), True),
        ((("service_ids[]", "PS1"), ("urgencies[]", "high")), True),
        ((("statuses[]", "resolved"), ("statuses[]", "triggered")), True),
        ((("statuses[]", "acknowledged"), ("statuses[]", "triggered")), False),
        ((("user_ids[]", "PU1"),), False),
        ((("incident_key", "k"),), False),
    ],
)
def test_stream_is_read_where_it_holds_little_else(query: tuple[tuple[str, str], ...], dense: bool) -> None:
    assert is_dense(query) is dense


def test_filters_of_the_stream_are_those_both_sides_have() -> None:
    query = (
        ("include[]", "teams"),
        ("service_ids[]", "PS1"),
        ("service_ids[]", "PS2"),
        ("team_ids[]", "PT1"),
    )
    assert analytics_filters(query) == {"service_ids": ["PS1", "PS2"], "team_ids": ["PT1"]}


def test_looking_which_ids_are_new_does_not_note_them() -> None:
    seen = SeenIds()
    seen.add(["a"], 1)
    assert seen.unseen(["a", "b", "c"]) == {"b", "c"}
    assert seen.unseen(["b", "b"]) == {"b"}
    assert seen.unseen([]) == set()
    seen.close()


def test_warnings_of_sources_reach_the_result_once() -> None:
    one = KindResult(state=KindState.COMPLETE, warnings=["first", "both"])
    other = KindResult(state=KindState.COMPLETE, warnings=["both", "second"])
    merged = merge_listings([one, other])
    assert merged.warnings == ["first", "both", "second"]
    result = RunResult(run_id="r", started_at=NOW, kinds={"services": merged}, warnings=["before"])
    add_warnings(result)
    add_warnings(result)
    assert result.warnings == ["before", "first", "both", "second"]
    assert merged.state is KindState.COMPLETE
