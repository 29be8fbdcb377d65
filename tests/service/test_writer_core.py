"""What the writer makes of a batch of changes: what Port holds after it, each outcome, each dead letter."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import orjson
import pytest

from schemas.headers import Origin
from schemas.outcome import Count
from schemas.topics import ENTITIES
from services.writer.change import Change
from shared.core import Batch
from shared.errors import FatalError
from shared.log.interface import TopicPartition
from shared.outcome import Outcome
from shared.port.persistence import Patience
from tests.service.port_setting import APP
from tests.service.writer_setting import (
    KIND,
    RUN,
    change_headers,
    delete,
    one,
    record,
    upsert,
    writer_setting,
)

BULK = "/v1/blueprints/app/entities/bulk"
PLACES = [TopicPartition(ENTITIES.name, 0)]
LIVE, RESYNC, REPLAY, SWEEP = Origin.LIVE, Origin.RESYNC, Origin.REPLAY, Origin.SWEEP
WRITTEN, UNCHANGED, FOLDED = one(Count.WRITTEN), one(Count.UNCHANGED), one(Count.FOLDED)
REJECTED, UNMET, FAILED = one(Count.REJECTED), one(Count.UNMET), one(Count.FAILED)
DELETED, NOT_DELETED = one(Count.DELETED), one(Count.NOT_DELETED)
PLANNED = one(Count.PLANNED)


def on_bulk(times: int | None = 1, **action: Any) -> dict[str, Any]:
    return {"match": {"path": BULK}, "times": times, "action": action}


def full(name: str, origin: Origin = RESYNC) -> Any:
    return upsert(
        name,
        origin,
        title=name.upper(),
        icon="pagerduty",
        properties={"text": name, "size": 1, "at": "2026-03-01T12:00:00Z", "tags": ["x"], "url": None},
        relations={"parts": ["p2", "p1"], "team": "t"},
    )


async def test_entities_are_written_and_counted_for_their_run() -> None:
    async with writer_setting() as writer:
        outcomes = await writer.handle(full("a"), full("b", LIVE))
        assert outcomes == [
            Outcome(run_id=RUN, kind=KIND, counts={Count.WRITTEN: 1}),
            Outcome(run_id="", kind=KIND, counts={Count.WRITTEN: 1}),
        ]
        assert await writer.setting.entity("app", "a") == {
            "title": "A",
            "properties": {"text": "a", "size": 1, "at": "2026-03-01T12:00:00Z", "tags": ["x"]},
            "relations": {"parts": ["p2", "p1"], "team": "t"},
        }
        assert await writer.letters() == {}


@pytest.mark.parametrize("origin", [RESYNC, REPLAY])
async def test_second_pass_over_unchanged_entities_writes_nothing(origin: Origin) -> None:
    async with writer_setting(search_chunk=7) as writer:
        changes = [full(f"a{number}", origin) for number in range(50)]
        assert await writer.counts(*changes) == [WRITTEN] * 50
        before = await writer.setting.writes()
        assert await writer.counts(*changes) == [UNCHANGED] * 50
        assert await writer.setting.writes() == before
        assert await writer.counts(*changes[:-1], upsert("a49", origin, title="New")) == [
            *[UNCHANGED] * 49,
            WRITTEN,
        ]


async def test_live_changes_are_written_without_a_look() -> None:
    async with writer_setting() as writer:
        await writer.handle(full("a", LIVE))
        assert await writer.counts(full("a", LIVE)) == [WRITTEN]
        assert writer.setting.transport.requests["search"] == 0


async def test_everything_is_written_where_port_does_not_let_us_look() -> None:
    async with writer_setting() as writer:
        await writer.handle(full("a"))
        refused = {"status": 405, "body": {"ok": False}}
        await writer.setting.script({"match": {"path": ".*/entities/search"}, "action": refused})
        assert await writer.counts(full("a")) == [WRITTEN]


async def test_changes_of_one_entity_are_folded_into_one_write() -> None:
    async with writer_setting() as writer:
        assert await writer.counts(
            upsert("a", title="1", properties={"text": "x", "size": 1}),
            upsert("b", title="B"),
            upsert("a", title="2", properties={"size": 2}),
        ) == [FOLDED, WRITTEN, WRITTEN]
        assert await writer.setting.entity("app", "a") == {
            "title": "2",
            "properties": {"text": "x", "size": 2},
        }
        assert writer.setting.transport.requests["bulk upsert"] == 1


async def test_what_one_change_spoils_does_not_cost_those_folded_with_it() -> None:
    async with writer_setting() as writer:
        assert await writer.counts(
            upsert("a", title="good", properties={"text": "kept"}),
            upsert("a", properties={"url": "no url"}),
        ) == [WRITTEN, REJECTED]
        assert await writer.setting.entity("app", "a") == {"title": "good", "properties": {"text": "kept"}}
        assert {offset: letter[0] for offset, letter in (await writer.letters()).items()} == {1: "refused"}


async def test_writes_and_deletes_of_one_entity_keep_their_order() -> None:
    async with writer_setting() as writer:
        assert await writer.counts(
            upsert("a", LIVE, properties={"text": "old", "size": 1}),
            delete("a"),
            upsert("a", LIVE, properties={"text": "new"}),
        ) == [WRITTEN, DELETED, WRITTEN]
        assert (await writer.setting.entity("app", "a"))["properties"] == {"text": "new"}
        assert await writer.counts(upsert("a", LIVE, title="T"), delete("a")) == [WRITTEN, DELETED]
        assert await writer.setting.port.get_entity("app", "a") is None


async def test_omitted_keys_keep_their_value_even_without_merge() -> None:
    async with writer_setting() as writer:
        await writer.handle(upsert("a", LIVE, properties={"text": "x", "size": 1}))
        await writer.handle(upsert("a", LIVE, merge=False, omits=["properties.text"], properties={"size": 2}))
        assert (await writer.setting.entity("app", "a"))["properties"] == {"text": "x", "size": 2}
        await writer.handle(upsert("a", LIVE, merge=False, properties={"size": 3}))
        assert (await writer.setting.entity("app", "a"))["properties"] == {"size": 3}


async def test_refused_entity_costs_only_itself() -> None:
    async with writer_setting() as writer:
        changes = [upsert(f"a{number}", properties={"url": "https://x.test"}) for number in range(20)]
        changes[7] = upsert("a7", properties={"url": "not a url"})
        assert await writer.counts(*changes) == [*[WRITTEN] * 7, REJECTED, *[WRITTEN] * 12]
        ((offset, (reason, detail)),) = (await writer.letters()).items()
        assert (offset, reason) == (7, "refused")
        assert detail.startswith("HTTP 422: invalid_request:")
        assert "properties/url" in detail


@pytest.mark.parametrize("bad", [{3}, {0, 19}, set(range(20))])
async def test_call_that_some_entities_spoil_is_taken_apart(bad: set[int]) -> None:
    """Port refuses the whole call, as the letter of its reference has it for some faults."""
    async with writer_setting(bulk_schema_fails_call=True) as writer:
        query = {"combinator": "and", "rules": "none"}
        changes = [
            upsert(
                f"a{number}",
                LIVE,
                relations={"parts": {**query, "rules": [{"property": "x", "operator": "?", "value": 1}]}}
                if number in bad
                else {},
            )
            for number in range(20)
        ]
        expected = [REJECTED if number in bad else WRITTEN for number in range(20)]
        assert await writer.counts(*changes) == expected
        assert set(await writer.letters()) == bad


async def test_item_port_does_not_mention_is_sent_again() -> None:
    async with writer_setting() as writer:
        await writer.setting.script(on_bulk(omit_index=1))
        assert await writer.counts(full("a"), full("b"), full("c")) == [WRITTEN] * 3
        assert (await writer.setting.entity("app", "b"))["title"] == "B"
        assert writer.setting.transport.requests["bulk upsert"] == 2


async def test_item_that_goes_on_failing_becomes_a_letter_after_five_attempts() -> None:
    async with writer_setting() as writer:
        later = {"index": 0, "statusCode": 503, "error": "unavailable", "message": "later"}
        await writer.setting.script(on_bulk(times=None, fail_item=later))
        assert await writer.counts(upsert("a", LIVE), upsert("b", LIVE)) == [FAILED, WRITTEN]
        ((offset, (reason, detail)),) = (await writer.letters()).items()
        assert (offset, reason, detail) == (0, "retries_exhausted", "HTTP 503: unavailable: later")
        assert sum(writer.setting.clock.slept_s) < 600


async def test_rate_limited_item_waits_and_counts_no_attempt() -> None:
    async with writer_setting() as writer:
        limit = {"index": 0, "statusCode": 429, "error": "too_many_requests", "message": "slow down"}
        await writer.setting.script(on_bulk(times=8, fail_item=limit))
        assert await writer.counts(upsert("a", LIVE)) == [WRITTEN]
        assert writer.setting.transport.requests["bulk upsert"] == 9


async def test_items_that_stay_rate_limited_end_the_run() -> None:
    async with writer_setting() as writer:
        limit = {"index": 0, "statusCode": 429, "error": "too_many_requests", "message": "slow down"}
        await writer.setting.script(on_bulk(times=None, fail_item=limit))
        with pytest.raises(FatalError, match=r"Port has taken none .* for 600 s.*slow down"):
            await writer.handle(upsert("a", LIVE))


@pytest.mark.parametrize(
    "action",
    [
        {"status": 502, "body": "<html>Bad gateway</html>"},
        {"status": 200, "body": "<html>Welcome</html>"},
        {"rate_limited": {"wait_s": 7, "header": "seconds"}},
        {"rate_limited": {"wait_s": 7, "header": "epoch"}},
        {"drop": "before"},
        {"drop_after_store": True},
        {"expire_token": True},
        {"body": []},
        {"body": {"ok": True}},
    ],
)
async def test_failure_that_passes_loses_nothing(action: dict[str, Any]) -> None:
    async with writer_setting() as writer:
        # A new token that is refused as well would rightly end the run.
        times = 1 if "expire_token" in action else 2
        await writer.setting.script(on_bulk(times=times, **action))
        changes = [full(f"a{number}") for number in range(25)]
        assert await writer.counts(*changes) == [WRITTEN] * 25
        assert await writer.letters() == {}
        assert await writer.counts(*changes) == [UNCHANGED] * 25


async def test_missing_blueprint_is_asked_for_once_and_costs_its_changes() -> None:
    async with writer_setting() as writer:
        changes = [upsert(f"x{number}", blueprint="nope") for number in range(30)]
        assert await writer.counts(*changes, full("a")) == [*[FAILED] * 30, WRITTEN]
        assert {reason for reason, _ in (await writer.letters()).values()} == {"blueprint_missing"}
        assert writer.setting.transport.requests["blueprint"] == 2


async def test_blueprint_dropped_since_it_was_read_costs_its_changes() -> None:
    async with writer_setting() as writer:
        await writer.handle(upsert("t", LIVE, blueprint="team"))
        writer.setting.sim.catalog.drop_blueprint("team")
        changes = [upsert(f"t{number}", LIVE, blueprint="team") for number in range(3)]
        assert await writer.counts(*changes) == [FAILED] * 3
        letter = ("blueprint_missing", "Port has no blueprint 'team'")
        assert await writer.letters() == {0: letter, 1: letter, 2: letter}


async def test_blueprint_is_read_anew_after_two_minutes() -> None:
    async with writer_setting() as writer:
        for _ in range(2):
            await writer.handle(full("a", LIVE))
        assert writer.setting.transport.requests["blueprint"] == 1
        await writer.setting.clock.sleep(120)
        await writer.handle(full("a", LIVE))
        assert writer.setting.transport.requests["blueprint"] == 2


async def test_relation_target_that_comes_later_in_the_batch_is_met() -> None:
    async with writer_setting() as writer:
        strict: Any = {"create_missing_related_entities": False}
        first = upsert("a", LIVE, relations={"team": "t"}, **strict)
        assert await writer.counts(first, upsert("t", LIVE, blueprint="team", **strict)) == [WRITTEN] * 2
        assert await writer.letters() == {}


async def test_relation_target_that_never_comes_is_unmet() -> None:
    async with writer_setting() as writer:
        strict: Any = {"create_missing_related_entities": False}
        assert await writer.counts(upsert("a", relations={"team": "t"}, **strict), upsert("b", **strict)) == [
            UNMET,
            WRITTEN,
        ]
        ((offset, (reason, detail)),) = (await writer.letters()).items()
        assert (offset, reason) == (0, "relation_target_missing")
        assert detail.startswith("HTTP 404: not_found:")
        assert writer.setting.transport.requests["bulk upsert"] == 2


async def test_relation_target_is_made_where_the_mapping_allows() -> None:
    async with writer_setting() as writer:
        assert await writer.counts(upsert("a", relations={"team": "t"})) == [WRITTEN]
        assert await writer.setting.port.get_entity("team", "t") is not None


async def test_values_are_made_to_fit_or_dropped_and_each_way_of_dropping_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with writer_setting() as writer:
        change = upsert(
            "a",
            properties={"text": 7, "size": "7", "tier": "wood", "nope": 1, "tags": "x", "live": "true"},
            relations={"team": ["t"], "parts": ["p", "John Doe"], "gone": "x"},
        )
        assert await writer.counts(change) == [one(Count.WRITTEN, coerced=5, dropped=4)]
        assert await writer.setting.entity("app", "a") == {
            "properties": {"text": "7", "size": 7, "tags": ["x"], "live": True},
            "relations": {"team": "t", "parts": ["p"]},
        }
        assert await writer.counts(change) == [one(Count.UNCHANGED, coerced=5, dropped=4)]
        twice = "(2x, first in services Pa)"
        assert writer.core.drops.lines(3) == [
            f"blueprint app: properties.tier dropped: not one of the allowed values {twice}",
            f"blueprint app: properties.nope dropped: not in the blueprint {twice}",
            f"blueprint app: relations.parts dropped: left out what is no identifier {twice}",
            "2 more values like these, not named here",
        ]
        # What a run drops is in its result; of a live change nothing but the log tells.
        assert caplog.messages == []
        assert await writer.counts(upsert("b", LIVE, properties={"size": "x"})) == [
            one(Count.WRITTEN, dropped=1)
        ]
        assert await writer.counts(upsert("c", LIVE, properties={"size": "x"})) == [
            one(Count.WRITTEN, dropped=1)
        ]
        assert caplog.messages == [
            "blueprint app: properties.size dropped: not a number (first in services Pb);"
            " mend the mapping or the blueprint"
        ]


async def test_service_logs_what_a_run_drops_since_no_result_names_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with writer_setting(says_all=True) as writer:
        for name in ("a", "b"):
            assert await writer.counts(upsert(name, properties={"size": "x"})) == [
                one(Count.WRITTEN, dropped=1)
            ]
    assert caplog.messages == [
        "blueprint app: properties.size dropped: not a number (first in services Pa);"
        " mend the mapping or the blueprint"
    ]


async def test_entity_that_port_refuses_is_judged_again_by_the_blueprint_as_it_is_now() -> None:
    async with writer_setting() as writer:
        assert await writer.counts(upsert("a", properties={"text": "x"})) == [WRITTEN]
        schema = APP["schema"]
        changed = {
            **APP,
            "schema": {
                "properties": {**schema["properties"], "owner": {"type": "string"}},
                "required": ["owner"],
            },
        }
        writer.setting.sim.catalog.define_blueprint(changed)

        found = await writer.counts(
            upsert("b", properties={"owner": "me"}), upsert("c", properties={"text": "nobody's"})
        )

        assert found == [WRITTEN, REJECTED]
        assert await writer.setting.entity("app", "b") == {"properties": {"owner": "me"}}
        assert {offset: reason for offset, (reason, _) in (await writer.letters()).items()} == {1: "refused"}
        assert writer.core.drops.lines(9) == []


async def test_refusals_of_one_batch_ask_for_the_blueprint_once() -> None:
    async with writer_setting(bulk_schema_fails_call=False) as writer:
        refusal = {"statusCode": 422, "error": "invalid", "message": "no"}
        refused = [{"index": index, **refusal} for index in range(3)]
        await writer.setting.script(
            on_bulk(None, status=207, body={"ok": False, "entities": [], "errors": refused})
        )

        assert await writer.counts(*(upsert(name, LIVE) for name in "abc")) == [REJECTED] * 3

        assert writer.setting.transport.requests["blueprint"] == 2


async def test_entity_larger_than_a_request_is_a_letter() -> None:
    async with writer_setting() as writer:
        large = upsert("a", LIVE, properties={"text": "x" * 1024 * 1024})
        assert await writer.counts(large, upsert("b", LIVE)) == [REJECTED, WRITTEN]
        assert {offset: reason for offset, (reason, _) in (await writer.letters()).items()} == {
            0: "too_large"
        }


async def test_large_entities_never_meet_the_size_limit() -> None:
    async with writer_setting() as writer:
        changes = [upsert(f"a{number}", LIVE, properties={"text": "é" * 100_000}) for number in range(20)]
        assert await writer.counts(*changes) == [WRITTEN] * 20
        assert writer.setting.transport.requests["bulk upsert"] == 4


async def test_identifier_port_cannot_take_is_a_letter() -> None:
    async with writer_setting() as writer:
        assert await writer.counts(upsert("John Doe"), upsert("ok")) == [REJECTED, WRITTEN]
        assert (await writer.letters())[0][0] == "invalid_identifier"


async def test_search_identifier_is_written_directly() -> None:
    async with writer_setting() as writer:
        await writer.handle(upsert("a", LIVE, properties={"text": "find me"}))
        rule = {"property": "text", "operator": "=", "value": "find me"}
        query = {"combinator": "and", "rules": [rule]}
        assert await writer.counts(upsert(query, title="Found")) == [WRITTEN]
        assert (await writer.setting.entity("app", "a"))["title"] == "Found"
        nobody = {"combinator": "and", "rules": [{**rule, "value": "nobody"}]}
        assert await writer.counts(upsert(nobody, title="Found")) == [UNMET]


async def test_searches_that_find_an_entity_of_the_same_call_are_sent_alone() -> None:
    def found_by(name: str, value: object) -> dict[str, Any]:
        return {"combinator": "and", "rules": [{"property": name, "operator": "=", "value": value}]}

    async with writer_setting() as writer:
        await writer.handle(upsert("a", LIVE, properties={"text": "one"}), upsert("b", LIVE, title="same"))
        await writer.handle(upsert("c", LIVE, title="same"))
        assert await writer.counts(
            upsert("a", LIVE, title="A"),
            upsert(found_by("text", "one"), LIVE, properties={"size": 1}),
            upsert(found_by("$identifier", "a"), LIVE, properties={"tags": ["x"]}),
            upsert(found_by("$title", "same"), LIVE, properties={"size": 2}),
        ) == [WRITTEN, WRITTEN, WRITTEN, REJECTED]
        assert await writer.setting.entity("app", "a") == {
            "title": "A",
            "properties": {"text": "one", "size": 1, "tags": ["x"]},
        }
        assert {offset: letter[0] for offset, letter in (await writer.letters()).items()} == {3: "refused"}


async def test_deletes_of_a_run_are_only_proposals() -> None:
    async with writer_setting() as writer:
        await writer.handle(full("a"))
        assert await writer.counts(delete("a", RESYNC), delete("a", REPLAY)) == [NOT_DELETED] * 2
        assert await writer.setting.port.get_entity("app", "a") is not None


async def test_record_of_another_installation_holds_its_partition_and_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with writer_setting() as writer:
        await writer.handle(upsert("a", LIVE))
        theirs = tuple(
            (name, b"pagerport/team-b/mapper" if name == "ce_source" else value)
            for name, value in change_headers(LIVE)
        )
        _, value = delete("a")
        changes = [upsert("b", LIVE), (theirs, value), upsert("c", LIVE)]
        assert await writer.counts(*changes) == [WRITTEN, None, None]
        assert await writer.counts(*changes[1:]) == [None, None]
        assert await writer.setting.port.get_entity("app", "a") is not None
        line = next(one.getMessage() for one in caplog.records if one.levelname == "ERROR")
        assert line.startswith("port.entities/0 is held at offset 1: the record is of the inst")
        assert "OCEAN__KAFKA__TOPIC_PREFIX" in writer.core.held(PLACES)
        # A producer that is no pagerport keeps nobody up.
        foreign = tuple((name, b"their/tool" if name == "ce_source" else value) for name, value in theirs)
        assert await writer.counts((foreign, value)) == [DELETED]
        assert writer.core.held(PLACES) == ""


@pytest.mark.parametrize("origin", [LIVE, SWEEP])
async def test_only_what_is_ours_is_deleted(origin: Origin) -> None:
    async with writer_setting() as ours, writer_setting(identifier="another") as theirs:
        theirs.setting.sim.catalog.take_over(ours.setting.sim.catalog)
        await theirs.handle(*(upsert(f"a{number}", LIVE) for number in range(3)))
        ours.setting.sim.catalog.take_over(theirs.setting.sim.catalog)
        await ours.handle(*(upsert(f"a{number}", LIVE) for number in range(2, 150)))
        deletes = [delete(f"a{number}", origin, confirmed=True) for number in [*range(150), 999]]
        assert await ours.counts(*deletes) == [*[NOT_DELETED] * 2, *[DELETED] * 148, NOT_DELETED]
        left = await ours.setting.port.search_entities("app", [f"a{number}" for number in range(150)])
        assert set(left or ()) == {"a0", "a1"}


async def test_nothing_is_deleted_where_port_does_not_tell_what_is_ours() -> None:
    async with writer_setting() as writer:
        await writer.handle(full("a"))
        refused = {"status": 422, "body": {"ok": False, "error": "invalid_request"}}
        await writer.setting.script({"match": {"path": ".*/entities/search"}, "action": refused})
        assert await writer.counts(delete("a")) == [REJECTED]
        assert await writer.setting.port.get_entity("app", "a") is not None


async def test_delete_with_dependents_waits_for_them_and_else_leaves_it_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with writer_setting() as writer:
        await writer.handle(
            upsert("base", LIVE), upsert("free", LIVE), upsert("used", LIVE),
            upsert("user", LIVE, relations={"parts": ["base"]}),
            upsert("stays", LIVE, relations={"parts": ["used"]}),
        )  # fmt: skip
        names = ["base", "free", "used", "user"]
        assert await writer.counts(*map(delete, names)) == [DELETED, DELETED, NOT_DELETED, DELETED]
        assert await writer.letters() == {}
        (warning,) = [one.getMessage() for one in caplog.records if " stay in Port" in one.getMessage()]
        assert warning.startswith(
            "1 of app stay in Port, though their objects are gone, e.g. used: HTTP 422: "
        )
        assert "dependant entities: app/stays" in warning
        assert warning.endswith(
            "; delete what depends on them in Port, or set deleteDependentEntities: true in the mapping"
        )


async def test_dependents_go_too_where_the_mapping_says_so_but_never_in_a_sweep() -> None:
    async with writer_setting() as writer:
        await writer.handle(upsert("base", LIVE), upsert("user", LIVE, relations={"parts": ["base"]}))
        assert await writer.counts(delete("base", SWEEP, delete_dependents=True)) == [NOT_DELETED]
        assert await writer.letters() == {}
        assert await writer.counts(delete("base", LIVE, delete_dependents=True)) == [DELETED]
        assert await writer.setting.port.get_entity("app", "user") is None


async def test_delete_by_search_must_find_one_of_ours() -> None:
    async with writer_setting() as writer:
        await writer.handle(*(upsert(name, LIVE, properties={"text": name[0]}) for name in ("a", "b1", "b2")))

        def by(text: str) -> Any:
            rule = {"property": "text", "operator": "=", "value": text}
            return delete({"combinator": "and", "rules": [rule]})

        assert await writer.counts(by("a"), by("b"), by("c")) == [DELETED, REJECTED, NOT_DELETED]


async def test_null_value_is_a_delete_of_the_key() -> None:
    async with writer_setting() as writer:
        await writer.handle(full("a"))
        tombstone = record(0, None, change_headers(LIVE), key=b"app/a")
        (outcome,) = await writer.core.handle(Batch([tombstone], asyncio.Event()))
        assert outcome is not None
        assert (outcome.run_id, outcome.kind, outcome.counts) == ("", KIND, {Count.DELETED: 1})


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        (None, b"not json"),
        (None, b"[]"),
        (None, b'{"operation":"upsert"}'),
        (
            None,
            b'{"operation":"upsert","blueprint":"app","identifier":7,"source":{"kind":"x","object_id":"y"}}',
        ),
        (None, b"\xff"),
        ((), upsert("a")[1]),
        ((("ce_id", None),), upsert("a")[1]),
        ((*change_headers(RESYNC), ("ce_origin", b"nowhere")), upsert("a")[1]),
        ((*change_headers(RESYNC), ("ce_kind", b"\xff")), upsert("a")[1]),
        ((*change_headers(RESYNC), ("ce_schemaversion", b"x")), upsert("a")[1]),
    ],
)
async def test_unreadable_record_is_a_letter_and_costs_only_itself(headers: Any, value: bytes) -> None:
    async with writer_setting() as writer:
        good_headers, good = full("b")
        records = [record(0, value, headers), record(1, good, good_headers)]
        outcomes = await writer.core.handle(Batch(records, asyncio.Event()))
        assert [None if outcome is None else dict(outcome.counts) for outcome in outcomes] == [
            {Count.FAILED: 1},
            {Count.WRITTEN: 1},
        ]
        assert (await writer.letters())[0][0] == "unreadable"


@pytest.mark.parametrize(
    "newer",
    [
        (change_headers(RESYNC, schemaversion=2), upsert("a")[1]),
        upsert("a", schema_version=2, operation="something new"),
    ],
)
async def test_record_of_a_newer_schema_stays_where_it_is(
    newer: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with writer_setting() as writer:
        with caplog.at_level(logging.ERROR, "services.writer"):
            assert await writer.counts(full("a"), newer, full("b")) == [WRITTEN, None, None]
            # What is handed in again and again must not be written again and again.
            assert await writer.counts(full("c"), newer, full("b")) == [WRITTEN, None, None]
        assert await writer.letters() == {}
        assert [record.getMessage().split(": ")[1] for record in caplog.records] == [
            "schema version 2 is newer than this release; upgrade the writer"
        ]
        monkeypatch.setattr("services.writer.decoding.SCHEMA_VERSION", 2)
        # A release that knows the version handles what was held.
        _, known, behind = await writer.counts(full("d"), newer, full("b"))
        assert (known is None, behind) == (False, WRITTEN)


async def test_batch_is_held_while_port_is_down_and_given_back_when_leaving() -> None:
    leaving = asyncio.Event()
    async with writer_setting(patience=Patience(stall_s=10**9)) as writer:
        await writer.handle(full("a"))
        await writer.setting.script({"action": {"status": 503}})
        working = asyncio.ensure_future(writer.handle(full("b"), full("c", LIVE), leaving=leaving))
        await writer.setting.clock.slept(50)
        assert not working.done()
        leaving.set()
        assert await working == [None, None]
        assert await writer.letters() == {}
        await writer.setting.script()
        assert await writer.counts(full("b"), full("c", LIVE)) == [WRITTEN, WRITTEN]


async def test_what_is_done_before_leaving_is_told() -> None:
    leaving = asyncio.Event()
    async with writer_setting() as writer:
        await writer.setting.script(
            {"match": {"path": "/v1/blueprints/team/entities/bulk"}, "action": {"status": 503}}
        )
        working = asyncio.ensure_future(
            writer.handle(upsert("a", LIVE), upsert("t", LIVE, blueprint="team"), leaving=leaving)
        )
        await writer.setting.clock.slept(3)
        leaving.set()
        assert await working == [Outcome(kind=KIND, counts={Count.WRITTEN: 1}), None]


async def test_long_outage_ends_the_run_without_a_letter() -> None:
    async with writer_setting() as writer:
        await writer.handle(full("a", LIVE))
        await writer.setting.script({"action": {"status": 503}})
        with pytest.raises(FatalError, match=r"Port at \S+ has let no bulk upsert call succeed"):
            await writer.handle(full("b", LIVE), full("c", LIVE))
        assert await writer.letters() == {}


async def test_cancelled_writer_leaves_no_work_behind() -> None:
    async with writer_setting(patience=Patience(stall_s=10**9)) as writer:
        await writer.setting.script({"match": {"path": BULK}, "action": {"status": 503}})
        working = asyncio.ensure_future(writer.handle(full("a")))
        await writer.setting.clock.slept(3)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert len(asyncio.all_tasks()) == 1


async def test_letters_hold_no_secret_that_port_repeats() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("access_token"):
            return httpx.Response(200, json={"accessToken": "t0k3n-value", "expiresIn": 100})
        if request.method == "GET":
            return httpx.Response(200, json={"ok": True, "blueprint": APP})
        error = {
            "index": 0,
            "statusCode": 422,
            "error": "no",
            "message": "t0k3n-value s3cret-one " + "x" * 9000,
        }
        return httpx.Response(207, json={"ok": False, "entities": [], "errors": [error]})

    async with writer_setting(handler=answer, secret="s3cret-one") as writer:
        assert await writer.counts(upsert("a", LIVE)) == [REJECTED]
        ((_, (_, detail)),) = (await writer.letters()).items()
        assert "t0k3n-value" not in detail
        assert "s3cret-one" not in detail
        assert len(detail) <= 500


class Notebook:
    """Takes what a dry run would have done."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, Any, tuple[str, ...]]] = []

    def create(self, change: Change) -> None:
        self.lines.append(("create", change.identifier, ()))

    def update(self, change: Change, held: Mapping[str, Any], paths: Sequence[str]) -> None:
        self.lines.append(("update", change.identifier, tuple(paths)))

    def send_unseen(self, change: Change) -> None:
        self.lines.append(("unseen", change.identifier, ()))

    def leave(self, change: Change) -> None:
        self.lines.append(("leave", change.identifier, ()))

    def delete(self, change: Change) -> None:
        self.lines.append(("delete", change.identifier, ()))


async def test_dry_run_tells_what_it_would_do_and_does_nothing() -> None:
    notebook = Notebook()
    async with writer_setting(dry_run=notebook) as writer:
        await writer.setting.port.bulk_upsert(
            "app",
            [orjson.dumps({"identifier": "a", "title": "old"}), orjson.dumps({"identifier": "same"})],
            merge=True,
            create_missing=True,
        )
        before = await writer.setting.writes()
        by_search = {"combinator": "and", "rules": [{"property": "text", "operator": "=", "value": "x"}]}
        assert await writer.counts(
            upsert("a", title="new"),
            upsert("same"),
            upsert("b", title="B"),
            upsert("huge", properties={"text": "x" * 1_100_000}),
            upsert(by_search, title="found"),
            delete("a", SWEEP),
        ) == [PLANNED, UNCHANGED, PLANNED, REJECTED, PLANNED, PLANNED]
        assert await writer.setting.writes() == before
        assert notebook.lines == [
            ("leave", "same", ()),
            ("update", "a", ("title",)),
            ("create", "b", ()),
            ("unseen", by_search, ()),
            ("delete", "a", ()),
        ]
        assert {reason for reason, _ in (await writer.letters()).values()} == {"too_large"}


async def test_dry_run_that_cannot_look_says_so() -> None:
    notebook = Notebook()
    async with writer_setting(dry_run=notebook) as writer:
        await writer.setting.script(
            {
                "match": {"path": ".*/entities/search"},
                "times": 1,
                "action": {"status": 422, "body": {"ok": False}},
            }
        )
        assert await writer.counts(upsert("a", title="A")) == [PLANNED]
        assert notebook.lines == [("unseen", "a", ())]
