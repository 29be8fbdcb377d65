"""The preview of a sweep says where its run could not tell all that is gone, and what to do."""

from datetime import UTC, datetime

import pytest

from schemas.run import RunResult
from services.cli.sweep_report import not_judged

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ({}, ""),
        ({"type": "replay"}, "a replay"),
        ({"only_kinds": ["services", "users"]}, "a resync of services, users only"),
    ],
)
def test_run_that_asked_for_part_of_pagerduty_cannot_tell_what_is_gone(
    run: dict[str, object], says: str
) -> None:
    hint = not_judged(RunResult.model_validate({"run_id": "r1", "started_at": AT, **run}))

    which = f"run r1 was {says}, which cannot tell all that is gone: ask again after `pagerport resync`"
    assert hint == (which if says else "")
