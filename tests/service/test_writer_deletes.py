"""Which deletes the writer carries out, and which ownership, a later update, breaker or setting keep back."""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.headers import Origin
from schemas.outcome import Count
from schemas.topics import ENTITIES
from shared.batch_commits import plan_commits
from shared.log.interface import TopicPartition
from shared.progress import Progress
from shared.settings.choices import Deletes
from tests.service.port_setting import IDENTIFIER, STARTED_AT
from tests.service.writer_setting import WriterSetting, delete, one, record, upsert, writer_setting

LIVE, RESYNC, SWEEP = Origin.LIVE, Origin.RESYNC, Origin.SWEEP
WRITTEN, DELETED, NOT_DELETED = one(Count.WRITTEN), one(Count.DELETED), one(Count.NOT_DELETED)
PLANNED, FOLDED = one(Count.PLANNED), one(Count.FOLDED)
PLACES = [TopicPartition(ENTITIES.name, number) for number in range(6)]


def swept(identifier: str, since: datetime) -> Any:
    return delete(identifier, SWEEP, unless_updated_since=since.isoformat())


async def held(writer: WriterSetting, *identifiers: str) -> set[str]:
    return set(await writer.setting.port.search_entities("app", identifiers) or ())


@pytest.mark.parametrize(("updated_after_s", "count"), [(-1, DELETED), (0, NOT_DELETED), (5, NOT_DELETED)])
async def test_sweep_leaves_what_was_updated_since_its_run_began(
    updated_after_s: int, count: dict[str, int]
) -> None:
    async with writer_setting() as writer:
        await writer.handle(upsert("a", LIVE))
        since = STARTED_AT - timedelta(seconds=updated_after_s)
        assert await writer.counts(swept("a", since)) == [count]
        assert await held(writer, "a") == (set() if count == DELETED else {"a"})


@pytest.mark.parametrize("text", [None, "yesterday", "2026-03-01T11:00:00"])
async def test_sweep_leaves_what_port_tells_no_time_of(text: str | None) -> None:
    async with writer_setting() as writer:
        await writer.handle(upsert("a", LIVE))
        entity = {"identifier": "a"} if text is None else {"identifier": "a", "updatedAt": text}
        answer = {"status": 200, "body": {"ok": True, "entities": [entity]}}
        await writer.setting.script({"match": {"path": ".*/entities/search"}, "times": 1, "action": answer})
        assert await writer.counts(swept("a", STARTED_AT + timedelta(hours=1))) == [NOT_DELETED]
        assert await held(writer, "a") == {"a"}


async def test_live_upsert_beside_the_delete_of_a_sweep_keeps_the_entity() -> None:
    """Also where it comes later: the entity never goes, not even for a moment."""
    async with writer_setting() as writer:
        await writer.handle(*(upsert(name, LIVE, properties={"text": "old"}) for name in "abc"))
        late = STARTED_AT + timedelta(hours=1)
        assert await writer.counts(
            upsert("a", LIVE, properties={"size": 1}),
            swept("a", late),
            swept("b", late),
            upsert("b", LIVE, properties={"size": 2}),
            upsert("b", LIVE, properties={"size": 3}),
            swept("c", late),
            upsert("c", RESYNC, properties={"size": 4}),
        ) == [WRITTEN, NOT_DELETED, NOT_DELETED, FOLDED, WRITTEN, DELETED, WRITTEN]
        properties = [(await writer.setting.entity("app", name))["properties"] for name in "abc"]
        assert properties == [{"text": "old", "size": 1}, {"text": "old", "size": 3}, {"size": 4}]
        history = writer.setting.sim.catalog.history(("app", "b"))
        assert [version["change"] for version in history or []] == ["created", "updated"]


async def test_live_delete_after_a_live_upsert_is_due_all_the_same() -> None:
    async with writer_setting() as writer:
        assert await writer.counts(
            upsert("a", LIVE), swept("a", STARTED_AT + timedelta(hours=1)), delete("a")
        ) == [WRITTEN, NOT_DELETED, DELETED]


@pytest.mark.parametrize(
    ("agent", "adopt_peer", "count"),
    [
        (f"port-ocean/pagerduty/0.3.1/{IDENTIFIER}/exporter", False, NOT_DELETED),
        (f"port-ocean/pagerduty/0.3.1/{IDENTIFIER}/exporter", True, DELETED),
        (f"port-ocean/pagerduty/0.3.1/{IDENTIFIER}-2/exporter", True, NOT_DELETED),
        (f"port-ocean/pagerduty/0.3.1/not-{IDENTIFIER}/exporter", True, NOT_DELETED),
        (f"port-ocean/opsgenie/0.3.1/{IDENTIFIER}/exporter", True, NOT_DELETED),
        (f"pagerport/0.9.0/{IDENTIFIER}/exporter", True, DELETED),
        (f"pagerport/0.9.0/{IDENTIFIER}/exporter", False, DELETED),
        (f"pagerporter/0.9.0/{IDENTIFIER}/exporter", True, NOT_DELETED),
        (f"x pagerport/0.9.0/{IDENTIFIER}/exporter", True, NOT_DELETED),
        (f"pagerport/0.9.0/{IDENTIFIER}/exporter (UI)", True, NOT_DELETED),
    ],
)
async def test_what_the_peer_wrote_is_ours_only_where_the_setting_says_so(
    agent: str, adopt_peer: bool, count: dict[str, int]
) -> None:
    async with writer_setting(agent=agent) as theirs, writer_setting(adopt_peer=adopt_peer) as ours:
        await theirs.handle(upsert("a", LIVE))
        ours.setting.sim.catalog.take_over(theirs.setting.sim.catalog)
        assert await ours.counts(delete("a")) == [count]


@pytest.mark.parametrize(
    ("told", "count"),
    [
        ({"$datasource": "port-ocean/gitlab/0.3.1/me/exporter"}, NOT_DELETED),
        ({"$datasource": f"pagerport/0.9.0/{IDENTIFIER}-2/exporter"}, NOT_DELETED),
        ({"$datasource": None}, NOT_DELETED),
        ({}, NOT_DELETED),
        ({"$datasource": f"pagerport/0.9.0/{IDENTIFIER}/exporter"}, DELETED),
        ({"datasource": f"pagerport/0.9.0/{IDENTIFIER}/exporter"}, DELETED),
    ],
)
async def test_port_that_takes_every_entity_for_ours_has_none_deleted_but_ours(
    told: dict[str, Any], count: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    async with writer_setting() as writer:
        await writer.handle(upsert("a", LIVE))
        entity = {"identifier": "a", "updatedAt": "2026-03-01T11:00:00Z", **told}
        answer = {"status": 200, "body": {"ok": True, "entities": [entity]}}
        await writer.setting.script({"match": {"path": ".*/entities/search"}, "action": answer})
        assert await writer.counts(delete("a")) == [count]
    said = [line for line in caplog.messages if "does not show it" in line]
    assert said == (
        []
        if count == DELETED
        else ["1 entities of app stay: Port lists them as ours, and its answer does not show it, e.g. a"]
    )


async def test_port_that_does_not_take_datasource_in_answers_is_asked_without_it() -> None:
    async with writer_setting() as writer:
        await writer.handle(upsert("a", LIVE), upsert("b", LIVE))
        refused = {"status": 422, "body": {"ok": False, "error": "invalid_request", "message": "include"}}
        found = {"status": 200, "body": {"ok": True, "entities": [{"identifier": "a"}]}}
        search = {"path": ".*/entities/search"}
        await writer.setting.script(
            {"match": search, "times": 1, "action": refused},
            {"match": search, "times": 1, "action": found},
        )
        assert await writer.counts(delete("a")) == [DELETED]
        asked = writer.setting.transport.requests["search"]
        assert await writer.counts(delete("b")) == [DELETED]
        assert (asked, writer.setting.transport.requests["search"] - asked) == (3, 2)


async def test_404_of_whatever_stands_before_port_is_no_delete() -> None:
    async with writer_setting() as writer:
        await writer.handle(upsert("a", LIVE))
        gateway = {"status": 404, "body": "default backend - 404"}
        await writer.setting.script({"match": {"path": ".*/delete"}, "times": 1, "action": gateway})
        assert await writer.counts(delete("a")) == [DELETED]
        assert await held(writer, "a") == set()


@pytest.mark.parametrize("deletes", [Deletes.DRY_RUN, Deletes.OFF])
async def test_setting_keeps_live_deletes_and_those_of_sweeps_from_port(
    deletes: Deletes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "services.writer")
    async with writer_setting(deletes=deletes) as writer:
        await writer.handle(upsert("a", LIVE), upsert("b", LIVE))
        late = STARTED_AT + timedelta(hours=1)
        found = await writer.counts(delete("a"), swept("b", late), delete("gone"), upsert("c", LIVE))
        would = PLANNED if deletes is Deletes.DRY_RUN else NOT_DELETED
        assert found == [would, would, NOT_DELETED, WRITTEN]
        assert await held(writer, "a", "b", "c") == {"a", "b", "c"}
        assert writer.setting.transport.requests["bulk delete"] == 0
    said = [line for line in caplog.messages if "not sent" in line]
    assert said == (["dry run: 2 deletes of app are not sent, e.g. a, b"] if would == PLANNED else [])


async def test_breaker_holds_what_is_beyond_its_limit_while_upserts_flow(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with writer_setting() as writer:
        names = [f"a{number}" for number in range(25)]
        await writer.handle(*(upsert(name, LIVE) for name in names))
        counts = await writer.counts(*map(delete, names), upsert("new", LIVE), upsert("a24", LIVE, title="T"))
        assert counts == [*[DELETED] * 20, *[NOT_DELETED] * 5, WRITTEN, WRITTEN]
        letters = await writer.letters()
        assert set(letters) == set(range(20, 25))
        assert letters[20] == (
            "delete_held",
            "more than 20 live deletes of 'app' in 10 minutes; if the objects are gone: pagerport release "
            "--blueprint app",
        )
        assert await held(writer, *names, "new") == {*names[20:], "new"}
        assert writer.core.held_blueprints == ("app",)
    (line,) = [one for one in caplog.messages if "held" in one]
    assert line.startswith("5 live deletes of app held")


async def test_breaker_lets_a_twentieth_of_a_large_blueprint_pass() -> None:
    async with writer_setting() as writer:
        names = [f"a{number}" for number in range(500)]
        await writer.handle(*(upsert(name, LIVE) for name in names))
        assert await writer.counts(*map(delete, names[:40])) == [*[DELETED] * 25, *[NOT_DELETED] * 15]
        assert {reason for reason, _ in (await writer.letters()).values()} == {"delete_held"}


async def test_confirmed_deletes_and_those_of_sweeps_pass_the_breaker() -> None:
    async with writer_setting() as writer:
        names = [f"a{number}" for number in range(90)]
        await writer.handle(*(upsert(name, LIVE) for name in names))
        late = STARTED_AT + timedelta(hours=1)
        changes = [delete(name, confirmed=True) for name in names[:40]] + [
            swept(name, late) for name in names[40:]
        ]
        assert await writer.counts(*changes) == [DELETED] * 90


@pytest.mark.parametrize("origin", [LIVE, SWEEP])
async def test_deletes_that_others_depend_on_cost_a_call_each_and_one_line(
    origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    async with writer_setting() as writer:
        used, free = [f"u{number}" for number in range(30)], [f"f{number}" for number in range(60)]
        await writer.handle(*(upsert(name, LIVE) for name in [*used, *free]))
        await writer.handle(*(upsert(f"by-{name}", LIVE, relations={"parts": [name]}) for name in used))
        since = (STARTED_AT + timedelta(hours=1)).isoformat()
        times = {"unless_updated_since": since} if origin is SWEEP else {"confirmed": True}
        names = [name for pair in zip(used, free, strict=False) for name in pair] + free[30:]
        counts = await writer.counts(*(delete(name, origin, **times) for name in names))
        assert [count == DELETED for count in counts] == [name in free for name in names]
        # One refusal names one entity; then those that are left are tried once more behind what went.
        assert writer.setting.transport.requests["bulk delete"] <= 2 * len(used) + 2
        calls = writer.setting.transport.requests["bulk delete"]
        await writer.counts(*(delete(name, origin, **times) for name in used))
        # Nothing went meanwhile that they could have waited for.
        assert writer.setting.transport.requests["bulk delete"] - calls == len(used)
    said = [line for line in caplog.messages if "stay in Port" in line]
    assert [line.split(", though")[0] for line in said] == (
        ["30 of app stay in Port", "30 of app stay in Port"] if origin is LIVE else []
    )


async def test_deletes_of_what_is_not_there_do_not_trip_the_breaker() -> None:
    async with writer_setting() as writer:
        await writer.handle(upsert("a", LIVE))
        changes = [*(delete(f"gone{number}") for number in range(50)), delete("a")]
        assert await writer.counts(*changes) == [*[NOT_DELETED] * 50, DELETED]
        assert await writer.letters() == {}


async def test_breaker_goes_by_what_is_committed_for_all_partitions_of_the_writer() -> None:
    async with writer_setting() as writer:
        names = [f"a{number}" for number in range(60)]
        await writer.handle(*(upsert(name, LIVE) for name in names))
        progress: dict[TopicPartition, Progress] = {place: Progress() for place in PLACES}

        async def delete_some(some: list[str]) -> int:
            """Delete, commit as the runtime does, through the text, and return how many were deleted."""
            changes = [delete(name) for name in some]
            outcomes = await writer.handle(*changes, progress=progress)
            records = [record(offset, None) for offset in range(len(some))]
            for place, done in plan_commits(records, outcomes, progress).items():
                progress[place] = Progress.decode(done.progress.encode())
            return sum(outcome.counts == {Count.DELETED: 1} for outcome in outcomes if outcome)

        assert await delete_some(names[:15]) == 15
        assert await delete_some(names[15:30]) == 5
        writer.setting.clock.at += timedelta(minutes=9)
        assert await delete_some(names[20:50]) == 0
        writer.setting.clock.at += timedelta(minutes=9)
        # What was held counts, too: while they keep coming none passes.
        assert await delete_some(names[20:30]) == 0
        writer.setting.clock.at += timedelta(minutes=9)
        assert await delete_some(names[20:30]) == 10
        assert list(writer.core.held_blueprints) == ["app"]
        writer.setting.clock.at += timedelta(minutes=10)
        assert list(writer.core.held_blueprints) == []


async def test_writer_with_some_partitions_has_their_share_of_the_limit() -> None:
    async with writer_setting() as writer:
        names = [f"a{number}" for number in range(20)]
        await writer.handle(*(upsert(name, LIVE) for name in names))
        progress = {place: Progress() for place in PLACES[:3]}
        outcomes = await writer.handle(*map(delete, names), progress=progress)
        assert [outcome.counts for outcome in outcomes if outcome] == [
            *[{Count.DELETED: 1}] * 10,
            *[{Count.NOT_DELETED: 1}] * 10,
        ]


async def test_members_of_one_process_count_together_before_and_after_they_commit() -> None:
    async with writer_setting(members=3) as writer:
        names = [f"a{number}" for number in range(40)]
        await writer.handle(*(upsert(name, LIVE) for name in names))
        lanes = [{place: Progress() for place in PLACES[at : at + 2]} for at in (0, 2, 4)]

        async def deleted(lane: int, some: list[str]) -> int:
            outcomes = await writer.handle(*map(delete, some), progress=lanes[lane])
            records = [replace(record(at, None), partition=2 * lane) for at in range(len(some))]
            for place, done in plan_commits(records, outcomes, lanes[lane]).items():
                lanes[lane][place] = done.progress
            return sum(outcome.counts == {Count.DELETED: 1} for outcome in outcomes if outcome)

        assert sum(await asyncio.gather(deleted(0, names[:9]), deleted(1, names[9:18]))) == 18
        assert await deleted(2, names[18:22]) == 2
        assert await deleted(0, names[22:24]) == 0
        writer.setting.clock.at += timedelta(minutes=10)
        assert await deleted(1, names[24:]) == 16


async def test_delete_that_waits_for_its_dependents_is_counted_once_by_the_breaker() -> None:
    async with writer_setting() as writer:
        pairs = [(f"base{number}", f"user{number}") for number in range(10)]
        for base, user in pairs:
            await writer.handle(upsert(base, LIVE), upsert(user, LIVE, relations={"parts": [base]}))
        # The deletes of the users come a round later than those of the bases, which then are tried again.
        changes = [delete(base) for base, _ in pairs]
        changes += [change for _, user in pairs for change in (upsert(user, LIVE, title="T"), delete(user))]
        assert await writer.counts(*changes) == [*[DELETED] * 10, *[WRITTEN, DELETED] * 10]
