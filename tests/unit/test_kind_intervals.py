"""Proves how the schedule of single kinds is read."""

import pytest

from shared.settings.values import parse_kind_intervals


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("", {}),
        ("oncalls=15", {"oncalls": 15}),
        (" oncalls = 15 , v3/schedules=60,", {"oncalls": 15, "v3/schedules": 60}),
        ('{"oncalls": 15, "users": 60}', {"oncalls": 15, "users": 60}),
    ],
)
def test_kinds_have_their_minutes(text: str, kinds: dict[str, int]) -> None:
    assert parse_kind_intervals(text) == kinds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("oncalls", "must give oncalls whole minutes"),
        ("oncalls=0", "must give oncalls whole minutes"),
        ("oncalls=1.5", "must give oncalls whole minutes"),
        ("On Calls=15", "must name kinds as the mapping does"),
        ("=15", "must name kinds as the mapping does"),
        ("{oncalls", "is no JSON object"),
        ('{"oncalls": null}', "must give oncalls whole minutes"),
        ("oncall=15", "must name kinds: 'oncall' is not a kind PagerDuty lists; did you mean oncalls?"),
        ("users=60,foo=1", "must name kinds: 'foo' is not a kind PagerDuty lists; the usual ones are"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_kind_intervals(text)
