"""Live deletes are remembered for ten minutes, in little room, and rather too many than too few."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from shared.delete_window import LIMIT_BYTES, OTHERS, WINDOW_MIN, DeleteWindow
from shared.outcome import LiveDelete

NOW = 29_539_440
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)
minutes = st.integers(NOW, NOW + WINDOW_MIN - 1)
windows = st.dictionaries(names, st.dictionaries(minutes, st.integers(1, 10**6), min_size=1), max_size=40)


def window(*deletes: tuple[str, int]) -> DeleteWindow:
    made = DeleteWindow()
    for blueprint, minute in deletes:
        made.add(LiveDelete(blueprint, minute))
    return made


def test_deletes_of_the_last_ten_minutes_are_counted_per_blueprint() -> None:
    made = window(("app", NOW), ("app", NOW + 1), ("team", NOW + 1), ("app", NOW + 9))
    assert [made.number("app", NOW + minute) for minute in (9, 10, 11, 18, 19)] == [3, 2, 1, 1, 0]
    assert made.number("team", NOW + 9) == 1
    assert made.number("other", NOW + 9) == 0


def test_what_is_too_old_is_forgotten_by_the_next_delete() -> None:
    assert window(("app", NOW), ("team", NOW + 5), ("app", NOW + 12)).numbers == {
        "team": {NOW + 5: 1},
        "app": {NOW + 12: 1},
    }


def test_clock_that_ran_far_ahead_does_not_hold_deletes_for_ever() -> None:
    made = window(("app", NOW + 5000))
    assert made.number("app", NOW) == 0
    made.add(LiveDelete("app", NOW))
    assert made.numbers == {"app": {NOW: 1}}


@given(windows)
def test_what_fits_comes_back_as_it_was(numbers: dict[str, dict[int, int]]) -> None:
    texts = DeleteWindow(numbers).texts()
    if OTHERS not in texts:
        assert DeleteWindow.of_texts(texts).numbers == numbers


@given(windows)
def test_little_room_never_makes_a_blueprint_look_emptier(numbers: dict[str, dict[int, int]]) -> None:
    written = DeleteWindow(numbers)
    texts = written.texts()
    assert len(orjson.dumps(texts)) <= LIMIT_BYTES
    read = DeleteWindow.of_texts(texts)
    for blueprint in numbers:
        for minute in range(NOW, NOW + 2 * WINDOW_MIN):
            assert read.number(blueprint, minute) >= written.number(blueprint, minute)


@given(st.dictionaries(names, st.lists(st.integers(0, 10**400), max_size=30), max_size=10))
def test_any_numbers_of_others_can_be_read_and_written_again(lists: dict[str, list[int]]) -> None:
    texts = DeleteWindow.of_texts(lists).texts()
    assert DeleteWindow.of_texts(texts).texts() == texts
