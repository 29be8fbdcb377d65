"""Tests that the last published version of an object is the newest that was asked for."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.fetcher.newest_wins import Key, NewestWins

KEYS: list[Key] = [("pagerduty.raw.incidents", b"P1"), ("pagerduty.raw.incidents", b"P2")]
START = datetime(2026, 6, 1, tzinfo=UTC)


def at(tick: int) -> datetime:
    return START + timedelta(seconds=tick)


@dataclass(frozen=True)
class Flight:
    """A request: begun, answered as of `asked`, published; all in ticks."""

    begun: int
    asked: int
    published: int
    keys: tuple[Key, ...]
    single: bool


@st.composite
def flights(draw: st.DrawFn) -> list[Flight]:
    """Draw pages, each object on one of them at most, and any number of requests for single objects."""
    paged = draw(st.sampled_from([[], [KEYS], [KEYS[:1], KEYS[1:]], [KEYS[:1]]]))
    singles = draw(st.lists(st.sampled_from(KEYS), max_size=6))
    shapes = [(tuple(keys), False) for keys in paged] + [((key,), True) for key in singles]
    # Each tick is one step of one flight: begin, ask, publish in this order, else in any.
    steps = draw(st.permutations([number for number in range(len(shapes)) for _ in range(3)]))
    ticks: dict[int, list[int]] = {number: [] for number in range(len(shapes))}
    for tick, number in enumerate(steps):
        ticks[number].append(tick)
    return [
        Flight(ticks[number][0], ticks[number][1], ticks[number][2], keys, single)
        for number, (keys, single) in enumerate(shapes)
    ]


@settings(max_examples=500, deadline=None)
@given(flights())
def test_last_version_published_is_the_newest_asked_for(drawn: list[Flight]) -> None:
    newest, tokens = NewestWins(), {}
    published: dict[Key, list[int]] = {key: [] for key in KEYS}
    for tick in range(3 * len(drawn)):
        for number, flight in enumerate(drawn):
            if flight.begun == tick:
                tokens[number] = (
                    newest.begin_single(flight.keys) if flight.single else newest.begin_page(at(tick))
                )
            if flight.published == tick:
                for key in flight.keys:
                    if newest.admits(key, at(flight.asked)):
                        newest.note(key, at(flight.asked))
                        published[key].append(flight.asked)
                newest.end(tokens[number])
    for key, versions in published.items():
        assert versions == sorted(versions)
        asked = [flight.asked for flight in drawn if key in flight.keys]
        assert versions[-1:] == sorted(asked)[-1:]
    assert len(newest) == 0


def test_live_change_is_forgotten_when_no_older_page_is_in_flight() -> None:
    newest = NewestWins()
    old, young = newest.begin_page(at(0)), newest.begin_page(at(2))
    single = newest.begin_single([KEYS[0]])
    newest.note(KEYS[0], at(1))
    newest.end(single)
    assert (len(newest), newest.admits(KEYS[0], at(0)), newest.admits(KEYS[0], at(2))) == (1, False, True)
    newest.end(old)
    assert len(newest) == 0
    newest.end(young)
    newest.end(young)


def test_pages_alone_leave_nothing_in_memory() -> None:
    newest = NewestWins()
    first, second = newest.begin_page(at(0)), newest.begin_page(at(1))
    newest.note(KEYS[0], at(1))
    newest.note(KEYS[1], at(2))
    assert len(newest) == 0
    newest.end(first)
    newest.end(second)


def test_same_moment_is_not_older() -> None:
    newest = NewestWins()
    newest.begin_page(at(0))
    newest.begin_single([KEYS[0]])
    newest.note(KEYS[0], at(1))
    assert newest.admits(KEYS[0], at(1))
