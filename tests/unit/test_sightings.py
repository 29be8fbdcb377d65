"""Proves that findings are counted, that memory is bounded, and that what is not named is counted too."""

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
