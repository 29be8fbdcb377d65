"""Proves that findings are counted, that memory is bounded, and that what is not named is counted too."""

import pytest

from services.mapper.omissions import LeftOut
from services.mapper.said_omissions import SaidOmissions
from shared.sightings import Sightings


def test_findings_are_counted_with_what_was_said_first() -> None:
    seen: Sightings[str] = Sightings(10)

    new = [
        seen.note(finding, where, detail)
        for finding, where, detail in (
            ("a", "P1", "x"),
            ("b", "P2", ""),
            ("b", "P3", "later"),
            ("b", "P3", ""),
        )
    ]

    assert new == [True, True, False, False]
    assert seen.lines(10) == ["b (3x, first in P2)", "a: x (1x, first in P1)"]
    assert seen.lines(1) == ["b (3x, first in P2)", "1 more values like these, not named here"]


def test_findings_past_the_limit_are_counted_together() -> None:
    seen: Sightings[int] = Sightings(2)

    assert [seen.note(finding, "P1") for finding in (1, 2, 3, 4, 1)] == [True, True, False, False, False]
    assert seen.beyond == 2
    assert seen.lines(1) == ["1 (2x, first in P1)", "3 more values like these, not named here"]


def test_omission_is_logged_once_where_no_result_of_a_run_names_it(caplog: pytest.LogCaptureFixture) -> None:
    said = SaidOmissions()
    left_out = LeftOut("users", 0, "properties.a", ".a.b", "failed")

    assert [said.note(left_out, where, "no object") for where in ("P1", "P2")] == [False, False]
    assert caplog.messages == [
        "users resources[0] properties.a: .a.b failed: no object (first in P1); the value in Port stays; "
        "mend the expression"
    ]
