"""Proves what a run deletes and what it keeps on Kafka too: the cases of the embedded log, run again."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from schemas.topics import ENTITIES
from shared.errors import RetryableError
from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.log.interface import Log
from tests.kafka.cluster import DEADLINE_S, Cluster, places_of
from tests.service import sweep_setting, test_sweep

Case = Callable[[], Awaitable[None]]
CASES: list[Case] = [
    test_sweep.test_page_shift_is_found_out_where_objects_cannot_be_asked_for,
    test_sweep.test_kind_that_answers_an_empty_list_loses_nothing_and_is_mapped_again,
    partial(test_sweep.test_kind_that_is_suddenly_refused_loses_nothing, 403),
    test_sweep.test_nine_of_ten_go_at_the_usual_threshold,
    test_sweep.test_ten_of_ten_are_kept_and_said_loudly,
    test_sweep.test_user_deleted_in_pagerduty_does_not_come_back_by_a_replay,
    test_sweep.test_object_whose_mapping_fails_today_and_existed_yesterday_keeps_its_entity,
    test_sweep.test_placeholder_made_by_port_for_a_relation_stays,
    test_sweep.test_entity_of_another_integration_in_the_same_blueprint_is_not_ours,
    test_sweep.test_renamed_object_under_an_identifier_made_of_its_name_leaves_the_old_one,
    test_sweep.test_items_removed_under_items_to_parse_go_with_their_entities,
    test_sweep.test_two_entries_on_one_entity_keep_it_as_long_as_one_takes_the_object,
]


def _name(case: Case) -> str:
    function = case.func if isinstance(case, partial) else case
    return function.__name__.removeprefix("test_")


@pytest.mark.parametrize("case", CASES, ids=_name)
async def test_on_kafka(case: Case, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    log = await cluster.open_log()
    await _until_groups_are_looked_after(log)
    monkeypatch.setattr(test_sweep, "world", partial(sweep_setting.world, on_log=log))
    await case()


async def _until_groups_are_looked_after(log: Log) -> None:
    """Return once the cluster, which may just have been started, knows who coordinates groups."""
    await log.create_topics([ENTITIES.name])
    async with asyncio.timeout(DEADLINE_S):
        for group in (MAPPER_GROUP, WRITER_GROUP):
            while True:
                try:
                    await log.committed(group, places_of(ENTITIES.name))
                    break
                except RetryableError:
                    await asyncio.sleep(0.1)
